//! Where processes live: on the loopback, or each on a machine of its own in a network that can be cut.

use std::io::Write as _;
use std::net::UdpSocket;
use std::process::Command;

use crate::namespace::{Namespace, next_network};

/// The port of mesh nodes on machines of their own.
const PORT: u16 = 7700;

/// What the processes of a town stand on.
pub(crate) enum Ground {
    /// All on this machine; mesh nodes at 127.0.0.x and this port.
    Loopback(u16),
    /// Each in a network namespace, plugged into one of two bridges.
    Network(Network),
}

/// Two switches without a cable between them. While all is well, everybody is plugged into the first.
pub(crate) struct Network {
    number: u32,
    switches: Namespace,
    machines: Vec<(String, Namespace)>,
}

/// One process's place.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    number: usize,
    pub(crate) ip: String,
    pub(crate) port: u16,
    namespace: Option<String>,
}

impl Ground {
    pub(crate) fn loopback() -> Self {
        let socket = UdpSocket::bind("127.0.0.11:0").unwrap();
        Self::Loopback(socket.local_addr().unwrap().port())
    }

    /// `None` where it cannot be made, which is said aloud past the test runner.
    pub(crate) fn network() -> Option<Self> {
        let network = Network::new();
        if let Err(why) = &network {
            let mut aloud = std::io::stderr();
            let said = "NOT TESTED, cuts of the network: it takes the superuser and iproute2";
            writeln!(aloud, "{said} ({})", why.trim()).unwrap();
        }
        network.ok().map(Self::Network)
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Loopback(_) => "on the loopback",
            Self::Network(_) => "on a network of machines",
        }
    }

    pub(crate) fn can_be_cut(&self) -> bool {
        match self {
            Self::Loopback(_) => false,
            Self::Network(_) => true,
        }
    }

    /// A place for a process.
    pub(crate) fn plot(&mut self, number: usize, name: &str) -> Plot {
        let last = number + 11;
        match self {
            Self::Loopback(port) => Plot {
                number,
                ip: format!("127.0.0.{last}"),
                port: *port,
                namespace: None,
            },
            Self::Network(network) => {
                let ip = format!("10.78.0.{last}");
                let namespace = network.machine(name, &ip);
                Plot {
                    number,
                    ip,
                    port: PORT,
                    namespace: Some(namespace),
                }
            }
        }
    }

    /// Pulls a machine's cable, or plugs it in again.
    pub(crate) fn plug(&self, plot: &Plot, is_in: bool) {
        if let Self::Network(network) = self {
            let (cable, _) = &network.machines[plot.number];
            let state = if is_in { "up" } else { "down" };
            let plug = format!("link set dev {cable} {state}");
            network.switches.has(&plug);
        }
    }

    /// Plugs a machine into the first or the second switch.
    pub(crate) fn move_to(&self, plot: &Plot, switch: usize) {
        if let Self::Network(network) = self {
            let (cable, _) = &network.machines[plot.number];
            let plug = format!("link set dev {cable} master bridge{switch}");
            network.switches.has(&plug);
        }
    }
}

impl Network {
    fn new() -> Result<Self, String> {
        let number = next_network();
        let switches = Namespace::new(number, "switches")?;
        for switch in 0..2 {
            let kind = "type bridge mcast_snooping 0 forward_delay 0";
            switches.ip(&format!("link add name bridge{switch} {kind}"))?;
            switches.ip(&format!("link set dev bridge{switch} up"))?;
        }
        Ok(Self {
            number,
            switches,
            machines: Vec::new(),
        })
    }

    fn machine(&mut self, name: &str, ip: &str) -> String {
        let machine = Namespace::new(self.number, name).unwrap();
        let cable = format!("cable{}", self.machines.len());
        let to = self.switches.name();
        machine.has("link set dev lo up");
        machine.has(&format!(
            "link add name eth0 type veth peer name {cable} netns {to}"
        ));
        self.switches
            .has(&format!("link set dev {cable} master bridge0 up"));
        machine.has(&format!("address add {ip}/24 dev eth0"));
        machine.has("link set dev eth0 up");
        let namespace = machine.name().to_owned();
        self.machines.push((cable, machine));
        namespace
    }
}

impl Plot {
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.ip, self.port)
    }

    /// The binary, to be run here.
    pub(crate) fn fireside(&self) -> Command {
        let binary = env!("CARGO_BIN_EXE_fireside");
        match &self.namespace {
            None => Command::new(binary),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace, binary]);
                command
            }
        }
    }
}
