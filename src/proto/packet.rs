//! The engine's packets, in the form it wants them, and as the messages that travel.
//!
//! The engine packs as much news into a packet as fit, so that it needs an encoding of a known size; what travels is
//! a [`Gossip`], which leaves out who it is from and to, since a link says both.

use std::num::NonZeroUsize;

use bytes::{Buf, BufMut};
use foca::{Codec, Header};

use super::id::NodeId;
use super::wire::{Doing, Edition, Gossip, Liveness, News};

/// Bytes of a key and a clock.
const EDITION_SIZE: usize = 32 + 8;
/// Bytes of a piece of news: of whom, how often it has objected, and how it is.
const NEWS_SIZE: usize = EDITION_SIZE + 2 + 1;
/// Bytes of the longest header, and of the count of news behind it.
const HEADER_SIZE: usize = 3 * EDITION_SIZE + 2 + 2 + 2;

/// The size of a packet with so much news.
pub(crate) const fn size_max(news: usize) -> NonZeroUsize {
    NonZeroUsize::new(HEADER_SIZE + news * NEWS_SIZE).expect("a header is not empty")
}

/// The engine's encoding: fixed sizes, big endian.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binary;

/// Why bytes are no packet, or do not fit one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("there is no room")]
    Full,
    #[error("it ends too soon")]
    Short,
    #[error("there is no such thing")]
    Unknown,
}

/// The packet that stands for what `from` said to `to`.
pub(crate) fn of(from: Edition, to: Edition, gossip: &Gossip) -> Vec<u8> {
    let to = Edition {
        clock: gossip.to_clock,
        ..to
    };
    let header = Header {
        src: from,
        src_incarnation: gossip.incarnation,
        dst: to,
        message: message(gossip.doing),
    };
    let mut packet = Vec::with_capacity(HEADER_SIZE + gossip.news.len() * NEWS_SIZE);
    put_header(&header, &mut packet);
    if !gossip.news.is_empty() {
        packet.put_u16(u16::try_from(gossip.news.len()).unwrap_or(u16::MAX));
    }
    for news in &gossip.news {
        put_edition(&news.edition, &mut packet);
        packet.put_u16(news.incarnation);
        packet.put_u8(liveness_code(news.liveness));
    }
    packet
}

/// What a packet of the engine says.
pub(crate) fn read(mut packet: &[u8]) -> Option<Gossip> {
    let mut codec = Binary;
    let header = codec.decode_header(&mut packet).ok()?;
    let doing = doing(&header.message)?;
    let mut news = Vec::new();
    if packet.remaining() >= 2 {
        for _ in 0..packet.get_u16() {
            let told = codec.decode_member(&mut packet).ok()?;
            news.push(News {
                edition: *told.id(),
                incarnation: told.incarnation(),
                liveness: match told.state() {
                    foca::State::Alive => Liveness::Alive,
                    foca::State::Suspect => Liveness::Suspect,
                    foca::State::Down => Liveness::Dead,
                },
            });
        }
    }
    Some(Gossip {
        clock: header.src.clock,
        incarnation: header.src_incarnation,
        to_clock: header.dst.clock,
        doing,
        news,
    })
}

fn message(doing: Doing) -> foca::Message<Edition> {
    match doing {
        Doing::Ping { number } => foca::Message::Ping(number),
        Doing::Ack { number } => foca::Message::Ack(number),
        Doing::PingFor { target, number } => foca::Message::PingReq {
            target,
            probe_number: number,
        },
        Doing::PingOf { origin, number } => foca::Message::IndirectPing {
            origin,
            probe_number: number,
        },
        Doing::AckFor { target, number } => foca::Message::IndirectAck {
            target,
            probe_number: number,
        },
        Doing::AckOf { origin, number } => foca::Message::ForwardedAck {
            origin,
            probe_number: number,
        },
        Doing::Announce => foca::Message::Announce,
        Doing::Feed => foca::Message::Feed,
        Doing::Tell => foca::Message::Gossip,
        Doing::CallDead => foca::Message::TurnUndead,
    }
}

fn doing(message: &foca::Message<Edition>) -> Option<Doing> {
    Some(match *message {
        foca::Message::Ping(number) => Doing::Ping { number },
        foca::Message::Ack(number) => Doing::Ack { number },
        foca::Message::PingReq {
            target,
            probe_number: number,
        } => Doing::PingFor { target, number },
        foca::Message::IndirectPing {
            origin,
            probe_number: number,
        } => Doing::PingOf { origin, number },
        foca::Message::IndirectAck {
            target,
            probe_number: number,
        } => Doing::AckFor { target, number },
        foca::Message::ForwardedAck {
            origin,
            probe_number: number,
        } => Doing::AckOf { origin, number },
        foca::Message::Announce => Doing::Announce,
        foca::Message::Feed => Doing::Feed,
        foca::Message::Gossip => Doing::Tell,
        foca::Message::TurnUndead => Doing::CallDead,
        // For news of the application's own, of which there are none.
        foca::Message::Broadcast => return None,
    })
}

