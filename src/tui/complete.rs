//! Tab: what the word before the cursor may become, one after the other, with what each is for.

use crate::config::{Kind, OPTIONS};
use crate::slash::{self, SPECS};

use super::keymap::ACTIONS;

/// Emoji offered at once.
const EMOJI_MAX: usize = 60;

/// What can be completed to.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Who spoke last comes first.
    pub(crate) nicks: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) themes: Vec<String>,
    /// Commands of the person's own, and what they stand for.
    pub(crate) aliases: Vec<(String, String)>,
    /// Keys that were bound by the person.
    pub(crate) bound: Vec<String>,
    /// Names of people who are ignored.
    pub(crate) ignored: Vec<String>,
    /// What follows a nick that begins the line.
    pub(crate) suffix: String,
}

/// One thing the word may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// What is written.
    pub(crate) text: String,
    /// What it is found by, if that is something else, as an emoji's name.
    pub(crate) name: Option<String>,
    pub(crate) detail: String,
}

/// A completion under way.
#[derive(Debug)]
pub(crate) struct Cycle {
    /// Where the word begins, in bytes.
    pub(crate) from: usize,
    pub(crate) choices: Vec<Choice>,
    pub(crate) at: usize,
    /// What follows the choice.
    pub(crate) tail: String,
}

impl Cycle {
    /// The choices for the word before the cursor; nothing if there are none.
    pub(crate) fn begin(text: &str, cursor: usize, known: &Known) -> Option<Self> {
        let head = &text[..cursor];
        let from = head.rfind(char::is_whitespace).map_or(0, |at| {
            at + head[at..].chars().next().map_or(1, char::len_utf8)
        });
        let word = head[from..].to_lowercase();
        let (candidates, tail) = match word.strip_prefix(':') {
            Some(name) if name.chars().count() >= 2 => (emoji(name), ""),
            Some(_) | None if from == 0 && word.starts_with('/') => (commands(known), " "),
            Some(_) | None => candidates(head, from, &word, known),
        };
        let bare = word.trim_start_matches(['@', ':']);
        let choices: Vec<Choice> = candidates
            .into_iter()
            .filter(|choice| {
                let name = choice.name.as_ref().unwrap_or(&choice.text).to_lowercase();
                name.starts_with(bare) || name.trim_start_matches('#').starts_with(bare)
            })
            .collect();
        (!choices.is_empty()).then(|| Self {
            from,
            choices,
            at: 0,
            tail: tail.to_owned(),
        })
    }

    /// What stands at the cursor now.
    pub(crate) fn choice(&self) -> String {
        let choice = self.choices.get(self.at);
        let choice = choice.map_or("", |choice| choice.text.as_str());
        format!("{choice}{}", self.tail)
    }

    /// Whether what it put on the line still stands before the cursor, and is not something else by now.
    pub(crate) fn stands(&self, text: &str, cursor: usize) -> bool {
        text.get(self.from..cursor) == Some(self.choice().as_str())
    }

    /// Goes on to the next or the previous choice.
    pub(crate) fn turn(&mut self, back: bool) {
        let count = self.choices.len();
        self.at = if back {
            (self.at + count - 1) % count
        } else {
            (self.at + 1) % count
        };
    }
}

/// Choices for a word that is no command by itself, and what follows the one taken.
fn candidates<'a>(head: &str, from: usize, word: &str, known: &'a Known) -> (Vec<Choice>, &'a str) {
    let mut before = head[..from].split_whitespace();
    let command = before.next().and_then(|first| first.strip_prefix('/'));
    let Some(command) = command.filter(|command| !command.starts_with('/')) else {
        return match word.starts_with('#') {
            true => (plain(&known.groups), " "),
            false if from == 0 => (plain(&known.nicks), known.suffix.as_str()),
            false => (plain(&known.nicks), " "),
        };
    };
    let spec = slash::find(command).ok();
    let name = spec.map_or(command, |spec| spec.name);
    let first = before.next();
    match (name, first) {
        ("theme", None) => (plain(&known.themes), ""),
        ("help", None) => (help(), ""),
        ("win", None) => (plain(&known.groups), ""),
        ("set", None) => (options(), " "),
        ("unset" | "toggle", None) => (options(), ""),
        ("set", Some("theme")) => (plain(&known.themes), ""),
        ("set", Some(key)) => (values(key), ""),
        ("bind", Some(_)) => (actions(), ""),
        ("unbind", None) => (plain(&known.bound), ""),
        ("unalias", None) => {
            let aliases = known.aliases.iter();
            (aliases.map(|(name, line)| choice(name, line)).collect(), "")
        }
        ("ignore", None) => {
            let strangers = choice("dm", "strangers, in private");
            (
                plain(&known.nicks).into_iter().chain([strangers]).collect(),
                " ",
            )
        }
        ("unignore", None) => {
            let strangers = choice("dm", "strangers, in private");
            (
                plain(&known.ignored)
                    .into_iter()
                    .chain([strangers])
                    .collect(),
                "",
            )
        }
        ("feed", None) => (plain(&["on".to_owned(), "off".to_owned()]), ""),
        ("notify", _) if !word.starts_with('#') => {
            let levels = ["all", "mentions", "none"];
            (levels.iter().map(|level| choice(level, "")).collect(), "")
        }
        ("join" | "part" | "msg" | "names" | "ring" | "host", None) if word.is_empty() => {
            (plain(&known.groups), " ")
        }
        _ if word.starts_with('#') => (plain(&known.groups), " "),
        _ => (plain(&known.nicks), " "),
    }
}

