//! The one UDP socket of a process, and QUIC on it: dials and accepts, with the settings that links need.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    AsyncUdpSocket, ClientConfig, EndpointConfig, MtuDiscoveryConfig, Runtime, ServerConfig,
    TransportConfig, VarInt,
};
use quinn_proto::HashedConnectionIdGenerator;
use ring::rand::{SecureRandom as _, SystemRandom};
use socket2::{Domain, Protocol, SockAddr, Type};

use super::congestion::Floored;
use super::gauge::{Gauge, Questions, Relayed};
use super::relay::Observer;
use super::socket::{Socket, is_virtual, unmapped};
use super::stream::Run;
use super::tls;
use crate::identity::Identity;
use crate::proto::id::NodeId;
use crate::proto::limits::{IDLE_TIMEOUT, KEEP_ALIVE, KEEP_ALIVE_LOOSE};
use crate::proto::role::Kind;
use crate::proto::seal::Seal;

/// Without this much room 500 joins at once take 15 seconds instead of half a second (measured); the kernel
/// grants what its own limit allows.
const RECEIVE_BUFFER_SIZE: usize = 4 * 1024 * 1024;
/// Handshakes waiting to be accepted; a dialler beyond them tries again by itself.
const INCOMING_MAX: usize = 4096;
/// Bytes that such handshakes may hold together.
const INCOMING_SIZE_MAX: u64 = 16 * 1024 * 1024;
/// How far the other end can be ahead on one stream, and what may be on its way unacknowledged: 128 KiB in one
/// tunnel is a second of a slow uplink; four times as much made a relayed round trip a second long. Without such bounds
/// a processor relays some tenth more in bulk, which nobody who talks would notice. To acknowledge less often would
/// spare it as much for lone packets, and have who waits for a lost one wait longer: it is not done either.
const MESH_WINDOW: u32 = 128 * 1024;
const MESH_CONNECTION_WINDOW: u32 = 1024 * 1024;
const PEER_WINDOW: u32 = 512 * 1024;
/// A lost first packet is sent again after three times this; quinn's third of a second costs a whole second.
const INITIAL_RTT: Duration = Duration::from_millis(100);
/// Every Internet path carries QUIC packets of this size (RFC 9000, section 14); a larger start would stall for
/// seconds on those that carry no more.
const INITIAL_MTU: u16 = 1200;
/// What Ethernet carries is tried at once, and if the path does not carry it, what every path does is enough: the
/// search for its exact size would cost each link eight packets and more, as many as all else of a look-up.
const MTU_STEP: u16 = 128;
/// Streams the other end may open at first. Each allowed stream costs 90 bytes whether it is used or not, so that
/// links that relay raise it as they go.
pub(super) const STREAMS_AT_FIRST: u32 = 8;
/// A link between peers is one stream.
const PEER_STREAMS: u32 = 1;
/// And one in each direction for where we are: a peer's offers, or a supernode's word on where it sees us.
const PLACE_STREAMS: u32 = 1;

/// A bound socket that dials links of both kinds and accepts those of one.
pub struct Endpoint {
    pub(super) quinn: quinn::Endpoint,
    pub(super) socket: Arc<Socket>,
    pub(super) id: NodeId,
    pub(super) run: Run,
    pub(super) observer: Option<Arc<dyn Observer>>,
    pub(super) questions: Option<Questions>,
    pub(super) relayed: Arc<Relayed>,
    /// Links that one address may have here; a network and an identity have theirs accordingly.
    pub(super) links_per_address: Option<usize>,
    /// What one identity may have relayed, in KiB a second.
    pub(super) relay_limit_kib: Option<usize>,
    /// What is accepted: a client accepts peers, a mesh node accepts whoever dials its address.
    pub(super) accepts: Kind,
    /// Whether the machines of mesh nodes that are not heard are asked if anybody is there.
    pub(super) knocks: bool,
    /// Whether a router that we are behind is asked to let others in.
    pub(super) maps: bool,
    /// Who runs in this process too, if anybody does.
    pub(super) housemate: Option<NodeId>,
    mesh: ClientConfig,
    /// The same for where a housemate is, perhaps.
    inner: ClientConfig,
    peer: ClientConfig,
}

