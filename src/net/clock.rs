//! The clocks of a driver: how long it has run, and what the wall says.
//!
//! *Invariant:* whoever says until when it sleeps, and reads it then, sees time pass only while the process runs. One
//! that is stopped, and goes on, has not waited for anybody meanwhile.

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
    /// When it will be read next, if nothing happens before.
    awaited: Instant,
    stood: Duration,
}

impl Clock {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            read: now,
            awaited: now,
            stood: Duration::ZERO,
        }
    }

    /// Whoever reads it sleeps until then, or for as long as nothing happens. An earlier reading is no surprise, and a
    /// much later one means that the process did not run.
    pub(super) fn awaits(&mut self, due: Option<Instant>) {
        self.awaited = due.unwrap_or_else(|| self.far());
    }

    pub(super) fn now(&mut self) -> Now {
        let now = Instant::now();
        let gap = now - self.read;
        let late = now.saturating_duration_since(self.read.max(self.awaited));
        self.read = now;
        if late >= STOPPED_AFTER {
            // Nobody knows when it was stopped: all of the time since somebody looked is taken for it.
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
        (self.began + self.stood)
            .checked_add(Duration::from_millis(at.0))
            .map_or(self.far(), |instant| instant.min(self.far()))
    }

    fn far(&self) -> Instant {
        self.began + Duration::from_secs(365 * 24 * 3600)
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

    #[tokio::test(start_paused = true)]
    async fn sleep_counts_as_far_as_it_was_meant() {
        let mut clock = Clock::new();
        clock.awaits(Some(Instant::now() + Duration::from_secs(5)));
        advance(Duration::from_millis(3_000)).await;
        assert_eq!(clock.now().mono, Mono(3_000));
        advance(Duration::from_millis(2_100)).await;
        assert_eq!(clock.now().mono, Mono(5_100));
        clock.awaits(Some(Instant::now() + Duration::from_secs(5)));
        advance(Duration::from_millis(5_800)).await;
        assert_eq!(clock.now().mono, Mono(5_100), "it went on too late");
        clock.awaits(None);
        advance(Duration::from_secs(3600)).await;
        assert_eq!(clock.now().mono, Mono(3_605_100), "nobody was waited for");
    }
}
