//! Who is in a group, in join order, under which nick, and what its topic is: derived from the charter and the log
//! alone.
//!
//! Each fact is a last-writer-wins register ([`Latest`]) over the log's order, so that applying the same entries in any
//! order gives the same roster, which is what a merge after a partition needs. Join order *is* succession
//! order; it is kept nowhere else.

use std::collections::BTreeMap;

use super::latest::Latest;
use super::rights::Rights;
use crate::proto::id::{EntryId, Nick, NodeId, Place};
use crate::proto::wire::{Body, Entry};

/// The members of a group and its topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    marks: BTreeMap<NodeId, Mark>,
    /// Members by the place of the join that is in force.
    order: BTreeMap<Place, NodeId>,
    rights: Rights,
}

/// What the log says of one key.
#[derive(Clone, Debug, Default)]
struct Mark {
    join: Latest<()>,
    leave: Latest<Leave>,
    /// The nick, and what it folds to.
    nick: Latest<(Nick, String)>,
    /// The topic it set last.
    topic: Latest<String>,
}

/// How somebody left last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Leave {
    /// By its own word.
    Own,
    /// The host missed it for longer than the grace.
    Gone,
}

impl Mark {
    /// The place of the join that is in force.
    fn position(&self, id: &NodeId, rights: &Rights) -> Option<Place> {
        let join = self.join.place()?;
        let leave = self.leave.place().max(rights.put_out(id));
        let is_in = leave.is_none_or(|leave| leave < join) && !rights.is_banned(id, Some(join));
        is_in.then_some(join)
    }
}

impl Roster {
    /// Takes the founder from a charter, on whom all rights rest. Says whether anything changed.
    pub(crate) fn found(&mut self, founder: Option<NodeId>) -> bool {
        let is_news = self.rights.founded(founder);
        if is_news {
            self.count_again();
        }
        is_news
    }

    pub(crate) fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Takes an entry at its place; entries that shape nothing change nothing. Says whether anything changed.
    pub(crate) fn apply(&mut self, place: Place, entry: &Entry) -> bool {
        match &entry.body {
            Body::Join { nick } => {
                let named = self.name(entry.id(), place, nick);
                self.change(entry.author, |mark| mark.join.put(place, entry.id(), ())) || named
            }
            Body::Nick { nick } => self.name(entry.id(), place, nick),
            Body::Part { .. } | Body::Quit { .. } => {
                self.leave(entry.author, place, entry.id(), Leave::Own)
            }
            // Only the line's own host speaks for the group.
            Body::Gone { member } if entry.author == place.epoch.host => {
                self.leave(*member, place, entry.id(), Leave::Gone)
            }
            Body::Topic { text } => {
                let mark = self.marks.entry(entry.author).or_default();
                let before = mark.topic.place();
                mark.topic.put(place, entry.id(), text.clone());
                mark.topic.place() != before
            }
            Body::Ruling(ruling) => {
                let is_news = self.rights.add(place, entry.id(), ruling);
                if is_news {
                    self.count_again();
                }
                is_news
            }
            Body::Gone { .. } | Body::Text { .. } | Body::Action { .. } | Body::Void => false,
        }
    }

