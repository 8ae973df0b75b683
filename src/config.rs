//! `config.toml`: every option of the command line has its key here, and so has all that a person may choose.

mod options;
mod save;

pub use options::{
    ALIAS, BIND, Hours, IGNORE, Ignored, Kind, Level, NOTIFY_IN, OPTIONS, Options, Preset, Spec,
    Way,
};
pub use save::{Change, Choices, save};

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use tracing::level_filters::LevelFilter;

use crate::address::{AddressPort, HostPort};
use crate::proto::id::{GroupName, Nick, NodeId, NodeName};
use crate::report::Failure;

/// What the file says; what it does not say is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    pub bootstrap: Vec<HostPort>,
    pub listen: Option<AddressPort>,
    pub advertise: Option<AddressPort>,
    pub name: Option<NodeName>,
    pub data: Option<PathBuf>,
    pub nick: Option<Nick>,
    pub log: Option<LevelFilter>,
    /// Whether nodes on the local network are looked for, and one of ours is shown there.
    pub lan: Option<bool>,
    pub relay_only: Option<bool>,
    /// Whether a router may be asked to let members in.
    pub port_mapping: Option<bool>,
    /// Where clients on this machine look for a node of this machine.
    pub local_port: Option<u16>,
    /// Groups to join at the start.
    pub join: Vec<GroupName>,
    pub face: Option<Face>,
    pub directory: bool,
    pub supernode: bool,
    /// Where a server tells its figures.
    pub metrics: Option<AddressPort>,
    /// Whom a closed mesh is open to; an empty list is nobody.
    pub allow_nodes: Option<Vec<NodeId>>,
    pub allow_clients: Option<Vec<NodeId>>,
    pub links_per_address: Option<usize>,
    pub relay_limit: Option<usize>,
    /// Whom a server obeys.
    pub operators: Vec<NodeId>,
    /// What can be changed while it runs.
    pub options: Options,
    /// The file it was read from, or would have been if there were one.
    pub file: Option<PathBuf>,
}

/// How the chat shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    Screen,
    Plain,
    Json,
}

impl Config {
    /// Reads `file`, or without one the file in the platform's place, which need not exist.
    ///
    /// # Errors
    /// If the file cannot be read, or says something that has no meaning; the message names file, line and key.
    pub fn load(file: Option<&Path>) -> Result<Self, Failure> {
        let (path, is_asked_for) = match (file, places()) {
            (Some(file), _) => (file.to_owned(), true),
            (None, Some(dirs)) => (dirs.config_dir().join("config.toml"), false),
            (None, None) => return Ok(Self::default()),
        };
        let mut config = match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, &path)?,
            Err(why) if why.kind() == ErrorKind::NotFound && !is_asked_for => Self::default(),
            Err(why) => {
                let try_ = match why.kind() == ErrorKind::NotFound {
                    true => "name another file with --config FILE, or make an empty one there",
                    false => "name another file with --config FILE, or see who may read this one",
                };
                return Err(Failure::new(
                    format!("cannot read the configuration {}", path.display()),
                    why,
                    try_,
                ));
            }
        };
        config.file = Some(path);
        Ok(config)
    }

    /// Reads what is written in the file at `path`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line(text, &span));
            Failure::new(
                place(path, line),
                error.message().replace('\n', ", "),
                "see https://toml.io for how such a file is written",
            )
        })?;
        let mut config = Self::default();
        for (key, value) in table.into_inner() {
            config.set(key.get_ref(), &value).map_err(|wrong| {
                let what = place(path, line(text, &key.span()));
                match wrong {
                    Wrong::Key => Failure::new(
                        what,
                        format!("there is no key `{}`", key.get_ref()),
                        format!("the keys are {}", keys().join(", ")),
                    ),
                    Wrong::Value { why, try_ } => {
                        Failure::new(what, format!("the key `{}`: {why}", key.get_ref()), try_)
                    }
                }
            })?;
        }
        Ok(config)
    }

    fn set(&mut self, key: &str, spanned: &Spanned<DeValue<'_>>) -> Result<(), Wrong> {
        let value = spanned.get_ref();
        match key {
            "bootstrap" => self.bootstrap = list(value, HOSTS, str::parse)?,
            "listen" => self.listen = Some(word(value, ADDRESS, str::parse)?),
            "advertise" => self.advertise = Some(word(value, ADDRESS, str::parse)?),
            "name" => self.name = Some(word(value, "name = \"oak\"", NodeName::parse)?),
            "data" => self.data = Some(word(value, "data = \"/var/lib/fireside\"", directory)?),
            "nick" => self.nick = Some(word(value, "nick = \"anna\"", Nick::parse)?),
            "log" => self.log = Some(word(value, LEVELS, level)?),
            "lan" => self.lan = Some(truth(value, "lan = false")?),
            "relay-only" => self.relay_only = Some(truth(value, "relay-only = true")?),
            "port-mapping" => self.port_mapping = Some(truth(value, "port-mapping = false")?),
            "local-port" => self.local_port = Some(port(value)?),
            "metrics" => self.metrics = Some(word(value, METRICS, str::parse)?),
            "allow-nodes" => self.allow_nodes = Some(list(value, KEYS_OF_NODES, node_id)?),
            "allow-clients" => self.allow_clients = Some(list(value, KEYS_OF_CLIENTS, node_id)?),
            "links-per-address" => {
                self.links_per_address = Some(count(value, "links-per-address = 256")?)
            }
            "relay-limit" => self.relay_limit = Some(count(value, "relay-limit = 4096")?),
            "operators" => self.operators = list(value, KEYS_OF_OPERATORS, node_id)?,
            "join" => self.join = list(value, "join = [\"#hearth\"]", group)?,
            "face" => self.face = Some(word(value, FACES, face)?),
            "directory" => self.directory = truth(value, "directory = true")?,
            "supernode" => self.supernode = truth(value, "supernode = true")?,
            _ => return self.options.set(key, spanned),
        }
        Ok(())
    }
}

