//! The local network: mesh nodes that announce themselves by multicast DNS, and the announcement of ours
//! (DNS-SD, RFC 6763, as `_fireside._udp.local.`).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use mdns_sd::{IfKind, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent, ServiceInfo};

use crate::proto::id::NodeId;

const SERVICE: &str = "_fireside._udp.local.";
/// The property that carries the node's key.
const KEY: &str = "key";
/// How often the thread behind this looks for new interfaces, in seconds: a network that comes up is searched so
/// soon. Each look wakes up the machine, as each of a link's pings does five times as often.
const INTERFACES_LOOK_S: u32 = 5;
/// Nodes kept in mind; a network with more has one we can reach among the first.
const SEEN_MAX: usize = 32;

/// What is seen of the local network. Where there is none, nothing is ever seen.
pub(crate) struct Lan {
    daemon: ServiceDaemon,
    browsed: mdns_sd::Receiver<ServiceEvent>,
    /// By the announcement's full name: whose it is, and where it is reached.
    seen: BTreeMap<String, (NodeId, Vec<SocketAddr>)>,
    announced: Option<String>,
}

impl Lan {
    /// Begins to look. `None` where there is no multicast, which is no error: then there is no local network.
    pub(crate) fn open() -> Option<Self> {
        match Self::try_open() {
            Ok(lan) => Some(lan),
            Err(error) => {
                tracing::debug!(%error, "the local network cannot be searched");
                None
            }
        }
    }

    fn try_open() -> mdns_sd::Result<Self> {
        let daemon = ServiceDaemon::new()?;
        daemon.set_ip_check_interval(INTERFACES_LOOK_S)?;
        // On this machine the port says who is there.
        daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
        let browsed = daemon.browse(SERVICE)?;
        Ok(Self {
            daemon,
            browsed,
            seen: BTreeMap::new(),
            announced: None,
        })
    }

    /// Waits until a node is seen, and tells its addresses. Never ends if the search has ended. Cancel-safe.
    pub(crate) async fn sighted(&mut self) -> Vec<SocketAddr> {
        loop {
            let Ok(event) = self.browsed.recv_async().await else {
                return std::future::pending().await;
            };
            if let Some(addresses) = self.note(event) {
                return addresses;
            }
        }
    }

    /// Nodes of others that are announced at the moment.
    pub(crate) fn seen(&self) -> Vec<SocketAddr> {
        self.seen
            .values()
            .flat_map(|(_, addresses)| addresses)
            .copied()
            .collect()
    }

    /// Asks again after those that are announced but do not answer; one that is gone is then forgotten.
    pub(crate) fn doubt(&self) {
        for name in self.seen.keys() {
            let within = std::time::Duration::from_secs(2);
            if let Err(error) = self.daemon.verify(name.clone(), within) {
                tracing::debug!(%error, "asking again after a node of the local network");
            }
        }
    }

    /// Lets others on the local network see our node.
    pub(crate) fn announce(&mut self, key: NodeId, port: u16) {
        let name = format!("fireside-{}", key.short());
        let key = key.to_string();
        let announced = ServiceInfo::new(
            SERVICE,
            &name,
            &format!("{name}.local."),
            "",
            port,
            &[(KEY, key.as_str())][..],
        )
        .and_then(|info| {
            let mut info = info.enable_addr_auto();
            // The name is made of the key: to ask for a second whether somebody else has it would let whoever
            // starts meanwhile believe that nobody is here.
            info.set_requires_probe(false);
            self.announced = Some(info.get_fullname().to_owned());
            self.daemon.register(info)
        });
        if let Err(error) = announced {
            tracing::debug!(%error, "our node cannot be announced on the local network");
        }
    }

    /// Takes the announcement back.
    pub(crate) async fn withdraw(&mut self) {
        if let Some(name) = self.announced.take()
            && let Ok(done) = self.daemon.unregister(&name)
        {
            _ = done.recv_async().await;
        }
    }

    /// Ends the search and the announcement.
    pub(crate) async fn close(mut self) {
        self.withdraw().await;
        if let Ok(done) = self.daemon.shutdown() {
            _ = done.recv_async().await;
        }
    }

    /// The addresses of the node that this tells of, if that is news.
    fn note(&mut self, event: ServiceEvent) -> Option<Vec<SocketAddr>> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "of an open list only these say where a node is or is not"
        )]
        match event {
            ServiceEvent::ServiceResolved(service) => self.saw(&service),
            ServiceEvent::ServiceRemoved(_, name) => {
                self.seen.remove(&name);
                None
            }
            _ => None,
        }
    }

    fn saw(&mut self, service: &ResolvedService) -> Option<Vec<SocketAddr>> {
        let (key, addresses) = read(service)?;
        let name = service.get_fullname();
        let has_room = self.seen.len() < SEEN_MAX || self.seen.contains_key(name);
        if self.announced.as_deref() == Some(name) || addresses.is_empty() || !has_room {
            return None;
        }
        let seen = (key, addresses.clone());
        if self.seen.insert(name.to_owned(), seen.clone()) == Some(seen) {
            return None;
        }
        tracing::info!(peer = %key.short(), ?addresses, "seen on the local network");
        Some(addresses)
    }
}

/// Whose announcement it is, and where that node is reached: at addresses of one kind, since each that answers
/// would be a link of its own.
fn read(service: &ResolvedService) -> Option<(NodeId, Vec<SocketAddr>)> {
    let key = NodeId::parse(service.get_property_val_str(KEY)?).ok()?;
    let mut addresses: Vec<SocketAddr> = service
        .get_addresses()
        .clone()
        .into_iter()
        .map(|ip| dialled(&ip, service.get_port()))
        .collect();
    let best = addresses.iter().map(rank).min();
    addresses.retain(|at| Some(rank(at)) == best);
    addresses.sort();
    Some((key, addresses))
}

/// IPv4 first, since all have it; last what only means something together with an interface.
fn rank(at: &SocketAddr) -> u8 {
    match at {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(at) if !at.ip().is_unicast_link_local() => 1,
        SocketAddr::V6(_) => 2,
    }
}

fn dialled(ip: &ScopedIp, port: u16) -> SocketAddr {
    match (ip.to_ip_addr(), ip) {
        (IpAddr::V6(v6), ScopedIp::V6(scoped)) if v6.is_unicast_link_local() => {
            SocketAddrV6::new(v6, port, 0, scoped.scope_id().index).into()
        }
        (ip, _) => SocketAddr::new(ip, port),
    }
}
