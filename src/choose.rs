//! What comes of `/set`, `/alias`, `/ignore`, `/notify` and their like: the same for every face.
//!
//! A change holds at once; writing it down is the face's, which does not wait for the disk.

use jiff::{SignedDuration, Timestamp};
use toml_edit::{Array, Value};

use crate::config::{
    ALIAS, Change, Choices, IGNORE, Ignored, Kind, Level, NOTIFY_IN, OPTIONS, Spec,
};
use crate::proto::command::{Command, Who};
use crate::proto::id::{GroupName, Nick, NodeId};
use crate::report::Failure;
use crate::sanitize;
use crate::slash::{self, Choice, Refused, nearest};

/// Who is around, as far as the face knows.
pub trait People {
    /// The key of whoever goes by that nick, or did.
    fn key_of(&self, nick: &Nick) -> Option<NodeId>;
    /// What somebody is called.
    fn nick_of(&self, key: &NodeId) -> Option<String>;
    fn is_us(&self, key: &NodeId) -> bool;
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Done {
    /// What to tell, a line each; clean.
    pub told: Vec<String>,
    /// What to write down.
    pub save: Option<Change>,
}

impl Done {
    fn told(lines: &[String]) -> Self {
        let told = lines
            .iter()
            .map(|line| sanitize::line(line).into_owned())
            .collect();
        Self { told, save: None }
    }
}

/// Does what was asked.
///
/// # Errors
/// [`Refused`] with what to try; nothing is changed then.
pub fn choose(
    choices: &mut Choices,
    choice: Choice,
    people: &dyn People,
    now: Timestamp,
) -> Result<Done, Refused> {
    match choice {
        Choice::Options(part) => options(choices, &part).map(|told| Done::told(&told)),
        Choice::Set { key, value } => set(choices, &key, &value),
        Choice::Unset(key) => unset(choices, &key),
        Choice::Toggle(key) => toggle(choices, &key),
        Choice::Aliases => Ok(Done::told(&aliases(choices))),
        Choice::Alias { name, line } => {
            let told = format!("/{name} stands for {line}");
            row(choices, ALIAS, &name, Some(line.into()), told)
        }
        Choice::Unalias(name) => {
            if !choices.options().alias.contains_key(&name) {
                return Err(refused(
                    &format!("no alias {name}"),
                    "there is none",
                    "/alias tells which there are",
                ));
            }
            let told = format!("/{name} stands for nothing any more");
            row(choices, ALIAS, &name, None, told)
        }
        Choice::Keys(_) | Choice::Bind { .. } | Choice::Unbind(_) => Err(refused(
            "nothing done",
            "there is no screen, and so there are no keys",
            "start fireside without --plain or --json for one",
        )),
        Choice::Ignored => Ok(Done::told(&ignored(choices, now))),
        Choice::Ignore(who, minutes) => {
            let span = minutes.map(|minutes| SignedDuration::from_mins(minutes.into()));
            let until = span.and_then(|span| now.checked_add(span).ok());
            ignore(choices, &who, people, until.map(|until| (until, now)))
        }
        Choice::Unignore(who) => unignore(choices, &who, people),
        Choice::Shun(is_shunned) => shun(choices, is_shunned),
        Choice::Levels => Ok(Done::told(&levels(choices))),
        Choice::Notify { group, level } => notify(choices, group.as_ref(), &level),
        Choice::Words => Ok(Done::told(&[words(choices)])),
        Choice::Highlight(word) => highlight(choices, &word, true),
        Choice::Dehighlight(word) => highlight(choices, &word, false),
    }
}

/// Help on an option, or on what a group can promise, in rows; nothing if it is neither.
#[must_use]
pub fn help(choices: &Choices, key: &str) -> Option<String> {
    let key = key.to_lowercase();
    if let Some(promises) = slash::promises(&key) {
        return Some(promises);
    }
    let option = OPTIONS.iter().find(|option| option.key == key)?;
    Some(tell(choices, option))
}

/// Where what was chosen is kept.
#[must_use]
pub fn place(choices: &Choices) -> String {
    match choices.file() {
        Some(file) => format!("what you choose is kept at once, in {}", file.display()),
        None => "what you choose holds until you quit: no configuration file is named".to_owned(),
    }
}

/// Every option with its value, or those with a part in their name or meaning.
fn options(choices: &Choices, part: &str) -> Result<Vec<String>, Refused> {
    let part = part.to_lowercase();
    let is_changed = part == "diff" || part == "changed";
    if let Some(only) = OPTIONS.iter().find(|option| option.key == part) {
        return Ok(vec![tell(choices, only)]);
    }
    let told: Vec<String> = OPTIONS
        .iter()
        .filter(|option| {
            is_changed && choices.chosen(option.key).is_some()
                || option.key.contains(&part)
                || option.help.to_lowercase().contains(&part)
        })
        .map(|option| tell(choices, option))
        .collect();
    if told.is_empty() && is_changed {
        return Ok(vec!["everything is as usual".to_owned()]);
    }
    if told.is_empty() {
        return Err(unknown(&part));
    }
    Ok(told)
}

fn tell(choices: &Choices, option: &Spec) -> String {
    let chosen = choices.chosen(option.key);
    let value = chosen.as_deref().unwrap_or(option.usual);
    let shown = match value {
        "" => "nothing".to_owned(),
        value if value.trim() != value => format!("{value:?}"),
        value => value.to_owned(),
    };
    let usual = if chosen.is_none() { " (usual)" } else { "" };
    let words = match option.kind {
        Kind::Word(words) => format!("; one of {}", words.join(", ")),
        Kind::Truth => "; true or false".to_owned(),
        Kind::Text | Kind::Number | Kind::List => String::new(),
    };
    let start = if option.live {
        ""
    } else {
        "; from the next start on"
    };
    format!(
        "{} = {shown}{usual}: {}{words}{start}",
        option.key, option.help
    )
}

fn find(key: &str) -> Result<&'static Spec, Refused> {
    let key = key.to_lowercase();
    OPTIONS
        .iter()
        .find(|option| option.key == key)
        .ok_or_else(|| unknown(&key))
}