/// The platform's directories for us; none if this user has no home.
#[must_use]
pub fn places() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "fireside")
}

/// Where data goes if nobody says: the platform's state directory.
///
/// # Errors
/// If this user has no home.
pub fn data_dir() -> Result<PathBuf, Failure> {
    let dirs = places().ok_or_else(|| {
        Failure::new(
            "cannot choose a data directory",
            "this user has no home directory",
            "name one with --data DIR",
        )
    })?;
    Ok(dirs
        .state_dir()
        .unwrap_or_else(|| dirs.data_local_dir())
        .to_owned())
}

/// A group's name as typed by a person, who may leave the `#` away.
///
/// # Errors
/// Why it is none, and what to write.
pub fn group(text: &str) -> Result<GroupName, String> {
    if text.contains("://") {
        return Err("a link is no group's name; write '#hearth'".to_owned());
    }
    let name = if text.starts_with('#') {
        GroupName::parse(text)
    } else {
        GroupName::parse(&format!("#{text}"))
    };
    name.map_err(|why| format!("{why}; a group is written '#hearth'"))
}

/// How much is logged.
///
/// # Errors
/// What to write instead.
pub fn level(text: &str) -> Result<LevelFilter, String> {
    match text {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err("it is no log level; choose off, error, warn, info, debug or trace".to_owned()),
    }
}

/// Every key there is, in their alphabet.
fn keys() -> Vec<&'static str> {
    let options = OPTIONS.iter().map(|option| option.key);
    let mut keys: Vec<_> = options.chain(options::TABLES).collect();
    keys.sort_unstable();
    keys
}

const HOSTS: &str = "bootstrap = [\"chat.example.org\"]";
const ADDRESS: &str = "listen = \"[::]:7700\"";
const METRICS: &str = "metrics = \"127.0.0.1:9700\"";
const KEYS_OF_NODES: &str = "allow-nodes = [\"3zfk...\"]";
const KEYS_OF_CLIENTS: &str = "allow-clients = [\"3zfk...\"]";
const KEYS_OF_OPERATORS: &str = "operators = [\"3zfk...\"]";
const LEVELS: &str = "log = \"info\"";
const FACES: &str = "face = \"plain\"";

/// What is wrong with a line of the file.
enum Wrong {
    Key,
    Value { why: String, try_: String },
}

fn place(path: &Path, line: usize) -> String {
    format!(
        "cannot use the configuration {}, line {line}",
        path.display()
    )
}

fn line(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..span.start).unwrap_or_default();
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}

fn kind(value: &DeValue<'_>, wanted: &str, example: &str) -> Wrong {
    Wrong::Value {
        why: format!("it is {}, not {wanted}", value.type_str()),
        try_: format!("write it like {example}"),
    }
}

