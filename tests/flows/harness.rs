//! Processes to talk to. Nothing here sleeps: whoever waits, waits for an event, and gives up after a while.

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Long enough for a machine that does many things beside; nothing that works needs a tenth of it.
const PATIENCE: Duration = Duration::from_secs(45);

/// A machine of its own: directories for its people, and a port at which they find each other.
pub(crate) struct Machine {
    home: tempfile::TempDir,
    port: u16,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            port: free_port("127.0.0.1"),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Somebody who looks for others on this machine.
    pub(crate) fn client(&self, nick: &str) -> Client {
        self.client_with(nick, &["--no-lan", "--local-port", &self.port.to_string()])
    }

    pub(crate) fn client_with(&self, nick: &str, args: &[&str]) -> Client {
        let mut command = self.fireside();
        command.args(["--json", "--nick", nick, "--log", "debug"]);
        command.arg("--data").arg(self.data(nick)).args(args);
        Client::start(nick, command, self.data(nick).join("fireside.log"))
    }

    /// People who come into a group, one after the other.
    pub(crate) fn circle<const N: usize>(&self, group: &str, nicks: [&str; N]) -> [Client; N] {
        nicks.map(|nick| {
            let mut client = self.client(nick);
            client.joins(group);
            client
        })
    }

    /// The binary, in this machine's own surroundings.
    pub(crate) fn fireside(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fireside"));
        command
            .env("HOME", self.home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME")
            .env("USER", "tester");
        command
    }
}

/// A client's process.
pub(crate) struct Client {
    pub(crate) nick: String,
    process: Process,
    input: Option<ChildStdin>,
    lines: Receiver<(Instant, String)>,
    pub(crate) events: Vec<Value>,
    /// When each of them came.
    pub(crate) times: Vec<Instant>,
    started: Instant,
    log: PathBuf,
}

/// Ends with the test, however that ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Client {
    pub(crate) fn start(nick: &str, mut command: Command, log: PathBuf) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        Self {
            nick: nick.to_owned(),
            input: child.stdin.take(),
            process: Process(child),
            lines,
            events: Vec::new(),
            times: Vec::new(),
            started: Instant::now(),
            log,
        }
    }

    /// Types a line.
    pub(crate) fn types(&mut self, line: &str) {
        let input = self.input.as_mut().expect("standard input is open");
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    /// No more lines will come.
    pub(crate) fn closes_input(&mut self) {
        self.input = None;
    }

    /// Waits for an event, of all since the start; `what` says which one if it does not come.
    pub(crate) fn sees(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.sees_after(0, what, is)
    }

    /// The same, of those after the first `mark` events.
    pub(crate) fn sees_after(
        &mut self,
        mark: usize,
        what: &str,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut at = mark;
        loop {
            while at < self.events.len() {
                if is(&self.events[at]) {
                    return self.events[at].clone();
                }
                at += 1;
            }
            if !self.reads_until(deadline) {
                panic!("{} never saw {what}\n{}", self.nick, self.story());
            }
        }
    }

    /// How many events there have been, to wait for later ones.
    pub(crate) fn mark(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn sees_event(&mut self, event: &str) -> Value {
        self.sees(event, |e| e["event"] == event)
    }

    /// Waits for a line that somebody said.
    pub(crate) fn sees_text(&mut self, text: &str) -> Value {
        self.sees(text, |e| e["event"] == "message" && e["text"] == text)
    }

    pub(crate) fn joins(&mut self, group: &str) -> Value {
        self.types(&format!("/join {group}"));
        self.sees(&format!("joined {group}"), |e| {
            e["event"] == "joined" && e["group"] == group
        })
    }

    pub(crate) fn terminates(&self) {
        self.signals(Signal::TERM);
    }

    pub(crate) fn is_killed(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }

    /// Stands still, as under SIGSTOP or a closed lid.
    pub(crate) fn freezes(&self) {
        self.signals(Signal::STOP);
    }

    pub(crate) fn thaws(&self) {
        self.signals(Signal::CONT);
    }

    fn signals(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process.0), signal).unwrap();
    }

    /// Reads to the end, and waits for it.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while self.reads_until(deadline) {}
        loop {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "{} does not end\n{}",
                self.nick,
                self.story()
            );
            thread::yield_now();
        }
    }

    /// What was said in a group, in the log's order, each line once and in the place told last.
    pub(crate) fn talk(&self, group: &str) -> Vec<String> {
        let mut places: Vec<(&str, &str, &str)> = Vec::new();
        for event in &self.events {
            if event["event"] == "message" && event["group"] == group {
                let field = |name: &str| event[name].as_str().unwrap();
                let place = (field("order"), field("id"), field("text"));
                match places.iter_mut().find(|known| known.1 == place.1) {
                    Some(known) => *known = place,
                    None => places.push(place),
                }
            }
        }
        places.sort();
        places.into_iter().map(|place| place.2.to_owned()).collect()
    }

    /// That a line is there once: told as one message, and only told again if its place in the log moved (which
    /// happens to a line that two hosts placed, each without knowing of the other).
    #[track_caller]
    pub(crate) fn has_once(&self, text: &str) {
        is_once(&self.nick, text, &self.events);
    }

    /// Takes in one more line; false at the end of them, or of patience.
    fn reads_until(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok((at, line)) => {
                let event = serde_json::from_str(&line);
                self.times.push(at);
                self.events
                    .push(event.unwrap_or_else(|why| panic!("{why}: {line}")));
                true
            }
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => false,
        }
    }

    /// What it saw and what it wrote down, for whoever reads a failure.
    fn story(&self) -> String {
        let timed = self.times.iter().zip(&self.events);
        let timed = timed.map(|(at, event)| (at.duration_since(self.started), event));
        let events: Vec<String> = timed
            .map(|(at, event)| format!("{at:.3?} {event}"))
            .collect();
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(60).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        format!("events:\n{}\nlog:\n{}", events.join("\n"), tail.join("\n"))
    }
}

