//! One run of a node: its start, what its role is given and what it wants done, and its end.

use fireside::proto::admission::Admission;
use fireside::proto::command::Command;
use fireside::proto::event::Event;
use fireside::proto::figures::Figures;
use fireside::proto::id::{GroupName, NodeId};
use fireside::proto::role::{Input, Output};
use fireside::proto::wire::{Message, Reason};

use super::disk::{Fullness, Job};
use super::trace::brief;
use super::{Fault, World};
use crate::disk::Kept;
use crate::judge::Ending;
use crate::link::NodeIx;
use crate::private;

impl World {
    /// Starts a node, or starts it again with what its disk holds.
    pub fn start(&mut self, ix: NodeIx) {
        let seed = self.rng.next();
        let node = &mut self.nodes[ix];
        assert!(node.role.is_none(), "{} runs already", node.name);
        node.run += 1;
        node.timer = None;
        // A monotonic clock means nothing across a restart.
        node.mono_start = seed % 1_000_000;
        node.mono_stood = 0;
        let mut saved = node.disk.saved();
        for group in saved.groups.values_mut() {
            match self.fault {
                Some(Fault::ForgottenLeases) => group.lease = None,
                Some(Fault::ForgottenOutbox) => group.outbox.clear(),
                Some(Fault::EarlyReports | Fault::SilentLoss) | None => {}
            }
        }
        node.role = Some((node.maker)(node.seal.clone(), saved, seed));
        let id = node.id;
        self.judged.started(id);
        self.say(ix, "starts");
        self.disown(ix);
        self.give_later(ix, 0, Input::Start);
        if self.nodes[ix].listens {
            let node = &self.nodes[ix];
            let addresses = node.inward.into_iter().chain([node.address]).collect();
            self.give_later(ix, 0, Input::Addresses { addresses });
            let addresses = self.nodes[ix].bootstrap.clone();
            self.give_later(ix, 1, Input::Found { addresses });
        }
    }

    /// Asks a running client for something.
    pub fn command(&mut self, ix: NodeIx, command: Command) {
        if self.is_running(ix) {
            if !private::is_asked(&command) {
                self.checker.asked(self.nodes[ix].id, &command);
                self.judged.asked(self.now, self.nodes[ix].id, &command);
            }
            self.give_later(ix, 0, Input::Command(command));
        }
    }

    /// Has an operator say whom a mesh node is open to.
    pub fn admit(&mut self, ix: NodeIx, admission: Admission) {
        self.give_later(ix, 0, Input::Admission(admission));
    }

    /// What a running node tells its operator.
    pub fn figures(&self, ix: NodeIx) -> Figures {
        let role = self.nodes[ix].role.as_ref();
        role.expect("it is running").figures()
    }

    /// Says something in a node's name, over a link that it has to another.
    pub fn forge(&mut self, from: NodeIx, to: NodeIx, message: &Message) {
        let links = self.nodes[from].links.iter().filter_map(|no| {
            let link = self.links.get(no)?;
            let side = link.side_of(from);
            (link.end(side.other()).node == to).then(|| no.id(side))
        });
        let links: Vec<_> = links.collect();
        self.send(from, &links, message);
    }

    /// Gives a role an input, and does what it wants done.
    pub(super) fn give(&mut self, ix: NodeIx, input: Input) {
        let now = self.clocks(ix);
        if self.trace && !matches!(input, Input::Timeout) {
            self.say(ix, &format!("<- {}", brief(&input)));
        }
        let Some(mut role) = self.nodes[ix].role.take() else {
            return;
        };
        self.happened.note(self.now, ix as u64);
        role.handle(now, input);
        let mut finished = false;
        while let Some(output) = role.poll() {
            if self.trace {
                self.say(ix, &format!("-> {}", brief(&output)));
            }
            finished |= matches!(output, Output::Finish);
            self.carry_out(ix, output);
        }
        let wanted = role.poll_timeout();
        self.nodes[ix].role = Some(role);
        if finished {
            self.finish(ix);
        } else {
            self.set_timer(ix, wanted);
        }
    }

