//! What is chosen by `/set` and its like, read; what comes of it is the same for every face.

use super::{Local, Parsed, Refused, Spec, group, inside, missing, needed, refused};
use crate::proto::command::Who;
use crate::proto::id::GroupName;

/// Something that is asked about, or chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Tell the options with that in their name or meaning; all for an empty one.
    Options(String),
    Set {
        key: String,
        value: String,
    },
    /// Back to what it is for those who never chose.
    Unset(String),
    Toggle(String),
    Aliases,
    Alias {
        name: String,
        line: String,
    },
    Unalias(String),
    /// Tell what keys do: one, those with a word in them, or all.
    Keys(String),
    Bind {
        keys: String,
        what: String,
    },
    Unbind(String),
    Ignored,
    /// For good, or for so many minutes.
    Ignore(Who, Option<u32>),
    Unignore(Who),
    /// Take no private talks from people who share no group with us, or take them again.
    Shun(bool),
    /// Tell which lines of a group call us, and of all others.
    Levels,
    /// Which lines call us: of a group, or of all that were not chosen for.
    Notify {
        group: Option<GroupName>,
        level: String,
    },
    Words,
    Highlight(String),
    Dehighlight(String),
}

/// How people are called who share no group with us, where whom to ignore is told: they write in private alone.
const STRANGERS: &str = "dm";

pub(super) fn chosen(choice: Choice) -> Result<Parsed, Refused> {
    Ok(Parsed::Local(Local::Choose(choice)))
}

/// `/set`, `/set part`, `/set key value`, `/set key = value`.
pub(super) fn set(rest: &str) -> Result<Parsed, Refused> {
    let (key, value) = two(rest);
    let value = value.strip_prefix('=').map_or(value, str::trim_start);
    if value.is_empty() {
        return chosen(Choice::Options(key.to_owned()));
    }
    chosen(Choice::Set {
        key: key.to_owned(),
        value: value.to_owned(),
    })
}

/// `/alias`, `/alias wave /me waves`; the `add` and `del` of weechat and the `-` of irssi are understood.
pub(super) fn alias(rest: &str) -> Result<Parsed, Refused> {
    let rest = rest.strip_prefix("add ").map_or(rest, str::trim_start);
    if let Some(name) = rest.strip_prefix("del ").or_else(|| rest.strip_prefix('-')) {
        return chosen(Choice::Unalias(bare(name)));
    }
    let (name, line) = two(rest);
    match (bare(name), line) {
        (name, "") if name.is_empty() || name == "list" => chosen(Choice::Aliases),
        (name, "") => Err(refused(
            "no alias",
            &format!(
                "what /{} stands for is missing",
                crate::sanitize::name(&name)
            ),
            "/alias wave /me waves",
        )),
        (name, line) => {
            super::alias::check_name(&name)?;
            let line = if line.starts_with('/') {
                line.to_owned()
            } else {
                format!("/{line}")
            };
            chosen(Choice::Alias { name, line })
        }
    }
}

pub(super) fn unalias(spec: &Spec, rest: &str) -> Result<Parsed, Refused> {
    chosen(Choice::Unalias(bare(needed(spec, rest)?)))
}

/// `/bind`, `/bind ctrl-x`, `/bind alt-w /wave`.
pub(super) fn bind(rest: &str) -> Result<Parsed, Refused> {
    let rest = rest.strip_prefix("bind ").map_or(rest, str::trim_start);
    if let Some(keys) = rest.strip_prefix("-delete ") {
        return chosen(Choice::Unbind(keys.trim().to_owned()));
    }
    let (keys, what) = two(rest);
    let keys = keys.to_owned();
    if what.is_empty() {
        return chosen(Choice::Keys(keys));
    }
    let what = what.to_owned();
    chosen(Choice::Bind { keys, what })
}

/// `/ignore`, `/ignore bob`, `/ignore bob for 1h`; the `list`, `add` and `del` of weechat are understood.
pub(super) fn ignore(spec: &Spec, rest: &str) -> Result<Parsed, Refused> {
    let (word, more) = two(rest);
    match (word, more) {
        ("" | "list", _) => chosen(Choice::Ignored),
        (STRANGERS, "") => chosen(Choice::Shun(true)),
        ("add", whom) if !whom.is_empty() => {
            let (whom, span) = two(whom);
            ignore_for(spec, whom, span)
        }
        ("del", whom) if !whom.is_empty() => unignore(spec, whom),
        (whom, span) => ignore_for(spec, whom, span),
    }
}

fn ignore_for(spec: &Spec, whom: &str, span: &str) -> Result<Parsed, Refused> {
    let whom = who(spec, whom)?;
    let span = span.strip_prefix("for ").unwrap_or(span);
    let minutes = match span.trim() {
        "" => None,
        span => Some(minutes(span).ok_or_else(|| {
            let why = format!("{} is no time", crate::sanitize::name(span));
            refused("nobody ignored", &why, "/ignore NICK for 30m, 1h, 2d or 1w")
        })?),
    };
    chosen(Choice::Ignore(whom, minutes))
}

/// A span of time as people write it, in minutes; a year at most.
fn minutes(span: &str) -> Option<u32> {
    const YEAR: u32 = 366 * 24 * 60;
    let split = span.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = span.split_at(split);
    let each = match unit.trim().to_lowercase().as_str() {
        "m" | "min" | "minute" | "minutes" => 1,
        "h" | "hour" | "hours" => 60,
        "d" | "day" | "days" => 24 * 60,
        "w" | "week" | "weeks" => 7 * 24 * 60,
        _ => return None,
    };
    let minutes = count.parse::<u32>().ok()?.checked_mul(each)?;
    (1..=YEAR).contains(&minutes).then_some(minutes)
}

