//! What may happen next in a state, and what comes of it.
//!
//! Nodes and messages are kept once each, in a pool, and the step that a node in one state takes when it is
//! given one input is computed once: the whole has many more states than its nodes have.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use bytes::Bytes;
use fireside::proto::codec;
use fireside::proto::id::{Epoch, NodeId, Seq};
use fireside::proto::role::LinkId;
use fireside::proto::wire::{Message, Reason};

use crate::cast::{Cast, Fault, NodeIx};
use crate::facts::Facts;
use crate::local::{Down, Given, Link as Kind, Local, Out};
use crate::normal::{Print, normal};
use crate::state::{End, Item, State};

/// Everything that has been met so far.
#[derive(Debug)]
pub struct Model {
    pub cast: Cast,
    /// Nodes that may crash.
    pub mortal: Vec<NodeIx>,
    /// Nodes whose timers may go off.
    pub timed: Vec<NodeIx>,
    /// Pairs of nodes whose links may be cut, the lower index first.
    pub frail: Vec<[NodeIx; 2]>,
    pub locals: Vec<Known>,
    prints: HashMap<Print, u32>,
    pub messages: Vec<Message>,
    frames: HashMap<Bytes, u32>,
    steps: HashMap<(u32, Given, Down), Step>,
    /// Pairs of nodes' states that do not contradict each other.
    pub in_accord: HashSet<(u32, u32)>,
    /// Bytes of all nodes' states, about.
    local_bytes: usize,
}

/// The state a node is in after a step, and what the step does outside it.
type Step = (u32, Rc<[Act]>);

/// A node's state and what follows from it.
#[derive(Debug)]
pub struct Known {
    pub local: Local,
    pub facts: Facts,
}

/// One way for a state to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The next thing under way to one end of a link arrives.
    Arrive {
        link: u8,
        side: u8,
    },
    /// One end of a link that is cut misses the other.
    Miss {
        link: u8,
        side: u8,
    },
    /// A node's disk is done with the first job.
    Disk(u8),
    /// A node waits until its timers make it do something.
    Timer(u8),
    /// A node's next timer goes off (never chosen while exploring).
    Tick(u8),
    /// A node is given its next command.
    Command(u8),
    /// A node dies when its disk has done so many of its jobs.
    Crash {
        node: u8,
        done: u8,
    },
    Restart(u8),
    Cut {
        link: u8,
    },
}

/// What a step does outside its node, with messages by number.
#[derive(Clone, Debug)]
enum Act {
    Send(LinkId, u32),
    Close(LinkId, u8),
    Dial(NodeIx, Kind),
    Kept(Vec<(Epoch, Seq)>, usize, Vec<NodeId>),
    Ended,
    Told(String),
}

impl Model {
    pub fn new(cast: Cast) -> Self {
        Self {
            cast,
            mortal: Vec::new(),
            timed: Vec::new(),
            frail: Vec::new(),
            locals: Vec::new(),
            prints: HashMap::new(),
            messages: Vec::new(),
            frames: HashMap::new(),
            steps: HashMap::new(),
            in_accord: HashSet::new(),
            local_bytes: 0,
        }
    }

    pub fn local(&self, state: &State, node: NodeIx) -> &Local {
        &self.locals[state.nodes[node] as usize].local
    }

    /// How many states of single nodes there are.
    pub fn locals(&self) -> usize {
        self.locals.len()
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        let steps = self.steps.capacity() * 128 + self.steps.len() * 128;
        self.local_bytes + steps + self.in_accord.capacity() * 10 + self.messages.len() * 600
    }

    /// A node that does not run yet, in every place.
    pub fn asleep(&mut self) -> u32 {
        self.intern(Local::new())
            .expect("an empty node holds nothing")
    }

    /// From here on the contract with a node's role is broken.
    pub fn break_by(&mut self, node: NodeIx, fault: Fault) {
        self.cast.fault = Some((node, fault));
        self.steps.clear();
    }

    // -- what may happen -----------------------------------------------------------------------------------

