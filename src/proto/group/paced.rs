//! A member's entries that wait for their turn at the host.

use std::collections::VecDeque;

use crate::proto::limits::{LINE_BURST, LINE_INTERVAL};
use crate::proto::time::Mono;
use crate::proto::wire::{Body, Entry};

/// A member's entries that wait for their turn: a token bucket (RFC 2697 has the idea, IRC calls it fakelag).
#[derive(Clone, Debug)]
pub(super) struct Paced {
    pub(super) entries: VecDeque<Entry>,
    tokens: u32,
    since: Mono,
}

impl Paced {
    pub(super) fn new(now: Mono) -> Self {
        Self {
            entries: VecDeque::new(),
            tokens: LINE_BURST,
            since: now,
        }
    }

    pub(super) fn refill(&mut self, now: Mono) {
        let interval = LINE_INTERVAL.as_millis();
        let earned = u32::try_from((now - self.since).as_millis() / interval).unwrap_or(LINE_BURST);
        self.since = self.since + LINE_INTERVAL * earned;
        self.tokens = self.tokens.saturating_add(earned).min(LINE_BURST);
        if self.tokens == LINE_BURST {
            self.since = now;
        }
    }

    /// Whether the first entry may go now; what it costs is taken.
    pub(super) fn may_go(&mut self) -> bool {
        match self.entries.front() {
            None => false,
            Some(entry) if is_paced(&entry.body) && self.tokens == 0 => false,
            Some(entry) => {
                self.tokens -= u32::from(is_paced(&entry.body));
                true
            }
        }
    }

    pub(super) fn due(&self) -> Option<Mono> {
        (!self.entries.is_empty()).then(|| self.since + LINE_INTERVAL)
    }
}

/// Whether a member has only so many of these.
fn is_paced(body: &Body) -> bool {
    match body {
        Body::Text { .. }
        | Body::Action { .. }
        | Body::Topic { .. }
        | Body::Nick { .. }
        | Body::Ruling(_) => true,
        Body::Join { .. }
        | Body::Part { .. }
        | Body::Quit { .. }
        | Body::Gone { .. }
        | Body::Void => false,
    }
}
