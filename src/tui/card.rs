//! An invitation over everything: its link, and the code that a telephone reads. A key copies the link.

use super::app::{App, Hint};
use super::editor::Edit;
use super::keymap::Action;
use super::log::Note;
use super::press::Wish;
use crate::proto::command::Command;
use crate::proto::event::{Invite, Line, What};
use crate::proto::id::Nick;
use crate::proto::time::Now;
use crate::sanitize;
use crate::slash;

impl App {
    /// An invitation was made: it is shown, or was sent to somebody.
    pub(crate) fn invited(&mut self, now: Now, invite: Invite, to: Option<&Nick>) {
        let group = invite.group.clone();
        let name = sanitize::name(group.as_str()).into_owned();
        let caution = caution(&invite);
        let told = match to {
            Some(nick) => {
                let nick = sanitize::name(nick.as_str());
                format!("{nick} is invited to {name}{caution}")
            }
            None => format!("whoever has this link comes into {name}{caution}:\n{invite}"),
        };
        self.note(now.wall, Some(&group), Note::Answer(told));
        self.card = to.is_none().then_some(invite);
    }

    /// Whether somebody invites us with this line, in private; if so it is said how to come.
    pub(super) fn heed_invitation(&mut self, now: Now, line: &Line) {
        let What::Text(text) = &line.what else {
            return;
        };
        let is_hidden = self.choices.options().hides(&line.id.author);
        if line.own || line.group.person().is_none() || is_hidden {
            return;
        }
        let Some(invite) = Invite::find(text) else {
            return;
        };
        if !line.history {
            let from = sanitize::name(line.from.as_str()).into_owned();
            let name = sanitize::name(invite.group.as_str()).into_owned();
            let told = format!("{from} invites you to {name}: /accept comes in");
            self.note(now.wall, Some(&line.group), Note::Notice(told));
        }
        self.invitation = Some(invite);
    }

    /// Comes into the group that we were invited to last.
    pub(crate) fn accept_last(&mut self) {
        match self.invitation.clone() {
            Some(invite) => self.accept(invite),
            None => self.hint = Some(Hint::Error(slash::uninvited().to_string())),
        }
    }

    fn accept(&mut self, invite: Invite) {
        let invite = Box::new(invite);
        self.command(Command::Accept { invite });
    }

    /// Opens a link: an invitation here, any other where links are opened.
    pub(crate) fn follow_link(&mut self, link: String) -> Wish {
        match Invite::parse(&link) {
            Ok(invite) => {
                self.accept(invite);
                Wish::Nothing
            }
            Err(_) => Wish::Open(link),
        }
    }

    /// Does with the invitation what a key asks. Nothing if there is none.
    pub(super) fn press_card(&mut self, action: Action) -> Option<Wish> {
        let card = self.card.take()?;
        let copies = [Edit::Insert('c'), Edit::Insert('y')].map(Action::Edit);
        if !copies.contains(&action) {
            return Some(Wish::Nothing);
        }
        self.hint = Some(Hint::Plain("copied the link".to_owned()));
        Some(Wish::Copy(card.to_string()))
    }
}

/// What to know before passing an invitation on.
fn caution(invite: &Invite) -> String {
    let caution = invite.caution();
    caution.map_or(String::new(), |caution| format!("; {caution}"))
}
