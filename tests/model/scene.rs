//! Where an exploration begins: who is there, what has happened already, and what may still happen.

use fireside::proto::command::Command;

use crate::cast::{Cast, Fault, NodeIx};
use crate::explore::{Report, explore};
use crate::model::{Choice, Model};
use crate::state::{Left, State};

/// States that are explored if nothing else is asked for.
const STATES: usize = 8_000;
/// The longest trace that a reader follows.
const STEPS_SEEN_MAX: usize = 40;
/// What a person or a node needs to come to rest after a deed.
const REST_MS: u64 = 8_000;

pub struct Scene {
    model: Model,
    state: State,
}

impl Scene {
    /// This many supernodes and people, all running, linked and at rest; nobody is in the group.
    pub fn new(supernodes: usize, people: usize) -> Self {
        let mut model = Model::new(Cast::new(supernodes, people));
        let asleep = model.asleep();
        let nothing = Left {
            timers: 0,
            crashes: 0,
            restarts: 0,
            cuts: 0,
        };
        let count = supernodes + people;
        let mut scene = Self {
            state: State::new(vec![asleep; count], nothing),
            model,
        };
        for node in 0..count {
            scene.state.left.restarts = 1;
            scene.choose(Choice::Restart(node as u8));
            scene.rest();
        }
        scene
    }

    /// A scene in which everybody has come into the group, the first of them first.
    pub fn circle(supernodes: usize, people: usize) -> Self {
        let mut scene = Self::new(supernodes, people);
        for who in 0..people {
            scene.comes(who);
        }
        scene
    }

    /// Somebody comes into the group before the exploration begins.
    pub fn comes(&mut self, who: usize) {
        self.joins(who);
        self.choose(Choice::Command(self.person(who) as u8));
        self.rest();
    }

    /// Somebody will ask to come into the group, at any time.
    pub fn joins(&mut self, who: usize) {
        let group = self.model.cast.group.clone();
        self.asks(who, Command::Join { group });
    }

    /// Somebody will say something, at any time.
    pub fn says(&mut self, who: usize, text: &str) {
        let (group, text) = (self.model.cast.group.clone(), text.to_owned());
        self.asks(who, Command::Say { group, text });
    }

    pub fn parts(&mut self, who: usize) {
        let group = self.model.cast.group.clone();
        let why = String::new();
        self.asks(who, Command::Part { group, why });
    }

    fn asks(&mut self, who: usize, command: Command) {
        let node = self.person(who);
        self.model.cast.commands.push((node, command));
    }

    /// So many timers of supernodes may go off, over all.
    pub fn supernodes_wait(&mut self, timers: u8) {
        self.model.timed = self.model.cast.supernodes().collect();
        self.state.left.timers = timers;
    }

    /// So many timers of anybody may go off, over all.
    pub fn all_wait(&mut self, timers: u8) {
        self.model.timed = (0..self.model.cast.actors.len()).collect();
        self.state.left.timers = timers;
    }

    /// These people may crash, so many times over all, and whoever has crashed start again, so many times.
    pub fn crashes(&mut self, who: &[usize], crashes: u8, restarts: u8) {
        self.model.mortal = who.iter().map(|who| self.person(*who)).collect();
        self.state.left.crashes = crashes;
        self.state.left.restarts = restarts;
    }

    /// The supernode that is responsible for the group may crash, and does not come back.
    pub fn loses_the_responsible(&mut self) {
        self.model.mortal = vec![self.model.cast.responsible()];
        self.state.left.crashes = 1;
    }

    /// So may the one supernode, and it does come back.
    pub fn restarts_the_supernode(&mut self) {
        self.loses_the_responsible();
        self.state.left.restarts = 1;
    }

    /// The link between two people may be cut, once.
    pub fn parts_people(&mut self, one: usize, other: usize) {
        self.model.frail = vec![[self.person(one), self.person(other)]];
        self.state.left.cuts = 1;
    }

    /// The link of somebody to the responsible supernode may be cut, once.
    pub fn parts_from_supernode(&mut self, who: usize) {
        self.model.frail = vec![[self.model.cast.responsible(), self.person(who)]];
        self.state.left.cuts = 1;
    }

    /// Explores all that can come of it, and says what came of that.
    pub fn explore(mut self, title: &str) -> Report {
        let asked = std::env::var("FIRESIDE_STATES").ok();
        let asked = asked.map(|states| states.parse().expect("FIRESIDE_STATES is a number"));
        let report = explore(&mut self.model, &self.state, asked.unwrap_or(STATES));
        println!("{title}: {report}");
        report
    }

    /// As [`Scene::explore`], for rules that hold.
    pub fn holds(self, title: &str) -> Report {
        let report = self.explore(title);
        if let Some(broken) = &report.broken {
            panic!("{title}:\n{broken}");
        }
        report
    }

    /// From here on somebody's world is broken.
    pub fn breaks(&mut self, who: usize, fault: Fault) {
        self.model.break_by(self.person(who), fault);
    }

    /// From here on the responsible supernode's world is broken.
    pub fn breaks_the_supernode(&mut self, fault: Fault) {
        self.model.break_by(self.model.cast.responsible(), fault);
    }

    /// As [`Scene::explore`], for a world so broken that a rule is, too: this is said of it.
    pub fn bites(self, expected: &str) {
        let (_, fault) = self.model.cast.fault.expect("something is broken");
        let title = format!("{fault:?}");
        let report = self.explore(&title);
        let broken = report.broken.expect("a rule is broken");
        println!("{broken}");
        let (what, steps) = (&broken.what, broken.steps);
        assert!(what.contains(expected), "{title}: {what}");
        assert!(
            steps <= STEPS_SEEN_MAX,
            "{title}: {steps} steps are no short trace"
        );
    }

    fn person(&self, who: usize) -> NodeIx {
        self.model.cast.people().nth(who).unwrap()
    }

    fn choose(&mut self, choice: Choice) {
        self.state = self.model.after(&self.state, choice).unwrap();
    }

    fn rest(&mut self) {
        self.state = self.model.run(self.state.clone(), REST_MS).unwrap();
    }
}
