//! A timer that is set again and again, mostly for later, and wakes nobody at a time that it was set to before.
//!
//! Tokio's own leaves a sleep where it is when it is put off, wakes at the old time, and finds that there is nothing
//! to do. Whoever waits for silence puts a sleep off with every packet.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Who puts it off by less than this is busy, and would pay for each time more than for one waking in vain.
const BUSY: Duration = Duration::from_millis(20);

/// When to wake, if at all.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    pub(super) fn at(due: Instant) -> Self {
        let mut alarm = Self::default();
        alarm.set(Some(due));
        alarm
    }

    /// Wakes then, and not before.
    pub(super) fn set(&mut self, due: Option<Instant>) {
        match (&mut self.0, due) {
            (Some(sleep), Some(due)) if sleep.deadline() == due && !sleep.is_elapsed() => {}
            (Some(sleep), Some(due)) if due.saturating_duration_since(sleep.deadline()) < BUSY => {
                sleep.as_mut().reset(due);
            }
            // What was there leaves tokio's wheel as it is dropped.
            (Some(sleep), Some(due)) => sleep.as_mut().set(sleep_until(due)),
            (none @ None, Some(due)) => *none = Some(Box::pin(sleep_until(due))),
            (alarm, None) => *alarm = None,
        }
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().poll(context),
            None => Poll::Pending,
        }
    }

    /// Waits until it is time, again and again until it is set anew.
    pub(super) async fn rings(&mut self) {
        std::future::poll_fn(|context| self.poll(context)).await;
    }
}
