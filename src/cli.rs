//! The command line: what was asked for, with what the configuration adds to it.

mod generate;
mod server;

use std::ffi::OsString;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand};
use tracing::level_filters::LevelFilter;

use self::generate::Generated;
use self::server::ServerOptions;
use crate::address::{AddressPort, HostPort, PORT};
use crate::chart::Subject;
use crate::config::{self, Config, Face};
use crate::node;
use crate::proto::command::Command;
use crate::proto::id::{GroupName, Nick, NodeId, NodeName};
use crate::proto::invite::Invite;
use crate::proto::wire::Roles;
use crate::report::Failure;

/// Chat groups in your terminal that outlive whoever opened them.
///
/// Started plainly it is a full-screen chat. It looks for others on this machine and on the local network; if
/// nobody is there it keeps a small network of its own, which others then find.
#[derive(Debug, Parser)]
#[command(
    name = "fireside",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
#[command(after_help = EXAMPLES)]
struct Cli {
    /// Groups to join, like '#hearth' (a bare name gets its #), or links that /invite has made
    #[arg(value_name = "TARGET", value_parser = target)]
    targets: Vec<Target>,

    #[command(subcommand)]
    verb: Option<Verb>,

    /// Chat without a screen: a typed line in, an event a line out
    #[arg(long, help_heading = "Instead of the screen")]
    plain: bool,

    /// As --plain, one JSON object a line (with table and ring: their answer as JSON)
    #[arg(long, global = true, help_heading = "Instead of the screen")]
    json: bool,

    /// Introduce and relay for clients, until stopped
    #[arg(long, help_heading = "Serve others")]
    supernode: bool,

    /// Keep the list of supernodes, until stopped (together with --supernode: both)
    #[arg(long, help_heading = "Serve others")]
    directory: bool,

    /// Write the manual page, or what completes the command line in a shell, to standard output
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        exclusive = true,
        hide_short_help = true
    )]
    generate: Option<Generated>,

    #[command(flatten)]
    server: ServerOptions,

    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tell the ring of supernodes, and which of them is responsible for a group
    Ring {
        /// A group like '#hearth' (a bare name gets its #), or a person's key
        #[arg(value_name = "GROUP|KEY", value_parser = subject)]
        of: Option<Subject>,
    },
    /// A small network in one process: four friends talk, and you may kill whoever keeps the group
    Demo,
    /// Tell the log of a group or private talk from disk, from the beginning; alone, of which ones there is something
    Log {
        /// Like '#hearth' (a bare name gets its #), or the key of somebody you talked to in private
        #[arg(value_name = "GROUP|KEY", value_parser = logged)]
        group: Option<GroupName>,
    },
    /// Tell the table: every directory and supernode that is known
    Table,
    /// Tell a running node of another, so that their meshes become one
    Introduce {
        /// Where the other is
        #[arg(value_name = "HOST[:PORT]")]
        address: HostPort,
    },
    /// Take a node out of service for good, as an operator that the directories know
    Bury {
        /// Its name in the table
        #[arg(value_parser = NodeName::parse)]
        node: NodeName,
    },
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Settings, each also a key of config.toml")]
struct Options {
    /// A directory (or any mesh node) to start from; repeatable; a DNS name means all its addresses
    #[arg(long, value_name = "HOST[:PORT]", global = true)]
    bootstrap: Vec<HostPort>,

    /// Where to listen, UDP [default: [::]:7700 to serve, any port to chat]
    #[arg(long, value_name = "ADDR[:PORT]")]
    listen: Option<AddressPort>,

    /// The address others should use to reach this node [default: learned]
    #[arg(long, value_name = "ADDR[:PORT]")]
    advertise: Option<AddressPort>,

    /// This node's unique name in the table [default: host name and key]
    #[arg(long, value_name = "NAME", value_parser = NodeName::parse)]
    name: Option<NodeName>,

    /// Where to keep the key and the history; another directory is another person
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,

