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
    both_join(GROUP, host, guest);
}

/// Says when the second one asked to come in.
fn both_join(group: &str, host: &mut Client, guest: &mut Client) -> Instant {
    host.joins(group);
    let began = Instant::now();
    guest.joins(group);
    let nicks = [guest.nick.clone(), host.nick.clone()];
    for (client, other) in [host, guest].into_iter().zip(nicks) {
        client.sees(&format!("{other} in the group"), |e| {
            e["group"] == group && shows(e, &other)
        });
    }
    began
}

/// The identity of somebody, as others are told it.
pub(crate) fn id(client: &Client) -> String {
    let ready = client.events.iter().find(|e| e["event"] == "ready");
    ready.unwrap()["id"].as_str().unwrap().to_owned()
}

/// How two met.
pub(crate) struct Met {
    /// When the second one asked to come in.
    pub(crate) began: Instant,
    /// Until both had each other there.
    pub(crate) took: Duration,
    /// The longest wait for a line of what they said at once.
    pub(crate) longest: Duration,
}

/// Both come into a group of their own, the first one first, and talk at once.
pub(crate) fn meet_in(group: &str, host: &mut Client, guest: &mut Client) -> Met {
    let began = both_join(group, host, guest);
    let took = began.elapsed();
    let longest = chatter_in(group, host, guest, "meanwhile");
    Met {
        began,
        took,
        longest,
    }
}

/// How long two must have tried to reach each other directly before it is believed that they cannot: what is tried is
/// tried often at first, and most of it within this.
const TRIED: Duration = Duration::from_secs(4);

/// That two who met then have tried, and never reached each other straight.
#[track_caller]
pub(crate) fn stays_relayed(group: &str, one: &mut Client, other: &mut Client, since: Instant) {
    std::thread::sleep(TRIED.saturating_sub(since.elapsed()));
    // All that was told before this is read with it.
    chatter_in(group, one, other, "after all");
    let ids = [id(other), id(one)];
    for (client, peer) in [one, other].into_iter().zip(ids) {
        let paths = client.events.iter();
        let paths = paths.filter(|e| e["event"] == "path" && e["peer"] == peer);
        let paths: Vec<_> = paths.map(|e| &e["path"]).collect();
        assert!(!paths.is_empty(), "{} was told of no path", client.nick);
        assert!(
            paths.iter().all(|path| *path != "direct"),
            "{} went direct",
            client.nick
        );
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
    chatter_in(GROUP, one, other, word)
}

fn chatter_in(group: &str, one: &mut Client, other: &mut Client, word: &str) -> Duration {
    let waits = (0..BURST).map(|number| exchange(group, [one, other], word, number, || ()));
    waits.max().unwrap_or_default()
}

/// The same, with something that happens while lines are under way; the waits count from before it.
pub(crate) fn chatter_through(
    one: &mut Client,
    other: &mut Client,
    word: &str,
    happens: impl FnOnce(),
) -> Duration {
    let mut happens = Some(happens);
    let waits = (0..BURST).map(|number| {
        let happens = happens.take_if(|_| number == BURST / 3);
        exchange(GROUP, [one, other], word, number, || {
            if let Some(happens) = happens {
                happens();
            }
        })
    });
    waits.max().unwrap_or_default()
}

/// Each says a line, something happens, and each has the other's line; how long that took.
fn exchange(
    group: &str,
    [one, other]: [&mut Client; 2],
    word: &str,
    number: u32,
    happens: impl FnOnce(),
) -> Duration {
    let began = Instant::now();
    let (mark_one, mark_other) = (one.mark(), other.mark());
    let (from_one, from_other) = (
        format!("{word} {number} there"),
        format!("{word} {number} back"),
    );
    one.types(&format!("/msg {group} {from_one}"));
    other.types(&format!("/msg {group} {from_other}"));
    happens();
    let is =
        |e: &Value, text: &str| e["event"] == "message" && e["group"] == group && e["text"] == text;
    other.sees_after(mark_other, &from_one, |e| is(e, &from_one));
    one.sees_after(mark_one, &from_other, |e| is(e, &from_other));
    began.elapsed()
}

/// Tells what a fault cost.
pub(crate) fn tells(what: &str, longest: Duration) {
    println!(
        "| {what:58} | longest wait of a line {:5} ms |",
        longest.as_millis()
    );
}

/// Until the host would take as many lines at once again.
pub(crate) fn catches_breath() {
    std::thread::sleep(Duration::from_millis(500) * BURST);
}
