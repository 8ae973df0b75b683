//! From an address or a knock to a link: the handshake, who it is, and the stream for messages.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{
    Connecting, Connection, ConnectionError, RecvStream, SendStream, TransportErrorCode, VarInt,
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::knock;
use super::peer::Peer;
use super::stream::{CLIENT, NODE, Run};
use super::tls;
use crate::proto::id::NodeId;
use crate::proto::limits::{DIAL_TIMEOUT, KNOCK_INTERVAL, REFUSED_WAIT};
use crate::proto::role::Kind;
use crate::proto::wire::Reason;

/// How long a dial is left to itself before the machine there is asked whether anybody listens: most are answered
/// by then, and on one machine all.
const KNOCK_PATIENCE: Duration = Duration::from_millis(150);

/// A connection on which messages can be said.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) connection: Connection,
    pub(super) send: SendStream,
    pub(super) receive: RecvStream,
    pub(super) kind: Kind,
    pub(super) peer: NodeId,
    /// Which process of the client it is that dialled, so that it can be relayed for.
    pub(super) client: Option<Run>,
    /// Keeps the virtual address of a peer.
    pub(super) path: Option<Arc<Peer>>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{0}")]
    Dial(#[from] quinn::ConnectError),
    #[error("nobody answered within {} seconds", DIAL_TIMEOUT.as_secs())]
    TimedOut,
    #[error("nobody listens there")]
    Nobody,
    #[error("it took its time, and others were waiting")]
    GivenUp,
    #[error("it takes no more links from here")]
    Full,
    #[error("it closed the link: {0}")]
    Closed(Reason),
    #[error("{0}")]
    Refused(Reason),
    #[error("{0}")]
    Lost(ConnectionError),
}

impl Error {
    /// The numbered reason that the other end gave.
    pub(super) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Full => Some(Reason::Limit),
            Self::Closed(reason) => Some(*reason),
            Self::Dial(_)
            | Self::TimedOut
            | Self::Nobody
            | Self::GivenUp
            | Self::Refused(_)
            | Self::Lost(_) => None,
        }
    }
}

impl From<ConnectionError> for Error {
    fn from(error: ConnectionError) -> Self {
        match &error {
            ConnectionError::ApplicationClosed(close) => {
                Self::Closed(Reason::from_code(close.error_code.into_inner()))
            }
            ConnectionError::TransportError(_) if tls::is_wrong_identity(&error) => {
                Self::Refused(Reason::WrongIdentity)
            }
            // Refused before a word was said (RFC 9000, section 20.1): with links it has no other reason.
            ConnectionError::ConnectionClosed(close)
                if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
            {
                Self::Full
            }
            ConnectionError::TimedOut => Self::TimedOut,
            ConnectionError::TransportError(_)
            | ConnectionError::VersionMismatch
            | ConnectionError::ConnectionClosed(_)
            | ConnectionError::Reset
            | ConnectionError::LocallyClosed
            | ConnectionError::CidsExhausted => Self::Lost(error),
        }
    }
}

/// The dialler's side. `client` is the run of our process, if we are a client and no mesh node.
pub(super) async fn dial(
    connecting: Result<Connecting, quinn::ConnectError>,
    kind: Kind,
    client: Option<Run>,
    path: Option<Arc<Peer>>,
) -> Result<Up, Error> {
    let connecting = connecting?;
    within(DIAL_TIMEOUT, async {
        let connection = connecting.await?;
        let peer = identify(&connection, kind, path.as_deref())?;
        let (mut send, receive) = connection.open_bi().await?;
        let run = client.unwrap_or_default().to_be_bytes();
        let mut first = vec![NODE];
        if client.is_some() {
            first[0] = CLIENT;
            first.extend(run);
        }
        // The other end sees the stream, and so the link, with its first byte.
        if send.write_all(&first).await.is_err() {
            return Err(Error::from(connection.closed().await));
        }
        Ok(Up {
            connection,
            send,
            receive,
            kind,
            peer,
            client,
            path,
        })
    })
    .await
}

/// As [`dial`], to a mesh node at `address`; ends sooner if the machine there says that nobody listens.
pub(super) async fn dial_unless_refused(
    dialled: impl Future<Output = Result<Up, Error>>,
    address: SocketAddr,
) -> Result<Up, Error> {
    let refused = async {
        sleep(KNOCK_PATIENCE).await;
        while !knock::is_refused(address).await {
            sleep(KNOCK_INTERVAL).await;
        }
        // Its word is nobody's signature: a living node has answered by then.
        sleep(REFUSED_WAIT).await;
    };
    tokio::select! {
        biased;
        up = dialled => up,
        () = refused => Err(Error::Nobody),
    }
}

/// The accepting side.
pub(super) async fn answer(
    connecting: Connecting,
    kind: Kind,
    path: Option<Arc<Peer>>,
) -> Result<Up, Error> {
    within(DIAL_TIMEOUT, async {
        let connection = connecting.await?;
        let peer = identify(&connection, kind, path.as_deref())?;
        let (send, mut receive) = connection.accept_bi().await?;
        let mut first = [0];
        let client = match receive.read_exact(&mut first).await {
            Ok(()) if first[0] == CLIENT => {
                let mut run = [0; size_of::<Run>()];
                if receive.read_exact(&mut run).await.is_err() {
                    return Err(refuse(&connection, Reason::Unexpected));
                }
                Some(Run::from_be_bytes(run))
            }
            Ok(()) if first[0] == NODE => None,
            Ok(()) | Err(_) => return Err(refuse(&connection, Reason::Unexpected)),
        };
        Ok(Up {
            connection,
            send,
            receive,
            kind,
            peer,
            client,
            path,
        })
    })
    .await
}

/// The same, until it is given up.
pub(super) async fn unless(
    given_up: CancellationToken,
    answered: impl Future<Output = Result<Up, Error>>,
) -> Result<Up, Error> {
    tokio::select! {
        biased;
        up = answered => up,
        () = given_up.cancelled() => Err(Error::GivenUp),
    }
}

/// Who it is. On a virtual address it must be the one whose address that is: a supernode says who a tunnel is
/// from, the handshake proves it.
fn identify(connection: &Connection, kind: Kind, path: Option<&Peer>) -> Result<NodeId, Error> {
    let peer =
        tls::peer_of(connection, kind).ok_or_else(|| refuse(connection, Reason::Unexpected))?;
    if path.is_some_and(|path| path.id != peer) {
        return Err(refuse(connection, Reason::WrongIdentity));
    }
    Ok(peer)
}

fn refuse(connection: &Connection, reason: Reason) -> Error {
    connection.close(
        VarInt::from_u32(reason as u32),
        reason.to_string().as_bytes(),
    );
    Error::Refused(reason)
}

async fn within<T>(
    limit: Duration,
    link: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(limit, link).await.unwrap_or(Err(Error::TimedOut))
}
