//! What is known of the way to a peer, and how a person is told.

use std::net::SocketAddr;

use super::door::{Door, Family};
use super::{Tried, Way};
use crate::proto::command::Asking;
use crate::proto::id::NodeId;

/// The answer to a person's question about a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub peer: NodeId,
    pub asking: Asking,
    pub way: Way,
    /// The supernode whose tunnel there is.
    pub via: Option<NodeId>,
    /// How long answers took: straight, and through the supernode. Where none was asked for, what was known.
    pub direct_ms: Option<u64>,
    pub relay_ms: Option<u64>,
    pub tried: Vec<(SocketAddr, Tried)>,
    /// Whether the peer has said where it is, whether it keeps that to itself, and whether we do.
    pub is_offered: bool,
    pub is_hidden: bool,
    pub are_we_hidden: bool,
    /// Whether it is somebody who is not told where we are, since we have neither met nor answered.
    pub is_stranger: bool,
    /// Whether the peer's router is what lets us in where it is reached.
    pub is_let_in: bool,
    /// Where supernodes see us, each once.
    pub seen: Vec<SocketAddr>,
    /// What our own router does for us.
    pub doors: Vec<(Family, Door)>,
}

impl Report {
    /// In words, a line each; `nick` and `via` are what the peer and the supernode are called.
    #[must_use]
    pub fn words(&self, nick: &str, via: Option<&str>) -> Vec<String> {
        match self.asking {
            Asking::Ping => vec![self.answers(nick, via)],
            Asking::Path => {
                let mut lines = self.drawn(nick, via);
                lines.push(self.now(nick, via));
                lines.extend(self.reason(nick));
                lines.extend(self.attempts());
                lines.extend(self.ourselves());
                let is_wanted = self.way == Way::Relay && !self.are_we_hidden;
                let doors = self.doors.iter();
                lines.extend(doors.filter_map(|(family, door)| door.words(*family, is_wanted)));
                lines
            }
        }
    }

    fn answers(&self, nick: &str, via: Option<&str>) -> String {
        if self.is_stranger {
            return format!("{nick} is a stranger, who is not asked before you have answered");
        }
        let took = |ms: Option<u64>| ms.map_or("no answer".to_owned(), |ms| format!("{ms} ms"));
        let direct = match (self.way.address(), self.direct_ms) {
            (None, None) => None,
            (Some(address), ms) => Some(format!("{} directly at {address}", took(ms))),
            (None, Some(ms)) => Some(format!("{ms} ms directly")),
        };
        let relayed = via.map(|via| format!("{} via {via}", took(self.relay_ms)));
        let answers: Vec<_> = direct.into_iter().chain(relayed).collect();
        if answers.is_empty() {
            return format!("{nick}: there is no way at the moment");
        }
        format!("{nick}: {}", answers.join(", "))
    }

    /// The ways there are, in characters that every terminal has: what carries packets is a line, what is in doubt or
    /// at hand is dotted.
    fn drawn(&self, nick: &str, via: Option<&str>) -> Vec<String> {
        let took = |ms: Option<u64>| ms.map_or("?".to_owned(), |ms| format!("{ms} ms"));
        let direct = took(self.direct_ms);
        let direct = match self.way {
            Way::Direct(_) => Some(format!("you ----- {direct} ----- {nick}")),
            Way::Both(_) => Some(format!("you ..... {direct} ..... {nick}, in doubt")),
            Way::Relay => None,
        };
        let relayed = via.map(|via| {
            let relay = took(self.relay_ms);
            match self.way {
                Way::Direct(_) => format!("you ..... {via} ..... {nick}, {relay}, at hand"),
                Way::Both(_) | Way::Relay => format!("you ----- {via} ----- {nick}, {relay}"),
            }
        });
        direct.into_iter().chain(relayed).collect()
    }

