//! A mesh and the people who meet in it: the words in which scenarios are told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use fireside::proto::client::Client;
use fireside::proto::command::{Command, Who};
use fireside::proto::event::What;
use fireside::proto::id::{GroupName, Nick, NodeId, NodeName};
use fireside::proto::node::MeshNode;
use fireside::proto::ring::{Point, Ring};
use fireside::proto::ruling::Ruling;
use fireside::proto::wire::Roles;

use crate::checker::View;
use crate::judge::Fate;
use crate::judged;
use crate::link::NodeIx;
use crate::world::{Maker, World};

/// After the last deed, all is in order within this time: a link is given up after 8 s, a supernode that lost
/// host and memory waits 3 s, an absent member is dropped after 10 s, dials pause up to 10 s, twice over.
const SETTLED_WITHIN_MS: u64 = 90_000;
/// And stays so.
const QUIET_MS: u64 = 15_000;

pub struct Town {
    pub world: World,
    pub directories: Vec<NodeIx>,
    pub supernodes: Vec<NodeIx>,
    pub people: Vec<NodeIx>,
    /// Whether those who come tell supernodes where they are found.
    pub are_listed: bool,
    strangers: usize,
    /// Who means to be in which group.
    wants: BTreeMap<NodeIx, BTreeSet<GroupName>>,
    /// Who has asked to end, in the present run of the client: it takes nothing more.
    quitting: BTreeSet<NodeIx>,
    typed: u64,
}

impl Town {
    /// A mesh of this many directories and supernodes, running.
    pub fn new(seed: u64, directories: u8, supernodes: u8) -> Self {
        let mut town = Self {
            world: World::new(seed),
            directories: Vec::new(),
            supernodes: Vec::new(),
            people: Vec::new(),
            are_listed: true,
            strangers: 0,
            wants: BTreeMap::new(),
            quitting: BTreeSet::new(),
            typed: 0,
        };
        let bootstrap: Vec<_> = (1..=directories).map(|n| address(9, n)).collect();
        for n in 1..=directories {
            let roles = Roles {
                directory: true,
                supernode: false,
            };
            let name = format!("directory-{n}");
            let ix = town.mesh_node(&name, address(9, n), roles, bootstrap.clone());
            town.directories.push(ix);
        }
        for n in 1..=supernodes {
            let roles = Roles {
                directory: false,
                supernode: true,
            };
            let name = format!("super-{n}");
            let ix = town.mesh_node(&name, address(7, n), roles, bootstrap.clone());
            town.supernodes.push(ix);
        }
        town
    }

    /// A node of a mesh, which does not run yet.
    pub fn mesh_node(
        &mut self,
        name: &str,
        address: SocketAddr,
        roles: Roles,
        bootstrap: Vec<SocketAddr>,
    ) -> NodeIx {
        let node_name = NodeName::parse(name).unwrap();
        let maker = Box::new(move |seal, saved, seed| {
            Box::new(MeshNode::new(seal, node_name.clone(), roles, saved, seed)) as Box<_>
        });
        self.world.add(name, address, true, bootstrap, maker)
    }

    /// Starts every node of the mesh that is not running.
    pub fn start_mesh(&mut self) {
        for ix in [self.directories.clone(), self.supernodes.clone()].concat() {
            self.start(ix);
        }
    }

    /// Somebody with a client, which is not running yet.
    pub fn person(&mut self, nick: &str) -> NodeIx {
        let nick_of = Nick::parse(nick).unwrap();
        let is_listed = self.are_listed;
        let maker = Box::new(move |seal, saved: fireside::proto::saved::Saved, seed| {
            let nick = saved.nick.clone().unwrap_or_else(|| nick_of.clone());
            let client = Client::new(seal, nick, saved, seed);
            Box::new(if is_listed { client } else { client.unlisted() }) as Box<_>
        });
        let ix = self.stranger(nick, maker);
        self.people.push(ix);
        ix
    }

    /// Somebody who is in the town and not of it: nobody judges what becomes of them.
    pub fn stranger(&mut self, name: &str, maker: Maker) -> NodeIx {
        let number = self.strangers;
        self.strangers += 1;
        let address = SocketAddr::from(([10, 1, (number / 250) as u8, (number % 250) as u8], 4000));
        let bootstrap = (1..=self.directories.len() as u8).map(|n| self::address(9, n));
        self.world
            .add(name, address, false, bootstrap.collect(), maker)
    }

    /// People who are in `group` already, who came in the order given.
    pub fn circle<const N: usize>(&mut self, group: &str, nicks: [&str; N]) -> [NodeIx; N] {
        self.start_mesh();
        self.run(3_000);
        nicks.map(|nick| {
            let who = self.person(nick);
            self.start(who);
            self.join(who, group);
            self.run(3_000);
            who
        })
    }

    // -- deeds -------------------------------------------------------------------------------------------

