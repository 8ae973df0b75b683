//! What a person may choose while it runs: every key of the file with its meaning and its usual value, and the values.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use toml::Spanned;
use toml::de::DeValue;

use super::{Wrong, kind, list, not_empty, number, truth, word};
use crate::proto::id::{GroupName, NodeId};

/// What a value looks like, for reading it from a typed line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    Truth,
    Number,
    /// Several words or texts.
    List,
}

/// One option.
#[derive(Debug)]
pub struct Spec {
    pub key: &'static str,
    pub kind: Kind,
    /// As it is written if nobody chose.
    pub usual: &'static str,
    pub help: &'static str,
    /// Whether a change is seen at once, and not at the next start.
    pub live: bool,
}

/// Every option, the ones a person changes first.
pub const OPTIONS: &[Spec] = &[
    live(
        "theme",
        Kind::Text,
        "",
        "the looks; empty: what suits the terminal",
    ),
    live(
        "theme-light",
        Kind::Text,
        "ash",
        "the looks on a terminal with a light ground, if theme is empty",
    ),
    live(
        "theme-dark",
        Kind::Text,
        "ember",
        "the looks on one with a dark ground",
    ),
    live(
        "clock",
        Kind::Word(&["24h", "12h"]),
        "24h",
        "how the time of day is written",
    ),
    live(
        "keys",
        Kind::Word(&["weechat", "irssi", "emacs"]),
        "weechat",
        "whose habits the keys follow",
    ),
    live(
        "notify",
        Kind::Word(LEVELS),
        "mentions",
        "which lines call you",
    ),
    live(
        "notify-by",
        Kind::Word(WAYS),
        "auto",
        "how they call you: auto is a message to the desktop where the terminal knows one, else the bell",
    ),
    live(
        "highlight",
        Kind::List,
        "",
        "words that count as a mention; /between slashes/ it is a regular expression",
    ),
    live(
        "show-ignored",
        Kind::Truth,
        "false",
        "show lines of people you ignore",
    ),
    live(
        "strangers",
        Kind::Truth,
        "true",
        "take private talks of people you share no group with",
    ),
    live(
        "complete-suffix",
        Kind::Text,
        ": ",
        "what follows a nick that begins the line",
    ),
    live(
        "paste-lines",
        Kind::Number,
        "3",
        "ask before so many pasted lines are written; 0: never",
    ),
    live(
        "history",
        Kind::Number,
        "2000",
        "typed lines kept for the next start; 0: none",
    ),
    start(
        "nick",
        Kind::Text,
        "what to be called; /nick changes it at once",
    ),
    start("join", Kind::List, "groups to join at the start"),
    start(
        "face",
        Kind::Word(&["screen", "plain", "json"]),
        "how the chat shows itself",
    ),
    start(
        "lan",
        Kind::Truth,
        "look for nodes on the local network, and be seen there",
    ),
    start(
        "relay-only",
        Kind::Truth,
        "never take a direct path, which shows one's address to the others",
    ),
    start(
        "port-mapping",
        Kind::Truth,
        "ask the router at home to let members in, if there is one (PCP, NAT-PMP, UPnP)",
    ),
    start("bootstrap", Kind::List, "where to find the network"),
    start(
        "log",
        Kind::Word(&["off", "error", "warn", "info", "debug", "trace"]),
        "how much is logged",
    ),
    start(
        "data",
        Kind::Text,
        "where the identity and what was said are kept",
    ),
    start("listen", Kind::Text, "address and port to listen on"),
    start(
        "local-port",
        Kind::Number,
        "where clients on this machine look for each other",
    ),
    start(
        "advertise",
        Kind::Text,
        "the address that others should use",
    ),
    start("name", Kind::Text, "a mesh node's name in the table"),
    start("metrics", Kind::Text, "where a server tells its figures"),
    start(
        "allow-nodes",
        Kind::List,
        "keys of the nodes that a closed mesh is open to",
    ),
    start(
        "allow-clients",
        Kind::List,
        "keys of the clients that a closed mesh is open to",
    ),
    start(
        "relay-limit",
        Kind::Number,
        "KiB a second that a supernode relays for one client",
    ),
    start(
        "links-per-address",
        Kind::Number,
        "links that one address may have to a server",
    ),
    start("operators", Kind::List, "keys of those whom a server obeys"),
    start("directory", Kind::Truth, "run as a directory"),
    start("supernode", Kind::Truth, "run as a supernode"),
];

const LEVELS: &[&str] = &["all", "mentions", "none"];
const WAYS: &[&str] = &["auto", "bell", "osc9", "osc777", "none"];

const fn live(key: &'static str, kind: Kind, usual: &'static str, help: &'static str) -> Spec {
    Spec {
        key,
        kind,
        usual,
        help,
        live: true,
    }
}

