//! A door in a home's router, kept open while we are behind one that lets us have it: one more address at which peers
//! may find us.
//!
//! Nothing is asked before a supernode sees us at another address than ours, and nothing waits for an answer.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::gateway::{self, ADDRESS_WANTED, Answer, Granted, LIFETIME, Speech, Wish};
use super::link::Event;

/// In which order a router is asked, and how long each time: it is one step away, and may be slow.
const ATTEMPTS: [(Speech, Duration); 4] = [
    (Speech::Pcp, Duration::from_millis(250)),
    (Speech::Pmp, Duration::from_millis(250)),
    (Speech::Pcp, Duration::from_secs(1)),
    (Speech::Pmp, Duration::from_secs(1)),
];
/// A router that does not answer, or does not want to, is asked again after this: it may be another by then.
const AGAIN: Duration = Duration::from_secs(600);
/// Answers that are none to us, before we have heard enough.
const JUNK_MAX: usize = 16;

/// Where a router lets others in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) port: u16,
    /// The address that the router says it has.
    pub(super) address: Option<Ipv4Addr>,
}

/// Keeps a door open to this port of ours, behind whatever router we are: `behind` says from which address packets go
/// out, as long as others see another.
pub(super) async fn keep(
    port: u16,
    mut behind: watch::Receiver<Option<Ipv4Addr>>,
    events: mpsc::Sender<Event>,
) {
    loop {
        let from = *behind.borrow_and_update();
        tokio::select! {
            changed = behind.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = hold(port, from, &events) => {}
        }
        tell(&events, None).await;
    }
}

/// Without end.
async fn hold(port: u16, from: Option<Ipv4Addr>, events: &mpsc::Sender<Event>) {
    let Some(from) = from else {
        return std::future::pending().await;
    };
    let mut door: Option<Door> = None;
    loop {
        door = match door.take() {
            Some(open) => open.renewed().await,
            None => Door::opened(port, from).await,
        };
        let mapped = door.as_ref().map(|door| door.mapped);
        tell(events, mapped).await;
        let pause = door.as_ref().map_or(AGAIN, |door| door.lifetime / 2);
        sleep(pause).await;
    }
}

/// Without a driver there is nobody left to care.
async fn tell(events: &mpsc::Sender<Event>, mapped: Option<Mapped>) {
    let _ = events.send(Event::Mapped(mapped)).await;
}

/// An open door; it is closed when this is dropped.
#[derive(Debug)]
struct Door {
    router: UdpSocket,
    speech: Speech,
    wish: Wish,
    mapped: Mapped,
    lifetime: Duration,
}

impl Door {
    async fn opened(port: u16, from: Ipv4Addr) -> Option<Self> {
        let router = UdpSocket::bind((from, 0)).await.ok()?;
        // So that nobody else's answer is heard.
        router.connect(gateway::find()?).await.ok()?;
        let mut nonce = [0; 12];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let wish = Wish {
            nonce,
            from,
            port,
            outside: port,
            lifetime: Some(LIFETIME),
        };
        Self::asked(router, wish, &ATTEMPTS).await
    }

    async fn renewed(mut self) -> Option<Self> {
        let attempts = ATTEMPTS.map(|(_, patience)| (self.speech, patience));
        for (speech, patience) in attempts {
            if let Some(granted) = ask(&self.router, &self.wish, speech, patience).await {
                self.is_granted(granted);
                return Some(self);
            }
        }
        None
    }

    async fn asked(router: UdpSocket, wish: Wish, attempts: &[(Speech, Duration)]) -> Option<Self> {
        for (speech, patience) in attempts {
            let Some(granted) = ask(&router, &wish, *speech, *patience).await else {
                continue;
            };
            let address = match granted.address {
                Some(address) => Some(address),
                None => address(&router, &wish).await,
            };
            let mut door = Self {
                router,
                speech: *speech,
                wish,
                mapped: Mapped { port: 0, address },
                lifetime: granted.lifetime,
            };
            door.is_granted(granted);
            tracing::info!(mapped = ?door.mapped, ?speech, "the router lets others in");
            return Some(door);
        }
        tracing::debug!("the router lets nobody in");
        None
    }

    fn is_granted(&mut self, granted: Granted) {
        self.wish.outside = granted.outside;
        self.mapped.port = granted.outside;
        self.mapped.address = granted.address.or(self.mapped.address);
        self.lifetime = granted.lifetime;
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let end = Wish {
            lifetime: None,
            ..self.wish
        };
        // If it is lost, the router closes it in a while.
        let _ = self.router.try_send(&end.written(self.speech));
    }
}

/// Asks once.
async fn ask(
    router: &UdpSocket,
    wish: &Wish,
    speech: Speech,
    patience: Duration,
) -> Option<Granted> {
    match answer(router, wish, &wish.written(speech), patience).await? {
        Answer::Granted(granted) => Some(granted),
        Answer::Address(_) | Answer::Refused => None,
    }
}

/// The address of a router that has just answered.
async fn address(router: &UdpSocket, wish: &Wish) -> Option<Ipv4Addr> {
    let patience = ATTEMPTS.last().map(|(_, patience)| *patience)?;
    match answer(router, wish, &ADDRESS_WANTED, patience).await? {
        Answer::Address(address) => Some(address),
        Answer::Granted(_) | Answer::Refused => None,
    }
}

async fn answer(
    router: &UdpSocket,
    wish: &Wish,
    request: &[u8],
    patience: Duration,
) -> Option<Answer> {
    router.send(request).await.ok()?;
    let heard = async {
        let mut bytes = [0; 1_100];
        for _ in 0..JUNK_MAX {
            // An error says that nobody listens there.
            let size = router.recv(&mut bytes).await.ok()?;
            if let Some(answer) = wish.read(bytes.get(..size)?) {
                return Some(answer);
            }
        }
        None
    };
    timeout(patience, heard).await.ok().flatten()
}

/// Where peers may come in, if supernodes see us at these addresses: as the router says, and, since another one may be
/// in front of it that it knows nothing of, also where we are seen.
pub(super) fn candidates(
    mapped: Option<Mapped>,
    observed: impl Iterator<Item = SocketAddr>,
) -> impl Iterator<Item = SocketAddr> {
    let mapped = mapped.into_iter();
    let observed: Vec<_> = observed.filter(SocketAddr::is_ipv4).collect();
    mapped.flat_map(move |Mapped { port, address }| {
        let told = address.map(|ip| SocketAddr::new(ip.into(), port));
        let seen = observed.iter().map(|at| SocketAddr::new(at.ip(), port));
        told.into_iter().chain(seen).collect::<Vec<_>>()
    })
}
