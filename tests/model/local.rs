//! One node by itself: the role of the product, its disk, and what it waits for. Given one input it takes one
//! step; what comes of that outside the node is a list.

use std::collections::VecDeque;

use fireside::proto::client::Client;
use fireside::proto::event::{Event, Standing};
use fireside::proto::id::{Epoch, GroupName, NodeId, Seq};
use fireside::proto::node::MeshNode;
use fireside::proto::role::{DialId, Input, Kind, LinkId, Output, Role, Target, Ticket};
use fireside::proto::saved::Write;
use fireside::proto::time::{Mono, Now, Wall};
use fireside::proto::wire::{Message, Reason, Roles, Vector};

use crate::cast::{Cast, Casting, Fault, NodeIx};
use crate::disk::Disk;
use crate::seen::Seen;

/// Where every monotonic clock begins.
const MONO_START: u64 = 1_000_000;
/// Every wall clock, always: 2026-01-01. (Orders are made by the counter below it, as with a stopped clock.)
const WALL: Wall = Wall(1_767_225_600_000);
/// Timers that go off one after the other, with nothing to show for it, in one step.
const IDLE_FIRINGS_MAX: u32 = 16;

/// A node, running or not.
#[derive(Clone, Debug)]
pub struct Local {
    part: Option<Part>,
    pub disk: Disk,
    /// What was asked of the disk and is not done, in order.
    jobs: VecDeque<Job>,
    dials: Vec<(DialId, Target)>,
    now: u64,
    /// How many times it was started: the seed of its chance.
    runs: u64,
    pub seen: Seen,
}

#[derive(Clone, Debug)]
enum Part {
    Client(Box<Client>),
    Mesh(Box<MeshNode>),
}

#[derive(Clone, Debug)]
enum Job {
    Write(Ticket, Vec<Write>),
    Fetch(Ticket, GroupName, Vector, Vector),
}

/// What happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Given {
    /// It starts, with what its disk holds.
    Start,
    /// Its person asks for something: which of the cast's commands.
    Command(u8),
    /// A link is up.
    Up {
        link: LinkId,
        peer: NodeIx,
        kind: Link,
        is_ours: bool,
    },
    /// The link it dialled came to nothing.
    Undialled {
        peer: NodeIx,
        kind: Link,
    },
    Lost {
        link: LinkId,
        why: Option<u8>,
    },
    /// A message, by its number in the pool.
    Message {
        link: LinkId,
        message: u32,
    },
    /// Its disk is done with the first job.
    Disk,
    /// Time passes until it does something, or for long enough to see that it does nothing.
    Timer,
    /// Its next timer goes off.
    Tick,
    /// It dies; of its disk's jobs so many were done.
    Crash {
        done: u8,
    },
}

/// [`Kind`], as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    Mesh,
    Peer,
}

impl Link {
    fn kind(self) -> Kind {
        match self {
            Self::Mesh => Kind::Mesh,
            Self::Peer => Kind::Peer,
        }
    }
}

/// What a step does outside its node.
#[derive(Clone, Debug)]
pub enum Out {
    Send(LinkId, Message),
    Close(LinkId, Reason),
    Dial(NodeIx, Link),
    /// It says that lines are kept up to these places, on so many disks, and on those of these nodes.
    Kept {
        places: Vec<(Epoch, Seq)>,
        copies: usize,
        heirs: Vec<NodeId>,
    },
    /// It has ended, and its links are to be closed.
    Ended,
    /// For the trace.
    Told(String),
}

/// Whom the node cannot reach: a bit for each node that does not run.
pub type Down = u8;

impl Local {
    pub fn new() -> Self {
        Self {
            part: None,
            disk: Disk::default(),
            jobs: VecDeque::new(),
            dials: Vec::new(),
            now: MONO_START,
            runs: 0,
            seen: Seen::default(),
        }
    }

    pub fn is_running(&self) -> bool {
        self.part.is_some()
    }

