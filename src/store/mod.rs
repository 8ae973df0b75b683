//! What outlives the process: one SQLite file per data directory, on a thread of its own.
//!
//! *Invariant:* whoever asks never waits for the disk. Jobs go in by a bounded channel; each has one answer, which
//! comes when all before it is done, and for a write when it is flushed. Everything that waits is written in one
//! transaction, so that a burst costs one flush (a group commit). What was once said to be written is never lost
//! by us; what cannot be written is said to be so, and later jobs are tried all the same.

mod directory;
mod error;
mod history;
mod index;
mod open;
mod page;
mod reading;
mod row;
mod schema;
mod search;
mod seen;
mod state;
mod worker;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::thread;

use regex::Regex;
use tokio::sync::{mpsc, oneshot};

pub use directory::DataDir;
pub use error::{Closed, Error};
pub use open::Damaged;
pub use reading::Reading;

use crate::proto::event::Line;
use crate::proto::id::{GroupName, NodeId};
use crate::proto::limits::INPUT_QUEUE_MAX;
use crate::proto::past::{Ask, Told};
use crate::proto::role::{Input, Ticket};
use crate::proto::saved::{Saved, Write};
use crate::proto::wire::Vector;

/// One thing asked of the store.
#[derive(Debug)]
pub enum Job {
    /// Put these on disk, all or none. Answered by [`Input::Written`] or [`Input::Unwritten`].
    Write { ticket: Ticket, writes: Vec<Write> },
    /// Read what is in `upto` but not in `after`. Answered by [`Input::Fetched`].
    Fetch {
        ticket: Ticket,
        group: GroupName,
        after: Vector,
        upto: Vector,
    },
    /// Read the newest `limit` lines before the one with the order `before`, or of all, as people see them, oldest
    /// first; the answer also says whether there are older ones. `us` marks the lines that are our own.
    Page {
        group: GroupName,
        before: Option<String>,
        limit: usize,
        us: NodeId,
        reply: oneshot::Sender<(Vec<Line>, bool)>,
    },
    /// Anything else about the past; none is the answer to what has none. An error is in words for a person.
    Ask {
        ask: Ask,
        us: NodeId,
        reply: oneshot::Sender<Result<Option<Told>, String>>,
    },
    /// Look for a pattern in some more of a group's log, from what the last answer says on.
    Scan {
        group: GroupName,
        before: Option<Vec<u8>>,
        pattern: Regex,
        us: NodeId,
        reply: oneshot::Sender<Result<Scanned, String>>,
    },
}

/// What a step of a scan found, newest first, and where the next one begins; none when all was read.
pub type Scanned = (Vec<Line>, Option<Vec<u8>>);

/// A handle on the store's thread. The thread ends, after all that was submitted, when it is closed or the last
/// handle is gone.
#[derive(Clone, Debug)]
pub struct Store {
    requests: mpsc::Sender<Request>,
}

/// What [`Store::open`] gives.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    /// What was on disk.
    pub saved: Saved,
    /// The answers to [`Job::Write`] and [`Job::Fetch`], in the order of the jobs. When it is not read the store
    /// waits, and then whoever submits.
    pub answers: mpsc::Receiver<Input>,
    /// Set if the file was damaged, moved aside and begun anew: a person should know.
    pub damaged: Option<Damaged>,
}

/// What goes to the thread.
#[derive(Debug)]
enum Request {
    Job(Job),
    Close(oneshot::Sender<()>),
}

impl Store {
    /// Opens the file at `path`, or begins one; the directory must exist, and be ours ([`DataDir`]). Blocks for
    /// the few milliseconds it takes.
    ///
    /// # Errors
    /// If the file cannot be read and written, or is a newer version's. It is untouched then.
    pub fn open(path: &Path) -> Result<Opened, Error> {
        let (db, saved, damaged) = open::open(path)?;
        if let Some(damaged) = &damaged {
            tracing::warn!(why = damaged.why, moved_to = %damaged.moved_to.display(), "store damaged");
        }
        let (requests, inbox) = mpsc::channel(INPUT_QUEUE_MAX);
        let (outbox, answers) = mpsc::channel(INPUT_QUEUE_MAX);
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || worker::run(db, inbox, &outbox))
            .map_err(|why| Error::Open {
                path: path.to_owned(),
                why: why.to_string(),
            })?;
        Ok(Opened {
            store: Self { requests },
            saved,
            answers,
            damaged,
        })
    }

    /// Asks for something; waits while [`INPUT_QUEUE_MAX`] jobs are waiting already. Whoever submits and reads
    /// the answers in one task must go on reading while it waits here.
    ///
    /// # Errors
    /// If the store is closed.
    pub async fn submit(&self, job: Job) -> Result<(), Closed> {
        self.requests
            .send(Request::Job(job))
            .await
            .map_err(|_| Closed)
    }

    /// Does all that was submitted before, answers it, and closes the file. Returns when that is done.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.requests.send(Request::Close(done)).await.is_ok() {
            // An error says that the thread is gone, which is what is asked for.
            let _ = closed.await;
        }
    }
}
