//! Own lines that wait for a place: saying so when it takes long, and taking one back.

use super::{Context, Group, spoken};
use crate::proto::event::Event;
use crate::proto::id::EntryId;
use crate::proto::limits::LINE_WAIT;
use crate::proto::time::Mono;
use crate::proto::wire::{Body, Entry};

/// How long nothing of the outbox has got a place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Patience {
    /// Nothing waits.
    #[default]
    Idle,
    Since(Mono),
    /// Its author knows.
    Told,
}

impl Patience {
    pub(super) fn due(self) -> Option<Mono> {
        match self {
            Self::Since(since) => Some(since + LINE_WAIT),
            Self::Idle | Self::Told => None,
        }
    }
}

impl Group {
    /// An own entry got its place, or will get none: what still waits begins anew.
    pub(super) fn moved_on(&mut self) {
        self.patience = Patience::Idle;
    }

    /// Tells once which own lines have waited for long.
    pub(super) fn be_patient(&mut self, cx: &mut Context<'_>) {
        match self.patience {
            Patience::Idle if self.spoken_in_outbox().next().is_some() => {
                self.patience = Patience::Since(cx.now.mono);
            }
            Patience::Since(since) if cx.now.mono >= since + LINE_WAIT => {
                self.patience = Patience::Told;
                let lines: Vec<_> = self.spoken_in_outbox().collect();
                if !lines.is_empty() {
                    let group = self.name.clone();
                    cx.act.tell(Event::Waiting { group, lines });
                }
            }
            Patience::Idle | Patience::Since(_) | Patience::Told => {}
        }
    }

    /// Takes back a line that waits, if nobody can have been sent it: an empty entry takes its number.
    pub(crate) fn take_back(&mut self, cx: &mut Context<'_>, id: EntryId) {
        let group = self.name.clone();
        let waits = self.spoken_in_outbox().any(|waiting| waiting == id);
        let why = match (waits, self.outbox.is_ours_alone(id.number)) {
            (true, true) => {
                let void = Entry::signed(cx.seal, &self.name, id.number, cx.now.wall, Body::Void);
                self.outbox.replace(void.clone());
                self.write_own(cx, &void);
                let why = "you took it back".to_owned();
                return cx.act.tell(Event::Failed { group, id, why });
            }
            (true, false) => "it is on its way, and may be in the log already",
            (false, _) => "it does not wait any more",
        };
        cx.act.tell(Event::Error {
            group: Some(group),
            what: "cannot take the line back".to_owned(),
            why: why.to_owned(),
            try_: "say another one after it".to_owned(),
        });
    }

    /// Tells the face of our lines that still wait from before the start.
    pub(crate) fn show_outbox(&self, act: &mut crate::proto::actions::Actions) {
        for entry in self.outbox.all() {
            if let Some(what) = spoken(&entry.body) {
                let (id, at) = (entry.id(), entry.time);
                act.tell(Event::Sent {
                    group: self.name.clone(),
                    id,
                    at,
                    what,
                });
            }
        }
    }
}
