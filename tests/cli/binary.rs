//! The binary, and what it said.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A person's home, empty at first.
pub(crate) struct Home(tempfile::TempDir);

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file in it, with the directories above.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn fireside(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fireside"));
        command
            .env("HOME", self.0.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME")
            .env_remove("RUST_BACKTRACE")
            .env("USER", "tester")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .args(args);
        command
    }

    /// Runs it to its end; whatever fails must do so at once.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        outcome(self.fireside(args).spawn().unwrap())
    }

    /// Runs a chat that nobody types at, in a data directory of this home.
    pub(crate) fn chat(&self, data: &Path, args: &[&str]) -> Outcome {
        let port = free_port().to_string();
        let mut command = self.fireside(&["--json", "--no-lan", "--local-port", &port]);
        command.arg("--data").arg(data).args(args);
        outcome(command.spawn().unwrap())
    }
}

impl Outcome {
    /// It failed with this code and one line that has its three parts; the line.
    #[track_caller]
    pub(crate) fn is_refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        let line = self.err.trim_end();
        let said = line
            .strip_prefix("fireside: ")
            .unwrap_or_else(|| panic!("{line}"));
        let (what, rest) = said
            .split_once(": ")
            .unwrap_or_else(|| panic!("no why: {line}"));
        let (why, try_) = rest
            .rsplit_once("; ")
            .unwrap_or_else(|| panic!("no try: {line}"));
        assert!(
            !what.is_empty() && !why.is_empty() && !try_.is_empty(),
            "{line}"
        );
        for word in words {
            assert!(line.contains(word), "{word:?} is not in {line}");
        }
        assert_eq!(self.out, "", "{self:?}");
    }
}

/// Waits for its end; one that hangs is killed and has no code.
pub(crate) fn outcome(mut child: Child) -> Outcome {
    let patience = Instant::now() + Duration::from_secs(40);
    let mut pipes = (child.stdout.take(), child.stderr.take());
    let pid = Pid::from_child(&child);
    let (done, waited) = std::sync::mpsc::channel::<()>();
    // The pipes are read to their end, which is the process's; a hanging one is ended from beside.
    let watch = std::thread::spawn(move || {
        let left = patience.saturating_duration_since(Instant::now());
        if waited.recv_timeout(left) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = kill_process(pid, Signal::KILL);
        }
    });
    let (mut out, mut err) = (String::new(), String::new());
    if let Some(pipe) = &mut pipes.0 {
        pipe.read_to_string(&mut out).unwrap();
    }
    if let Some(pipe) = &mut pipes.1 {
        pipe.read_to_string(&mut err).unwrap();
    }
    let code = child.wait().unwrap().code();
    drop(done);
    watch.join().unwrap();
    Outcome { code, out, err }
}

pub(crate) fn free_port() -> u16 {
    let socket = std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    socket.local_addr().unwrap().port()
}