const fn start(key: &'static str, kind: Kind, help: &'static str) -> Spec {
    Spec {
        key,
        kind,
        usual: "",
        help,
        live: false,
    }
}

/// Tables of the file that have their own commands.
pub const ALIAS: &str = "alias";
pub const BIND: &str = "bind";
pub const IGNORE: &str = "ignore";
pub const NOTIFY_IN: &str = "notify-in";
pub(super) const TABLES: [&str; 4] = [ALIAS, BIND, IGNORE, NOTIFY_IN];

/// Which lines of a group call a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    All,
    #[default]
    Mentions,
    None,
}

impl Level {
    /// Reads a level, by its name or by the name other programs have for it.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.to_lowercase().as_str() {
            "all" | "messages" | "message" => Ok(Self::All),
            "mentions" | "mention" | "highlights" | "highlight" => Ok(Self::Mentions),
            "none" | "off" | "never" => Ok(Self::None),
            _ => Err("there is no such level; choose all, mentions or none".to_owned()),
        }
    }

    /// As the file has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Mentions => "mentions",
            Self::None => "none",
        }
    }
}

/// How a person is called whose eyes are elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// What this terminal is known to understand.
    #[default]
    Auto,
    Bell,
    Osc9,
    Osc777,
    None,
}

/// Whose habits the keys follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    #[default]
    Weechat,
    Irssi,
    Emacs,
}

/// How the time of day is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hours {
    #[default]
    Full,
    Half,
}

/// The values of all that can be changed while it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Empty: what suits the terminal.
    pub theme: String,
    pub theme_light: String,
    pub theme_dark: String,
    pub hours: Hours,
    pub keys: Preset,
    pub notify: Level,
    pub notify_by: Way,
    pub highlight: Vec<String>,
    pub show_ignored: bool,
    pub strangers: bool,
    pub complete_suffix: String,
    /// Zero: never ask.
    pub paste_lines: usize,
    /// Zero: nothing is kept.
    pub history: usize,
    pub alias: BTreeMap<String, String>,
    /// Keys as they are written, and what they do.
    pub bind: BTreeMap<String, String>,
    /// Whom not to hear.
    pub ignore: BTreeMap<NodeId, Ignored>,
    pub notify_in: BTreeMap<GroupName, Level>,
}

/// Somebody who is not heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// What he was called then.
    pub name: String,
    /// Until when; for good, if nothing is said.
    pub until: Option<Timestamp>,
}

/// What stands between the name and the time. No nick has a blank in it.
const UNTIL: &str = " until ";

impl Ignored {
    /// Reads it as the file has it: `bob`, or `bob until 2026-11-21T22:05:00Z`.
    fn parse(text: &str) -> Result<Self, String> {
        let (name, until) = match text.split_once(UNTIL) {
            Some((name, until)) => {
                let until = until.parse();
                let until =
                    until.map_err(|_| "it names no time; as in 2026-11-21T22:05:00Z".to_owned());
                (name, Some(until?))
            }
            None => (text, None),
        };
        let name = name.to_owned();
        Ok(Self { name, until })
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.until
            .map_or(Ok(()), |until| write!(f, "{UNTIL}{until}"))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            theme: String::new(),
            theme_light: "ash".to_owned(),
            theme_dark: "ember".to_owned(),
            hours: Hours::default(),
            keys: Preset::default(),
            notify: Level::default(),
            notify_by: Way::default(),
            highlight: Vec::new(),
            show_ignored: false,
            strangers: true,
            complete_suffix: ": ".to_owned(),
            paste_lines: 3,
            history: 2000,
            alias: BTreeMap::new(),
            bind: BTreeMap::new(),
            ignore: BTreeMap::new(),
            notify_in: BTreeMap::new(),
        }
    }
}

impl Options {
    /// Which lines of a group call its member.
    #[must_use]
    pub fn level(&self, group: &GroupName) -> Level {
        self.notify_in.get(group).copied().unwrap_or(self.notify)
    }

    /// Whether lines of somebody are not to be seen.
    #[must_use]
    pub fn hides(&self, author: &NodeId) -> bool {
        !self.show_ignored && self.ignore.contains_key(author)
    }

    /// Whether there is anybody of whom nothing is taken in private.
    #[must_use]
    pub fn ignores(&self) -> bool {
        !self.ignore.is_empty() || !self.strangers
    }

    /// When the next one who is ignored for a time is heard again.
    #[must_use]
    pub fn next_heard(&self) -> Option<Timestamp> {
        self.ignore
            .values()
            .filter_map(|ignored| ignored.until)
            .min()
    }