fn unknown(key: &str) -> Refused {
    let try_ = match nearest(key, OPTIONS.iter().map(|option| option.key)) {
        Some(near) => format!("did you mean {near}?"),
        None => "/set tells them all".to_owned(),
    };
    refused(
        &format!("no option {}", sanitize::name(key)),
        "there is none like it",
        &try_,
    )
}

fn set(choices: &mut Choices, key: &str, typed: &str) -> Result<Done, Refused> {
    let option = find(key)?;
    let value = read(option, typed)?;
    put(choices, option, Some(value))
}

fn unset(choices: &mut Choices, key: &str) -> Result<Done, Refused> {
    put(choices, find(key)?, None)
}

fn toggle(choices: &mut Choices, key: &str) -> Result<Done, Refused> {
    let option = find(key)?;
    let value = choices
        .chosen(option.key)
        .unwrap_or_else(|| option.usual.to_owned());
    let next = match option.kind {
        Kind::Truth => Value::from(value != "true"),
        Kind::Word(words) => {
            let at = words.iter().position(|word| *word == value).unwrap_or(0);
            Value::from(words[(at + 1) % words.len()])
        }
        Kind::Text | Kind::Number | Kind::List => {
            let what = format!("cannot toggle {}", option.key);
            let try_ = format!("/set {} value", option.key);
            return Err(refused(&what, "it has no next value", &try_));
        }
    };
    put(choices, option, Some(next))
}

fn put(choices: &mut Choices, option: &Spec, value: Option<Value>) -> Result<Done, Refused> {
    let change = Change {
        table: None,
        key: option.key.to_owned(),
        value,
    };
    choices.change(&change).map_err(refusal)?;
    let told = [tell(choices, option)];
    Ok(Done {
        save: Some(change),
        ..Done::told(&told)
    })
}

