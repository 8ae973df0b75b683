//! Processes whose processor time is measured.

use std::net::SocketAddr;
use std::process::Command;
use std::thread;

use crate::measured::Measured;

pub const GROUP: &str = "#crowd";

/// A running fireside.
pub struct Process {
    pub measured: Measured,
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_fireside"));
        command
            .args(arguments)
            .arg("--data")
            .arg(home.path())
            .env("HOME", home.path());
        let is_sign = |line: &str| line.contains(sign);
        let (measured, _, mut output) = Measured::start(&mut command, is_sign);
        thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Self {
            measured,
            address,
            _home: home,
        }
    }
}
