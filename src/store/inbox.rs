//! What waits for the store's thread: all that is there at once, and where nobody waits for any of it, also what comes
//! within a moment, so that a busy talk costs its members a few flushes a second and not one for each line.

use std::thread::park_timeout;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Request;

/// Requests in one transaction at most: a flush is shared by many, and nobody waits for more than these.
const BATCH_MAX: usize = 256;
/// How long writes that nobody waits for are gathered. What a crash takes of them the other members have.
const GATHERED: Duration = Duration::from_millis(200);

/// The thread's end of its queue.
pub(super) struct Inbox {
    requests: mpsc::Receiver<Request>,
}

impl Inbox {
    pub(super) fn new(requests: mpsc::Receiver<Request>) -> Self {
        Self { requests }
    }

    /// Whether nothing waits, and something may come.
    pub(super) fn is_idle(&self) -> bool {
        self.requests.is_empty() && !self.requests.is_closed()
    }

    /// Waits for something to do; nothing is there once all handles are gone.
    pub(super) fn take(&mut self) -> Vec<Request> {
        let mut taken = Vec::new();
        taken.extend(self.requests.blocking_recv());
        // Words that came for what is taken here, or was before, are heard. What they stand for is in the queue.
        park_timeout(Duration::ZERO);
        self.drain(&mut taken);
        let can_wait = !taken.is_empty() && taken.iter().all(Request::can_wait);
        if can_wait && taken.len() < BATCH_MAX {
            // Nobody wakes the thread for what can wait. To be woken in vain costs a flush.
            park_timeout(GATHERED);
            self.drain(&mut taken);
        }
        taken
    }

    /// Takes what is there.
    fn drain(&mut self, taken: &mut Vec<Request>) {
        while taken.len() < BATCH_MAX
            && let Ok(request) = self.requests.try_recv()
        {
            taken.push(request);
        }
    }
}
