//! Lines to standard output, written on a thread of their own: a reader that stops must stop its events, never
//! the network.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Lines waiting for a slow reader; then the face waits, and in the end the node.
const LINES_MAX: usize = 256;
/// How long the last lines may take to be read.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The way to standard output.
#[derive(Debug)]
pub(super) struct Output {
    lines: mpsc::Sender<String>,
    done: oneshot::Receiver<()>,
}

/// Nobody reads any more.
#[derive(Debug)]
pub(super) struct Unread;

impl Output {
    pub(super) fn stdout() -> io::Result<Self> {
        let (sender, mut receiver) = mpsc::channel::<String>(LINES_MAX);
        let (finished, done) = oneshot::channel();
        thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || {
                let mut out = io::stdout().lock();
                while let Some(line) = receiver.blocking_recv() {
                    // A closed pipe closes the channel, which is how the face learns of it.
                    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                        break;
                    }
                }
                _ = finished.send(());
            })?;
        Ok(Self {
            lines: sender,
            done,
        })
    }

    /// Puts a line in the queue; waits while that is full. Cancel-safe: a line not taken was not written.
    pub(super) async fn line(&self, line: String) -> Result<(), Unread> {
        self.lines.send(line).await.map_err(|_| Unread)
    }

    /// Ends when nobody reads any more.
    pub(super) async fn unread(&self) {
        self.lines.closed().await;
    }

    /// Waits until all is written, or the reader has had its time.
    pub(super) async fn finish(self) {
        drop(self.lines);
        _ = timeout(LAST_WORDS, self.done).await;
    }
}
