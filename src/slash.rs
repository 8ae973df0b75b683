//! What a person types, read: `/join #hearth`, `/me waves`, or just a line. The same for every face.
//!
//! An unknown command is never sent as text, and neither is a line that merely looks like one.

mod alias;
mod choice;
mod promises;
pub mod query;
mod table;
pub mod when;

use crate::proto::command::{Asking, Chart, Command, Who};
use crate::proto::id::{GroupName, NameError, Nick};
use crate::proto::invite::Invite;
use crate::proto::limits::{TEXT_SIZE_MAX, TOPIC_SIZE_MAX};
use crate::proto::past::Query;
use crate::proto::rules::Matter;
use crate::proto::ruling::{Mode, Ruling};

pub use alias::expand;
pub use choice::Choice;
pub(crate) use promises::promises;
use table::Verb;
pub use table::{SPECS, Spec, find, nearest};
use when::When;

/// What a typed line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// An empty line.
    Nothing,
    /// To be sent to the client, in this order.
    Commands(Vec<Command>),
    /// For the face itself.
    Local(Local),
}

/// What a face does by itself; one without a screen says that it has no such thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Local {
    Help(About),
    /// Name the themes, or switch to one.
    Theme(Option<String>),
    /// Empty the view of the log; nothing is forgotten.
    Clear,
    /// Close the window; a group is left.
    Close,
    Window(To),
    Choose(Choice),
    /// Be away, for a reason, or be back.
    Away(Option<String>),
    /// Tell where what was chosen is kept.
    Save,
    /// Read the configuration again.
    Reload,
    /// Find a command, a key or an option.
    Palette,
    /// Tell which version this is.
    Version,
    /// Say lines again that came to nothing.
    Resend(Which),
    /// Forget lines that came to nothing, or take back such as wait.
    Drop(Which),
    /// Come into the group that we were invited to last.
    Accept,
    /// Look for something in what is stored, written like this.
    Search(String, Query),
    /// Who keeps a group, and who is next.
    Host(GroupName),
    /// What others said to us, anywhere.
    Mentions,
    /// Show the log as it was at a moment.
    Goto(When),
}

/// What help is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    Everything,
    Command(&'static Spec),
    /// No command: an option or a key, if it is one; else this is what to say.
    Other(String, Refused),
}

/// Which window is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Let the person choose.
    Choose,
    /// By its number or (part of) its name.
    Named(String),
    /// So many further, or back.
    Step(isize),
    /// The one that was in view before.
    Last,
    /// The one where something happened.
    Active,
    /// Tell them all.
    List,
    /// Give the one in view another number.
    Move(usize),
}

/// Which of our lines that are not in the log are meant, the newest being number 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Number(usize),
    All,
}

impl Which {
    /// Those that are meant of `lines`, which are newest first; the oldest of them first.
    pub fn of<T: Clone>(self, lines: &[T]) -> Vec<T> {
        match self {
            Self::All => lines.iter().rev().cloned().collect(),
            Self::Number(number) => {
                let index = number.checked_sub(1);
                let line = index.and_then(|index| lines.get(index));
                line.cloned().into_iter().collect()
            }
        }
    }
}

/// Why a line was not taken, in the three parts every error here has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}; {try_}")]
pub struct Refused {
    pub what: String,
    pub why: String,
    pub try_: String,
}

/// Reads a typed line, where `here` is the group it was typed in.
///
/// # Errors
/// [`Refused`] with what to try, if the line is not to be taken as it stands.
pub fn parse(typed: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    let line = typed.trim_end();
    if line.trim_start().is_empty() {
        return Ok(Parsed::Nothing);
    }
    if let Some(literal) = line.strip_prefix("//") {
        return say(&format!("/{literal}"), here);
    }
    let Some(command) = line.strip_prefix('/') else {
        if line.trim_start().starts_with('/') {
            return Err(refused(
                "not sent",
                "it looks like a command behind blanks",
                "remove the blanks, or write // to say it",
            ));
        }
        return say(line, here);
    };
    let (name, rest) = match command.split_once(char::is_whitespace) {
        Some((name, rest)) => (name, rest.trim_start()),
        None => (command, ""),
    };
    run(find(name)?, rest, here)
}

