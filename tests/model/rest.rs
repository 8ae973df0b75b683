//! What comes of a state when nothing more goes wrong: everything under way arrives, and timers go off in the
//! order of a common clock.

use crate::cast::NodeIx;
use crate::facts;
use crate::model::{Choice, Model};
use crate::state::State;

/// Within this time, with no more faults, a group is in order: dials pause up to 10 s, twice over, and an absent
/// member is dropped after 10 s.
const SETTLED_WITHIN_MS: u64 = 60_000;

impl Model {
    /// Lets everything that is under way arrive, then time pass, for `ms`.
    pub fn run(&mut self, state: State, ms: u64) -> Result<State, String> {
        self.run_until(state, ms, &mut Vec::new(), |_, _| false)
    }

    /// Whether the group comes to order from here by itself.
    ///
    /// # Errors
    /// In words, what is not in order after a minute, or which rule is broken on the way; `way` is that way.
    pub fn settles(&mut self, state: State, way: &mut Vec<Choice>) -> Result<(), String> {
        let is_well = |model: &Self, state: &State| model.disorder(state).is_none();
        let end = self.run_until(state, SETTLED_WITHIN_MS, way, is_well)?;
        way.clear();
        let disorder = self.disorder(&end);
        disorder.map_or(Ok(()), |what| Err(format!("after a minute, {what}")))
    }

    fn run_until(
        &mut self,
        mut state: State,
        ms: u64,
        way: &mut Vec<Choice>,
        is_done: impl Fn(&Self, &State) -> bool,
    ) -> Result<State, String> {
        let mut passed = 0;
        // How far each node's clock, which goes from timer to timer, is behind.
        let mut behind = vec![0_u64; state.nodes.len()];
        loop {
            while let Some(choice) = self.under_way(&state).first().copied() {
                way.push(choice);
                state = self.after(&state, choice)?;
            }
            if is_done(self, &state) {
                return Ok(state);
            }
            let waits = (0..state.nodes.len()).filter_map(|node| {
                let wait = self.local(&state, node).wait()?;
                Some((wait.saturating_sub(behind[node]), wait, node))
            });
            let Some((left, wait, node)) = waits.min() else {
                return Ok(state);
            };
            passed += left;
            if passed > ms {
                return Ok(state);
            }
            for behind in &mut behind {
                *behind += left;
            }
            behind[node] = behind[node].saturating_sub(wait);
            let tick = Choice::Tick(node as u8);
            way.push(tick);
            state = self.after(&state, tick)?;
        }
    }

    /// What is not as it should be at the end: whoever means to be in the group is in it under one host, all
    /// have the same log with all their lines in it, and nothing waits. Without a supernode nothing can be
    /// expected.
    fn disorder(&self, state: &State) -> Option<String> {
        let runs = |ix: &NodeIx| self.local(state, *ix).is_running();
        if !self.cast.supernodes().any(|ix| runs(&ix)) {
            return None;
        }
        let is_wanted = |ix: &NodeIx| self.local(state, *ix).seen.is_wanted;
        let running: Vec<_> = self.cast.people().filter(runs).filter(is_wanted).collect();
        let first = *running.first()?;
        for ix in &running {
            let wrong = self.disorder_of(state, *ix);
            let wrong = wrong.or_else(|| self.discord(state, first, *ix));
            if wrong.is_some() {
                return wrong;
            }
        }
        // All name one host, and whoever is named hosts: it must run, too.
        let is_host = |ix: &&NodeIx| self.local(state, **ix).is_host();
        let hosts = running.iter().filter(is_host).count();
        (hosts != 1).then(|| format!("{hosts} hosts"))
    }

    /// What is wrong with one member by itself.
    fn disorder_of(&self, state: &State, ix: NodeIx) -> Option<String> {
        let (name, local) = (self.cast.actors[ix].name, self.local(state, ix));
        let seen = &local.seen;
        let is_named = seen.host.map(|(host, _)| self.cast.by_id(&host)) == Some(ix);
        if !seen.is_in {
            Some(format!("{name} is not in"))
        } else if is_named != local.is_host() {
            Some(format!(
                "{name} hosts and is not the host, or the other way round"
            ))
        } else if local.has_waiting(&self.cast.group) {
            Some(format!("{name} has lines that wait"))
        } else {
            let unconfirmed = seen.sent.difference(&seen.confirmed).next();
            unconfirmed.map(|line| format!("{name}'s {line:?} is not confirmed"))
        }
    }

    /// What two members do not agree about.
    fn discord(&self, state: &State, one: NodeIx, other: NodeIx) -> Option<String> {
        let names = [one, other].map(|ix| self.cast.actors[ix].name);
        let [a, b] = [one, other].map(|ix| self.local(state, ix));
        let [log_a, log_b] = [a, b].map(|local| facts::vector(&local.disk, &self.cast.group));
        if a.seen.host != b.seen.host {
            let hosts = (a.seen.host, b.seen.host);
            Some(format!("{names:?} see different hosts: {hosts:?}"))
        } else if log_a != log_b {
            Some(format!(
                "{names:?} have different logs: {log_a:?}, {log_b:?}"
            ))
        } else {
            None
        }
    }
}
