//! The store's thread: takes everything that waits, does it in one transaction, and answers.

use regex::Regex;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::mpsc;

use super::error::plainly;
use super::history::{self, Refused};
use super::{Job, Request, Scanned, index, open, page, search, seen, state};
use crate::proto::event::Line;
use crate::proto::id::{GroupName, NodeId};
use crate::proto::past::{Ask, Query, Told};
use crate::proto::role::{Input, Moved};
use crate::proto::saved::Write;

/// Jobs in one transaction at most: a flush is shared by many, and nobody waits for more than these.
const BATCH_MAX: usize = 256;

/// Works until the channel is closed or [`Request::Close`] comes.
pub(super) fn run(
    db: Connection,
    mut inbox: mpsc::Receiver<Request>,
    outbox: &mpsc::Sender<Input>,
) {
    let mut worker = Worker::new(db);
    let mut requests = Vec::with_capacity(BATCH_MAX);
    let mut done = None;
    while done.is_none() {
        if worker.has_leisure && inbox.is_empty() && !inbox.is_closed() {
            worker.index();
            continue;
        }
        if inbox.blocking_recv_many(&mut requests, BATCH_MAX) == 0 {
            break;
        }
        let mut jobs = Vec::with_capacity(requests.len());
        for request in requests.drain(..) {
            match request {
                Request::Job(job) if done.is_none() => jobs.push(job),
                Request::Job(_) => {}
                Request::Close(sender) => done = Some(sender),
            }
        }
        let answers = worker.work(&jobs);
        for (job, answer) in jobs.into_iter().zip(answers) {
            reply(job, answer, outbox);
        }
    }
    // Whoever hears that the store is closed finds it closed.
    drop(inbox);
    worker.close();
    if let Some(done) = done {
        // Whoever asked may not have waited.
        let _ = done.send(());
    }
}

/// What comes of a job.
pub(super) enum Answer {
    Input(Input),
    Page(Vec<Line>, bool),
    Told(Result<Option<Told>, String>),
    Scanned(Result<Scanned, String>),
}

/// Hands an answer to whoever asked. One who is gone misses nothing.
fn reply(job: Job, answer: Answer, outbox: &mpsc::Sender<Input>) {
    match (answer, job) {
        (Answer::Input(input), _) => {
            let _ = outbox.blocking_send(input);
        }
        (Answer::Page(lines, more), Job::Page { reply, .. }) => {
            let _ = reply.send((lines, more));
        }
        (Answer::Told(told), Job::Ask { reply, .. }) => {
            let _ = reply.send(told);
        }
        (Answer::Scanned(scanned), Job::Scan { reply, .. }) => {
            let _ = reply.send(scanned);
        }
        (Answer::Page(..) | Answer::Told(_) | Answer::Scanned(_), _) => {
            unreachable!("each job has its own kind of answer")
        }
    }
}

pub(super) struct Worker {
    pub(super) db: Connection,
    /// Whether SQLite has found the file damaged; the next start then looks at all of it.
    is_damaged: bool,
    /// Whether there is something to be done when nobody asks for anything: bringing into the index what is not
    /// in it yet.
    has_leisure: bool,
}

impl Worker {
    pub(super) fn new(db: Connection) -> Self {
        let has_leisure = index::is_whole(&db).is_ok_and(|is_whole| !is_whole);
        Self {
            db,
            is_damaged: false,
            has_leisure,
        }
    }

    /// Brings some more of the log into the index. If that fails, as on a full disk, the next start tries again.
    fn index(&mut self) {
        let indexed = self.db.transaction().and_then(|change| {
            let is_whole = index::step(&change)?;
            change.commit().map_err(index::judge)?;
            Ok(is_whole)
        });
        self.has_leisure = matches!(indexed, Ok(false));
        if let Err(error) = indexed {
            self.note(&error);
        }
    }