/// Why a socket could not be bound; each one says what failed, why, and what to try.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "cannot listen on {0}: another process uses that port; end it, or choose another with --listen"
    )]
    InUse(SocketAddr),
    #[error(
        "cannot listen on {0}: this machine has no such address; choose one it has with --listen"
    )]
    NotHere(SocketAddr),
    #[error(
        "cannot listen on {0}: only the superuser may use that port; choose one above 1023 with --listen"
    )]
    NotAllowed(SocketAddr),
    #[error("cannot listen on {address}: {cause}; try another address with --listen")]
    Other {
        address: SocketAddr,
        cause: io::Error,
    },
}

impl Error {
    fn new(address: SocketAddr, cause: io::Error) -> Self {
        let kind = cause.kind();
        if kind == io::ErrorKind::AddrInUse {
            Self::InUse(address)
        } else if kind == io::ErrorKind::AddrNotAvailable {
            Self::NotHere(address)
        } else if kind == io::ErrorKind::PermissionDenied {
            Self::NotAllowed(address)
        } else {
            Self::Other { address, cause }
        }
    }
}

impl Endpoint {
    /// Binds `listen` for `identity`. `accepts` says which links others may open: a client takes those of peers,
    /// a mesh node those of anybody who dials its address. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn bind(identity: &Identity, listen: SocketAddr, accepts: Kind) -> Result<Self, Error> {
        Self::bind_with(listen, |udp, runtime| {
            Self::over(identity, udp, runtime, accepts)
        })
    }

    /// The same for a client that lets peers find it at its addresses and finds them at theirs, where that can be.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn bind_direct(identity: &Identity, listen: SocketAddr) -> Result<Self, Error> {
        Self::bind_with(listen, |udp, runtime| Self::direct(identity, udp, runtime))
    }

    fn bind_with(
        listen: SocketAddr,
        make: impl FnOnce(Arc<dyn AsyncUdpSocket>, Arc<dyn Runtime>) -> io::Result<Self>,
    ) -> Result<Self, Error> {
        let udp = bind_udp(listen).map_err(|cause| Error::new(listen, cause))?;
        let runtime = Arc::new(super::runtime::Runtime);
        let udp = runtime.wrap_udp_socket(udp);
        let endpoint = udp.and_then(|udp| make(udp, runtime));
        let endpoint = endpoint.map_err(|cause| Error::new(listen, cause))?;
        Ok(Self {
            knocks: true,
            ..endpoint
        })
    }

    /// An endpoint over any network there is, and any clock: `runtime` tells the time.
    ///
    /// # Errors
    /// When the socket does not know its address.
    pub fn over(
        identity: &Identity,
        udp: Arc<dyn AsyncUdpSocket>,
        runtime: Arc<dyn Runtime>,
        accepts: Kind,
    ) -> io::Result<Self> {
        Self::on(identity, Socket::new(udp)?, runtime, accepts)
    }

    fn on(
        identity: &Identity,
        socket: Socket,
        runtime: Arc<dyn Runtime>,
        accepts: Kind,
    ) -> io::Result<Self> {
        let socket = Arc::new(socket);
        let quinn = quinn::Endpoint::new_with_abstract_socket(
            endpoint_config(identity),
            Some(server_config(tls::server(identity, accepts), accepts)),
            Arc::clone(&socket) as Arc<dyn AsyncUdpSocket>,
            runtime,
        )?;
        Ok(Self {
            quinn,
            socket,
            id: identity.id(),
            run: random_run(),
            observer: None,
            questions: None,
            relayed: Arc::default(),
            links_per_address: None,
            relay_limit_kib: None,
            accepts,
            knocks: false,
            maps: false,
            housemate: None,
            mesh: client_config(tls::client(identity, Kind::Mesh), Kind::Mesh, accepts),
            inner: client_config(tls::client(identity, Kind::Mesh), Kind::Mesh, Kind::Mesh),
            peer: client_config(tls::client(identity, Kind::Peer), Kind::Peer, accepts),
        })
    }

    /// The same, for one who lets peers find it at its addresses and finds them at theirs, where that can be.
    ///
    /// # Errors
    /// When the socket does not know its address.
    pub fn direct(
        identity: &Identity,
        udp: Arc<dyn AsyncUdpSocket>,
        runtime: Arc<dyn Runtime>,
    ) -> io::Result<Self> {
        let mut socket = Socket::new(udp)?;
        socket.is_direct = true;
        Self::on(identity, socket, runtime, Kind::Peer)
    }

    /// Where it listens; the port is known even if any was asked for.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.quinn.local_addr().map(unmapped)
    }

    /// Whose endpoint this is.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Shows `observer` every byte that is relayed for others, for accounts and for tests.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// A gauge on the driver that is to run on this endpoint; it answers the one made last.
    #[must_use]
    pub fn gauge(&mut self) -> Gauge {
        let (gauge, questions) = Gauge::new();
        self.questions = Some(questions);
        gauge
    }

    /// What is relayed for others, counted as long as the endpoint lives.
    #[must_use]
    pub fn relayed(&self) -> Arc<Relayed> {
        Arc::clone(&self.relayed)
    }

    /// Gives each address a share of so many links ([`super::share`]); else anybody has as many as there are.
    #[must_use]
    pub fn sharing(mut self, links_per_address: usize) -> Self {
        self.links_per_address = Some(links_per_address);
        self
    }

    /// Relays no more than this for one identity, in KiB a second ([`super::quota`]); else as much as there is.
    #[must_use]
    pub fn relaying(mut self, limit_kib: usize) -> Self {
        self.relay_limit_kib = Some(limit_kib);
        self
    }

    /// Asks the router that we are behind, if it is one, to let peers in (see `mapping`).
    #[must_use]
    pub fn mapping(mut self, maps: bool) -> Self {
        self.maps = maps;
        self
    }

    /// Names whoever runs in this process too and nowhere else: links with it need no signs of life, since it stops
    /// and dies with us.
    #[must_use]
    pub fn beside(mut self, housemate: NodeId) -> Self {
        self.housemate = Some(housemate);
        self
    }

    /// Whether a housemate may be there: until the handshake nobody knows who it is.
    pub(super) fn is_inner(&self, address: SocketAddr) -> bool {
        self.housemate.is_some() && unmapped(address).ip().is_loopback()
    }

    /// Begins to dial; whoever answers must be `wanted`, if that is given.
    pub(super) fn dial(
        &self,
        kind: Kind,
        address: SocketAddr,
        wanted: Option<NodeId>,
    ) -> Result<quinn::Connecting, quinn::ConnectError> {
        let config = match kind {
            Kind::Mesh if is_virtual(address) || (self.socket.is_v4 && address.is_ipv6()) => {
                return Err(quinn::ConnectError::InvalidRemoteAddress(address));
            }
            Kind::Mesh if self.is_inner(address) => self.inner.clone(),
            Kind::Mesh => self.mesh.clone(),
            Kind::Peer => self.peer.clone(),
        };
        self.quinn
            .connect_with(config, address, &tls::server_name(wanted))
    }
}

