//! One round: everybody comes in, the faults happen while they talk, all is mended, and it is judged.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::ending::{end, history, settle};
use crate::ground::Ground;
use crate::judge::judge;
use crate::rng::Rng;
use crate::schedule::{Deed, Fault, Moment, Schedule, Victim};
use crate::totals::Totals;
use crate::town::Town;

/// Between two lines of one person: as fast as a host lets them for long.
const TYPING_MS: (u64, u64) = (500, 1_100);
/// Lines typed at once now and then: more than a host takes without pacing.
const PASTE: u32 = 12;
/// How long a fault waits for its moment.
const MOMENT_WAIT: Duration = Duration::from_secs(2);

pub(crate) struct Round {
    seed: u64,
    town: Town,
    home: tempfile::TempDir,
    schedule: Vec<(u64, Fault)>,
    chance: Rng,
    /// What is to be undone, and when.
    mending: Vec<(Instant, Mend)>,
    typing: Vec<(Instant, usize)>,
    gone: Vec<(usize, u64)>,
    cut: BTreeSet<usize>,
    is_mesh_whole: bool,
    story: Vec<String>,
    totals: Totals,
}

/// The end of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mend {
    Start(usize),
    Thaw(usize),
    Plug(usize),
    Join,
    /// The end of a host that was left alone, and of all others.
    Strike(usize),
}

impl Round {
    pub(crate) fn new(seed: u64, ground: Ground, schedule: Schedule) -> Self {
        let home = tempfile::tempdir().unwrap();
        let of_each = [schedule.directories, schedule.supernodes, schedule.people];
        let town = Town::with_directories(ground, home.path(), of_each);
        Self {
            seed,
            town,
            home,
            schedule: schedule.faults,
            chance: schedule.chance,
            mending: Vec::new(),
            typing: Vec::new(),
            gone: Vec::new(),
            cut: BTreeSet::new(),
            is_mesh_whole: true,
            story: Vec::new(),
            totals: Totals::default(),
        }
    }

    /// Plays it; what went on in it.
    pub(crate) fn play(mut self) -> Totals {
        self.gather();
        self.go_through();
        self.mend_all();
        let healed_ms = self.town.now_ms() + 1;
        self.say("all is mended", &[]);
        let stayers = self.stayers();
        let settled_ms = settle(&mut self.town, &stayers);
        end(&mut self.town, &stayers);
        self.judge(healed_ms, settled_ms)
    }

    /// Everybody comes in, the first one first.
    fn gather(&mut self) {
        for ix in self.town.people() {
            self.town.start(ix);
            if ix == self.town.people().start {
                self.town
                    .waits("the first to be in", |town| town.nodes[ix].seen.is_in);
            }
        }
        self.town.waits("all to be in", |town| {
            town.people().all(|ix| town.nodes[ix].seen.is_in)
        });
        let now = Instant::now();
        self.typing = self.town.people().map(|ix| (now, ix)).collect();
    }

    fn go_through(&mut self) {
        let began = Instant::now();
        let faults = std::mem::take(&mut self.schedule);
        for (at_ms, fault) in faults {
            self.live_until(began + Duration::from_millis(at_ms), |_| false);
            self.live_for_moment(fault.moment);
            self.befall(&fault);
        }
        self.live_until(Instant::now() + Duration::from_secs(1), |_| false);
    }

    /// People type, and what was to be mended by then is mended; until `end`, or until something is so.
    fn live_until(&mut self, end: Instant, is_so: impl Fn(&Town) -> bool) {
        while !is_so(&self.town) {
            let mends = self.mending.iter().map(|(at, _)| *at);
            let next = mends.chain(self.typing.iter().map(|(at, _)| *at)).min();
            let next = next.unwrap_or(end).min(end);
            if self.town.hears_one(next) {
                continue;
            }
            let now = Instant::now();
            if now >= end {
                return;
            }
            self.mend_what_is_due(now);
            self.type_what_is_due(now);
        }
    }

    fn live_for_moment(&mut self, moment: Moment) {
        let end = Instant::now() + MOMENT_WAIT;
        let of = |town: &Town| match moment {
            Moment::Any => 0,
            Moment::Confirmed => town.count(|seen| seen.heard.confirmed),
            Moment::Handover => town.count(|seen| seen.heard.hosts),
            Moment::Joined => town.count(|seen| seen.heard.joined),
            Moment::Typed => town.count(|seen| seen.typed.into()),
        };
        let before = of(&self.town);
        self.live_until(end, |town| moment == Moment::Any || of(town) > before);
    }

