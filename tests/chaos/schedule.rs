//! What goes wrong in a round, and when: drawn from its seed before anything starts.

use crate::rng::Rng;

/// How long a person stays away, unless it is for a moment only.
const DOWN_MS: (u64, u64) = (200, 9_000);
/// How long a node of the mesh does: somebody looks after it.
const MESH_DOWN_MS: (u64, u64) = (100, 4_000);
/// Long enough to be taken for dead now and then.
const FROZEN_MS: (u64, u64) = (100, 7_000);
/// Long enough for two hosts, now and then.
const CUT_MS: (u64, u64) = (100, 14_000);
/// The time between two faults; now and then they come at once.
const BETWEEN_MS: (u64, u64) = (300, 3_000);

/// A round, as chance has it.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) directories: usize,
    pub(crate) supernodes: usize,
    pub(crate) people: usize,
    /// By time from the moment all are in.
    pub(crate) faults: Vec<(u64, Fault)>,
    /// For what is not a fault: how fast people type.
    pub(crate) chance: Rng,
}

/// One thing that goes wrong, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) deed: Deed,
    pub(crate) moment: Moment,
    pub(crate) victims: Vec<Victim>,
    pub(crate) for_ms: u64,
}

/// What a fault waits for, once it is due: the small windows that chance alone would seldom hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Any,
    /// Somebody is told that their line is safe.
    Confirmed,
    /// Somebody is told of another host.
    Handover,
    /// Somebody is told that they are in.
    Joined,
    /// Somebody has just typed.
    Typed,
}

/// What is done to the victims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Kill,
    /// Killed, and gone with its disk.
    Lose,
    Freeze,
    /// Told to end, by `/quit` or by a signal.
    Dismiss,
    /// The cable is pulled.
    Unplug,
    /// Those drawn are plugged into a switch of their own.
    Part,
    /// Everybody but the host is frozen; then all are killed, and the host with its disk: only what is on the
    /// others' disks is left.
    Strand,
}

/// Who it happens to; found among those who are up when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Victim {
    Host,
    Heir,
    /// Anybody in the group.
    Person(u64),
    /// The supernode that is responsible for the group.
    Responsible,
    Supernode(u64),
    Directory,
    /// The node of this number, of whatever kind.
    Node(usize),
    Everybody,
}

impl Schedule {
    pub(crate) fn drawn(seed: u64, faults: usize, can_be_cut: bool) -> Self {
        let mut chance = Rng::of(seed, 1);
        let supernodes = chance.range(2, 3) as usize;
        let people = chance.range(5, 8) as usize;
        let mut at_ms = 500;
        let mut may_lose = true;
        let faults = (0..faults).map(|_| {
            let deed = deed(&mut chance, can_be_cut, may_lose);
            may_lose &= !matches!(deed, Deed::Lose | Deed::Strand);
            let victims = victims(&mut chance, deed);
            let (from, to) = match deed {
                Deed::Kill | Deed::Dismiss if victims.iter().all(|victim| victim.is_mesh()) => {
                    MESH_DOWN_MS
                }
                Deed::Kill | Deed::Lose | Deed::Dismiss => DOWN_MS,
                Deed::Freeze | Deed::Strand => FROZEN_MS,
                Deed::Unplug | Deed::Part => CUT_MS,
            };
            let for_ms = if chance.chance(1, 4) {
                from
            } else {
                chance.range(from, to)
            };
            let moment = moment(&mut chance);
            let fault = Fault {
                deed,
                moment,
                victims,
                for_ms,
            };
            let at = at_ms;
            let (from, to) = BETWEEN_MS;
            at_ms += if chance.chance(1, 6) {
                0
            } else {
                chance.range(from, to)
            };
            (at, fault)
        });
        let faults = faults.collect();
        Self {
            directories: 1,
            supernodes,
            people,
            faults,
            chance: Rng::of(seed, 2),
        }
    }

    /// Each of so many directories, supernodes and people is killed and comes back, one after the other, this often.
    pub(crate) fn in_turn(of_each: [usize; 3], turns: usize, pause_ms: u64) -> Self {
        let [directories, supernodes, people] = of_each;
        let nodes = directories + supernodes + people;
        let in_turn = (0..turns).flat_map(|_| 0..nodes).zip(1..);
        let faults = in_turn.map(|(node, count)| {
            let fault = Fault {
                deed: Deed::Kill,
                moment: Moment::Any,
                victims: vec![Victim::Node(node)],
                for_ms: pause_ms,
            };
            // The next goes while this one comes back.
            (count * pause_ms, fault)
        });
        Self {
            directories,
            supernodes,
            people,
            faults: faults.collect(),
            chance: Rng::of(1, 2),
        }
    }
}

impl Victim {
    fn is_mesh(self) -> bool {
        match self {
            Self::Responsible | Self::Supernode(_) | Self::Directory | Self::Node(_) => true,
            Self::Host | Self::Heir | Self::Person(_) | Self::Everybody => false,
        }
    }
}

fn deed(chance: &mut Rng, can_be_cut: bool, may_lose: bool) -> Deed {
    match chance.range(0, 99) {
        0..=19 if can_be_cut => Deed::Unplug,
        20..=34 if can_be_cut => Deed::Part,
        35..=49 => Deed::Freeze,
        50..=57 => Deed::Dismiss,
        58..=59 if may_lose => Deed::Lose,
        60..=62 if may_lose => Deed::Strand,
        _ => Deed::Kill,
    }
}

fn moment(chance: &mut Rng) -> Moment {
    match chance.range(0, 9) {
        0..=1 => Moment::Confirmed,
        2..=3 => Moment::Handover,
        4 => Moment::Joined,
        5 => Moment::Typed,
        _ => Moment::Any,
    }
}

fn victims(chance: &mut Rng, deed: Deed) -> Vec<Victim> {
    let any = Victim::Person(chance.next());
    let supernode = Victim::Supernode(chance.next());
    let aim = chance.range(0, 99);
    match deed {
        // Each node is on a side of its own choice.
        Deed::Part => return vec![],
        Deed::Strand => return vec![Victim::Host],
        Deed::Lose if aim < 50 => return vec![Victim::Host],
        Deed::Lose => return vec![any],
        Deed::Dismiss if aim < 50 => return vec![Victim::Host],
        Deed::Dismiss if aim < 80 => return vec![any],
        Deed::Dismiss => return vec![Victim::Responsible],
        Deed::Kill | Deed::Freeze | Deed::Unplug => {}
    }
    match aim {
        0..=29 => vec![Victim::Host],
        30..=41 => vec![Victim::Heir],
        42..=61 => vec![any],
        62..=69 => vec![Victim::Host, Victim::Heir],
        70..=81 => vec![Victim::Responsible],
        82..=86 => vec![Victim::Host, Victim::Responsible],
        87..=92 => vec![supernode],
        93..=96 => vec![Victim::Directory],
        _ => vec![Victim::Everybody],
    }
}
