//! Whether a link is heard: when something came over it last, and when that is too long ago.
//!
//! What counts is what QUIC has authenticated, be it only the acknowledgement of a ping: nobody can keep a dead link
//! alive who does not hold its keys.

use quinn::Connection;

use crate::proto::limits::{
    KEEP_ALIVE, KEEP_ALIVE_DIALLED, KNOCK_AFTER, KNOCK_INTERVAL, QUIET_AFTER, REFUSED_WAIT,
};
use crate::proto::time::Mono;

/// One link's watch, looked at when something may have come and when nothing has for long enough.
#[derive(Debug)]
pub(super) struct Watch {
    /// How much had come when something was seen to have come last, and when that was.
    heard: u64,
    heard_at: Mono,
    is_quiet: bool,
    /// Whether anybody wants to know soon that it is quiet.
    is_close: bool,
    asked_at: Mono,
    knocked_at: Option<Mono>,
    refused_at: Option<Mono>,
}

/// What a look sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing has come since then.
    Quiet { since: Mono },
    /// Something has come over a link that was quiet.
    Heard,
    /// Nothing has come for so long that one may ask the other end's machine whether anybody is there.
    Silent,
}

impl Watch {
    pub(super) fn new(now: Mono) -> Self {
        Self {
            heard: 0,
            heard_at: now,
            is_quiet: false,
            is_close: true,
            asked_at: now,
            knocked_at: None,
            refused_at: None,
        }
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// From here on it is heeded closely, or is not. What has not come while nobody asked for it counts for nothing.
    pub(super) fn heed(&mut self, now: Mono, closely: bool) {
        if closely && !std::mem::replace(&mut self.is_close, closely) {
            self.heard_at = now;
        }
        self.is_close = closely;
    }

    /// When to look next if nothing comes before, at a link over which we ask or are asked.
    pub(super) fn due(&self, has_to_ask: bool, is_ours: bool) -> Option<Mono> {
        if !self.is_close {
            return None;
        }
        let asks = has_to_ask.then(|| self.asks_at(is_ours));
        let misses = (!self.is_quiet).then(|| self.knocks_at().min(self.is_quiet_at()));
        asks.into_iter().chain(misses).min()
    }

    fn asks_at(&self, is_ours: bool) -> Mono {
        let interval = if is_ours {
            KEEP_ALIVE
        } else {
            KEEP_ALIVE_DIALLED
        };
        self.heard_at.max(self.asked_at) + interval
    }

    fn is_quiet_at(&self) -> Mono {
        let silent = self.heard_at + QUIET_AFTER;
        let refused = self.refused_at.map(|at| at + REFUSED_WAIT);
        refused.map_or(silent, |refused| refused.min(silent))
    }

    fn knocks_at(&self) -> Mono {
        let silent = self.heard_at + KNOCK_AFTER;
        let again = self.knocked_at.map(|at| at + KNOCK_INTERVAL);
        again.map_or(silent, |again| again.max(silent))
    }

    /// Whether the other end is to be asked for a sign of life; notes that it is.
    pub(super) fn asks(&mut self, now: Mono, is_ours: bool) -> bool {
        let is_due = self.is_close && now >= self.asks_at(is_ours);
        if is_due {
            self.asked_at = now;
        }
        is_due
    }

    /// Whether more has come than at the last look.
    pub(super) fn is_news(&self, heard: u64) -> bool {
        heard != self.heard
    }

    /// Looks at how much has come so far.
    pub(super) fn look(&mut self, now: Mono, heard: u64) -> Option<Seen> {
        if self.is_news(heard) {
            self.heard = heard;
            return self.hear(now).then_some(Seen::Heard);
        }
        if self.is_quiet || !self.is_close {
            return None;
        }
        if now >= self.is_quiet_at() {
            self.is_quiet = true;
            let since = self.heard_at;
            return Some(Seen::Quiet { since });
        }
        if now < self.knocks_at() {
            return None;
        }
        self.knocked_at = Some(now);
        Some(Seen::Silent)
    }

    /// Something has come; true if the link was quiet.
    pub(super) fn hear(&mut self, now: Mono) -> bool {
        self.heard_at = now;
        self.knocked_at = None;
        self.refused_at = None;
        std::mem::take(&mut self.is_quiet)
    }

    /// The other end's machine says that nobody listens there. Anybody may have said so in its name, so that it only
    /// shortens the wait for a sign of life.
    pub(super) fn refused(&mut self, now: Mono) {
        if self.knocked_at.is_some() {
            self.refused_at.get_or_insert(now);
        }
    }
}

/// How much has come over a connection: every packet of a living one holds one of these.
pub(super) fn heard(connection: &Connection) -> u64 {
    let frames = connection.stats().frame_rx;
    frames.acks + frames.ping + frames.stream
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: u64 = 200;

    /// Looks from `from` to `to` while nothing comes; what is seen, and when.
    fn silence(watch: &mut Watch, from: u64, to: u64) -> Vec<(u64, Seen)> {
        let looks = (from..=to).step_by(usize::try_from(LOOK).unwrap());
        let heard = watch.heard;
        looks
            .filter_map(|at| watch.look(Mono(at), heard).map(|seen| (at, seen)))
            .collect()
    }

    #[test]
    fn a_link_is_quiet_after_two_seconds_and_once() {
        let mut watch = Watch::new(Mono(0));
        assert_eq!(watch.look(Mono(1_000), 1), None);
        let since = Mono(1_000);
        let seen = silence(&mut watch, 1_200, 9_000);
        let seen: Vec<_> = seen
            .into_iter()
            .filter(|(_, s)| *s != Seen::Silent)
            .collect();
        assert_eq!(seen, [(3_000, Seen::Quiet { since })]);
        assert_eq!(watch.look(Mono(9_200), 2), Some(Seen::Heard));
        assert_eq!(watch.look(Mono(9_400), 2), None);
    }

    #[test]
    fn whoever_looks_when_it_is_due_sees_what_one_who_always_looks_does() {
        let mut watch = Watch::new(Mono(0));
        let mut seen = Vec::new();
        let mut now = Mono(0);
        while let Some(due) = watch.due(false, true).filter(|_| seen.len() < 10) {
            assert!(due > now, "time must pass");
            now = due;
            if let Some(it) = watch.look(now, 0) {
                seen.push((now.0, it));
            }
        }
        let since = Mono(0);
        let silent = [750, 1_150, 1_550, 1_950].map(|at| (at, Seen::Silent));
        let quiet = (2_000, Seen::Quiet { since });
        assert_eq!(seen, [&silent[..], &[quiet]].concat());
        assert_eq!(watch.due(true, true), Some(Mono(500)), "it is asked on");
        assert_eq!(watch.look(Mono(9_000), 1), Some(Seen::Heard));
        assert_eq!(watch.due(true, false), Some(Mono(9_750)));
        assert_eq!(watch.due(false, false), Some(Mono(9_750)));
        watch.heed(Mono(9_000), false);
        assert_eq!(watch.due(true, false), None);
    }

    #[test]
    fn a_link_that_nobody_heeds_is_never_quiet_and_never_asked() {
        let mut watch = Watch::new(Mono(0));
        watch.heed(Mono(0), false);
        assert_eq!(silence(&mut watch, 200, 60_000), []);
        assert!(!watch.asks(Mono(60_000), true));
        watch.heed(Mono(60_000), true);
        assert!(!watch.asks(Mono(60_400), true));
        assert!(watch.asks(Mono(60_500), true));
        assert!(!watch.asks(Mono(60_900), true));
        let since = Mono(60_000);
        let seen = silence(&mut watch, 61_200, 64_000);
        assert!(seen.contains(&(62_000, Seen::Quiet { since })), "{seen:?}");
    }

    #[test]
    fn a_refusal_is_believed_when_nothing_comes_for_another_moment() {
        let mut watch = Watch::new(Mono(0));
        assert_eq!(silence(&mut watch, 200, 800), [(800, Seen::Silent)]);
        watch.refused(Mono(810));
        let since = Mono(0);
        assert_eq!(
            silence(&mut watch, 1_000, 3_000),
            [(1_200, Seen::Quiet { since })]
        );
    }

    #[test]
    fn a_refusal_weighs_nothing_against_a_sign_of_life() {
        let mut watch = Watch::new(Mono(0));
        silence(&mut watch, 200, 800);
        watch.refused(Mono(810));
        assert_eq!(watch.look(Mono(1_000), 1), None);
        // Nobody has asked any more.
        watch.refused(Mono(1_010));
        let seen = silence(&mut watch, 1_200, 2_800);
        assert!(
            seen.iter().all(|(_, seen)| *seen == Seen::Silent),
            "{seen:?}"
        );
    }
}
