//! A timer that is set again and again, mostly for later, and seldom wakes anybody at a time that it was set to before.
//!
//! Tokio's own leaves a sleep where it is when it is put off, wakes at the old time, and finds that there is nothing
//! to do. Whoever waits for silence puts a sleep off with every packet.

use std::future::poll_fn;
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
        poll_fn(|context| self.poll(context)).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(30);
    const LATE: Duration = Duration::from_secs(1);

    /// As a task that waits for it, and has other things to do as well.
    async fn is_silent(alarm: &mut Alarm) {
        poll_fn(|context| {
            assert!(alarm.poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_the_time_it_was_set_to_last_and_not_before() {
        let (little, busy) = (BUSY / 2, BUSY);
        for settings in [
            vec![SOON],
            vec![SOON, SOON],
            vec![SOON, SOON + little],
            vec![SOON, SOON + busy],
            vec![SOON, LATE],
            vec![LATE, SOON],
            vec![SOON, SOON - little],
            (0..50).map(|time| SOON + time * little).collect(),
            vec![SOON, LATE, SOON + little, LATE + little],
        ] {
            let began = Instant::now();
            let mut alarm = Alarm::default();
            for due in &settings {
                alarm.set(Some(began + *due));
                is_silent(&mut alarm).await;
            }
            alarm.rings().await;
            assert_eq!(Some(&began.elapsed()), settings.last(), "{settings:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_rung_rings_again_as_soon_as_it_is_set_again() {
        let began = Instant::now();
        let mut alarm = Alarm::at(began + SOON);
        alarm.rings().await;
        for (due, rings) in [(SOON, SOON), (Duration::ZERO, SOON), (LATE, LATE)] {
            alarm.set(Some(began + due));
            alarm.rings().await;
            assert_eq!(began.elapsed(), rings);
        }
        alarm.set(Some(began + LATE + SOON));
        is_silent(&mut alarm).await;
        alarm.set(None);
        assert!(timeout(10 * LATE, alarm.rings()).await.is_err());
    }

    /// How often a process lies down to sleep whose alarm is set to these times, and which waits until it rings.
    fn naps(settings: impl IntoIterator<Item = Duration>) -> u64 {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let began = Instant::now();
            let mut alarm = Alarm::default();
            for due in settings {
                alarm.set(Some(began + due));
                is_silent(&mut alarm).await;
            }
            alarm.rings().await;
        });
        runtime.metrics().worker_park_count(0)
    }

    #[test]
    fn nobody_wakes_at_a_time_that_was_put_off() {
        assert_eq!(naps([SOON, LATE]), naps([LATE]));
        assert_eq!(naps([LATE / 2, LATE]), naps([LATE]));
    }

    /// To wake once in vain is the price of not being placed anew each time.
    #[test]
    fn a_busy_one_stays_where_it_is_until_its_first_time() {
        let busy = |times: u32| (0..=times).map(|time| LATE + time * BUSY / 2);
        let last = busy(50).next_back().unwrap();
        assert_eq!(naps(busy(50)), naps([last]) + 1);
    }
}
