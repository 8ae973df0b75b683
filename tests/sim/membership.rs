//! The mesh by itself: nodes that die, come back, move, are introduced and buried, and what each of them believes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};

use fireside::proto::event::Event;
use fireside::proto::id::{NodeId, NodeName};
use fireside::proto::limits::WIRE_VERSION;
use fireside::proto::mutant::{self, Mutant};
use fireside::proto::node::MeshNode;
use fireside::proto::role::{DialId, Input, Output, Role, Target};
use fireside::proto::seal::Seal;
use fireside::proto::time::{Mono, Now};
use fireside::proto::wire::{Burial, Liveness, Message, Outcome, Roles};

use crate::link::NodeIx;
use crate::town::Town;
use crate::twisted::twisted;
use crate::world::World;

/// What a node believes: of each other one the clock it knows, and how it is.
type View = BTreeMap<NodeId, (u64, Liveness)>;

/// Directories and supernodes, without anybody to serve.
struct Mesh {
    world: World,
    /// May introduce and bury; the directories know it.
    operator: NodeIx,
    said: Arc<Mutex<Said>>,
    nodes: Vec<NodeIx>,
    views: BTreeMap<NodeIx, Arc<Mutex<View>>>,
}

/// What an operator says next, and what came of it.
#[derive(Default)]
struct Said {
    to: Option<SocketAddr>,
    messages: Vec<Message>,
    outcomes: Vec<Outcome>,
    seal: Option<Arc<dyn Seal>>,
}

const DIRECTORY: Roles = Roles {
    directory: true,
    supernode: false,
};
const SUPERNODE: Roles = Roles {
    directory: false,
    supernode: true,
};

impl Mesh {
    /// Several meshes, each of so many directories and supernodes, which do not run yet. Each starts from its own
    /// directories.
    fn several(seed: u64, sizes: &[(u8, u8)]) -> Self {
        let mut world = World::new(seed);
        let said = Arc::<Mutex<Said>>::default();
        let shared = Arc::clone(&said);
        let nowhere = SocketAddr::from(([20, 250, 0, 1], 4000));
        let maker = Box::new(move |seal: Arc<dyn Seal>, _, _| {
            shared.lock().unwrap().seal = Some(seal);
            Box::new(Operator {
                said: Arc::clone(&shared),
                outputs: Vec::new(),
            }) as Box<_>
        });
        let operator = world.add("operator", nowhere, false, Vec::new(), maker);
        let mut mesh = Self {
            world,
            operator,
            said,
            nodes: Vec::new(),
            views: BTreeMap::new(),
        };
        for (number, (directories, supernodes)) in (0..).zip(sizes) {
            let bootstrap: Vec<_> = (1..=*directories).map(|n| place(number, 0, n)).collect();
            for n in 1..=*directories {
                let name = format!("directory-{number}-{n}");
                mesh.add(&name, place(number, 0, n), DIRECTORY, &bootstrap);
            }
            for n in 1..=*supernodes {
                let name = format!("super-{number}-{n}");
                mesh.add(&name, place(number, 1, n), SUPERNODE, &bootstrap);
            }
        }
        mesh
    }

    /// One mesh, which has come together.
    fn of(seed: u64, directories: u8, supernodes: u8) -> Self {
        let mut mesh = Self::several(seed, &[(directories, supernodes)]);
        mesh.start_all();
        mesh.comes_together(30_000);
        mesh.world.run_for(5_000);
        mesh
    }

    fn add(&mut self, name: &str, address: SocketAddr, roles: Roles, bootstrap: &[SocketAddr]) {
        let (name_of, view) = (
            NodeName::parse(name).unwrap(),
            Arc::<Mutex<View>>::default(),
        );
        let operators = match roles.directory {
            true => BTreeSet::from([self.world.node(self.operator).id]),
            false => BTreeSet::new(),
        };
        let shown = Arc::clone(&view);
        let maker = Box::new(move |seal, saved, seed| {
            let node = MeshNode::new(seal, name_of.clone(), roles, saved, seed);
            Box::new(Shown {
                node: node.obeying(operators.clone()),
                view: Arc::clone(&shown),
                version: 0,
            }) as Box<_>
        });
        let ix = self
            .world
            .add(name, address, true, bootstrap.to_vec(), maker);
        self.nodes.push(ix);
        self.views.insert(ix, view);
        self.world.ears.insert(ix);
    }

