//! Lines from standard input, read on a thread of their own, since such a read cannot be called off.

use std::io::{self, BufRead, Read};
use std::thread;

use tokio::sync::mpsc;

use crate::proto::limits::TEXT_SIZE_MAX;

/// Lines read and not yet taken; then whoever writes to us waits.
const LINES_MAX: usize = 64;
/// Bytes of one line that are kept: more than any line that could be sent, so that a longer one is refused as too
/// long rather than cut.
const LINE_SIZE_MAX: u64 = 4 * TEXT_SIZE_MAX as u64;

/// The lines of standard input, until its end.
pub(super) fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(LINES_MAX);
    // The thread is never waited for: it may sit in a read for ever, and the end of the process ends it.
    let reader = thread::Builder::new().name("input".to_owned());
    if let Err(error) = reader.spawn(move || read(io::stdin().lock(), &sender)) {
        tracing::error!(%error, "standard input cannot be read");
    }
    receiver
}

fn read(mut input: impl BufRead, lines: &mpsc::Sender<String>) {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match (&mut input)
            .take(LINE_SIZE_MAX)
            .read_until(b'\n', &mut bytes)
        {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return tracing::debug!(%error, "standard input ended"),
        }
        if bytes.last() != Some(&b'\n') && bytes.len() as u64 == LINE_SIZE_MAX {
            skip_line(&mut input);
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end_matches(['\r', '\n']).to_owned();
        if lines.blocking_send(line).is_err() {
            return;
        }
    }
}

/// Drops what is left of a line that is too long for anything.
fn skip_line(input: &mut impl BufRead) {
    loop {
        let (used, is_end) = match input.fill_buf() {
            Ok([]) | Err(_) => return,
            Ok(bytes) => match bytes.iter().position(|&byte| byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (bytes.len(), false),
            },
        };
        input.consume(used);
        if is_end {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_an_endless_one_costs_no_memory() {
        let endless = vec![b'x'; 3 * LINE_SIZE_MAX as usize];
        let mut input = b"hello\r\n\xff\n".to_vec();
        input.extend(endless);
        input.extend(b"\nlast");
        let (sender, mut receiver) = mpsc::channel(8);
        read(input.as_slice(), &sender);
        drop(sender);
        assert_eq!(receiver.blocking_recv().as_deref(), Some("hello"));
        assert_eq!(receiver.blocking_recv().as_deref(), Some("\u{fffd}"));
        let long = receiver.blocking_recv().unwrap();
        assert_eq!(long.len() as u64, LINE_SIZE_MAX);
        assert_eq!(receiver.blocking_recv().as_deref(), Some("last"));
        assert_eq!(receiver.blocking_recv(), None);
    }
}
