//! Probes and their answers, as bytes: what keeps strangers out of the choice of a path.
//!
//! Each end of a peer's link makes up [`Terms`] for its process and tells them inside the link; the keys come of both,
//! one for each direction. (Two members may have two links at a time, and one path below them, so that the keys are
//! not exported from either.) A probe holds a number that counts once, and a nonce that only its sender can make:
//! an answer shows that somebody with the keys received the probe where it was sent.

use std::fmt;

use ring::hmac::{self, HMAC_SHA256, Key};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::proto::path::Nonce;

/// No QUIC packet begins so (RFC 9000, section 17: the second bit is set, and nobody here greases it).
const PROBE: u8 = 1;
const ANSWER: u8 = 2;
/// The bit that every QUIC packet has.
const QUIC_BIT: u8 = 0x40;
const NONCE_SIZE: usize = size_of::<Nonce>();
const MAC_SIZE: usize = 16;
/// Kind, tag, number, nonce, authentication. A probe is as long as its answer.
pub(super) const SIZE: usize = 1 + TAG_SIZE + 8 + NONCE_SIZE + MAC_SIZE;
const TAG_SIZE: usize = 8;

/// Which peer a packet concerns, at the end that made it up.
pub(super) type Tag = [u8; TAG_SIZE];

/// What one end tells the other, and nobody else.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    pub(super) tag: Tag,
    share: [u8; 32],
}

/// What it takes to probe a peer's process, and to know its probes.
pub(super) struct Keys {
    tag: Tag,
    seal: Key,
    open: Key,
}

/// Makes and knows our own nonces.
pub(super) struct Nonces(Key);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Probe,
    Answer,
}

/// A packet whose origin is not known yet.
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    pub(super) tag: Tag,
    pub(super) number: u64,
    pub(super) nonce: Nonce,
    sealed: &'a [u8],
    mac: &'a [u8],
}

impl Terms {
    pub(super) fn random() -> Self {
        Self {
            tag: random(),
            share: random(),
        }
    }
}

impl Keys {
    /// None, if the peer only said what we did.
    pub(super) fn agreed(ours: &Terms, theirs: &Terms) -> Option<Self> {
        let key = |to: &Terms, from: &Terms| {
            let mut context = b"fireside probe".to_vec();
            context.extend(from.share);
            context.extend(from.tag);
            context.extend(to.tag);
            let derived = hmac::sign(&Key::new(HMAC_SHA256, &to.share), &context);
            Key::new(HMAC_SHA256, derived.as_ref())
        };
        (ours.tag != theirs.tag).then(|| Self {
            tag: theirs.tag,
            seal: key(theirs, ours),
            open: key(ours, theirs),
        })
    }

    pub(super) fn seal(&self, kind: Kind, number: u64, nonce: Nonce) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let (body, mac) = bytes.split_at_mut(SIZE - MAC_SIZE);
        body[0] = match kind {
            Kind::Probe => PROBE,
            Kind::Answer => ANSWER,
        };
        body[1..9].copy_from_slice(&self.tag);
        body[9..17].copy_from_slice(&number.to_be_bytes());
        body[17..].copy_from_slice(&nonce);
        mac.copy_from_slice(&hmac::sign(&self.seal, body).as_ref()[..MAC_SIZE]);
        bytes
    }

    /// Whether the peer made it.
    pub(super) fn is_authentic(&self, frame: &Frame<'_>) -> bool {
        let made = hmac::sign(&self.open, frame.sealed);
        // In a time that tells nothing of where they differ.
        let differences = made.as_ref().iter().zip(frame.mac);
        differences.fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

impl Nonces {
    pub(super) fn random() -> Self {
        Self(Key::new(HMAC_SHA256, &random::<32>()))
    }

    pub(super) fn of(&self, number: u64) -> Nonce {
        let made = hmac::sign(&self.0, &number.to_be_bytes());
        let mut nonce = Nonce::default();
        nonce.copy_from_slice(&made.as_ref()[..NONCE_SIZE]);
        nonce
    }
}

/// Whether a packet may be one of ours, and cannot be one of QUIC.
pub(super) fn is_probe(bytes: &[u8]) -> bool {
    bytes.len() == SIZE && bytes[0] & QUIC_BIT == 0
}

impl<'a> Frame<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        if !is_probe(bytes) {
            return None;
        }
        let kind = match bytes[0] {
            PROBE => Kind::Probe,
            ANSWER => Kind::Answer,
            _ => return None,
        };
        let (sealed, mac) = bytes.split_at(SIZE - MAC_SIZE);
        Some(Self {
            kind,
            tag: sealed[1..9].try_into().ok()?,
            number: u64::from_be_bytes(sealed[9..17].try_into().ok()?),
            nonce: sealed[17..].try_into().ok()?,
            sealed,
            mac,
        })
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms").finish_non_exhaustive()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").finish_non_exhaustive()
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("a system without random bytes cannot run QUIC");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Keys, Keys) {
        let (anna, bo) = (Terms::random(), Terms::random());
        let keys = |ours, theirs| Keys::agreed(ours, theirs).unwrap();
        (keys(&anna, &bo), keys(&bo, &anna))
    }

    #[test]
    fn what_one_end_seals_the_other_knows_and_nobody_else() {
        let (anna, bo) = pair();
        let bytes = anna.seal(Kind::Probe, 7, [3; NONCE_SIZE]);
        let frame = Frame::read(&bytes).unwrap();
        assert_eq!(
            (frame.kind, frame.number, frame.nonce),
            (Kind::Probe, 7, [3; NONCE_SIZE])
        );
        assert!(bo.is_authentic(&frame));
        assert!(!anna.is_authentic(&frame), "a reflected packet");
        let (_, stranger) = pair();
        assert!(!stranger.is_authentic(&frame));
    }

    #[test]
    fn a_changed_bit_is_seen_wherever_it_is() {
        let (anna, bo) = pair();
        let bytes = anna.seal(Kind::Answer, 7, [3; NONCE_SIZE]);
        for bit in 0..8 * SIZE {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            let known = Frame::read(&changed).is_some_and(|frame| bo.is_authentic(&frame));
            assert!(!known, "bit {bit}");
        }
    }

    #[test]
    fn another_run_of_a_peer_has_other_keys() {
        let (anna, bo, again) = (Terms::random(), Terms::random(), Terms::random());
        let before = Keys::agreed(&bo, &anna)
            .unwrap()
            .seal(Kind::Probe, 1, [0; 8]);
        let anna = Keys::agreed(&anna, &again).unwrap();
        assert!(!anna.is_authentic(&Frame::read(&before).unwrap()));
    }

    #[test]
    fn terms_that_are_only_repeated_agree_on_nothing() {
        let ours = Terms::random();
        assert!(Keys::agreed(&ours, &ours).is_none());
    }

    #[test]
    fn nothing_of_quic_is_taken_for_a_probe() {
        for first in 0..=u8::MAX {
            let mut bytes = [0; SIZE];
            bytes[0] = first;
            assert_eq!(
                Frame::read(&bytes).is_some(),
                first == PROBE || first == ANSWER
            );
        }
        for length in (0..100).filter(|length| *length != SIZE) {
            assert!(Frame::read(&vec![PROBE; length]).is_none());
        }
    }
}
