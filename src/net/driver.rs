//! Drives a role over QUIC: gives it one input at a time and does what it says, until it says that all is done.
//!
//! The driver's task owns the links and their numbers. What waits does so in tasks of their own (dials, handshakes,
//! links, tunnels), which send events here through bounded queues; a panic in one of them ends the driver.

use std::collections::{BTreeMap, VecDeque};
use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::join;
use quinn::{Incoming, VarInt};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::alarm::Alarm;
use super::change::Changes;
use super::clock::Clock;
use super::dial::{self, Up};
use super::endpoint::Endpoint;
use super::gauge::{Handshake, Questions, Reading, Tally};
use super::knock;
use super::link::{Event, Full, Link, millis};
use super::links::Links;
use super::mapping;
use super::offer;
use super::peer::Peer;
use super::quota::Quotas;
use super::reach::{self, Question};
use super::relay::{self, Exchange};
use super::share::{Shares, Verdict};
use super::socket::{Socket, is_virtual, unmapped};
use super::tunnel::{self, Uplink};
use super::vantage::{self, Surroundings, Vantage};
use super::watch::Seen;
use crate::proto::codec;
use crate::proto::command::Asking;
use crate::proto::id::NodeId;
use crate::proto::limits::INPUT_QUEUE_MAX;
use crate::proto::path::Finder;
use crate::proto::path::door::Family;
use crate::proto::path::report::Report;
use crate::proto::role::{DialId, Input, Kind, LinkId, Output, Role, Target};
use crate::proto::time::Mono;
use crate::proto::wire::{Message, Reason};

/// Handshakes at a time. For one more the oldest is given up: an honest one is done by then, and who only begins them
/// keeps nobody out.
const HANDSHAKES_MAX: usize = 1024;
/// Handshakes at a time from which on an address must prove that it is one, which costs it a round trip.
const HANDSHAKES_UNPROVEN_MAX: usize = 256;
/// Events handled before anything else gets its turn.
const EVENTS_AT_ONCE: usize = 64;
/// How long ending well may take: then whoever is left waits out the silence.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// Runs `role` on `endpoint` until it finishes, or until `stop`.
///
/// Links, dials and messages are dealt with here; every other output goes to `outputs`, in order, and what comes
/// of it is expected on `inputs`. While `outputs` is full nothing is read from the network, but `inputs` is, so
/// that one task may serve both. At the end all links are closed ([`Reason::Shutdown`]).
///
/// # Errors
/// When the endpoint fails, or a task of the network panicked.
pub async fn run(
    role: Box<dyn Role + Send>,
    mut endpoint: Endpoint,
    inputs: mpsc::Receiver<Input>,
    outputs: mpsc::Sender<Output>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (events, network) = mpsc::channel(INPUT_QUEUE_MAX);
    let questions = endpoint.questions.take();
    let mut driver = Driver {
        role,
        exchange: Arc::new(Exchange::new(
            endpoint.observer.clone(),
            endpoint.relayed(),
            Quotas::new(endpoint.relay_limit_kib),
        )),
        vantage: Vantage::new(endpoint.local_addr().context("where do we listen")?),
        clock: Clock::new(),
        links: Links::default(),
        shares: Shares::new(endpoint.links_per_address),
        tally: Tally::default(),
        handshakes: BTreeMap::new(),
        answered: 0,
        tasks: JoinSet::new(),
        doors: TaskTracker::new(),
        events,
        pending: VecDeque::new(),
        backlog: VecDeque::new(),
        is_finished: false,
        endpoint,
    };
    // Before the first look, so that nothing is missed after it.
    let changes = driver.is_person().then(Changes::new);
    let seen = Surroundings::of(driver.vantage.bound());
    driver.vantage.looked(seen);
    driver.map_port();
    let ended = driver
        .turn(inputs, network, changes, questions, &outputs, &stop)
        .await;
    if timeout(STOP_WAIT, driver.end(&outputs)).await.is_err() {
        tracing::warn!("some links were not closed in time");
    }
    ended
}

