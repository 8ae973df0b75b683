//! The small windows of the protocol, in which a blow does most harm.

use fireside::proto::wire::Message;

/// A small window of the protocol, seen by a message that has just been sent and has not arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Registering,
    HandingOver,
    Greeting,
    ChangingHeirs,
    Merging,
    Speaking,
    Confirming,
    Moving,
}

impl Moment {
    pub const ALL: [Self; 8] = [
        Self::Registering,
        Self::HandingOver,
        Self::Greeting,
        Self::ChangingHeirs,
        Self::Merging,
        Self::Speaking,
        Self::Confirming,
        Self::Moving,
    ];

    /// The window that a message is in.
    pub fn of(message: &Message) -> Option<Self> {
        match message {
            Message::Register { .. } => Some(Self::Registering),
            Message::Leave { .. } | Message::HostIs { .. } | Message::Not { .. } => {
                Some(Self::HandingOver)
            }
            Message::Hello { .. } | Message::Welcome { .. } => Some(Self::Greeting),
            Message::Deliver { runs, report, .. } if *report && runs.is_empty() => {
                Some(Self::ChangingHeirs)
            }
            Message::Push { .. } => Some(Self::Merging),
            Message::Put { .. } | Message::Deliver { .. } => Some(Self::Speaking),
            Message::Stored { .. } | Message::Kept { .. } => Some(Self::Confirming),
            Message::Moved { .. }
            | Message::Transfer { .. }
            | Message::Query { .. }
            | Message::Known { .. } => Some(Self::Moving),
            Message::Open { .. }
            | Message::Observed { .. }
            | Message::TableWanted { .. }
            | Message::Table { .. }
            | Message::Gossip(_)
            | Message::TableDigest { .. }
            | Message::TableBlocks { .. }
            | Message::TableClocks { .. }
            | Message::RecordsWanted { .. }
            | Message::Buried { .. }
            | Message::Unlisted { .. }
            | Message::Introduce { .. }
            | Message::Outcome(_)
            | Message::Refused { .. }
            | Message::Presence { .. }
            | Message::Unfollow { .. }
            | Message::Declined { .. }
            | Message::Blocks { .. }
            | Message::Older { .. }
            | Message::Founded { .. }
            | Message::Merged { .. }
            | Message::Here { .. }
            | Message::Seek { .. }
            | Message::Sought { .. }
            | Message::Whisper { .. }
            | Message::Out { .. }
            | Message::Heard { .. } => None,
        }
    }
}