fn random_run() -> Run {
    let mut bytes = [0; size_of::<Run>()];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("a system without random bytes cannot run QUIC");
    Run::from_be_bytes(bytes)
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("id", &self.id)
            .field("local_addr", &self.local_addr().ok())
            .field("accepts", &self.accepts)
            .finish_non_exhaustive()
    }
}

/// A socket for IPv6 takes IPv4 too where the system allows; a system without IPv6 gets an IPv4 socket instead.
fn bind_udp(listen: SocketAddr) -> io::Result<std::net::UdpSocket> {
    match bind_exactly(listen) {
        Err(_) if is_unspecified_v6(listen) && bind_exactly(LOOPBACK_V6).is_err() => {
            bind_exactly((Ipv4Addr::UNSPECIFIED, listen.port()).into())
        }
        bound => bound,
    }
}

/// Whether this one can be bound tells whether there is IPv6 at all.
const LOOPBACK_V6: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 0);

fn is_unspecified_v6(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

fn bind_exactly(listen: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = socket2::Socket::new(
        Domain::for_address(listen),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if is_unspecified_v6(listen) {
        socket.set_only_v6(false)?;
    }
    if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER_SIZE) {
        tracing::debug!(%error, "asking for a larger receive buffer");
    }
    socket.bind(&SockAddr::from(listen))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Both keys are the same after a restart, so that a link of the process before is told at its next packet that
/// nobody knows it any more (a stateless reset, RFC 9000 section 10.3) instead of timing out.
fn endpoint_config(identity: &Identity) -> EndpointConfig {
    let reset = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &identity.derive("stateless reset"));
    let mut config = EndpointConfig::new(Arc::new(reset));
    let connection_ids = identity.derive("connection ids");
    let key = u64::from_le_bytes(connection_ids[..8].try_into().expect("8 of 32 bytes"));
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(key)));
    // So that a packet of another protocol on this socket can be told from QUIC by one bit.
    config.grease_quic_bit(false);
    config
}

