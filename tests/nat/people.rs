//! What people do with each other, wherever they sit.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::Client;

pub(crate) const GROUP: &str = "#hearth";

/// Whether an event shows somebody in the group.
fn shows(event: &Value, nick: &str) -> bool {
    let members = event["members"].as_array();
    (event["event"] == "join" && event["from"] == nick)
        || members.is_some_and(|members| members.iter().any(|member| member["nick"] == nick))
}

/// Both come into the group, the first one first, and have each other there.
pub(crate) fn meet(host: &mut Client, guest: &mut Client) {
    host.joins(GROUP);
    guest.joins(GROUP);
    let nicks = [guest.nick.clone(), host.nick.clone()];
    for (client, other) in [host, guest].into_iter().zip(nicks) {
        client.sees(&format!("{other} in the group"), |e| shows(e, &other));
    }
}

/// Everybody says a line, and everybody sees every line, once.
pub(crate) fn talk(clients: &mut [&mut Client], word: &str) {
    let mut lines = Vec::new();
    for client in clients.iter_mut() {
        let line = format!("{word} {}", client.nick);
        client.types(&line);
        lines.push(line);
    }
    for client in clients.iter_mut() {
        for line in &lines {
            client.sees_text(line);
            client.has_once(line);
        }
    }
}

/// Waits until packets go this way.
pub(crate) fn goes(client: &mut Client, way: &str) -> Value {
    client.sees(way, |e| e["event"] == "path" && e["path"] == way)
}

/// The same, of what was told after the first `mark` events.
pub(crate) fn goes_again(client: &mut Client, mark: usize, way: &str) -> Value {
    client.sees_after(mark, way, |e| e["event"] == "path" && e["path"] == way)
}

/// That nobody was ever reached straight.
#[track_caller]
pub(crate) fn is_relayed_throughout(clients: &[&Client]) {
    for client in clients {
        let mut paths = client.events.iter().filter(|e| e["event"] == "path");
        assert!(
            paths.all(|e| e["path"] != "direct"),
            "{} went direct",
            client.nick
        );
    }
}

/// As many lines as somebody may say at once before the host paces them.
const BURST: u32 = 9;

/// A lively talk for a moment: both say line after line, and each is waited for before the next in its direction, so
/// that a gap is seen. The longest wait of a line.
pub(crate) fn chatter(one: &mut Client, other: &mut Client, word: &str) -> Duration {
    let mut longest = Duration::ZERO;
    for number in 0..BURST {
        let began = Instant::now();
        let (mark_one, mark_other) = (one.mark(), other.mark());
        let (from_one, from_other) = (
            format!("{word} {number} there"),
            format!("{word} {number} back"),
        );
        one.types(&from_one);
        other.types(&from_other);
        other.sees_after(mark_other, &from_one, |e| e["text"] == from_one);
        one.sees_after(mark_one, &from_other, |e| e["text"] == from_other);
        longest = longest.max(began.elapsed());
    }
    longest
}

/// Until the host would take as many lines at once again.
pub(crate) fn catches_breath() {
    std::thread::sleep(Duration::from_millis(500) * BURST);
}