/// A typed value as the file has it.
fn read(option: &Spec, typed: &str) -> Result<Value, Refused> {
    let wrong = |why: &str, try_: &str| refused(&format!("cannot set {}", option.key), why, try_);
    let bare = typed
        .strip_prefix('"')
        .and_then(|inner| inner.strip_suffix('"'))
        .unwrap_or(typed);
    Ok(match option.kind {
        Kind::Text => bare.into(),
        Kind::Word(_) => bare.to_lowercase().into(),
        Kind::Truth => match bare.to_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => true.into(),
            "false" | "off" | "no" | "0" => false.into(),
            _ => return Err(wrong("it is neither true nor false", "on or off")),
        },
        Kind::Number => match bare.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => return Err(wrong("it is no number", "digits, as in 12")),
        },
        Kind::List => {
            let by = |c: char| c == ',' || c.is_whitespace();
            let words = bare.split(by).filter(|word| !word.is_empty());
            words.collect::<Array>().into()
        }
    })
}

/// Sets or removes a row of a table.
fn row(
    choices: &mut Choices,
    table: &'static str,
    key: &str,
    value: Option<Value>,
    told: String,
) -> Result<Done, Refused> {
    let change = Change {
        table: Some(table),
        key: key.to_owned(),
        value,
    };
    choices.change(&change).map_err(refusal)?;
    Ok(Done {
        save: Some(change),
        ..Done::told(&[told])
    })
}

fn aliases(choices: &Choices) -> Vec<String> {
    let aliases = &choices.options().alias;
    if aliases.is_empty() {
        return vec!["no aliases; /alias wave /me waves at $1 makes one".to_owned()];
    }
    aliases
        .iter()
        .map(|(name, line)| format!("/{name} stands for {line}"))
        .collect()
}

fn ignored(choices: &Choices, now: Timestamp) -> Vec<String> {
    let ignore = &choices.options().ignore;
    let strangers = !choices.options().strangers;
    if ignore.is_empty() && !strangers {
        return vec!["nobody is ignored".to_owned()];
    }
    let row = |(key, ignored): (&NodeId, &Ignored)| {
        let left = ignored.until.map(|until| left(until, now));
        let left = left.map_or(String::new(), |left| format!(", for {left} more"));
        format!("ignored: {} ({}){left}", ignored.name, key.short())
    };
    let shunned = "ignored in private: people you share no group with; /unignore dm hears them";
    let shunned = strangers.then(|| shunned.to_owned());
    ignore.iter().map(row).chain(shunned).collect()
}

/// Takes no private talks from strangers, or takes them again.
fn shun(choices: &mut Choices, is_shunned: bool) -> Result<Done, Refused> {
    let value = (!is_shunned).into();
    let done = put(choices, find("strangers")?, Some(value))?;
    let told = match is_shunned {
        true => {
            "people you share no group with cannot write to you in private; /unignore dm lets them"
        }
        false => "everybody may write to you in private",
    };
    let told = vec![told.to_owned()];
    Ok(Done { told, ..done })
}

/// What tells the client of whom nothing is to be taken in private.
#[must_use]
pub fn unheard(choices: &Choices) -> Command {
    let options = choices.options();
    Command::Ignore {
        persons: options.ignore.keys().copied().collect(),
        strangers: options.strangers,
    }
}

