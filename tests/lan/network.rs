//! A local network of machines on this one: each is a network namespace of its own (network_namespaces(7)), and
//! all are plugged into a bridge.

use std::io::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::harness::Client;

/// Networks made by this process so far; each has names of its own.
static MADE: AtomicU32 = AtomicU32::new(0);

/// A network, with a bridge that everything is plugged into.
pub(crate) struct Network {
    number: u32,
    switch: Namespace,
}

/// A machine: its people's directories, and what it sees of the network.
pub(crate) struct Machine {
    home: tempfile::TempDir,
    namespace: Namespace,
}

/// Gone with the test, however that ends.
struct Namespace(String);

impl Network {
    /// A network without machines. `None` where it cannot be made, which is said aloud past the test runner.
    pub(crate) fn new() -> Option<Self> {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        match Namespace::new(number, "switch") {
            Ok(switch) => {
                switch.ip("link add bridge type bridge mcast_snooping 0");
                switch.ip("link set bridge up");
                Some(Self { number, switch })
            }
            Err(why) => {
                let skipped = "NOT TESTED: the local network";
                let needed = "it takes the superuser and iproute2";
                writeln!(std::io::stderr(), "{skipped}: {}; {needed}", why.trim()).unwrap();
                None
            }
        }
    }

    /// A machine without a network.
    pub(crate) fn recluse(&self, name: &str) -> Machine {
        let namespace = Namespace::new(self.number, name).unwrap();
        namespace.ip("link set lo up");
        Machine {
            home: tempfile::tempdir().unwrap(),
            namespace,
        }
    }

    /// A machine at `address`, plugged in, whose routes are those that a home router hands out.
    pub(crate) fn machine(&self, name: &str, address: &str) -> Machine {
        let machine = self.recluse(name);
        let (switch, namespace) = (&self.switch.0, &machine.namespace);
        // Known addresses need no trial (RFC 4862, section 5.4), which takes two seconds.
        namespace.run("sysctl -qw net.ipv6.conf.default.accept_dad=0");
        namespace.ip(&format!(
            "link add eth0 type veth peer name {name} netns {switch}"
        ));
        self.switch
            .ip(&format!("link set dev {name} master bridge up"));
        machine.is_at(address);
        machine
    }
}

impl Machine {
    /// Takes this address, in place of the one it had.
    pub(crate) fn is_at(&self, address: &str) {
        let namespace = &self.namespace;
        namespace.ip("address flush dev eth0");
        namespace.ip(&format!("address add {address}/24 dev eth0"));
        namespace.ip("link set eth0 up");
        self.has_routes();
    }

    fn has_routes(&self) {
        self.namespace.ip("route replace 224.0.0.0/4 dev eth0");
        self.namespace.ip("route replace default dev eth0");
    }

    /// Lets nothing through that is sent to many.
    pub(crate) fn has_no_multicast(&self) {
        self.namespace.ip("link set eth0 multicast off");
        self.namespace.ip("route replace unreachable 224.0.0.0/4");
    }

    pub(crate) fn is_unplugged(&self) {
        self.namespace.ip("link set eth0 down");
    }

    pub(crate) fn is_plugged_in(&self) {
        self.namespace.ip("link set eth0 up");
        self.has_routes();
    }

    /// Another interface that nobody else is behind, as container engines make.
    pub(crate) fn has_a_bridge_of_its_own(&self, address: &str) {
        self.namespace
            .ip("link add docker0 type veth peer name inside");
        self.namespace
            .ip(&format!("address add {address}/16 dev docker0"));
        self.namespace.ip("link set docker0 up");
        self.namespace.ip("link set inside up");
    }

    /// Somebody who starts the chat here and configures nothing.
    pub(crate) fn client(&self, nick: &str) -> Client {
        let data = self.home.path().join(nick);
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace.0])
            .arg(env!("CARGO_BIN_EXE_fireside"))
            .args(["--json", "--nick", nick, "--log", "debug", "--data"])
            .arg(&data)
            .env("HOME", self.home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME");
        Client::start(nick, command, data.join("fireside.log"))
    }
}

impl Namespace {
    fn new(network: u32, name: &str) -> Result<Self, String> {
        let name = format!("fireside-{}-{network}-{name}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &name]))?;
        Ok(Self(name))
    }

    fn ip(&self, args: &str) {
        self.run(&format!("ip {args}"));
    }

    fn run(&self, words: &str) {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]);
        run(command.args(words.split_whitespace())).unwrap_or_else(|why| panic!("{words}: {why}"));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Interfaces go with their namespace.
        let _ = Command::new("ip").args(["netns", "del", &self.0]).output();
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|why| why.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
