//! A supernode that does to the bytes it relays whatever it can, and what its members notice of it: nothing.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fireside::identity::Identity;
use fireside::net::tls;
use fireside::proto::id::NodeId;
use fireside::proto::role::{Input, Kind, Target};
use fireside::proto::wire::Reason;
use quinn::{Connection, Endpoint, RecvStream, SendStream, ServerConfig};
use tokio::time::{sleep, timeout};

use crate::puppet::{Node, PATIENCE, client, identity, message};

/// What is done to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Drop,
    Delay,
    Swap,
    Double,
    Garble,
    Everything,
}

/// A supernode as far as its clients can tell.
struct Evil {
    address: SocketAddr,
    links: Arc<Mutex<Vec<(NodeId, Connection)>>>,
    endpoint: Endpoint,
    packets: Arc<Mutex<u64>>,
    deed: Deed,
    /// Who every tunnel is said to be from, if not whoever opened it.
    said_from: Option<NodeId>,
}

impl Evil {
    fn new(seed: u8, deed: Deed) -> Self {
        let identity: Identity = identity(seed);
        let config = ServerConfig::with_crypto(Arc::new(tls::server(&identity, Kind::Mesh)));
        let listen = format!("127.0.0.{seed}:0").parse().unwrap();
        let endpoint = Endpoint::server(config, listen).unwrap();
        Self {
            address: endpoint.local_addr().unwrap(),
            links: Arc::default(),
            endpoint,
            packets: Arc::default(),
            deed,
            said_from: None,
        }
    }

    /// Takes in a client, whose tunnels it then relays in its own way.
    async fn takes_in(&self, node: &mut Node) -> fireside::proto::role::LinkId {
        let to = Target::Node {
            address: self.address,
            id: None,
        };
        let dial = node.begin(to).await;
        let connection = self.endpoint.accept().await.unwrap().await.unwrap();
        let (messages, mut first) = connection.accept_bi().await.unwrap();
        first.read_exact(&mut [0; 9]).await.unwrap();
        self.links
            .lock()
            .unwrap()
            .push((node.id, connection.clone()));
        let (links, packets) = (Arc::clone(&self.links), Arc::clone(&self.packets));
        let (deed, from) = (self.deed, self.said_from.unwrap_or(node.id));
        tokio::spawn(async move {
            let _kept = (messages, first);
            while let Ok((send, receive)) = connection.accept_bi().await {
                let (links, packets) = (Arc::clone(&links), Arc::clone(&packets));
                tokio::spawn(tunnel(links, from, deed, packets, send, receive));
            }
        });
        node.linked(dial).await
    }
}

async fn tunnel(
    links: Arc<Mutex<Vec<(NodeId, Connection)>>>,
    from: NodeId,
    deed: Deed,
    packets: Arc<Mutex<u64>>,
    send: SendStream,
    mut receive: RecvStream,
) {
    let mut beginning = [0; 33];
    receive.read_exact(&mut beginning).await.unwrap();
    assert_eq!(beginning[0], b't');
    let found = links
        .lock()
        .unwrap()
        .iter()
        .find(|(id, _)| id.0 == beginning[1..])
        .cloned();
    let Some((_, link)) = found else {
        return;
    };
    let (mut onward, back) = link.open_bi().await.unwrap();
    let mut beginning = [b'f'; 33];
    beginning[1..].copy_from_slice(&from.0);
    onward.write_all(&beginning).await.unwrap();
    tokio::join!(
        tamper(deed, Arc::clone(&packets), receive, onward),
        tamper(deed, packets, back, send)
    );
}

