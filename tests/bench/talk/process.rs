//! Processes whose processor time is measured.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;

/// What the kernel of Linux counts processor time in (times(2)).
const TICKS_PER_SECOND: f64 = 100.0;
pub const GROUP: &str = "#crowd";

/// A running fireside.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
    _home: tempfile::TempDir,
}

impl Process {
    /// One for everybody, however many come from one address.
    pub fn supernode() -> Self {
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap();
        drop(port);
        let listen = address.to_string();
        let arguments = [
            "--directory",
            "--supernode",
            "--name",
            "talk",
            "--links-per-address",
            "100000",
            "--listen",
            &listen,
        ];
        Self::start(&arguments, address, "listening on")
    }

    /// The founder of the group, who hosts it from here on.
    pub fn host(supernode: SocketAddr) -> Self {
        let bootstrap = supernode.to_string();
        let arguments = ["--json", "--nick", "host", "--bootstrap", &bootstrap, GROUP];
        Self::start(&arguments, supernode, "\"event\":\"joined\"")
    }

    /// Waits until it says `sign`, and reads on.
    fn start(arguments: &[&str], address: SocketAddr, sign: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_fireside"))
            .args(arguments)
            .arg("--data")
            .arg(home.path())
            .env("HOME", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains(sign) {
            line.clear();
            let size = output.read_line(&mut line).unwrap();
            assert!(size > 0, "it ended before it said {sign}");
        }
        thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Self {
            child,
            address,
            _home: home,
        }
    }

    /// Seconds of processor time so far.
    pub fn busy(&self) -> f64 {
        busy(&self.child)
    }
}

/// Seconds of processor time of a process so far.
pub fn busy(child: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split(' ').collect();
    let ticks = [12, 13].map(|at: usize| fields[at].parse::<f64>().unwrap());
    ticks.iter().sum::<f64>() / TICKS_PER_SECOND
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