/// The time until then, in the largest unit it fills, rounded up.
fn left(until: Timestamp, now: Timestamp) -> String {
    let seconds = until.duration_since(now).as_secs().max(0);
    let up = |each: i64| seconds / each + i64::from(seconds % each > 0);
    let (count, unit) = match seconds {
        ..3_601 => (up(60), "minute"),
        3_601..86_401 => (up(3_600), "hour"),
        86_401.. => (up(86_400), "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// Lets those be heard again who were ignored until now: what to say of each, and to write down.
pub fn hear_again(choices: &mut Choices, now: Timestamp) -> Vec<Done> {
    let ignore = &choices.options().ignore;
    let over = ignore
        .iter()
        .filter(|(_, ignored)| ignored.until.is_some_and(|until| until <= now));
    let over: Vec<_> = over
        .map(|(key, ignored)| (*key, ignored.name.clone()))
        .collect();
    let heard = over.into_iter().map(|(key, name)| {
        let told = format!("{name} is heard again: the time is over");
        row(choices, IGNORE, &key.to_string(), None, told)
    });
    heard.filter_map(Result::ok).collect()
}

fn ignore(
    choices: &mut Choices,
    who: &Who,
    people: &dyn People,
    until: Option<(Timestamp, Timestamp)>,
) -> Result<Done, Refused> {
    let (key, name) = match who {
        Who::Key(key) => (*key, people.nick_of(key).unwrap_or_else(|| key.short())),
        Who::Nick(nick) => {
            let what = format!("cannot ignore {nick}");
            let key = people.key_of(nick).ok_or_else(|| {
                refused(
                    &what,
                    "nobody here goes by that name",
                    "/names tells who is here; a key does too",
                )
            })?;
            (key, nick.as_str().to_owned())
        }
    };
    if people.is_us(&key) {
        return Err(refused(
            "nobody ignored",
            "that is you",
            "a nick as /names tells it",
        ));
    }
    let span = until.map(|(until, now)| format!(" for {}", left(until, now)));
    let span = span.unwrap_or_default();
    let told =
        format!("{name} is ignored{span}, under whatever name; /unignore {name} hears them again");
    let until = until.map(|(until, _)| until);
    let ignored = Ignored { name, until }.to_string();
    row(
        choices,
        IGNORE,
        &key.to_string(),
        Some(ignored.into()),
        told,
    )
}

fn unignore(choices: &mut Choices, who: &Who, people: &dyn People) -> Result<Done, Refused> {
    let ignore = &choices.options().ignore;
    let key = match who {
        Who::Key(key) => Some(*key),
        Who::Nick(nick) => people
            .key_of(nick)
            .filter(|key| ignore.contains_key(key))
            .or_else(|| {
                let mut named = ignore
                    .iter()
                    .filter(|(_, ignored)| ignored.name == nick.as_str());
                named.next().map(|(key, _)| *key)
            }),
    };
    let Some((key, name)) = key.and_then(|key| Some((key, ignore.get(&key)?.name.clone()))) else {
        return Err(refused(
            &format!("{who} is not ignored"),
            "there is no such entry",
            "/ignore tells who is",
        ));
    };
    let told = format!("{name} is heard again");
    row(choices, IGNORE, &key.to_string(), None, told)
}

fn levels(choices: &Choices) -> Vec<String> {
    let options = choices.options();
    let mut told = vec![format!(
        "what calls you everywhere: {}",
        options.notify.word()
    )];
    let groups = options.notify_in.iter();
    told.extend(groups.map(|(group, level)| format!("in {group}: {}", level.word())));
    told
}

fn notify(choices: &mut Choices, group: Option<&GroupName>, level: &str) -> Result<Done, Refused> {
    let Some(group) = group else {
        let level = Level::parse(level).map_or(level, |level| level.word());
        return set(choices, "notify", level);
    };
    let level = Level::parse(level).map_err(|why| {
        let (why, try_) = why
            .split_once("; ")
            .unwrap_or((&why, "choose all, mentions or none"));
        refused(&format!("nothing set for {group}"), why, try_)
    })?;
    let told = format!("what calls you in {group}: {}", level.word());
    row(
        choices,
        NOTIFY_IN,
        group.as_str(),
        Some(level.word().into()),
        told,
    )
}

fn words(choices: &Choices) -> String {
    match choices.options().highlight.as_slice() {
        [] => "your nick alone counts as a mention; /highlight word adds one".to_owned(),
        words => format!(
            "your nick counts as a mention, and so does {}",
            words.join(", ")
        ),
    }
}

fn highlight(choices: &mut Choices, word: &str, on: bool) -> Result<Done, Refused> {
    let word = word.trim();
    let mut known: Vec<String> = choices.options().highlight.clone();
    let had = known
        .iter()
        .position(|known| known.eq_ignore_ascii_case(word));
    match (had, on) {
        (None, true) => known.push(word.to_owned()),
        (Some(at), false) => {
            known.remove(at);
        }
        (Some(_), true) => return Ok(Done::told(&[words(choices)])),
        (None, false) => {
            let what = format!("{} is no such word", sanitize::name(word));
            return Err(refused(
                &what,
                "it is not among them",
                "/highlight tells which are",
            ));
        }
    }
    let value = (!known.is_empty()).then(|| known.into_iter().collect::<Array>().into());
    let change = Change {
        table: None,
        key: "highlight".to_owned(),
        value,
    };
    choices.change(&change).map_err(refusal)?;
    Ok(Done {
        save: Some(change),
        ..Done::told(&[words(choices)])
    })
}

fn refusal(failure: Failure) -> Refused {
    let Failure { what, why, try_ } = failure;
    Refused { what, why, try_ }
}

fn refused(what: &str, why: &str, try_: &str) -> Refused {
    refusal(Failure::new(what, why, try_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slash::{Local, Parsed};

    struct Bob;

    const BOB: NodeId = NodeId([7; 32]);
    /// 21 November 2026, eight in the evening.
    const NOW: Timestamp = Timestamp::constant(1_795_291_200, 0);
    const US: NodeId = NodeId([1; 32]);

    impl People for Bob {
        fn key_of(&self, nick: &Nick) -> Option<NodeId> {
            match nick.as_str() {
                "bob" => Some(BOB),
                "mats" => Some(US),
                _ => None,
            }
        }

        fn nick_of(&self, key: &NodeId) -> Option<String> {
            (*key == BOB).then(|| "bob".to_owned())
        }

        fn is_us(&self, key: &NodeId) -> bool {
            *key == US
        }
    }

    fn typed(choices: &mut Choices, line: &str) -> String {
        let here = GroupName::parse("#hearth").unwrap();
        let Ok(Parsed::Local(Local::Choose(choice))) = slash::parse(line, Some(&here)) else {
            panic!("{line} chooses nothing");
        };
        match choose(choices, choice, &Bob, NOW) {
            Ok(done) => done.told.join("\n"),
            Err(refused) => format!("! {refused}"),
        }
    }

    #[test]
    fn options_are_told_found_set_toggled_and_unset() {
        let mut choices = Choices::default();
        for (line, told) in [
            (
                "/set clock",
                "clock = 24h (usual): how the time of day is written; one of 24h, 12h",
            ),
            (
                "/set clock 12H",
                "clock = 12h: how the time of day is written; one of 24h, 12h",
            ),
            (
                "/toggle clock",
                "clock = 24h: how the time of day is written; one of 24h, 12h",
            ),
            (
                "/unset clock",
                "clock = 24h (usual): how the time of day is written; one of 24h, 12h",
            ),
            (
                "/set clokc 12h",
                "! no option clokc: there is none like it; did you mean clock?",
            ),
            (
                "/set zzzzzz",
                "! no option zzzzzz: there is none like it; /set tells them all",
            ),
            (
                "/set lan maybe",
                "! cannot set lan: it is neither true nor false; on or off",
            ),
            (
                "/set keys vim",
                "! cannot set keys: the key `keys`: cannot use \"vim\": there are no such keys; choose weechat, irssi or emacs",
            ),
            (
                "/toggle theme",
                "! cannot toggle theme: it has no next value; /set theme value",
            ),
            (
                "/set complete-suffix \", \"",
                "complete-suffix = \", \": what follows a nick that begins the line",
            ),
            (
                "/set highlight kettle,wood",
                "highlight = kettle, wood: words that count as a mention; /between slashes/ it is a regular expression",
            ),
            (
                "/set bootstrap localhost",
                "bootstrap = localhost: where to find the network; from the next start on",
            ),
        ] {
            assert_eq!(typed(&mut choices, line), told, "{line}");
        }
        assert!(typed(&mut choices, "/set").lines().count() > 20);
        assert_eq!(typed(&mut choices, "/set diff").lines().count(), 3);
    }

    #[test]
    fn people_are_ignored_by_key_whatever_they_call_themselves() {
        let mut choices = Choices::default();
        assert_eq!(typed(&mut choices, "/ignore"), "nobody is ignored");
        assert!(typed(&mut choices, "/ignore eve").starts_with("! cannot ignore eve: nobody here"));
        assert!(typed(&mut choices, "/ignore mats").starts_with("! nobody ignored: that is you"));
        assert!(typed(&mut choices, "/ignore bob").starts_with("bob is ignored"));
        assert!(choices.options().hides(&BOB));
        assert!(typed(&mut choices, "/ignore").contains(&BOB.short()));
        assert!(typed(&mut choices, "/unignore eve").starts_with("! eve is not ignored"));
        assert_eq!(typed(&mut choices, "/unignore bob"), "bob is heard again");
        assert!(!choices.options().hides(&BOB));
    }

    #[test]
    fn strangers_are_ignored_in_private_until_they_are_not() {
        let mut choices = Choices::default();
        assert!(typed(&mut choices, "/ignore dm").starts_with("people you share no group with"));
        assert!(!choices.options().strangers);
        assert!(typed(&mut choices, "/ignore").starts_with("ignored in private: people"));
        typed(&mut choices, "/unignore dm");
        assert!(choices.options().strangers);
        assert_eq!(typed(&mut choices, "/ignore"), "nobody is ignored");
    }

    #[test]
    fn who_is_ignored_for_a_time_is_heard_again_after_it() {
        let mut choices = Choices::default();
        let told = typed(&mut choices, "/ignore bob for 1h");
        assert!(
            told.starts_with("bob is ignored for 60 minutes, under"),
            "{told}"
        );
        assert!(choices.options().hides(&BOB));
        assert!(typed(&mut choices, "/ignore").ends_with(", for 60 minutes more"));
        let until = NOW + SignedDuration::from_hours(1);
        assert_eq!(choices.options().next_heard(), Some(until));
        // As after a restart: what is written is read.
        let written = choices.options().ignore[&BOB].to_string();
        assert_eq!(written, "bob until 2026-11-21T21:00:00Z");
        let early = until - SignedDuration::from_secs(1);
        assert!(hear_again(&mut choices, early).is_empty());
        let done = hear_again(&mut choices, until);
        assert_eq!(done[0].told, ["bob is heard again: the time is over"]);
        assert!(
            done[0]
                .save
                .as_ref()
                .is_some_and(|change| change.value.is_none())
        );
        assert!(!choices.options().hides(&BOB));
        assert!(hear_again(&mut choices, until).is_empty());
        for (span, told) in [("1m", "1 minute"), ("90m", "2 hours"), ("2d", "2 days")] {
            assert!(
                typed(&mut choices, &format!("/ignore bob for {span}"))
                    .contains(&format!("for {told},"))
            );
        }
    }

    #[test]
    fn what_calls_us_is_chosen_by_group_and_by_word() {
        let mut choices = Choices::default();
        typed(&mut choices, "/notify * all");
        assert_eq!(
            typed(&mut choices, "/mute"),
            "what calls you in #hearth: none"
        );
        assert_eq!(
            typed(&mut choices, "/notify"),
            "what calls you everywhere: all\nin #hearth: none"
        );
        assert!(typed(&mut choices, "/notify loud").starts_with("! nothing set for #hearth"));
        assert!(typed(&mut choices, "/hl kettle").ends_with("so does kettle"));
        assert!(typed(&mut choices, "/hl /a(b/").starts_with("! cannot set highlight"));
        assert!(typed(&mut choices, "/dhl pot").starts_with("! pot is no such word"));
        assert!(typed(&mut choices, "/dhl kettle").starts_with("your nick alone"));
    }
}
