//! A node that strangers flood goes on to serve those who mean it.

use std::net::Ipv4Addr;

use fireside::net::gauge::{Handshake, Reading};
use tokio::net::UdpSocket;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::begun::{self, Begun};
use crate::puppet::{Node, PATIENCE, client, message, supernode};

/// More than a node has under way at a time, of those who have proven nothing and of all.
const BEGUN: u32 = 1_100;
const UNPROVEN_MAX: usize = 256;
/// Proofs that may be taken for packets of another handshake that is under way: a node's own identifiers of
/// connections differ in 24 bits, and QUIC does not look whether one it gives out with a retry is in use.
const MISTAKEN_MAX: u64 = 10;
/// Strangers' addresses.
const STRANGERS: u8 = 20;
/// Packets between two look-ups.
const PAUSE: u32 = 100;

/// Strangers' sockets in a network of their own.
async fn strangers(network: u8) -> Vec<UdpSocket> {
    let mut sockets = Vec::new();
    for n in 0..STRANGERS {
        let at = (Ipv4Addr::new(127, 70, network, n), 0);
        sockets.push(UdpSocket::bind(at).await.unwrap());
    }
    sockets
}

/// Handshakes that were begun with a node, whatever came of them.
fn begun(reading: &Reading) -> u64 {
    let ended: u64 = reading.tally.handshakes.values().sum();
    ended + u64::try_from(reading.links.handshakes).unwrap()
}

/// Waits until the node has seen so many.
async fn seen(node: &Node, count: u64) -> Reading {
    let mut last = None;
    let seen = timeout(PATIENCE, async {
        loop {
            let reading = last.insert(node.gauge.read().await.unwrap());
            if begun(reading) >= count {
                return;
            }
            yield_now().await;
        }
    });
    let is_seen = seen.await.is_ok();
    let last = last.expect("a node answers");
    assert!(
        is_seen,
        "the system dropped packets on their way: {count} sent, {last:?}"
    );
    last
}

#[tokio::test]
async fn look_ups_are_answered_while_handshakes_are_begun_and_left_and_junk_comes() {
    let mut node = supernode(70);
    let mut anna = client(71);
    let to_node = anna.link(&node).await;
    let from_anna = node.dialled_by(anna.id).await;
    let (strangers, mut beginning) = (strangers(1).await, Begun::new(node.address));
    for number in 0..BEGUN {
        let stranger = &strangers[number as usize % strangers.len()];
        let (_, first) = beginning.begin();
        stranger.send_to(&first, node.address).await.unwrap();
        let junk = begun::junk(number);
        stranger.send_to(&junk, node.address).await.unwrap();
        if number % PAUSE == 0 {
            anna.say(to_node, message("#asked")).await;
            assert_eq!(node.heard(from_anna).await, message("#asked"));
            node.say(from_anna, message("#answered")).await;
            assert_eq!(anna.heard(to_node).await, message("#answered"));
        }
    }
    let seen = seen(&node, 1 + u64::from(BEGUN)).await;

    // Whoever has proven nothing takes no more than its part of the room.
    assert!(seen.links.handshakes <= UNPROVEN_MAX, "{seen:?}");
    assert!(seen.tally.handshakes[&Handshake::MustProve] > 0, "{seen:?}");
    let mut bo = client(72);
    bo.link(&node).await;
    node.dialled_by(bo.id).await;
}

#[tokio::test]
async fn who_proves_an_address_and_goes_on_no_more_keeps_nobody_out() {
    let mut node = supernode(73);
    let (strangers, mut beginning) = (strangers(2).await, Begun::new(node.address));
    let mut proven = 0;
    for number in 0..BEGUN {
        let stranger = &strangers[number as usize % strangers.len()];
        let (mut connection, first) = beginning.begin();
        stranger.send_to(&first, node.address).await.unwrap();
        let mut answer = [0; 2_048];
        let proof = loop {
            let received = timeout(PATIENCE, stranger.recv(&mut answer)).await;
            let answer = &answer[..received.unwrap().unwrap()];
            // Earlier ones are told again and again that they may go on.
            if begun::addressee(answer) == Some(&begun::beginner(&first)) {
                break beginning.prove(&mut connection, answer);
            }
        };
        if let Some(proof) = proof {
            stranger.send_to(&proof, node.address).await.unwrap();
            proven += 1;
        }
    }
    // Who was asked for a proof is counted for that, and again for what came of it.
    seen(&node, u64::from(BEGUN) + proven - MISTAKEN_MAX).await;
    let mut bo = client(74);
    bo.link(&node).await;
    node.dialled_by(bo.id).await;
}
