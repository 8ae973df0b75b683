//! What a stream is for: its first byte, and for tunnels an identity. The same on every link.

use std::panic::resume_unwind;
use std::time::Duration;

use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::endpoint::STREAMS_AT_FIRST;
use crate::proto::id::NodeId;

/// Messages, and the dialler is a client, for which a supernode relays; the run of its process follows.
pub(super) const CLIENT: u8 = b'c';
/// Messages, and the dialler is a mesh node.
pub(super) const NODE: u8 = b'n';
/// A tunnel to the peer whose identity follows.
pub(super) const TUNNEL_TO: u8 = b't';
/// A tunnel from the peer whose identity follows.
pub(super) const TUNNEL_FROM: u8 = b'f';

/// Tunnels on one link at a time: twice the members that a relayed host must carry.
pub(super) const TUNNELS_MAX: usize = 2 * crate::proto::limits::MEMBERS_MAX;
/// How long the beginning of a stream may take; it comes with the stream's first packet.
const BEGINNING_WAIT: Duration = Duration::from_secs(2);

/// Why a stream was reset; the number travels in RESET_STREAM or STOP_SENDING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Cause {
    /// The beginning makes no sense here.
    Unexpected = 1,
    /// There are too many already.
    Limit = 2,
    /// The supernode has no link to that peer, or lost it.
    NotLinked = 404,
}

/// Tells the processes of one identity apart: chosen at random by each.
pub(super) type Run = u64;

/// Ends both directions of a stream.
pub(super) fn refuse(send: &mut SendStream, receive: &mut RecvStream, why: Cause) {
    let code = VarInt::from_u32(why as u32);
    // Either may have ended by itself.
    let _ = send.reset(code);
    let _ = receive.stop(code);
}

/// The first bytes of a tunnel.
pub(super) fn beginning(kind: u8, id: NodeId) -> [u8; 33] {
    let mut bytes = [kind; 33];
    bytes[1..].copy_from_slice(&id.0);
    bytes
}

/// Reads the first bytes of a tunnel that must be of this kind.
pub(super) async fn read_beginning(receive: &mut RecvStream, kind: u8) -> Option<NodeId> {
    let mut bytes = [0; 33];
    match timeout(BEGINNING_WAIT, receive.read_exact(&mut bytes)).await {
        Ok(Ok(())) if bytes[0] == kind => {
            Some(NodeId(bytes[1..].try_into().expect("32 of 33 bytes")))
        }
        Ok(Ok(()) | Err(_)) | Err(_) => None,
    }
}

/// Gives every stream that the other end opens its own task, as many as [`TUNNELS_MAX`], until the link ends;
/// then the tasks end too. A panic in one of them is one here.
pub(super) async fn accept_each<F>(
    connection: &Connection,
    mut task: impl FnMut(SendStream, RecvStream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let mut allowed = STREAMS_AT_FIRST;
    loop {
        tokio::select! {
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    resume_unwind(error.into_panic());
                }
            }
            accepted = connection.accept_bi() => {
                let Ok((mut send, mut receive)) = accepted else { return };
                if tasks.len() >= TUNNELS_MAX {
                    refuse(&mut send, &mut receive, Cause::Limit);
                    continue;
                }
                tasks.spawn(task(send, receive));
                if tasks.len() * 2 > allowed as usize {
                    allowed *= 2;
                    connection.set_max_concurrent_bi_streams(VarInt::from_u32(allowed));
                }
            }
        }
    }
}
