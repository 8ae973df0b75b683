//! What holds in a group by what its founder and operators decided, for whoever asks (`/bans`, `/feed`, `/mode`).

use std::collections::BTreeSet;

use super::id::{GroupName, Nick, NodeId};
use super::ruling::{Mode, Rank};
use super::time::Wall;

/// What of it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matter {
    /// Who was put out for good.
    Bans,
    /// Who may write, and who sets the topic.
    Modes,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub group: GroupName,
    pub matter: Matter,
    /// The rank of whoever asks.
    pub rank: Rank,
    pub founder: Option<Nick>,
    pub operators: Vec<Nick>,
    pub modes: BTreeSet<Mode>,
    pub bans: Vec<Ban>,
}

/// Somebody who was put out for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    pub id: NodeId,
    /// What he was called last.
    pub nick: Nick,
    /// Who decided it, and when, if that is still known.
    pub by: Option<(Nick, Wall)>,
}

impl Rules {
    /// It in words, a row each; `when` writes a moment. Nicks are those of strangers.
    #[must_use]
    pub fn words(&self, when: impl Fn(Wall) -> String) -> Vec<String> {
        match self.matter {
            Matter::Bans => self.bans(when),
            Matter::Modes => vec![self.writing(), self.topic()],
        }
    }

    fn may_rule(&self) -> bool {
        self.rank >= Rank::Operator
    }

    fn bans(&self, when: impl Fn(Wall) -> String) -> Vec<String> {
        let group = &self.group;
        if self.bans.is_empty() {
            return vec![format!("nobody is banned from {group}")];
        }
        let mut words = vec![format!("banned from {group}: {}", self.bans.len())];
        words.extend(self.bans.iter().map(|Ban { id, nick, by }| match by {
            Some((by, at)) => format!("{nick}, by {by}, {}, key {id}", when(*at)),
            None => format!("{nick}, key {id}"),
        }));
        words.push(match self.may_rule() {
            true => "/unban NICK or KEY lets somebody come in again".to_owned(),
            false => format!("{} may let them come in again", self.those()),
        });
        words
    }

    fn writing(&self) -> String {
        let (group, may_rule) = (&self.group, self.may_rule());
        match (self.modes.contains(&Mode::Moderated), may_rule) {
            (true, true) => format!(
                "{group} is a feed (+m): only {} may write; /feed off lets everybody",
                self.those()
            ),
            (true, false) => format!("{group} is a feed (+m): only {} may write", self.those()),
            (false, true) => format!(
                "everybody may write in {group}; /feed on makes it a feed, in which only {} may",
                self.those()
            ),
            (false, false) => format!("everybody may write in {group}"),
        }
    }

    fn topic(&self) -> String {
        match self.modes.contains(&Mode::TopicLock) {
            true => format!("only {} may set the topic (+t)", self.those()),
            false => "everybody may set the topic".to_owned(),
        }
    }

    /// The founder and the operators by name.
    fn those(&self) -> String {
        let founder = self.founder.as_ref();
        let founder = founder.map_or("the founder".to_owned(), |nick| format!("{nick} (founder)"));
        let mut names = vec![founder];
        names.extend(self.operators.iter().map(Nick::to_string));
        let last = names.pop().unwrap_or_default();
        match names.as_slice() {
            [] => last,
            names => format!("{} and {last}", names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nick(nick: &str) -> Nick {
        Nick::parse(nick).unwrap()
    }

    #[test]
    fn who_may_write_and_who_was_put_out_is_told_in_words() {
        let id = NodeId([7; 32]);
        let mut rules = Rules {
            group: GroupName::parse("#hearth").unwrap(),
            matter: Matter::Modes,
            rank: Rank::Founder,
            founder: Some(nick("anna")),
            operators: Vec::new(),
            modes: BTreeSet::new(),
            bans: Vec::new(),
        };
        let when = |_| "at noon".to_owned();
        assert_eq!(
            rules.words(when),
            [
                "everybody may write in #hearth; /feed on makes it a feed, in which only anna (founder) may",
                "everybody may set the topic"
            ]
        );
        rules.rank = Rank::Member;
        rules.operators = vec![nick("bob"), nick("cat")];
        rules.modes = BTreeSet::from([Mode::Moderated, Mode::TopicLock]);
        assert_eq!(
            rules.words(when),
            [
                "#hearth is a feed (+m): only anna (founder), bob and cat may write",
                "only anna (founder), bob and cat may set the topic (+t)"
            ]
        );
        rules.matter = Matter::Bans;
        assert_eq!(rules.words(when), ["nobody is banned from #hearth"]);
        rules.bans = vec![
            Ban {
                id,
                nick: nick("eve"),
                by: Some((nick("bob"), Wall(0))),
            },
            Ban {
                id,
                nick: nick("mallory"),
                by: None,
            },
        ];
        assert_eq!(
            rules.words(when),
            [
                "banned from #hearth: 2".to_owned(),
                format!("eve, by bob, at noon, key {id}"),
                format!("mallory, key {id}"),
                "anna (founder), bob and cat may let them come in again".to_owned(),
            ]
        );
        rules.rank = Rank::Operator;
        assert_eq!(
            rules.words(when).last().map(String::as_str),
            Some("/unban NICK or KEY lets somebody come in again")
        );
    }
}
