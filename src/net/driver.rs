//! Drives a role over QUIC: gives it one input at a time and does what it says, until it says that all is done.
//!
//! The driver's task owns the links and their numbers. What waits does so in tasks of their own (dials, handshakes,
//! links, tunnels), which send events here through bounded queues; a panic in one of them ends the driver.

mod ending;
mod meeting;
mod silence;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::alarm::Alarm;
use super::change::Changes;
use super::clock::Clock;
use super::dial::Up;
use super::endpoint::Endpoint;
use super::gauge::{Questions, Reading, Tally};
use super::link::{Event, Full, Link};
use super::links::Links;
use super::quota::Quotas;
use super::reach::Question;
use super::relay::Exchange;
use super::share::Shares;
use super::vantage::{Surroundings, Vantage};
use super::{dial, mapping, reach};
use crate::proto::codec;
use crate::proto::command::Asking;
use crate::proto::id::NodeId;
use crate::proto::limits::INPUT_QUEUE_MAX;
use crate::proto::path::door::Family;
use crate::proto::path::report::Report;
use crate::proto::role::{DialId, Input, Kind, LinkId, Output, Role};
use crate::proto::time::Mono;
use crate::proto::wire::{Message, Reason};

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
        unwritten: BTreeSet::new(),
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
    /// Links on which something was sent and is not written yet.
    unwritten: BTreeSet<LinkId>,
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
            self.write();
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
        self.write();
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

    /// Whether this is a client's, on a real network. A mesh node stays where it is.
    fn is_person(&self) -> bool {
        self.endpoint.accepts == Kind::Peer && self.endpoint.knocks
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
            Output::Show { peer } => {
                if let Some(path) = self.links.reached(peer) {
                    self.endpoint.socket.show(&path);
                }
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
            self.unwritten.insert(*id);
            if let Err(Full) = link.send(frame.clone()) {
                self.tally.dropped += 1;
                tracing::warn!(peer = %link.peer.short(), "closing a link that is not read");
                self.close(*id, Reason::TooSlow);
            }
        }
    }

    /// Writes what was sent, on each link in one piece.
    fn write(&mut self) {
        while let Some(id) = self.unwritten.pop_first() {
            if let Some(link) = self.links.get(id) {
                link.write();
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
                    if gone.is_of_client() {
                        tracing::debug!(link = link.0, peer = %gone.peer.short(), ?why, "lost a client");
                    } else {
                        tracing::info!(link = link.0, peer = %gone.peer.short(), ?why, "lost a link");
                    }
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
            self.endpoint.socket.hide(path);
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
