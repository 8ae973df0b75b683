//! One process: what is written to it, what it writes, and the signals it is sent.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

/// A line that a process wrote; `None` when it has written its last.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) from: usize,
    pub(crate) at: Instant,
    pub(crate) line: Option<String>,
}

/// A process, which is gone with this however the test ends.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    pub(crate) is_frozen: bool,
}

impl Process {
    /// Starts it; what it writes is told as coming from `from`, and what it complains of goes to a file.
    pub(crate) fn start(
        mut command: Command,
        complaints: &Path,
        from: usize,
        heard: Sender<Heard>,
    ) -> Self {
        let complaints = std::fs::File::options()
            .create(true)
            .append(true)
            .open(complaints)
            .unwrap();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            let lines = lines.map(Some).chain([None]);
            for line in lines {
                let at = Instant::now();
                if heard.send(Heard { from, at, line }).is_err() {
                    return;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            is_frozen: false,
        }
    }

    /// Types a line. One that has just died does not read it.
    pub(crate) fn types(&mut self, line: &str) {
        if let Some(input) = &mut self.input {
            let _ = writeln!(input, "{line}").and_then(|()| input.flush());
        }
    }

    /// Ends it as a power cut would.
    pub(crate) fn is_killed(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it where it is.
    pub(crate) fn freezes(&mut self) {
        self.is_frozen = true;
        self.signals(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn thaws(&mut self) {
        self.is_frozen = false;
        self.signals(Signal::CONT);
    }

    pub(crate) fn terminates(&self) {
        self.signals(Signal::TERM);
    }

    /// Once it has written its last: how it ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    fn signals(&self, signal: Signal) {
        // One that has ended by itself is found out by what it did not write.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.is_killed();
    }
}