    /// Reads one key of the file.
    pub(super) fn set(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<(), Wrong> {
        let value = value.get_ref();
        match key {
            "theme" => self.theme = word(value, "theme = \"ember\"", any)?,
            "theme-light" => self.theme_light = word(value, "theme-light = \"ash\"", any)?,
            "theme-dark" => self.theme_dark = word(value, "theme-dark = \"ember\"", any)?,
            "clock" => self.hours = word(value, "clock = \"24h\"", hours)?,
            "keys" => self.keys = word(value, "keys = \"weechat\"", preset)?,
            "notify" => self.notify = word(value, "notify = \"mentions\"", Level::parse)?,
            "notify-by" => self.notify_by = word(value, "notify-by = \"bell\"", way)?,
            "highlight" => self.highlight = list(value, "highlight = [\"kettle\"]", pattern)?,
            "show-ignored" => self.show_ignored = truth(value, "show-ignored = true")?,
            "strangers" => self.strangers = truth(value, "strangers = false")?,
            "complete-suffix" => {
                self.complete_suffix = word(value, "complete-suffix = \": \"", any)?
            }
            "paste-lines" => self.paste_lines = number(value, "paste-lines = 3")?,
            "history" => self.history = number(value, "history = 2000")?,
            ALIAS => self.alias = table(value, "[alias]", not_empty, not_empty)?,
            BIND => self.bind = table(value, "[bind]", not_empty, any)?,
            IGNORE => self.ignore = table(value, "[ignore]", node, Ignored::parse)?,
            NOTIFY_IN => self.notify_in = table(value, "[notify-in]", super::group, Level::parse)?,
            _ => return Err(Wrong::Key),
        }
        Ok(())
    }
}

/// A table whose values are strings.
fn table<K: Ord, V>(
    value: &DeValue<'_>,
    example: &str,
    read_key: impl Fn(&str) -> Result<K, String>,
    read: impl Fn(&str) -> Result<V, String>,
) -> Result<BTreeMap<K, V>, Wrong> {
    let rows = value
        .as_table()
        .ok_or_else(|| kind(value, "a table", example))?;
    let mut read_rows = BTreeMap::new();
    for (key, value) in rows {
        let key = key.get_ref().as_ref();
        let row = read_key(key).map_err(|why| {
            let (why, try_) = why.split_once("; ").unwrap_or((why.as_str(), "remove it"));
            Wrong::Value {
                why: format!("cannot use {key:?}: {why}"),
                try_: try_.to_owned(),
            }
        })?;
        read_rows.insert(row, word(value.get_ref(), example, &read)?);
    }
    Ok(read_rows)
}

fn any(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn node(key: &str) -> Result<NodeId, String> {
    NodeId::parse(key).map_err(|why| why.to_string())
}

fn hours(text: &str) -> Result<Hours, String> {
    match text {
        "24h" => Ok(Hours::Full),
        "12h" => Ok(Hours::Half),
        _ => Err("there is no such clock; choose 24h or 12h".to_owned()),
    }
}

fn preset(text: &str) -> Result<Preset, String> {
    match text {
        "weechat" => Ok(Preset::Weechat),
        "irssi" => Ok(Preset::Irssi),
        "emacs" => Ok(Preset::Emacs),
        _ => Err("there are no such keys; choose weechat, irssi or emacs".to_owned()),
    }
}

fn way(text: &str) -> Result<Way, String> {
    match text {
        "auto" => Ok(Way::Auto),
        "bell" => Ok(Way::Bell),
        "osc9" => Ok(Way::Osc9),
        "osc777" => Ok(Way::Osc777),
        "none" | "off" => Ok(Way::None),
        _ => Err("there is no such way; choose auto, bell, osc9, osc777 or none".to_owned()),
    }
}

/// A word, or a regular expression between slashes.
fn pattern(text: &str) -> Result<String, String> {
    if let Some(expression) = expression(text) {
        compile(expression)?;
    }
    not_empty(text.trim())
}

/// What stands between the slashes, if it is a regular expression.
fn expression(text: &str) -> Option<&str> {
    text.strip_prefix('/')?
        .strip_suffix('/')
        .filter(|inner| !inner.is_empty())
}

/// The regular expression, whatever the case of what it is held against; bounded in size, since it is run over
/// every line that comes.
fn compile(expression: &str) -> Result<regex::Regex, String> {
    const COMPILED_SIZE_MAX: usize = 1 << 18;
    regex::RegexBuilder::new(expression)
        .case_insensitive(true)
        .size_limit(COMPILED_SIZE_MAX)
        .build()
        .map_err(|why| {
            let why = why.to_string();
            let last = why.lines().last().unwrap_or("it has no meaning");
            format!(
                "{}; see https://docs.rs/regex for how one is written",
                last.trim_start_matches("error: ")
            )
        })
}
