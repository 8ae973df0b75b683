//! A mesh node: a directory, a supernode, or both, as a process of its own or inside a client's.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::addresses;
use super::wiring::{self, Outlets};
use crate::address::AddressPort;
use crate::identity::Identity;
use crate::net::Endpoint;
use crate::net::gauge::{Gauge, Relayed};
use crate::proto::admission::Admission;
use crate::proto::command::Command;
use crate::proto::event::Event;
use crate::proto::id::{NodeId, NodeName};
use crate::proto::node::MeshNode;
use crate::proto::role::Input;
use crate::proto::seal::Seal as _;
use crate::proto::wire::Roles;
use crate::report::Failure;
use crate::store::{Opened, Store};

/// How long an orderly end may take before the node just stops.
const END_WAIT: Duration = Duration::from_secs(4);

/// Events that wait for the log.
const EVENTS_WAITING: usize = 16;

/// A mesh node has no face: what it has to say to its operator goes to the log.
async fn log(mut told: mpsc::Receiver<Event>) {
    while let Some(event) = told.recv().await {
        if let Event::Error {
            what, why, try_, ..
        } = event
        {
            tracing::error!("{}", Failure::new(what, why, try_));
        }
    }
}

/// A mesh node at work.
pub(crate) struct Mesh {
    pub(crate) name: NodeName,
    pub(crate) key: NodeId,
    pub(crate) listening: SocketAddr,
    pub(crate) inputs: mpsc::Sender<Input>,
    /// It wants to hear of other nodes.
    pub(crate) asks: mpsc::Receiver<()>,
    pub(crate) gauge: Gauge,
    pub(crate) relayed: Arc<Relayed>,
    /// Counts the writes that the disk did not take.
    pub(crate) unwritten: Arc<AtomicU64>,
    advertise: Option<AddressPort>,
    pub(crate) ended: JoinHandle<anyhow::Result<()>>,
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
    pub(crate) admission: Admission,
    pub(crate) operators: BTreeSet<NodeId>,
    /// Whether the nodes it knew at its last end are worth a dial. Those of a local network are not: who is here
    /// shows itself, and the others are other people's laptops of other days.
    pub(crate) recalls: bool,
}

impl Mesh {
    pub(crate) fn start(begin: Begin<'_>) -> anyhow::Result<Self> {
        let Begin {
            identity,
            mut endpoint,
            database,
            roles,
            name,
            advertise,
            admission,
            operators,
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
        )
        .admitting(admission)
        .obeying(operators);
        let (gauge, relayed) = (endpoint.gauge(), endpoint.relayed());
        let unwritten = Arc::<AtomicU64>::default();
        let inputs = wiring::inputs();
        let feed = inputs.sender.clone();
        let (discover, asks) = mpsc::channel(1);
        let (events, told) = mpsc::channel(EVENTS_WAITING);
        tokio::spawn(log(told));
        let outlets = Outlets {
            events,
            notes: VecDeque::new(),
            discover,
            found: watch::Sender::new(0),
            unwritten: Arc::clone(&unwritten),
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
            gauge,
            relayed,
            unwritten,
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
