//! What a role has decided and the driver has not yet fetched, with the numbers that outputs carry.

use std::collections::VecDeque;

use super::command::Asking;
use super::event::Event;
use super::id::{GroupName, NodeId};
use super::role::{DialId, LinkId, Output, Target, Ticket};
use super::saved::Write;
use super::wire::{Message, Reason, Vector};

/// A role's queue of outputs.
#[derive(Clone, Debug)]
pub(crate) struct Actions {
    queue: VecDeque<Output>,
    /// Links closed on our side; nothing else will say that they are gone.
    closed: Vec<LinkId>,
    tickets: u64,
    dials: u64,
    /// State of a small generator for jitter; seeded from outside, so that a world replays.
    seed: u64,
}

impl Actions {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            queue: VecDeque::new(),
            closed: Vec::new(),
            tickets: 0,
            dials: 0,
            seed,
        }
    }

    pub(crate) fn next(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    pub(crate) fn send(&mut self, to: LinkId, message: Message) {
        self.queue.push_back(Output::Send {
            to: vec![to],
            message,
        });
    }

    pub(crate) fn send_all(&mut self, to: Vec<LinkId>, message: Message) {
        if !to.is_empty() {
            self.queue.push_back(Output::Send { to, message });
        }
    }

    pub(crate) fn heed(&mut self, link: LinkId, closely: bool) {
        self.queue.push_back(Output::Heed { link, closely });
    }

    pub(crate) fn close(&mut self, link: LinkId, reason: Reason) {
        self.queue.push_back(Output::Close { link, reason });
        self.closed.push(link);
    }

    /// The links closed since this was asked last.
    pub(crate) fn take_closed(&mut self) -> Vec<LinkId> {
        std::mem::take(&mut self.closed)
    }

    pub(crate) fn dial(&mut self, to: Target) -> DialId {
        self.dials += 1;
        let dial = DialId(self.dials);
        self.queue.push_back(Output::Dial { dial, to });
        dial
    }

    pub(crate) fn route(&mut self, peer: NodeId, via: LinkId) {
        self.queue.push_back(Output::Route { peer, via });
    }

    pub(crate) fn show(&mut self, peer: NodeId) {
        self.queue.push_back(Output::Show { peer });
    }

    pub(crate) fn reach(&mut self, peer: NodeId, asking: Asking) {
        self.queue.push_back(Output::Reach { peer, asking });
    }

    pub(crate) fn write(&mut self, writes: Vec<Write>) -> Ticket {
        let ticket = self.ticket();
        self.queue.push_back(Output::Write { ticket, writes });
        ticket
    }

    pub(crate) fn fetch(&mut self, group: GroupName, after: Vector, upto: Vector) -> Ticket {
        let ticket = self.ticket();
        self.queue.push_back(Output::Fetch {
            ticket,
            group,
            after,
            upto,
        });
        ticket
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.queue.push_back(Output::Tell(event));
    }

    pub(crate) fn discover(&mut self) {
        self.queue.push_back(Output::Discover);
    }

    pub(crate) fn finish(&mut self) {
        self.queue.push_back(Output::Finish);
    }

    /// A number below `bound`, for jitter (splitmix64; Steele et al., 2014).
    pub(crate) fn jitter(&mut self, bound: u64) -> u64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }
}
