//! fireside: parse, choose, run, report.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;

use fireside::chart;
use fireside::cli::{self, Chat, Plan, Refusal, Task};
use fireside::config::Face;
use fireside::face;
use fireside::log;
use fireside::node::{self, Source};
use fireside::proto::command::Command;
use fireside::proto::id::{GroupName, Nick};
use fireside::report::{self, Exit, Failure};
use fireside::service::{self, Orders};
use fireside::signals::Signals;
use fireside::tui;

fn main() -> ExitCode {
    end_on_panic();
    let plan = match cli::plan(std::env::args_os()) {
        Ok(plan) => plan,
        Err(Refusal::Usage(failure)) => {
            report::tell(&failure);
            return Exit::Usage.into();
        }
        Err(Refusal::Failed(failure)) => {
            report::tell(&failure);
            return Exit::Failed.into();
        }
    };
    match run(plan) {
        Ok(()) => Exit::Fine.into(),
        Err(error) => {
            report::tell(&format_args!("{error:#}"));
            Exit::Failed.into()
        }
    }
}

fn run(plan: Plan) -> anyhow::Result<()> {
    let level = plan.log.unwrap_or(LevelFilter::INFO);
    match plan.task {
        Task::Print(text) => print(text.trim_end()),
        Task::Chat(chat) => chat_until_bye(chat, level),
        Task::Demo { nick, choices } => {
            let look = tui::Settings {
                choices,
                ..tui::Settings::default()
            };
            demo(nick.unwrap_or_else(suggestion), look)
        }
        Task::Serve(settings) => serve(Orders {
            settings: *settings,
            log: level,
        }),
        Task::Log { data, group, json } => {
            let logs = node::Logs::open(&data)?;
            match group {
                Some(group) => tell_log(&logs, &group, json),
                None => {
                    let groups = logs.groups()?;
                    let groups: Vec<&str> = groups.iter().map(GroupName::as_str).collect();
                    print(&groups.join("\n"))
                }
            }
        }
        Task::Table { ask, json } => {
            let table = known_table(ask)?;
            print(&chart::table(&table, json))
        }
        Task::Introduce { ask, address } => {
            let runtime = small_runtime()?;
            runtime.block_on(node::introduce(&ask, &address))?;
            print(&format!("{address} is introduced"))
        }
        Task::Bury { ask, node } => {
            let runtime = small_runtime()?;
            runtime.block_on(node::bury(ask, node.clone()))?;
            print(&format!("{node} is out of service for good"))
        }
        Task::Ring { ask, of, json } => {
            let table = known_table(ask)?;
            let ring = chart::ring(&table, of.as_ref(), json).ok_or_else(|| {
                Failure::new(
                    "cannot tell the ring",
                    "no supernode is alive",
                    "start one with fireside --supernode",
                )
            })?;
            print(&ring)
        }
    }
}

fn chat_until_bye(chat: Chat, level: LevelFilter) -> anyhow::Result<()> {
    let Chat {
        face,
        settings,
        join,
        choices,
    } = chat;
    if face == Face::Screen {
        has_screen("use --plain or --json without one")?;
    }
    let data = node::ClientData::open(settings)?;
    log::to_file(data.path(), level)
        .with_context(|| format!("cannot write the log in {}", data.path().display()))?;
    let look = tui::Settings {
        choices,
        typed: Some(data.path().join("typed")),
        stage: None,
    };
    let runtime = small_runtime()?;
    let ended = runtime.block_on(async {
        let nick = match (data.nick(), face) {
            (Some(nick), _) => nick,
            (None, Face::Plain | Face::Json) => suggestion(),
            (None, Face::Screen) => match tui::ask_nick(suggestion().as_str(), &look).await? {
                Some(nick) => nick,
                None => return Ok(()),
            },
        };
        talk(data.start(nick)?, face, join, look).await
    });
    // A look-up that hangs in the system's resolver is not waited for.
    runtime.shutdown_background();
    ended
}

async fn talk(
    handle: node::Handle,
    face: Face,
    join: Vec<Command>,
    look: tui::Settings,
) -> anyhow::Result<()> {
    let node::Handle {
        commands,
        events,
        ended,
        ..
    } = handle;
    let shown = match face {
        Face::Screen => {
            let asking = commands.clone();
            tokio::spawn(async move {
                for command in join {
                    // A client that has ended joins nothing.
                    _ = asking.send(command).await;
                }
            });
            tui::run(commands, events, look).await
        }
        Face::Plain | Face::Json => {
            let signals = Signals::listen().context("listening for signals")?;
            let asked = tokio::spawn(leave_when_asked(signals, commands.clone()));
            let ending = face::run(commands, events, join, look.choices, face == Face::Json).await;
            asked.abort();
            match ending.context("writing to standard output") {
                Ok(face::Ending::Bye) => Ok(()),
                Ok(face::Ending::Unconfirmed) => Err(Failure::new(
                    "not all was sent",
                    "what was said last is not confirmed",
                    "start again with the same --data: what waits is sent then",
                )
                .into()),
                Ok(face::Ending::Broken) => Err(Failure::new(
                    "the client stopped without a word",
                    "its network or its disk failed",
                    "see fireside.log in the data directory, and start it again",
                )
                .into()),
                Err(error) => Err(error),
            }
        }
    };
    // Why the client ended says more than that it did.
    ended.wait().await.and(shown)
}