    pub fn start(&mut self, ix: NodeIx) {
        if self.world.is_running(ix) {
            return;
        }
        self.world.start(ix);
        self.quitting.remove(&ix);
        let joined = self.world.node(ix).disk.joined();
        let groups = joined.filter(|group| group.person().is_none());
        let groups: BTreeSet<_> = groups.cloned().collect();
        self.wants.insert(ix, groups);
    }

    pub fn crash(&mut self, ix: NodeIx) {
        if self.world.is_running(ix) {
            self.world.crash(ix);
            self.wants.remove(&ix);
        }
    }

    pub fn join(&mut self, who: NodeIx, group: &str) {
        if !self.is_up(who) {
            return;
        }
        let group = self.called(who, group);
        self.wants.entry(who).or_default().insert(group.clone());
        self.ask(who, Command::Join { group });
    }

    pub fn part(&mut self, who: NodeIx, group: &str) {
        let group = self.called(who, group);
        if self.gives_up(who, &group) {
            let why = String::new();
            self.ask(who, Command::Part { group, why });
        }
    }

    /// Somebody means to be in a group no longer, or is not wanted there.
    pub fn gives_up(&mut self, who: NodeIx, group: &GroupName) -> bool {
        let id = self.world.node(who).id;
        let checker = &self.world.checker;
        let wants = self.wants.entry(who).or_default();
        let before = wants.len();
        wants.retain(|wanted| checker.name_of(id, wanted) != *group);
        wants.len() < before
    }

    /// Decides something.
    pub fn rule(&mut self, who: NodeIx, group: &str, ruling: Ruling<Who>) {
        let group = self.called(who, group);
        self.ask(who, Command::Rule { group, ruling });
    }

    /// What somebody calls a group, which may have lost its name.
    pub fn called(&self, who: NodeIx, group: &str) -> GroupName {
        let id = self.world.node(who).id;
        self.world.checker.name_of(id, &name(group))
    }

    /// Says the next line, which nobody has said before.
    pub fn say(&mut self, who: NodeIx, group: &str) {
        let group = self.called(who, group);
        self.typed += 1;
        let text = format!("{} {}", self.world.node(who).name, self.typed);
        self.ask(who, Command::Say { group, text });
    }

    pub fn topic(&mut self, who: NodeIx, group: &str) {
        let group = self.called(who, group);
        self.typed += 1;
        let text = format!("topic {}", self.typed);
        self.ask(who, Command::Topic { group, text });
    }

    pub fn rename(&mut self, who: NodeIx, nick: &str) {
        let nick = Nick::parse(nick).unwrap();
        self.ask(who, Command::Nick { nick });
    }

    pub fn quit(&mut self, who: NodeIx) {
        self.wants.remove(&who);
        let why = String::new();
        self.ask(who, Command::Quit { why });
        self.quitting.insert(who);
    }

    /// Whether somebody's client runs, and has not been asked to end.
    pub fn is_up(&self, who: NodeIx) -> bool {
        self.world.is_running(who) && !self.quitting.contains(&who)
    }

    pub fn ask(&mut self, who: NodeIx, command: Command) {
        if self.is_up(who) {
            self.world.command(who, command);
        }
    }

    pub fn run(&mut self, ms: u64) {
        self.world.run_for(ms);
    }

    // -- what people see ---------------------------------------------------------------------------------

    pub fn view(&self, who: NodeIx, group: &str) -> View {
        let id = self.world.node(who).id;
        self.world
            .checker
            .view(id, &self.called(who, group))
            .cloned()
            .unwrap_or_default()
    }

    pub fn is_in(&self, who: NodeIx, group: &str) -> bool {
        self.view(who, group).is_in
    }

    /// The texts of a group's log as one member sees it.
    pub fn texts(&self, who: NodeIx, group: &str) -> Vec<String> {
        let view = self.view(who, group);
        let mut lines: Vec<_> = view.log.values().collect();
        lines.sort_by_key(|line| line.place);
        let texts = lines.into_iter().filter_map(|line| match &line.what {
            What::Text(text) => Some(text.clone()),
            What::Action(_)
            | What::Topic(_)
            | What::Join
            | What::Part(_)
            | What::Quit(_)
            | What::Nick(_)
            | What::Ruling { .. }
            | What::Vain(_)
            | What::Gone { .. } => None,
        });
        texts.collect()
    }

    /// Who hosts, as `who` sees it.
    pub fn host(&self, who: NodeIx, group: &str) -> NodeIx {
        let (host, _) = self.view(who, group).host.expect("it was told of a host");
        let (ix, _) = self
            .world
            .nodes()
            .find(|(_, node)| node.id == host)
            .expect("the host is one of us");
        ix
    }

    // -- judgement ---------------------------------------------------------------------------------------