    pub fn now(&self) -> u64 {
        self.now
    }

    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// How long until its next timer goes off.
    pub fn wait(&self) -> Option<u64> {
        let role: &dyn Role = match self.part.as_ref()? {
            Part::Client(client) => &**client,
            Part::Mesh(node) => &**node,
        };
        role.poll_timeout()
            .map(|due| due.0.saturating_sub(self.now))
    }

    /// What its disk will hold once it has done all that was asked of it.
    pub fn flushed(&self) -> Disk {
        let mut disk = self.disk.clone();
        for job in &self.jobs {
            if let Job::Write(_, writes) = job {
                drop(disk.write(writes.clone()));
            }
        }
        disk
    }

    /// Takes one step.
    ///
    /// # Errors
    /// In words, when the node breaks a rule that shows in it alone.
    pub fn step(
        &mut self,
        cast: &Cast,
        me: NodeIx,
        given: Given,
        message: Option<&Message>,
        down: Down,
    ) -> Result<Vec<Out>, String> {
        let mut step = Step {
            cast,
            me,
            down,
            outs: Vec::new(),
        };
        match given {
            Given::Start => self.start(&mut step)?,
            Given::Crash { done } => self.crash(done)?,
            Given::Disk => self.disk_done(&mut step)?,
            Given::Tick => self.tick(&mut step)?,
            Given::Timer => self.idle(&mut step)?,
            Given::Command(command) => {
                let (_, command) = &cast.commands[usize::from(command)];
                self.seen.asked(command);
                self.give(&mut step, Input::Command(command.clone()))?;
            }
            Given::Up {
                link,
                peer,
                kind,
                is_ours,
            } => {
                let dial = is_ours.then(|| self.take_dial(cast, peer, kind)).flatten();
                self.up(&mut step, link, peer, kind, dial)?;
            }
            Given::Undialled { peer, kind } => {
                if let Some(dial) = self.take_dial(cast, peer, kind) {
                    let why = "lost".to_owned();
                    self.give(
                        &mut step,
                        Input::Undialled {
                            dial,
                            why,
                            reason: None,
                        },
                    )?;
                }
            }
            Given::Lost { link, why } => {
                self.seen.lost(link);
                let why = why.map(|code| Reason::from_code(u64::from(code)));
                self.give(&mut step, Input::Lost { link, why })?;
            }
            Given::Message { link, message: _ } => {
                let message = message.expect("a message is given with its number").clone();
                self.seen.hears(link, &message);
                self.give(&mut step, Input::Received { link, message })?;
            }
        }
        Ok(step.outs)
    }

    fn start(&mut self, step: &mut Step<'_>) -> Result<(), String> {
        let actor = &step.cast.actors[step.me];
        let (seal, mut saved) = (actor.seal.clone(), self.disk.saved());
        self.now = MONO_START;
        self.seen.starts(&saved);
        if step.suffers(Fault::ForgottenLeases) {
            for group in saved.groups.values_mut() {
                group.lease = None;
            }
        }
        if step.suffers(Fault::ForgottenRecords) {
            saved.records.clear();
        }
        self.runs += 1;
        match &actor.part {
            Casting::Person(nick) => {
                let client = Client::new(seal, nick.clone(), saved, self.runs).unlisted();
                self.part = Some(Part::Client(Box::new(client)));
                self.give(step, Input::Start)
            }
            Casting::Supernode(name) => {
                let roles = Roles {
                    directory: false,
                    supernode: true,
                };
                let node = MeshNode::new(seal, name.clone(), roles, saved, self.runs).unwatched();
                self.part = Some(Part::Mesh(Box::new(node)));
                self.give(step, Input::Start)?;
                let addresses = vec![actor.address];
                self.give(step, Input::Addresses { addresses })
            }
        }
    }

    fn crash(&mut self, done: u8) -> Result<(), String> {
        for job in self.jobs.drain(..).take(usize::from(done)) {
            if let Job::Write(_, writes) = job {
                self.disk.write(writes)?;
            }
        }
        self.stop();
        Ok(())
    }

