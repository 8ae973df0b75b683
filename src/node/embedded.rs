//! The embedded node: a directory and supernode inside a client's process, so that two people need nothing else.
//!
//! The UDP port is the election on one machine: whoever binds it is the node, all others use it. When its process
//! ends, the next client that misses it binds the port.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::mesh::{Begin, Mesh};
use crate::identity::{self, Identity};
use crate::net::{Endpoint, endpoint};
use crate::proto::admission::Admission;
use crate::proto::id::NodeId;
use crate::proto::role::Kind;
use crate::proto::wire::Roles;

/// The node's own identity and file, beside its owner's.
const KEY_FILE: &str = "node.key";
const DATABASE: &str = "node.db";

/// Why there is no embedded node here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Somebody on this machine is the node already.
    #[error("the port is taken")]
    Taken,
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// Who keeps a node in this data directory, and in no other process as long as we have it.
pub(crate) fn identity(data: &Path) -> Result<Identity, identity::Error> {
    Identity::load_or_create(&data.join(KEY_FILE))
}

/// Binds `port` and starts a node on it beside its `owner`, for the local network too if `lan`.
pub(crate) fn start(data: &Path, owner: NodeId, port: u16, lan: bool) -> Result<Mesh, Error> {
    let identity = identity(data).map_err(anyhow::Error::new)?;
    let endpoint = bind(&identity, port, lan)?.beside(owner);
    let mesh = Mesh::start(Begin {
        identity,
        endpoint,
        database: &data.join(DATABASE),
        roles: Roles {
            directory: true,
            supernode: true,
        },
        name: None,
        advertise: None,
        admission: Admission::default(),
        operators: std::collections::BTreeSet::new(),
        recalls: false,
    })?;
    tracing::info!(name = %mesh.name, listening = %mesh.listening, "keeping a node for this network");
    Ok(mesh)
}

/// Whether somebody on this machine has the port.
pub(crate) fn is_taken(port: u16, lan: bool) -> bool {
    candidates(port, lan)
        .iter()
        .all(|at| is_in_use(std::net::UdpSocket::bind(at).err()))
}

/// Where clients of this machine reach it.
pub(crate) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// All interfaces, if others may see us. A server on some address of this machine that has the same port keeps us
/// from that, but not from serving our own machine.
fn candidates(port: u16, lan: bool) -> Vec<SocketAddr> {
    let all = (Ipv6Addr::UNSPECIFIED, port).into();
    if lan {
        vec![all, local(port)]
    } else {
        vec![local(port)]
    }
}

fn bind(identity: &Identity, port: u16, lan: bool) -> Result<Endpoint, Error> {
    for at in candidates(port, lan) {
        match Endpoint::bind(identity, at, Kind::Mesh) {
            Ok(endpoint) => return Ok(endpoint),
            Err(endpoint::Error::InUse(_)) => {}
            Err(error) => return Err(Error::Other(error.into())),
        }
    }
    Err(Error::Taken)
}

fn is_in_use(error: Option<std::io::Error>) -> bool {
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
}
