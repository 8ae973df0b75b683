//! One role wired to its network and its disk: what the role wants goes out, what comes of it goes back in.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::net::{Endpoint, driver};
use crate::proto::event::{Event, MeshState};
use crate::proto::limits::INPUT_QUEUE_MAX;
use crate::proto::role::{Input, Output, Role};
use crate::store::{Job, Opened, Store};

/// Both ends of the channel that feeds a role.
pub(crate) struct Inputs {
    pub(crate) sender: mpsc::Sender<Input>,
    pub(crate) receiver: mpsc::Receiver<Input>,
}

/// Where a role's words for others than the network go.
pub(crate) struct Outlets {
    /// What it tells its face. While that is full the role waits, and with it whoever feeds it.
    pub(crate) events: mpsc::Sender<Event>,
    /// Said right after the first event.
    pub(crate) notes: VecDeque<Event>,
    /// One place, so that wishes to look for nodes do not pile up.
    pub(crate) discover: mpsc::Sender<()>,
    /// Counts the times a search came to its end.
    pub(crate) found: watch::Sender<u64>,
    /// Counts the writes that the disk did not take.
    pub(crate) unwritten: Arc<AtomicU64>,
}

/// A channel to a role.
pub(crate) fn inputs() -> Inputs {
    let (sender, receiver) = mpsc::channel(INPUT_QUEUE_MAX);
    Inputs { sender, receiver }
}

/// Runs a role until it finishes or `stop`, then closes its store.
///
/// # Errors
/// When its network fails.
pub(crate) async fn run(
    role: Box<dyn Role + Send>,
    endpoint: Endpoint,
    disk: Opened,
    inputs: Inputs,
    mut outlets: Outlets,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Opened {
        store, mut answers, ..
    } = disk;
    let (sender, mut outputs) = mpsc::channel(INPUT_QUEUE_MAX);
    let Inputs {
        sender: feed,
        receiver,
    } = inputs;
    let driver = tokio::spawn(driver::run(role, endpoint, receiver, sender, stop));
    let mut trouble = Trouble {
        unwritten: Arc::clone(&outlets.unwritten),
        is_now: false,
    };
    // Goes on reading when the role is gone, so that the store is never kept from its last jobs.
    let answered = tokio::spawn(async move {
        while let Some(answer) = answers.recv().await {
            trouble.note(&answer);
            _ = feed.send(answer).await;
        }
    });
    while let Some(output) = outputs.recv().await {
        perform(output, &store, &mut outlets).await;
    }
    let ended = driver.await;
    store.close().await;
    drop(store);
    answered
        .await
        .context("the way back from the store broke")?;
    ended.context("the network's task broke")?
}

/// Whether the disk takes what is written, for the operator: told when it changes.
struct Trouble {
    unwritten: Arc<AtomicU64>,
    is_now: bool,
}

impl Trouble {
    fn note(&mut self, answer: &Input) {
        if let Input::Unwritten { why, .. } = answer {
            self.unwritten.fetch_add(1, Ordering::Relaxed);
            if !std::mem::replace(&mut self.is_now, true) {
                tracing::error!(%why, "the disk takes nothing; free some space, or mend it");
            }
        } else if matches!(answer, Input::Written { .. })
            && std::mem::replace(&mut self.is_now, false)
        {
            tracing::info!("the disk takes what is written again");
        }
    }
}

async fn perform(output: Output, store: &Store, outlets: &mut Outlets) {
    match output {
        Output::Write { ticket, writes } => submit(store, Job::Write { ticket, writes }).await,
        Output::Fetch {
            ticket,
            group,
            after,
            upto,
        } => {
            let job = Job::Fetch {
                ticket,
                group,
                after,
                upto,
            };
            submit(store, job).await;
        }
        Output::Discover => {
            // A wish that waits already stands for this one too.
            _ = outlets.discover.try_send(());
        }
        Output::Tell(event) => {
            if matches!(
                &event,
                Event::Mesh {
                    state: MeshState::Linked { .. }
                }
            ) {
                outlets.found.send_modify(|times| *times += 1);
            }
            // A face that is gone has asked us to end; until then nobody listens.
            _ = outlets.events.send(event).await;
            for note in outlets.notes.drain(..) {
                _ = outlets.events.send(note).await;
            }
        }
        Output::Finish => {}
        Output::Dial { .. }
        | Output::Route { .. }
        | Output::Show { .. }
        | Output::Reach { .. }
        | Output::Heed { .. }
        | Output::Send { .. }
        | Output::Close { .. } => {
            tracing::error!("the driver passed on what is its own to do");
        }
    }
}

async fn submit(store: &Store, job: Job) {
    if store.submit(job).await.is_err() {
        tracing::error!("the store has ended before its node");
    }
}