struct Driver {
    role: Box<dyn Role + Send>,
    endpoint: Endpoint,
    exchange: Arc<Exchange>,
    vantage: Vantage,
    clock: Clock,
    links: Links,
    shares: Shares,
    tally: Tally,
    /// With those who dialled us, the oldest first, and how each is given up.
    handshakes: BTreeMap<u64, CancellationToken>,
    /// How many there were.
    answered: u64,
    tasks: JoinSet<Done>,
    /// Those that keep doors of routers, which are closed at the end.
    doors: TaskTracker,
    events: mpsc::Sender<Event>,
    /// Inputs that came of outputs, for the role's next turns.
    pending: VecDeque<Input>,
    /// Outputs on their way to the node.
    backlog: VecDeque<Output>,
    is_finished: bool,
}

/// What a task came to.
enum Done {
    Dialled(DialId, Result<Up, dial::Error>),
    /// Somebody dialled us, by the handshake of this number, from an address that was proven beforehand or was not.
    Answered(u64, SocketAddr, bool, Result<Up, dial::Error>),
    /// A link or a tunnel; what it had to say came as events.
    Carried,
    /// What is known of the way to a peer.
    Reached(Report),
    /// This machine's addresses.
    Looked(Result<Surroundings, JoinError>),
    /// Whether the machine at the other end of a silent link says that nobody is there.
    Knocked(LinkId, bool),
}

impl Driver {
    /// Has a port of our router opened in the background, in either family, wherever we may be found.
    fn map_port(&mut self) {
        if self.endpoint.maps && self.is_person() && self.endpoint.socket.is_direct {
            let port = self.vantage.port();
            for family in Family::ALL {
                let behind = self.vantage.behind(family);
                let kept = mapping::keep(port, family, behind, self.events.clone());
                let kept = self.doors.track_future(kept);
                self.tasks.spawn(async {
                    kept.await;
                    Done::Carried
                });
            }
        }
    }