fn choice(text: &str, detail: &str) -> Choice {
    Choice {
        text: text.to_owned(),
        name: None,
        detail: detail.to_owned(),
    }
}

fn plain(texts: &[String]) -> Vec<Choice> {
    texts.iter().map(|text| choice(text, "")).collect()
}

fn commands(known: &Known) -> Vec<Choice> {
    let specs = SPECS.iter().map(|spec| Choice {
        text: format!("/{}", spec.name),
        name: None,
        detail: format!("{}  {}", spec.syntax, spec.help)
            .trim_start()
            .to_owned(),
    });
    let aliases = known.aliases.iter();
    let aliases = aliases.map(|(name, line)| choice(&format!("/{name}"), line));
    specs.chain(aliases).collect()
}

fn help() -> Vec<Choice> {
    let specs = SPECS.iter().map(|spec| choice(spec.name, spec.help));
    specs.chain(options()).collect()
}

fn options() -> Vec<Choice> {
    OPTIONS
        .iter()
        .map(|option| choice(option.key, option.help))
        .collect()
}

fn values(key: &str) -> Vec<Choice> {
    let option = OPTIONS.iter().find(|option| option.key == key);
    let words: &[&str] = match option.map(|option| option.kind) {
        Some(Kind::Word(words)) => words,
        Some(Kind::Truth) => &["true", "false"],
        Some(Kind::Text | Kind::Number | Kind::List) | None => &[],
    };
    words.iter().map(|word| choice(word, "")).collect()
}

fn actions() -> Vec<Choice> {
    ACTIONS
        .iter()
        .map(|action| choice(action.name, action.help))
        .collect()
}

/// Emoji whose name begins so, the shortest name first.
fn emoji(name: &str) -> Vec<Choice> {
    let mut found: Vec<(&str, &str)> = emojis::iter()
        .flat_map(|emoji| emoji.shortcodes().map(move |code| (code, emoji.as_str())))
        .filter(|(code, _)| code.starts_with(name))
        .collect();
    found.sort_unstable_by_key(|(code, _)| (code.len(), *code));
    let found = found.into_iter().take(EMOJI_MAX);
    found
        .map(|(code, emoji)| Choice {
            text: emoji.to_owned(),
            name: Some(code.to_owned()),
            detail: format!(":{code}:"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Known {
            nicks: texts(&["anton", "anna", "Bob"]),
            groups: texts(&["#hearth", "#erlang"]),
            themes: texts(&["ember", "ash"]),
            aliases: vec![("wave".to_owned(), "/me waves".to_owned())],
            bound: texts(&["ctrl-x"]),
            ignored: texts(&["eve"]),
            suffix: ": ".to_owned(),
        }
    }

    fn completed(text: &str) -> Option<String> {
        let cycle = Cycle::begin(text, text.len(), &known())?;
        Some(format!("{}{}", &text[..cycle.from], cycle.choice()))
    }

    #[test]
    fn a_word_becomes_what_it_stands_for() {
        for (text, expected) in [
            ("an", Some("anton: ")),
            ("bo", Some("Bob: ")),
            ("hello an", Some("hello anton ")),
            ("/jo", Some("/join ")),
            ("/wav", Some("/wave ")),
            ("/part #he", Some("/part #hearth ")),
            ("/part he", None),
            ("see #er", Some("see #erlang ")),
            ("/theme a", Some("/theme ash")),
            ("/help to", Some("/help topic")),
            ("/win er", Some("/win #erlang")),
            ("/set clo", Some("/set clock ")),
            ("/set clock ", Some("/set clock 24h")),
            ("/set lan f", Some("/set lan false")),
            ("/set theme a", Some("/set theme ash")),
            ("/key alt-x und", Some("/key alt-x undo")),
            ("/unbind ", Some("/unbind ctrl-x")),
            ("/unignore ", Some("/unignore eve")),
            ("/ignore d", Some("/ignore dm ")),
            ("/feed o", Some("/feed on")),
            ("/notify m", Some("/notify mentions")),
            ("/kick bo", Some("/kick Bob ")),
            ("well :fire", Some("well 🔥")),
            ("a :f", None),
            ("zzz", None),
        ] {
            assert_eq!(completed(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn tab_goes_round_both_ways() {
        let mut cycle = Cycle::begin("an", 2, &known()).unwrap();
        cycle.turn(false);
        assert_eq!(cycle.choice(), "anna: ");
        cycle.turn(false);
        assert_eq!(cycle.choice(), "anton: ");
        cycle.turn(true);
        assert_eq!(cycle.choice(), "anna: ");
    }
}