    /// Everything that may happen next.
    pub fn choices(&self, state: &State) -> Vec<Choice> {
        let mut choices = self.under_way(state);
        for node in 0..state.nodes.len() {
            let (local, ix) = (self.local(state, node), node as u8);
            if self.next_command(state, node).is_some() {
                choices.push(Choice::Command(ix));
            }
            if state.left.timers > 0 && self.timed.contains(&node) && local.wait().is_some() {
                choices.push(Choice::Timer(ix));
            }
            if !local.is_running() && state.left.restarts > 0 {
                choices.push(Choice::Restart(ix));
            }
            if local.is_running() && state.left.crashes > 0 && self.mortal.contains(&node) {
                let crash = |done| Choice::Crash { node: ix, done };
                choices.extend((0..=local.jobs() as u8).map(crash));
            }
        }
        if state.left.cuts > 0 {
            let whole = |(_, link): &(usize, &crate::state::Link)| {
                let pair = link.pair.map(usize::from);
                !link.is_cut && link.ends == [End::Up; 2] && self.frail.contains(&pair)
            };
            let whole = state.links.iter().enumerate().filter(whole);
            choices.extend(whole.map(|(link, _)| Choice::Cut { link: link as u8 }));
        }
        choices
    }

    /// What happens sooner or later whatever else does: what is under way arrives, or is missed.
    pub fn under_way(&self, state: &State) -> Vec<Choice> {
        let mut choices = Vec::new();
        for (ix, link) in state.links.iter().enumerate() {
            for side in 0..2 {
                let (ix, side_ix) = (ix as u8, side as u8);
                if !link.inbox[side].is_empty() {
                    let (link, side) = (ix, side_ix);
                    choices.push(Choice::Arrive { link, side });
                }
                if link.is_cut && link.ends[side] != End::Gone {
                    let (link, side) = (ix, side_ix);
                    choices.push(Choice::Miss { link, side });
                }
            }
        }
        let busy = |node: &usize| self.local(state, *node).jobs() > 0;
        let busy = (0..state.nodes.len()).filter(busy);
        choices.extend(busy.map(|node| Choice::Disk(node as u8)));
        choices
    }

    pub fn next_command(&self, state: &State, node: NodeIx) -> Option<u8> {
        if !self.local(state, node).is_running() {
            return None;
        }
        let commands = self.cast.commands.iter().enumerate();
        let mut own = commands.filter(|(_, (who, _))| *who == node);
        let next = own.nth(usize::from(state.asked[node]));
        next.map(|(index, _)| index as u8)
    }

    // -- what comes of it ----------------------------------------------------------------------------------

    /// The state after a choice.
    ///
    /// # Errors
    /// In words, when a rule is broken.
    pub fn after(&mut self, state: &State, choice: Choice) -> Result<State, String> {
        self.go(state, choice, &mut |_| {})
    }

    /// As [`Model::after`], telling what is seen of it.
    pub fn go(
        &mut self,
        state: &State,
        choice: Choice,
        tell: &mut dyn FnMut(&str),
    ) -> Result<State, String> {
        let mut next = state.clone();
        let step = match choice {
            Choice::Arrive { link, side } => {
                self.arrive(&mut next, usize::from(link), usize::from(side))
            }
            Choice::Miss { link, side } => next.miss(usize::from(link), usize::from(side)),
            Choice::Disk(node) => Some((usize::from(node), Given::Disk)),
            Choice::Timer(node) => {
                next.left.timers -= 1;
                Some((usize::from(node), Given::Timer))
            }
            Choice::Tick(node) => Some((usize::from(node), Given::Tick)),
            Choice::Command(node) => {
                let node = usize::from(node);
                let command = self.next_command(state, node).expect("it was offered");
                next.asked[node] += 1;
                Some((node, Given::Command(command)))
            }
            Choice::Crash { node, done } => {
                next.left.crashes -= 1;
                next.leave(usize::from(node), None);
                Some((usize::from(node), Given::Crash { done }))
            }
            Choice::Restart(node) => {
                next.left.restarts -= 1;
                Some((usize::from(node), Given::Start))
            }
            Choice::Cut { link } => {
                next.left.cuts -= 1;
                next.links[usize::from(link)].is_cut = true;
                None
            }
        };
        if let Some((node, given)) = step {
            self.step(&mut next, node, given, tell)?;
        }
        next.tidy();
        Ok(next)
    }

