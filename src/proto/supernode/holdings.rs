//! The groups that a supernode holds, and which of them wait for something: of a hundred thousand few do, and every
//! input asks when the first of them has waited long enough.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::{BTreeSet, btree_map};
use std::ops::Deref;

use super::Held;
use super::wait::Wait;
use crate::proto::id::GroupName;

/// Groups by name.
///
/// *Invariant:* whatever waits is in `touched`; so may be others, until [`Self::settle`].
#[derive(Clone, Debug, Default)]
pub(super) struct Holdings {
    all: BTreeMap<GroupName, Held>,
    touched: BTreeSet<GroupName>,
}

/// To be looked at, as any map. What could begin to wait is reached by the names below.
impl Deref for Holdings {
    type Target = BTreeMap<GroupName, Held>;

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl Holdings {
    pub(super) fn get_mut(&mut self, group: &GroupName) -> Option<&mut Held> {
        let held = self.all.get_mut(group)?;
        if !self.touched.contains(group) {
            self.touched.insert(group.clone());
        }
        Some(held)
    }

    pub(super) fn entry(&mut self, group: GroupName) -> Entry<'_, GroupName, Held> {
        self.touched.insert(group.clone());
        self.all.entry(group)
    }

    pub(super) fn remove(&mut self, group: &GroupName) {
        self.all.remove(group);
        self.touched.remove(group);
    }

    /// As [`Self::get_mut`], for what neither begins a wait nor ends one.
    pub(super) fn tend(&mut self, group: &GroupName) -> Option<&mut Held> {
        self.all.get_mut(group)
    }

    /// Every group, for what neither begins a wait nor ends one.
    pub(super) fn tend_all(&mut self) -> btree_map::IterMut<'_, GroupName, Held> {
        self.all.iter_mut()
    }

    /// Those that wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (&GroupName, &Held)> {
        let touched = self.touched.iter();
        let known = touched.filter_map(|group| self.all.get_key_value(group));
        known.filter(|(_, held)| held.is_waiting())
    }

    /// Forgets which were touched and wait for nothing.
    pub(super) fn settle(&mut self) {
        let is_waiting = |group: &GroupName| self.all.get(group).is_some_and(Held::is_waiting);
        self.touched.retain(is_waiting);
        debug_assert_eq!(
            self.touched.len(),
            self.all.values().filter(|held| held.is_waiting()).count(),
            "a wait was begun behind our back"
        );
    }
}

impl FromIterator<(GroupName, Held)> for Holdings {
    fn from_iter<T: IntoIterator<Item = (GroupName, Held)>>(groups: T) -> Self {
        let all: BTreeMap<_, _> = groups.into_iter().collect();
        let touched = all.keys().cloned().collect();
        Self { all, touched }
    }
}

impl Held {
    fn is_waiting(&self) -> bool {
        self.wait != Wait::Nothing || self.birth.due().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::time::Mono;

    fn name(number: u32) -> GroupName {
        GroupName::parse(&format!("#g{number}")).unwrap()
    }

    #[test]
    fn of_many_groups_those_are_looked_at_that_wait() {
        let held = |number| (name(number), Held::default());
        let mut holdings: Holdings = (0..100).map(held).collect();
        holdings.settle();
        assert!(holdings.touched.is_empty());
        let wait = Wait::Host { since: Mono(5) };
        holdings.get_mut(&name(7)).unwrap().wait = wait.clone();
        holdings.entry(name(200)).or_default().wait = wait;
        holdings.get_mut(&name(9)).unwrap().is_vacant = true;
        let waiting: Vec<_> = holdings.waiting().map(|(group, _)| group.clone()).collect();
        assert_eq!(waiting, [name(200), name(7)]);
        holdings.settle();
        assert_eq!(holdings.touched.len(), 2);
        holdings.get_mut(&name(7)).unwrap().wait = Wait::Nothing;
        holdings.remove(&name(200));
        holdings.settle();
        assert!(holdings.touched.is_empty());
        assert_eq!(holdings.len(), 100);
    }
}