fn local(local: Local) -> Result<Parsed, Refused> {
    Ok(Parsed::Local(local))
}

/// Takes a line as text, whatever it begins with: what was pasted is never a command.
///
/// # Errors
/// [`Refused`] outside of a group, or if the text is too long.
pub fn say(text: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    let group = here.cloned().ok_or_else(|| {
        refused(
            "not sent",
            "this window is not a group",
            "/join #name first, or /msg #name text",
        )
    })?;
    let text = text.to_owned();
    bounded("not sent", &text, TEXT_SIZE_MAX)?;
    one(Command::Say { group, text })
}

fn run(spec: &'static Spec, rest: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    match spec.verb {
        Verb::Join => join(spec, rest),
        Verb::Invite => invite(spec, rest, here),
        Verb::Accept => local(Local::Accept),
        Verb::Part => part(rest, here),
        Verb::Msg => msg(spec, rest, here),
        Verb::Query => query(spec, rest, here),
        Verb::Whois => whois(spec, rest, here),
        Verb::Verify => verify(spec, rest, here),
        Verb::Say => say(needed(spec, rest)?, here),
        Verb::Act => {
            let text = needed(spec, rest)?.to_owned();
            bounded("not sent", &text, TEXT_SIZE_MAX)?;
            one(Command::Act {
                group: inside(spec, here)?,
                text,
            })
        }
        Verb::Nick => {
            let nick = Nick::parse(needed(spec, rest)?)
                .map_err(|why| refused("no new nick", &why.to_string(), "/nick anna"))?;
            one(Command::Nick { nick })
        }
        Verb::Topic => topic(spec, rest, here),
        Verb::Op => rule(spec, rest, here, |member, _| Ruling::Op { member }),
        Verb::Deop => rule(spec, rest, here, |member, _| Ruling::Deop { member }),
        Verb::Kick => rule(spec, rest, here, |member, why| Ruling::Kick { member, why }),
        Verb::Ban if rest.is_empty() => rules(spec, rest, here, Matter::Bans),
        Verb::Ban => rule(spec, rest, here, |member, _| Ruling::Ban { member }),
        Verb::Unban => rule(spec, rest, here, |member, _| Ruling::Unban { member }),
        Verb::Bans => rules(spec, rest, here, Matter::Bans),
        Verb::Feed => feed(spec, rest, here),
        Verb::Mode if rest.is_empty() => rules(spec, rest, here, Matter::Modes),
        Verb::Mode => modes(spec, rest, here),
        Verb::Names => {
            let group = if rest.is_empty() {
                inside(spec, here)?
            } else {
                group(rest)?
            };
            one(Command::Names { group })
        }
        Verb::Host => local(Local::Host(kept(spec, rest, here)?)),
        Verb::Ring => {
            let of = match rest.trim() {
                "" => here.cloned(),
                name => Some(group(name)?),
            };
            let chart = Chart::Ring(of);
            one(Command::Chart { chart })
        }
        Verb::Net => one(Command::Chart {
            chart: Chart::Nodes,
        }),
        Verb::Path => reach(spec, rest, here, Asking::Path),
        Verb::Ping => reach(spec, rest, here, Asking::Ping),
        Verb::Quit => {
            bounded("not left", rest, TOPIC_SIZE_MAX)?;
            one(Command::Quit {
                why: rest.to_owned(),
            })
        }
        Verb::Help => local(Local::Help(about(rest))),
        Verb::Theme => {
            let name = Some(rest.to_owned()).filter(|name| !name.is_empty());
            Ok(Parsed::Local(Local::Theme(name)))
        }
        Verb::Resend => Ok(Parsed::Local(Local::Resend(which(spec, rest)?))),
        Verb::Drop => Ok(Parsed::Local(Local::Drop(which(spec, rest)?))),
        Verb::Window => window(spec, rest),
        Verb::Clear => local(Local::Clear),
        Verb::Close => local(Local::Close),
        Verb::Set => choice::set(rest),
        Verb::Unset => choice::chosen(Choice::Unset(needed(spec, rest)?.to_owned())),
        Verb::Toggle => choice::chosen(Choice::Toggle(needed(spec, rest)?.to_owned())),
        Verb::Alias => choice::alias(rest),
        Verb::Unalias => choice::unalias(spec, rest),
        Verb::Bind => choice::bind(rest),
        Verb::Unbind => choice::chosen(Choice::Unbind(needed(spec, rest)?.to_owned())),
        Verb::Ignore => choice::ignore(spec, rest),
        Verb::Unignore => choice::unignore(spec, rest),
        Verb::Notify => choice::notify(spec, rest, here),
        Verb::Mute => choice::notify(spec, format!("{rest} none").trim(), here),
        Verb::Highlight => choice::highlight(rest),
        Verb::Dehighlight => choice::chosen(Choice::Dehighlight(needed(spec, rest)?.to_owned())),
        Verb::Away => local(Local::Away(Some(rest.to_owned()))),
        Verb::Back => local(Local::Away(None)),
        Verb::Save => local(Local::Save),
        Verb::Reload => local(Local::Reload),
        Verb::Palette => local(Local::Palette),
        Verb::Version => local(Local::Version),
        Verb::Search => {
            let typed = needed(spec, rest)?;
            let query = query::read(typed, here)?;
            Ok(Parsed::Local(Local::Search(typed.to_owned(), query)))
        }
        Verb::Lastlog => lastlog(spec, rest, here),
        Verb::Mentions => local(Local::Mentions),
        Verb::Goto => {
            inside(spec, here)?;
            let when = When::parse(needed(spec, rest)?)?;
            Ok(Parsed::Local(Local::Goto(when)))
        }
    }
}

