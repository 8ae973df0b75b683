//! Messages to bytes and back: postcard in a frame of four bytes of length (little endian) and the message.
//!
//! The length is checked before anything is allocated, and a frame is all the memory a message can claim.

use std::collections::BTreeMap;

use bytes::Bytes;
use postcard::ser_flavors::Flavor;

use super::id::Epoch;
use super::limits::{
    BLOCKS_AT_ONCE, COUNT_MAX, DIGESTS_MAX, FOUND_AT, FRAME_SIZE_MAX, GROUP_NAME_SIZE_MAX,
    NEWS_PER_GOSSIP_MAX, OUT_PER_MESSAGE_MAX, RECORDS_PER_MESSAGE_MAX, STANDINGS_MAX, TABLE_BLOCKS,
    TEXT_SIZE_MAX, TIPS_MAX, TOPIC_SIZE_MAX, VECTOR_SIZE_MAX, WALL_MAX,
};
use super::ruling::Ruling;
use super::wire::{
    Body, Charter, Doing, Entry, Gossip, GroupRecord, Lease, Message, Reason, Record, Rest, Run,
    Tip, Vector, Whereabouts, Whether,
};

/// Bytes of the length in front of a frame.
pub const LENGTH_SIZE: usize = 4;
/// What small frames fit in; those that wait for a slow link are counted by what is in them.
const FRAME_SIZE_USUAL: usize = 64;
/// What a record takes in a table, with one address and a name of a few words.
const LISTED_SIZE_USUAL: usize = 160;

/// Why bytes are not a message. The link they came over is closed with [`DecodeError::reason`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("a frame of {0} bytes is longer than {FRAME_SIZE_MAX}")]
    TooLong(usize),
    #[error("a frame is not a message: {0}")]
    NotAMessage(postcard::Error),
    #[error("a frame has {0} bytes too many")]
    Trailing(usize),
    #[error("a message breaks the limit on its {0}")]
    OverLimit(&'static str),
}

impl DecodeError {
    /// The number to close the link with.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::TooLong(_) => Reason::TooLong,
            Self::NotAMessage(_) | Self::Trailing(_) => Reason::BadFrame,
            Self::OverLimit(_) => Reason::Limit,
        }
    }
}

/// The frame of `message`, length included.
///
/// # Panics
/// If the message is longer than [`FRAME_SIZE_MAX`], which its maker must prevent by splitting.
#[must_use]
pub fn encode(message: &Message) -> Bytes {
    let mut frame = Frame(Vec::with_capacity(usual_size(message)));
    frame.0.extend_from_slice(&[0; LENGTH_SIZE]);
    let mut frame = postcard::serialize_with_flavor(message, frame)
        .expect("plain data with no map of unknown length always encodes");
    let size = frame.len() - LENGTH_SIZE;
    assert!(size <= FRAME_SIZE_MAX, "a message of {size} bytes was made");
    let length = u32::try_from(size).expect("a frame's size fits");
    frame[..LENGTH_SIZE].copy_from_slice(&length.to_le_bytes());
    frame.into()
}

/// How many bytes to make room for. Only a table is often long, and is what newcomers ask for.
fn usual_size(message: &Message) -> usize {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a wrong guess costs a copy and nothing else"
    )]
    match message {
        Message::Table { listed, .. } => FRAME_SIZE_USUAL + listed.len() * LISTED_SIZE_USUAL,
        _ => FRAME_SIZE_USUAL,
    }
}

/// The bytes of a frame as they are made. Keys and signatures are arrays, which come byte by byte: for each of them
/// postcard's own `to_extend` asks the vector for room in a roundabout way.
struct Frame(Vec<u8>);

