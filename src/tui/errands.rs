//! What the screen asks of disk and editor, done one after the other on a thread of its own, so that it never waits.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

use super::app::Errand;
use super::{outside, typed};
use crate::config::{self, Choices};
use crate::report::Failure;

/// Errands handed to the thread at once; the others wait with us.
const HANDED_MAX: usize = 16;
/// Errands that wait; then the oldest line to be kept is let go.
const WAITING_MAX: usize = 256;

/// What came of an errand, where somebody wants to know.
#[derive(Debug)]
pub(super) enum Done {
    /// What was chosen could not be written down.
    NotSaved(Failure),
    Read(Box<Result<Choices, Failure>>),
    /// Lines typed at earlier starts: the window's name, and the line.
    Typed(Vec<(String, String)>),
    /// Lines cannot be kept, or cannot be read.
    NotKept(io::Error),
    Edited(Result<String, String>),
}

/// The thread, and the way there and back.
#[derive(Debug)]
pub(super) struct Errands {
    waiting: VecDeque<Errand>,
    hand: Option<SyncSender<Errand>>,
    done: Option<mpsc::Receiver<Done>>,
    thread: Option<JoinHandle<()>>,
}

impl Errands {
    /// Begins with reading the lines that were typed before, `kept` at most, if there is a place for them.
    pub(super) fn start(typed: Option<PathBuf>, kept: usize) -> io::Result<Self> {
        let (hand, errands) = sync_channel(HANDED_MAX);
        let (tell, done) = mpsc::channel(HANDED_MAX);
        let typed = typed.filter(|_| kept > 0);
        let work = move || run(&errands, &tell, typed.as_deref(), kept);
        let thread = thread::Builder::new()
            .name("errands".to_owned())
            .spawn(work)?;
        Ok(Self {
            waiting: VecDeque::new(),
            hand: Some(hand),
            done: Some(done),
            thread: Some(thread),
        })
    }

    pub(super) fn push(&mut self, errand: Errand) {
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(errand);
        self.hand_over();
    }

    /// What came of the next one.
    pub(super) async fn done(&mut self) -> Done {
        let done = match &mut self.done {
            Some(done) => done.recv().await,
            None => None,
        };
        match done {
            Some(done) => {
                self.hand_over();
                done
            }
            None => std::future::pending().await,
        }
    }

    fn hand_over(&mut self) {
        let Some(hand) = &self.hand else {
            return;
        };
        while let Some(errand) = self.waiting.pop_front() {
            match hand.try_send(errand) {
                Ok(()) => {}
                Err(TrySendError::Full(errand) | TrySendError::Disconnected(errand)) => {
                    return self.waiting.push_front(errand);
                }
            }
        }
    }
}

impl Drop for Errands {
    /// What was chosen last is written before the end.
    fn drop(&mut self) {
        self.done = None;
        if let Some(hand) = self.hand.take() {
            for errand in self.waiting.drain(..) {
                _ = hand.send(errand);
            }
        }
        if let Some(thread) = self.thread.take() {
            // A panic there has been told by then.
            _ = thread.join();
        }
    }
}

fn run(errands: &Receiver<Errand>, tell: &mpsc::Sender<Done>, typed: Option<&Path>, kept: usize) {
    if let Some(path) = typed {
        let read = typed::load(path, kept);
        _ = tell.blocking_send(read.map_or_else(Done::NotKept, Done::Typed));
    }
    let mut is_told = false;
    while let Ok(errand) = errands.recv() {
        let done = match errand {
            Errand::Save(file, change) => config::save(&file, &change).err().map(Done::NotSaved),
            Errand::Reload(file) => Some(Done::Read(Box::new(Choices::open(Some(file))))),
            Errand::Outside(text) => Some(Done::Edited(outside::edit(&text))),
            Errand::Keep(window, line) => {
                let kept = typed
                    .as_ref()
                    .map(|path| typed::append(path, &window, &line));
                // Said once: the next line would fare no better.
                let failed = kept.and_then(Result::err).filter(|_| !is_told);
                is_told |= failed.is_some();
                failed.map(Done::NotKept)
            }
            // The terminal's, which is not here.
            Errand::Call { .. } => None,
        };
        if let Some(done) = done {
            _ = tell.blocking_send(done);
        }
    }
}
