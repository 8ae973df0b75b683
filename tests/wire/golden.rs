//! Golden bytes: what was once sent must be read for ever, by whoever speaks the same wire version.

use data_encoding::HEXLOWER;
use fireside::proto::codec;
use fireside::proto::id::Number;
use fireside::proto::wire::{Message, Reason};

use crate::samples::{group, messages, refusals};

/// Bytes as hexadecimal, with runs of one byte written `xx*n`.
fn written(bytes: &[u8]) -> String {
    let runs = bytes.chunk_by(|a, b| a == b).map(|run| {
        let byte = HEXLOWER.encode(&run[..1]);
        if run.len() < 4 {
            byte.repeat(run.len())
        } else {
            format!("({byte}*{})", run.len())
        }
    });
    runs.collect()
}

#[test]
fn every_message_has_the_bytes_it_always_had() {
    let golden = include_str!("golden.txt");
    let found: String = messages()
        .iter()
        .map(|message| {
            let debug = format!("{message:?}");
            let name = debug.split([' ', '(']).next().unwrap_or_default();
            format!("{name} {}\n", written(&codec::encode(message)))
        })
        .collect();
    assert_eq!(
        found, golden,
        "a wire version that others speak has changed"
    );
}

#[test]
fn every_message_reads_back_as_it_was() {
    for message in messages() {
        let frame = codec::encode(&message);
        let (length, body) = frame.split_first_chunk().unwrap();
        assert_eq!(codec::frame_size(*length), Ok(body.len()));
        assert_eq!(codec::decode(body), Ok(message));
    }
}

#[test]
fn refusals_keep_their_numbers() {
    for (why, number) in refusals().into_iter().zip(0_u8..) {
        let refused = Message::Refused {
            group: group(),
            number: Number(5),
            why,
        };
        let frame = codec::encode(&refused);
        assert_eq!(frame.last(), Some(&number), "{why}");
    }
}

#[test]
fn reasons_keep_their_numbers_and_unknown_ones_are_an_end_like_any_other() {
    for (number, reason) in [
        (0, Reason::Done),
        (1, Reason::BadFrame),
        (2, Reason::TooLong),
        (3, Reason::BadSignature),
        (4, Reason::UnknownVersion),
        (5, Reason::Unexpected),
        (6, Reason::TooSlow),
        (7, Reason::Replaced),
        (8, Reason::Limit),
        (9, Reason::Shutdown),
        (10, Reason::WrongIdentity),
        (11, Reason::Fork),
        (12, Reason::FalseReport),
        (13, Reason::Disorder),
        (14, Reason::NotAdmitted),
        (15, Reason::Unwelcome),
    ] {
        assert_eq!(reason as u64, number);
        assert_eq!(Reason::from_code(number), reason);
    }
    assert_eq!(Reason::from_code(16), Reason::Done);
    assert_eq!(Reason::from_code(u64::MAX), Reason::Done);
}
