//! What strangers send who want nothing but a node's time: handshakes that they begin and leave, and junk.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use fireside::identity::Identity;
use fireside::net::tls;
use fireside::proto::role::Kind;
use quinn::ClientConfig;
use quinn_proto::{Connection, DatagramEvent, Endpoint, EndpointConfig};

/// Bytes of a datagram that begins a handshake, at least (RFC 9000, section 14.1).
const INITIAL: usize = 1_200;
/// A long header, of a packet that asks for a proof of the address (RFC 9000, section 17.2.5); the last bits mean
/// nothing.
const RETRY: u8 = 0xf0;

/// Handshakes that go no further than they must to be taken for real.
pub struct Begun {
    endpoint: Endpoint,
    config: ClientConfig,
    to: SocketAddr,
    now: Instant,
}

impl Begun {
    pub fn new(to: SocketAddr) -> Self {
        let settings = Arc::new(EndpointConfig::default());
        let nobody = Identity::from_seed([0x0d; 32]);
        Self {
            endpoint: Endpoint::new(settings, None, true, None),
            config: ClientConfig::new(Arc::new(tls::client(&nobody, Kind::Mesh))),
            to,
            now: Instant::now(),
        }
    }

    /// The beginning of another one.
    pub fn begin(&mut self) -> (Connection, Vec<u8>) {
        let (config, name) = (self.config.clone(), tls::server_name(None));
        let begun = self.endpoint.connect(self.now, config, self.to, &name);
        let (_, mut connection) = begun.unwrap();
        let mut first = Vec::new();
        let sent = connection.poll_transmit(self.now, 1, &mut first);
        assert_eq!(sent.map(|sent| sent.size), Some(first.len()));
        (connection, first)
    }

    /// The same beginning with the proof of its address, if `answer` asks for one. What else the node says to it is
    /// left unread.
    pub fn prove(&mut self, connection: &mut Connection, answer: &[u8]) -> Option<Vec<u8>> {
        if answer[0] & RETRY != RETRY {
            return None;
        }
        let mut reply = Vec::new();
        let answer = BytesMut::from(answer);
        let event = self
            .endpoint
            .handle(self.now, self.to, None, None, answer, &mut reply);
        let Some(DatagramEvent::ConnectionEvent(_, event)) = event else {
            return None;
        };
        connection.handle_event(event);
        let mut packet = Vec::new();
        // Who was asked before has nothing more to say.
        let sent = connection.poll_transmit(self.now, 1, &mut packet)?;
        packet.truncate(sent.size);
        Some(packet)
    }
}

/// What the one who begins a handshake calls itself, in the first packet (RFC 9000, section 17.2).
pub fn beginner(first: &[u8]) -> Vec<u8> {
    let node = usize::from(first[5]);
    let size = usize::from(first[6 + node]);
    first[7 + node..7 + node + size].to_vec()
}

/// To whom an answer in a handshake is, by what it calls itself.
pub fn addressee(answer: &[u8]) -> Option<&[u8]> {
    let is_long = answer.first()? & 0x80 != 0;
    let size = usize::from(*answer.get(5)?);
    answer.get(6..6 + size).filter(|_| is_long)
}

/// Bytes without meaning: as they are, as a packet of a connection that is not there, as the beginning of one in this
/// version of QUIC, and in one that nobody speaks, in turn.
pub fn junk(number: u32) -> Vec<u8> {
    let mut mixed = u64::from(number);
    let mut packet = Vec::with_capacity(INITIAL);
    while packet.len() < INITIAL {
        // Knuth's linear congruential generator (MMIX).
        mixed = mixed.wrapping_mul(6_364_136_223_846_793_005);
        mixed = mixed.wrapping_add(1_442_695_040_888_963_407);
        packet.extend_from_slice(&mixed.to_be_bytes());
    }
    match number % 4 {
        0 => packet.truncate(40 + number as usize % 1_000),
        1 => packet[0] = 0x40 | packet[0] & 0x3f,
        2 => {
            packet[..6].copy_from_slice(&[0xc3, 0, 0, 0, 1, 8]);
            // No identifier of the sender's own, no token, and all the rest is a payload.
            packet[14..18].copy_from_slice(&[0, 0, 0x44, 0x9e]);
        }
        _ => packet[..6].copy_from_slice(&[0xc3, 0xfa, 0xce, 0xb0, 0x0c, 8]),
    }
    packet
}