    fn start_all(&mut self) {
        for ix in self.nodes.clone() {
            if !self.world.is_running(ix) {
                self.world.start(ix);
            }
        }
    }

    fn id(&self, ix: NodeIx) -> NodeId {
        self.world.node(ix).id
    }

    fn running(&self) -> Vec<NodeIx> {
        let nodes = self.nodes.iter().copied();
        nodes.filter(|ix| self.world.is_running(*ix)).collect()
    }

    fn view(&self, ix: NodeIx) -> View {
        self.views[&ix].lock().unwrap().clone()
    }

    fn is_up(&self, to: NodeIx, whom: NodeIx) -> bool {
        let view = self.views[&to].lock().unwrap();
        view.get(&self.id(whom)).is_some_and(|(_, l)| l.is_up())
    }

    /// Whether all that run hold exactly each other for up.
    fn is_together(&self) -> bool {
        let up: BTreeSet<_> = self.running().iter().map(|ix| self.id(*ix)).collect();
        let sees = |ix: &NodeIx| {
            let view = self.views[ix].lock().unwrap();
            let seen = view.iter().filter(|(_, (_, l))| l.is_up());
            seen.map(|(id, _)| *id).eq(up.iter().copied())
        };
        self.running().iter().all(sees)
    }

    /// Waits until `is`; how long it took.
    #[track_caller]
    fn until(&mut self, what: &str, within_ms: u64, is: impl Fn(&Self) -> bool) -> u64 {
        let start = self.world.now();
        while !is(self) {
            let took = self.world.now() - start;
            assert!(
                took < within_ms,
                "seed {}: after {took} ms not {what}",
                self.world.seed
            );
            self.world.run_for(50);
        }
        self.world.now() - start
    }

    #[track_caller]
    fn comes_together(&mut self, within_ms: u64) -> u64 {
        self.until("together", within_ms, Self::is_together)
    }

    /// How long it takes until each of the others holds `whom` for gone, in order.
    #[track_caller]
    fn missed_by_all(&mut self, whom: NodeIx, within_ms: u64) -> Vec<u64> {
        let start = self.world.now();
        let mut waiting: BTreeSet<_> = self.running().into_iter().collect();
        let mut took = Vec::new();
        while !waiting.is_empty() {
            let after = self.world.now() - start;
            let seed = self.world.seed;
            assert!(after < within_ms, "seed {seed}: {} have not", waiting.len());
            let gone: Vec<_> = waiting
                .iter()
                .copied()
                .filter(|ix| !self.is_dead_to(*ix, whom))
                .collect();
            took.extend(std::iter::repeat_n(after, waiting.len() - gone.len()));
            waiting = gone.into_iter().collect();
            self.world.run_for(50);
        }
        took
    }

    /// Whether one holds another for dead, and not only misses its own link to it.
    fn is_dead_to(&self, to: NodeIx, whom: NodeIx) -> bool {
        let view = self.views[&to].lock().unwrap();
        view.get(&self.id(whom))
            .is_none_or(|(_, l)| *l == Liveness::Dead)
    }

    /// Has the operator say something to a node; what comes of it.
    fn operate(&mut self, at: NodeIx, message: Message) -> Option<Outcome> {
        let to = self.world.node(at).address;
        {
            let mut said = self.said.lock().unwrap();
            said.to = Some(to);
            said.messages = vec![message];
            said.outcomes.clear();
        }
        if self.world.is_running(self.operator) {
            self.world.crash(self.operator);
        }
        self.world.start(self.operator);
        for _ in 0..200 {
            if let Some(outcome) = self.said.lock().unwrap().outcomes.first() {
                return Some(*outcome);
            }
            self.world.run_for(50);
        }
        None
    }

    /// Lets a node that nobody wants, or that wants somebody who is none, knock for a while: at each door again and
    /// again, and a few times a minute.
    fn knocks_seldom(&mut self, who: NodeIx, ms: u64) {
        let before = self.world.node(who).dials;
        self.world.run_for(ms);
        let knocked = self.world.node(who).dials - before;
        let doors = u32::try_from(self.nodes.len()).unwrap();
        println!("knocked {knocked} times at {doors} doors in {ms} ms");
        assert!(knocked > 0, "it has given up");
        assert!(knocked <= 20 * doors, "it knocked {knocked} times");
    }