    fn carry_out(&mut self, ix: NodeIx, output: Output) {
        match output {
            Output::Dial { dial, to } => self.dial(ix, dial, &to),
            Output::Route { peer, via } => self.route(ix, peer, via),
            // A simulated network has no paths to tell of.
            Output::Reach { .. } => {}
            Output::Show { peer } => {
                self.shown.insert((ix, peer));
            }
            Output::Heed { link, closely } => self.heed(ix, link, closely),
            Output::Send { to, message } => self.send(ix, &to, &message),
            Output::Close { link, reason } => {
                self.accuse(ix, reason);
                self.close(link, reason);
            }
            Output::Write { ticket, writes } => self.disk_job(ix, Job::Write(ticket, writes)),
            Output::Fetch {
                ticket,
                group,
                after,
                upto,
            } => self.disk_job(ix, Job::Fetch(ticket, group, after, upto)),
            Output::Discover => {
                let addresses = self.nodes[ix].bootstrap.clone();
                let after = self.rng.range(1, 50);
                self.give_later(ix, after, Input::Found { addresses });
            }
            Output::Tell(event) => self.tell(ix, &event),
            Output::Finish => {}
        }
    }

    /// Where nobody lies, nobody is called a liar.
    fn accuse(&mut self, ix: NodeIx, reason: Reason) {
        let is_accusation = match reason {
            Reason::BadFrame
            | Reason::TooLong
            | Reason::BadSignature
            | Reason::Unexpected
            | Reason::Limit
            | Reason::Fork
            | Reason::FalseReport
            | Reason::Disorder
            | Reason::NotAdmitted => true,
            Reason::Done
            | Reason::UnknownVersion
            | Reason::TooSlow
            | Reason::Replaced
            | Reason::Shutdown
            | Reason::WrongIdentity
            | Reason::Unwelcome => false,
        };
        if is_accusation && !self.has_liar {
            let what = format!("{} closes a link: {reason}", self.nodes[ix].name);
            self.checker.blame(what);
        }
    }

    fn tell(&mut self, ix: NodeIx, event: &Event) {
        if self.ears.contains(&ix) {
            self.heard.push((ix, event.clone()));
        }
        if let Some(person) = private::with(event) {
            return self.tell_in_private(ix, person, event);
        }
        if let Event::Confirmed {
            group, id, copies, ..
        }
        | Event::Copied { group, id, copies } = event
        {
            // One that has just lost its disk is still counted on by who has not heard of it.
            let found = self.copies(group, *id);
            if found + (self.checker.disks_lost() as usize) < *copies as usize {
                let (name, now) = (&self.nodes[ix].name, self.now);
                let what =
                    format!("{name} in {group} at {now} ms: {copies} copies of {id} are {found}");
                self.checker.blame(what);
            }
        }
        self.checker.told(self.nodes[ix].id, event);
        self.judged.told(self.now, self.nodes[ix].id, event);
    }

    /// What is said to have arrived is on the other one's disk.
    fn tell_in_private(&mut self, ix: NodeIx, person: NodeId, event: &Event) {
        let Event::Confirmed { id, .. } = event else {
            return;
        };
        let ours = GroupName::of_person(&self.nodes[ix].id);
        let other = self.nodes.iter().find(|node| node.id == person);
        let kept = other.map(|other| other.disk.keeps(&ours, *id));
        if kept != Some(Kept::Placed) {
            let what = format!("{} has arrived nowhere: {id}", self.nodes[ix].name);
            self.checker.blame(what);
        }
    }

    /// A role is done: what it wrote is flushed, what it said goes out, and its links are closed.
    fn finish(&mut self, ix: NodeIx) {
        self.say(ix, "ends");
        for job in std::mem::take(&mut self.nodes[ix].jobs).into_values() {
            if let Job::Write(_, writes) = job {
                let _ = self.write(ix, writes);
            }
        }
        self.end(ix);
        self.judged.ended(self.nodes[ix].id, Ending::Clean);
        for no in std::mem::take(&mut self.nodes[ix].links) {
            let side = self.links[&no].side_of(ix);
            self.close(no.id(side), Reason::Shutdown);
        }
        self.look_at_paths();
    }

    /// The end of a node's run, however it came.
    pub(super) fn end(&mut self, ix: NodeIx) {
        let node = &mut self.nodes[ix];
        node.role = None;
        node.frozen = None;
        node.run += 1;
        node.jobs.clear();
        node.disk_busy_until = 0;
        node.timer = None;
        let log = |group: &GroupName| node.disk.log(group).map(|(p, id)| (id, p)).collect();
        let waits = |group: &GroupName, id| node.disk.keeps(group, id) == Kept::Waiting;
        let epoch = |group: &GroupName| node.disk.epoch(group);
        self.checker.ended(node.id, log, waits, epoch);
        if node.fullness != Fullness::Roomy {
            self.checker.lapsed(node.id);
            self.judged.forgot();
        }
    }
}