    /// Read this instead of the usual config.toml
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// The name to go by
    #[arg(long, value_name = "NICK", global = true, value_parser = Nick::parse)]
    nick: Option<Nick>,

    /// Neither look for others on the local network nor be seen there: this machine only
    #[arg(long, global = true)]
    no_lan: bool,

    /// Keep your address from the others of a group: talk to them through supernodes only
    #[arg(long)]
    relay_only: bool,

    /// Do not ask the router at home to let members in (PCP, NAT-PMP, UPnP)
    #[arg(long, hide_short_help = true)]
    no_port_mapping: bool,

    /// The UDP port at which clients of this machine find each other
    #[arg(long, value_name = "PORT", global = true, hide_short_help = true, default_value = None,
          value_parser = clap::value_parser!(u16).range(1..))]
    local_port: Option<u16>,

    /// How much to log: off, error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", value_parser = config::level)]
    log: Option<LevelFilter>,
}

const EXAMPLES: &str = "\
Examples:
  fireside demo                          see a group outlive its host, in a minute
  fireside '#hearth'                     chat; with --data DIR you are somebody else
  fireside --directory                   keep a directory on this machine
  fireside --supernode --bootstrap HOST  keep a supernode that registers there
  fireside --bootstrap HOST '#hearth'    chat over them
  fireside ring '#hearth'                where that group lives";

/// What is to be done.
#[derive(Debug)]
pub struct Plan {
    pub task: Task,
    pub log: Option<LevelFilter>,
}

#[derive(Debug)]
pub enum Task {
    /// Show what becomes of a group whose host dies.
    Demo {
        nick: Option<Nick>,
        choices: config::Choices,
    },
    /// Help, the version, or what was generated, to be printed.
    Print(String),
    Chat(Chat),
    Serve(Box<node::MeshSettings>),
    Log {
        data: PathBuf,
        group: Option<GroupName>,
        json: bool,
    },
    Table {
        ask: node::AskSettings,
        json: bool,
    },
    Ring {
        ask: node::AskSettings,
        of: Option<Subject>,
        json: bool,
    },
    Introduce {
        ask: node::AskSettings,
        address: HostPort,
    },
    Bury {
        ask: node::AskSettings,
        node: NodeName,
    },
}

/// A chat to be begun.
#[derive(Debug)]
pub struct Chat {
    pub face: Face,
    pub settings: node::ClientSettings,
    /// What to ask first: to come into groups.
    pub join: Vec<Command>,
    /// What can be changed while it runs.
    pub choices: config::Choices,
}

/// Where somebody wants to go.
#[derive(Clone, Debug)]
enum Target {
    Group(GroupName),
    Invite(Box<Invite>),
}

impl Target {
    /// Where its network is, if it says so.
    fn gates(&self) -> Vec<SocketAddr> {
        match self {
            Self::Group(_) => Vec::new(),
            Self::Invite(invite) => invite.gates.iter().map(|gate| gate.address).collect(),
        }
    }

    fn command(self) -> Command {
        match self {
            Self::Group(group) => Command::Join { group },
            Self::Invite(invite) => Command::Accept { invite },
        }
    }
}

/// Why nothing is done.
#[derive(Debug)]
pub enum Refusal {
    /// The command line has no meaning: exit code 2.
    Usage(Failure),
    /// Something it needs is not as it should be: exit code 1.
    Failed(Failure),
}

/// Reads the command line and the configuration.
///
/// # Errors
/// Either may make no sense.
pub fn plan(args: impl IntoIterator<Item = OsString>) -> Result<Plan, Refusal> {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let asked = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion];
            if !asked.contains(&error.kind()) {
                return Err(Refusal::Usage(reshape(&error)));
            }
            return Ok(Plan {
                task: Task::Print(error.render().to_string()),
                log: None,
            });
        }
    };
    if let Some(what) = cli.generate {
        return Ok(Plan {
            task: Task::Print(what.text(&mut Cli::command())),
            log: None,
        });
    }
    cli.check().map_err(Refusal::Usage)?;
    let config = Config::load(cli.options.config.as_deref()).map_err(Refusal::Failed)?;
    let log = cli.options.log.or(config.log);
    let task = cli.task(config).map_err(Refusal::Failed)?;
    Ok(Plan { task, log })
}