    /// An operator's order to bury a node.
    fn burial(&mut self, whom: NodeIx) -> Message {
        if self.said.lock().unwrap().seal.is_none() {
            self.world.start(self.operator);
            self.world.crash(self.operator);
        }
        let name = NodeName::parse(&self.world.node(whom).name).unwrap();
        let said = self.said.lock().unwrap();
        let seal = said.seal.as_ref().expect("the operator has been there");
        let burials = vec![Burial::signed(&**seal, self.id(whom), name)];
        Message::Buried { burials }
    }
}

/// An address that the whole net reaches, each in a network of its own.
fn place(mesh: u8, kind: u8, n: u8) -> SocketAddr {
    SocketAddr::from(([20 + mesh, n, kind, 1], 7700))
}

/// A node whose table can be seen.
struct Shown {
    node: MeshNode,
    view: Arc<Mutex<View>>,
    version: u64,
}

impl Role for Shown {
    fn handle(&mut self, now: Now, input: Input) {
        self.node.handle(now, input);
        let table = self.node.table();
        if table.version() != self.version {
            self.version = table.version();
            let listed = table.listed();
            let view = listed.map(|l| (l.record.key, (l.record.clock, l.liveness)));
            *self.view.lock().unwrap() = view.collect();
        }
    }

    fn poll(&mut self) -> Option<Output> {
        self.node.poll()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        self.node.poll_timeout()
    }
}

/// Dials a node, says what is to be said, and hears what came of it.
struct Operator {
    said: Arc<Mutex<Said>>,
    outputs: Vec<Output>,
}

impl Role for Operator {
    fn handle(&mut self, _: Now, input: Input) {
        let mut said = self.said.lock().unwrap();
        match (input, said.to) {
            (Input::Start, Some(address)) => {
                let (dial, id) = (DialId(1), None);
                let to = Target::Node { address, id };
                self.outputs.push(Output::Dial { dial, to });
            }
            (Input::Linked { link, .. }, _) => {
                let (version, record) = (WIRE_VERSION, None);
                let open = Message::Open { version, record };
                for message in std::iter::once(open).chain(said.messages.drain(..)) {
                    let to = vec![link];
                    self.outputs.insert(0, Output::Send { to, message });
                }
            }
            (
                Input::Received {
                    message: Message::Outcome(outcome),
                    ..
                },
                _,
            ) => said.outcomes.push(outcome),
            _ => {}
        }
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        None
    }
}

// -- stories ---------------------------------------------------------------------------------------------

const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

/// The supernode of this number, of a mesh of three directories.
const fn supernode(n: usize) -> usize {
    3 + n
}

#[test]
fn twenty_supernodes_come_together_and_a_dead_one_is_known_to_all_in_seven_seconds() {
    let (mut together, mut missed, mut back) = (Vec::new(), Vec::new(), Vec::new());
    for seed in SEEDS {
        let mut mesh = Mesh::several(seed, &[(3, 20)]);
        mesh.start_all();
        together.push(mesh.comes_together(30_000));
        mesh.world.run_for(10_000);
        let victim = mesh.nodes[supernode(4)];
        mesh.world.crash(victim);
        missed.extend(mesh.missed_by_all(victim, 7_000));
        mesh.world.run_for(20_000);
        mesh.world.start(victim);
        back.push(mesh.comes_together(10_000));
    }
    missed.sort_unstable();
    let (half, last) = (missed[missed.len() / 2], missed[missed.len() - 1]);
    println!(
        "3 + 20 nodes: together after {together:?} ms; a death known to half after {half} ms, to all after {last} ms; \
         who comes back is known to all after {back:?} ms"
    );
}

#[test]
fn a_quiet_mesh_says_little_and_nobody_is_called_dead_for_loss_or_a_stall() {
    let mut mesh = Mesh::of(4, 3, 20);
    let before = mesh.world.happened;
    mesh.world.run_for(60_000);
    let after = mesh.world.happened;
    let per_node = |of: u64| of as f64 / 60.0 / mesh.nodes.len() as f64;
    let bytes = per_node(after.bytes - before.bytes);
    let frames = per_node(after.frames - before.frames);
    println!(
        "3 + 20 nodes: {bytes:.0} bytes and {frames:.1} messages a node and second when quiet"
    );
    assert!(bytes < 1_000.0, "{bytes} bytes a node and second");

    mesh.world.weather.loss_permille = 50;
    for round in 0..30 {
        if round % 10 == 5 {
            let stalled = mesh.nodes[supernode(round / 10)];
            mesh.world.freeze(stalled);
            mesh.world.run_for(2_000);
            mesh.world.thaw(stalled);
        }
        for _ in 0..20 {
            mesh.world.run_for(100);
            for (one, two) in mesh.nodes.iter().zip(mesh.nodes.iter().skip(1)) {
                assert!(!mesh.is_dead_to(*one, *two), "a false alarm");
            }
        }
    }
    mesh.comes_together(10_000);
}

