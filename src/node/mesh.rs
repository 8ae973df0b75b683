//! A mesh node: a directory, a supernode, or both, as a process of its own or inside a client's.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::wiring::{self, Outlets};
use super::{MeshSettings, addresses, resolve};
use crate::address::{AddressPort, HostPort};
use crate::identity::Identity;
use crate::net::Endpoint;
use crate::proto::command::Command;
use crate::proto::id::{NodeId, NodeName};
use crate::proto::node::MeshNode;
use crate::proto::role::{Input, Kind};
use crate::proto::seal::Seal as _;
use crate::proto::wire::Roles;
use crate::store::{DataDir, Opened, Store};

/// How long an orderly end may take before the node just stops.
const END_WAIT: Duration = Duration::from_secs(4);

/// A mesh node at work.
pub(crate) struct Mesh {
    pub(crate) name: NodeName,
    pub(crate) key: NodeId,
    pub(crate) listening: SocketAddr,
    pub(crate) inputs: mpsc::Sender<Input>,
    /// It wants to hear of other nodes.
    pub(crate) asks: mpsc::Receiver<()>,
    advertise: Option<AddressPort>,
    ended: JoinHandle<anyhow::Result<()>>,
    stop: CancellationToken,
}

/// What a mesh node is started with.
pub(crate) struct Begin<'a> {
    pub(crate) identity: Identity,
    pub(crate) endpoint: Endpoint,
    /// Where its own file is.
    pub(crate) database: &'a Path,
    pub(crate) roles: Roles,
    pub(crate) name: Option<NodeName>,
    pub(crate) advertise: Option<AddressPort>,
    /// Whether the nodes it knew at its last end are worth a dial. Those of a local network are not: who is here
    /// shows itself, and the others are other people's laptops of other days.
    pub(crate) recalls: bool,
}

impl Mesh {
    pub(crate) fn start(begin: Begin<'_>) -> anyhow::Result<Self> {
        let Begin {
            identity,
            endpoint,
            database,
            roles,
            name,
            advertise,
            recalls,
        } = begin;
        let mut disk: Opened = Store::open(database)?;
        let key = identity.id();
        let name = name.unwrap_or_else(|| addresses::default_name(key));
        let listening = endpoint
            .local_addr()
            .context("cannot learn where we listen")?;
        let mut saved = std::mem::take(&mut disk.saved);
        if !recalls {
            saved.table.clear();
        }
        let role = MeshNode::new(
            Arc::new(identity),
            name.clone(),
            roles,
            saved,
            super::seed(),
        );
        let inputs = wiring::inputs();
        let feed = inputs.sender.clone();
        let (discover, asks) = mpsc::channel(1);
        // A mesh node has no face: what it tells is dropped.
        let (events, _) = mpsc::channel(1);
        let outlets = Outlets {
            events,
            notes: VecDeque::new(),
            discover,
            found: watch::Sender::new(0),
        };
        let stop = CancellationToken::new();
        let running = wiring::run(
            Box::new(role),
            endpoint,
            disk,
            inputs,
            outlets,
            stop.clone(),
        );
        let mesh = Self {
            name,
            key,
            listening,
            inputs: feed,
            asks,
            advertise,
            ended: tokio::spawn(running),
            stop,
        };
        let addresses = mesh.advertised();
        // Nobody has used the channel yet, so that there is room; a node that broke already hears nothing more.
        _ = mesh.inputs.try_send(Input::Addresses { addresses });
        Ok(mesh)
    }

    /// Tells it which addresses this machine has by now, and where other nodes may be.
    pub(crate) async fn answer(&self, found: Vec<SocketAddr>) {
        let addresses = self.advertised();
        for input in [
            Input::Addresses { addresses },
            Input::Found { addresses: found },
        ] {
            // One that has ended needs no answer.
            _ = self.inputs.send(input).await;
        }
    }

    /// Lets it hand over what it holds, and waits until it has ended.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        let quit = Command::Quit { why: String::new() };
        _ = self.inputs.send(Input::Command(quit)).await;
        if let Ok(ended) = timeout(END_WAIT, &mut self.ended).await {
            return ended.context("the node broke")?;
        }
        self.stop.cancel();
        self.ended.await.context("the node broke")?
    }

    fn advertised(&self) -> Vec<SocketAddr> {
        addresses::advertised(self.listening, self.advertise)
    }
}

/// A directory or supernode that is a process of its own.
pub struct Server {
    mesh: Mesh,
    roles: Roles,
    bootstrap: Vec<HostPort>,
    /// Ours until the end.
    _data: DataDir,
}

/// Starts a mesh node.
///
/// # Errors
/// If its data directory, key or port cannot be had; the message is for a person.
pub fn serve(settings: MeshSettings) -> anyhow::Result<Server> {
    let data = DataDir::open(settings.data)?;
    let identity = Identity::load_or_create(&data.path().join(super::KEY_FILE))?;
    let endpoint = Endpoint::bind(&identity, settings.listen, Kind::Mesh)?;
    let mesh = Mesh::start(Begin {
        identity,
        endpoint,
        database: &data.database(),
        roles: settings.roles,
        name: settings.name,
        advertise: settings.advertise,
        recalls: true,
    })?;
    Ok(Server {
        mesh,
        roles: settings.roles,
        bootstrap: settings.bootstrap,
        _data: data,
    })
}

impl Server {
    /// Where it is reached.
    #[must_use]
    pub fn listening(&self) -> SocketAddr {
        self.mesh.listening
    }

    /// One line that says that it is ready, and what others need to know of it.
    #[must_use]
    pub fn ready(&self) -> String {
        let role = match (self.roles.directory, self.roles.supernode) {
            (true, true) => "directory and supernode",
            (true, false) => "directory",
            (false, _) => "supernode",
        };
        let Mesh {
            name,
            listening,
            key,
            ..
        } = &self.mesh;
        format!("fireside: {role} {name} listening on {listening}, key {key}")
    }

    /// Serves until `asked_to_stop`, then hands over and ends.
    ///
    /// # Errors
    /// If it ends by itself.
    pub async fn run(mut self, asked_to_stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let mut asked_to_stop = std::pin::pin!(asked_to_stop);
        loop {
            tokio::select! {
                () = &mut asked_to_stop => {
                    tracing::info!("ending");
                    return self.mesh.end().await;
                }
                ended = &mut self.mesh.ended => {
                    ended.context("the node broke")??;
                    bail!("the node ended by itself");
                }
                Some(()) = self.mesh.asks.recv() => {
                    let (found, failures) = resolve::all(&self.bootstrap).await;
                    for failure in failures {
                        tracing::warn!(%failure, "bootstrap");
                    }
                    self.mesh.answer(found).await;
                }
            }
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.ready())
    }
}
