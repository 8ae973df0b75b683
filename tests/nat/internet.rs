//! A small Internet on this machine: a bridge where public addresses meet, routers of every kind, and machines
//! behind them. Each is a network namespace of its own (network_namespaces(7)).

use std::cell::RefCell;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::Client;
use crate::namespace::{Namespace, next_network};
use crate::router::Kind;

/// Where supernodes listen.
const PORT: u16 = 7700;
/// What every public address begins with (RFC 5737 and RFC 3849).
const PUBLIC: &str = "203.0.113";
const PUBLIC_V6: &str = "2001:db8";
/// Where those behind a router of IPv6 find it, as everywhere (RFC 4861, section 4.2).
pub(crate) const ROUTER_V6: &str = "fe80::1";

/// For whatever the kernel does by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// A bridge that can be a router too. Left to itself it would take the lowest address of what is plugged into it, and
/// whoever has learnt another would send to that for half a minute.
const BRIDGE: &str = "address 02:00:00:00:00:01 type bridge mcast_snooping 0 forward_delay 0";

/// What a network speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
    Both,
}

impl Family {
    fn has_v4(self) -> bool {
        self != Self::V6
    }

    fn has_v6(self) -> bool {
        self != Self::V4
    }
}

/// The middle of it all.
pub(crate) struct Internet {
    number: u32,
    core: Namespace,
    home: tempfile::TempDir,
    /// Addresses given out so far.
    given: RefCell<u8>,
}

/// A router, with a network behind it.
pub(crate) struct Router {
    name: String,
    namespace: Namespace,
    /// The network behind it, without the last number.
    behind: String,
    /// The same in IPv6.
    behind_v6: String,
    family: Family,
    /// The last number of its public address.
    number: u8,
    machines: RefCell<u8>,
}

/// Where somebody sits.
pub(crate) struct Machine {
    namespace: Namespace,
    data: PathBuf,
    /// The last number of its public address.
    number: Option<u8>,
}

/// A directory and supernode's process, and where it runs.
pub(crate) struct Supernode {
    child: Child,
    pub(crate) address: String,
    machine: Machine,
}

impl Internet {
    /// `None` where it cannot be made, which is said aloud past the test runner.
    pub(crate) fn new() -> Option<Self> {
        let internet = Self::try_new();
        if let Err(why) = &internet {
            let mut aloud = std::io::stderr();
            let said = "NOT TESTED, NAT and direct paths: it takes the superuser (or a user namespace: ARCHITECTURE.md), iproute2 and nftables";
            writeln!(aloud, "{said} ({})", why.trim()).unwrap();
        }
        internet.ok()
    }

    fn try_new() -> Result<Self, String> {
        let number = next_network();
        let core = Namespace::new(number, "core")?;
        core.ip(&format!("link add name bridge0 {BRIDGE}"))?;
        core.ip(&format!("address add {PUBLIC}.1/24 dev bridge0"))?;
        core.ip(&format!("address add {PUBLIC_V6}::1/64 dev bridge0 nodad"))?;
        core.ip("link set dev bridge0 up")?;
        try_nft(&core, "table inet probe { }")?;
        forwards(&core);
        // Private addresses lead nowhere out here, and nobody says so.
        core.ip("route add blackhole 10.0.0.0/8")?;
        core.ip("route add blackhole 192.168.0.0/16")?;
        let home = tempfile::tempdir().map_err(|why| why.to_string())?;
        Ok(Self {
            number,
            core,
            home,
            given: RefCell::new(10),
        })
    }

    /// The last number of a public address that nobody has.
    fn number(&self) -> u8 {
        let mut given = self.given.borrow_mut();
        *given += 1;
        *given
    }

