//! The screen on a real pseudo terminal: taken over, drawn on, and given back as it was, however it ends.
//!
//! The program under test is this test binary itself, started anew as [`child`]: the real loop around the screen,
//! with a client behind it that answers at once.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use fireside::config::Choices;
use fireside::proto::command::Command;
use fireside::proto::event::{Event, Line, Standing, What};
use fireside::proto::id::{EntryId, Epoch, Number, Place, Seq};
use fireside::proto::time::{Hlc, Wall};
use fireside::tui;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;

use crate::story::{EVENING, group, id, nick};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// What gives the terminal back, in this order.
const LEAVE: &[u8] =
    b"\x1b[?2026l\x1b]8;;\x1b\\\x1b[0m\x1b[?1006l\x1b[?1000l\x1b[?1004l\x1b[?2004l\x1b[?25h\x1b[23;0t\x1b[?1049l";

/// Not a test: what the tests here start. Says with its exit code how it ended.
#[test]
#[ignore = "started by the other tests"]
fn child() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ended = runtime.block_on(async {
        let (commands, commands_in) = mpsc::channel(64);
        let (events_out, events) = mpsc::channel(64);
        tokio::spawn(answer(commands_in, events_out));
        tui::run(commands, events, settings()).await
    });
    if let Err(why) = ended {
        println!("fireside: {why:#}");
        std::process::exit(1);
    }
    std::process::exit(0);
}

/// What bob says to a question.
fn answered(epoch: Epoch, seq: u64) -> Line {
    Line {
        group: group("#hearth"),
        id: EntryId {
            author: id("bob"),
            number: Number(seq),
        },
        from: nick("bob"),
        place: Place {
            hlc: Hlc(seq),
            epoch,
            seq: Seq(seq + 1000),
        },
        at: Wall(EVENING),
        what: What::Text(format!("mats: yes, {seq}")),
        own: false,
        history: false,
    }
}

/// What the child is told of its directory by.
pub(crate) const HOME: &str = "FIRESIDE_TEST_HOME";

fn settings() -> tui::Settings {
    match std::env::var_os(HOME) {
        None => tui::Settings::default(),
        Some(home) => tui::Settings {
            choices: Choices::open(Some(Path::new(&home).join("config.toml"))).unwrap(),
            typed: Some(Path::new(&home).join("typed")),
            ..tui::Settings::default()
        },
    }
}

/// Not a test: the question for a nick, answered on standard output.
#[test]
#[ignore = "started by the other tests"]
fn asking_child() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let nick = runtime
        .block_on(tui::ask_nick("mats", &tui::Settings::default()))
        .unwrap();
    println!("called {nick:?}");
    std::process::exit(0);
}

/// Not a test: the question for a nick, and the screen behind it.
#[test]
#[ignore = "started by the other tests"]
fn asked_child() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ended = runtime.block_on(async {
        let (commands, commands_in) = mpsc::channel(64);
        let (events_out, events) = mpsc::channel(64);
        tui::ask_nick("mats", &settings()).await.unwrap();
        tokio::spawn(answer(commands_in, events_out));
        tui::run(commands, events, settings()).await
    });
    std::process::exit(i32::from(ended.is_err()));
}