fn about(rest: &str) -> About {
    match rest.trim_start_matches('/') {
        "" => About::Everything,
        name => match find(name) {
            Ok(spec) => About::Command(spec),
            Err(refused) => About::Other(rest.to_owned(), refused),
        },
    }
}

/// Reads which window is meant, as weechat's `/buffer` and irssi's `/window` write it.
fn window(spec: &Spec, rest: &str) -> Result<Parsed, Refused> {
    let lower = rest.to_lowercase();
    let (word, more) = lower
        .split_once(char::is_whitespace)
        .unwrap_or((&lower, ""));
    let to = match (word, more.trim()) {
        ("", _) => To::Choose,
        ("goto", "active") | ("active", "") => To::Active,
        ("goto", name) if !name.is_empty() => To::Named(name.to_owned()),
        ("next", "") => To::Step(1),
        ("prev" | "previous", "") => To::Step(-1),
        ("last", "") => To::Last,
        ("list", "") => To::List,
        ("close", "") => return local(Local::Close),
        ("move", number) => match number.parse() {
            Ok(number @ 1..) => To::Move(number),
            Ok(0) | Err(_) => return Err(missing(spec)),
        },
        (_, "") => match lower.strip_prefix(['+', '-']).map(str::parse::<isize>) {
            Some(Ok(steps)) if lower.starts_with('+') => To::Step(steps),
            Some(Ok(steps)) => To::Step(-steps),
            Some(Err(_)) | None => To::Named(rest.to_owned()),
        },
        (_, _) => To::Named(rest.to_owned()),
    };
    local(Local::Window(to))
}

/// What a line looks like that may not have been meant to be said: a command that lost its slash, or one behind
/// blanks. Nothing for a line like any other.
#[must_use]
pub fn leak(line: &str) -> Option<String> {
    let bare = line.trim();
    if bare.starts_with('/') && !line.starts_with('/') {
        return Some("a command behind blanks".to_owned());
    }
    let (word, rest) = bare.split_once(char::is_whitespace).unwrap_or((bare, ""));
    let is_command = || SPECS.iter().any(|spec| spec.name == word);
    let is_leak = match (word, rest.trim()) {
        ("quit" | "exit" | ":q" | ":wq" | ":q!" | ":wq!" | "bye", "") => true,
        (_, rest) => rest.starts_with('#') && is_command(),
    };
    is_leak.then(|| format!("the command /{}", word.trim_start_matches(':')))
}