    /// The members in join order.
    pub(crate) fn members(&self) -> impl Iterator<Item = NodeId> {
        self.order.values().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn contains(&self, id: &NodeId) -> bool {
        self.position(id).is_some()
    }

    /// The place of the join that is in force.
    pub(crate) fn position(&self, id: &NodeId) -> Option<Place> {
        let mark = self.marks.get(id)?;
        mark.position(id, &self.rights)
    }

    /// Where a member was put out, if that is why it is not in.
    pub(crate) fn put_out(&self, id: &NodeId) -> Option<Place> {
        let place = self.rights.put_out(id)?;
        let mark = self.marks.get(id)?;
        let is_last = mark.join.place().max(mark.leave.place()) < Some(place);
        (is_last && mark.join.place().is_some()).then_some(place)
    }

    /// Whether it was a member until a host missed it, and has not said that it left.
    pub(crate) fn was_missed(&self, id: &NodeId) -> bool {
        self.marks.get(id).is_some_and(|mark| {
            !self.contains(id)
                && mark.leave.value() == Some(&Leave::Gone)
                && mark.leave.place() > self.rights.put_out(id)
        })
    }

    /// The nick of a key, whether it is in the group or was; its short form if it never named itself.
    pub(crate) fn nick(&self, id: &NodeId) -> Nick {
        let named = self.marks.get(id).and_then(|mark| mark.nick.value());
        named.map_or_else(
            || Nick::parse(&id.short()).expect("base32 makes a nick"),
            |(nick, _)| nick.clone(),
        )
    }

    /// What a key called itself last, as far as the log tells.
    pub(crate) fn last_nick(&self, id: &NodeId) -> Option<&Nick> {
        let named = self.marks.get(id)?.nick.value();
        named.map(|(nick, _)| nick)
    }

    /// The member, other than `id`, whose nick is `nick` or looks like it.
    pub(crate) fn holder(&self, nick: &Nick, id: &NodeId) -> Option<NodeId> {
        let wanted = nick.folded();
        self.members().filter(|member| member != id).find(|member| {
            let named = self.marks.get(member).and_then(|mark| mark.nick.value());
            named.is_some_and(|(_, folded)| *folded == wanted)
        })
    }

    /// Who goes by a nick, or else who did last.
    pub(crate) fn find(&self, nick: &Nick) -> Option<NodeId> {
        let wanted = nick.folded();
        let named = self.marks.iter().filter(|(_, mark)| {
            let named = mark.nick.value();
            named.is_some_and(|(_, folded)| *folded == wanted)
        });
        let found = named.max_by_key(|(id, mark)| (self.contains(id), mark.nick.place()));
        found.map(|(id, _)| *id)
    }

    /// Of the topics that each member set last, the latest whose author had the right.
    pub(crate) fn topic(&self) -> &str {
        let topics = self.marks.iter().filter_map(|(id, mark)| {
            let place = mark.topic.place()?;
            self.rights
                .may_set_topic(id, Some(place))
                .then_some((place, mark))
        });
        let latest = topics.max_by_key(|(place, _)| *place);
        latest.map_or("", |(_, mark)| {
            mark.topic.value().map_or("", String::as_str)
        })
    }

    fn name(&mut self, id: EntryId, place: Place, nick: &Nick) -> bool {
        let mark = self.marks.entry(id.author).or_default();
        let before = mark.nick.place();
        mark.nick.put(place, id, (nick.clone(), nick.folded()));
        mark.nick.place() != before
    }

    fn leave(&mut self, who: NodeId, place: Place, id: EntryId, leave: Leave) -> bool {
        self.change(who, |mark| mark.leave.put(place, id, leave))
    }

    fn change(&mut self, id: NodeId, with: impl FnOnce(&mut Mark)) -> bool {
        let mark = self.marks.entry(id).or_default();
        let before = mark.position(&id, &self.rights);
        with(mark);
        let after = mark.position(&id, &self.rights);
        if before == after {
            return false;
        }
        if let Some(place) = before {
            self.order.remove(&place);
        }
        if let Some(place) = after {
            self.order.insert(place, id);
        }
        true
    }

    /// A ruling may put in or out whoever it likes, and make others' rulings count or not.
    fn count_again(&mut self) {
        let marks = self.marks.iter();
        let positions =
            marks.filter_map(|(id, mark)| Some((mark.position(id, &self.rights)?, *id)));
        self.order = positions.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::id::{Epoch, Number, Seq};
    use crate::proto::seal::Signature;
    use crate::proto::time::{Hlc, Wall};

    fn id(byte: u8) -> NodeId {
        NodeId([byte; 32])
    }

    fn at(time: u64) -> Place {
        Place {
            hlc: Hlc(time),
            epoch: Epoch {
                number: 1,
                host: id(1),
            },
            seq: Seq(time),
        }
    }

    fn by(author: NodeId, body: Body) -> Entry {
        Entry {
            author,
            number: Number(1),
            time: Wall(0),
            body,
            signature: Signature([0; 64]),
        }
    }

    fn join(nick: &str) -> Body {
        Body::Join {
            nick: Nick::parse(nick).unwrap(),
        }
    }

    #[test]
    fn any_order_of_the_same_entries_gives_the_same_roster() {
        let entries = [
            (at(1), by(id(1), join("ann"))),
            (at(2), by(id(2), join("bob"))),
            (at(3), by(id(3), join("cat"))),
            (at(4), by(id(2), Body::Part { why: String::new() })),
            (
                at(5),
                by(
                    id(1),
                    Body::Topic {
                        text: "tea".to_owned(),
                    },
                ),
            ),
            (at(6), by(id(2), join("bobby"))),
            (
                at(7),
                by(
                    id(3),
                    Body::Topic {
                        text: "coffee".to_owned(),
                    },
                ),
            ),
            (at(8), by(id(1), Body::Gone { member: id(3) })),
        ];
        let told = |order: &[usize]| {
            let mut roster = Roster::default();
            for &index in order {
                let (place, mut entry) = entries[index].clone();
                entry.number = Number(place.seq.0);
                roster.apply(place, &entry);
            }
            let nicks = roster
                .members()
                .map(|id| roster.nick(&id))
                .collect::<Vec<_>>();
            (
                nicks.iter().map(ToString::to_string).collect::<Vec<_>>(),
                roster.topic().to_owned(),
            )
        };
        let expected = (
            vec!["ann".to_owned(), "bobby".to_owned()],
            "coffee".to_owned(),
        );
        assert_eq!(told(&[0, 1, 2, 3, 4, 5, 6, 7]), expected);
        assert_eq!(told(&[7, 6, 5, 4, 3, 2, 1, 0]), expected);
        assert_eq!(told(&[5, 3, 1, 7, 2, 6, 0, 4]), expected);
    }

    #[test]
    fn only_the_host_of_a_line_may_say_in_it_that_somebody_is_gone() {
        let mut roster = Roster::default();
        roster.apply(at(1), &by(id(2), join("bob")));
        roster.apply(at(2), &by(id(3), Body::Gone { member: id(2) }));
        assert!(roster.contains(&id(2)));
        roster.apply(at(3), &by(id(1), Body::Gone { member: id(2) }));
        assert!(!roster.contains(&id(2)));
        assert!(roster.was_missed(&id(2)));
    }

    #[test]
    fn a_nick_that_looks_like_a_members_is_held() {
        let mut roster = Roster::default();
        roster.apply(at(1), &by(id(2), join("anna")));
        let twin = Nick::parse("Ann\u{430}").unwrap();
        assert_eq!(roster.holder(&twin, &id(3)), Some(id(2)));
        assert_eq!(roster.holder(&twin, &id(2)), None);
    }
}