#[test]
fn a_parted_mesh_comes_together_again() {
    let mut took = Vec::new();
    for seed in SEEDS {
        took.push(parts_and_heals(seed, 20));
    }
    println!("3 + 20 nodes, parted for a minute: together again after {took:?} ms");
}

fn parts_and_heals(seed: u64, supernodes: u8) -> u64 {
    let mut mesh = Mesh::of(seed, 3, supernodes);
    let sides = mesh.nodes.iter().enumerate();
    let sides = sides.map(|(n, ix)| (*ix, u8::from(n % 2 == 0))).collect();
    mesh.world.partition(sides);
    mesh.world.run_for(60_000);
    assert!(!mesh.is_up(mesh.nodes[0], mesh.nodes[1]));
    assert!(mesh.is_up(mesh.nodes[0], mesh.nodes[2]));
    mesh.world.heal();
    mesh.comes_together(60_000)
}

#[test]
fn any_node_may_lose_its_disk_and_goes_on_above_its_last_clock() {
    for seed in SEEDS {
        let mut mesh = Mesh::of(seed, 3, 5);
        for victim in [mesh.nodes[1], mesh.nodes[supernode(2)]] {
            let id = mesh.id(victim);
            let clock = mesh.view(mesh.nodes[0])[&id].0;
            mesh.world.crash(victim);
            mesh.world.wipe(victim);
            mesh.world.run_for(10_000);
            mesh.world.start(victim);
            mesh.comes_together(20_000);
            assert!(mesh.view(mesh.nodes[0])[&id].0 > clock);
        }
    }
}

#[test]
fn a_node_that_moves_is_found_where_it_is() {
    let mut mesh = Mesh::of(6, 3, 5);
    let mover = mesh.nodes[supernode(1)];
    mesh.world.move_to(mover, place(9, 9, 9));
    mesh.world.run_for(2_000);
    mesh.comes_together(30_000);
    for ix in mesh.running() {
        if ix != mover {
            assert!(mesh.world.is_linked(ix, mover));
        }
    }
}

#[test]
fn one_leaves_in_order_and_the_others_know_at_once() {
    let mut mesh = Mesh::of(7, 3, 20);
    let leaver = mesh.nodes[supernode(3)];
    let why = String::new();
    let quit = fireside::proto::command::Command::Quit { why };
    mesh.world.command(leaver, quit);
    mesh.world.run_for(10);
    let took = mesh.until("gone for all", 5_000, |mesh| {
        mesh.running().iter().all(|ix| !mesh.is_up(*ix, leaver))
    });
    println!("3 + 20 nodes: who leaves is gone for all after {took} ms");
}

#[test]
fn two_meshes_that_are_introduced_become_one() {
    let mut mesh = Mesh::several(8, &[(2, 6), (1, 8)]);
    mesh.start_all();
    mesh.world.run_for(10_000);
    assert!(!mesh.is_up(mesh.nodes[0], mesh.nodes[8]));
    let address = mesh.world.node(mesh.nodes[12]).address;
    let introduce = Message::Introduce { address };
    let stranger = mesh.nodes[4];
    assert_eq!(
        mesh.operate(stranger, introduce.clone()),
        Some(Outcome::NotAllowed)
    );
    assert_eq!(mesh.operate(mesh.nodes[0], introduce), Some(Outcome::Done));
    let took = mesh.comes_together(20_000);
    println!("8 + 9 nodes, introduced: one mesh after {took} ms");

    let nobody = Message::Introduce {
        address: place(9, 9, 9),
    };
    let outcome = mesh.operate(mesh.nodes[0], nobody);
    assert_eq!(outcome, Some(Outcome::NoAnswer));
    let address = mesh.world.node(mesh.nodes[0]).address;
    let itself = Message::Introduce { address };
    assert_eq!(mesh.operate(mesh.nodes[0], itself), Some(Outcome::Done));
}