    fn now(&self, nick: &str, via: Option<&str>) -> String {
        let direct = |address: SocketAddr| {
            let let_in = if self.is_let_in {
                format!(", where {nick}'s router lets others in")
            } else {
                String::new()
            };
            match self.direct_ms {
                Some(ms) => format!("directly at {address}{let_in}, {ms} ms"),
                None => format!("directly at {address}{let_in}"),
            }
        };
        match (self.way, via) {
            (Way::Direct(address), _) => format!("{nick} is reached {}", direct(address)),
            (Way::Both(address), Some(via)) => format!(
                "{nick} was reached {}; that is in doubt, so that packets go via {via} too",
                direct(address)
            ),
            (Way::Both(address), None) => {
                format!("{nick} was reached {}; that is in doubt", direct(address))
            }
            (Way::Relay, Some(via)) => {
                format!(
                    "{nick} is reached via the supernode {via}, which cannot read what it carries"
                )
            }
            (Way::Relay, None) => format!("{nick} is not reached at the moment"),
        }
    }

    /// Why there is no direct path.
    fn reason(&self, nick: &str) -> Option<String> {
        if self.way != Way::Relay {
            return None;
        }
        Some(if self.are_we_hidden {
            "you asked for --relay-only, so that nobody is told your address".to_owned()
        } else if self.is_stranger {
            format!("{nick} is a stranger, who is not told your address before you have answered")
        } else if self.is_hidden {
            format!("{nick} asks to be relayed only, and gives no address away")
        } else if !self.is_offered {
            format!("{nick} has not said yet at which addresses to try")
        } else if self.tried.is_empty() {
            format!("{nick} has no address that could be tried")
        } else if self.is_symmetric() {
            "your router gives you another address for everybody you talk to, so that nobody can be told yours; only \
             somebody without a strict router is reached directly from here"
                .to_owned()
        } else {
            format!(
                "no answer came: the routers at both ends let nobody in, or {nick}'s gives everybody another address"
            )
        })
    }

    fn attempts(&self) -> Vec<String> {
        let attempts = self.tried.iter().map(|(address, tried)| {
            let origin = if tried.is_offered {
                "tried"
            } else {
                "heard from and tried"
            };
            let times = match tried.probes {
                1 => "once".to_owned(),
                times => format!("{times} times"),
            };
            let answer = tried
                .rtt_ms
                .map_or("no answer".to_owned(), |ms| format!("answered in {ms} ms"));
            format!("{origin} {address} {times}: {answer}")
        });
        attempts.collect()
    }

    fn ourselves(&self) -> Option<String> {
        let seen: Vec<_> = self.seen.iter().map(ToString::to_string).collect();
        (!seen.is_empty()).then(|| format!("you are seen at {}", seen.join(" and ")))
    }

