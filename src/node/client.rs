//! A person's client at work: commands go in, events come out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::discovery::Discovery;
use super::{ClientSettings, Search, embedded, past};

use super::wiring::{self, Outlets};
use crate::identity::Identity;
use crate::net::Endpoint;
use crate::proto::client::Client;
use crate::proto::command::Command;
use crate::proto::event::{Event, Invite};
use crate::proto::id::{GroupName, Nick, NodeId};
use crate::proto::limits::{COMMAND_QUEUE_MAX, EVENT_QUEUE_MAX, HANDOVER_WAIT};
use crate::proto::role::{Input, Kind};
use crate::proto::seal::Seal as _;
use crate::store::{DataDir, Job, Opened, Store};

/// How long a client may take to hand over and to say so; then it is stopped as it is. Longer than the role's own
/// patience with its heirs, and the network's with its last packets.
const QUIT_WAIT: Duration = HANDOVER_WAIT.saturating_mul(3);
/// Questions about the past that are under way at once.
const ASKED_MAX: usize = 4;
/// How long the rest (the store, an embedded node) may take after that.
const END_WAIT: Duration = Duration::from_secs(6);

/// A person's data directory, ours as long as this or the client made of it lives.
#[derive(Debug)]
pub struct ClientData {
    settings: ClientSettings,
    data: DataDir,
    identity: Identity,
    disk: Opened,
}

/// A running client.
#[derive(Debug)]
pub struct Handle {
    pub id: NodeId,
    pub nick: Nick,
    /// When it is full, wait: the client is busy. Closing it is as good as [`Command::Quit`].
    pub commands: mpsc::Sender<Command>,
    /// The last one is [`Event::Bye`]; if it closes without, the client broke, and `Ended::wait` says why.
    pub events: mpsc::Receiver<Event>,
    pub ended: Ended,
}

/// The client's end, to be waited for.
#[derive(Debug)]
pub struct Ended(JoinHandle<anyhow::Result<()>>);