fn join(spec: &Spec, rest: &str) -> Result<Parsed, Refused> {
    let Some(names) = rest.split_whitespace().next() else {
        return local(Local::Accept);
    };
    if names.contains("://") {
        let invite = Invite::parse(names)
            .map_err(|why| refused("not joined", &why.to_string(), "ask for the link again"))?;
        let invite = Box::new(invite);
        return one(Command::Accept { invite });
    }
    let commands = names
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| group(name).map(|group| Command::Join { group }))
        .collect::<Result<Vec<_>, _>>()?;
    if commands.is_empty() {
        return Err(missing(spec));
    }
    Ok(Parsed::Commands(commands))
}

/// Reads who is sent an invitation to this group, if anybody is.
fn invite(spec: &Spec, rest: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    let group = kept(spec, "", here)?;
    let (who, drawn) = match rest.trim() {
        "" => (None, false),
        "-qr" => (None, true),
        who => (Some(whoever(spec, who)?), false),
    };
    one(Command::Invite { group, who, drawn })
}

fn part(rest: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    let (named, why) = if rest.starts_with('#') {
        let (name, why) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        (Some(group(name)?), why.trim_start())
    } else {
        (here.cloned(), rest)
    };
    let group = named
        .ok_or_else(|| refused("nothing left", "this window is not a group", "/part #group"))?;
    bounded("not left", why, TOPIC_SIZE_MAX)?;
    one(Command::Part {
        group,
        why: why.to_owned(),
    })
}

/// Reads who is talked to, in a group or in private, and what is said.
fn msg(spec: &Spec, rest: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    let (target, text) = rest
        .split_once(char::is_whitespace)
        .ok_or_else(|| missing(spec))?;
    let text = text.trim_start();
    if text.is_empty() {
        return Err(missing(spec));
    }
    if target.starts_with('#') {
        return say(text, Some(&group(target)?));
    }
    private(spec, target, Some(text), here, false)
}

