//! Questions of a face about the past, put to the store.

use regex::Regex;
use tokio::sync::{mpsc, oneshot};

use crate::proto::event::{Event, Line};
use crate::proto::id::{GroupName, NodeId};
use crate::proto::past::{Ask, Query, Told};
use crate::store::{Job, Store};

/// Answers one question, also when there is nothing to tell.
pub(super) async fn answer(ask: Ask, us: NodeId, store: Store, events: mpsc::Sender<Event>) {
    let told = match &ask {
        Ask::Search {
            query: query @ Query::Pattern { group, pattern },
            limit,
        } => scan(group, pattern, *limit, us, &store)
            .await
            .map(|(lines, more)| {
                let query = query.clone();
                Some(Told::Found { query, lines, more })
            }),
        Ask::Stretch { .. } | Ask::Search { .. } | Ask::Missed { .. } | Ask::Seen { .. } => {
            put(ask.clone(), us, &store).await
        }
    };
    let told = match told {
        Ok(told) => told,
        Err(why) => {
            _ = events.send(failed(why)).await;
            nothing(ask)
        }
    };
    if let Some(told) = told {
        _ = events.send(Event::Past(told)).await;
    }
}

async fn put(ask: Ask, us: NodeId, store: &Store) -> Result<Option<Told>, String> {
    let (reply, told) = oneshot::channel();
    let job = Job::Ask { ask, us, reply };
    store.submit(job).await.map_err(|why| why.to_string())?;
    told.await.unwrap_or(Ok(None))
}

/// Looks through a group's log step by step, so that what is to be written comes in between.
async fn scan(
    group: &GroupName,
    pattern: &str,
    limit: usize,
    us: NodeId,
    store: &Store,
) -> Result<(Vec<Line>, bool), String> {
    let pattern = Regex::new(pattern).map_err(|why| why.to_string())?;
    let mut lines = Vec::new();
    let mut before = None;
    loop {
        let (reply, scanned) = oneshot::channel();
        let job = Job::Scan {
            group: group.clone(),
            before,
            pattern: pattern.clone(),
            us,
            reply,
        };
        store.submit(job).await.map_err(|why| why.to_string())?;
        let Ok(scanned) = scanned.await else {
            return Ok((lines, false));
        };
        let (found, next) = scanned?;
        lines.extend(found);
        if lines.len() > limit || next.is_none() {
            let more = lines.len() > limit;
            lines.truncate(limit);
            return Ok((lines, more));
        }
        before = next;
    }
}

fn failed(why: String) -> Event {
    Event::Error {
        group: None,
        what: "cannot look into the stored history".to_owned(),
        why,
        try_: "try again, or start fireside again: what is damaged is looked for then".to_owned(),
    }
}

/// The answer to a question that failed.
fn nothing(ask: Ask) -> Option<Told> {
    match ask {
        Ask::Stretch { group, part, .. } => Some(Told::Stretch {
            group,
            part,
            lines: Vec::new(),
            at: None,
            older: false,
            newer: false,
        }),
        Ask::Search { query, .. } => Some(Told::Found {
            query,
            lines: Vec::new(),
            more: false,
        }),
        Ask::Missed { group, .. } => Some(Told::Missed {
            group,
            seen: None,
            lines: 0,
            mentions: 0,
        }),
        Ask::Seen { .. } => None,
    }
}
