//! What is known of a person: who he is, and where and how he is reached.

use std::time::Duration;

use super::event::Path;
use super::id::{GroupName, Nick, NodeId};
use super::wire::Whether;

/// The answer to `/whois`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whois {
    pub id: NodeId,
    /// What he is called, as far as we have met.
    pub nick: Option<Nick>,
    /// Whether that is we.
    pub is_us: bool,
    /// Why he is away from the screen, if he says so.
    pub away: Option<String>,
    /// Whether our person has compared his key.
    pub is_verified: bool,
    /// The groups that we share, and whether he is there now.
    pub groups: Vec<(GroupName, bool)>,
    /// What the supernodes closest to his key say; none if none of them answered.
    pub standing: Option<Whether>,
    /// Those of them that have a link to him, by name.
    pub over: Vec<String>,
    /// How our packets reach him, if we have a link.
    pub path: Option<Reached>,
}

/// How packets reach somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    pub path: Path,
    /// The supernode they go over.
    pub via: Option<String>,
    pub rtt_ms: Option<u64>,
}

impl Whois {
    /// It in words, a row each. Nicks and names are those of strangers.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let who = self.nick.as_ref().map_or("somebody", Nick::as_str);
        let mut words = vec![format!("{who} is {}", self.id)];
        if self.is_verified {
            words.push("verified: you have compared your numbers".to_owned());
        }
        if self.is_us {
            words.push("that is you: whoever has this key can /query you".to_owned());
        } else if !self.groups.is_empty() {
            let groups = self.groups.iter().map(|(group, is_here)| match is_here {
                true => group.to_string(),
                false => format!("{group} (gone)"),
            });
            let groups: Vec<_> = groups.collect();
            words.push(format!("you share {}", groups.join(", ")));
        }
        if let Some(why) = &self.away {
            words.push(match why.as_str() {
                "" => "away from the screen".to_owned(),
                why => format!("away: {why}"),
            });
        }
        words.push(self.on_line());
        if let Some(Reached { path, via, rtt_ms }) = &self.path {
            let way = match (path, via) {
                (Path::Direct, _) => "directly".to_owned(),
                (Path::Relayed, Some(via)) => format!("through the supernode {via}, sealed"),
                (Path::Relayed, None) => "through a supernode, sealed".to_owned(),
                (Path::Lost, _) => "not at the moment".to_owned(),
            };
            let rtt = rtt_ms.map_or(String::new(), |rtt| format!(", in {rtt} ms and back"));
            words.push(format!("reached {way}{rtt}"));
        }
        words
    }

    fn on_line(&self) -> String {
        match self.standing {
            Some(Whether::Here { for_ms }) => {
                let over = self.over.join(" and ");
                format!("on line, linked to {over} for {}", span(for_ms))
            }
            Some(Whether::Gone { for_ms }) => {
                format!("not on line; last seen {} ago", span(for_ms))
            }
            Some(Whether::Unknown) => {
                "not on line, and not seen by those who would know".to_owned()
            }
            None => "those who would know whether this person is on line do not answer".to_owned(),
        }
    }
}

/// A time in words, in the largest unit it fills.
fn span(ms: u64) -> String {
    let seconds = Duration::from_millis(ms).as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400.. => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_told_in_words() {
        let id = NodeId([7; 32]);
        let mut whois = Whois {
            id,
            nick: Nick::parse("bob").ok(),
            is_us: false,
            away: None,
            is_verified: false,
            groups: vec![(GroupName::parse("#hearth").unwrap(), true)],
            standing: Some(Whether::Here { for_ms: 125_000 }),
            over: vec!["nest".to_owned()],
            path: Some(Reached {
                path: Path::Relayed,
                via: Some("nest".to_owned()),
                rtt_ms: Some(3),
            }),
        };
        assert_eq!(
            whois.words(),
            [
                format!("bob is {id}"),
                "you share #hearth".to_owned(),
                "on line, linked to nest for 2 minutes".to_owned(),
                "reached through the supernode nest, sealed, in 3 ms and back".to_owned(),
            ]
        );
        whois.nick = None;
        whois.groups.clear();
        whois.path = None;
        for (standing, said) in [
            (
                Some(Whether::Gone { for_ms: 1_000 }),
                "not on line; last seen 1 second ago",
            ),
            (
                Some(Whether::Unknown),
                "not on line, and not seen by those who would know",
            ),
            (
                None,
                "those who would know whether this person is on line do not answer",
            ),
        ] {
            whois.standing = standing;
            assert_eq!(
                whois.words(),
                [format!("somebody is {id}"), said.to_owned()]
            );
        }
    }
}
