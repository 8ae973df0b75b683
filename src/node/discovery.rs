//! Finding mesh nodes for a client: the configured ones, or whoever is on this machine or the local network; and
//! becoming that node where nobody is.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::lan::Lan;
use super::mesh::Mesh;
use super::{Search, addresses, embedded, resolve};
use crate::address::HostPort;
use crate::proto::event::Event;
use crate::proto::id::NodeId;
use crate::proto::role::Input;
use crate::report::Failure;

/// How long a node of the local network has for its first answer before we become one ourselves. An answer takes
/// about a tenth of a second; the question is repeated after one second, which is too long to look at nothing.
const LAN_WAIT: Duration = Duration::from_millis(750);
/// A node of the local network that was offered so long ago while the client still searches is not there.
const DOUBT_AFTER: Duration = Duration::from_secs(3);
/// The same for one that the client has been linked to before: it is the one that was just lost, most likely.
const DOUBT_AGAIN_AFTER: Duration = Duration::from_millis(250);
/// A search that goes on for so long is told to the person.
const SAY_AFTER: Duration = Duration::from_secs(5);

/// What discovery is wired to.
pub(crate) struct Discovery {
    pub(crate) search: Search,
    /// The client's data directory, where an embedded node keeps its own files.
    pub(crate) data: PathBuf,
    /// The client itself.
    pub(crate) owner: NodeId,
    pub(crate) asked: mpsc::Receiver<()>,
    /// Counts the client's searches that came to their end.
    pub(crate) found: watch::Receiver<u64>,
    /// Nodes elsewhere that invitations have named.
    pub(crate) gates: watch::Receiver<Vec<SocketAddr>>,
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
            let mut lookup = resolve::Lookup::of(hosts);
            let mut all = Vec::new();
            while let Some(addresses) = lookup.next().await {
                all.clone_from(&addresses);
                self.tell(addresses).await;
            }
            let is_long = spell.asked(*self.found.borrow());
            if is_long {
                for failure in lookup.failures {
                    self.say(failure);
                }
                if !all.is_empty() {
                    self.say(unreachable(&all));
                }
            }
        }
    }

    async fn tell(&self, addresses: Vec<SocketAddr>) {
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
    pub(crate) async fn end(mut self) {
        if let Some(lan) = &mut self.lan {
            lan.withdraw().await;
        }
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

fn unreachable(addresses: &[SocketAddr]) -> Failure {
    let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
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
    /// Searches that had ended before.
    ended: u64,
    is_said: bool,
}

impl Spell {
    /// Notes a question, after so many searches have `ended`. True once in a search, when it has become long.
    fn asked(&mut self, ended: u64) -> bool {
        let now = Instant::now();
        if self.began.is_none() || self.ended != ended {
            *self = Self {
                began: Some(now),
                ended,
                is_said: false,
            };
        }
        let is_long = self.began.is_some_and(|began| now - began >= SAY_AFTER);
        is_long && !std::mem::replace(&mut self.is_said, true)
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
    /// Until when each node of the local network that was offered to the client is believed to be there.
    offered: BTreeMap<SocketAddr, Instant>,
    /// The search they were offered in.
    offered_in: Option<Instant>,
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
            offered_in: None,
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
        let Discovery {
            stop, asked, gates, ..
        } = &mut self.discovery;
        tokio::select! {
            biased;
            () = stop.cancelled() => Happened::Stopped,
            asked = asked.recv() => match asked {
                Some(()) => Happened::Asked,
                None => Happened::Stopped,
            },
            Some(()) = node_asked => Happened::NodeAsked,
            _ = sighted => Happened::Sighted,
            Ok(()) = gates.changed() => Happened::Sighted,
            () = sleep_until(self.patience), if self.is_waiting => Happened::WaitedEnough,
        }
    }

    /// Tells the client where to look, or becomes what it looks for.
    async fn answer(&mut self) {
        if self.spell.asked(*self.discovery.found.borrow()) {
            self.say_no_local_node();
        }
        if self.mesh.is_some() || embedded::is_taken(self.port, self.is_open) {
            let mut addresses = self.others();
            addresses.insert(0, embedded::local(self.port));
            return self.discovery.tell(addresses).await;
        }
        let others = self.fresh_others();
        if !others.is_empty() {
            self.discovery.tell(others).await;
        } else if Instant::now() < self.patience {
            self.is_waiting = true;
        } else {
            self.become_the_node().await;
        }
    }

    fn say_no_local_node(&self) {
        let (why, try_) = if self.mesh.is_some() {
            (
                "this machine does not carry UDP to itself",
                "see whether its loopback interface is up; it is tried again and again",
            )
        } else {
            (
                "whoever has that port does not answer",
                "end it, or choose another port with --local-port; it is tried again and again",
            )
        };
        let what = format!(
            "cannot reach the node at port {} of this machine",
            self.port
        );
        self.discovery.say(Failure::new(what, why, try_));
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
            self.discovery.tell(others).await;
        }
    }

    async fn become_the_node(&mut self) {
        let Discovery { data, owner, .. } = &self.discovery;
        match embedded::start(data, *owner, self.port, self.is_open) {
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
        self.discovery.tell(vec![local]).await;
    }

    /// Nodes seen on the local network, on other machines than this one, and those that invitations have named: with
    /// them whatever node this machine has belongs together.
    fn others(&self) -> Vec<SocketAddr> {
        let ours: Vec<IpAddr> = addresses::ours();
        let seen = self.lan.iter().flat_map(Lan::seen);
        let seen = seen.filter(|at| !ours.contains(&at.ip()));
        let mut others = self.discovery.gates.borrow().clone();
        others.extend(seen);
        others
    }

    /// Those of them that were not offered in vain. One that died without a word stays announced for minutes.
    fn fresh_others(&mut self) -> Vec<SocketAddr> {
        let now = Instant::now();
        let others = self.others();
        if std::mem::replace(&mut self.offered_in, self.spell.began) != self.spell.began {
            self.offered.retain(|at, _| others.contains(at));
            for until in self.offered.values_mut() {
                *until = now + DOUBT_AGAIN_AFTER;
            }
        }
        for at in &others {
            self.offered.entry(*at).or_insert(now + DOUBT_AFTER);
        }
        let is_fresh = |at: &SocketAddr| self.offered.get(at).is_some_and(|until| now < *until);
        let (fresh, stale): (Vec<_>, Vec<_>) = others.into_iter().partition(is_fresh);
        if !stale.is_empty()
            && let Some(lan) = &self.lan
        {
            lan.doubt();
        }
        fresh
    }
}
