//! A door in a router, asked for in the words of [`super::gateway`].

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::gateway::{ADDRESS_WANTED, Answer, Granted, LIFETIME, Version, Wish};
use super::mapping::{Mapped, Unopened, nonce};
use super::route;
use crate::proto::path::door::Speech;

/// In which order a router is asked, and how long each time: it is one step away, and may be slow.
const ATTEMPTS: [(Version, Duration); 4] = [
    (Version::Pcp, Duration::from_millis(250)),
    (Version::Pmp, Duration::from_millis(250)),
    (Version::Pcp, Duration::from_secs(1)),
    (Version::Pmp, Duration::from_secs(1)),
];
/// Answers that are none to us, before we have heard enough.
const JUNK_MAX: usize = 16;

/// An open door; it is closed when this is dropped.
#[derive(Debug)]
pub(super) struct Door {
    router: UdpSocket,
    version: Version,
    wish: Wish,
    pub(super) mapped: Mapped,
    pub(super) lifetime: Duration,
}

impl Door {
    /// Asks for one that leads to this port of ours.
    pub(super) async fn opened(port: u16, from: IpAddr) -> Result<Self, Unopened> {
        let router = router_of(from).await.ok_or(Unopened::Silent)?;
        let wish = Wish {
            nonce: nonce().ok_or(Unopened::Silent)?,
            from,
            port,
            outside: port,
            lifetime: Some(LIFETIME),
        };
        let mut refused = Unopened::Silent;
        for (version, patience) in ATTEMPTS.iter().filter(|(it, _)| it.is_for(from)) {
            match ask(&router, &wish, *version, *patience).await {
                Some(Answer::Granted(granted)) => {
                    return Ok(Self::new(router, *version, wish, granted).await);
                }
                Some(Answer::Refused) => refused = Unopened::Refused((*version).into()),
                Some(Answer::Address(_) | Answer::Unspoken) | None => {}
            }
        }
        Err(refused)
    }

    async fn new(router: UdpSocket, version: Version, wish: Wish, granted: Granted) -> Self {
        let address = match granted.address {
            Some(address) => Some(address),
            None => address(&router, &wish).await.map(IpAddr::V4),
        };
        let mut door = Self {
            router,
            version,
            wish,
            mapped: Mapped {
                speech: version.into(),
                port: 0,
                address,
            },
            lifetime: granted.lifetime,
        };
        door.is_granted(granted);
        door
    }

    /// Asks for more time; false if it is not granted.
    pub(super) async fn is_renewed(&mut self) -> bool {
        for patience in ATTEMPTS.map(|(_, patience)| patience) {
            let asked = ask(&self.router, &self.wish, self.version, patience);
            if let Some(Answer::Granted(granted)) = asked.await {
                self.is_granted(granted);
                return true;
            }
        }
        false
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
        let _ = self.router.try_send(&end.written(self.version));
    }
}

impl Version {
    /// The older one knows nothing of IPv6.
    fn is_for(self, from: IpAddr) -> bool {
        match self {
            Self::Pcp => true,
            Self::Pmp => from.is_ipv4(),
        }
    }
}

impl From<Version> for Speech {
    fn from(version: Version) -> Self {
        match version {
            Version::Pcp => Self::Pcp,
            Version::Pmp => Self::Pmp,
        }
    }
}

/// A socket that hears nobody else's answer.
async fn router_of(from: IpAddr) -> Option<UdpSocket> {
    let router = UdpSocket::bind((from, 0)).await.ok()?;
    router.connect(route::find(from)?).await.ok()?;
    Some(router)
}

/// Asks once.
async fn ask(
    router: &UdpSocket,
    wish: &Wish,
    version: Version,
    patience: Duration,
) -> Option<Answer> {
    answer(router, wish, &wish.written(version), patience).await
}

/// The address of a router that has just answered.
async fn address(router: &UdpSocket, wish: &Wish) -> Option<Ipv4Addr> {
    let patience = ATTEMPTS.last().map(|(_, patience)| *patience)?;
    match answer(router, wish, &ADDRESS_WANTED, patience).await? {
        Answer::Address(address) => Some(address),
        Answer::Granted(_) | Answer::Unspoken | Answer::Refused => None,
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