/// How a client of this identity dials mesh nodes, for those who measure what that costs.
#[must_use]
pub fn of_client(identity: &Identity) -> ClientConfig {
    let tls = tls::client(identity, Kind::Mesh);
    client_config(tls, Kind::Mesh, Kind::Peer)
}

/// For links of this kind, dialled by one who accepts links of that. Between mesh nodes, and where two live in one
/// process, the driver itself asks for signs of life, where they are wanted.
fn client_config(tls: QuicClientConfig, kind: Kind, accepts: Kind) -> ClientConfig {
    let mut config = ClientConfig::new(Arc::new(tls));
    let mut transport = transport_config(kind);
    let keep_alive = match accepts {
        Kind::Mesh => KEEP_ALIVE_LOOSE,
        Kind::Peer => KEEP_ALIVE,
    };
    transport
        .keep_alive_interval(Some(keep_alive))
        .max_concurrent_uni_streams(VarInt::from_u32(PLACE_STREAMS));
    config.transport_config(Arc::new(transport));
    config
}

fn server_config(tls: QuicServerConfig, kind: Kind) -> ServerConfig {
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    let mut transport = transport_config(kind);
    match kind {
        Kind::Mesh => {
            transport.keep_alive_interval(Some(KEEP_ALIVE_LOOSE));
            config.migration(true)
        }
        // A peer moves below its virtual address. A packet that came from anywhere else is not its own.
        Kind::Peer => {
            transport
                .keep_alive_interval(Some(KEEP_ALIVE))
                .max_concurrent_uni_streams(VarInt::from_u32(PLACE_STREAMS));
            config.migration(false)
        }
    };
    config
        .transport_config(Arc::new(transport))
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size_total(INCOMING_SIZE_MAX);
    config
}

fn transport_config(kind: Kind) -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .initial_rtt(INITIAL_RTT)
        .initial_mtu(INITIAL_MTU)
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .congestion_controller_factory(Arc::new(Floored::default()))
        .datagram_receive_buffer_size(None);
    match kind {
        Kind::Mesh => {
            let mut mtu = MtuDiscoveryConfig::default();
            mtu.minimum_change(MTU_STEP);
            config
                .mtu_discovery_config(Some(mtu))
                .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_AT_FIRST))
                .stream_receive_window(VarInt::from_u32(MESH_WINDOW))
                .send_window(u64::from(MESH_WINDOW))
                .receive_window(VarInt::from_u32(MESH_CONNECTION_WINDOW));
        }
        Kind::Peer => {
            // Packets of one size fit every tunnel and every path that comes after it.
            config
                .mtu_discovery_config(None)
                .max_concurrent_bidi_streams(VarInt::from_u32(PEER_STREAMS))
                .stream_receive_window(VarInt::from_u32(PEER_WINDOW))
                .send_window(u64::from(PEER_WINDOW))
                .receive_window(VarInt::from_u32(PEER_WINDOW));
        }
    }
    let idle = IDLE_TIMEOUT.try_into();
    config.max_idle_timeout(Some(idle.expect("seconds fit in a QUIC integer")));
    config
}