    /// Plugs a namespace into the middle.
    fn plug(&self, name: &str, namespace: &Namespace, number: u8, family: Family) {
        let core = self.core.name();
        namespace.has("link set dev lo up");
        namespace.has(&format!(
            "link add name wan type veth peer name {name} netns {core}"
        ));
        self.core
            .has(&format!("link set dev {name} master bridge0 up"));
        if family.has_v4() {
            namespace.has(&format!("address add {PUBLIC}.{number}/24 dev wan"));
        }
        if family.has_v6() {
            namespace.has(&format!(
                "address add {PUBLIC_V6}::{number}/64 dev wan nodad"
            ));
        }
        namespace.has("link set dev wan up");
        if family.has_v4() {
            namespace.has(&format!("route add default via {PUBLIC}.1"));
        }
        if family.has_v6() {
            namespace.has(&format!("-6 route add default via {PUBLIC_V6}::1"));
        }
    }

    /// A machine with a public address and nothing in front of it.
    pub(crate) fn machine(&self, name: &str) -> Machine {
        self.machine_of(name, Family::V4)
    }

    pub(crate) fn machine_of(&self, name: &str, family: Family) -> Machine {
        self.machine_at(name, self.number(), family)
    }

    fn machine_at(&self, name: &str, number: u8, family: Family) -> Machine {
        let namespace = Namespace::new(self.number, name).unwrap();
        self.plug(name, &namespace, number, family);
        Machine {
            number: Some(number),
            ..self.with(namespace, name)
        }
    }

    fn with(&self, namespace: Namespace, name: &str) -> Machine {
        let data = self.home.path().join(name);
        std::fs::create_dir_all(&data).unwrap();
        Machine {
            namespace,
            data,
            number: None,
        }
    }

    /// A router; the network behind it is `behind`, such as `192.168.1`.
    pub(crate) fn router(&self, name: &str, kind: Kind, behind: &str) -> Router {
        self.router_of(name, kind, behind, Family::V4)
    }

    /// The same; with IPv6, each network has one of its own.
    pub(crate) fn router_of(&self, name: &str, kind: Kind, behind: &str, family: Family) -> Router {
        let namespace = Namespace::new(self.number, name).unwrap();
        let number = self.number();
        self.plug(name, &namespace, number, family);
        forwards(&namespace);
        nft(&namespace, &kind.rules(&format!("{PUBLIC}.{number}")));
        let behind_v6 = format!("{PUBLIC_V6}:{number}:");
        namespace.has(&format!("link add name lan {BRIDGE}"));
        // It answers neighbours from the one address that they have for it.
        namespace.has("link set dev lan addrgenmode none");
        if family.has_v4() {
            namespace.has(&format!("address add {behind}.1/24 dev lan"));
        }
        if family.has_v6() {
            namespace.has(&format!("address add {behind_v6}:1/64 dev lan nodad"));
            namespace.has(&format!("address add {ROUTER_V6}/64 dev lan nodad"));
            self.core.has(&format!(
                "-6 route add {behind_v6}:/64 via {PUBLIC_V6}::{number}"
            ));
        }
        namespace.has("link set dev lan up");
        if kind.is_public() && family.has_v4() {
            self.core
                .has(&format!("route add {behind}.0/24 via {PUBLIC}.{number}"));
        }
        Router {
            name: name.to_owned(),
            namespace,
            behind: behind.to_owned(),
            behind_v6,
            family,
            number,
            machines: RefCell::new(1),
        }
    }

    /// A machine behind a router.
    pub(crate) fn behind(&self, router: &Router, name: &str) -> Machine {
        let namespace = Namespace::new(self.number, name).unwrap();
        namespace.has("link set dev lo up");
        router.plug(name, &namespace);
        router.leads(&namespace);
        self.with(namespace, name)
    }

    /// A directory and supernode, which knows of `others`.
    pub(crate) fn supernode(&self, name: &str, others: &[&Supernode]) -> Supernode {
        self.supernode_of(name, others, Family::V4)
    }

