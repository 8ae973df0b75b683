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
        self.run_until(state, ms, |_, _| false)
    }

    /// Whether the group comes to order from here by itself.
    ///
    /// # Errors
    /// In words, what is not in order after a minute.
    pub fn settles(&mut self, state: State) -> Result<(), String> {
        let is_well = |model: &Self, state: &State| model.disorder(state).is_none();
        let end = self.run_until(state, SETTLED_WITHIN_MS, is_well)?;
        self.disorder(&end).map_or(Ok(()), Err)
    }

    fn run_until(
        &mut self,
        mut state: State,
        ms: u64,
        is_done: impl Fn(&Self, &State) -> bool,
    ) -> Result<State, String> {
        let mut passed = 0;
        // How far each node's clock, which goes from timer to timer, is behind.
        let mut behind = vec![0_u64; state.nodes.len()];
        loop {
            while let Some(choice) = self.under_way(&state).first() {
                state = self.after(&state, *choice)?;
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
            state = self.after(&state, Choice::Tick(node as u8))?;
        }
    }

    /// What is not as it should be at the end: whoever runs is in the group under one host, all have the same
    /// log with all their lines in it, and nothing waits.
    fn disorder(&self, state: &State) -> Option<String> {
        let group = &self.cast.group;
        let people: Vec<NodeIx> = self.cast.people().collect();
        let running = people
            .into_iter()
            .filter(|ix| self.means_to_be_in(state, *ix));
        let running: Vec<NodeIx> = running.collect();
        let name = |ix: NodeIx| self.cast.actors[ix].name;
        let first = *running.first()?;
        let seen = |ix: NodeIx| &self.local(state, ix).seen;
        let log = |ix: NodeIx| facts::vector(&self.local(state, ix).disk, group);
        for ix in &running {
            let local = self.local(state, *ix);
            if !local.seen.is_in {
                return Some(format!("{} is not in", name(*ix)));
            }
            if seen(*ix).host != seen(first).host {
                let hosts = self.cast.named(&(seen(first).host, seen(*ix).host));
                return Some(format!(
                    "{} and {} see different hosts: {hosts}",
                    name(first),
                    name(*ix)
                ));
            }
            let is_named = local.seen.host.map(|(host, _)| self.cast.by_id(&host)) == Some(*ix);
            if is_named != local.is_host() {
                return Some(format!(
                    "{} is the host and does not host, or the other way round",
                    name(*ix)
                ));
            }
            if log(*ix) != log(first) {
                let logs = self.cast.named(&(log(first), log(*ix)));
                return Some(format!(
                    "the logs of {} and {} differ: {logs}",
                    name(first),
                    name(*ix)
                ));
            }
            if local.has_waiting(group) {
                return Some(format!("{} has lines that wait", name(*ix)));
            }
            if let Some(line) = local.seen.sent.difference(&local.seen.confirmed).next() {
                return Some(format!("{}'s {line:?} is not confirmed", name(*ix)));
            }
        }
        let hosts = running
            .iter()
            .filter(|ix| self.local(state, **ix).is_host());
        let hosts = hosts.count();
        (hosts != 1).then(|| format!("{hosts} hosts"))
    }

    /// Whether somebody runs and means to be in the group.
    fn means_to_be_in(&self, state: &State, ix: NodeIx) -> bool {
        let local = self.local(state, ix);
        local.is_running() && local.seen.is_wanted
    }
}