    fn mend_what_is_due(&mut self, now: Instant) {
        let due: Vec<_> = self.mending.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, mend) in due {
            match mend {
                // One that was told to end takes its time.
                Mend::Start(ix) if self.town.nodes[ix].process.is_some() => {
                    self.mending.push((now + Duration::from_millis(50), mend));
                }
                Mend::Start(_) | Mend::Thaw(_) | Mend::Plug(_) | Mend::Join | Mend::Strike(_) => {
                    self.mend(mend)
                }
            }
        }
    }

    fn type_what_is_due(&mut self, now: Instant) {
        for (at, ix) in &mut self.typing {
            if *at <= now {
                let at_once = if self.chance.chance(1, 60) { PASTE } else { 1 };
                for _ in 0..at_once {
                    if self.town.is_up(*ix) {
                        self.town.says(*ix, "");
                    }
                }
                let (from, to) = TYPING_MS;
                *at = now + Duration::from_millis(self.chance.range(from, to));
            }
        }
    }

    // -- faults ------------------------------------------------------------------------------------------

    fn befall(&mut self, fault: &Fault) {
        let mut all = Vec::new();
        for victim in &fault.victims {
            for ix in self.find(*victim) {
                if !all.contains(&ix) {
                    self.totals.happened(fault.deed.done(), victim.name());
                    all.push(ix);
                }
            }
        }
        if all.is_empty() && fault.deed != Deed::Part {
            // Nobody is left that it could happen to. Who would freeze the others would have nobody to strike.
            return;
        }
        self.say(fault.deed.done(), &all);
        self.is_mesh_whole &= !all.iter().any(|ix| self.town.mesh().contains(ix));
        let back = Instant::now() + Duration::from_millis(fault.for_ms);
        match fault.deed {
            Deed::Kill => {
                self.town.kill(&all);
                self.mend_later(back, &all, Mend::Start);
            }
            Deed::Lose => {
                self.town.kill(&all);
                let now_ms = self.town.now_ms();
                self.gone.extend(all.iter().map(|ix| (*ix, now_ms)));
            }
            Deed::Freeze => {
                for ix in &all {
                    let process = self.town.nodes[*ix].process.as_mut();
                    process.expect("it is up").freezes();
                }
                self.mend_later(back, &all, Mend::Thaw);
            }
            Deed::Dismiss => {
                let by_word = self.chance.chance(1, 2);
                for ix in &all {
                    self.town.dismiss(*ix, by_word);
                }
                self.mend_later(back, &all, Mend::Start);
            }
            Deed::Strand => {
                let others = self.town.people().filter(|ix| !all.contains(ix));
                for ix in others.collect::<Vec<_>>() {
                    if self.town.is_up(ix)
                        && let Some(process) = &mut self.town.nodes[ix].process
                    {
                        process.freezes();
                    }
                }
                self.mend_later(back, &all, Mend::Strike);
            }
            Deed::Unplug => {
                for ix in &all {
                    self.town.ground.plug(&self.town.nodes[*ix].plot, false);
                }
                self.cut.extend(&all);
                self.is_mesh_whole = false;
                self.mend_later(back, &all, Mend::Plug);
            }
            Deed::Part => {
                self.totals.happened(fault.deed.done(), "network");
                self.is_mesh_whole = false;
                for node in &self.town.nodes {
                    let side = self.chance.range(0, 1) as usize;
                    self.town.ground.move_to(&node.plot, side);
                }
                self.mending.retain(|(_, mend)| *mend != Mend::Join);
                self.mending.push((back, Mend::Join));
            }
        }
    }

    fn mend_later(&mut self, at: Instant, all: &[usize], mend: impl Fn(usize) -> Mend) {
        self.mending.extend(all.iter().map(|ix| (at, mend(*ix))));
    }

    /// Who that is at the moment, among those that nothing is wrong with yet.
    fn find(&self, victim: Victim) -> Vec<usize> {
        let town = &self.town;
        let fine = |ix: &usize| town.is_lively(*ix) && !self.cut.contains(ix);
        let pick = |from: Vec<usize>, number: u64| {
            let from: Vec<usize> = from.into_iter().filter(fine).collect();
            let at = number.checked_rem(from.len() as u64);
            at.map(|at| from[at as usize]).into_iter().collect()
        };
        // While nobody hosts, it happens to somebody else.
        let anybody = |found: Vec<usize>| match found.is_empty() {
            true => pick(town.people().collect(), 0),
            false => found,
        };
        match victim {
            Victim::Host => anybody(pick(town.who_is("host"), 0)),
            Victim::Heir => anybody(pick(town.who_is("heir"), 0)),
            Victim::Person(number) => pick(town.people().collect(), number),
            Victim::Responsible => pick(town.by_ring(), 0),
            Victim::Supernode(number) => pick(town.by_ring(), number),
            Victim::Directory => pick(vec![0], 0),
            Victim::Node(ix) => pick(vec![ix], 0),
            Victim::Everybody => town.people().filter(fine).collect(),
        }
    }

    /// For whoever reads how a round went.
    fn say(&mut self, what: &str, all: &[usize]) {
        let names = all.iter().map(|ix| &*self.town.nodes[*ix].name);
        let names: Vec<&str> = names.collect();
        let line = format!("{:>7} {what} {}", self.town.now_ms(), names.join(" "));
        self.story.push(line);
    }

    // -- mending -----------------------------------------------------------------------------------------

    fn mend(&mut self, mend: Mend) {
        match mend {
            Mend::Start(ix) => {
                self.say("back", &[ix]);
                if self.town.nodes[ix].process.is_some() {
                    self.town.sees_out(ix);
                }
                if self.town.nodes[ix].process.is_none() {
                    self.town.start(ix);
                }
            }
            Mend::Thaw(ix) => {
                self.say("thawed", &[ix]);
                if let Some(process) = &mut self.town.nodes[ix].process {
                    process.thaws();
                }
            }
            Mend::Plug(ix) => {
                self.say("plugged in", &[ix]);
                self.cut.remove(&ix);
                self.town.ground.plug(&self.town.nodes[ix].plot, true);
            }
            Mend::Strike(host) => {
                let people = self.town.people();
                let up: Vec<usize> = people.filter(|ix| self.town.is_up(*ix)).collect();
                self.say("killed as they were", &up);
                for ix in &up {
                    self.totals
                        .happened("killed", if *ix == host { "host" } else { "everybody" });
                }
                self.town.kill(&up);
                if up.contains(&host) {
                    // Until here it lived, and may have been told things.
                    self.gone.push((host, self.town.now_ms()));
                }
                let rest: Vec<usize> = up.into_iter().filter(|ix| *ix != host).collect();
                self.mend_later(Instant::now(), &rest, Mend::Start);
            }
            Mend::Join => {
                self.say("whole again", &[]);
                for node in &self.town.nodes {
                    self.town.ground.move_to(&node.plot, 0);
                }
            }
        }
    }

    fn mend_all(&mut self) {
        while let Some((_, mend)) = self.mending.pop() {
            self.mend(mend);
        }
        // Somebody may have ended by itself, which was complained of.
        for ix in 0..self.town.nodes.len() {
            if self.town.nodes[ix].process.is_none() && !self.is_gone(ix) {
                self.town.start(ix);
            }
        }
    }

    fn is_gone(&self, ix: usize) -> bool {
        self.gone.iter().any(|(gone, _)| *gone == ix)
    }

    /// Everybody who is not gone.
    fn stayers(&self) -> Vec<usize> {
        let people = self.town.people();
        people.filter(|ix| !self.is_gone(*ix)).collect()
    }

    // -- the end -----------------------------------------------------------------------------------------

    fn judge(mut self, healed_ms: u64, settled_ms: u64) -> Totals {
        let history = history(&mut self.town, &self.gone, healed_ms, self.is_mesh_whole);
        let wrong = judge(&history);
        let town = &self.town;
        let mut totals = self.totals;
        totals.add(&history, settled_ms, &wrong, &town.complaints);
        totals.merges += town.count(|seen| seen.heard.merges);
        let (seed, ground) = (self.seed, town.ground.name());
        let mut story = vec![format!("seed {seed}, {ground}")];
        story.append(&mut self.story);
        story.push(format!("  at rest after {settled_ms} ms"));
        story.extend(town.complaints.iter().map(|what| format!("  {what}")));
        story.extend(wrong.iter().map(|violation| format!("  {violation}")));
        if !(wrong.is_empty() && town.complaints.is_empty()) {
            totals.failed.push(seed);
            drop(self.town);
            story.push(format!("  SEED={seed}; see {}", self.home.keep().display()));
        }
        println!("{}", story.join("\n"));
        totals
    }
}

impl Deed {
    fn done(self) -> &'static str {
        match self {
            Self::Kill => "killed",
            Self::Lose => "lost with their disk",
            Self::Freeze => "frozen",
            Self::Dismiss => "dismissed",
            Self::Unplug => "unplugged",
            Self::Part => "parted",
            Self::Strand => "left alone",
        }
    }
}

impl Victim {
    fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Heir => "heir",
            Self::Person(_) => "person",
            Self::Responsible => "responsible supernode",
            Self::Supernode(_) => "supernode",
            Self::Directory => "directory",
            Self::Node(_) => "each in turn",
            Self::Everybody => "everybody",
        }
    }
}
