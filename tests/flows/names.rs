//! Names of many addresses, as a name server would tell them. Each process here has a hosts file of its own, which
//! takes a mount namespace; where none can be made, these tests are skipped, and say so.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::harness::{Client, Machine, Server, free_port, output};

const NAME: &str = "mesh.fireside.test";
const PATIENCE: Duration = Duration::from_secs(45);

/// A machine with a hosts file that its people use.
struct Named {
    machine: Machine,
    hosts: PathBuf,
    port: u16,
}

impl Named {
    fn new() -> Option<Self> {
        let probe = Command::new("unshare").args(["-m", "true"]).output();
        if !probe.is_ok_and(|probe| probe.status.success()) {
            println!("SKIPPED: a mount namespace takes the superuser");
            return None;
        }
        let machine = Machine::new();
        Some(Self {
            hosts: machine.data("hosts"),
            machine,
            port: free_port("127.0.0.21"),
        })
    }

    /// What the name stands for from here on.
    fn stands_for(&self, addresses: &[&str]) {
        let lines = addresses.iter().map(|ip| format!("{ip} {NAME}\n"));
        // Written over in place: it is this file that the processes see.
        std::fs::write(&self.hosts, lines.collect::<String>()).unwrap();
    }

    fn node(&self, ip: &str) -> Server {
        let roles = ["--directory", "--supernode"];
        Server::start(&self.machine, "oak", &format!("{ip}:{}", self.port), &roles)
    }

    /// Somebody at this address who takes what comes and never answers.
    fn silent(&self, ip: &str) -> UdpSocket {
        let socket = UdpSocket::bind((ip, self.port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    fn client(&self, nick: &str) -> Client {
        let data = self.machine.data(nick);
        let mut command = self.within();
        command.args(["--json", "--nick", nick, "--log", "debug"]);
        command
            .arg("--bootstrap")
            .arg(format!("{NAME}:{}", self.port));
        command.arg("--data").arg(&data);
        Client::start(nick, command, data.join("fireside.log"))
    }

    fn within(&self) -> Command {
        let inner = self.machine.fireside();
        let script = r#"mount --bind "$0" /etc/hosts && exec "$@""#;
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script]).arg(&self.hosts);
        command.arg(inner.get_program());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

#[test]
fn all_addresses_of_a_name_are_raced_and_the_silent_ones_hold_nobody_up() {
    let Some(named) = Named::new() else { return };
    let silent = ["127.0.0.61", "127.0.0.62"].map(|ip| named.silent(ip));
    named.stands_for(&["::1", "127.0.0.61", "127.0.0.62", "127.0.0.21"]);
    let _node = named.node("127.0.0.21");
    let mut anna = named.client("anna");
    anna.joins("#hearth");
    // They were dialled beside the one that answered, not before or after it.
    for socket in silent {
        socket.recv(&mut [0; 2048]).unwrap();
    }
}

#[test]
fn a_name_is_looked_up_again_while_nobody_answers() {
    let Some(named) = Named::new() else { return };
    let silent = named.silent("127.0.0.61");
    named.stands_for(&["127.0.0.61"]);
    let _node = named.node("127.0.0.21");
    let mut anna = named.client("anna");
    anna.types("/join #hearth");
    silent.recv(&mut [0; 2048]).unwrap();
    named.stands_for(&["127.0.0.61", "127.0.0.21"]);
    anna.sees_event("joined");
}

#[test]
fn a_server_finds_its_mesh_by_a_name_that_is_made_later() {
    let Some(named) = Named::new() else { return };
    named.stands_for(&[]);
    let oak = named.node("127.0.0.21");
    let elm = format!("127.0.0.22:{}", named.port);
    let log = named.machine.data("elm.log");
    let mut command = named.within();
    command.args(["--supernode", "--name", "elm", "--listen", &elm]);
    command
        .arg("--bootstrap")
        .arg(format!("{NAME}:{}", named.port));
    command.arg("--data").arg(named.machine.data("elm"));
    command.stderr(std::fs::File::create(&log).unwrap());
    let _elm = Running(command.stdin(std::process::Stdio::null()).spawn().unwrap());
    is_logged(&log, &format!("cannot look up {NAME}"));
    named.stands_for(&["127.0.0.21"]);
    is_logged(&log, "bootstrap works again");
    oak.logs(&format!("kind=Mesh address=Some({elm})"));
}

#[test]
fn a_node_is_introduced_by_a_name_of_which_some_addresses_lead_nowhere() {
    let Some(named) = Named::new() else { return };
    let _silent = named.silent("127.0.0.61");
    named.stands_for(&["127.0.0.61", "127.0.0.62", "127.0.0.21"]);
    let _oak = named.node("127.0.0.21");
    let elm = format!("127.0.0.22:{}", named.port);
    let roles = ["--directory", "--supernode"];
    let _elm = Server::start(&named.machine, "elm", &elm, &roles);
    let mut command = named.within();
    command
        .arg("introduce")
        .arg(format!("{NAME}:{}", named.port));
    command.args(["--bootstrap", &elm, "--data"]);
    command.arg(named.machine.data("operator"));
    let (status, told, why) = output(command);
    assert!(status.success(), "{told}{why}");
    assert!(told.contains("is introduced"), "{told}");
}

/// Ends with the test.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_logged(log: &Path, words: &str) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !std::fs::read_to_string(log).unwrap().contains(words) {
        let is_late = std::time::Instant::now() > deadline;
        assert!(
            !is_late,
            "no {words:?} in {}",
            std::fs::read_to_string(log).unwrap()
        );
        std::thread::yield_now();
    }
}
