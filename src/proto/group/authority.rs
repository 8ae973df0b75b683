//! Who may do what in a group: the questions a host asks before it gives an entry a place.

use super::roster::Roster;
use crate::proto::id::NodeId;
use crate::proto::limits::MEMBERS_MAX;
use crate::proto::wire::{Body, Entry, Refusal};

/// Whether `entry` may have a place in the line of `host`.
///
/// # Errors
/// The reason it may not, which its author is told.
pub(crate) fn judge(roster: &Roster, entry: &Entry, host: &NodeId) -> Result<(), Refusal> {
    let author = &entry.author;
    match &entry.body {
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
        | Body::Quit { .. } => {
            if roster.contains(author) || roster.was_missed(author) {
                Ok(())
            } else {
                Err(Refusal::NotAMember)
            }
        }
    }
}
