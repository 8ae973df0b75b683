//! Processes that relay, ours and bare ones, and what they take.

use std::net::SocketAddr;
use std::process::Command;

use crate::bare::{self, Settings};
use crate::measured::Measured;

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
    pub measured: Measured,
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
        command.env("HOME", home.path());
        let (measured, ready, _) = Measured::start(&mut command, |line| !line.is_empty());
        let at = ready
            .split_whitespace()
            .find_map(|word| word.trim_end_matches(',').parse().ok());
        Self {
            measured,
            address: at.unwrap_or_else(|| panic!("{who:?} says {ready}")),
            _home: home,
        }
    }
}
