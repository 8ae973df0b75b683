//! Breadth first through every state there is, up to caps on states, memory and depth, with a trace to the
//! first state that breaks a rule.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::model::{Choice, Model};
use crate::normal::Print;
use crate::state::State;

/// Bytes that all explorations of the process may hold together; whoever finds more held stops.
const BYTES_MAX: usize = 3_000_000_000;
/// Bytes of address space the process may take, should the count be wrong.
const BYTES_HARD_MAX: u64 = 6_000_000_000;
/// Characters of a line of trace: the beginning says it.
const LINE_MAX: usize = 200;
/// States after which the bytes are counted again.
const COUNT_EVERY: u32 = 256;

/// Bytes held by all explorations that are under way.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// What came of an exploration.
#[derive(Debug)]
pub struct Report {
    /// Steps taken, to known states and to new ones.
    pub steps: usize,
    /// Different states.
    pub unique: usize,
    /// The depth to which every state was seen.
    pub depth: u32,
    /// What stopped it, if it was not that there is nothing more.
    pub capped: Option<&'static str>,
    /// States with nothing under way, from each of which the group was seen to come to order.
    pub quiet: usize,
    /// States of single nodes.
    pub locals: usize,
    pub took: Duration,
    pub bytes_peak: usize,
    pub broken: Option<Broken>,
}

/// A broken rule, and how it came to that.
#[derive(Debug)]
pub struct Broken {
    pub what: String,
    pub steps: usize,
    /// Each step in words, and what people are told in it.
    pub trace: Vec<(String, Vec<String>)>,
}

/// A state, by when it was found: how it was come to.
#[derive(Clone, Copy, Debug)]
struct Way {
    from: u32,
    by: Choice,
}

struct Search<'a> {
    model: &'a mut Model,
    start: &'a State,
    ways: Vec<Way>,
    known: HashSet<Print>,
    /// States to go on from, encoded, with the index of their way.
    frontier: VecDeque<(u32, Box<[u8]>)>,
    frontier_bytes: usize,
    /// What of [`HELD`] is ours.
    held: usize,
    report: Report,
}

/// Explores everything that can come of a state.
pub fn explore(model: &mut Model, start: &State, states_max: usize) -> Report {
    limit_memory();
    let began = Instant::now();
    let mut search = Search {
        model,
        start,
        ways: Vec::new(),
        known: HashSet::new(),
        frontier: VecDeque::new(),
        frontier_bytes: 0,
        held: 0,
        report: Report {
            steps: 0,
            unique: 0,
            depth: 0,
            capped: None,
            quiet: 0,
            locals: 0,
            took: Duration::ZERO,
            bytes_peak: 0,
            broken: None,
        },
    };
    search.run(states_max);
    search.count();
    HELD.fetch_sub(search.held, Ordering::Relaxed);
    let mut report = search.report;
    report.locals = search.model.locals();
    report.took = began.elapsed();
    report
}