impl Cli {
    /// What clap cannot see: flags that have no meaning together.
    fn check(&self) -> Result<(), Failure> {
        let serves = self.supernode || self.directory;
        let together = |one: &str, other: &str| {
            Err(Failure::new(
                format!("cannot do {one} and {other} at once"),
                "they ask for different things",
                "leave one of them away; fireside --help tells what there is",
            ))
        };
        match (&self.verb, serves) {
            (Some(_), _) if !self.targets.is_empty() => together("TARGET", "a verb"),
            (Some(_), true) => together("--supernode or --directory", "a verb"),
            (Some(_), false) if self.plain => together("--plain", "a verb"),
            (None, _) if self.plain && self.json => together("--plain", "--json"),
            (None, true) if self.plain || self.json => {
                together("--supernode or --directory", "--plain or --json")
            }
            (None, true) if !self.targets.is_empty() => {
                together("--supernode or --directory", "TARGET")
            }
            (None | Some(_), _) => Ok(()),
        }
    }

    fn task(self, config: Config) -> Result<Task, Failure> {
        let options = self.options.or(&config);
        let roles = Roles {
            directory: self.directory || config.directory,
            supernode: self.supernode || config.supernode,
        };
        let wants_chat = self.plain || self.json || !self.targets.is_empty();
        let ask = |data: PathBuf| node::AskSettings {
            bootstrap: options.bootstrap.clone(),
            local_port: options.local_port.unwrap_or(PORT),
            lan: !options.no_lan,
            data,
        };
        Ok(match self.verb {
            Some(Verb::Demo) => Task::Demo {
                nick: options.nick,
                choices: config::Choices::open(config.file)?,
            },
            Some(Verb::Log { group }) => Task::Log {
                data: options.data_dir()?,
                group,
                json: self.json,
            },
            Some(Verb::Table) => Task::Table {
                ask: ask(options.data_dir()?),
                json: self.json,
            },
            Some(Verb::Ring { of }) => Task::Ring {
                ask: ask(options.data_dir()?),
                of,
                json: self.json,
            },
            Some(Verb::Introduce { address }) => Task::Introduce {
                ask: ask(options.data_dir()?),
                address,
            },
            Some(Verb::Bury { node }) => Task::Bury {
                ask: ask(options.data_dir()?),
                node,
            },
            None if (roles.directory || roles.supernode) && !wants_chat => {
                let settings = options.serve(roles, self.server, &config)?;
                Task::Serve(Box::new(settings))
            }
            None => {
                let face = match (self.plain, self.json) {
                    (true, _) => Face::Plain,
                    (false, true) => Face::Json,
                    (false, false) => config.face.unwrap_or(Face::Screen),
                };
                let usual = config.join.into_iter().map(Target::Group);
                let join: Vec<_> = usual.chain(self.targets).collect();
                let gates = join.iter().flat_map(Target::gates).collect();
                Task::Chat(Chat {
                    face,
                    settings: options.chat(gates)?,
                    join: join.into_iter().map(Target::command).collect(),
                    choices: config::Choices::open(config.file)?,
                })
            }
        })
    }
}

impl Options {
    /// The command line first, then the file.
    fn or(self, config: &Config) -> Self {
        Self {
            bootstrap: if self.bootstrap.is_empty() {
                config.bootstrap.clone()
            } else {
                self.bootstrap
            },
            listen: self.listen.or(config.listen),
            advertise: self.advertise.or(config.advertise),
            name: self.name.or_else(|| config.name.clone()),
            data: self.data.or_else(|| config.data.clone()),
            config: self.config,
            nick: self.nick.or_else(|| config.nick.clone()),
            no_lan: self.no_lan || config.lan == Some(false),
            relay_only: self.relay_only || config.relay_only == Some(true),
            no_port_mapping: self.no_port_mapping || config.port_mapping == Some(false),
            local_port: self.local_port.or(config.local_port),
            log: self.log,
        }
    }

