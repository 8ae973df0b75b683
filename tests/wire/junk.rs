//! What is not a message is refused with its number, and never costs more than its own bytes.

use fireside::proto::codec::{self, DecodeError};
use fireside::proto::id::Seq;
use fireside::proto::limits::{FRAME_SIZE_MAX, TEXT_SIZE_MAX, TOPIC_SIZE_MAX, VECTOR_SIZE_MAX};
use fireside::proto::time::Hlc;
use fireside::proto::wire::{Body, Message, Reason, Run, Sequenced};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert_eq, proptest};
use proptest::sample::Index;

use crate::samples::{entry, group, messages, run, vector};

fn body(message: &Message) -> Vec<u8> {
    codec::encode(message)[codec::LENGTH_SIZE..].to_vec()
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in vec(any::<u8>(), 0..2_000)) {
        if let Err(error) = codec::decode(&bytes) {
            let _ = (error.reason(), error.to_string());
        }
    }

    #[test]
    fn a_message_with_wrong_bytes_in_it_is_a_message_or_an_error(
        which in any::<Index>(),
        changes in vec((any::<Index>(), any::<u8>()), 1..8),
    ) {
        let messages = messages();
        let mut bytes = body(which.get(&messages));
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(message) = codec::decode(&bytes) {
            // Whatever was let in can be passed on.
            prop_assert_eq!(codec::decode(&body(&message)), Ok(message));
        }
    }
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    for message in messages() {
        let bytes = body(&message);
        for end in 0..bytes.len() {
            let error = codec::decode(&bytes[..end]).unwrap_err();
            assert_eq!(error.reason(), Reason::BadFrame, "{message:?} cut at {end}");
        }
    }
}

#[test]
fn bytes_behind_a_message_are_refused() {
    for message in messages() {
        let bytes = [&body(&message)[..], &[0, 0, 0]].concat();
        let error = codec::decode(&bytes).unwrap_err();
        assert_eq!(error, DecodeError::Trailing(3), "{message:?}");
        assert_eq!(error.reason(), Reason::BadFrame);
    }
}

#[test]
fn a_length_is_refused_by_its_four_bytes_alone() {
    let max = u32::try_from(FRAME_SIZE_MAX).unwrap();
    assert_eq!(codec::frame_size(max.to_le_bytes()), Ok(FRAME_SIZE_MAX));
    for size in [max + 1, u32::MAX] {
        let error = codec::frame_size(size.to_le_bytes()).unwrap_err();
        assert_eq!(error, DecodeError::TooLong(size as usize));
        assert_eq!(error.reason(), Reason::TooLong);
    }
}

#[test]
fn a_length_inside_a_message_claims_no_memory() {
    // A group, then a list said to have 2^32 - 1 elements.
    for message in [
        Message::Put {
            group: group(),
            entries: Vec::new(),
        },
        Message::Deliver {
            group: group(),
            report: true,
            leases: Vec::new(),
            runs: Vec::new(),
        },
        Message::Presence {
            group: group(),
            here: Vec::new(),
            away: Vec::new(),
        },
    ] {
        let mut bytes = body(&message);
        assert_eq!(bytes.pop(), Some(0), "the length comes last");
        bytes.extend([0xff, 0xff, 0xff, 0xff, 0x0f]);
        let error = codec::decode(&bytes).unwrap_err();
        assert_eq!(error.reason(), Reason::BadFrame);
    }
}

#[test]
fn texts_are_taken_up_to_their_limits() {
    type Make = fn(String) -> Body;
    let kinds: [(Make, usize); 5] = [
        (|text| Body::Text { text }, TEXT_SIZE_MAX),
        (|text| Body::Action { text }, TEXT_SIZE_MAX),
        (|text| Body::Topic { text }, TOPIC_SIZE_MAX),
        (|why| Body::Part { why }, TOPIC_SIZE_MAX),
        (|why| Body::Quit { why }, TOPIC_SIZE_MAX),
    ];
    for (make, size_max) in kinds {
        let put = |size| Message::Put {
            group: group(),
            entries: vec![entry(make("x".repeat(size)))],
        };
        assert!(codec::decode(&body(&put(size_max))).is_ok());
        let error = codec::decode(&body(&put(size_max + 1))).unwrap_err();
        assert_eq!(error, DecodeError::OverLimit("text"));
        assert_eq!(error.reason(), Reason::Limit);
    }
}

#[test]
fn what_is_delivered_keeps_the_same_limits() {
    let text = "x".repeat(TEXT_SIZE_MAX + 1);
    let sequenced = Sequenced {
        hlc: Hlc(1),
        entry: entry(Body::Text { text }),
    };
    let over = vec![run(vec![sequenced])];
    let zero = vec![Run {
        first: Seq(0),
        ..run(Vec::new())
    }];
    let sequenced = Sequenced {
        hlc: Hlc(1),
        entry: entry(Body::Void),
    };
    let beyond = vec![Run {
        first: Seq(u64::MAX),
        ..run(vec![sequenced])
    }];
    for runs in [over, zero, beyond] {
        let (deliver, push) = (
            Message::Deliver {
                group: group(),
                report: false,
                leases: Vec::new(),
                runs: runs.clone(),
            },
            Message::Push {
                group: group(),
                leases: Vec::new(),
                runs,
            },
        );
        for message in [deliver, push] {
            let error = codec::decode(&body(&message)).unwrap_err();
            assert_eq!(error.reason(), Reason::Limit, "{error}");
        }
    }
}

#[test]
fn a_version_vector_has_a_limit() {
    let (epoch, seq) = vector().pop_first().unwrap();
    let long = |count: usize| {
        let epochs =
            (0..count as u64).map(|number| (fireside::proto::id::Epoch { number, ..epoch }, seq));
        body(&Message::Stored {
            group: group(),
            vector: epochs.collect(),
        })
    };
    assert!(codec::decode(&long(VECTOR_SIZE_MAX)).is_ok());
    let error = codec::decode(&long(VECTOR_SIZE_MAX + 1)).unwrap_err();
    assert_eq!(error, DecodeError::OverLimit("version vector"));
}
