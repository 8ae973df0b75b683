//! What happens to a mesh of one size: it comes together, is quiet, loses packets, loses a node, is left by one and
//! joined by another; then people ask it for groups.

use fireside::proto::wire::Liveness;

use crate::asking::{self, Asked};
use crate::crowd::Crowd;

const DIRECTORIES: usize = 3;
/// How many nodes a second are started, so that directories are asked as they would be and not all at once.
const STARTED_A_SECOND: usize = 50;
const QUIET_S: u64 = 60;
const STEP_MS: u64 = 50;

#[derive(Debug, Default)]
pub struct Told {
    pub started_s: f64,
    pub together_s: f64,
    /// Bytes a node sends in a second.
    pub quiet: f64,
    pub lossy: f64,
    pub false_alarms: usize,
    pub links: f64,
    pub links_most: usize,
    pub handshakes: f64,
    pub death_s: [f64; 3],
    pub leave_s: f64,
    pub newcomer_s: f64,
    pub asked: Asked,
}

pub fn tell(supernodes: usize) -> Told {
    // One is kept back, to join later.
    let mut crowd = Crowd::new(1, DIRECTORIES, supernodes + 1);
    let newcomer = crowd.nodes.len() - 1;
    let mut told = Told::default();
    come_together(&mut crowd, newcomer, &mut told);
    be_quiet(&mut crowd, &mut told);
    lose_packets(&mut crowd, &mut told);
    crowd.run_for(30_000);
    let victim = DIRECTORIES + supernodes / 2;
    crowd.crash(victim);
    told.death_s = known_gone(&mut crowd, victim);
    crowd.run_for(30_000);
    let leaver = DIRECTORIES + supernodes / 3;
    crowd.leave(leaver);
    told.leave_s = known_gone(&mut crowd, leaver)[2];
    crowd.run_for(30_000);
    let start = crowd.now();
    crowd.start(newcomer);
    until(&mut crowd, 60_000, |crowd| {
        let is_up = |l: Option<Liveness>| l.is_some_and(Liveness::is_up);
        crowd.running().all(|ix| is_up(crowd.holds(ix, newcomer)))
    });
    told.newcomer_s = seconds(crowd.now() - start);
    told.asked = asking::ask(&mut crowd, leaver, newcomer);
    told
}

pub fn come_together(crowd: &mut Crowd, upto: usize, told: &mut Told) {
    for ix in 0..upto {
        crowd.start(ix);
        if ix % STARTED_A_SECOND == STARTED_A_SECOND - 1 {
            crowd.run_for(1_000);
        }
    }
    told.started_s = seconds(crowd.now());
    until(crowd, 120_000, Crowd::is_together);
    told.together_s = seconds(crowd.now());
    // What was said while they came together is said, and links that are of no use go.
    crowd.run_for(90_000);
}

fn be_quiet(crowd: &mut Crowd, told: &mut Told) {
    let (before, handshakes) = (crowd.sent(), crowd.handshakes);
    crowd.run_for(1_000 * QUIET_S);
    let count = crowd.running().count() as f64;
    let per_node = |amount: u64| amount as f64 / QUIET_S as f64 / count;
    told.quiet = per_node(crowd.sent().bytes - before.bytes);
    told.handshakes = per_node(crowd.handshakes - handshakes);
    let links: Vec<_> = crowd.running().map(|ix| crowd.links_of(ix)).collect();
    told.links = links.iter().sum::<usize>() as f64 / count;
    told.links_most = links.into_iter().max().unwrap_or_default();
}

/// A minute at a loss of one packet in twenty, and three nodes that stall for two seconds.
fn lose_packets(crowd: &mut Crowd, told: &mut Told) {
    crowd.loss_permille = 50;
    let before = crowd.sent();
    for second in 0..QUIET_S {
        if second % 20 == 5 {
            let stalled = DIRECTORIES + second as usize / 20;
            crowd.stall(stalled, 2_000);
        }
        crowd.run_for(1_000);
        let count = crowd.running().count();
        let missed = crowd
            .running()
            .map(|ix| count - 1 - crowd.alive_or_missed(ix));
        told.false_alarms += missed.sum::<usize>();
    }
    let count = crowd.running().count() as f64;
    told.lossy = (crowd.sent().bytes - before.bytes) as f64 / QUIET_S as f64 / count;
    crowd.loss_permille = 0;
}

/// When half, 99 % and all of the others hold a node for dead.
fn known_gone(crowd: &mut Crowd, whom: usize) -> [f64; 3] {
    let start = crowd.now();
    let others = crowd.running().count();
    let mut at = [None; 3];
    while at[2].is_none() {
        crowd.run_for(STEP_MS);
        let is_gone =
            |ix: &usize| !matches!(crowd.holds(*ix, whom), Some(l) if l != Liveness::Dead);
        let gone = crowd.running().filter(is_gone).count();
        let took = seconds(crowd.now() - start);
        for (at, share) in at.iter_mut().zip([0.5, 0.99, 1.0]) {
            if gone as f64 >= share * others as f64 {
                at.get_or_insert(took);
            }
        }
        if took >= 120.0 {
            let holds = |ix| format!("{ix} holds it for {:?}", crowd.holds(ix, whom));
            let strays = crowd.running().filter(|ix| !is_gone(ix)).map(holds);
            let strays: Vec<_> = strays.collect();
            panic!("{gone} of {others} know after {took} s: {strays:?}");
        }
    }
    at.map(|at| at.expect("it was waited for"))
}

#[track_caller]
pub fn until(crowd: &mut Crowd, within_ms: u64, is: impl Fn(&Crowd) -> bool) {
    let start = crowd.now();
    while !is(crowd) {
        assert!(crowd.now() - start < within_ms, "not within {within_ms} ms");
        crowd.run_for(STEP_MS);
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
