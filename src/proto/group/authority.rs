//! Who may do what in a group: the questions a host asks before it gives an entry a place. A host that does not ask
//! gains nothing by it: everybody asks [`Rights::stands`](super::rights::Rights::stands) of what has one.

use super::rights::Lack;
use super::roster::Roster;
use crate::proto::id::NodeId;
use crate::proto::limits::MEMBERS_MAX;
use crate::proto::ruling::{Mode, Rank, Ruling};
use crate::proto::wire::{Body, Entry, Refusal};

/// Whether `entry` may have a place in the line of `host`.
///
/// # Errors
/// The reason it may not, which its author is told.
pub(crate) fn judge(roster: &Roster, entry: &Entry, host: &NodeId) -> Result<(), Refusal> {
    let author = &entry.author;
    match &entry.body {
        Body::Join { .. } if roster.rights().is_banned(author, None) => Err(Refusal::Banned),
        Body::Join { nick } | Body::Nick { nick } if roster.holder(nick, author).is_some() => {
            Err(Refusal::NickTaken)
        }
        Body::Join { .. } if !roster.contains(author) && roster.len() >= MEMBERS_MAX => {
            Err(Refusal::Full)
        }
        Body::Join { .. } | Body::Void => Ok(()),
        Body::Gone { .. } if author != host => Err(Refusal::NotAllowed),
        Body::Gone { .. } => Ok(()),
        // Who was missed and comes back has its waiting lines placed before it joins again.
        Body::Text { .. }
        | Body::Action { .. }
        | Body::Topic { .. }
        | Body::Nick { .. }
        | Body::Part { .. }
        | Body::Quit { .. }
        | Body::Ruling(_) => {
            if roster.contains(author) || roster.was_missed(author) {
                entitled(roster, author, &entry.body)
            } else {
                Err(Refusal::NotAMember)
            }
        }
    }
}

/// Whether a member has the right to what it does, as things stand at the log's end.
fn entitled(roster: &Roster, author: &NodeId, body: &Body) -> Result<(), Refusal> {
    let rights = roster.rights();
    match body {
        Body::Text { .. } | Body::Action { .. } => {
            let is_silenced =
                rights.holds(Mode::Moderated, None) && rights.rank(author, None) < Rank::Operator;
            if is_silenced {
                Err(Refusal::Moderated)
            } else {
                Ok(())
            }
        }
        Body::Topic { .. } if !rights.may_set_topic(author, None) => Err(Refusal::NotAnOperator),
        Body::Ruling(Ruling::Kick { member, .. }) if !roster.contains(member) => {
            Err(Refusal::NotThere)
        }
        Body::Ruling(ruling) => rights
            .allows(author, ruling, None)
            .map_err(|lack| match lack {
                Lack::Founder => Refusal::NotTheFounder,
                Lack::Operator => Refusal::NotAnOperator,
                Lack::Rank => Refusal::Outranked,
            }),
        Body::Join { .. }
        | Body::Part { .. }
        | Body::Quit { .. }
        | Body::Nick { .. }
        | Body::Topic { .. }
        | Body::Gone { .. }
        | Body::Void => Ok(()),
    }
}