/// Codes of what is done, with the number of the probe and of whom it is.
fn doing_code(doing: Doing) -> (u8, u8, Option<Edition>) {
    match doing {
        Doing::Ping { number } => (0, number, None),
        Doing::Ack { number } => (1, number, None),
        Doing::PingFor { target, number } => (2, number, Some(target)),
        Doing::PingOf { origin, number } => (3, number, Some(origin)),
        Doing::AckFor { target, number } => (4, number, Some(target)),
        Doing::AckOf { origin, number } => (5, number, Some(origin)),
        Doing::Announce => (6, 0, None),
        Doing::Feed => (7, 0, None),
        Doing::Tell => (8, 0, None),
        Doing::CallDead => (9, 0, None),
    }
}

fn liveness_code(liveness: Liveness) -> u8 {
    match liveness {
        Liveness::Alive => 0,
        Liveness::Suspect | Liveness::Missed => 1,
        Liveness::Dead => 2,
    }
}

fn put_header(header: &Header<Edition>, to: &mut impl BufMut) {
    put_edition(&header.src, to);
    to.put_u16(header.src_incarnation);
    put_edition(&header.dst, to);
    let (code, number, of) = doing_code(doing(&header.message).unwrap_or(Doing::Tell));
    to.put_u8(code);
    to.put_u8(number);
    if let Some(of) = of {
        put_edition(&of, to);
    }
}

fn put_edition(member: &Edition, to: &mut impl BufMut) {
    to.put_slice(&member.key.0);
    to.put_u64(member.clock);
}

fn take_edition(from: &mut impl Buf) -> Result<Edition, Malformed> {
    if from.remaining() < EDITION_SIZE {
        return Err(Malformed::Short);
    }
    let mut key = [0; 32];
    from.copy_to_slice(&mut key);
    let clock = from.get_u64();
    Ok(Edition {
        key: NodeId(key),
        clock,
    })
}

impl Codec<Edition> for Binary {
    type Error = Malformed;

    fn encode_header(
        &mut self,
        header: &Header<Edition>,
        mut buf: impl BufMut,
    ) -> Result<(), Malformed> {
        if buf.remaining_mut() < HEADER_SIZE {
            return Err(Malformed::Full);
        }
        put_header(header, &mut buf);
        Ok(())
    }

    fn decode_header(&mut self, mut buf: impl Buf) -> Result<Header<Edition>, Malformed> {
        let src = take_edition(&mut buf)?;
        if buf.remaining() < 2 {
            return Err(Malformed::Short);
        }
        let src_incarnation = buf.get_u16();
        let dst = take_edition(&mut buf)?;
        if buf.remaining() < 2 {
            return Err(Malformed::Short);
        }
        let (code, number) = (buf.get_u8(), buf.get_u8());
        let mut of = || take_edition(&mut buf);
        let doing = match code {
            0 => Doing::Ping { number },
            1 => Doing::Ack { number },
            2 => Doing::PingFor {
                target: of()?,
                number,
            },
            3 => Doing::PingOf {
                origin: of()?,
                number,
            },
            4 => Doing::AckFor {
                target: of()?,
                number,
            },
            5 => Doing::AckOf {
                origin: of()?,
                number,
            },
            6 => Doing::Announce,
            7 => Doing::Feed,
            8 => Doing::Tell,
            9 => Doing::CallDead,
            _ => return Err(Malformed::Unknown),
        };
        Ok(Header {
            src,
            src_incarnation,
            dst,
            message: message(doing),
        })
    }

    fn encode_member(
        &mut self,
        member: &foca::Member<Edition>,
        mut buf: impl BufMut,
    ) -> Result<(), Malformed> {
        if buf.remaining_mut() < NEWS_SIZE {
            return Err(Malformed::Full);
        }
        put_edition(member.id(), &mut buf);
        buf.put_u16(member.incarnation());
        buf.put_u8(match member.state() {
            foca::State::Alive => 0,
            foca::State::Suspect => 1,
            foca::State::Down => 2,
        });
        Ok(())
    }

    fn decode_member(&mut self, mut buf: impl Buf) -> Result<foca::Member<Edition>, Malformed> {
        let member = take_edition(&mut buf)?;
        if buf.remaining() < 3 {
            return Err(Malformed::Short);
        }
        let incarnation = buf.get_u16();
        let state = match buf.get_u8() {
            0 => foca::State::Alive,
            1 => foca::State::Suspect,
            2 => foca::State::Down,
            _ => return Err(Malformed::Unknown),
        };
        Ok(foca::Member::new(member, incarnation, state))
    }
}
