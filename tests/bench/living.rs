//! What it costs to live in it: the whole program on a real terminal, and weechat and irssi beside it in the same run.
//!
//! `cargo bench --bench living` takes some minutes, most of them to write a million lines and to be idle for 60
//! seconds; `FIRESIDE_LINES=100000 FIRESIDE_IDLE=10` is enough for a look, and `FIRESIDE_LINES=0` leaves out what is
//! stored.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "filled.rs"]
mod filled;

use std::io::{Read, Write as _};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use fireside::proto::command::Command;
use fireside::proto::event::{Event, Line, Member, Standing, What};
use fireside::proto::id::{EntryId, Epoch, GroupName, Nick, NodeId, Number, Place, Seq};
use fireside::proto::ruling::Rank;
use fireside::proto::time::{Hlc, Wall};
use fireside::store::DataDir;
use fireside::tui;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tokio::sync::mpsc;

const COLUMNS: u16 = 160;
const ROWS: u16 = 50;
const PATIENCE: Duration = Duration::from_secs(60);
/// Starts of each program.
const STARTS: usize = 9;
/// Keys pressed one after the other.
const KEYS: usize = 300;
/// Lines a second that arrive while keys are pressed.
const FLOOD: u64 = 2_000;
const BURST: u64 = 10_000;
/// Set for a child of this bench, which shows what it is fed.
const CHILD: &str = "FIRESIDE_BENCH_CHILD";

fn main() {
    if std::env::var_os(CHILD).is_some() {
        return child();
    }
    // `cargo test --benches` starts it too, and wants no measurement.
    if !std::env::args().any(|arg| arg == "--bench") {
        return println!("not measured: use cargo bench --bench living");
    }
    let number = |name: &str, usual| std::env::var(name).map_or(usual, |n| n.parse().unwrap());
    let (lines, idle) = (
        number("FIRESIDE_LINES", 1_000_000),
        number("FIRESIDE_IDLE", 60),
    );
    if cfg!(debug_assertions) {
        println!("BUILT WITHOUT OPTIMISATION: these are not the figures of a release");
    }
    println!("on a terminal of {COLUMNS} by {ROWS}; times in milliseconds");
    let home = tempfile::tempdir().unwrap();
    if lines > 0 {
        full(home.path(), lines);
        many(home.path());
    }
    fed();
    beside(home.path(), Duration::from_secs(idle));
}

/// A start with many stored lines, to the first frame, and to the first stored line on it.
fn full(home: &Path, lines: u64) {
    let data = home.join("full");
    fill(&data, 20, lines);
    let (mut frames, mut texts) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let mut pane = fireside(&data);
        frames.push(pane.wait("a frame", |screen| screen.contains("fireside")));
        texts.push(pane.wait("a stored line", |screen| {
            screen.contains(": w") || screen.contains("  w")
        }));
    }
    println!(
        "fireside with {lines} stored lines: first frame {:.1}, first stored line {:.1}",
        middle(&frames),
        middle(&texts)
    );
}

/// Memory with many groups.
fn many(home: &Path) {
    let data = home.join("many");
    fill(&data, 50, 500_000);
    let mut pane = fireside(&data);
    pane.wait("a frame", |screen| screen.contains("#group-49"));
    pane.settle();
    println!(
        "fireside with 50 groups of 10000 stored lines: {:.1} MB resident",
        pane.memory()
    );
}

fn fill(data: &Path, groups: u64, lines: u64) {
    let dir = DataDir::open(data).unwrap();
    let begun = Instant::now();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(filled::fill(
        &dir.database(),
        groups,
        lines,
        &mut String::new(),
    ));
    println!(
        "({lines} lines written in {:.0} s)",
        begun.elapsed().as_secs_f64()
    );
}

fn fireside(data: &Path) -> Pane {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_fireside"));
    command.args(["--nick", "mats", "--config", "/dev/null", "--data"]);
    command.arg(data);
    Pane::open(command)
}

/// Keys while lines arrive, and a burst of them: the whole screen, fed by a client that is not there.
fn fed() {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.env(CHILD, "fed");
    let mut pane = Pane::open(command);
    pane.wait("the group", |screen| screen.contains("you keep it"));
    let quiet = pane.keys();
    println!(
        "fireside, key to screen, nothing else happens: {}",
        told(&quiet)
    );
    pane.press("flood\r");
    pane.wait("the flood", |screen| screen.contains("of a long evening"));
    let busy = pane.keys();
    println!(
        "fireside, key to screen, {FLOOD} lines a second arrive: {}",
        told(&busy)
    );
    pane.press("stop\r");
    pane.wait("the end of it", |screen| screen.contains("it is over"));
    pane.settle();
    let before = (pane.bytes, pane.frames);
    let cpu = pane.cpu();
    pane.press("burst\r");
    let took = pane.wait("the burst", |screen| screen.contains("that was the burst"));
    println!(
        "fireside, a burst of {BURST} lines: {} frames, {} bytes, {took:.0} ms until the last is seen, {:.0} ms of CPU",
        pane.frames - before.1,
        pane.bytes - before.0,
        pane.cpu() - cpu,
    );
}