    /// Does the jobs in order, if possible in one transaction. If that fails as a whole, as when the disk is full,
    /// each is tried alone: what still fits is written.
    pub(super) fn work(&mut self, jobs: &[Job]) -> Vec<Answer> {
        let mut done = self.transact(jobs);
        if let Err(error) = &done
            && index::is_damage(error)
        {
            self.note(error);
            done = self.transact(jobs);
        }
        if let Ok(answers) = done {
            return answers;
        }
        jobs.iter().map(|job| self.work_alone(job)).collect()
    }

    fn work_alone(&mut self, job: &Job) -> Answer {
        match self.transact(std::slice::from_ref(job)) {
            Ok(mut answers) => answers.pop().expect("one job has one answer"),
            Err(error) => self.failed(job, &error.into()),
        }
    }

    /// Does the jobs and commits; on an error nothing of them is written.
    fn transact(&mut self, jobs: &[Job]) -> rusqlite::Result<Vec<Answer>> {
        self.db.execute_batch("BEGIN")?;
        let answers = jobs
            .iter()
            .map(|job| self.one(job))
            .collect::<rusqlite::Result<_>>();
        let committed = answers.and_then(|answers| {
            self.db.execute_batch("COMMIT").map_err(index::judge)?;
            Ok(answers)
        });
        if committed.is_err() && !self.db.is_autocommit() {
            self.db.execute_batch("ROLLBACK")?;
        }
        committed
    }

    /// Does one job within the transaction. An error means that the transaction is gone.
    fn one(&mut self, job: &Job) -> rusqlite::Result<Answer> {
        match job {
            Job::Write { ticket, writes } => {
                self.db.execute_batch("SAVEPOINT job")?;
                match self.write(writes) {
                    Ok(moved) => {
                        self.db.execute_batch("RELEASE job").map_err(index::judge)?;
                        Ok(Answer::Input(Input::Written {
                            ticket: *ticket,
                            moved,
                        }))
                    }
                    Err(Refused::Failed(error))
                        if self.db.is_autocommit() || index::is_damage(&error) =>
                    {
                        Err(error)
                    }
                    Err(refused) => {
                        self.db.execute_batch("ROLLBACK TO job; RELEASE job")?;
                        Ok(self.failed(job, &refused))
                    }
                }
            }
            Job::Fetch {
                ticket,
                group,
                after,
                upto,
            } => {
                let mut runs = Vec::new();
                let more = history::fetch(&self.db, group, after, upto, &mut runs);
                let more = more.unwrap_or_else(|error| {
                    self.note(&error);
                    false
                });
                Ok(Answer::Input(Input::Fetched {
                    ticket: *ticket,
                    runs,
                    more,
                }))
            }
            Job::Page {
                group,
                before,
                limit,
                us,
                reply: _,
            } => {
                let page = page::page(&self.db, group, before.as_deref(), *limit, *us);
                let (lines, more) = page.unwrap_or_else(|error| {
                    self.note(&error);
                    Default::default()
                });
                Ok(Answer::Page(lines, more))
            }
            Job::Ask { ask, us, reply: _ } => {
                let told = self.ask(ask, *us).map_err(|error| self.tell(&error));
                Ok(Answer::Told(told))
            }
            Job::Scan {
                group,
                before,
                pattern,
                us,
                reply: _,
            } => {
                let scanned = self.scan(group, before.clone(), pattern, *us);
                Ok(Answer::Scanned(scanned))
            }
        }
    }

    fn ask(&self, ask: &Ask, us: NodeId) -> rusqlite::Result<Option<Told>> {
        let db = &self.db;
        Ok(Some(match ask {
            Ask::Stretch { group, part, limit } => page::stretch(db, group, *part, *limit, us)?,
            Ask::Search { query, limit } => {
                let (lines, more) = match query {
                    Query::Words(words) => search::words(db, words, *limit, us)?,
                    // By steps: see Job::Scan.
                    Query::Pattern { .. } => Default::default(),
                };
                let query = query.clone();
                Told::Found { query, lines, more }
            }
            Ask::Missed { group, words } => seen::missed(db, group, words, us)?,
            Ask::Seen { group, upto } => {
                seen::put(db, group, *upto)?;
                return Ok(None);
            }
        }))
    }