    fn stop(&mut self) {
        self.part = None;
        self.jobs.clear();
        self.dials.clear();
        self.now = MONO_START;
        self.seen.stops();
    }

    fn tick(&mut self, step: &mut Step<'_>) -> Result<(), String> {
        let Some(wait) = self.wait() else {
            return Ok(());
        };
        self.now += wait;
        self.give(step, Input::Timeout)
    }

    /// Timers go off until it does something, or for long enough to see that it does nothing.
    fn idle(&mut self, step: &mut Step<'_>) -> Result<(), String> {
        let before = self.jobs.len();
        for _ in 0..IDLE_FIRINGS_MAX {
            self.tick(step)?;
            let is_deed = |out: &Out| !matches!(out, Out::Told(_));
            if step.outs.iter().any(is_deed) || self.jobs.len() != before {
                break;
            }
        }
        Ok(())
    }

    fn up(
        &mut self,
        step: &mut Step<'_>,
        link: LinkId,
        peer: NodeIx,
        kind: Link,
        dial: Option<DialId>,
    ) -> Result<(), String> {
        let peer = &step.cast.actors[peer];
        if kind == Link::Peer {
            self.seen.linked(link, peer.id);
        }
        let input = Input::Linked {
            link,
            dial,
            kind: kind.kind(),
            peer: peer.id,
            address: (kind == Link::Mesh).then_some(peer.address),
            rtt_ms: 1,
        };
        self.give(step, input)
    }

    fn disk_done(&mut self, step: &mut Step<'_>) -> Result<(), String> {
        let input = match self.jobs.pop_front() {
            None => return Ok(()),
            Some(Job::Write(_, writes)) if step.suffers(Fault::EarlyReports) => {
                self.disk.write(writes)?;
                return Ok(());
            }
            Some(Job::Write(ticket, writes)) => {
                let moved = self.disk.write(writes)?;
                Input::Written { ticket, moved }
            }
            Some(Job::Fetch(ticket, group, after, upto)) => {
                let (runs, more) = self.disk.fetch(&group, &after, &upto);
                Input::Fetched { ticket, runs, more }
            }
        };
        self.give(step, input)
    }

    /// Which of the dials under way led to this node.
    fn take_dial(&mut self, cast: &Cast, peer: NodeIx, kind: Link) -> Option<DialId> {
        let leads = |(_, to): &(DialId, Target)| whither(cast, to) == (peer, kind);
        let index = self.dials.iter().position(leads)?;
        Some(self.dials.remove(index).0)
    }