impl ClientData {
    /// Opens the data directory, making it at the first start.
    ///
    /// # Errors
    /// If it is in use, or something in it cannot be used; the message is for a person.
    pub fn open(settings: ClientSettings) -> anyhow::Result<Self> {
        let data = DataDir::open(&settings.data)?;
        let identity = Identity::load_or_create(&data.path().join(super::KEY_FILE))?;
        let disk = Store::open(&data.database())?;
        Ok(Self {
            settings,
            data,
            identity,
            disk,
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.data.path()
    }

    /// Who owns it.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.identity.id()
    }

    /// The nick that was asked for, or the one this person had last.
    #[must_use]
    pub fn nick(&self) -> Option<Nick> {
        let asked = self.settings.nick.clone();
        asked.or_else(|| self.disk.saved.nick.clone())
    }

    /// Starts the client under this nick.
    ///
    /// # Errors
    /// If there is no socket for it; the message is for a person.
    pub fn start(mut self, nick: Nick) -> anyhow::Result<Handle> {
        let listen = self.settings.listen;
        let endpoint = if self.settings.relay_only {
            Endpoint::bind(&self.identity, listen, Kind::Peer)?
        } else {
            Endpoint::bind_direct(&self.identity, listen)?.mapping(self.settings.port_mapping)
        };
        // Where there can be no key there will be no node, which says so itself.
        let node = match &self.settings.search {
            Search::Local { .. } => embedded::identity(self.data.path()).ok(),
            Search::Bootstrap(_) => None,
        };
        let endpoint = match node {
            Some(node) => endpoint.beside(node.id()),
            None => endpoint,
        };
        let id = self.identity.id();
        let saved = std::mem::take(&mut self.disk.saved);
        let mut gates = self.settings.gates;
        gates.extend(saved.gates.iter().copied());
        let gates = watch::Sender::new(gates);
        let role = Client::new(Arc::new(self.identity), nick.clone(), saved, super::seed());
        let (commands, asked) = mpsc::channel(COMMAND_QUEUE_MAX);
        let (events, told) = mpsc::channel(EVENT_QUEUE_MAX);
        let (discover, wanted) = mpsc::channel(1);
        let found = watch::Sender::new(0);
        let inputs = wiring::inputs();
        let stop = CancellationToken::new();
        let discovery = Discovery {
            search: self.settings.search,
            data: self.data.path().to_owned(),
            owner: id,
            asked: wanted,
            found: found.subscribe(),
            gates: gates.subscribe(),
            inputs: inputs.sender.clone(),
            events: events.clone(),
            stop: stop.child_token(),
        };
        let ears = Ears {
            asked,
            gates,
            us: id,
            inputs: inputs.sender.clone(),
            events: events.clone(),
            store: self.disk.store.clone(),
            stop: stop.clone(),
        };
        let outlets = Outlets {
            events,
            notes: notes(&self.disk),
            discover,
            found,
            unwritten: Arc::default(),
        };
        let running = wiring::run(
            Box::new(role),
            endpoint,
            self.disk,
            inputs,
            outlets,
            stop.clone(),
        );
        let data = self.data;
        let ended = tokio::spawn(async move {
            let discovery = tokio::spawn(discovery.run());
            let ears = tokio::spawn(ears.run());
            let ended = running.await;
            stop.cancel();
            ears.await.context("the commands' task broke")?;
            // Only when we are out: others may have been handed over to through it.
            let remains = discovery.await.context("the discovery's task broke")?;
            remains.end().await;
            drop(data);
            ended
        });
        Ok(Handle {
            id,
            nick,
            commands,
            events: told,
            ended: Ended(ended),
        })
    }
}

impl Ended {
    /// Waits until everything is stored, handed over and closed.
    ///
    /// # Errors
    /// If the client broke, or does not end.
    pub async fn wait(self) -> anyhow::Result<()> {
        match timeout(END_WAIT, self.0).await {
            Ok(ended) => ended.context("the client broke")?,
            Err(_) => anyhow::bail!(
                "cannot end in order: the network or the disk does not answer; nothing that was confirmed is lost"
            ),
        }
    }
}

fn notes(disk: &Opened) -> VecDeque<Event> {
    let damaged = disk.damaged.iter();
    damaged
        .map(|damaged| Event::Notice {
            group: None,
            text: damaged.to_string(),
        })
        .collect()
}

/// What hears a face's commands: those about the network go to the role, those about the past to the store.
struct Ears {
    asked: mpsc::Receiver<Command>,
    /// Nodes that invitations name, to whoever looks for nodes.
    gates: watch::Sender<Vec<SocketAddr>>,
    us: NodeId,
    inputs: mpsc::Sender<Input>,
    events: mpsc::Sender<Event>,
    store: Store,
    stop: CancellationToken,
}

impl Ears {
    async fn run(mut self) {
        let mut deadline = None;
        // Whoever looks for something in a million lines can still say something in the meantime.
        let mut asked = JoinSet::new();
        loop {
            let command = tokio::select! {
                () = self.stop.cancelled() => return,
                () = at(deadline) => {
                    tracing::warn!("the end takes too long, and is cut short");
                    return self.stop.cancel();
                }
                // A face that is gone has nothing more to say than that it wants to leave.
                command = self.asked.recv(), if deadline.is_none() => {
                    command.unwrap_or_else(|| Command::Quit { why: String::new() })
                }
            };
            if matches!(command, Command::Quit { .. }) {
                deadline = Some(Instant::now() + QUIT_WAIT);
            }
            if let Command::Accept { invite } = &command {
                self.open_gates(invite);
            }
            if let Command::History {
                group,
                before,
                limit,
            } = command
            {
                self.page(group, before, limit).await;
            } else if let Command::Past(ask) = command {
                if asked.len() == ASKED_MAX {
                    asked.join_next().await;
                }
                asked.spawn(past::answer(
                    ask,
                    self.us,
                    self.store.clone(),
                    self.events.clone(),
                ));
            } else {
                _ = self.inputs.send(Input::Command(command)).await;
            }
        }
    }

    fn open_gates(&self, invite: &Invite) {
        self.gates.send_modify(|known| {
            let fresh = invite.gates.iter().map(|gate| gate.address);
            let fresh: Vec<_> = fresh.filter(|at| !known.contains(at)).collect();
            known.extend(fresh);
        });
    }

    async fn page(&self, group: GroupName, before: Option<String>, limit: usize) {
        let (reply, page) = oneshot::channel();
        let job = Job::Page {
            group: group.clone(),
            before,
            limit,
            us: self.us,
            reply,
        };
        // Who asks is always answered: a store that has ended has no past.
        let (lines, more) = match self.store.submit(job).await {
            Ok(()) => page.await.unwrap_or_default(),
            Err(_) => Default::default(),
        };
        _ = self
            .events
            .send(Event::History { group, lines, more })
            .await;
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