#[test]
fn who_is_buried_stays_so_and_says_so() {
    let mut mesh = Mesh::of(9, 3, 10);
    let buried = mesh.nodes[supernode(2)];
    let away = mesh.nodes[supernode(5)];
    mesh.world.crash(away);
    mesh.world.run_for(10_000);
    let burial = mesh.burial(buried);
    assert_eq!(mesh.operate(mesh.nodes[0], burial), Some(Outcome::Done));
    let id = mesh.id(buried);
    let others: Vec<_> = mesh
        .nodes
        .iter()
        .copied()
        .filter(|ix| *ix != buried)
        .collect();
    let took = mesh.until("buried for all", 60_000, |mesh| {
        let mut others = mesh.running().into_iter().filter(|ix| *ix != buried);
        others.all(|ix| !mesh.view(ix).contains_key(&id))
    });
    println!("3 + 10 nodes: who is buried is so for all after {took} ms");
    // It signs higher clocks, and one who was away remembers it.
    mesh.world.start(away);
    mesh.world.crash(buried);
    mesh.world.run_for(1_000);
    mesh.world.start(buried);
    mesh.world.heard.clear();
    mesh.knocks_seldom(buried, 60_000);
    for ix in &others {
        assert!(!mesh.view(*ix).contains_key(&id), "it is back");
    }
    // Once each, whoever has told it.
    let count = |word: &str| {
        let heard = mesh.world.heard.iter().filter(|(ix, event)| {
            let is_word = |what: &str| what.contains(word);
            *ix == buried && matches!(event, Event::Error { what, .. } if is_word(what))
        });
        heard.count()
    };
    assert_eq!(count("is out of service"), 1, "it says so");
    assert_eq!(count("the mesh does not list"), 1);
}

#[test]
fn nobody_is_buried_by_strangers() {
    strangers_bury(10);
}

fn strangers_bury(seed: u64) {
    let mut mesh = Mesh::of(seed, 1, 3);
    let victim = mesh.nodes[2];
    let burial = mesh.burial(victim);
    // A supernode knows no operator, and takes no stranger's word for it.
    let outcome = mesh.operate(mesh.nodes[3], burial);
    assert_eq!(outcome, Some(Outcome::NotAllowed));
    mesh.world.run_for(20_000);
    assert!(mesh.is_together());
}

#[test]
fn who_is_not_where_its_record_says_is_not_listed() {
    claims_a_place(11);
}

fn claims_a_place(seed: u64) {
    let mut mesh = Mesh::several(seed, &[(1, 3)]);
    let liar = mesh.nodes[2];
    // Nobody is at the address it tells first, by which the ring would place it.
    mesh.world.add_inward(liar, place(9, 9, 9));
    mesh.start_all();
    mesh.world.run_for(30_000);
    for ix in mesh.running() {
        assert!(ix == liar || !mesh.is_up(ix, liar), "it is listed");
    }
    let says = mesh.world.heard.iter().any(|(ix, event)| {
        let is_word = matches!(event, Event::Error { why, .. } if why.contains("answers"));
        *ix == liar && is_word
    });
    assert!(says, "it is not told why");
}

#[test]
fn of_two_nodes_with_one_name_the_first_has_it() {
    takes_a_name(12);
}

fn takes_a_name(seed: u64) {
    let mut mesh = Mesh::several(seed, &[(1, 2)]);
    let directory = [mesh.world.node(mesh.nodes[0]).address];
    mesh.add("super-0-1", place(3, 3, 3), SUPERNODE, &directory);
    let (first, second) = (mesh.nodes[1], mesh.nodes[3]);
    mesh.world.start(mesh.nodes[0]);
    mesh.world.start(first);
    mesh.world.run_for(5_000);
    mesh.world.start(second);
    mesh.knocks_seldom(second, 60_000);
    assert!(mesh.is_up(mesh.nodes[0], first));
    assert!(!mesh.view(mesh.nodes[0]).contains_key(&mesh.id(second)));
    // The name is free once its owner is out of service, and the other one is still at the door.
    let burial = mesh.burial(first);
    assert_eq!(mesh.operate(mesh.nodes[0], burial), Some(Outcome::Done));
    mesh.until("the other one is listed", 60_000, |mesh| {
        mesh.is_up(mesh.nodes[0], second)
    });
}