    async fn turn(
        &mut self,
        mut inputs: mpsc::Receiver<Input>,
        mut network: mpsc::Receiver<Event>,
        mut changes: Option<Changes>,
        mut questions: Option<Questions>,
        outputs: &mpsc::Sender<Output>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        self.handle(Input::Start);
        let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
        let mut alarm = Alarm::default();
        while !self.is_finished {
            self.set_alarm(&mut alarm);
            let may_read = self.backlog.len() < INPUT_QUEUE_MAX;
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(done) = self.tasks.join_next() => self.done(done)?,
                Some(input) = inputs.recv() => self.handle(input),
                permit = outputs.reserve(), if !self.backlog.is_empty() => {
                    let permit = permit.context("the node ended before its network")?;
                    if let Some(output) = self.backlog.pop_front() {
                        permit.send(output);
                    }
                }
                _ = network.recv_many(&mut events, EVENTS_AT_ONCE), if may_read => {
                    for event in events.drain(..) {
                        self.happened(event);
                    }
                }
                incoming = self.endpoint.quinn.accept() => match incoming {
                    Some(incoming) => self.knocked(incoming),
                    None => bail!("the network endpoint ended by itself"),
                },
                () = alarm.rings() => self.is_time(),
                () = self.endpoint.socket.came.notified(), if self.links.awaits_any() => {
                    // After QUIC, which is about to see what it is.
                    after_others().await;
                    self.links.something_came();
                    self.is_time();
                }
                asked = question(&mut questions) => {
                    // Who asked may have gone.
                    _ = asked.send(self.reading());
                }
                () = next(&mut changes) => self.may_have_moved(),
            }
        }
        Ok(())
    }

    fn reading(&self) -> Reading {
        let mut links = self.links.figures();
        links.handshakes = self.handshakes.len();
        Reading {
            figures: self.role.figures(),
            links,
            tally: self.tally.clone(),
        }
    }

    /// It may be time for something; what is early is waited for once more.
    fn is_time(&mut self) {
        let now = self.clock.now().mono;
        let is_due = |due: Option<Mono>| due.is_some_and(|due| due <= now);
        if is_due(self.role.poll_timeout()) {
            self.handle(Input::Timeout);
        }
        if is_due(self.links.due()) {
            self.look(now);
        }
    }

    /// Tells the role which links have fallen quiet, and which have come to themselves.
    fn look(&mut self, now: Mono) {
        for (id, seen) in self.links.look(now) {
            // What was seen before may have led the role to close it.
            if self.links.get(id).is_none() {
                continue;
            }
            match seen {
                // Whoever is reached over it waits for the end of it, and its client is there by another way.
                Seen::Quiet { .. } if self.links.is_outlived(id) => self.close(id, Reason::Done),
                Seen::Quiet { since } => {
                    if let Some(link) = self.links.get(id) {
                        let silent_ms = millis(now - since);
                        tracing::info!(link = id.0, peer = %link.peer.short(), silent_ms, "a link is quiet");
                    }
                    self.handle(Input::Quiet { link: id, since });
                    self.tell_paths();
                }
                Seen::Heard => self.heard(id),
                Seen::Silent => {
                    self.may_have_moved();
                    self.knock(id);
                }
            }
        }
        self.settle();
    }

    fn may_have_moved(&mut self) {
        if self.is_person() {
            self.vantage.is_stale();
            self.look_around();
        }
    }

    /// Looks at this machine's addresses, if they may have changed. Whoever waits for the system does it where nobody else waits.
    fn look_around(&mut self) {
        if self.vantage.begins_to_look() {
            let bound = self.vantage.bound();
            let looked = spawn_blocking(move || Surroundings::of(bound));
            self.tasks.spawn(async { Done::Looked(looked.await) });
        }
    }

    /// Whether this is a client's, on a real network. A mesh node stays where it is.
    fn is_person(&self) -> bool {
        self.endpoint.accepts == Kind::Peer && self.endpoint.knocks
    }

    /// Our network is another: supernodes are to see it at once, and peers are sought anew.
    fn moved(&mut self) {
        tracing::info!("our addresses have changed");
        let socket = Arc::clone(&self.endpoint.socket);
        // The same socket once more: QUIC then sends something on every link, so that it is seen to have moved.
        if let Err(error) = self.endpoint.quinn.rebind_abstract(socket) {
            tracing::debug!(%error, "asking QUIC to show that we have moved");
        }
        self.endpoint.socket.moved();
    }

    fn heard(&mut self, link: LinkId) {
        tracing::info!(link = link.0, "a link is heard again");
        self.handle(Input::Heard { link });
        self.tell_paths();
    }

    /// Asks the machine at the other end of a silent link whether anybody is there, if it can know that.
    fn knock(&mut self, id: LinkId) {
        let Some(link) = self.links.get(id).filter(|link| link.kind == Kind::Mesh) else {
            return;
        };
        let address = unmapped(link.connection.remote_address());
        if self.endpoint.knocks && (link.is_ours || knock::is_near(address.ip())) {
            self.tasks
                .spawn(async move { Done::Knocked(id, knock::is_refused(address).await) });
        }
    }

    /// For whatever is due first.
    fn set_alarm(&mut self, alarm: &mut Alarm) {
        let role = self.role.poll_timeout();
        let due = role.into_iter().chain(self.links.due()).min();
        let due = due.map(|due| self.clock.instant(due));
        self.clock.awaits(due);
        alarm.set(due);
    }

    /// Gives the role an input, and then those that come of what it wants done.
    fn handle(&mut self, input: Input) {
        self.pending.push_back(input);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(input) = self.pending.pop_front() {
            self.role.handle(self.clock.now(), input);
            while let Some(output) = self.role.poll() {
                self.perform(output);
            }
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Dial { dial, to } => self.dial(dial, &to),
            Output::Route { peer, via } => {
                let peer = self.endpoint.socket.peer(peer);
                self.route(&peer, via);
            }
            Output::Reach { peer, asking } => self.reach(peer, asking),
            Output::Send { to, message } => self.send(&to, &message),
            Output::Heed { link, closely } => {
                self.links.heed(link, self.clock.now().mono, closely);
            }
            Output::Close { link, reason } => {
                if let Some(gone) = self.forget(link, Some(reason)) {
                    tracing::info!(link = link.0, peer = %gone.peer.short(), ?reason, "closing a link");
                    gone.close_after_all(reason);
                }
                self.pending.retain(
                    |input| !matches!(input, Input::Lost { link: lost, .. } if *lost == link),
                );
            }
            Output::Finish => {
                self.is_finished = true;
                self.backlog.push_back(Output::Finish);
            }
            Output::Write { .. } | Output::Fetch { .. } | Output::Discover | Output::Tell(_) => {
                self.backlog.push_back(output);
            }
        }
    }

    /// Finds out about the way to a peer.
    fn reach(&mut self, peer: NodeId, asking: Asking) {
        let Some(path) = self.links.reached(peer) else {
            return;
        };
        let via = path.via().and_then(|via| self.links.get(via));
        let question = Question {
            asking,
            via: via.map(|supernode| supernode.peer),
            relay_ms: self.links.rtt_ms(peer),
            seen: self.vantage.observed().collect(),
            doors: self.vantage.doors(),
        };
        let answered = reach::answer(Arc::clone(&self.endpoint.socket), path, question);
        self.tasks.spawn(async { Done::Reached(answered.await) });
    }

    /// Encodes once, and shares the bytes among all links.
    fn send(&mut self, to: &[LinkId], message: &Message) {
        let mut frame: Option<Bytes> = None;
        for id in to {
            let Some(link) = self.links.get(*id) else {
                continue;
            };
            let frame = frame.get_or_insert_with(|| codec::encode(message));
            self.tally.sent += 1;
            if let Err(Full) = link.send(frame.clone()) {
                self.tally.dropped += 1;
                tracing::warn!(peer = %link.peer.short(), "closing a link that is not read");
                self.close(*id, Reason::TooSlow);
            }
        }
    }

    /// Closes a link by our own decision and tells the role.
    fn close(&mut self, id: LinkId, reason: Reason) {
        if let Some(gone) = self.forget(id, Some(reason)) {
            gone.close_now(reason);
            let why = Some(reason);
            self.pending.push_back(Input::Lost { link: id, why });
        }
    }

    fn dial(&mut self, dial: DialId, to: &Target) {
        let (kind, address, wanted, path) = match *to {
            Target::Node { address, id } => (Kind::Mesh, address, id, None),
            Target::Peer { id, via } => {
                let peer = self.endpoint.socket.peer(id);
                if !self.route(&peer, via) {
                    let why = "there is no link to that supernode".to_owned();
                    let reason = None;
                    return self
                        .pending
                        .push_back(Input::Undialled { dial, why, reason });
                }
                (Kind::Peer, peer.address, Some(id), Some(peer))
            }
        };
        let connecting = self.endpoint.dial(kind, address, wanted);
        let client = (self.endpoint.accepts == Kind::Peer).then_some(self.endpoint.run);
        let dialled = self.timed(path.clone(), dial::dial(connecting, kind, client, path));
        if kind == Kind::Mesh && self.endpoint.knocks {
            let dialled = dial::dial_unless_refused(dialled, address);
            self.tasks
                .spawn(async move { Done::Dialled(dial, dialled.await) });
        } else {
            self.tasks
                .spawn(async move { Done::Dialled(dial, dialled.await) });
        }
    }

    /// A handshake with a peer, beside which the time of its path is kept.
    fn timed<T, F: Future<Output = T>>(
        &self,
        peer: Option<Arc<Peer>>,
        handshake: F,
    ) -> impl Future<Output = T> + use<T, F> {
        let (socket, events) = (Arc::clone(&self.endpoint.socket), self.events.clone());
        offer::timed(socket, peer, events, handshake)
    }

    /// Reaches `peer` over the link `via` from here on; false if that is no link of ours to a mesh node.
    fn route(&mut self, peer: &Arc<Peer>, via: LinkId) -> bool {
        if peer.via() == Some(via) {
            return true;
        }
        let Some(uplink) = self.uplink(via) else {
            return false;
        };
        let queue = peer.route(via);
        let peer = Arc::clone(peer);
        self.tasks.spawn(async move {
            tunnel::run(uplink, peer, queue, None).await;
            Done::Carried
        });
        true
    }

    fn uplink(&self, id: LinkId) -> Option<Uplink> {
        let link = self.links.get(id)?;
        (link.kind == Kind::Mesh).then(|| Uplink {
            link: id,
            connection: link.connection.clone(),
            socket: Arc::clone(&self.endpoint.socket),
            events: self.events.clone(),
        })
    }

    /// Somebody dials us.
    fn knocked(&mut self, incoming: Incoming) {
        let address = incoming.remote_address();
        let kind = self.endpoint.accepts;
        let path = self.endpoint.socket.peer_at(address);
        match kind {
            Kind::Mesh if is_virtual(address) => return incoming.ignore(),
            // A client is dialled through tunnels alone, and to nobody else does it answer.
            Kind::Peer if path.is_none() => return incoming.ignore(),
            Kind::Mesh | Kind::Peer => {}
        }
        // Below a virtual address there is no other to be proven.
        let is_proven = kind == Kind::Peer || incoming.remote_address_validated();
        let must_prove = !is_proven && self.handshakes.len() >= HANDSHAKES_UNPROVEN_MAX;
        let verdict = if must_prove {
            Verdict::Prove
        } else {
            self.share(address, is_proven)
        };
        match verdict {
            Verdict::Accept => {}
            Verdict::Prove => {
                self.tally.handshake(Handshake::MustProve);
                // It may always be asked while it has not been proven.
                let _ = incoming.retry();
                return;
            }
            Verdict::Refuse => {
                self.tally.handshake(Handshake::Share);
                tracing::debug!(%address, "refusing a link: its address or network has its share");
                return incoming.refuse();
            }
        }
        match incoming.accept() {
            Ok(connecting) => {
                let (number, given_up) = self.answers();
                let answered = dial::answer(connecting, kind, path.clone());
                let answered = self.timed(path, dial::unless(given_up, answered));
                self.tasks.spawn(async move {
                    Done::Answered(number, address, is_proven, answered.await)
                });
            }
            Err(error) => {
                self.shared_in_vain(address, is_proven);
                tracing::debug!(%address, %error, "refusing a packet that opens no link");
            }
        }
    }

    /// Makes room for one more handshake; its number, and what says that it is given up.
    fn answers(&mut self) -> (u64, CancellationToken) {
        if self.handshakes.len() >= HANDSHAKES_MAX
            && let Some((_, oldest)) = self.handshakes.pop_first()
        {
            oldest.cancel();
        }
        self.answered += 1;
        let given_up = CancellationToken::new();
        self.handshakes.insert(self.answered, given_up.clone());
        (self.answered, given_up)
    }

    /// Whether somebody who dials has a share left; those who dial through tunnels are known by those.
    fn share(&mut self, from: SocketAddr, is_proven: bool) -> Verdict {
        if self.endpoint.accepts == Kind::Peer {
            return Verdict::Accept;
        }
        let now = self.clock.now().mono;
        self.shares.dialled(unmapped(from).ip(), is_proven, now)
    }

    fn shared_in_vain(&mut self, from: SocketAddr, is_proven: bool) {
        if self.endpoint.accepts == Kind::Mesh {
            let now = self.clock.now().mono;
            self.shares.failed(unmapped(from).ip(), is_proven, now);
        }
    }

    fn done(&mut self, done: Result<Done, JoinError>) -> anyhow::Result<()> {
        match done.context("a task of the network failed")? {
            Done::Carried => {}
            Done::Reached(report) => self.handle(Input::Reached(Box::new(report))),
            Done::Looked(seen) => {
                if self
                    .vantage
                    .looked(seen.context("looking at our addresses failed")?)
                {
                    self.moved();
                }
                self.look_around();
            }
            Done::Knocked(link, is_refused) => {
                if is_refused {
                    self.links.refused(link, self.clock.now().mono);
                }
            }
            Done::Dialled(dial, Ok(up)) => {
                self.up(up, Some(dial));
            }
            Done::Dialled(dial, Err(error)) => {
                let (why, reason) = (error.to_string(), error.reason());
                self.handle(Input::Undialled { dial, why, reason });
            }
            Done::Answered(number, address, is_proven, answered) => {
                self.handshakes.remove(&number);
                self.answered(address, is_proven, answered);
            }
        }
        Ok(())
    }

    /// A handshake with somebody who dialled us is done.
    fn answered(&mut self, from: SocketAddr, is_proven: bool, up: Result<Up, dial::Error>) {
        let up = match up {
            Ok(up) => up,
            Err(error) => {
                self.tally.handshake(match &error {
                    dial::Error::GivenUp => Handshake::GivenUp,
                    dial::Error::Dial(_)
                    | dial::Error::TimedOut
                    | dial::Error::Nobody
                    | dial::Error::Full
                    | dial::Error::Closed(_)
                    | dial::Error::Refused(_)
                    | dial::Error::Lost(_) => Handshake::Failed,
                });
                self.shared_in_vain(from, is_proven);
                return tracing::info!(address = %from, %error, "a handshake came to nothing");
            }
        };
        self.tally.handshake(Handshake::Done);
        let peer = up.peer;
        let link = self.up(up, None);
        if self.endpoint.accepts == Kind::Mesh {
            let (from, now) = (unmapped(from).ip(), self.clock.now().mono);
            let has_share = self.shares.linked(link, peer, from, is_proven, now);
            if self.links.get(link).is_none() {
                // The role would not have it.
                self.shares.ended(link);
            } else if !has_share {
                tracing::info!(address = %from, peer = %peer.short(), "closing a link: its share is used up");
                self.close(link, Reason::Limit);
                self.settle();
            }
        }
    }

    fn up(&mut self, up: Up, dial: Option<DialId>) -> LinkId {
        let Up {
            connection,
            send,
            receive,
            kind,
            peer,
            client,
            path,
        } = up;
        let address = (kind == Kind::Mesh).then(|| unmapped(connection.remote_address()));
        let now = self.clock.now().mono;
        let mut link = Link::new(peer, kind, connection.clone(), path, dial.is_some(), now);
        link.is_between_nodes = self.endpoint.accepts == Kind::Mesh && client.is_none();
        let rtt_ms = link.rtt_ms();
        let id = self.links.insert(link);
        let client = client.filter(|_| kind == Kind::Mesh && dial.is_none());
        let relayed_for = client.map(|_| peer);
        if let Some(run) = client {
            for (old, why) in self.links.is_client(peer, run, id) {
                self.close(old, why);
            }
            self.exchange.connect(peer, connection);
        }
        let streams = self.streams(id, relayed_for);
        if let Some(link) = self.links.get(id) {
            let running = link.run(id, send, receive, streams, self.events.clone());
            // Not by a block that awaits it: that would take its room twice, of every link.
            self.tasks.spawn(running.map(|()| Done::Carried));
        }
        tracing::info!(link = id.0, peer = %peer.short(), ?kind, ?address, rtt_ms, "linked");
        self.handle(Input::Linked {
            link: id,
            dial,
            kind,
            peer,
            address,
            rtt_ms,
        });
        self.tell_path(peer);
        id
    }

    /// What serves the streams on a link that are not for messages: tunnels, from a client that is relayed for, or
    /// from the supernode that relays for us; and words on where we are, or where the other end is. Between mesh nodes
    /// nobody opens any.
    fn streams(
        &self,
        id: LinkId,
        relayed_for: Option<NodeId>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let Some(link) = self.links.get(id) else {
            return Box::pin(pending());
        };
        let connection = link.connection.clone();
        match (&link.path, self.uplink(id), relayed_for) {
            (Some(peer), _, _) => {
                let (socket, peer) = (Arc::clone(&self.endpoint.socket), Arc::clone(peer));
                let (ours, events) = (self.vantage.places(), self.events.clone());
                Box::pin(offer::exchange(connection, socket, peer, ours, events))
            }
            (None, _, Some(client)) => {
                let relayed = relay::serve(Arc::clone(&self.exchange), connection.clone(), client);
                let seen = vantage::tell(connection, link.seen.subscribe());
                Box::pin(join(relayed, seen).map(|_| ()))
            }
            (None, Some(uplink), None) if self.endpoint.accepts == Kind::Peer => {
                let seen = vantage::hear(connection, id, self.events.clone());
                Box::pin(async {
                    tokio::join!(tunnel::accept(uplink), seen);
                })
            }
            (None, _, None) => Box::pin(pending()),
        }
    }

    fn happened(&mut self, event: Event) {
        if self.is_finished {
            return;
        }
        match event {
            Event::Received {
                link,
                message,
                permit,
            } => {
                if self.links.hear(link, self.clock.now().mono) {
                    self.heard(link);
                }
                if self.links.get(link).is_some() {
                    self.tally.received += 1;
                    self.handle(Input::Received { link, message });
                }
                drop(permit);
            }
            Event::Lost { link, why } => {
                if let Some(gone) = self.forget(link, why) {
                    tracing::info!(link = link.0, peer = %gone.peer.short(), ?why, "lost a link");
                    self.handle(Input::Lost { link, why });
                }
            }
            Event::Path { peer } => self.tell_path(peer),
            Event::Mapped(family, state) => self.vantage.is_mapped(family, state),
            Event::Seen { link, address } => {
                tracing::debug!(link = link.0, %address, "where we are seen");
                if self.links.get(link).is_some() && self.vantage.is_seen(link, address) {
                    self.endpoint.socket.moved();
                }
            }
        }
    }

    fn forget(&mut self, id: LinkId, why: Option<Reason>) -> Option<Link> {
        let (gone, inputs) = self.links.remove(id)?;
        if let Some(path) = gone
            .path
            .as_ref()
            .filter(|_| !self.links.has_peer(&gone.peer))
        {
            // Nobody keeps the time of its path any more, and a dial would go where it was, over and over.
            let socket = &self.endpoint.socket;
            socket.find(path, Finder::renewed);
        }
        self.tally.end(why);
        self.shares.ended(id);
        self.vantage.forget(id);
        self.exchange.disconnect(gone.peer, &gone.connection);
        self.pending.extend(inputs);
        Some(gone)
    }

    fn tell_path(&mut self, peer: NodeId) {
        if let Some(input) = self.links.path(peer) {
            self.handle(input);
        }
    }

    fn tell_paths(&mut self) {
        for input in self.links.paths() {
            self.handle(input);
        }
    }

    /// Gives the node its last outputs, and closes all links meanwhile.
    async fn end(&mut self, outputs: &mpsc::Sender<Output>) {
        let backlog = std::mem::take(&mut self.backlog);
        let told = async {
            for output in backlog {
                if outputs.send(output).await.is_err() {
                    break;
                }
            }
        };
        self.vantage.closes_doors();
        self.doors.close();
        let doors = self.doors.clone();
        tokio::join!(told, self.close_all(), doors.wait());
    }

    /// Links to peers first, since their last words go over the others.
    async fn close_all(&mut self) {
        let (peers, nodes) = self.links.take();
        close_each(&peers).await;
        last_words(&self.endpoint.socket, &peers).await;
        close_each(&nodes).await;
        let reason = Reason::Shutdown;
        self.endpoint.quinn.close(
            VarInt::from_u32(reason as u32),
            reason.to_string().as_bytes(),
        );
        self.endpoint.quinn.wait_idle().await;
    }
}

