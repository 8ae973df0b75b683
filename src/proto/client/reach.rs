//! A person asks how somebody is reached (`/path`, `/ping`).

use super::Client;
use crate::proto::command::{Asking, Who};
use crate::proto::event::{Event, Path};
use crate::proto::id::{GroupName, NodeId};
use crate::proto::path::report::Report;
use crate::proto::whois::Reached;

/// Questions that wait for an answer; the oldest gives way.
const QUESTIONS_MAX: usize = 16;

/// A question, and where it was asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    peer: NodeId,
    asking: Asking,
    group: GroupName,
    nick: String,
}

impl Client {
    /// Asks the network about somebody in a group, or about its host.
    pub(super) fn ask_reach(&mut self, group: GroupName, who: Option<Who>, asking: Asking) {
        if let Some(person) = group.person() {
            return self.ask_reach_in_private(group, person, asking);
        }
        let Some(in_group) = self.groups.get(&group).filter(|group| group.is_staying()) else {
            return self.cannot_tell(group, "you are not in it", "/join it first");
        };
        let peer = match &who {
            Some(Who::Key(key)) => Some(*key),
            Some(Who::Nick(nick)) => in_group.find(nick),
            None => in_group.followed(),
        };
        let Some(peer) = peer else {
            let why = match who {
                Some(who) => format!("nobody goes by {who} here"),
                None => "you follow no host".to_owned(),
            };
            return self.cannot_tell(group, &why, "name somebody; /names tells who is here");
        };
        if peer == self.me {
            return self.cannot_tell(group, "that is you", "name somebody else");
        }
        let nick = in_group.nick_of(&peer).to_string();
        if self.links.to_peer(&peer).is_none() {
            let why = format!("you and {nick} talk through the host, without a path of your own");
            return self.cannot_tell(group, &why, "ask about the host: /path");
        }
        self.ask_network(Question {
            peer,
            asking,
            group,
            nick,
        });
    }

    fn ask_reach_in_private(&mut self, group: GroupName, peer: NodeId, asking: Asking) {
        let nick = self.name_for(&peer).to_string();
        if self.links.to_peer(&peer).is_none() {
            let why = format!("there is no link to {nick} at the moment");
            return self.cannot_tell(group, &why, "say something: that makes one");
        }
        self.ask_network(Question {
            peer,
            asking,
            group,
            nick,
        });
    }

    fn ask_network(&mut self, question: Question) {
        if self.questions.len() >= QUESTIONS_MAX {
            self.questions.pop_front();
        }
        self.act.reach(question.peer, question.asking);
        self.questions.push_back(question);
    }

    /// The way to somebody has changed.
    pub(super) fn path_is(
        &mut self,
        peer: NodeId,
        path: Path,
        via: Option<String>,
        rtt_ms: Option<u64>,
    ) {
        match path {
            Path::Direct | Path::Relayed if self.links.to_peer(&peer).is_some() => {
                self.paths.insert(peer, Reached { path, via, rtt_ms });
            }
            Path::Direct | Path::Relayed | Path::Lost => {
                self.paths.remove(&peer);
            }
        }
    }

    /// Tells what the network knows.
    pub(super) fn reached(&mut self, report: &Report) {
        let is_it =
            |question: &Question| question.peer == report.peer && question.asking == report.asking;
        let Some(at) = self.questions.iter().position(is_it) else {
            return;
        };
        let Some(Question { group, nick, .. }) = self.questions.remove(at) else {
            return;
        };
        let via = report.via.and_then(|via| self.table.get(&via));
        let via = via.map(|listed| listed.record.name.as_str());
        for text in report.words(&nick, via) {
            let group = Some(group.clone());
            self.act.tell(Event::Notice { group, text });
        }
    }

    fn cannot_tell(&mut self, group: GroupName, why: &str, try_: &str) {
        self.act.tell(Event::Error {
            group: Some(group),
            what: "there is no path to tell of".to_owned(),
            why: why.to_owned(),
            try_: try_.to_owned(),
        });
    }
}