/// The three programs, started, typed in, and left alone.
fn beside(home: &Path, idle: Duration) {
    let empty = home.join("empty");
    println!(
        "{:<10} {:>11} {:>22} {:>9} {:>22}",
        "", "first screen", "key to screen p50 p99", "resident", "idle: bytes, CPU ms"
    );
    for (name, ready) in [
        ("fireside", "mats ›"),
        ("weechat", "WeeChat"),
        ("irssi", "[(status)]"),
    ] {
        if name != "fireside" && !is_installed(name) {
            println!(
                "{name:<10} NOT MEASURED: {name} is not installed (Debian: apt-get install {name})"
            );
            continue;
        }
        let open = || match name {
            "fireside" => fireside(&empty),
            name => {
                let mut command = CommandBuilder::new(name);
                match name {
                    "weechat" => command.args(["-a", "-d"]),
                    _ => command.args(["--noconnect", "--home"]),
                }
                command.arg(home.join(name));
                Pane::open(command)
            }
        };
        let starts: Vec<f64> = (0..STARTS)
            .map(|_| open().wait("a screen", |screen| screen.contains(ready)))
            .collect();
        let mut pane = open();
        pane.wait("a screen", |screen| screen.contains(ready));
        pane.settle();
        let keys = pane.keys();
        pane.settle();
        let memory = pane.memory();
        let (bytes, cpu) = pane.idle(idle);
        println!(
            "{name:<10} {:>11.1} {:>22} {memory:>6.1} MB {:>22}",
            middle(&starts),
            told(&keys),
            format!("{bytes}, {cpu:.0} in {} s", idle.as_secs()),
        );
    }
}

fn is_installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
}