impl Flavor for Frame {
    type Output = Vec<u8>;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

/// The size that the length in front of a frame announces.
///
/// # Errors
/// [`DecodeError::TooLong`] above [`FRAME_SIZE_MAX`]; nothing has been allocated then.
pub fn frame_size(length: [u8; LENGTH_SIZE]) -> Result<usize, DecodeError> {
    let size = u32::from_le_bytes(length) as usize;
    if size > FRAME_SIZE_MAX {
        Err(DecodeError::TooLong(size))
    } else {
        Ok(size)
    }
}

/// Reads the bytes behind the length.
///
/// # Errors
/// Whatever is not exactly one message within the limits.
pub fn decode(body: &[u8]) -> Result<Message, DecodeError> {
    let (message, rest) =
        postcard::take_from_bytes::<Message>(body).map_err(DecodeError::NotAMessage)?;
    if !rest.is_empty() {
        return Err(DecodeError::Trailing(rest.len()));
    }
    check(&message)?;
    Ok(message)
}

/// About how many bytes a run takes besides its entries, and the lease of its line; never less than they do.
pub const RUN_SIZE: usize = (32 + 64 + 32 + 4 * 10) + (2 + GROUP_NAME_SIZE_MAX + 32 + 10 + 32 + 64);

/// About how many bytes an entry with its clock reading takes in a frame; never less than it does.
#[must_use]
pub fn entry_size(entry: &Entry) -> usize {
    /// Author, signature, and three numbers of at most ten bytes each besides the two clocks.
    const FIXED: usize = 32 + 64 + 5 * 10 + 4;
    FIXED
        + match &entry.body {
            Body::Text { text } | Body::Action { text } | Body::Topic { text } => text.len(),
            Body::Part { why } | Body::Quit { why } => why.len(),
            Body::Join { nick } | Body::Nick { nick } => nick.as_str().len(),
            Body::Gone { .. } => 32,
            Body::Ruling(Ruling::Kick { why, .. }) => 33 + why.len(),
            Body::Ruling(
                Ruling::Op { .. }
                | Ruling::Deop { .. }
                | Ruling::Ban { .. }
                | Ruling::Unban { .. }
                | Ruling::Mode { .. },
            ) => 33,
            Body::Void => 0,
        }
}

/// The limits that the types alone do not carry. What passes can be counted on by one without an overflow.
fn check(message: &Message) -> Result<(), DecodeError> {
    match message {
        Message::Open { record, .. } => record.iter().try_for_each(check_record),
        Message::Table { listed, .. } => listed.iter().try_for_each(|listed| {
            if listed.since.0 > WALL_MAX {
                return Err(DecodeError::OverLimit("time"));
            }
            check_record(&listed.record)
        }),
        Message::Register { lease, charter, .. } => {
            lease.iter().try_for_each(check_lease)?;
            charter.as_deref().map_or(Ok(()), check_charter)
        }
        Message::HostIs { lease, charter } => {
            check_lease(lease)?;
            charter.as_deref().map_or(Ok(()), check_charter)
        }
        Message::Known { record, .. } => record.as_deref().map_or(Ok(()), check_group_record),
        Message::Transfer { record } => check_group_record(record),
        Message::Founded { charter, .. } => check_charter(charter),
        Message::Not { lease } => check_lease(lease),
        Message::Hello { lease, lines, .. } => {
            check_lease(lease).and_then(|()| check_tips(&lines.tips))
        }
        Message::Welcome { lines, .. } => check_tips(&lines.tips),
        Message::Stored { vector, .. } | Message::Kept { vector, .. } => check_vector(vector),
        Message::Deliver { leases, runs, .. } | Message::Push { leases, runs, .. } => {
            leases.iter().try_for_each(check_lease)?;
            runs.iter().try_for_each(check_run)
        }
        Message::Blocks {
            from, upto, blocks, ..
        } => {
            check_count(*from.max(upto), "block")?;
            check_length(blocks.len(), DIGESTS_MAX, "digests")?;
            blocks
                .iter()
                .try_for_each(|(block, _)| check_count(*block, "block"))
        }
        Message::Older {
            upto, blocks, tips, ..
        } => {
            check_count(*upto, "block")?;
            check_length(blocks.len(), BLOCKS_AT_ONCE, "blocks")?;
            blocks
                .iter()
                .try_for_each(|block| check_count(*block, "block"))?;
            check_tips(tips)
        }
        Message::Declined { epoch, head, .. } => {
            check_count(epoch.number, "epoch")?;
            head.iter().try_for_each(|head| check_run(head))
        }
        Message::Put { entries, .. } => entries.iter().try_for_each(check_entry),
        Message::Refused { number, .. } => check_count(number.0, "number"),
        Message::Gossip(gossip) => check_gossip(gossip),
        Message::TableBlocks { digests } => check_length(digests.len(), TABLE_BLOCKS, "blocks"),
        Message::TableClocks { blocks, standings } => {
            check_length(blocks.len(), TABLE_BLOCKS, "blocks")?;
            check_length(standings.len(), STANDINGS_MAX, "standings")?;
            standings
                .iter()
                .try_for_each(|standing| match standing.rest {
                    Rest::Listed { clock, .. } => check_count(clock, "clock"),
                    Rest::Buried => Ok(()),
                })
        }
        Message::RecordsWanted { keys } => check_length(keys.len(), STANDINGS_MAX, "records"),
        Message::Buried { burials } => {
            check_length(burials.len(), RECORDS_PER_MESSAGE_MAX, "burials")
        }
        Message::Here { whereabouts } => check_whereabouts(whereabouts),
        Message::Sought {
            standing,
            whereabouts,
            ..
        } => {
            let for_ms = match standing {
                Whether::Here { for_ms } | Whether::Gone { for_ms } => *for_ms,
                Whether::Unknown => 0,
            };
            check_count(for_ms, "time")?;
            whereabouts.as_deref().map_or(Ok(()), check_whereabouts)
        }
        Message::Whisper { entries } => entries.iter().try_for_each(check_entry),
        Message::Out { out, .. } => {
            check_length(out.len(), OUT_PER_MESSAGE_MAX, "absences")?;
            let reasons = out.iter().filter_map(|(_, why)| why.as_ref());
            let mut sizes = reasons.map(String::len);
            sizes.try_for_each(|size| check_length(size, TOPIC_SIZE_MAX, "reason"))
        }
        Message::Heard { upto, .. } => check_count(upto.0, "number"),
        Message::Observed { .. }
        | Message::Seek { .. }
        | Message::TableDigest { .. }
        | Message::Unlisted { .. }
        | Message::Introduce { .. }
        | Message::Outcome(_)
        | Message::TableWanted { .. }
        | Message::Leave { .. }
        | Message::Moved { .. }
        | Message::Query { .. }
        | Message::Presence { .. }
        | Message::Unfollow { .. }
        | Message::Merged { .. } => Ok(()),
    }
}

fn check_count(count: u64, what: &'static str) -> Result<(), DecodeError> {
    if count > COUNT_MAX {
        return Err(DecodeError::OverLimit(what));
    }
    Ok(())
}

fn check_record(record: &Record) -> Result<(), DecodeError> {
    check_count(record.clock, "clock")
}

fn check_gossip(gossip: &Gossip) -> Result<(), DecodeError> {
    check_length(gossip.news.len(), NEWS_PER_GOSSIP_MAX, "news")?;
    let of = match gossip.doing {
        Doing::PingFor { target: of, .. }
        | Doing::PingOf { origin: of, .. }
        | Doing::AckFor { target: of, .. }
        | Doing::AckOf { origin: of, .. } => of.clock,
        Doing::Ping { .. }
        | Doing::Ack { .. }
        | Doing::Announce
        | Doing::Feed
        | Doing::Tell
        | Doing::CallDead => 0,
    };
    let told = gossip.news.iter().map(|news| news.edition.clock).max();
    let told = told.unwrap_or_default();
    check_count(gossip.clock.max(gossip.to_clock).max(of).max(told), "clock")
}

fn check_lease(lease: &Lease) -> Result<(), DecodeError> {
    check_count(lease.epoch.number, "epoch")
}

fn check_whereabouts(whereabouts: &Whereabouts) -> Result<(), DecodeError> {
    check_length(whereabouts.over.len(), FOUND_AT, "supernodes")?;
    if whereabouts.at.0 > WALL_MAX {
        return Err(DecodeError::OverLimit("time"));
    }
    Ok(())
}

fn check_charter(charter: &Charter) -> Result<(), DecodeError> {
    if charter.born.0 > WALL_MAX {
        return Err(DecodeError::OverLimit("time"));
    }
    Ok(())
}

fn check_group_record(record: &GroupRecord) -> Result<(), DecodeError> {
    check_lease(&record.lease)?;
    check_count(record.quiet_ms, "time")?;
    record.charter.iter().try_for_each(check_charter)
}

fn check_vector(vector: &Vector) -> Result<(), DecodeError> {
    if vector.len() > VECTOR_SIZE_MAX {
        return Err(DecodeError::OverLimit("version vector"));
    }
    let counts = vector.iter().map(|(epoch, seq)| epoch.number.max(seq.0));
    check_count(counts.max().unwrap_or_default(), "seq")
}

fn check_length(length: usize, max: usize, what: &'static str) -> Result<(), DecodeError> {
    if length > max {
        return Err(DecodeError::OverLimit(what));
    }
    Ok(())
}

fn check_tips(tips: &BTreeMap<Epoch, Tip>) -> Result<(), DecodeError> {
    check_length(tips.len(), TIPS_MAX, "lines")?;
    let counts = tips.iter();
    let counts = counts.map(|(epoch, tip)| epoch.number.max(tip.seq.0));
    check_count(counts.max().unwrap_or_default(), "seq")
}

fn check_run(run: &Run) -> Result<(), DecodeError> {
    if run.first.0 == 0 {
        return Err(DecodeError::OverLimit("seq"));
    }
    check_count(run.first.0.max(run.epoch.number), "seq")?;
    run.entries.iter().try_for_each(|sequenced| {
        if sequenced.hlc.wall().0 > WALL_MAX {
            return Err(DecodeError::OverLimit("time"));
        }
        check_entry(&sequenced.entry)
    })
}

fn check_entry(entry: &Entry) -> Result<(), DecodeError> {
    check_count(entry.number.0, "number")?;
    if entry.time.0 > WALL_MAX {
        return Err(DecodeError::OverLimit("time"));
    }
    let (size, size_max) = match &entry.body {
        Body::Text { text } | Body::Action { text } => (text.len(), TEXT_SIZE_MAX),
        Body::Part { why } | Body::Quit { why } => (why.len(), TOPIC_SIZE_MAX),
        Body::Topic { text } => (text.len(), TOPIC_SIZE_MAX),
        Body::Ruling(Ruling::Kick { why, .. }) => (why.len(), TOPIC_SIZE_MAX),
        Body::Ruling(
            Ruling::Op { .. }
            | Ruling::Deop { .. }
            | Ruling::Ban { .. }
            | Ruling::Unban { .. }
            | Ruling::Mode { .. },
        ) => (0, 0),
        Body::Join { .. } | Body::Nick { .. } | Body::Gone { .. } | Body::Void => (0, 0),
    };
    if size > size_max {
        return Err(DecodeError::OverLimit("text"));
    }
    Ok(())
}