/// A string, read by `read`, whose error may hold a hint of its own behind a semicolon.
fn word<T, E: std::fmt::Display>(
    value: &DeValue<'_>,
    example: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Wrong> {
    let text = value
        .as_str()
        .ok_or_else(|| kind(value, "a string", example))?;
    read(text).map_err(|error| {
        let error = error.to_string();
        let (why, try_) = match error.split_once("; ") {
            Some((why, try_)) => (why, try_.to_owned()),
            None => (error.as_str(), format!("write it like {example}")),
        };
        Wrong::Value {
            why: format!("cannot use {text:?}: {why}"),
            try_,
        }
    })
}

/// A list of strings, or one alone.
fn list<T, E: std::fmt::Display>(
    value: &DeValue<'_>,
    example: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Wrong> {
    match value.as_array() {
        Some(values) => values
            .iter()
            .map(|value| word(value.get_ref(), example, &read))
            .collect(),
        None => Ok(vec![word(value, example, read)?]),
    }
}

fn truth(value: &DeValue<'_>, example: &str) -> Result<bool, Wrong> {
    value
        .as_bool()
        .ok_or_else(|| kind(value, "true or false", example))
}

fn number(value: &DeValue<'_>, example: &str) -> Result<usize, Wrong> {
    const MOST: usize = 1_000_000;
    let number = value
        .as_integer()
        .ok_or_else(|| kind(value, "a number", example))?;
    match usize::from_str_radix(number.as_str(), number.radix()) {
        Ok(number @ ..=MOST) => Ok(number),
        Ok(_) | Err(_) => Err(Wrong::Value {
            why: format!("cannot use {}", number.as_str()),
            try_: format!("choose a number from 0 to {MOST}"),
        }),
    }
}

fn port(value: &DeValue<'_>) -> Result<u16, Wrong> {
    let example = "local-port = 7700";
    let number = value
        .as_integer()
        .ok_or_else(|| kind(value, "a number", example))?;
    match u16::from_str_radix(number.as_str(), number.radix()) {
        Ok(port) if port > 0 => Ok(port),
        Ok(_) | Err(_) => Err(Wrong::Value {
            why: format!("{} is no port", number.as_str()),
            try_: "a port is a number from 1 to 65535".to_owned(),
        }),
    }
}

/// A number of something, of which there is one at least.
fn count(value: &DeValue<'_>, example: &str) -> Result<usize, Wrong> {
    let number = value
        .as_integer()
        .ok_or_else(|| kind(value, "a number", example))?;
    match usize::from_str_radix(number.as_str(), number.radix()) {
        Ok(count) if count > 0 => Ok(count),
        Ok(_) | Err(_) => Err(Wrong::Value {
            why: format!("{} is too small or too large a number", number.as_str()),
            try_: format!("write it like {example}"),
        }),
    }
}

/// A key as a node or a client tells its own.
///
/// # Errors
/// Why it is none, and where to find it.
pub fn node_id(text: &str) -> Result<NodeId, String> {
    NodeId::parse(text).map_err(|why| {
        format!("{why}; a server tells its key when it starts, a client when it is refused")
    })
}

fn face(text: &str) -> Result<Face, String> {
    match text {
        "screen" => Ok(Face::Screen),
        "plain" => Ok(Face::Plain),
        "json" => Ok(Face::Json),
        _ => Err("there is no such face; choose screen, plain or json".to_owned()),
    }
}

fn directory(text: &str) -> Result<PathBuf, String> {
    not_empty(text).map(PathBuf::from)
}

fn not_empty(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("it is empty".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("config.toml")).map_err(|failure| failure.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let text = r##"
            advertise = "192.0.2.7"
            bootstrap = ["localhost", "127.0.0.11:7701"]
            data = "/tmp/x"
            directory = true
            face = "json"
            join = ["#hearth", "erlang"]
            lan = false
            links-per-address = 8
            relay-limit = 512
            metrics = "127.0.0.1"
            allow-nodes = []
            relay-only = true
            port-mapping = false
            listen = "[::]:7700"
            local-port = 7777
            log = "debug"
            name = "oak"
            nick = "anna"
            supernode = true
            theme = "ember"
            theme-light = "solar"
            theme-dark = "frost"
            clock = "12h"
            keys = "irssi"
            notify = "all"
            notify-by = "osc777"
            highlight = ["kettle", "/wood(en)?/"]
            show-ignored = true
            complete-suffix = ", "
            paste-lines = 5
            history = 100
            [alias]
            wave = "/me waves"
            [bind]
            "ctrl-x w" = "/wave"
            [notify-in]
            "#hearth" = "none"
            "##;
        let config = read(text).unwrap();
        let root = text.lines().take_while(|line| !line.contains("[alias]"));
        for key in root.filter_map(|line| Some(line.split_once(" = ")?.0.trim())) {
            assert!(
                OPTIONS.iter().any(|option| option.key == key),
                "/set does not know {key}"
            );
        }
        assert_eq!(config.bootstrap.len(), 2);
        assert_eq!(config.join.len(), 2);
        assert_eq!(config.local_port, Some(7777));
        assert_eq!(config.lan, Some(false));
        assert_eq!(config.links_per_address, Some(8));
        assert_eq!(config.relay_limit, Some(512));
        assert_eq!(config.allow_nodes, Some(Vec::new()));
        assert_eq!(config.allow_clients, None);
        assert_eq!(config.metrics.map(|at| at.port), Some(None));
        assert_eq!(config.relay_only, Some(true));
        assert_eq!(config.port_mapping, Some(false));
        assert_eq!(config.face, Some(Face::Json));
        assert!(config.directory && config.supernode);
        assert_eq!(config.nick, Nick::parse("anna").ok());
        let options = config.options;
        assert_eq!(options.theme, "ember");
        assert_eq!(options.alias["wave"], "/me waves");
        assert_eq!(options.bind["ctrl-x w"], "/wave");
        let hearth = GroupName::parse("#hearth").unwrap();
        assert_eq!(options.level(&hearth), Level::None);
        assert_eq!(
            options.level(&GroupName::parse("#attic").unwrap()),
            Level::All
        );
    }

    #[test]
    fn every_option_told_of_is_a_key_and_its_usual_value_is_the_usual_one() {
        for option in OPTIONS {
            let text = match option.kind {
                Kind::Text | Kind::Word(_) => format!("{} = {:?}", option.key, option.usual),
                Kind::Truth | Kind::Number => format!("{} = {}", option.key, option.usual),
                Kind::List => format!("{} = []", option.key),
            };
            if option.live {
                assert_eq!(read(&text).unwrap(), Config::default(), "{text}");
            } else {
                // Not every one may be empty, but each is known.
                let why = read(&text).err().unwrap_or_default();
                assert!(!why.contains("there is no key"), "{why}");
            }
        }
    }

    #[test]
    fn the_settings_that_a_package_brings_are_all_comments_that_can_be_made_true() {
        for text in [
            include_str!("../assets/deb/supernode.toml"),
            include_str!("../assets/deb/directory.toml"),
        ] {
            assert_eq!(read(text), Ok(Config::default()));
            let is_key = |line: &&str| line.starts_with('#') && line.contains(" = ");
            let keys: Vec<&str> = text.lines().filter(is_key).collect();
            let keys = keys.iter().filter_map(|line| line.strip_prefix('#'));
            let keys: Vec<&str> = keys.filter(|line| !line.starts_with(' ')).collect();
            assert!(keys.len() >= 8, "{keys:?}");
            let config = read(&keys.join("\n")).unwrap();
            assert_eq!(config.allow_nodes, Some(Vec::new()));
        }
    }

    #[test]
    fn what_has_no_meaning_is_named_with_its_line_and_key() {
        for (text, line, words) in [
            (
                "nick = \"anna\"\nnik = \"x\"",
                2,
                "there is no key `nik`; the keys are advertise, alias,",
            ),
            (
                "\n\nnick = \"a b\"",
                3,
                "the key `nick`: cannot use \"a b\": it may not contain ' '",
            ),
            (
                "nick = 7",
                1,
                "the key `nick`: it is integer, not a string; write it like nick",
            ),
            (
                "lan = \"no\"",
                1,
                "not true or false; write it like lan = false",
            ),
            (
                "local-port = 70000",
                1,
                "70000 is no port; a port is a number from 1 to 65535",
            ),
            (
                "bootstrap = [\"a\", \"b c\"]",
                1,
                "the key `bootstrap`: cannot use \"b c\"",
            ),
            (
                "links-per-address = 0",
                1,
                "0 is too small or too large a number; write it like links-per-address = 256",
            ),
            (
                "allow-clients = [\"anna\"]",
                1,
                "a client when it is refused",
            ),
            ("log = \"loud\"", 1, "it is no log level; choose off, error"),
            ("nick = \"anna", 1, "; see https://toml.io"),
            ("lan = true\nlan = true", 2, "duplicate key"),
            ("[nick]\n", 1, "the key `nick`: it is table, not a string"),
        ] {
            let why = read(text).unwrap_err();
            let begin = format!("cannot use the configuration config.toml, line {line}: ");
            assert!(
                why.starts_with(&begin) && why.contains(words),
                "{text:?}: {why}"
            );
            assert!(!why.contains('\n'), "{why:?}");
        }
    }
}
