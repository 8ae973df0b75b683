//! What a person chose, taken up by the screen: keys, mentions, looks; and the commands that choose.

use jiff::Timestamp;

use super::app::{App, Away, Errand, Hint};
use super::highlight::Highlights;
use super::key;
use super::keymap::{self, ACTIONS, Keymap};
use super::log::Note;
use super::look::Clock;
use crate::choose::{self, People};
use crate::config::{BIND, Change, Choices, Hours};
use crate::proto::command::Command;
use crate::proto::id::{Nick, NodeId};
use crate::proto::time::{Now, Wall};
use crate::report::Failure;
use crate::slash::{Choice, Refused};

impl People for App {
    fn key_of(&self, nick: &Nick) -> Option<NodeId> {
        let folded = nick.folded();
        let here = self.window().members.iter();
        let everywhere = self.windows.iter().flat_map(|window| &window.members);
        let mut all = here.chain(everywhere);
        all.find(|member| member.nick.folded() == folded)
            .map(|member| member.id)
    }

    fn nick_of(&self, key: &NodeId) -> Option<String> {
        let mut all = self.windows.iter().flat_map(|window| &window.members);
        let member = all.find(|member| member.id == *key)?;
        Some(member.nick.as_str().to_owned())
    }

    fn is_us(&self, key: &NodeId) -> bool {
        self.us.as_ref().is_some_and(|(us, _)| us == key)
    }
}

impl App {
    /// Takes up what the configuration says.
    pub(crate) fn set_choices(&mut self, now: Now, choices: Choices) {
        let before = std::mem::replace(&mut self.choices, choices);
        self.take_up(now, &before, true);
        self.hear_again(now);
    }

    /// Does what `/set` or one of its like asks for.
    pub(crate) fn choose(&mut self, now: Now, choice: Choice) {
        let before = self.choices.clone();
        let mut choices = before.clone();
        let done = if let Choice::Keys(part) = choice {
            return self.tell_keys(now, &part);
        } else if let Choice::Bind { keys, what } = choice {
            bind(&mut choices, &keys, Some(&what))
        } else if let Choice::Unbind(keys) = choice {
            bind(&mut choices, &keys, None)
        } else {
            choose::choose(&mut choices, choice, self, stamp(now.wall))
        };
        match done {
            Ok(done) => {
                self.choices = choices;
                self.take_up(now, &before, false);
                self.answer(now, &done.told.join("\n"));
                if let Some(change) = done.save {
                    self.save(change);
                }
            }
            Err(refused) => self.hint = Some(Hint::Error(refused.to_string())),
        }
    }

    fn save(&mut self, change: Change) {
        if let Some(file) = self.choices.file() {
            let file = file.to_owned();
            self.errands.push_back(Errand::Save(file, change));
        }
    }

    /// Keeps a theme that was chosen by its own command.
    pub(crate) fn keep_theme(&mut self, name: &str) {
        let change = Change {
            table: None,
            key: "theme".to_owned(),
            value: Some(name.into()),
        };
        if self.choices.change(&change).is_ok() {
            self.save(change);
        }
    }

    pub(crate) fn reload(&mut self) {
        match self.choices.file() {
            Some(file) => {
                let file = file.to_owned();
                self.errands.push_back(Errand::Reload(file));
            }
            None => self.hint = Some(Hint::Plain(choose::place(&self.choices))),
        }
    }

    /// The file was read again.
    pub(crate) fn reloaded(&mut self, now: Now, read: Result<Choices, Failure>) {
        match read {
            Ok(choices) => {
                self.set_choices(now, choices);
                self.hint = Some(Hint::Plain("the configuration is read again".to_owned()));
            }
            Err(failure) => self.hint = Some(Hint::Error(failure.to_string())),
        }
    }

    /// What was to be written down could not be.
    pub(crate) fn not_saved(&mut self, now: Now, failure: &Failure) {
        self.note(now.wall, None, Note::Error(failure.to_string()));
        self.hint = Some(Hint::Error(failure.to_string()));
    }

    /// Shows or hides the people who are ignored, until the end.
    pub(crate) fn turn_ignored(&mut self, now: Now) {
        let before = self.choices.clone();
        let is_shown = !before.options().show_ignored;
        let change = Change {
            table: None,
            key: "show-ignored".to_owned(),
            value: Some(is_shown.into()),
        };
        if self.choices.change(&change).is_ok() {
            self.take_up(now, &before, false);
        }
        let told = if is_shown { "shown" } else { "hidden" };
        self.hint = Some(Hint::Plain(format!("people you ignore are {told}")));
    }

    /// Lets those be heard again whose time is over.
    pub(crate) fn hear_again(&mut self, now: Now) {
        let before = self.choices.clone();
        for done in choose::hear_again(&mut self.choices, stamp(now.wall)) {
            self.take_up(now, &before, false);
            let told = done.told.join("\n");
            self.note(now.wall, None, Note::Notice(told.clone()));
            self.hint = Some(Hint::Plain(told));
            if let Some(change) = done.save {
                self.save(change);
            }
        }
    }

    /// Tells the client of whom nothing is to be taken in private.
    pub(crate) fn tell_ignored(&mut self) {
        let command = choose::unheard(&self.choices);
        self.command(command);
    }