    pub(crate) fn supernode_of(
        &self,
        name: &str,
        others: &[&Supernode],
        family: Family,
    ) -> Supernode {
        let number = self.number();
        let machine = self.machine_at(name, number, family);
        let address = if family.has_v4() {
            format!("{PUBLIC}.{number}:{PORT}")
        } else {
            format!("[{PUBLIC_V6}::{number}]:{PORT}")
        };
        let mut command = machine.fireside();
        let roles = ["--directory", "--supernode"];
        command
            .args(roles)
            .args(["--name", name, "--listen", &address]);
        for other in others {
            command.args(["--bootstrap", &other.address]);
        }
        let log = std::fs::File::create(machine.data.join("log")).unwrap();
        command
            .args(["--log", "debug", "--data"])
            .arg(&machine.data);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = child.spawn().unwrap();
        let mut ready = String::new();
        let output = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut ready).unwrap();
        assert!(ready.contains("listening on"), "{name}: {ready}");
        Supernode {
            child,
            address,
            machine,
        }
    }
}

impl Router {
    fn plug(&self, name: &str, namespace: &Namespace) {
        let (router, us) = (&self.name, self.namespace.name());
        let mut machines = self.machines.borrow_mut();
        *machines += 1;
        namespace.has(&format!(
            "link add name {router} type veth peer name {name} netns {us}"
        ));
        self.namespace
            .has(&format!("link set dev {name} master lan up"));
        let (behind, behind_v6) = (&self.behind, &self.behind_v6);
        if self.family.has_v4() {
            namespace.has(&format!("address add {behind}.{machines}/24 dev {router}"));
        }
        if self.family.has_v6() {
            namespace.has(&format!(
                "address add {behind_v6}:{machines}/64 dev {router} nodad"
            ));
        }
        namespace.has(&format!("link set dev {router} up"));
    }

    fn leads(&self, namespace: &Namespace) {
        let (router, behind) = (&self.name, &self.behind);
        if self.family.has_v4() {
            namespace.has(&format!(
                "route replace default via {behind}.1 dev {router}"
            ));
        }
        if self.family.has_v6() {
            namespace.has(&format!(
                "-6 route replace default via {ROUTER_V6} dev {router}"
            ));
        }
    }
}

impl Router {
    /// Its public address.
    pub(crate) fn address(&self) -> String {
        format!("{PUBLIC}.{}", self.number)
    }

    /// Its address on the network behind it, if that speaks IPv4.
    pub(crate) fn inner(&self) -> Option<Ipv4Addr> {
        let inner = format!("{}.1", self.behind);
        self.family.has_v4().then(|| inner.parse().unwrap())
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Has one more rule.
    pub(crate) fn obeys(&self, rule: &str) {
        nft(&self.namespace, rule);
    }

    /// Lets packets through between its network and these addresses only: whoever else is talked to is not reached,
    /// and nobody says so.
    pub(crate) fn cuts_all_but(&self, addresses: &[&str]) {
        let addresses: Vec<_> = addresses
            .iter()
            .map(|address| address.split(':').next().unwrap())
            .collect();
        let those = addresses.join(", ");
        nft(
            &self.namespace,
            &format!(
                r#"table ip cut {{
                  chain forward {{
                    type filter hook forward priority -10
                    oifname "wan" ip daddr != {{ {those} }} drop
                    iifname "wan" ip saddr != {{ {those} }} drop
                  }}
                }}"#
            ),
        );
    }

    /// Lets everything through again.
    pub(crate) fn mends(&self) {
        nft(&self.namespace, "delete table ip cut");
    }

    /// Loses some of the packets in either direction.
    pub(crate) fn loses_percent(&self, percent: u32) {
        nft(
            &self.namespace,
            &format!(
                r#"table ip loss {{
                  chain forward {{
                    type filter hook forward priority -10
                    numgen random mod 100 < {percent} drop
                  }}
                }}"#
            ),
        );
    }

    /// Carries no longer packets to the Internet than this.
    pub(crate) fn carries_at_most(&self, bytes: u32) {
        self.namespace.has(&format!("link set dev wan mtu {bytes}"));
    }

    /// Another machine's cable is in this router from here on, and in no other.
    pub(crate) fn takes(&self, machine: &Machine, from: &Self) {
        machine
            .namespace
            .has(&format!("link set dev {} down", from.name));
        machine
            .namespace
            .has(&format!("link set dev {} up", self.name));
        self.forwards_for_somebody();
        self.leads(&machine.namespace);
    }

    /// Waits until some cable of its network carries packets. Nobody is given a way to the Internet before it does, and
    /// the kernel, asked for one too early, would look for the router once and then not for a second.
    fn forwards_for_somebody(&self) {
        let until = Instant::now() + PATIENCE;
        let mut ports = Command::new("bridge");
        ports.args(["-n", self.namespace.name(), "link", "show"]);
        loop {
            let output = ports.output().unwrap();
            if String::from_utf8_lossy(&output.stdout).contains("state forwarding") {
                return;
            }
            assert!(Instant::now() < until, "{output:?}");
        }
    }

    /// A machine of another router has a cable to this one too, which is not plugged in yet.
    pub(crate) fn awaits(&self, machine: &Machine, name: &str) {
        self.plug(name, &machine.namespace);
        machine
            .namespace
            .has(&format!("link set dev {} down", self.name));
    }
}