    /// Gives the role an input, and those that follow from it at once.
    fn give(&mut self, step: &mut Step<'_>, input: Input) -> Result<(), String> {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = Now {
                mono: Mono(self.now),
                wall: WALL,
            };
            let Some(part) = &mut self.part else {
                return Ok(());
            };
            let role: &mut dyn Role = match part {
                Part::Client(client) => &mut **client,
                Part::Mesh(node) => &mut **node,
            };
            role.handle(now, input);
            let outputs: Vec<_> = std::iter::from_fn(|| role.poll()).collect();
            let mut has_ended = false;
            for output in outputs {
                has_ended |= matches!(output, Output::Finish);
                inputs.extend(self.carry_out(step, output)?);
            }
            if has_ended {
                self.crash(u8::MAX)?;
                step.outs.push(Out::Ended);
            }
        }
        Ok(())
    }

    /// Does what the role wants done; what it is told of that at once.
    fn carry_out(&mut self, step: &mut Step<'_>, output: Output) -> Result<Option<Input>, String> {
        match output {
            Output::Send { to, message } => {
                for link in to {
                    let me = &step.cast.actors[step.me].id;
                    self.seen.says(me, link, &message)?;
                    self.shows(step.cast, me, &message)?;
                    if let Message::Kept { vector, copies, .. } = &message {
                        let places = vector.iter().map(|(epoch, seq)| (*epoch, *seq));
                        self.keeps(step, places.collect(), *copies);
                    }
                    step.outs.push(Out::Send(link, message.clone()));
                }
            }
            Output::Close { link, reason } => {
                self.seen.lost(link);
                step.outs.push(Out::Close(link, reason));
            }
            Output::Dial { dial, to } => {
                let (peer, kind) = whither(step.cast, &to);
                if peer == step.me || step.down & (1 << peer) != 0 {
                    let why = "refused".to_owned();
                    return Ok(Some(Input::Undialled {
                        dial,
                        why,
                        reason: None,
                    }));
                }
                self.dials.push((dial, to));
                step.outs.push(Out::Dial(peer, kind));
            }
            Output::Write { ticket, writes } => return self.write(step, ticket, writes),
            Output::Fetch {
                ticket,
                group,
                after,
                upto,
            } => self.jobs.push_back(Job::Fetch(ticket, group, after, upto)),
            Output::Discover => {
                let addresses = step.cast.bootstrap();
                return Ok(Some(Input::Found { addresses }));
            }
            Output::Tell(event) => self.told(step, &event),
            // Members reach each other whenever both run; how is no matter here.
            Output::Route { .. }
            | Output::Show { .. }
            | Output::Reach { .. }
            | Output::Heed { .. }
            | Output::Finish => {}
        }
        Ok(None)
    }

    fn write(
        &mut self,
        step: &Step<'_>,
        ticket: Ticket,
        writes: Vec<Write>,
    ) -> Result<Option<Input>, String> {
        self.seen.writes(&step.cast.actors[step.me].id, &writes)?;
        // A mesh node does not wait for its disk, nor does a client for what is only a memory aid.
        let is_aid = |write: &Write| matches!(write, Write::Nick(_) | Write::Table(_));
        if matches!(self.part, Some(Part::Mesh(_))) || writes.iter().all(is_aid) {
            self.disk.write(writes)?;
            return Ok(None);
        }
        self.jobs.push_back(Job::Write(ticket, writes));
        let moved = Vec::new();
        let written = Input::Written { ticket, moved };
        Ok(step.suffers(Fault::EarlyReports).then_some(written))
    }

    /// It says that lines are kept: on its own disk, and on those of its present heirs, if it hosts.
    fn keeps(&self, step: &mut Step<'_>, places: Vec<(Epoch, Seq)>, copies: u32) {
        let (copies, heirs) = (copies as usize, self.heirs(step.cast));
        step.outs.push(Out::Kept {
            places,
            copies,
            heirs,
        });
    }

    fn told(&mut self, step: &mut Step<'_>, event: &Event) {
        self.seen.is_told(event);
        if let Event::Confirmed {
            epoch, seq, copies, ..
        } = event
        {
            self.keeps(step, vec![(*epoch, Seq(*seq))], *copies);
        }
        let is_shown = !matches!(
            event,
            Event::Members { .. } | Event::Mesh { .. } | Event::Ready { .. } | Event::Path { .. }
        );
        if is_shown {
            step.outs.push(Out::Told(step.cast.named(event)));
        }
    }

    /// Entries that are its own and wait, in this run or on disk.
    pub fn has_waiting(&self, group: &GroupName) -> bool {
        let saved = self.disk.saved();
        let outbox = saved.groups.get(group).map(|group| group.outbox.len());
        outbox.unwrap_or_default() > 0
    }

    pub fn is_host(&self) -> bool {
        self.seen.standing == Some(Standing::Host)
    }
}

struct Step<'a> {
    cast: &'a Cast,
    me: NodeIx,
    down: Down,
    outs: Vec<Out>,
}

impl Step<'_> {
    fn suffers(&self, fault: Fault) -> bool {
        self.cast.fault == Some((self.me, fault))
    }
}

/// Where a dial leads.
fn whither(cast: &Cast, to: &Target) -> (NodeIx, Link) {
    match to {
        Target::Node { address, .. } => (cast.by_address(address), Link::Mesh),
        Target::Peer { id, .. } => (cast.by_id(id), Link::Peer),
    }
}
