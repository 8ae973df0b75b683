//! Reads the terminal: what is typed, clicked and pasted, and its size when that changes.

use crossterm::event::{KeyEvent, MouseEvent};

pub(crate) use self::system::Reader;
use super::colour::Rgb;

/// What a person did at the terminal, or what the terminal says of itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    Key(KeyEvent),
    Mouse(MouseEvent),
    Paste {
        text: String,
        /// Whether its end came, too.
        whole: bool,
    },
    /// The terminal has so many columns and rows now.
    Resize(u16, u16),
    /// Whether what is typed comes here.
    Focus(bool),
    /// The colour behind everything, which was asked for.
    Ground(Rgb),
}

#[cfg(unix)]
mod system {
    use std::collections::VecDeque;
    use std::io::{self, Stdin, stdin};
    use std::sync::{Mutex, PoisonError};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::{read, retry_on_intr};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::signal::unix::{Signal, SignalKind, signal};
    use tokio::time::{Instant, sleep_until};

    use super::Input;
    use crate::tui::decode::Decoder;

    /// Read at once.
    const CHUNK_SIZE: usize = 4096;

    /// What was typed ahead to a reader that is gone, for the next: there is one terminal.
    static AHEAD: Mutex<VecDeque<Input>> = Mutex::new(VecDeque::new());

    /// Reads the terminal on standard input.
    #[derive(Debug)]
    pub(crate) struct Reader {
        terminal: AsyncFd<Stdin>,
        resized: Signal,
        decoder: Decoder,
        inputs: VecDeque<Input>,
        /// When what has begun is taken for what it is, if nothing more comes.
        due: Option<Instant>,
    }

    impl Reader {
        /// # Errors
        /// If the system gives no word of what comes.
        pub(crate) fn open() -> io::Result<Self> {
            let inputs = std::mem::take(&mut *AHEAD.lock().unwrap_or_else(PoisonError::into_inner));
            Ok(Self {
                terminal: registered(stdin())?,
                resized: signal(SignalKind::window_change())?,
                decoder: Decoder::default(),
                inputs,
                due: None,
            })
        }

        /// The next input. Cancel safe.
        ///
        /// # Errors
        /// If the terminal is gone.
        pub(crate) async fn next(&mut self) -> io::Result<Input> {
            loop {
                if let Some(input) = self.inputs.pop_front() {
                    return Ok(input);
                }
                tokio::select! {
                    biased;
                    ready = self.terminal.readable() => {
                        let mut ready = ready?;
                        if !is_ready(&self.terminal)? {
                            ready.clear_ready();
                            continue;
                        }
                    }
                    _ = self.resized.recv() => {
                        let (columns, rows) = crossterm::terminal::size()?;
                        self.inputs.push_back(Input::Resize(columns, rows));
                        continue;
                    }
                    () = sleep_until(self.due.unwrap_or_else(Instant::now)), if self.due.is_some() => {
                        // Where this process was held up, the rest may be there by now.
                        if !is_ready(&self.terminal)? {
                            self.due = None;
                            self.decoder.end(&mut self.inputs);
                            continue;
                        }
                    }
                }
                self.read()?;
            }
        }

        /// Takes in what is there; something is.
        fn read(&mut self) -> io::Result<()> {
            let mut chunk = [0; CHUNK_SIZE];
            match retry_on_intr(|| read(self.terminal.get_ref(), &mut chunk))? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                size => self.decoder.take(&chunk[..size], &mut self.inputs),
            }
            self.due = self.decoder.patience().map(|wait| Instant::now() + wait);
            Ok(())
        }
    }

    impl Drop for Reader {
        fn drop(&mut self) {
            let ahead = std::mem::take(&mut self.inputs);
            AHEAD
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(ahead);
        }
    }

    #[allow(
        deprecated,
        reason = "what tokio has instead is for descriptors that may be closed meanwhile; this one never is"
    )]
    fn registered(terminal: Stdin) -> io::Result<AsyncFd<Stdin>> {
        AsyncFd::with_interest(terminal, Interest::READABLE)
    }

    /// Whether a read would not wait. The terminal itself must not be set to do so: the shell reads it, too.
    fn is_ready(terminal: &AsyncFd<Stdin>) -> io::Result<bool> {
        let at_once = Timespec::default();
        let mut waiting = [PollFd::new(terminal.get_ref(), PollFlags::IN)];
        let ready = retry_on_intr(|| poll(&mut waiting, Some(&at_once)))?;
        Ok(ready > 0)
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    use crossterm::event::{Event, EventStream};
    use futures_util::StreamExt;

    use super::Input;

    /// Reads the console, which tells of keys as such.
    #[derive(Debug)]
    pub(crate) struct Reader {
        events: EventStream,
    }

    impl Reader {
        /// # Errors
        /// None here.
        pub(crate) fn open() -> io::Result<Self> {
            Ok(Self {
                events: EventStream::new(),
            })
        }

        /// The next input. Cancel safe.
        ///
        /// # Errors
        /// If the console is gone.
        pub(crate) async fn next(&mut self) -> io::Result<Input> {
            Ok(match self.events.next().await {
                Some(event) => match event? {
                    Event::Key(key) => Input::Key(key),
                    Event::Mouse(mouse) => Input::Mouse(mouse),
                    Event::Paste(text) => Input::Paste { text, whole: true },
                    Event::Resize(columns, rows) => Input::Resize(columns, rows),
                    Event::FocusGained => Input::Focus(true),
                    Event::FocusLost => Input::Focus(false),
                },
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            })
        }
    }
}