    /// Those who mean to be in each group, and run.
    fn stayers(&self) -> BTreeMap<GroupName, Vec<NodeId>> {
        let mut stayers = BTreeMap::<GroupName, Vec<NodeId>>::new();
        for (ix, groups) in &self.wants {
            for group in groups.iter().filter(|_| self.world.is_running(*ix)) {
                let id = self.world.node(*ix).id;
                let group = self.world.checker.name_of(id, group);
                let members = stayers.entry(group).or_default();
                if !members.contains(&id) {
                    members.push(id);
                }
            }
        }
        stayers
    }

    fn unsettled(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (group, members) in self.stayers() {
            wrong.extend(self.world.checker.unsettled(&group, &members));
            for who in members {
                wrong.extend(self.unsafe_lines(&group, who));
                wrong.extend(self.forgotten(&group, who));
            }
        }
        wrong
    }

    /// The supernode that holds a group while all are there.
    pub fn keeper(&self, group: &str) -> NodeIx {
        *self
            .by_distance(group)
            .first()
            .expect("the town has a supernode")
    }

    /// The supernodes in the order in which they hold a group if those before are gone.
    pub fn by_distance(&self, group: &str) -> Vec<NodeIx> {
        let nodes = self.supernodes.iter().map(|ix| {
            let node = self.world.node(*ix);
            (node.id, node.address.ip())
        });
        let nearest = Ring::new(nodes).nearest(Point::of_group(&name(group)));
        let index = |id| {
            self.supernodes
                .iter()
                .find(|ix| self.world.node(**ix).id == id)
        };
        let nearest = nearest.iter().filter_map(|(id, _, _)| index(*id));
        nearest.copied().collect()
    }

    /// Lines that are confirmed and on nobody's disk. (If only those who are away have them, they come back
    /// with them.)
    fn unsafe_lines(&self, group: &GroupName, who: NodeId) -> Vec<String> {
        let checker = &self.world.checker;
        let missing = checker.safe_but_missing(group, who).into_iter();
        missing
            .filter(|id| self.world.copies(group, *id) == 0)
            .map(|id| format!("{} is confirmed and lost", checker.describe(group, id)))
            .collect()
    }

    /// Lines that somebody was told of and that are not on their disk, or the other way round.
    fn forgotten(&self, group: &GroupName, who: NodeId) -> Option<String> {
        let (_, node) = self.world.nodes().find(|(_, node)| node.id == who)?;
        let log = &self.world.checker.view(who, group)?.log;
        let told: BTreeSet<_> = log.values().map(|line| (line.place, line.id)).collect();
        let stored: BTreeSet<_> = node.disk.log(group).collect();
        let odd = told.symmetric_difference(&stored).next()?;
        Some(format!("{} was told other than stored: {odd:?}", node.name))
    }

    /// Lets the town come to rest and judges it; the time it took, or what is wrong.
    pub fn judge(&mut self) -> Result<u64, String> {
        let start = self.world.now();
        let mut wrong = self.unsettled();
        while !wrong.is_empty() && self.world.now() < start + SETTLED_WITHIN_MS {
            self.run(500);
            wrong = self.unsettled();
        }
        let took = self.world.now() - start;
        if wrong.is_empty() {
            self.run(QUIET_MS);
            wrong = self.unsettled();
            wrong.extend(self.verdict(start));
        }
        let mut all = self.world.checker.violations().to_vec();
        all.extend(wrong.into_iter().map(|what| format!("at the end, {what}")));
        if all.is_empty() {
            Ok(took)
        } else {
            let more = all.len().saturating_sub(12);
            all.truncate(12);
            let more = if more > 0 {
                format!("\n  and {more} more")
            } else {
                String::new()
            };
            Err(format!("  {}{more}", all.join("\n  ")))
        }
    }

    /// What the independent judge says, after the last deed at `healed_ms`.
    fn verdict(&self, healed_ms: u64) -> Vec<String> {
        let mut wrong = Vec::new();
        for (group, members) in self.stayers() {
            let fate = |who: NodeId| {
                let (_, node) = self.world.nodes().find(|(_, node)| node.id == who)?;
                let places = node.disk.places(&group);
                let log = places.map(|(place, entry, shown)| judged::kept(place, entry, shown));
                let fate = if members.contains(&who) {
                    Fate::There
                } else {
                    Fate::Away
                };
                Some((&*node.name, fate(log.collect())))
            };
            let fate = |who| fate(who).expect("who was told something is a node");
            // What was typed in the same moment may be refused.
            let bound = (healed_ms + 1, SETTLED_WITHIN_MS);
            wrong.extend(self.world.judged.verdict(&group, bound, fate));
        }
        wrong
    }

    /// As [`Town::judge`], for scenarios.
    pub fn settle(&mut self) -> u64 {
        match self.judge() {
            Ok(took) => took,
            Err(wrong) => panic!("seed {}:\n{wrong}", self.world.seed),
        }
    }
}

pub fn name(group: &str) -> GroupName {
    GroupName::parse(group).unwrap()
}

fn address(net: u8, n: u8) -> SocketAddr {
    SocketAddr::from(([10, net, 0, n], 7700))
}
