//! A door in a router that speaks UPnP and neither of the words of [`super::gateway`], asked for in those of
//! [`super::upnp`]; and how such a router is found and asked for anything.
//!
//! *Invariant:* whoever answers, nobody is sent anything but the router that packets leave through, on the network
//! that we share with it; what it sends is bounded in size and in time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::timeout;

use super::gateway::LIFETIME;
use super::mapping::{Mapped, Unopened, nonce};
use super::upnp::{self, Answer, Control, Page, Wish};
use super::{knock, route};
use crate::proto::path::door::Speech;

/// How long a router is given to say where it describes itself, and how often it is asked. It waits for up to a
/// second, so that not all of a network answer at once.
const SEARCH_WAIT: Duration = Duration::from_millis(1_500);
const SEARCHES: usize = 2;
/// Answers of others than the router, before we have heard enough.
const JUNK_MAX: usize = 64;
/// How long one page may take.
const PAGE_WAIT: Duration = Duration::from_secs(3);
/// The longest page: descriptions have some ten thousand bytes.
const PAGE_SIZE_MAX: usize = 64 * 1024;
/// How long a router may take to hear that a door can be closed: our end waits for it.
pub(super) const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// Ports that are asked for, until one is free.
const PORTS: usize = 4;
/// Where those begin that nobody has by custom (RFC 6335, section 6).
const FREE_PORTS: u16 = 49_152;

/// An open door. Unlike others it takes [`Door::close`] to close it.
#[derive(Debug)]
pub(super) struct Door {
    control: Control,
    from: SocketAddrV4,
    pub(super) mapped: Mapped,
}

impl Door {
    /// Asks for one that leads to this port of ours.
    pub(super) async fn opened(port: u16, from: Ipv4Addr) -> Result<Self, Unopened> {
        let control = find(from.into()).await.ok_or(Unopened::Silent)?;
        let from = SocketAddrV4::new(from, port);
        for outside in ports(port) {
            match ask(&control, from, outside).await {
                Some(Answer::Granted) => {
                    let mapped = Mapped {
                        speech: Speech::Upnp,
                        port: outside,
                        address: None,
                    };
                    return Ok(Self {
                        control,
                        from,
                        mapped,
                    });
                }
                Some(Answer::Taken) => {}
                Some(Answer::Refused) => break,
                None => return Err(Unopened::Silent),
            }
        }
        Err(Unopened::Refused(Speech::Upnp))
    }

    /// Asks for more time; false if it is not granted.
    pub(super) async fn is_renewed(&mut self) -> bool {
        ask(&self.control, self.from, self.mapped.port).await == Some(Answer::Granted)
    }

    /// If this comes to nothing, the router closes it in a while.
    pub(super) async fn close(self) {
        let outside = self.mapped.port;
        let request = self.control.post(Wish::Close { outside });
        let closed = fetch((*self.from.ip()).into(), &self.control.page, &request);
        let _ = timeout(CLOSE_WAIT, closed).await;
    }
}

/// Our own port, and others by chance.
fn ports(ours: u16) -> impl Iterator<Item = u16> {
    let chance = nonce().unwrap_or_default();
    let others = chance
        .as_chunks()
        .0
        .iter()
        .map(|two| FREE_PORTS + u16::from_be_bytes(*two) % (u16::MAX - FREE_PORTS));
    std::iter::once(ours)
        .chain(others.collect::<Vec<_>>())
        .take(PORTS)
}

async fn ask(control: &Control, from: SocketAddrV4, outside: u16) -> Option<Answer> {
    let wish = Wish::Open {
        outside,
        to: from,
        seconds: LIFETIME.as_secs(),
    };
    let request = control.post(wish);
    let response = fetch((*from.ip()).into(), &control.page, &request).await?;
    Some(upnp::answer(&response))
}

/// The router's door, if it is on a private network and says that it has one.
pub(super) async fn find(from: IpAddr) -> Option<Control> {
    let router = route::find(from)?;
    if !knock::is_near(router.ip()) {
        return None;
    }
    let root = search(from, router).await?;
    let response = fetch(from, &root, &upnp::get(&root)).await?;
    upnp::control(upnp::body(&response)?, &root)
}

/// Only the router's own answer counts.
async fn search(from: IpAddr, router: SocketAddr) -> Option<Page> {
    let socket = searcher(from, router).await?;
    let question = upnp::search(router);
    let mut junk = 0;
    for _ in 0..SEARCHES {
        for to in upnp::asked(router) {
            // The other one may get out.
            let _ = socket.send_to(question.as_bytes(), to).await;
        }
        let heard = async {
            let mut bytes = [0; 2_048];
            while junk < JUNK_MAX {
                junk += 1;
                let Ok((size, by)) = socket.recv_from(&mut bytes).await else {
                    continue;
                };
                let is_routers = by.ip() == router.ip();
                let page = upnp::described(bytes.get(..size)?, router);
                if let Some(page) = page.filter(|_| is_routers) {
                    return Some(page);
                }
            }
            None
        };
        if let Ok(found) = timeout(SEARCH_WAIT, heard).await {
            return found;
        }
    }
    None
}

/// A socket that asks on the router's side. In IPv6 a router answers from the address that we know if it is asked from
/// one of the same kind, which is for the system to choose.
async fn searcher(from: IpAddr, router: SocketAddr) -> Option<UdpSocket> {
    match (from, router) {
        (IpAddr::V4(from), _) => {
            let socket = UdpSocket::bind((from, 0)).await.ok()?;
            SockRef::from(&socket).set_multicast_if_v4(&from).ok()?;
            Some(socket)
        }
        (IpAddr::V6(_), SocketAddr::V6(router)) => {
            let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await.ok()?;
            let interface = router.scope_id();
            SockRef::from(&socket).set_multicast_if_v6(interface).ok()?;
            Some(socket)
        }
        (IpAddr::V6(_), SocketAddr::V4(_)) => None,
    }
}

/// What a page of the router's answers to a request.
pub(super) async fn fetch(from: IpAddr, page: &Page, request: &str) -> Option<String> {
    let fetched = async {
        let socket = match from {
            IpAddr::V4(_) => TcpSocket::new_v4().ok()?,
            IpAddr::V6(_) => TcpSocket::new_v6().ok()?,
        };
        socket.bind(SocketAddr::new(from, 0)).ok()?;
        let mut stream = socket.connect(page.at).await.ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut response = Vec::new();
        let mut piece = [0; 4_096];
        while response.len() <= PAGE_SIZE_MAX && !upnp::is_whole(&response) {
            let size = stream.read(&mut piece).await.ok()?;
            if size == 0 {
                return Some(response);
            }
            response.extend_from_slice(piece.get(..size)?);
        }
        (response.len() <= PAGE_SIZE_MAX).then_some(response)
    };
    let response = timeout(PAGE_WAIT, fetched).await.ok()??;
    Some(String::from_utf8_lossy(&response).into_owned())
}
