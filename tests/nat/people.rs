//! What people do with each other, wherever they sit.

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