pub(super) fn unignore(spec: &Spec, rest: &str) -> Result<Parsed, Refused> {
    if rest == STRANGERS {
        return chosen(Choice::Shun(false));
    }
    chosen(Choice::Unignore(who(spec, needed(spec, rest)?)?))
}

/// `/notify`, `/notify all` here, `/notify #group none`, `/notify * mentions` everywhere else.
pub(super) fn notify(spec: &Spec, rest: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    let (first, second) = two(rest);
    let (named, level) = match (first, second) {
        ("", _) => return chosen(Choice::Levels),
        ("*", level) => (None, level),
        (name, level) if name.starts_with('#') => (Some(group(name)?), level),
        (level, "") => (Some(inside(spec, here)?), level),
        (..) => return Err(missing(spec)),
    };
    if level.is_empty() {
        return Err(missing(spec));
    }
    chosen(Choice::Notify {
        group: named,
        level: level.to_owned(),
    })
}

pub(super) fn highlight(rest: &str) -> Result<Parsed, Refused> {
    match rest {
        "" => chosen(Choice::Words),
        word => chosen(Choice::Highlight(word.to_owned())),
    }
}

fn who(spec: &Spec, text: &str) -> Result<Who, Refused> {
    Who::parse(text.trim()).map_err(|why| {
        let what = format!("/{} did nothing", spec.name);
        refused(&what, &why.to_string(), "a nick as /names tells it")
    })
}

fn two(text: &str) -> (&str, &str) {
    let (first, second) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (first, second.trim())
}

fn bare(name: &str) -> String {
    name.trim().trim_start_matches('/').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Choice> {
        let here = GroupName::parse("#hearth").unwrap();
        match super::super::parse(line, Some(&here)) {
            Ok(Parsed::Local(Local::Choose(choice))) => Some(choice),
            Ok(_) | Err(_) => None,
        }
    }

    #[test]
    fn what_weechat_and_irssi_users_type_is_understood() {
        let hearth = || GroupName::parse("#hearth").ok();
        let text = str::to_owned;
        let bob = || Who::parse("bob").unwrap();
        let alias = |name: &str, line: &str| Choice::Alias {
            name: text(name),
            line: text(line),
        };
        let notify = |group, level: &str| Choice::Notify {
            group,
            level: text(level),
        };
        for (line, expected) in [
            ("/set", Choice::Options(text(""))),
            ("/set clo", Choice::Options(text("clo"))),
            (
                "/set clock 12h",
                Choice::Set {
                    key: text("clock"),
                    value: text("12h"),
                },
            ),
            (
                "/set clock = 12h",
                Choice::Set {
                    key: text("clock"),
                    value: text("12h"),
                },
            ),
            ("/unset clock", Choice::Unset(text("clock"))),
            ("/toggle lan", Choice::Toggle(text("lan"))),
            ("/alias", Choice::Aliases),
            ("/alias wave /me waves", alias("wave", "/me waves")),
            ("/alias add /wave me waves", alias("wave", "/me waves")),
            ("/alias -wave", Choice::Unalias(text("wave"))),
            ("/alias del wave", Choice::Unalias(text("wave"))),
            ("/bind", Choice::Keys(text(""))),
            (
                "/bind alt-w /wave bob",
                Choice::Bind {
                    keys: text("alt-w"),
                    what: text("/wave bob"),
                },
            ),
            (
                "/key bind alt-w /wave",
                Choice::Bind {
                    keys: text("alt-w"),
                    what: text("/wave"),
                },
            ),
            ("/bind -delete alt-w", Choice::Unbind(text("alt-w"))),
            ("/ignore", Choice::Ignored),
            ("/ignore list", Choice::Ignored),
            ("/ignore bob", Choice::Ignore(bob(), None)),
            ("/ignore add bob", Choice::Ignore(bob(), None)),
            ("/ignore bob for 1h", Choice::Ignore(bob(), Some(60))),
            (
                "/ignore bob for 30 minutes",
                Choice::Ignore(bob(), Some(30)),
            ),
            ("/ignore bob 1w", Choice::Ignore(bob(), Some(7 * 24 * 60))),
            (
                "/ignore add bob for 2d",
                Choice::Ignore(bob(), Some(2 * 24 * 60)),
            ),
            ("/unignore bob", Choice::Unignore(bob())),
            ("/ignore dm", Choice::Shun(true)),
            ("/unignore dm", Choice::Shun(false)),
            ("/ignore del dm", Choice::Shun(false)),
            ("/notify", Choice::Levels),
            ("/notify off", notify(hearth(), "off")),
            ("/notify #hearth all", notify(hearth(), "all")),
            ("/notify * none", notify(None, "none")),
            ("/mute", notify(hearth(), "none")),
            ("/hl kettle", Choice::Highlight(text("kettle"))),
            ("/dehilight kettle", Choice::Dehighlight(text("kettle"))),
        ] {
            assert_eq!(read(line), Some(expected), "{line}");
        }
        for line in [
            "/alias wave",
            "/alias quit /say no",
            "/ignore a,b",
            "/ignore bob for ever",
            "/ignore bob for 0m",
            "/ignore bob for 99999999999h",
            "/ignore bob for 400d",
            "/notify a b",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