fn middle(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The median and the 99th of a hundred.
fn told(times: &[f64]) -> String {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    format!(
        "{:.2} {:.2}",
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    )
}

/// A program on a terminal.
struct Pane {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn std::io::Write + Send>,
    chunks: Receiver<(Instant, Vec<u8>)>,
    screen: vt100::Parser,
    begun: Instant,
    /// When the last bytes came.
    came: Instant,
    bytes: usize,
    frames: usize,
    _master: Box<dyn MasterPty + Send>,
}

impl Pane {
    fn open(mut command: CommandBuilder) -> Self {
        let size = PtySize {
            rows: ROWS,
            cols: COLUMNS,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for name in ["TMUX", "LC_ALL", "NO_COLOR", "COLORTERM"] {
            command.env_remove(name);
        }
        let begun = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (send, chunks) = channel();
        std::thread::spawn(move || {
            let mut chunk = vec![0; 1 << 16];
            while let Ok(size @ 1..) = reader.read(&mut chunk) {
                if send.send((Instant::now(), chunk[..size].to_vec())).is_err() {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        let cells = |count| NonZeroU16::new(count).unwrap();
        let screen = vt100::Parser::new(cells(ROWS), cells(COLUMNS), 0);
        let (bytes, frames, master) = (0, 0, pair.master);
        Self {
            child,
            keys,
            chunks,
            screen,
            begun,
            came: begun,
            bytes,
            frames,
            _master: master,
        }
    }

    fn press(&mut self, keys: &str) {
        self.begun = Instant::now();
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until the screen is so: milliseconds from the start or the last key to the bytes that made it so.
    fn wait(&mut self, what: &str, so: impl Fn(&str) -> bool) -> f64 {
        let deadline = Instant::now() + PATIENCE;
        let mut at = self.came.max(self.begun);
        loop {
            let shown = self.screen.screen().contents();
            if so(&shown) {
                return (at - self.begun).as_secs_f64() * 1e3;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.chunks.recv_timeout(left) {
                Ok((came, chunk)) => {
                    (at, self.came) = (came, came);
                    self.take(&chunk);
                }
                Err(why) => panic!("{what}: {why}; the screen is\n{shown}"),
            }
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len();
        self.frames += chunk
            .windows(8)
            .filter(|bytes| *bytes == b"\x1b[?2026h")
            .count();
        self.screen.process(chunk);
    }

    /// Waits until nothing more is written.
    fn settle(&mut self) {
        while let Ok((_, chunk)) = self.chunks.recv_timeout(Duration::from_millis(700)) {
            self.take(&chunk);
        }
    }

    /// Presses keys one by one, each when the one before is seen.
    fn keys(&mut self) -> Vec<f64> {
        let mut times = Vec::with_capacity(KEYS);
        let mut typed = String::new();
        for n in 0..KEYS {
            if n % 20 == 0 {
                self.press("\x15");
                self.press("\x15");
                typed.clear();
            }
            let key = char::from(b'a' + u8::try_from(n % 20).unwrap());
            typed.push(key);
            self.press(&key.to_string());
            // Under a flood the lines above come and go; what is typed is in the last row.
            let row = ROWS - 1;
            times.push(self.wait_row(row, &typed));
        }
        self.press("\x15");
        times
    }

    fn wait_row(&mut self, row: u16, typed: &str) -> f64 {
        let mut at = self.begun;
        loop {
            let screen = self.screen.screen();
            let shown = screen.contents_between(row, 0, row, COLUMNS);
            if shown.trim_end().ends_with(typed) {
                return (at - self.begun).as_secs_f64() * 1e3;
            }
            match self.chunks.recv_timeout(PATIENCE) {
                Ok((came, chunk)) => {
                    at = came;
                    self.take(&chunk);
                }
                Err(why) => panic!("{typed:?}: {why}; the row is {shown:?}"),
            }
        }
    }

    /// Leaves it alone: bytes that it wrote, and milliseconds of CPU that it took.
    fn idle(&mut self, time: Duration) -> (usize, f64) {
        let (bytes, cpu) = (self.bytes, self.cpu());
        let end = Instant::now() + time;
        let left = || end.saturating_duration_since(Instant::now());
        while let Ok((_, chunk)) = self.chunks.recv_timeout(left()) {
            self.take(&chunk);
        }
        (self.bytes - bytes, self.cpu() - cpu)
    }

    /// Milliseconds of CPU so far, of the process alone (proc(5): fields 14 and 15, in ticks of 10 ms).
    fn cpu(&self) -> f64 {
        let stat = self.proc("stat");
        let (_, after) = stat.rsplit_once(')').unwrap_or_default();
        let ticks = after.split_whitespace().skip(11).take(2);
        ticks
            .filter_map(|ticks| ticks.parse::<f64>().ok())
            .sum::<f64>()
            * 10.0
    }

    /// Resident megabytes.
    fn memory(&self) -> f64 {
        let status = self.proc("status");
        let row = status.lines().find_map(|row| row.strip_prefix("VmRSS:"));
        let kib = row.and_then(|row| row.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.unwrap_or(f64::NAN) / 1024.0
    }

    fn proc(&self, what: &str) -> String {
        let pid = self.child.process_id().unwrap();
        std::fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default()
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The screen with a client behind it that says what it is told to say.
fn child() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let ended = runtime.block_on(async {
        let (commands, asked) = mpsc::channel(64);
        let (tell, events) = mpsc::channel(1024);
        tokio::spawn(feed(asked, tell));
        tui::run(commands, events, tui::Settings::default()).await
    });
    std::process::exit(i32::from(ended.is_err()));
}

async fn feed(mut asked: mpsc::Receiver<Command>, tell: mpsc::Sender<Event>) {
    let (us, here) = (NodeId([1; 32]), GroupName::parse("#hearth").unwrap());
    let nick = |nick| Nick::parse(nick).unwrap();
    let epoch = Epoch {
        number: 1,
        host: us,
    };
    let member = Member {
        id: us,
        nick: nick("mats"),
        standing: Standing::Host,
        rank: Rank::Founder,
        present: true,
        away: None,
    };
    for event in [
        Event::Ready {
            id: us,
            nick: nick("mats"),
        },
        Event::Opened {
            group: here.clone(),
            topic: String::new(),
            restored: true,
        },
        Event::Joined {
            group: here.clone(),
            host: us,
            epoch,
            members: vec![member],
        },
    ] {
        tell.send(event).await.unwrap();
    }
    let mut said = 0;
    let mut line = |text: String| {
        said += 1;
        Event::Entry(Line {
            group: here.clone(),
            id: EntryId {
                author: NodeId([2; 32]),
                number: Number(said),
            },
            from: nick("bob"),
            place: Place {
                hlc: Hlc(said << 16),
                epoch,
                seq: Seq(said),
            },
            at: Wall(1_795_201_440_000),
            what: What::Text(text),
            own: false,
            history: false,
        })
    };
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let (mut is_flood, mut count) = (false, 0);
    loop {
        tokio::select! {
            _ = ticks.tick(), if is_flood => for _ in 0..FLOOD / 100 {
                count += 1;
                tell.send(line(format!("line {count} of a long evening, as long as most lines are when people talk"))).await.unwrap();
            },
            command = asked.recv() => match command {
                Some(Command::Say { text, .. }) if text == "flood" => is_flood = true,
                Some(Command::Say { text, .. }) if text == "stop" => {
                    is_flood = false;
                    tell.send(line("it is over".to_owned())).await.unwrap();
                }
                Some(Command::Say { .. }) => {
                    for n in 0..BURST {
                        tell.send(line(format!("burst {n}, as long as most lines are when people talk by the fire"))).await.unwrap();
                    }
                    tell.send(line("that was the burst".to_owned())).await.unwrap();
                }
                Some(Command::History { group, .. }) => {
                    tell.send(Event::History { group, lines: Vec::new(), more: false }).await.unwrap();
                }
                Some(_) => {}
                None => return,
            },
        }
    }
}
