//! A door in a home's router, kept open while we are behind one that lets us have it: one more address at which peers
//! may find us. In IPv6 it is a hole in the router's wall, at the address that is ours anyway.
//!
//! Nothing is asked before a supernode sees us, and nothing waits for an answer.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::door;
#[cfg(feature = "upnp")]
use super::igd;
use super::link::Event;
#[cfg(feature = "upnp")]
use super::pinhole;
use crate::proto::path::door::{Door as Outcome, Family, Speech};

/// A router that does not answer, or does not want to, is asked again after this: it may be another by then.
const AGAIN: Duration = Duration::from_secs(600);

/// Where a router lets others in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) speech: Speech,
    pub(super) port: u16,
    /// The address that the router says it has, or that we are let in at.
    pub(super) address: Option<IpAddr>,
}

/// Why there is no door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unopened {
    Silent,
    Refused(Speech),
}

/// How it stands with the router of one family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Unknown,
    Open(Mapped),
    None(Unopened),
}

impl State {
    pub(super) fn mapped(self) -> Option<Mapped> {
        match self {
            Self::Open(mapped) => Some(mapped),
            Self::Unknown | Self::None(_) => None,
        }
    }

    /// As a person is told it.
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Unknown => Outcome::Unknown,
            Self::Open(Mapped { speech, port, .. }) => Outcome::Open { speech, port },
            Self::None(Unopened::Refused(speech)) => Outcome::Refused(speech),
            Self::None(Unopened::Silent) => Outcome::Silent,
        }
    }
}

/// Keeps a door open to this port of ours, behind whatever router we are: `behind` says from which address packets of
/// the family go out, as long as a door would be of use. Closes it and ends when nobody says so any more.
pub(super) async fn keep(
    port: u16,
    family: Family,
    mut behind: watch::Receiver<Option<IpAddr>>,
    events: mpsc::Sender<Event>,
) {
    let told = |state| {
        let events = events.clone();
        async move {
            // Without a driver there is nobody left to care.
            let _ = events.send(Event::Mapped(family, state)).await;
        }
    };
    let mut door: Option<Door> = None;
    loop {
        let from = *behind.borrow_and_update();
        tokio::select! {
            changed = behind.changed() => {
                if let Some(open) = door.take() {
                    open.close().await;
                }
                if changed.is_err() {
                    return;
                }
                told(State::Unknown).await;
            }
            () = hold(&mut door, port, from, told) => {}
        }
    }
}

/// Without end. The door outlives this.
async fn hold<T: Future<Output = ()>>(
    door: &mut Option<Door>,
    port: u16,
    from: Option<IpAddr>,
    told: impl Fn(State) -> T,
) {
    let Some(from) = from else {
        return std::future::pending().await;
    };
    loop {
        let is_renewed = match door {
            Some(open) => open.is_renewed().await,
            None => false,
        };
        let mut state = State::Unknown;
        if !is_renewed {
            *door = None;
            match Door::opened(port, from).await {
                Ok(open) => *door = Some(open),
                Err(why) => state = State::None(why),
            }
        }
        let mut pause = AGAIN;
        if let Some(open) = door {
            state = State::Open(open.mapped());
            pause = open.lifetime() / 2;
        }
        tracing::info!(%from, ?state, "asked the router to let others in");
        told(state).await;
        sleep(pause).await;
    }
}

/// An open door, by whatever words it was asked for.
#[derive(Debug)]
enum Door {
    Told(door::Door),
    #[cfg(feature = "upnp")]
    Upnp(igd::Door),
    #[cfg(feature = "upnp")]
    Hole(pinhole::Door),
}

impl Door {
    async fn opened(port: u16, from: IpAddr) -> Result<Self, Unopened> {
        match door::Door::opened(port, from).await {
            Ok(door) => Ok(Self::Told(door)),
            Err(why) => Self::opened_otherwise(port, from, why).await,
        }
    }

    /// One that knows none of those words may know others; one that has said no is not asked again in those.
    #[cfg(feature = "upnp")]
    async fn opened_otherwise(port: u16, from: IpAddr, why: Unopened) -> Result<Self, Unopened> {
        match (why, from) {
            (Unopened::Silent, IpAddr::V4(from)) => {
                igd::Door::opened(port, from).await.map(Self::Upnp)
            }
            (Unopened::Silent, IpAddr::V6(from)) => {
                pinhole::Door::opened(port, from).await.map(Self::Hole)
            }
            (Unopened::Refused(_), IpAddr::V4(_) | IpAddr::V6(_)) => Err(why),
        }
    }

    #[cfg(not(feature = "upnp"))]
    fn opened_otherwise(
        _: u16,
        _: IpAddr,
        why: Unopened,
    ) -> impl Future<Output = Result<Self, Unopened>> {
        std::future::ready(Err(why))
    }

    async fn is_renewed(&mut self) -> bool {
        match self {
            Self::Told(door) => door.is_renewed().await,
            #[cfg(feature = "upnp")]
            Self::Upnp(door) => door.is_renewed().await,
            #[cfg(feature = "upnp")]
            Self::Hole(door) => door.is_renewed().await,
        }
    }

    fn mapped(&self) -> Mapped {
        match self {
            Self::Told(door) => door.mapped,
            #[cfg(feature = "upnp")]
            Self::Upnp(door) => door.mapped,
            #[cfg(feature = "upnp")]
            Self::Hole(door) => door.mapped,
        }
    }

    fn lifetime(&self) -> Duration {
        match self {
            Self::Told(door) => door.lifetime,
            #[cfg(feature = "upnp")]
            Self::Upnp(_) | Self::Hole(_) => super::gateway::LIFETIME,
        }
    }

    async fn close(self) {
        match self {
            // It says so when it is dropped.
            Self::Told(door) => drop(door),
            #[cfg(feature = "upnp")]
            Self::Upnp(door) => door.close().await,
            #[cfg(feature = "upnp")]
            Self::Hole(door) => door.close().await,
        }
    }
}

/// What nobody else can know who has not read our requests.
pub(super) fn nonce() -> Option<[u8; 12]> {
    let mut nonce = [0; 12];
    SystemRandom::new().fill(&mut nonce).ok()?;
    Some(nonce)
}

/// Where peers may come in, if supernodes see us at these addresses: as the router says, and, since another one may be
/// in front of it that it knows nothing of, also where we are seen. A hole in a wall is where it says, and nowhere else.
pub(super) fn candidates(
    family: Family,
    mapped: Option<Mapped>,
    observed: impl Iterator<Item = SocketAddr>,
) -> Vec<SocketAddr> {
    let Some(Mapped { port, address, .. }) = mapped else {
        return Vec::new();
    };
    let seen = observed.map(|at| at.ip());
    let seen = seen.filter(|ip| ip.is_ipv4() && family == Family::V4);
    let ips = address.into_iter().chain(seen);
    ips.map(|ip| SocketAddr::new(ip, port)).collect()
}