fn query(spec: &Spec, rest: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    let rest = needed(spec, rest)?;
    let (target, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let text = Some(text.trim_start()).filter(|text| !text.is_empty());
    private(spec, target, text, here, true)
}

fn private(
    spec: &Spec,
    target: &str,
    text: Option<&str>,
    here: Option<&GroupName>,
    is_front: bool,
) -> Result<Parsed, Refused> {
    bounded("not sent", text.unwrap_or_default(), TEXT_SIZE_MAX)?;
    one(Command::Query {
        who: whoever(spec, target)?,
        near: here.cloned(),
        text: text.map(str::to_owned),
        is_front,
    })
}

/// Reads who is asked about: if nobody is named, in a private talk the other one, and else who asks.
fn whois(spec: &Spec, rest: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    let who = match (rest.trim(), here.and_then(GroupName::person)) {
        ("", person) => person.map(Who::Key),
        (who, _) => Some(whoever(spec, who)?),
    };
    let near = here.cloned();
    one(Command::Whois { who, near })
}

/// Reads whose key is compared, in a private talk the other one's, and what came of it.
fn verify(spec: &Spec, rest: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    let other = here.and_then(GroupName::person).map(Who::Key);
    let (who, word) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (who, word) = match (who, other) {
        ("" | "yes" | "no", Some(other)) => (other, who),
        (who, _) => (whoever(spec, needed(spec, who)?)?, word.trim()),
    };
    let came_of_it = match word.to_lowercase().as_str() {
        "" => None,
        "yes" => Some(true),
        "no" => Some(false),
        _ => return Err(missing(spec)),
    };
    let near = here.cloned();
    one(Command::Verify {
        who,
        near,
        came_of_it,
    })
}

fn topic(spec: &Spec, rest: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    let group = inside(spec, here)?;
    let text = match needed(spec, rest)? {
        "-delete" => "",
        text => text,
    };
    bounded("no new topic", text, TOPIC_SIZE_MAX)?;
    one(Command::Topic {
        group,
        text: text.to_owned(),
    })
}

/// Reads whom a decision is about, and, behind that, the reason.
fn rule(
    spec: &Spec,
    rest: &str,
    here: Option<&GroupName>,
    ruling: impl FnOnce(Who, String) -> Ruling<Who>,
) -> Result<Parsed, Refused> {
    let group = inside(spec, here)?;
    let rest = needed(spec, rest)?;
    let (who, why) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let who = whoever(spec, who)?;
    let why = why.trim_start();
    bounded("nothing decided", why, TOPIC_SIZE_MAX)?;
    let ruling = ruling(who, why.to_owned());
    one(Command::Rule { group, ruling })
}

/// Reads about which group it is asked what holds there.
fn rules(
    spec: &Spec,
    rest: &str,
    here: Option<&GroupName>,
    matter: Matter,
) -> Result<Parsed, Refused> {
    let group = kept(spec, rest, here)?;
    one(Command::Rules { group, matter })
}

/// Reads whether a group is to be a feed; without a word, it is asked whether it is one.
fn feed(spec: &Spec, rest: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    let on = match rest.trim().to_lowercase().as_str() {
        "" => return rules(spec, rest, here, Matter::Modes),
        "on" => true,
        "off" => false,
        _ => return Err(missing(spec)),
    };
    let mode = Mode::Moderated;
    let (group, ruling) = (kept(spec, "", here)?, Ruling::Mode { mode, on });
    one(Command::Rule { group, ruling })
}

fn reach(
    spec: &Spec,
    rest: &str,
    here: Option<&GroupName>,
    asking: Asking,
) -> Result<Parsed, Refused> {
    let group = inside(spec, here)?;
    let who = match rest.trim() {
        "" => None,
        who => Some(whoever(spec, who)?),
    };
    one(Command::Reach { group, who, asking })
}

/// Reads which group is asked about, of those that somebody keeps.
fn kept(spec: &Spec, rest: &str, here: Option<&GroupName>) -> Result<GroupName, Refused> {
    let group = match rest.trim() {
        "" => inside(spec, here)?,
        name => group(name)?,
    };
    if group.person().is_some() {
        return Err(refused(
            &format!("/{} did nothing", spec.name),
            "a private talk is kept by the two who talk",
            "/whois tells where the other one is",
        ));
    }
    Ok(group)
}

fn whoever(spec: &Spec, who: &str) -> Result<Who, Refused> {
    Who::parse(who).map_err(|why| {
        let what = format!("/{} did nothing", spec.name);
        refused(&what, &why.to_string(), "a nick as /names tells it")
    })
}

/// Reads modes as IRC writes them: signs and letters, as in `+t-m`.
fn modes(spec: &Spec, rest: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    let group = inside(spec, here)?;
    let mut on = true;
    let mut commands = Vec::new();
    for letter in needed(spec, rest)?.chars() {
        match letter {
            '+' => on = true,
            '-' => on = false,
            letter => {
                let mode = Mode::of_letter(letter).ok_or_else(|| {
                    let why = format!("there is no mode {}", crate::sanitize::name(rest));
                    refused("nothing decided", &why, "/mode +t, -t, +m or -m")
                })?;
                commands.push(Command::Rule {
                    group: group.clone(),
                    ruling: Ruling::Mode { mode, on },
                });
            }
        }
    }
    if commands.is_empty() {
        return Err(missing(spec));
    }
    Ok(Parsed::Commands(commands))
}

/// Reads what is looked for in this group alone: words, or a pattern, as irssi has it.
fn lastlog(spec: &Spec, rest: &str, here: Option<&GroupName>) -> Result<Parsed, Refused> {
    let group = inside(spec, here)?;
    let rest = needed(spec, rest)?;
    let pattern = ["-regexp ", "-re "]
        .iter()
        .find_map(|flag| rest.strip_prefix(flag));
    let query = match pattern {
        Some(pattern) => query::pattern(pattern.trim_start(), here)?,
        None => query::read(rest, here)?,
    };
    let (typed, query) = match query {
        Query::Words(mut words) => {
            let typed = format!("{rest} in:{group}");
            words.group = Some(group);
            (typed, Query::Words(words))
        }
        query @ Query::Pattern { .. } => {
            let pattern = pattern.map(|pattern| format!("/{}/", pattern.trim_start()));
            (pattern.unwrap_or_else(|| rest.to_owned()), query)
        }
    };
    Ok(Parsed::Local(Local::Search(typed, query)))
}

fn which(spec: &Spec, rest: &str) -> Result<Which, Refused> {
    match rest {
        "" => Ok(Which::Number(1)),
        "all" => Ok(Which::All),
        number => match number.trim_start_matches('#').parse() {
            Ok(number @ 1..) => Ok(Which::Number(number)),
            Ok(0) | Err(_) => Err(refused(
                &format!("/{} did nothing", spec.name),
                &format!("{} is no number", crate::sanitize::name(number)),
                &format!("/{} {}", spec.name, spec.syntax),
            )),
        },
    }
}

/// What to say to somebody whom nobody has invited.
#[must_use]
pub fn uninvited() -> Refused {
    refused(
        "not joined",
        "nobody has invited you since you started",
        "/join #group, or /join and the link",
    )
}

/// What to say to somebody who has no line to send again.
#[must_use]
pub fn nothing_unsent() -> Refused {
    refused(
        "nothing done",
        "no line of yours here is like that",
        "a line that was not sent is marked, the newest being number 1",
    )
}

/// Reads a group's name; the `#` may be left out.
fn group(name: &str) -> Result<GroupName, Refused> {
    let parsed = match GroupName::parse(name) {
        Err(NameError::NoHash) => GroupName::parse(&format!("#{name}")),
        other @ (Ok(_) | Err(_)) => other,
    };
    let shown = crate::sanitize::name(name);
    parsed.map_err(|why| {
        refused(
            &format!("{shown} is not a group"),
            &why.to_string(),
            "a name like #hearth",
        )
    })
}

fn inside(spec: &Spec, here: Option<&GroupName>) -> Result<GroupName, Refused> {
    here.cloned().ok_or_else(|| {
        refused(
            &format!("/{} did nothing", spec.name),
            "this window is not a group",
            "go to one first (Ctrl-N), or /join #name",
        )
    })
}

fn needed<'a>(spec: &Spec, rest: &'a str) -> Result<&'a str, Refused> {
    if rest.is_empty() {
        Err(missing(spec))
    } else {
        Ok(rest)
    }
}