/// A client that takes every line at once, alone in #hearth; it panics when it is told to.
async fn answer(mut commands: mpsc::Receiver<Command>, events: mpsc::Sender<Event>) {
    let here = || group("#hearth");
    let tell = async |event| events.send(event).await.unwrap();
    tell(Event::Ready {
        id: id("mats"),
        nick: nick("mats"),
    })
    .await;
    tell(Event::Opened {
        group: here(),
        topic: "bring wood".to_owned(),
        restored: true,
    })
    .await;
    let host = id("mats");
    let us = fireside::proto::event::Member {
        id: host,
        nick: nick("mats"),
        standing: Standing::Host,
        rank: fireside::proto::ruling::Rank::Founder,
        present: true,
        away: None,
    };
    let epoch = Epoch { number: 1, host };
    tell(Event::Joined {
        group: here(),
        host,
        epoch,
        members: vec![us],
    })
    .await;
    let mut seq = 0;
    while let Some(command) = commands.recv().await {
        match command {
            Command::Say { text, .. } if text == "panic" => {
                std::thread::spawn(|| panic!("as asked"))
                    .join()
                    .unwrap_err();
            }
            Command::Say { text, .. } => {
                seq += 1;
                let sent = EntryId {
                    author: host,
                    number: Number(seq),
                };
                let is_question = text.ends_with('?');
                let batch = text
                    .strip_prefix("harm ")
                    .and_then(|batch| batch.parse().ok());
                let batch: Option<usize> = batch;
                let what = What::Text(text);
                let at = Wall(EVENING);
                tell(Event::Sent {
                    group: here(),
                    id: sent,
                    at,
                    what: what.clone(),
                })
                .await;
                let place = Place {
                    hlc: Hlc(seq),
                    epoch,
                    seq: Seq(seq),
                };
                let (from, own, history) = (nick("mats"), true, false);
                tell(Event::Entry(Line {
                    group: here(),
                    id: sent,
                    from,
                    place,
                    at,
                    what,
                    own,
                    history,
                }))
                .await;
                if let Some(batch) = batch {
                    for (n, text) in crate::corpus::texts().iter().enumerate() {
                        if n / BATCH == batch {
                            for event in crate::corpus::said_by_a_stranger(place, n as u64, text) {
                                tell(event).await;
                            }
                        }
                    }
                }
                if is_question {
                    tell(Event::Entry(answered(epoch, seq))).await;
                }
            }
            Command::History { group, .. } => {
                tell(Event::History {
                    group,
                    lines: Vec::new(),
                    more: false,
                })
                .await;
            }
            Command::Quit { .. } => tell(Event::Bye).await,
            Command::Join { .. }
            | Command::Part { .. }
            | Command::Act { .. }
            | Command::Drop { .. }
            | Command::Topic { .. }
            | Command::Rule { .. }
            | Command::Nick { .. }
            | Command::Names { .. }
            | Command::Query { .. }
            | Command::Rules { .. }
            | Command::Whois { .. }
            | Command::Accept { .. }
            | Command::Invite { .. }
            | Command::Verify { .. }
            | Command::Away { .. }
            | Command::Chart { .. }
            | Command::Ignore { .. }
            | Command::Reach { .. }
            | Command::Past(_) => {}
        }
    }
}

pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    bytes: Receiver<Vec<u8>>,
    pub(crate) seen: Vec<u8>,
    pub(crate) screen: vt100::Parser,
}

impl Terminal {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with these words in its environment.
    pub(crate) fn start_with(env: &[(&str, &str)]) -> Self {
        let mut terminal = Self::start_as("terminal::child", env);
        terminal.wait_for("you keep it");
        terminal
    }

    pub(crate) fn start_as(child: &str, env: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["--exact", child, "--ignored", "--nocapture"]);
        command.env_remove("COLORTERM");
        Self::run_with(command, 60, 12, env)
    }

    /// Runs a program on a terminal of some columns and rows.
    pub(crate) fn run(command: CommandBuilder, cols: u16, rows: u16) -> Self {
        Self::run_with(command, cols, rows, &[])
    }

    fn run_with(mut command: CommandBuilder, cols: u16, rows: u16, env: &[(&str, &str)]) -> Self {
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("TZ", "UTC");
        command.env("EDITOR", "sed -i s/old/new/");
        for unset in [
            "VISUAL",
            "NO_COLOR",
            "LC_ALL",
            "LC_CTYPE",
            "KITTY_WINDOW_ID",
            "TERM_PROGRAM",
            "COLORFGBG",
            "DISPLAY",
            "WAYLAND_DISPLAY",
            "BROWSER",
        ] {
            command.env_remove(unset);
        }
        for (name, value) in env {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (send, bytes) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(size @ 1..) = reader.read(&mut chunk) {
                if send.send(chunk[..size].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        let screen = vt100::Parser::new(size_of(rows), size_of(cols), 0);
        Self {
            child,
            master: pair.master,
            keys,
            bytes,
            seen: Vec::new(),
            screen,
        }
    }

    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self
    }

    pub(crate) fn signal(&mut self, signal: Signal) -> &mut Self {
        let pid = self
            .child
            .process_id()
            .and_then(|pid| Pid::from_raw(i32::try_from(pid).unwrap()));
        kill_process(pid.unwrap(), signal).unwrap();
        self
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) -> &mut Self {
        self.wait_until(text, |terminal| {
            terminal.screen.screen().contents().contains(text)
        })
    }

    /// Waits until something is so.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, so: impl Fn(&Self) -> bool) -> &mut Self {
        let deadline = Instant::now() + PATIENCE;
        while !so(self) {
            match self
                .bytes
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(chunk) => self.take(&chunk),
                Err(why) => panic!(
                    "{what:?}: {why}; the screen is\n{}",
                    self.screen.screen().contents()
                ),
            }
        }
        self
    }

    fn take(&mut self, chunk: &[u8]) {
        self.screen.process(chunk);
        self.seen.extend_from_slice(chunk);
    }

    /// Waits for the end, and takes all that is written until then: the exit code.
    pub(crate) fn end(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .bytes
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(chunk) => self.take(&chunk),
                Err(RecvTimeoutError::Disconnected) => {
                    return self.child.wait().unwrap().exit_code();
                }
                Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
    }

    /// Whether the process has stopped, as Linux tells it: the letter behind its name.
    fn is_stopped(&self) -> bool {
        let pid = self.child.process_id().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let (_, after) = stat.rsplit_once(')').unwrap();
        after.trim_start().starts_with('T')
    }

    pub(crate) fn left(&self) -> usize {
        self.seen
            .windows(LEAVE.len())
            .filter(|bytes| *bytes == LEAVE)
            .count()
    }
}