/// Lets those go first who are about to run. Tokio's own way of it looks at the network meanwhile.
async fn after_others() {
    let mut is_last = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_last, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The next word of a change to the network, if anybody listens for one.
async fn next(changes: &mut Option<Changes>) {
    match changes {
        Some(changes) => changes.next().await,
        None => pending().await,
    }
}

/// The next question of a gauge.
async fn question(questions: &mut Option<Questions>) -> tokio::sync::oneshot::Sender<Reading> {
    if let Some(open) = questions {
        match open.recv().await {
            Some(asked) => return asked,
            // All gauges are gone.
            None => *questions = None,
        }
    }
    pending().await
}

/// Waits until the closes of links to peers are through their tunnels.
async fn last_words(socket: &Socket, peers: &[Link]) {
    while peers.iter().any(Link::is_silently_closed) {
        socket.sent.notified().await;
    }
    for path in peers.iter().filter_map(|link| link.path.as_ref()) {
        path.flush().await;
    }
}

async fn close_each(links: &[Link]) {
    for link in links {
        // Nobody is known to be there who would say that all has come.
        if link.watch.is_quiet() {
            link.close_now(Reason::Shutdown);
        } else {
            link.close_after_all(Reason::Shutdown);
        }
    }
    for link in links {
        link.connection.closed().await;
    }
}