    fn take_up(&mut self, now: Now, before: &Choices, all: bool) {
        let (old, new) = (before.options(), self.choices.options().clone());
        if all || old.bind != new.bind || old.keys != new.keys {
            let (keymap, wrong) = Keymap::of(&new);
            self.keymap = keymap;
            for why in wrong {
                self.note(now.wall, None, Note::Error(why));
            }
        }
        if all || old.hours != new.hours {
            self.look.clock = match new.hours {
                Hours::Full => Clock::Hours24,
                Hours::Half => Clock::Hours12,
            };
            self.look.turn += 1;
        }
        if old.theme_light != new.theme_light || old.theme_dark != new.theme_dark {
            self.suit_known_ground();
        }
        if old.theme != new.theme && !new.theme.is_empty() && new.theme != self.look.theme.name {
            self.change_theme(now, &new.theme);
        }
        if all || old.highlight != new.highlight {
            let words = new.highlight.iter().map(String::as_str);
            let (highlights, wrong) = Highlights::read(words);
            self.watch_for(highlights);
            for why in wrong {
                self.note(now.wall, None, Note::Error(why));
            }
        }
        if old.ignore != new.ignore || old.show_ignored != new.show_ignored {
            self.look.turn += 1;
        }
        if old.ignore != new.ignore || old.strangers != new.strangers {
            self.tell_ignored();
        }
    }

    fn tell_keys(&mut self, now: Now, part: &str) {
        if let Some(bound) = self.keymap.get(part) {
            let told = format!("{part}: {}", keymap::written(bound));
            return self.answer(now, &told);
        }
        let part = part.to_lowercase();
        let mut rows: Vec<String> = ACTIONS
            .iter()
            .filter(|row| row.name.contains(&part) || row.help.to_lowercase().contains(&part))
            .map(|row| match self.keymap.keys_of(row.action).as_slice() {
                [] => format!("{} ({}): no key", row.name, row.help),
                keys => format!("{} ({}): {}", row.name, row.help, keys.join(" ")),
            })
            .collect();
        let lines = self.keymap.all().filter_map(|(keys, bound)| match bound {
            keymap::Bound::Line(line) if line.contains(&part) => Some(format!("{line}: {keys}")),
            keymap::Bound::Line(_) | keymap::Bound::Action(_) => None,
        });
        rows.extend(lines);
        if rows.is_empty() {
            let part = crate::sanitize::name(&part);
            let told =
                format!("no key {part}: nothing is bound to it; /bind {part} action or /command");
            self.hint = Some(Hint::Error(told));
            return;
        }
        self.answer(now, &rows.join("\n"));
    }

    /// Is away, or back.
    pub(crate) fn set_away(&mut self, reason: Option<String>) {
        let why = reason.clone();
        self.command(Command::Away { why });
        let told = match (reason, self.away.take()) {
            (Some(reason), _) => {
                self.away = Some(Away { reason, calls: 0 });
                "away: nothing calls you until /back".to_owned()
            }
            (None, None) => "you are here: /away goes".to_owned(),
            (None, Some(away)) => match away.calls {
                0 => "back; nothing called you".to_owned(),
                1 => "back; one line called you: Alt-A goes there".to_owned(),
                calls => format!("back; {calls} lines called you: Alt-A goes there"),
            },
        };
        self.hint = Some(Hint::Plain(told));
    }
}

/// A moment as the configuration writes it.
fn stamp(at: Wall) -> Timestamp {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

/// Binds keys, or gives them back what they usually do.
fn bind(choices: &mut Choices, keys: &str, what: Option<&str>) -> Result<choose::Done, Refused> {
    let refused = |why: String, try_: &str| Refused {
        what: format!("nothing bound to {}", crate::sanitize::name(keys)),
        why,
        try_: try_.to_owned(),
    };
    let parsed = key::parse(keys).map_err(|part| {
        let why = format!("{:?} is no key", crate::sanitize::name(&part));
        refused(
            why,
            "as in ctrl-x, alt-N, f5, or ctrl-x,ctrl-e one after the other",
        )
    })?;
    // The file may spell it otherwise.
    let mut own = choices.options().bind.keys();
    let own = own
        .find(|own| key::parse(own).as_ref() == Ok(&parsed))
        .cloned();
    let keys = own.unwrap_or_else(|| key::written(&parsed));
    let told = match what {
        Some(what) => {
            keymap::bound(what).map_err(|why| {
                let (why, try_) = why.split_once("; ").unwrap_or((&why, "/bind tells them"));
                refused(why.to_owned(), try_)
            })?;
            format!("{keys}: {what}")
        }
        None => {
            if !choices.options().bind.contains_key(&keys) {
                return Err(refused(
                    "it is as usual".to_owned(),
                    "/bind tells what keys do",
                ));
            }
            format!("{keys} does what it usually does")
        }
    };
    let change = Change {
        table: Some(BIND),
        key: keys,
        value: what.map(Into::into),
    };
    choices
        .change(&change)
        .map_err(|failure| refused(failure.why, &failure.try_))?;
    Ok(choose::Done {
        told: vec![crate::sanitize::line(&told).into_owned()],
        save: Some(change),
    })
}