fn missing(spec: &Spec) -> Refused {
    refused(
        &format!("/{} did nothing", spec.name),
        "something is missing",
        &format!("/{} {}", spec.name, spec.syntax),
    )
}

fn bounded(what: &str, text: &str, size_max: usize) -> Result<(), Refused> {
    if text.len() > size_max {
        let why = format!("it has {} bytes, {size_max} are possible", text.len());
        return Err(refused(what, &why, "cut it in two"));
    }
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the last word of every branch of a reader that may refuse"
)]
fn one(command: Command) -> Result<Parsed, Refused> {
    Ok(Parsed::Commands(vec![command]))
}

fn refused(what: &str, why: &str, try_: &str) -> Refused {
    Refused {
        what: what.to_owned(),
        why: why.to_owned(),
        try_: try_.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hearth() -> GroupName {
        GroupName::parse("#hearth").unwrap()
    }

    fn here(line: &str) -> Result<Parsed, Refused> {
        parse(line, Some(&hearth()))
    }

    fn said(text: &str) -> Result<Parsed, Refused> {
        one(Command::Say {
            group: hearth(),
            text: text.to_owned(),
        })
    }

    #[test]
    fn a_line_is_text_and_a_slash_begins_a_command() {
        assert_eq!(here("hello there"), said("hello there"));
        assert_eq!(here("  two blanks"), said("  two blanks"));
        assert_eq!(here("//etc/hosts"), said("/etc/hosts"));
        assert_eq!(here("/say /quit"), said("/quit"));
        assert_eq!(here("   "), Ok(Parsed::Nothing));
        assert_eq!(
            here("/ME waves"),
            one(Command::Act {
                group: hearth(),
                text: "waves".to_owned()
            })
        );
    }

    #[test]
    fn joins_take_lists_and_forgive_a_missing_hash() {
        let join = |name: &str| Command::Join {
            group: GroupName::parse(name).unwrap(),
        };
        assert_eq!(here("/j erlang"), one(join("#erlang")));
        assert_eq!(
            parse("/join #a,b,#C key", None),
            Ok(Parsed::Commands(vec![join("#a"), join("#b"), join("#c")]))
        );
        assert!(here("/join ,").is_err());
        assert!(here("/join #a\u{202e}b").is_err());
    }

    #[test]
    fn what_looks_like_a_command_is_not_said_by_accident() {
        assert!(here(" /msg #a secret").is_err());
    }

    #[test]
    fn the_mesh_and_the_line_of_hosts_can_be_asked_for_from_anywhere() {
        let ring = |group: Option<GroupName>| {
            let chart = Chart::Ring(group);
            one(Command::Chart { chart })
        };
        let nodes = one(Command::Chart {
            chart: Chart::Nodes,
        });
        let den = || GroupName::parse("#den").unwrap();
        let person = GroupName::of_person(&crate::proto::id::NodeId([7; 32]));
        assert_eq!(here("/ring"), ring(Some(hearth())));
        assert_eq!(here("/ring #den"), ring(Some(den())));
        assert_eq!(parse("/map", None), ring(None));
        assert_eq!(parse("/net", None), nodes);
        assert_eq!(here("/host"), local(Local::Host(hearth())));
        assert_eq!(parse("/heirs #den", None), local(Local::Host(den())));
        let names = Command::Names { group: hearth() };
        assert_eq!(here("/who"), one(names));
        assert!(parse("/host", None).is_err());
        let private = parse("/host", Some(&person)).unwrap_err();
        assert_eq!(private.why, "a private talk is kept by the two who talk");
    }

    #[test]
    fn private_talk_is_with_a_nick_or_a_key() {
        let query = |who: &str, text: Option<&str>, is_front| {
            one(Command::Query {
                who: Who::parse(who).unwrap(),
                near: Some(hearth()),
                text: text.map(str::to_owned),
                is_front,
            })
        };
        let key = crate::proto::id::NodeId([7; 32]);
        assert_eq!(
            here("/msg bob hello  you"),
            query("bob", Some("hello  you"), false)
        );
        assert_eq!(here("/query bob"), query("bob", None, true));
        assert_eq!(here("/dm bob hello"), query("bob", Some("hello"), true));
        let by_key = key.to_string();
        assert_eq!(here(&format!("/query {key}")), query(&by_key, None, true));
        for line in ["/query", "/msg bob", "/msg bob  ", "/query @bob"] {
            assert!(here(line).is_err(), "{line}");
        }
        let talk = GroupName::of_person(&key);
        assert_eq!(
            parse("/whois", Some(&talk)),
            one(Command::Whois {
                who: Some(Who::Key(key)),
                near: Some(talk.clone())
            })
        );
        let ourselves = Command::Whois {
            who: None,
            near: None,
        };
        assert_eq!(parse("/whois", None), one(ourselves));
    }

    #[test]
    fn a_line_that_lost_its_slash_is_known() {
        for line in [
            " /msg bob secret",
            "\t/join #a",
            "join #a",
            "part #a",
            "quit",
            ":wq",
            " exit ",
        ] {
            assert!(leak(line).is_some(), "{line:?}");
        }
        for line in [
            "/join #a",
            "//x",
            "join us",
            "quit it",
            "see #a",
            "topic of the day",
            "and/or",
        ] {
            assert_eq!(leak(line), None, "{line:?}");
        }
    }

    #[test]
    fn parting_takes_a_group_and_a_reason_or_neither() {
        let part = |name: &str, why: &str| {
            one(Command::Part {
                group: GroupName::parse(name).unwrap(),
                why: why.to_owned(),
            })
        };
        assert_eq!(here("/part"), part("#hearth", ""));
        assert_eq!(here("/part off to bed"), part("#hearth", "off to bed"));
        assert_eq!(here("/p #other good night"), part("#other", "good night"));
        assert!(parse("/part", None).is_err());
    }

    #[test]
    fn topics_are_set_and_removed_within_their_bound() {
        let topic = |text: &str| {
            one(Command::Topic {
                group: hearth(),
                text: text.to_owned(),
            })
        };
        assert_eq!(here("/t bring wood"), topic("bring wood"));
        assert_eq!(here("/topic -delete"), topic(""));
        assert!(here(&format!("/topic {}", "x".repeat(TOPIC_SIZE_MAX + 1))).is_err());
        assert!(here(&"x".repeat(TEXT_SIZE_MAX + 1)).is_err());
    }

    #[test]
    fn decisions_name_somebody_and_modes_are_written_as_in_irc() {
        let rule = |ruling| Command::Rule {
            group: hearth(),
            ruling,
        };
        let bob = || Who::Nick(Nick::parse("bob").unwrap());
        let kick = |why: &str| Ruling::Kick {
            member: bob(),
            why: why.to_owned(),
        };
        assert_eq!(here("/kick bob"), one(rule(kick(""))));
        assert_eq!(here("/k bob no spam"), one(rule(kick("no spam"))));
        assert_eq!(here("/op bob"), one(rule(Ruling::Op { member: bob() })));
        let key = crate::proto::id::NodeId([7; 32]);
        let member = Who::Key(key);
        assert_eq!(
            here(&format!("/ban {key}")),
            one(rule(Ruling::Ban { member }))
        );
        let mode = |mode, on| rule(Ruling::Mode { mode, on });
        assert_eq!(
            here("/mode +t-m"),
            Ok(Parsed::Commands(vec![
                mode(Mode::TopicLock, true),
                mode(Mode::Moderated, false)
            ]))
        );
        assert_eq!(here("/feed on"), one(mode(Mode::Moderated, true)));
        let told = |matter| {
            one(Command::Rules {
                group: hearth(),
                matter,
            })
        };
        for (line, matter) in [
            ("/feed", Matter::Modes),
            ("/mode", Matter::Modes),
            ("/bans", Matter::Bans),
            ("/ban", Matter::Bans),
        ] {
            assert_eq!(here(line), told(matter), "{line}");
        }
        for line in ["/mode +", "/mode +x", "/kick", "/op #a", "/feed maybe"] {
            assert!(here(line).is_err(), "{line}");
        }
        assert!(parse("/kick bob", None).is_err());
    }

    #[test]
    fn lines_that_came_to_nothing_are_named_by_number() {
        let resend = |which| Ok(Parsed::Local(Local::Resend(which)));
        assert_eq!(here("/resend"), resend(Which::Number(1)));
        assert_eq!(here("/retry 3"), resend(Which::Number(3)));
        assert_eq!(
            here("/drop all"),
            Ok(Parsed::Local(Local::Drop(Which::All)))
        );
        for wrong in ["/resend 0", "/drop x", "/drop -1"] {
            assert!(here(wrong).is_err(), "{wrong}");
        }
        let lines = ["newest", "older", "oldest"];
        assert_eq!(Which::All.of(&lines), ["oldest", "older", "newest"]);
        assert_eq!(Which::Number(2).of(&lines), ["older"]);
        assert!(Which::Number(4).of(&lines).is_empty());
    }

    #[test]
    fn outside_of_a_group_nothing_is_said() {
        for line in ["hello", "/me waves", "/topic x", "/names"] {
            assert!(parse(line, None).is_err(), "{line}");
        }
        assert!(parse("/names #hearth", None).is_ok());
    }

    #[test]
    fn help_and_windows_are_for_the_face() {
        let help = |about| Ok(Parsed::Local(Local::Help(about)));
        assert_eq!(here("/help"), help(About::Everything));
        let join = find("join").unwrap();
        assert_eq!(here("/help /j"), help(About::Command(join)));
        let clock = About::Other("clock".to_owned(), find("clock").unwrap_err());
        assert_eq!(here("/help clock"), help(clock));
        for (line, to) in [
            ("/b 2", To::Named("2".to_owned())),
            ("/window goto hearth", To::Named("hearth".to_owned())),
            ("/window goto active", To::Active),
            ("/buffer +1", To::Step(1)),
            ("/buffer -2", To::Step(-2)),
            ("/win last", To::Last),
            ("/win move 3", To::Move(3)),
            ("/switch", To::Choose),
        ] {
            assert_eq!(here(line), Ok(Parsed::Local(Local::Window(to))), "{line}");
        }
        assert_eq!(
            here("/theme ash"),
            Ok(Parsed::Local(Local::Theme(Some("ash".to_owned()))))
        );
        assert_eq!(here("/clear"), Ok(Parsed::Local(Local::Clear)));
    }
}
