//! Processes that relay, ours and bare ones, and what they take.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::bare::{self, Settings};

/// What the kernel of Linux counts processor time in (times(2)).
const TICKS_PER_SECOND: f64 = 100.0;
/// Where one runs that has one processor.
const PROCESSOR: &str = "0";

/// Who relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Fireside,
    Bare(Settings),
}

/// Somebody who relays.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
    _home: tempfile::TempDir,
}

impl Process {
    /// Anywhere on this machine, or on one processor of it.
    pub fn start(who: Who, is_alone: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let program = match who {
            Who::Fireside => env!("CARGO_BIN_EXE_fireside").into(),
            Who::Bare(_) => std::env::current_exe().unwrap(),
        };
        let mut command = if is_alone {
            let mut command = Command::new("taskset");
            command.args(["-c", PROCESSOR]).arg(program);
            command
        } else {
            Command::new(program)
        };
        match who {
            Who::Fireside => {
                let args = "--directory --supernode --name bench --listen 127.0.0.1:0 \
                            --relay-limit 100000000 --links-per-address 100000 --data";
                command.args(args.split_whitespace()).arg(home.path());
            }
            Who::Bare(settings) => {
                command.args([bare::FLAG, settings.name()]);
            }
        }
        let mut child = command
            .env("HOME", home.path())
            // A bare one ends when this pipe does.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut ready).unwrap();
        let at = ready
            .split_whitespace()
            .find_map(|word| word.trim_end_matches(',').parse().ok());
        Self {
            child,
            address: at.unwrap_or_else(|| panic!("{who:?} says {ready}")),
            _home: home,
        }
    }

    fn of_proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    /// Seconds of processor time so far.
    pub fn busy(&self) -> f64 {
        let stat = self.of_proc("stat");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split(' ').collect();
        let ticks = [12, 13].map(|at: usize| fields[at].parse::<f64>().unwrap());
        ticks.iter().sum::<f64>() / TICKS_PER_SECOND
    }

    /// Kilobytes of memory in use.
    pub fn memory(&self) -> i64 {
        let status = self.of_proc("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.unwrap().split_whitespace().nth(1);
        kilobytes.unwrap().parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
