//! The clocks of a driver: how long it has run, and what the wall says.
//!
//! *Invariant:* whoever reads it at least every [`crate::proto::limits::QUIET_LOOK`] sees time pass only while the
//! process runs. One that is stopped, and goes on, has not waited for anybody meanwhile.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::link::millis;
use crate::proto::limits::STOPPED_AFTER;
use crate::proto::time::{Mono, Now, Wall};

/// A clock that stands while its process does.
#[derive(Debug)]
pub(super) struct Clock {
    began: Instant,
    /// When it was read last.
    read: Instant,
    stood: Duration,
}

impl Clock {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            read: now,
            stood: Duration::ZERO,
        }
    }

    pub(super) fn now(&mut self) -> Now {
        let now = Instant::now();
        let gap = now - self.read;
        self.read = now;
        if gap >= STOPPED_AFTER {
            tracing::info!(gap_ms = millis(gap), "this process was stopped for a while");
            self.stood += gap;
        }
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Now {
            mono: Mono(millis(now - self.began - self.stood)),
            wall: Wall(millis(wall.unwrap_or_default())),
        }
    }

    /// A time beyond what the system can count is one that does not come.
    pub(super) fn instant(&self, at: Mono) -> Instant {
        let far = self.began + Duration::from_secs(365 * 24 * 3600);
        (self.began + self.stood)
            .checked_add(Duration::from_millis(at.0))
            .map_or(far, |instant| instant.min(far))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_looked_does_not_count() {
        let mut clock = Clock::new();
        advance(Duration::from_millis(200)).await;
        assert_eq!(clock.now().mono, Mono(200));
        advance(Duration::from_secs(3600)).await;
        assert_eq!(clock.now().mono, Mono(200));
        advance(Duration::from_millis(200)).await;
        assert_eq!(clock.now().mono, Mono(400));
        let later = clock.instant(Mono(500));
        assert_eq!(later - Instant::now(), Duration::from_millis(100));
    }
}