impl Machine {
    /// Its public address, if it has one of IPv4.
    pub(crate) fn ip(&self) -> String {
        format!("{PUBLIC}.{}", self.number.unwrap())
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Where its people and servers keep what they keep.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    fn fireside(&self) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", self.namespace.name()])
            .arg(env!("CARGO_BIN_EXE_fireside"))
            .env("HOME", &self.data)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME");
        command
    }

    /// Somebody who knows this supernode.
    pub(crate) fn client(&self, nick: &str, supernode: &Supernode, args: &[&str]) -> Client {
        let data = self.data.join(nick);
        let mut command = self.fireside();
        command
            .args(["--json", "--nick", nick, "--log", "debug"])
            .args(["--bootstrap", &supernode.address])
            .args(args)
            .arg("--data")
            .arg(&data);
        Client::start(nick, command, data.join("fireside.log"))
    }
}

impl Supernode {
    pub(crate) fn namespace(&self) -> &Namespace {
        self.machine.namespace()
    }

    pub(crate) fn data(&self) -> &Path {
        self.machine.data()
    }

    pub(crate) fn ip(&self) -> &str {
        let (ip, _port) = self.address.rsplit_once(':').unwrap();
        ip
    }

    /// Its machine is off the net from here on.
    pub(crate) fn vanishes(&self) {
        self.machine.namespace.has("link set dev wan down");
    }

    pub(crate) fn is_killed(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Supernode {
    fn drop(&mut self) {
        self.is_killed();
    }
}

/// Lets packets pass through.
fn forwards(namespace: &Namespace) {
    let settings = "echo 1 >/proc/sys/net/ipv4/ip_forward; \
                    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding; \
                    for f in /proc/sys/net/ipv4/conf/*/send_redirects; do echo 0 >$f; done";
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace.name(), "sh", "-c", settings]);
    assert!(command.status().unwrap().success());
}

pub(crate) fn nft(namespace: &Namespace, rules: &str) {
    try_nft(namespace, rules).unwrap_or_else(|why| panic!("{why}\n{rules}"));
}

fn try_nft(namespace: &Namespace, rules: &str) -> Result<(), String> {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace.name(), "nft", "-f", "-"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|why| why.to_string())?;
    let mut input = child.stdin.take().ok_or("nft reads nothing")?;
    input
        .write_all(rules.as_bytes())
        .map_err(|why| why.to_string())?;
    drop(input);
    let output = child.wait_with_output().map_err(|why| why.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