    fn data_dir(&self) -> Result<PathBuf, Failure> {
        self.data.clone().map_or_else(config::data_dir, Ok)
    }

    fn chat(self, gates: Vec<SocketAddr>) -> Result<node::ClientSettings, Failure> {
        let data = self.data_dir()?;
        let search = if self.bootstrap.is_empty() {
            node::Search::Local {
                port: self.local_port.unwrap_or(PORT),
                lan: !self.no_lan,
            }
        } else {
            node::Search::Bootstrap(self.bootstrap)
        };
        let any = AddressPort {
            ip: Ipv6Addr::UNSPECIFIED.into(),
            port: None,
        };
        Ok(node::ClientSettings {
            data,
            nick: self.nick,
            listen: self.listen.unwrap_or(any).or_port(0),
            search,
            gates,
            relay_only: self.relay_only,
            port_mapping: !self.no_port_mapping,
        })
    }

    /// A server has a directory of its own below the usual one, so that it can run beside its owner's chat.
    fn serve(
        self,
        roles: Roles,
        server: ServerOptions,
        config: &Config,
    ) -> Result<node::MeshSettings, Failure> {
        let data = match self.data {
            Some(data) => data,
            None => config::data_dir()?.join("server"),
        };
        let any = AddressPort {
            ip: Ipv6Addr::UNSPECIFIED.into(),
            port: None,
        };
        Ok(node::MeshSettings {
            data,
            roles,
            name: self.name,
            listen: self.listen.unwrap_or(any).or_port(PORT),
            advertise: self.advertise,
            bootstrap: self.bootstrap,
            metrics: server.metrics(config),
            links_per_address: server.share(config),
            relay_limit_kib: server.relay_limit(config),
            operators: server.operators(config),
            admission: server.admission(config)?,
        })
    }
}

/// A group, or the link to one.
fn target(text: &str) -> Result<Target, String> {
    if text.contains("://") {
        let invite = Invite::parse(text).map_err(|why| format!("{why}; ask for the link again"))?;
        return Ok(Target::Invite(Box::new(invite)));
    }
    config::group(text).map(Target::Group)
}

/// Whose place on the ring is asked for. A key is longer than any word people call a group by.
fn subject(text: &str) -> Result<Subject, String> {
    match NodeId::parse(text) {
        Ok(person) => Ok(Subject::Person(person)),
        Err(_) => config::group(text).map(Subject::Group),
    }
}

/// Whose log is asked for.
fn logged(text: &str) -> Result<GroupName, String> {
    Ok(match subject(text.strip_prefix('@').unwrap_or(text))? {
        Subject::Group(group) => group,
        Subject::Person(person) => GroupName::of_person(&person),
    })
}