/// The same of events that may be of several lives.
#[track_caller]
pub(crate) fn is_once<'a>(who: &str, text: &str, events: impl IntoIterator<Item = &'a Value>) {
    let is = |e: &&Value| e["event"] == "message" && e["text"] == text;
    let told: Vec<&Value> = events.into_iter().filter(is).collect();
    assert!(!told.is_empty(), "{who} never saw {text}");
    for (number, event) in told.iter().enumerate() {
        assert_eq!(event["id"], told[0]["id"], "{who} has {text} twice");
        let again = told[..number].iter().any(|e| e["order"] == event["order"]);
        assert!(!again, "{who} was told {text} twice");
    }
}

/// Types lines at all, and waits until each has seen every one and its author that it is confirmed; gives the lines.
pub(crate) fn all_say(clients: &mut [&mut Client], word: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for number in 0..3 {
        for client in clients.iter_mut() {
            let line = format!("{word} {} {number}", client.nick);
            client.types(&line);
            lines.push(line);
        }
    }
    for client in clients.iter_mut() {
        for line in &lines {
            let said = client.sees_text(line);
            if said["own"] == true {
                let id = said["id"].clone();
                client.sees("confirmed", |e| e["event"] == "confirmed" && e["id"] == id);
            }
        }
    }
    lines
}

/// A directory or supernode's process.
pub(crate) struct Server {
    process: Process,
    pub(crate) name: String,
    pub(crate) address: String,
    log: PathBuf,
}

impl Server {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(machine: &Machine, name: &str, address: &str, args: &[&str]) -> Self {
        Self::start_in(machine, name, address, args, &[])
    }

    /// The same, with these variables around it.
    pub(crate) fn start_in(
        machine: &Machine,
        name: &str,
        address: &str,
        args: &[&str],
        surroundings: &[(&str, &str)],
    ) -> Self {
        let log = machine.data(&format!("{name}.log"));
        let file = std::fs::File::create(&log).unwrap();
        Self::start_into(machine, name, address, args, surroundings, file)
    }

    /// The same, with standard error led there.
    pub(crate) fn start_into(
        machine: &Machine,
        name: &str,
        address: &str,
        args: &[&str],
        surroundings: &[(&str, &str)],
        file: std::fs::File,
    ) -> Self {
        let log = machine.data(&format!("{name}.log"));
        let mut command = machine.fireside();
        if !args.contains(&"--config") {
            command.args(["--log", "debug"]);
        }
        let mut child = command
            .envs(surroundings.iter().copied())
            .args(["--name", name, "--listen", address])
            .arg("--data")
            .arg(machine.data(name))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let process = Process(child);
        let (_, ready) = lines.recv_timeout(PATIENCE).unwrap();
        assert!(
            ready.contains(&format!("{name} listening on {address}, key ")),
            "{ready}"
        );
        Self {
            process,
            name: name.to_owned(),
            address: address.to_owned(),
            log,
        }
    }

    /// Waits until it has logged these words.
    pub(crate) fn logs(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = std::fs::read_to_string(&self.log).unwrap();
            if log.contains(words) {
                return;
            }
            let name = &self.name;
            assert!(
                Instant::now() < deadline,
                "{name} never logged {words}\n{log}"
            );
            thread::yield_now();
        }
    }

    /// Is asked to reload.
    pub(crate) fn hangs_up(&self) {
        kill_process(Pid::from_child(&self.process.0), Signal::HUP).unwrap();
    }

    pub(crate) fn terminates(&mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.process.0), Signal::TERM).unwrap();
        self.process.0.wait().unwrap()
    }
}

/// A UDP port that nobody has at the moment.
pub(crate) fn free_port(ip: &str) -> u16 {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.local_addr().unwrap().port()
}

fn lines_of(pipe: impl std::io::Read + Send + 'static) -> Receiver<(Instant, String)> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send((Instant::now(), line)).is_err() {
                return;
            }
        }
    });
    lines
}

/// Runs it to its end; each line is typed once it has told the words before it.
pub(crate) fn piped(mut command: Command, turns: &[(&str, &str)]) -> String {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines = lines_of(child.stdout.take().unwrap());
    let mut told = String::new();
    for (wanted, typed) in turns {
        let deadline = Instant::now() + PATIENCE;
        while !told.contains(wanted) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok((_, line)) = lines.recv_timeout(left) else {
                _ = child.kill();
                _ = child.wait();
                panic!("never told {wanted:?}:\n{told}");
            };
            told = told + &line + "\n";
        }
        writeln!(input, "{typed}").unwrap();
    }
    assert!(child.wait().unwrap().success(), "{told}");
    told
}

/// Runs it to its end.
pub(crate) fn output(mut command: Command) -> (ExitStatus, String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status, text(output.stdout), text(output.stderr))
}