    fn scan(
        &mut self,
        group: &GroupName,
        before: search::Next,
        pattern: &Regex,
        us: NodeId,
    ) -> Result<Scanned, String> {
        search::scan(&self.db, group, before, pattern, us).map_err(|error| self.tell(&error))
    }

    /// Notes an error, and puts it in words for a person.
    fn tell(&mut self, error: &rusqlite::Error) -> String {
        self.note(error);
        if index::is_damage(error) {
            "the index was damaged, and is being made anew".to_owned()
        } else {
            plainly(error)
        }
    }

    fn write(&self, writes: &[Write]) -> Result<Vec<Moved>, Refused> {
        let db = &self.db;
        let mut moved = Vec::new();
        for write in writes {
            match write {
                Write::Run {
                    group,
                    run,
                    head,
                    lease,
                } => {
                    moved.extend(history::write_run(db, group, run, *head, lease)?);
                }
                Write::Evidence { group, fork } => history::put_evidence(db, group, fork)?,
                Write::Outbox { group, entry } => state::put_outbox(db, group, entry)?,
                Write::OutboxDone { group, number } => state::take_outbox(db, group, *number)?,
                Write::Group {
                    group,
                    joined,
                    lease,
                } => state::put_group(db, group, *joined, lease.as_ref())?,
                Write::Nick(nick) => state::put_nick(db, nick)?,
                Write::Verified { person, nick } => {
                    state::put_verified(db, *person, nick.as_ref())?;
                }
                Write::Gates(gates) => state::put_gates(db, gates)?,
                Write::Table(table) => state::put_table(db, table)?,
                Write::Burial(burial) => state::put_burial(db, burial)?,
                Write::Clock(clock) => state::put_clock(db, *clock)?,
                Write::Charter { group, charter } => state::put_charter(db, group, charter)?,
                Write::Rename { group, to } => state::rename_group(db, group, to)?,
                Write::Record { record, noted } => state::put_record(db, record, *noted)?,
                Write::RecordGone { group } => state::drop_record(db, group)?,
            }
        }
        Ok(moved)
    }

    /// The answer to a job that came to nothing.
    fn failed(&mut self, job: &Job, why: &Refused) -> Answer {
        if let Refused::Failed(error) = why {
            self.note(error);
        }
        match job {
            Job::Write { ticket, .. } => {
                tracing::warn!(%why, "not stored");
                Answer::Input(Input::Unwritten {
                    ticket: *ticket,
                    why: why.to_string(),
                })
            }
            Job::Fetch { ticket, .. } => Answer::Input(Input::Fetched {
                ticket: *ticket,
                runs: Vec::new(),
                more: false,
            }),
            Job::Page { .. } => Answer::Page(Vec::new(), false),
            Job::Ask { .. } => Answer::Told(Err(why.to_string())),
            Job::Scan { .. } => Answer::Scanned(Err(why.to_string())),
        }
    }

    /// Remembers that the file is damaged, if that is what an error says.
    fn note(&mut self, error: &rusqlite::Error) {
        tracing::warn!(%error, "store error");
        if index::is_damage(error) {
            match index::reset(&self.db) {
                Ok(()) => self.has_leisure = true,
                Err(error) => tracing::warn!(%error, "the index cannot be made anew"),
            }
            return;
        }
        let is_unreadable = matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
        );
        let is_malformed = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        );
        self.is_damaged |= is_unreadable || is_malformed;
    }

    fn close(self) {
        if self.is_damaged
            && let Err(error) = open::leave_as_is(&self.db, true)
        {
            tracing::warn!(%error, "store error");
        }
        if let Err((_, error)) = self.db.close() {
            tracing::warn!(%error, "store error");
        }
    }
}