    /// Whether two supernodes see us at one address and different ports.
    fn is_symmetric(&self) -> bool {
        let mut seen = self.seen.iter();
        seen.any(|at| {
            let mut others = self.seen.iter();
            others.any(|other| other.ip() == at.ip() && other.port() != at.port())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::door::Speech;
    use super::*;

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    fn report(asking: Asking) -> Report {
        Report {
            peer: NodeId([1; 32]),
            asking,
            way: Way::Relay,
            via: Some(NodeId([2; 32])),
            direct_ms: None,
            relay_ms: Some(61),
            tried: vec![(
                at("203.0.113.7:4000"),
                Tried {
                    is_offered: true,
                    probes: 47,
                    ..Tried::default()
                },
            )],
            is_offered: true,
            is_hidden: false,
            are_we_hidden: false,
            is_stranger: false,
            is_let_in: false,
            seen: vec![at("203.0.113.8:40001")],
            doors: vec![(Family::V4, Door::Unknown)],
        }
    }

    #[test]
    fn a_relayed_path_says_what_was_tried_and_why() {
        let words = report(Asking::Path).words("anna", Some("fra")).join("\n");
        assert_eq!(
            words,
            "you ----- fra ----- anna, 61 ms\n\
             anna is reached via the supernode fra, which cannot read what it carries\n\
             no answer came: the routers at both ends let nobody in, or anna's gives everybody another address\n\
             tried 203.0.113.7:4000 47 times: no answer\n\
             you are seen at 203.0.113.8:40001"
        );
    }

    #[test]
    fn every_way_is_drawn() {
        let drawn = |way, direct_ms, via| {
            let report = Report {
                way,
                direct_ms,
                ..report(Asking::Path)
            };
            report.drawn("anna", via)
        };
        let (address, fra) = (at("203.0.113.7:4000"), Some("fra"));
        assert_eq!(
            drawn(Way::Direct(address), Some(14), fra),
            [
                "you ----- 14 ms ----- anna",
                "you ..... fra ..... anna, 61 ms, at hand"
            ]
        );
        assert_eq!(
            drawn(Way::Both(address), None, fra),
            [
                "you ..... ? ..... anna, in doubt",
                "you ----- fra ----- anna, 61 ms"
            ]
        );
        assert!(drawn(Way::Relay, None, None).is_empty());
    }

    #[test]
    fn each_reason_has_its_words() {
        let relayed = || report(Asking::Path);
        let seen = vec![at("203.0.113.8:40001"), at("203.0.113.8:40002")];
        for (report, word) in [
            (
                Report {
                    are_we_hidden: true,
                    ..relayed()
                },
                "--relay-only",
            ),
            (
                Report {
                    is_hidden: true,
                    ..relayed()
                },
                "asks to be relayed only",
            ),
            (
                Report {
                    is_offered: false,
                    ..relayed()
                },
                "has not said",
            ),
            (
                Report {
                    tried: Vec::new(),
                    ..relayed()
                },
                "no address",
            ),
            (
                Report { seen, ..relayed() },
                "your router gives you another",
            ),
            (
                Report {
                    way: Way::Direct(at("203.0.113.7:4000")),
                    ..relayed()
                },
                "directly at 203.0.113.7:4000",
            ),
            (
                Report {
                    way: Way::Both(at("203.0.113.7:4000")),
                    ..relayed()
                },
                "in doubt",
            ),
        ] {
            let words = report.words("anna", Some("fra")).join("\n");
            assert!(words.contains(word), "{words}");
        }
        let words = relayed().words("anna", None).join("\n");
        assert!(words.contains("not reached"), "{words}");
    }

    #[test]
    fn what_the_routers_do_is_told_where_it_matters() {
        let speech = Speech::Upnp;
        let open = Door::Open { speech, port: 4000 };
        let words = |way, door| {
            let doors = vec![(Family::V4, door), (Family::V6, door)];
            let report = Report {
                way,
                doors,
                is_let_in: true,
                ..report(Asking::Path)
            };
            report.words("anna", Some("fra")).join("\n")
        };
        let direct = Way::Direct(at("203.0.113.7:4000"));
        let told = words(direct, open);
        assert!(
            told.contains("at 203.0.113.7:4000, where anna's router lets others in"),
            "{told}"
        );
        for line in [
            "your router lets others in at port 4000 (UPnP)",
            "your router lets others in over IPv6 at port 4000 (UPnP)",
        ] {
            assert!(told.lines().any(|told| told == line), "{told}");
        }
        for (door, line) in [
            (
                Door::Refused(Speech::Pcp),
                "your router was asked to let others in, and refused (PCP)",
            ),
            (
                Door::Silent,
                "your router was asked to let others in, and gave no answer",
            ),
        ] {
            let told = words(Way::Relay, door);
            assert!(told.lines().any(|told| told == line), "{told}");
            let told = words(direct, door);
            assert!(!told.contains("asked"), "{told}");
        }
    }

    #[test]
    fn a_ping_tells_of_every_way() {
        let mut report = report(Asking::Ping);
        assert_eq!(report.words("anna", Some("fra")), ["anna: 61 ms via fra"]);
        report.way = Way::Direct(at("203.0.113.7:4000"));
        report.direct_ms = Some(14);
        let expected = ["anna: 14 ms directly at 203.0.113.7:4000, 61 ms via fra"];
        assert_eq!(report.words("anna", Some("fra")), expected);
        report.relay_ms = None;
        let expected = ["anna: 14 ms directly at 203.0.113.7:4000, no answer via fra"];
        assert_eq!(report.words("anna", Some("fra")), expected);
        report.way = Way::Relay;
        report.direct_ms = None;
        assert_eq!(
            report.words("anna", None),
            ["anna: there is no way at the moment"]
        );
    }
}
