//! Finding mesh nodes for a client: the configured ones, or whoever is on this machine or the local network; and
//! becoming that node where nobody is.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::lan::Lan;
use super::mesh::Mesh;
use super::{Search, addresses, embedded, resolve};
use crate::address::HostPort;
use crate::proto::event::Event;
use crate::proto::role::Input;
use crate::report::Failure;

/// How long a node of the local network has for its first answer before we become one ourselves. An answer takes
/// about a tenth of a second; the question is repeated after one second, which is too long to look at nothing.
const LAN_WAIT: Duration = Duration::from_millis(750);
/// A node of the local network that was offered so long ago while the client still searches is not there.
const DOUBT_AFTER: Duration = Duration::from_secs(3);
/// One that the client had found before and lost answers at once, or is not there either.
const REDIAL_WAIT: Duration = Duration::from_millis(250);
/// Without a question for so long the client has found somebody meanwhile, and the next question is a new search.
const SEARCH_GAP: Duration = Duration::from_secs(15);
/// A search that goes on for so long is told to the person.
const SAY_AFTER: Duration = Duration::from_secs(5);

/// What discovery is wired to.
pub(crate) struct Discovery {
    pub(crate) search: Search,
    /// The client's data directory, where an embedded node keeps its own files.
    pub(crate) data: PathBuf,
    pub(crate) asked: mpsc::Receiver<()>,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) stop: CancellationToken,
}

/// What runs at the end and must end after the client.
pub(crate) struct Remains {
    mesh: Option<Mesh>,
    lan: Option<Lan>,
}

impl Discovery {
    /// Answers until it is stopped.
    pub(crate) async fn run(self) -> Remains {
        match self.search.clone() {
            Search::Bootstrap(hosts) => {
                self.configured(&hosts).await;
                Remains {
                    mesh: None,
                    lan: None,
                }
            }
            Search::Local { port, lan } => Local::new(self, port, lan).run().await,
        }
    }

    async fn configured(mut self, hosts: &[HostPort]) {
        let mut spell = Spell::default();
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                asked = self.asked.recv() => if asked.is_none() { return },
            }
            let (addresses, failures) = resolve::all(hosts).await;
            let is_long = spell.asked();
            if is_long && addresses.is_empty() {
                for failure in failures {
                    self.say(failure);
                }
            } else if is_long {
                self.say(unreachable(hosts));
            }
            self.found(addresses).await;
        }
    }

    async fn found(&self, addresses: Vec<SocketAddr>) {
        // A client that has ended searches no more.
        _ = self.inputs.send(Input::Found { addresses }).await;
    }

    /// Tells the person. Not at any price: a face that does not read is not waited for here.
    fn say(&self, failure: Failure) {
        tracing::warn!(%failure, "discovery");
        let Failure { what, why, try_ } = failure;
        _ = self.events.try_send(Event::Error {
            group: None,
            what,
            why,
            try_,
        });
    }
}

impl Remains {
    /// Ends the embedded node: whoever needs one takes over.
    pub(crate) async fn end(self) {
        if let Some(mesh) = self.mesh
            && let Err(error) = mesh.end().await
        {
            tracing::warn!(%error, "ending the embedded node");
        }
        if let Some(lan) = self.lan {
            lan.close().await;
        }
    }
}

fn unreachable(hosts: &[HostPort]) -> Failure {
    let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    Failure::new(
        "cannot reach any mesh node",
        format!("nobody answers at {}", names.join(", ")),
        "check the address and the network, which must let UDP through; it is tried again and again",
    )
}

/// One search: the client's questions from the first to an answer that holds.
#[derive(Default)]
struct Spell {
    began: Option<Instant>,
    last: Option<Instant>,
    is_said: bool,
}

impl Spell {
    /// Notes a question. True once in a search, when it has become long.
    fn asked(&mut self) -> bool {
        let now = Instant::now();
        if self.last.is_none_or(|last| now - last > SEARCH_GAP) {
            *self = Self {
                began: Some(now),
                ..Self::default()
            };
        }
        self.last = Some(now);
        let is_long = self.began.is_some_and(|began| now - began >= SAY_AFTER);
        is_long && !std::mem::replace(&mut self.is_said, true)
    }

    fn began(&self) -> Option<Instant> {
        self.began
    }
}

/// Looking on this machine and the local network.
struct Local {
    discovery: Discovery,
    port: u16,
    /// Whether the local network is part of it.
    is_open: bool,
    lan: Option<Lan>,
    mesh: Option<Mesh>,
    spell: Spell,
    /// When each node of the local network was first offered to the client.
    offered: BTreeMap<SocketAddr, Instant>,
    /// Until when a node of the local network is waited for.
    patience: Instant,
    /// Whether the client waits for an answer until then.
    is_waiting: bool,
}

enum Happened {
    Stopped,
    Asked,
    NodeAsked,
    Sighted,
    WaitedEnough,
}

