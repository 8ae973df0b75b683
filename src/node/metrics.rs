//! Tells a server's figures to whoever watches it, as Prometheus reads them: `GET /metrics` over HTTP/1.1, and
//! nothing else.
//!
//! It is meant for the machine itself or a watcher on its network, and guards itself against neither being so: a
//! request is short and comes soon, or is not answered, and few are heard at once.

mod text;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub(crate) use text::Sheet;

use crate::report::Failure;

/// Where a watcher on the same machine looks, if nobody says.
pub const PORT: u16 = 9700;
/// Requests heard at once; whoever comes then waits in the system's queue.
const AT_ONCE_MAX: usize = 8;
/// A request with its headers; a watcher sends a few hundred bytes.
const REQUEST_SIZE_MAX: usize = 8 * 1024;
/// How long one may take to come, and its answer to go.
const REQUEST_WAIT: Duration = Duration::from_secs(5);
/// How long the node may take to answer: one that does not turn for so long has no figures.
const ANSWER_WAIT: Duration = Duration::from_secs(2);
/// How long to leave it after the system did not let us have a connection (it is out of files, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A place where figures are told.
pub(crate) struct Metrics {
    listener: TcpListener,
}

impl Metrics {
    /// Begins to listen; must be called inside a tokio runtime.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, Failure> {
        let bound = std::net::TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        });
        let listener = bound.map_err(|why| {
            Failure::new(
                format!("cannot tell metrics at {address}"),
                why.to_string().to_lowercase(),
                "choose another address and port with --metrics",
            )
        })?;
        // The port is known even if any was asked for.
        let address = listener.local_addr().unwrap_or(address);
        if address.ip().is_loopback() {
            tracing::info!(%address, "telling metrics");
        } else {
            tracing::warn!(%address, "telling metrics to whoever reaches this address");
        }
        Ok(Self { listener })
    }

    /// Answers until it is aborted.
    pub(crate) async fn run(self, sheet: Sheet) {
        let sheet = Arc::new(sheet);
        let room = Arc::new(Semaphore::new(AT_ONCE_MAX));
        loop {
            let permit = Arc::clone(&room).acquire_owned().await;
            let permit = permit.expect("this semaphore is never closed");
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let sheet = Arc::clone(&sheet);
                    tokio::spawn(async move {
                        // Who is too slow, or has gone, gets no answer.
                        _ = timeout(REQUEST_WAIT, answer(stream, &sheet)).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot take a request for metrics");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn answer(mut stream: TcpStream, sheet: &Sheet) -> std::io::Result<()> {
    let request = read_request(&mut stream).await?;
    let response = match asked(&request) {
        Asked::Metrics => match timeout(ANSWER_WAIT, sheet.filled()).await {
            Ok(Some(sheet)) => response("200 OK", TEXT_FORMAT, &sheet),
            Ok(None) | Err(_) => plain("503 Service Unavailable", "the node does not answer"),
        },
        Asked::Elsewhere => plain("404 Not Found", "there is /metrics and nothing else"),
        Asked::Otherwise => plain("405 Method Not Allowed", "ask with GET"),
        Asked::Nonsense => plain("400 Bad Request", "this is no request of HTTP/1.1"),
    };
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await
}

/// Everything up to the empty line after the headers, or as much of it as we are willing to read.
async fn read_request(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut request = Vec::with_capacity(512);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).await?;
        if count == 0 || request.len() + count > REQUEST_SIZE_MAX {
            return Ok(Vec::new());
        }
        request.extend_from_slice(&piece[..count]);
    }
    Ok(request)
}

/// What a request wants.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Metrics,
    /// Another page.
    Elsewhere,
    /// Another method.
    Otherwise,
    Nonsense,
}

fn asked(request: &[u8]) -> Asked {
    let line = request.split(|byte| *byte == b'\r').next();
    let words = line.and_then(|line| std::str::from_utf8(line).ok());
    let words: Vec<&str> = words.into_iter().flat_map(|line| line.split(' ')).collect();
    match words.as_slice() {
        [method, path, version] if version.starts_with("HTTP/1.") => {
            let path = path.split('?').next().unwrap_or_default();
            match (*method, path) {
                ("GET", "/metrics") => Asked::Metrics,
                ("GET", _) => Asked::Elsewhere,
                (_, _) => Asked::Otherwise,
            }
        }
        [] | [_, ..] => Asked::Nonsense,
    }
}

/// The exposition format's own type.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

fn plain(status: &str, words: &str) -> String {
    response(status, "text/plain; charset=utf-8", &format!("{words}\n"))
}

fn response(status: &str, kind: &str, body: &str) -> String {
    let size = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_page_is_told_and_nothing_else() {
        for (request, expected) in [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Asked::Metrics),
            ("GET /metrics?x=1 HTTP/1.0\r\n\r\n", Asked::Metrics),
            ("GET / HTTP/1.1\r\n\r\n", Asked::Elsewhere),
            ("GET /metrics/../etc HTTP/1.1\r\n\r\n", Asked::Elsewhere),
            ("POST /metrics HTTP/1.1\r\n\r\n", Asked::Otherwise),
            ("GET /metrics HTTP/2\r\n\r\n", Asked::Nonsense),
            ("GET  /metrics HTTP/1.1\r\n\r\n", Asked::Nonsense),
            ("GET /metrics\r\n\r\n", Asked::Nonsense),
            ("", Asked::Nonsense),
        ] {
            assert_eq!(asked(request.as_bytes()), expected, "{request:?}");
        }
        assert_eq!(asked(b"\xff\xfe\r\n\r\n"), Asked::Nonsense);
    }
}