/// Carries packets, and harms every third of them, until either end is gone.
async fn tamper(
    deed: Deed,
    packets: Arc<Mutex<u64>>,
    mut from: RecvStream,
    mut to: SendStream,
) -> Option<()> {
    let mut held: Option<Vec<u8>> = None;
    loop {
        let mut length = [0; 2];
        from.read_exact(&mut length).await.ok()?;
        let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
        from.read_exact(&mut packet).await.ok()?;
        let number = {
            let mut packets = packets.lock().unwrap();
            *packets += 1;
            *packets
        };
        let mut out = Vec::new();
        let deeds = [
            Deed::Drop,
            Deed::Delay,
            Deed::Swap,
            Deed::Double,
            Deed::Garble,
        ];
        let deed = match deed {
            Deed::Everything => deeds[usize::try_from(number / 3).unwrap() % deeds.len()],
            one => one,
        };
        match deed {
            _ if number % 3 != 0 => out.push(packet),
            Deed::Drop | Deed::Everything => {}
            Deed::Delay => {
                sleep(Duration::from_millis(30)).await;
                out.push(packet);
            }
            Deed::Swap => out.extend(held.replace(packet)),
            Deed::Double => out.extend([packet.clone(), packet]),
            Deed::Garble => {
                let at = usize::try_from(number).unwrap() % packet.len();
                packet[at] ^= 0x55;
                out.push(packet);
            }
        }
        for packet in out {
            let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
            to.write_all(&length).await.ok()?;
            to.write_all(&packet).await.ok()?;
        }
    }
}

/// They say so many lines to each other, and each comes once and in its order.
async fn they_talk_over(seed: u8, deed: Deed) {
    const LINES: u32 = 60;
    let evil = Evil::new(seed, deed);
    let (mut anna, mut bert) = (client(seed + 1), client(seed + 2));
    let via = evil.takes_in(&mut anna).await;
    evil.takes_in(&mut bert).await;
    let to_bert = timeout(PATIENCE, anna.reach(bert.id, via)).await.unwrap();
    let from_anna = bert.dialled_by(anna.id).await;
    for n in 0..LINES {
        anna.say(to_bert, message(&format!("#{n}"))).await;
        bert.say(from_anna, message(&format!("#{n}"))).await;
        assert_eq!(bert.heard(from_anna).await, message(&format!("#{n}")));
        assert_eq!(anna.heard(to_bert).await, message(&format!("#{n}")));
    }
    for told in [anna.unseen(), bert.unseen()] {
        let lost = told.iter().any(|input| matches!(input, Input::Lost { .. }));
        assert!(!lost, "a link was lost to {deed:?}");
    }
    let packets = *evil.packets.lock().unwrap();
    println!("{deed:?}: {packets} packets, a third of them harmed");
    assert!(packets > u64::from(LINES), "they did not pass here");
}

#[tokio::test]
async fn a_tunnel_is_nobodys_whose_key_does_not_speak_through_it() {
    let mut evil = Evil::new(160, Deed::Double);
    let (mut anna, mut bert, cat) = (client(161), client(162), client(163));
    evil.said_from = Some(cat.id);
    let via = evil.takes_in(&mut anna).await;
    evil.takes_in(&mut bert).await;
    let dial = anna.begin(Target::Peer { id: bert.id, via }).await;
    // Her own handshake may be done before he has looked at her key.
    let why = anna.until("its end", |input| match input {
        Input::Undialled {
            dial: by, reason, ..
        } if *by == dial => Some(*reason),
        Input::Lost { why, .. } => Some(*why),
        _ => None,
    });
    let why = timeout(PATIENCE, why).await.unwrap();
    assert_eq!(why, Some(Reason::WrongIdentity));
    let is_link = |input: &Input| {
        matches!(
            input,
            Input::Linked {
                kind: Kind::Peer,
                ..
            }
        )
    };
    assert!(!bert.unseen().iter().any(is_link));
}

#[tokio::test]
async fn packets_that_are_dropped_come_again() {
    they_talk_over(140, Deed::Drop).await;
}

#[tokio::test]
async fn packets_that_are_late_or_out_of_order_do_no_harm() {
    they_talk_over(143, Deed::Delay).await;
    they_talk_over(146, Deed::Swap).await;
}

#[tokio::test]
async fn packets_that_come_twice_count_once() {
    they_talk_over(149, Deed::Double).await;
}

#[tokio::test]
async fn packets_that_are_changed_are_no_packets() {
    they_talk_over(152, Deed::Garble).await;
    they_talk_over(155, Deed::Everything).await;
}