impl Local {
    fn new(discovery: Discovery, port: u16, is_open: bool) -> Self {
        let lan = is_open.then(Lan::open).flatten();
        let patience = if lan.is_some() && addresses::has_network() {
            LAN_WAIT
        } else {
            Duration::ZERO
        };
        Self {
            discovery,
            port,
            is_open,
            lan,
            mesh: None,
            spell: Spell::default(),
            offered: BTreeMap::new(),
            patience: Instant::now() + patience,
            is_waiting: false,
        }
    }

    async fn run(mut self) -> Remains {
        loop {
            match self.next().await {
                Happened::Stopped => {
                    return Remains {
                        mesh: self.mesh,
                        lan: self.lan,
                    };
                }
                Happened::Asked => self.answer().await,
                Happened::NodeAsked => {
                    let others = self.others();
                    if let Some(mesh) = &self.mesh {
                        mesh.answer(others).await;
                    }
                }
                Happened::Sighted => self.sighted().await,
                Happened::WaitedEnough => {
                    self.is_waiting = false;
                    self.become_the_node().await;
                }
            }
        }
    }

    async fn next(&mut self) -> Happened {
        let sighted = async {
            match &mut self.lan {
                Some(lan) => lan.sighted().await,
                None => std::future::pending().await,
            }
        };
        let node_asked = async {
            match &mut self.mesh {
                Some(mesh) => mesh.asks.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.discovery.stop.cancelled() => Happened::Stopped,
            asked = self.discovery.asked.recv() => match asked {
                Some(()) => Happened::Asked,
                None => Happened::Stopped,
            },
            Some(()) = node_asked => Happened::NodeAsked,
            () = sighted => Happened::Sighted,
            () = sleep_until(self.patience), if self.is_waiting => Happened::WaitedEnough,
        }
    }

    /// Tells the client where to look, or becomes what it looks for.
    async fn answer(&mut self) {
        if self.spell.asked() {
            self.discovery.say(Failure::new(
                format!(
                    "cannot reach the node at port {} of this machine",
                    self.port
                ),
                "whoever has that port does not answer",
                "end it, or choose another port with --local-port; it is tried again and again",
            ));
        }
        if self.mesh.is_some() || embedded::is_taken(self.port, self.is_open) {
            let mut addresses = self.others();
            addresses.insert(0, embedded::local(self.port));
            return self.discovery.found(addresses).await;
        }
        let others = self.fresh_others();
        if !others.is_empty() {
            self.discovery.found(others).await;
        } else if Instant::now() < self.patience {
            self.is_waiting = true;
        } else {
            self.become_the_node().await;
        }
    }

    async fn sighted(&mut self) {
        if let Some(mesh) = &self.mesh {
            // Two networks that did not know of each other become one; perhaps because ours has just come up, so
            // that we have another address too.
            return mesh.answer(self.others()).await;
        }
        let others = self.fresh_others();
        if !others.is_empty() {
            self.is_waiting = false;
            self.discovery.found(others).await;
        }
    }

    async fn become_the_node(&mut self) {
        match embedded::start(&self.discovery.data, self.port, self.is_open) {
            Ok(mesh) => {
                if let Some(lan) = &mut self.lan
                    && mesh.listening.ip().is_unspecified()
                {
                    lan.announce(mesh.key, mesh.listening.port());
                }
                self.mesh = Some(mesh);
            }
            // Somebody was faster.
            Err(embedded::Error::Taken) => {}
            Err(embedded::Error::Other(error)) => self.discovery.say(Failure::new(
                "cannot keep a node for this machine",
                format!("{error:#}"),
                "name a node of others with --bootstrap HOST",
            )),
        }
        let local = embedded::local(self.port);
        self.discovery.found(vec![local]).await;
    }

    /// Nodes seen on the local network, on other machines than this one.
    fn others(&self) -> Vec<SocketAddr> {
        let ours: Vec<IpAddr> = addresses::ours();
        self.lan
            .iter()
            .flat_map(Lan::seen)
            .filter(|at| !ours.contains(&at.ip()))
            .collect()
    }

    /// Those of them that were not offered in vain. One that died without a word stays announced for minutes.
    fn fresh_others(&mut self) -> Vec<SocketAddr> {
        let now = Instant::now();
        let others = self.others();
        self.offered.retain(|at, _| others.contains(at));
        let began = self.spell.began();
        let is_redialled = began.is_some_and(|began| now - began < REDIAL_WAIT);
        let (fresh, stale): (Vec<_>, Vec<_>) = others.into_iter().partition(|at| {
            let offered = *self.offered.entry(*at).or_insert(now);
            is_redialled || now - offered < DOUBT_AFTER
        });
        if !stale.is_empty()
            && let Some(lan) = &self.lan
        {
            lan.doubt();
        }
        fresh
    }
}