#[test]
fn who_starts_from_a_node_that_is_buried_leaves_it_alone() {
    let mut mesh = Mesh::several(18, &[(1, 2)]);
    let buried = mesh.nodes[1];
    let directory = mesh.world.node(mesh.nodes[0]).address;
    let bootstrap = [directory, mesh.world.node(buried).address];
    mesh.add("super-0-3", place(3, 3, 3), SUPERNODE, &bootstrap);
    mesh.start_all();
    mesh.comes_together(30_000);
    let burial = mesh.burial(buried);
    assert_eq!(mesh.operate(mesh.nodes[0], burial), Some(Outcome::Done));
    mesh.knocks_seldom(mesh.nodes[3], 60_000);
}

#[test]
fn a_client_gets_in_by_its_cached_table_when_every_directory_is_dead() {
    let mut town = Town::new(13, 3, 20);
    let [anna, bob] = town.circle("#hearth", ["anna", "bob"]);
    town.say(anna, "#hearth");
    town.quit(bob);
    town.run(5_000);
    for directory in town.directories.clone() {
        town.crash(directory);
    }
    town.run(60_000);
    town.start(bob);
    town.run(10_000);
    assert!(town.is_in(bob, "#hearth"));
    assert_eq!(town.host(bob, "#hearth"), anna);
    town.settle();
}

#[test]
fn every_node_dies_and_comes_back_in_turn() {
    let mut mesh = Mesh::of(14, 3, 20);
    for victim in mesh.nodes.clone() {
        mesh.world.crash(victim);
        mesh.world.run_for(1_500);
        mesh.world.start(victim);
        mesh.world.run_for(500);
    }
    let took = mesh.comes_together(30_000);
    println!("3 + 20 nodes, each restarted in turn: together after {took} ms");
}

#[test]
fn a_directory_that_tells_the_mesh_of_nodes_that_are_not_there_puts_nobody_in_or_out() {
    tells_of_nobody(15);
}

fn tells_of_nobody(seed: u64) {
    const JUNK: u32 = 20;
    /// Until then a dial to somebody who is not there may be waited for.
    const FOUND_OUT_S: u32 = 15;
    let mut mesh = Mesh::several(seed, &[(3, 4)]);
    mesh.world.has_liar = true;
    let liar = mesh.nodes[0];
    let lie = twisted(&mut mesh.world, liar);
    mesh.start_all();
    mesh.comes_together(30_000);
    let (mut said, mut clock) = (0, 0);
    // Of everything it says, every tenth word is followed by a tale, in which all clocks have gone on.
    *lie.borrow_mut() = Some(Box::new(move |_, _, message| {
        said += 1;
        if said % 10 != 0 {
            return vec![message];
        }
        clock += 1;
        let junk = (0..JUNK).map(|n| crate::directories::junk(n, clock, &format!("junk-{n}")));
        let (listed, more) = (junk.collect(), false);
        vec![message, Message::Table { listed, more }]
    }));
    let honest: Vec<_> = mesh.nodes[1..].to_vec();
    let ids: BTreeSet<_> = mesh.nodes.iter().map(|ix| mesh.id(*ix)).collect();
    let mut most = 0;
    for second in 0..40 {
        mesh.world.run_for(1_000);
        for one in &honest {
            assert!(
                honest.iter().all(|two| mesh.is_up(*one, *two)),
                "one is out"
            );
            let view = mesh.view(*one);
            let junk = view.iter().filter(|(id, _)| !ids.contains(*id));
            if second > FOUND_OUT_S {
                most = most.max(junk.clone().filter(|(_, (_, l))| l.is_up()).count());
            }
            assert!(junk.count() <= JUNK as usize);
        }
    }
    assert_eq!(most, 0, "some of {JUNK} that are not there are held for up");
}

#[test]
fn each_rule_of_the_mesh_is_missed_when_it_is_broken() {
    let rules: [(Mutant, fn(u64)); 5] = [
        (Mutant::NotDialledBack, claims_a_place),
        (Mutant::RebuffsForgotten, takes_a_name),
        (Mutant::AnybodyBuries, strangers_bury),
        (Mutant::UnheardBelieved, tells_of_nobody),
        (Mutant::NotRenewed, |seed| {
            parts_and_heals(seed, 3);
        }),
    ];
    for (rule, story) in rules {
        story(1);
        let is_missed = mutant::with(rule, || catch_unwind(|| story(1))).is_err();
        assert!(is_missed, "nothing shows {rule:?}");
    }
}
