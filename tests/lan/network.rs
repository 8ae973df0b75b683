//! A local network of machines on this one: each is a network namespace of its own (network_namespaces(7)), and
//! all are plugged into a bridge.

use std::io::Write as _;
use std::process::Command;

use crate::harness::Client;
use crate::namespace::{Namespace, next_network};

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

impl Network {
    /// A network without machines. `None` where it cannot be made, which is said aloud past the test runner.
    pub(crate) fn new() -> Option<Self> {
        let network = Self::try_new();
        if let Err(why) = &network {
            let mut aloud = std::io::stderr();
            let said = "NOT TESTED, the local network: it takes the superuser (or a user namespace: ARCHITECTURE.md) and iproute2";
            writeln!(aloud, "{said} ({})", why.trim()).unwrap();
        }
        network.ok()
    }

    fn try_new() -> Result<Self, String> {
        let number = next_network();
        let switch = Namespace::new(number, "switch")?;
        switch.ip("link add name bridge0 type bridge mcast_snooping 0")?;
        switch.ip("link set dev bridge0 up")?;
        Ok(Self { number, switch })
    }

    /// A machine without a network.
    pub(crate) fn recluse(&self, name: &str) -> Machine {
        let namespace = Namespace::new(self.number, name).unwrap();
        namespace.has("link set dev lo up");
        Machine {
            home: tempfile::tempdir().unwrap(),
            namespace,
        }
    }

    /// A machine at `address`, plugged in.
    pub(crate) fn machine(&self, name: &str, address: &str) -> Machine {
        let machine = self.recluse(name);
        let cable = format!("type veth peer name {name} netns {}", self.switch.name());
        machine
            .namespace
            .has(&format!("link add name eth0 {cable}"));
        let plug = format!("link set dev {name} master bridge0 up");
        self.switch.has(&plug);
        machine.is_at(address);
        machine
    }
}

impl Machine {
    /// Takes this address, in place of the one it had, and the routes that home routers hand out.
    pub(crate) fn is_at(&self, address: &str) {
        self.namespace.has("address flush dev eth0");
        self.namespace
            .has(&format!("address add {address}/24 dev eth0"));
        self.is_plugged_in();
    }

    pub(crate) fn is_plugged_in(&self) {
        self.namespace.has("link set dev eth0 up");
        self.namespace.has("route replace default dev eth0");
        self.namespace.has("route replace 224.0.0.0/4 dev eth0");
    }

    pub(crate) fn is_unplugged(&self) {
        self.namespace.has("link set dev eth0 down");
    }

    /// Lets nothing through that is sent to many.
    pub(crate) fn has_no_multicast(&self) {
        self.namespace.has("link set dev eth0 multicast off");
        self.namespace.has("route replace unreachable 224.0.0.0/4");
    }

    /// Another interface that nobody else is behind, as engines for containers make.
    pub(crate) fn has_containers_at(&self, address: &str) {
        self.namespace
            .has("link add name docker0 type veth peer name inside");
        self.namespace
            .has(&format!("address add {address}/16 dev docker0"));
        self.namespace.has("link set dev docker0 up");
        self.namespace.has("link set dev inside up");
    }

    /// Somebody who starts the chat here and configures nothing.
    pub(crate) fn client(&self, nick: &str) -> Client {
        let data = self.home.path().join(nick);
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", self.namespace.name()])
            .arg(env!("CARGO_BIN_EXE_fireside"))
            .args(["--json", "--nick", nick, "--log", "debug", "--data"])
            .arg(&data)
            .env("HOME", self.home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME");
        Client::start(nick, command, data.join("fireside.log"))
    }
}