/// clap's several lines in our three parts.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "clap's list of errors is open; what is not told apart is told in its own words"
)]
fn reshape(error: &clap::Error) -> Failure {
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        Some(ContextValue::Strings(words)) => Some(words.join(", ")),
        _ => None,
    };
    let argument = word(ContextKind::InvalidArg).unwrap_or_default();
    let value = word(ContextKind::InvalidValue).unwrap_or_default();
    let help = "fireside --help tells what there is";
    match error.kind() {
        ErrorKind::UnknownArgument => Failure::new(
            format!("cannot understand {argument}"),
            "there is no such option",
            match word(ContextKind::SuggestedArg) {
                Some(near) => format!("did you mean {near}?"),
                None => help.to_owned(),
            },
        ),
        ErrorKind::InvalidValue if value.is_empty() => Failure::new(
            format!("cannot understand {argument}"),
            "its value is missing",
            help,
        ),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let cause = std::error::Error::source(error).map_or_else(
                || "it is not one of its values".to_owned(),
                ToString::to_string,
            );
            let (why, try_) = cause
                .split_once("; ")
                .map_or((cause.as_str(), help), |parts| parts);
            Failure::new(format!("cannot use {value:?} as {argument}"), why, try_)
        }
        ErrorKind::ArgumentConflict => Failure::new(
            format!("cannot understand {argument}"),
            match word(ContextKind::PriorArg) {
                Some(prior) if prior == argument => "it is given more than once".to_owned(),
                Some(prior) => format!("it does not go with {prior}"),
                None => "it does not go with the rest".to_owned(),
            },
            help,
        ),
        ErrorKind::InvalidUtf8 => Failure::new(
            "cannot understand the command line",
            "it is not UTF-8",
            "see the language settings of your terminal",
        ),
        _ => {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            Failure::new(
                "cannot understand the command line",
                first.strip_prefix("error: ").unwrap_or(first),
                help,
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Task, Refusal> {
        let args = ["fireside", "--config", "/dev/null"]
            .into_iter()
            .chain(line.split_whitespace());
        plan(args.map(OsString::from)).map(|plan| plan.task)
    }

    #[test]
    fn clap_finds_nothing_wrong_with_the_declarations() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_bare_name_gets_its_hash() {
        let Ok(Task::Chat(chat)) = read("--data /d --plain hearth #Erlang") else {
            panic!("no chat");
        };
        let join = |name: &str| Command::Join {
            group: config::group(name).unwrap(),
        };
        assert_eq!(chat.join, [join("#hearth"), join("#erlang")]);
        assert_eq!(chat.face, Face::Plain);
    }

    #[test]
    fn both_server_roles_go_together_and_verbs_take_json_on_either_side() {
        let Ok(Task::Serve(settings)) = read("--directory --supernode --listen 127.0.0.2") else {
            panic!("no server");
        };
        assert!(settings.roles.directory && settings.roles.supernode);
        assert_eq!(settings.listen.to_string(), "127.0.0.2:7700");
        for line in [
            "--json ring #hearth",
            "ring #hearth --json",
            "ring --json hearth",
        ] {
            let Ok(Task::Ring { of, json, .. }) = read(line) else {
                panic!("no ring: {line}");
            };
            assert!(json, "{line}");
            assert_eq!(
                of.unwrap(),
                Subject::Group(config::group("hearth").unwrap())
            );
        }
    }

    #[test]
    fn what_has_no_meaning_is_said_in_three_parts() {
        for (line, words) in [
            (
                "--nonsense",
                "cannot understand --nonsense: there is no such option; fireside --help",
            ),
            (
                "--bootstap x",
                "there is no such option; did you mean --bootstrap?",
            ),
            ("--bootstrap", "its value is missing"),
            (
                "--bootstrap a:b",
                "cannot use \"a:b\" as --bootstrap <HOST[:PORT]>: \"b\" is no port; a port is",
            ),
            (
                "--listen nowhere",
                "cannot use \"nowhere\" as --listen <ADDR[:PORT]>: \"nowhere\" is no IP address",
            ),
            ("--nick a,b", "it may not contain ','"),
            ("--log loud", "it is no log level; choose"),
            ("--plain --json", "cannot do --plain and --json at once"),
            ("--supernode --json", "at once"),
            ("--directory #hearth", "at once"),
            ("--local-port 0", "0 is not in 1..=65535"),
            ("--nick a --nick b", "it is given more than once"),
            (
                "fireside://x",
                "a part of it is missing or mistyped; ask for the link again",
            ),
            ("#", "it is empty; a group is written '#hearth'"),
        ] {
            match read(line) {
                Err(Refusal::Usage(failure)) => {
                    assert!(failure.to_string().contains(words), "{line}: {failure}");
                }
                other => panic!("{line}: {other:?}"),
            }
        }
    }
}