fn size_of(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).unwrap()
}

/// Texts of the corpus that a stranger says at once.
const BATCH: usize = 3;

#[test]
fn nothing_that_a_stranger_says_acts_on_a_real_terminal() {
    let mut terminal = Terminal::start();
    let from = terminal.seen.len();
    let batches = crate::corpus::texts().len().div_ceil(BATCH);
    for batch in 0..batches {
        let answer = format!("harm {batch}\r");
        terminal.press(&answer);
        terminal.press(&format!("next {batch}\r"));
        terminal.wait_for(&format!("next {batch}"));
    }
    let seen = String::from_utf8(terminal.seen[from..].to_vec()).unwrap();
    assert!(seen.len() > 10_000);
    assert_eq!(
        crate::corpus::Harm::of_screen(&seen),
        crate::corpus::Harm::default()
    );
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_typed_line_is_shown_and_then_nothing_is_written_any_more() {
    let mut terminal = Terminal::start();
    terminal
        .press("hello there\r")
        .wait_for("mats: hello there");
    terminal.wait_until("a quiet terminal", |_| true);
    while terminal
        .bytes
        .recv_timeout(Duration::from_millis(200))
        .is_ok()
    {}
    let more = terminal.bytes.recv_timeout(Duration::from_millis(700));
    assert_eq!(
        more,
        Err(RecvTimeoutError::Timeout),
        "an idle screen writes nothing"
    );
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn quitting_gives_the_terminal_back_once() {
    let mut terminal = Terminal::start();
    assert!(terminal.screen.screen().alternate_screen());
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
    assert_eq!(terminal.left(), 1);
    assert!(!terminal.screen.screen().alternate_screen());
    assert!(!terminal.screen.screen().bracketed_paste());
}

#[test]
fn terminating_is_an_orderly_quit() {
    let mut terminal = Terminal::start();
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.end(), 0);
    assert_eq!(terminal.left(), 1);
}

#[test]
fn a_panic_in_any_thread_gives_the_terminal_back_before_its_message() {
    let mut terminal = Terminal::start();
    terminal.press("panic\r");
    assert_eq!(terminal.end(), 1);
    let seen = String::from_utf8_lossy(&terminal.seen).into_owned();
    let (_, after) = seen
        .split_once(std::str::from_utf8(LEAVE).unwrap())
        .unwrap();
    assert!(after.contains("as asked"), "{after:?}");
    assert!(
        after.contains("fireside: a part of fireside stopped"),
        "{after:?}"
    );
    assert!(
        !after.contains("\x1b["),
        "nothing is drawn over the shell: {after:?}"
    );
}

#[test]
fn stopped_it_gives_the_terminal_back_and_going_on_it_draws_anew() {
    let mut terminal = Terminal::start();
    terminal.press("before\r").wait_for("mats: before");
    terminal.signal(Signal::TSTP);
    terminal.wait_until("the terminal given back", |terminal| terminal.left() == 1);
    assert!(!terminal.screen.screen().alternate_screen());
    // It is given back first; going on counts only for who has stopped.
    let deadline = Instant::now() + PATIENCE;
    while !terminal.is_stopped() {
        assert!(Instant::now() < deadline, "it never stopped");
        std::thread::yield_now();
    }
    terminal.signal(Signal::CONT);
    terminal.wait_until("the screen anew", |terminal| {
        terminal.screen.screen().alternate_screen()
    });
    terminal
        .wait_for("mats: before")
        .press("after\r")
        .wait_for("mats: after");
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
    assert_eq!(terminal.left(), 2);
}

#[test]
fn the_line_is_written_in_an_editor_outside_which_has_the_terminal_for_that_long() {
    let mut terminal = Terminal::start();
    terminal.press("the old line").wait_for("the old line");
    terminal.press("\x18\x05").wait_for("the new line");
    assert_eq!(terminal.left(), 1, "it was given back once");
    assert!(terminal.screen.screen().alternate_screen());
    terminal.press("\r").wait_for("mats: the new line");
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_mention_calls_a_person_whose_eyes_are_elsewhere_and_nobody_else() {
    let mut terminal = Terminal::start();
    let calls = |terminal: &Terminal, answer: &str| {
        let seen = String::from_utf8_lossy(&terminal.seen).into_owned();
        let call = format!("\x1b]777;notify;#hearth;bob: mats: {answer}\x1b\\");
        seen.matches(&call).count()
    };
    terminal
        .press("/set notify-by osc777\r")
        .wait_for("notify-by = osc777");
    terminal
        .press("\x1b[I")
        .press("looking?\r")
        .wait_for("yes, 1");
    terminal.press("\x1b[O").press("away?\r").wait_for("yes, 2");
    terminal.wait_until("the call", |terminal| calls(terminal, "yes, 2") == 1);
    terminal.press("/mute\r").wait_for("in #hearth: none");
    terminal.press("quiet?\r").wait_for("yes, 3");
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
    let called = ["yes, 1", "yes, 2", "yes, 3"].map(|answer| calls(&terminal, answer));
    assert_eq!(called, [0, 1, 0]);
}

#[test]
fn what_was_chosen_and_typed_is_there_at_the_next_start() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.toml");
    std::fs::write(&config, "# mine\nhistory = 50\n").unwrap();
    let mut terminal = Terminal::start_with(&[(HOME, home.path().to_str().unwrap())]);
    terminal
        .press("said before\r")
        .wait_for("mats: said before");
    terminal.press("/set clock 12h\r").wait_for("clock = 12h");
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
    assert_eq!(
        std::fs::read_to_string(&config).unwrap(),
        "# mine\nhistory = 50\nclock = \"12h\"\n"
    );
    let mut terminal = Terminal::start_with(&[(HOME, home.path().to_str().unwrap())]);
    terminal.press("\x12before").wait_for("said before");
    terminal.press("\r").wait_for("pm mats: said before");
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn pasted_text_is_written_and_never_run() {
    let mut terminal = Terminal::start();
    terminal
        .press("\x1b[200~/quit\r\n/part\x1b[201~")
        .wait_for("/part");
    terminal.press("\r").wait_for("a pasted line is never run");
    terminal.press("\r").wait_for("mats: /quit");
    terminal.press("\x03").wait_for("Ctrl-C again");
    terminal.press("\x03");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_smaller_window_is_drawn_anew_to_its_last_column() {
    let mut terminal = Terminal::start();
    terminal
        .press("a line of some length to see it wrap\r")
        .wait_for("to see it wrap");
    let size = PtySize {
        rows: 8,
        cols: 34,
        pixel_width: 0,
        pixel_height: 0,
    };
    terminal.master.resize(size).unwrap();
    terminal
        .screen
        .screen_mut()
        .set_size(size_of(8), size_of(34));
    terminal.wait_until("the line in two rows", |terminal| {
        let rows: Vec<String> = terminal.screen.screen().rows(0, 34).collect();
        rows.iter()
            .any(|row| row.starts_with("mats: a line of some length to"))
            && rows.iter().any(|row| row.starts_with("  see it wrap"))
    });
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn without_a_terminal_it_says_so_in_one_line() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "terminal::child", "--ignored", "--nocapture"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("fireside: cannot draw: standard output is not a terminal; try --plain\n"),
        "{said:?}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_question_for_a_nick_takes_enter_for_the_suggestion_and_escape_for_no() {
    let mut terminal = Terminal::start_as("terminal::asking_child", &[]);
    terminal.wait_for("mats").press("\r");
    assert_eq!(terminal.end(), 0);
    assert_eq!(terminal.left(), 1);
    assert!(
        terminal
            .screen
            .screen()
            .contents()
            .contains("called Some(mats)")
    );

    let mut terminal = Terminal::start_as("terminal::asking_child", &[]);
    terminal
        .wait_for("mats")
        .press("\x15an na\r")
        .wait_for("that is no nick");
    terminal.press("\x15\u{e9}va\r");
    terminal.end();
    assert!(
        terminal
            .screen
            .screen()
            .contents()
            .contains("called Some(éva)")
    );

    let mut terminal = Terminal::start_as("terminal::asking_child", &[]);
    terminal.wait_for("mats").press("\x03");
    terminal.end();
    assert!(terminal.screen.screen().contents().contains("called None"));
}