impl Search<'_> {
    fn run(&mut self, states_max: usize) {
        let root = Way {
            from: 0,
            by: Choice::Disk(0),
        };
        self.add(self.start.encode(), root);
        // The index of the first state of the next level.
        let mut level_end = 1;
        while let Some((index, bytes)) = self.frontier.pop_front() {
            if index as usize == level_end {
                self.report.depth += 1;
                level_end = self.ways.len();
            }
            self.frontier_bytes -= bytes.len();
            let state = State::decode(&bytes, self.start.nodes.len());
            let mut way = Vec::new();
            if let Err(what) = self.expand(index, &state, &mut way) {
                let trace = self.trace(index, way);
                let what = self.model.cast.with_names(what);
                let steps = trace.len();
                self.report.broken = Some(Broken { what, steps, trace });
                return;
            }
            if self.ways.len() >= states_max {
                self.report.capped = Some("states");
                return;
            }
            if index % COUNT_EVERY == 0 && self.count() >= BYTES_MAX {
                self.report.capped = Some("memory");
                return;
            }
        }
    }

    /// Counts the bytes we hold; those of all explorations.
    fn count(&mut self) -> usize {
        let bytes = self.bytes();
        let before = std::mem::replace(&mut self.held, bytes);
        self.report.bytes_peak = self.report.bytes_peak.max(self.held);
        HELD.fetch_add(self.held, Ordering::Relaxed);
        HELD.fetch_sub(before, Ordering::Relaxed) - before
    }

    /// Goes on from a state in every way; `broken` is the one that breaks a rule.
    fn expand(
        &mut self,
        index: u32,
        state: &State,
        broken: &mut Vec<Choice>,
    ) -> Result<(), String> {
        if self.model.under_way(state).is_empty() {
            self.report.quiet += 1;
            self.model.settles(state.clone(), broken)?;
            broken.clear();
        }
        for by in self.model.choices(state) {
            self.report.steps += 1;
            *broken = vec![by];
            let next = self.model.after(state, by)?;
            self.add(next.encode(), Way { from: index, by });
        }
        Ok(())
    }

    fn add(&mut self, bytes: Vec<u8>, way: Way) {
        if self.known.insert(Print::of(&bytes)) {
            let index = u32::try_from(self.ways.len()).expect("caps are lower");
            self.ways.push(way);
            self.frontier_bytes += bytes.len();
            self.frontier.push_back((index, bytes.into()));
            self.report.unique += 1;
        }
    }

    /// Bytes held, about. A hash table is a byte and an entry for each place in it, and what grows is there half
    /// as much again for a moment.
    fn bytes(&self) -> usize {
        let known = self.known.capacity() * (size_of::<Print>() + 1) * 8 / 7;
        let ways = self.ways.capacity() * size_of::<Way>();
        // An allocation of its own each, with its header.
        let frontier = self.frontier.capacity() * 24 + self.frontier.len() * 16;
        (known + ways) * 3 / 2 + frontier + self.frontier_bytes + self.model.bytes()
    }

    /// How it came to a state and went on, in words.
    fn trace(&mut self, index: u32, on: Vec<Choice>) -> Vec<(String, Vec<String>)> {
        let mut choices = on;
        choices.reverse();
        let mut at = index;
        while at != 0 {
            let Way { from, by } = self.ways[at as usize];
            choices.push(by);
            at = from;
        }
        let mut trace = Vec::new();
        let mut state = self.start.clone();
        for choice in choices.into_iter().rev() {
            let step = self.model.tell(&state, choice);
            let mut told = Vec::new();
            let mut tell = |event: &str| told.push(event.to_owned());
            let next = self.model.go(&state, choice, &mut tell);
            trace.push((step, told));
            match next {
                Ok(next) => state = next,
                Err(_) => break,
            }
        }
        trace
    }
}

#[cfg(target_os = "linux")]
fn limit_memory() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = Rlimit {
        current: Some(BYTES_HARD_MAX),
        maximum: getrlimit(Resource::As).maximum,
    };
    setrlimit(Resource::As, limit).expect("a limit may be lowered");
}

#[cfg(not(target_os = "linux"))]
fn limit_memory() {}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            steps,
            unique,
            depth,
            quiet,
            locals,
            ..
        } = self;
        let whole = match (self.capped, &self.broken) {
            (_, Some(_)) => "a rule is broken".to_owned(),
            (None, None) => "complete".to_owned(),
            (Some(cap), None) => format!("capped by {cap}"),
        };
        let (took, megabytes) = (self.took.as_secs_f64(), self.bytes_peak / 1_000_000);
        write!(
            f,
            "{steps} steps, {unique} states, depth {depth}, {whole}; {quiet} at rest, {locals} of nodes; \
             {took:.1} s, {megabytes} MB"
        )
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (step, told)) in (1..).zip(&self.trace) {
            writeln!(f, "{number:>4}  {}", clipped(step))?;
            for event in told {
                writeln!(f, "{:>15} {}", "told", clipped(event))?;
            }
        }
        write!(f, "{:>4}  {}", "!", self.what)
    }
}

fn clipped(line: &str) -> &str {
    let cut = line.char_indices().nth(LINE_MAX);
    cut.map_or(line, |(at, _)| &line[..at])
}