/// Writes a log to standard output, until its end or until nobody reads any more.
fn tell_log(logs: &node::Logs, group: &GroupName, json: bool) -> anyhow::Result<()> {
    let mut stored = face::Stored::new(json);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    logs.tell(group, |lines| {
        let written = lines
            .iter()
            .flat_map(|line| stored.write(line))
            .try_for_each(|row| writeln!(out, "{row}"))
            .and_then(|()| out.flush());
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error).context("writing to standard output"),
        }
    })
}

/// Lets a person see what becomes of a group whose host dies.
fn demo(nick: Nick, look: tui::Settings) -> anyhow::Result<()> {
    has_screen("run it in one")?;
    let runtime = small_runtime()?;
    let ended = runtime.block_on(async {
        let (demo, ours) = node::Demo::start(nick)?;
        let stage = tui::Stage {
            hint: demo.hint(),
            pressed: demo.plug(),
        };
        let look = tui::Settings {
            stage: Some(stage),
            ..look
        };
        let over = CancellationToken::new();
        let played = tokio::spawn(demo.play(over.clone()));
        let shown = talk(ours, Face::Screen, Vec::new(), look).await;
        over.cancel();
        played.await.context("the demo broke")?.and(shown)
    });
    runtime.shutdown_background();
    ended
}

async fn leave_when_asked(mut signals: Signals, commands: tokio::sync::mpsc::Sender<Command>) {
    signals.asked().await;
    let why = String::new();
    _ = commands.send(Command::Quit { why }).await;
    // Whoever asks twice does not want to wait.
    signals.asked().await;
    std::process::exit(1);
}

fn serve(orders: Orders) -> anyhow::Result<()> {
    // A supernode's work is many links' cryptography, which every core can share: two cores that wake each other do a
    // fifth less each than one alone, which has one thread of this.
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the threads of the network")?;
    let ended = runtime.block_on(service::run(orders, reread));
    runtime.shutdown_background();
    ended
}

/// The orders as the command line and the configuration have them by now.
fn reread() -> Result<Orders, Failure> {
    let plan = match cli::plan(std::env::args_os()) {
        Ok(plan) => plan,
        Err(Refusal::Usage(failure) | Refusal::Failed(failure)) => return Err(failure),
    };
    let log = plan.log.unwrap_or(LevelFilter::INFO);
    match plan.task {
        Task::Serve(settings) => Ok(Orders {
            settings: *settings,
            log,
        }),
        Task::Print(_)
        | Task::Chat(_)
        | Task::Demo { .. }
        | Task::Log { .. }
        | Task::Table { .. }
        | Task::Ring { .. }
        | Task::Introduce { .. }
        | Task::Bury { .. } => Err(Failure::new(
            "cannot use the configuration",
            "it does not ask for a server any more",
            "set supernode = true or directory = true, or stop this one",
        )),
    }
}

fn known_table(settings: node::AskSettings) -> anyhow::Result<fireside::proto::table::Table> {
    let runtime = small_runtime()?;
    let known = runtime.block_on(node::known_table(settings));
    runtime.shutdown_background();
    let (table, source) = known?;
    if source == Source::Disk {
        report::tell(&"no node answers: this is what fireside knew here last");
    }
    Ok(table)
}

/// One thread for a person's client: what it does in a second takes microseconds, and two threads would wake each
/// other up for it. The disk, the keyboard and standard output have their own.
fn small_runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the loop of the network")
}

fn has_screen(try_: &str) -> Result<(), Failure> {
    let lacks = |what: &str| {
        Err(Failure::new(
            "cannot open the screen",
            format!("{what} is not a terminal"),
            try_,
        ))
    };
    if !std::io::stdin().is_terminal() {
        return lacks("standard input");
    }
    if !std::io::stdout().is_terminal() {
        return lacks("standard output");
    }
    Ok(())
}

/// The user's name on this machine, as far as it can be a nick.
fn suggestion() -> Nick {
    let user = ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_default();
    let plain: String = user
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .take(16)
        .collect();
    Nick::parse(&user)
        .or_else(|_| Nick::parse(&plain))
        .or_else(|_| Nick::parse("guest"))
        .expect("guest is a nick")
}

/// Writes to standard output; nobody reading there is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A panic in any task ends the process, since nothing else would notice what is missing. The screen, which sets
/// its own hook before this one, gives the terminal back first.
fn end_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        std::process::exit(101);
    }));
}