    fn arrive(&self, state: &mut State, link: usize, side: usize) -> Option<(NodeIx, Given)> {
        let link = &mut state.links[link];
        let (id, node) = (link.id(side), link.node(side));
        let item = link.inbox[side].pop_front().expect("it was offered");
        let given = match item {
            Item::Up => {
                link.ends[side] = End::Up;
                Given::Up {
                    link: id,
                    peer: link.node(1 - side),
                    kind: link.kind,
                    is_ours: usize::from(link.dialler) == side,
                }
            }
            Item::Message(message) => Given::Message { link: id, message },
            Item::Closed(reason) => {
                link.ends[side] = End::Gone;
                let why = Some(reason);
                Given::Lost { link: id, why }
            }
        };
        Some((node, given))
    }

    /// A node takes a step.
    fn step(
        &mut self,
        state: &mut State,
        node: NodeIx,
        given: Given,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(), String> {
        let down = (0..state.nodes.len())
            .filter(|ix| !self.local(state, *ix).is_running())
            .fold(0, |down, ix| down | 1 << ix);
        let (next, acts) = self.local_step(state.nodes[node], node, given, down)?;
        state.nodes[node] = next;
        for act in acts.iter() {
            self.carry_out(state, node, act, tell)?;
        }
        for other in 0..state.nodes.len() {
            self.compare(next, state.nodes[other])?;
        }
        Ok(())
    }

    fn local_step(
        &mut self,
        from: u32,
        node: NodeIx,
        given: Given,
        down: Down,
    ) -> Result<Step, String> {
        let key = (from, given, down);
        if let Some((next, acts)) = self.steps.get(&key) {
            return Ok((*next, acts.clone()));
        }
        let mut local = self.locals[from as usize].local.clone();
        let message = match given {
            Given::Message { message, .. } => Some(&self.messages[message as usize]),
            _ => None,
        };
        let outs = local.step(&self.cast, node, given, message, down)?;
        let acts: Rc<[Act]> = outs.into_iter().map(|out| self.act(out)).collect();
        let next = self.intern(local)?;
        self.steps.insert(key, (next, acts.clone()));
        Ok((next, acts))
    }

    fn act(&mut self, out: Out) -> Act {
        match out {
            Out::Send(link, message) => {
                let frame = codec::encode(&message);
                let count = self.messages.len() as u32;
                let number = *self.frames.entry(frame).or_insert(count);
                if number == count {
                    self.messages.push(message);
                }
                Act::Send(link, number)
            }
            Out::Close(link, reason) => Act::Close(link, reason as u8),
            Out::Dial(to, kind) => Act::Dial(to, kind),
            Out::Kept {
                places,
                copies,
                heirs,
            } => Act::Kept(places, copies, heirs),
            Out::Ended => Act::Ended,
            Out::Told(event) => Act::Told(event),
        }
    }

    fn intern(&mut self, local: Local) -> Result<u32, String> {
        let text = normal(&format!("{local:?}"), local.now());
        let print = Print::of(text.as_bytes());
        if let Some(known) = self.prints.get(&print) {
            return Ok(*known);
        }
        let number = self.locals.len() as u32;
        let facts = Facts::of(&local, &self.cast.group)?;
        // Maps and boxes take about as much as what is written of them.
        self.local_bytes += text.len() + 1_000;
        self.prints.insert(print, number);
        self.locals.push(Known { local, facts });
        Ok(number)
    }

    fn carry_out(
        &self,
        state: &mut State,
        node: NodeIx,
        act: &Act,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(), String> {
        match act {
            Act::Send(id, message) => {
                if let Some(link) = state.link(*id) {
                    let link = &mut state.links[link];
                    let far = 1 - link.side_of(node);
                    if !link.is_cut && link.ends[far] != End::Gone {
                        link.inbox[far].push_back(Item::Message(*message));
                    }
                }
            }
            Act::Close(id, reason) => {
                if let Some(link) = state.link(*id) {
                    state.links[link].close(node, *reason);
                }
            }
            Act::Dial(to, kind) => state.dial(node, *to, *kind),
            Act::Kept(places, copies, heirs) => {
                self.judge_kept(state, node, places, *copies, heirs)?
            }
            Act::Ended => state.leave(node, Some(Reason::Shutdown as u8)),
            Act::Told(event) => tell(event),
        }
        Ok(())
    }
}
