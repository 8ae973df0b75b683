//! How links end, and which ones do not: processes that leave, die, restart or run twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fireside::net::Endpoint;
use fireside::net::relay::Observer;
use fireside::proto::event::Path;
use fireside::proto::id::NodeId;
use fireside::proto::limits::QUIET_AFTER;
use fireside::proto::role::{Input, Kind, LinkId, Output, Target};
use fireside::proto::wire::Reason;

use crate::puppet::{Node, client, identity, message, supernode};

#[tokio::test]
async fn a_link_to_a_peer_lives_through_the_death_of_its_supernode() {
    let (mut first, second) = (supernode(70), supernode(71));
    let (mut anna, mut bert) = (client(72), client(73));
    let (anna_first, bert_first) = (anna.link(&first).await, bert.link(&first).await);
    let (anna_second, bert_second) = (anna.link(&second).await, bert.link(&second).await);
    let to_bert = anna.reach(bert.id, anna_first).await;
    let from_anna = bert.dialled_by(anna.id).await;
    assert_eq!(anna.path(bert.id).await, (Path::Relayed, Some(first.id)));
    assert_eq!(bert.path(anna.id).await, (Path::Relayed, Some(first.id)));

    first.kill();
    let (anna_id, bert_id) = (anna.id, bert.id);
    for (node, peer, link) in [
        (&mut anna, bert_id, anna_first),
        (&mut bert, anna_id, bert_first),
    ] {
        node.quiet(link).await;
        assert_eq!(node.path(peer).await, (Path::Lost, None));
    }
    anna.say(to_bert, message("#waits")).await;
    anna.route(bert.id, anna_second).await;
    bert.route(anna.id, bert_second).await;
    assert_eq!(bert.heard(from_anna).await, message("#waits"));
    assert_eq!(anna.path(bert.id).await, (Path::Relayed, Some(second.id)));
    bert.say(from_anna, message("#back")).await;
    assert_eq!(anna.heard(to_bert).await, message("#back"));
    assert!(no_link_was_lost(&anna.unseen()) && no_link_was_lost(&bert.unseen()));
}

#[tokio::test]
async fn a_process_that_died_is_missed_sooner_than_one_that_says_nothing() {
    let (mut node, mut other) = (supernode(66), supernode(67));
    let mut anna = client(68);
    anna.link(&node).await;
    other.link(&node).await;
    let from_other = node.dialled_by(other.id).await;
    let from_anna = node.dialled_by(anna.id).await;
    let killed = Instant::now();
    anna.kill();
    other.kill();
    node.quiet(from_anna).await;
    node.quiet(from_other).await;
    let took = killed.elapsed();
    println!("two that dialled were missed after {took:?}");
    assert!(took < QUIET_AFTER, "nobody asked their machine: {took:?}");

    let mut bert = client(69);
    let to_node_again = bert.link(&node).await;
    let killed = Instant::now();
    node.kill();
    bert.quiet(to_node_again).await;
    let took = killed.elapsed();
    println!("one that was dialled was missed after {took:?}");
    assert!(took < QUIET_AFTER, "nobody asked its machine: {took:?}");
}

#[tokio::test]
async fn a_dial_to_a_port_without_a_process_fails_at_once() {
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut anna = client(65);
    let began = Instant::now();
    let dial = anna.begin(Target::Node { address, id: None }).await;
    assert!(anna.undialled(dial).await.contains("nobody listens"));
    let took = began.elapsed();
    println!("a refused dial took {took:?}");
    assert!(
        took < Duration::from_secs(2),
        "it waited for an answer: {took:?}"
    );
}

fn no_link_was_lost(told: &[Input]) -> bool {
    told.iter()
        .all(|input| !matches!(input, Input::Lost { .. }))
}

#[tokio::test]
async fn one_side_alone_can_move_a_link_to_another_supernode() {
    let (first, second) = (supernode(74), supernode(75));
    let (mut anna, mut bert) = (client(76), client(77));
    let anna_first = anna.link(&first).await;
    bert.link(&first).await;
    let anna_second = anna.link(&second).await;
    bert.link(&second).await;
    let to_bert = anna.reach(bert.id, anna_first).await;
    let from_anna = bert.dialled_by(anna.id).await;
    assert_eq!(bert.path(anna.id).await, (Path::Relayed, Some(first.id)));
    anna.route(bert.id, anna_second).await;
    assert_eq!(bert.path(anna.id).await, (Path::Relayed, Some(second.id)));
    anna.say(to_bert, message("#over")).await;
    assert_eq!(bert.heard(from_anna).await, message("#over"));
    bert.say(from_anna, message("#and-back")).await;
    assert_eq!(anna.heard(to_bert).await, message("#and-back"));
}

#[tokio::test]
async fn a_restart_is_noticed_at_the_next_packet() {
    let mut node = supernode(78);
    let mut anna = client(79);
    let to_node = anna.link(&node).await;
    let address = node.address.to_string();
    node.kill();
    let _again = Node::start(78, &address, Kind::Mesh, None);
    let killed = Instant::now();
    anna.say(to_node, message("#anybody")).await;
    assert_eq!(anna.lost(to_node).await, None);
    let took = killed.elapsed();
    assert!(took < Duration::from_secs(3), "it timed out: {took:?}");
}

#[tokio::test]
async fn a_restarted_peer_is_noticed_through_the_relay() {
    let relay = supernode(97);
    let (mut anna, mut bert) = (client(98), client(99));
    let to_relay = anna.link(&relay).await;
    bert.link(&relay).await;
    let to_bert = anna.reach(bert.id, to_relay).await;
    bert.dialled_by(anna.id).await;
    bert.kill();
    let mut again = client(99);
    let killed = Instant::now();
    again.link(&relay).await;
    assert_eq!(anna.lost(to_bert).await, None);
    let took = killed.elapsed();
    assert!(took < Duration::from_secs(5), "it timed out: {took:?}");
    let to_bert = anna.reach(again.id, to_relay).await;
    let from_anna = again.dialled_by(anna.id).await;
    anna.say(to_bert, message("#welcome-back")).await;
    assert_eq!(again.heard(from_anna).await, message("#welcome-back"));
}

#[tokio::test]
async fn who_stops_tells_its_peers_at_once_even_through_a_relay() {
    let relay = supernode(80);
    let (mut anna, mut bert) = (client(81), client(82));
    let to_relay = anna.link(&relay).await;
    bert.link(&relay).await;
    let to_bert = anna.reach(bert.id, to_relay).await;
    let from_anna = bert.dialled_by(anna.id).await;
    anna.say(to_bert, message("#last-words")).await;
    let stopped = Instant::now();
    anna.order(Output::Finish).await;
    assert_eq!(bert.heard(from_anna).await, message("#last-words"));
    assert_eq!(bert.lost(from_anna).await, Some(Reason::Shutdown));
    assert!(stopped.elapsed() < Duration::from_secs(1), "it waited");
    anna.ended().await.unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_stopped_mesh_node_tells_its_clients() {
    let mut node = supernode(83);
    let mut anna = client(84);
    let to_node = anna.link(&node).await;
    node.dialled_by(anna.id).await;
    node.stop();
    assert_eq!(anna.lost(to_node).await, Some(Reason::Shutdown));
    node.ended().await.unwrap();
}

#[tokio::test]
async fn a_close_comes_after_what_was_said_before_it() {
    let mut node = supernode(85);
    let mut anna = client(86);
    let to_node = anna.link(&node).await;
    let from_anna = node.dialled_by(anna.id).await;
    for n in 0..1_000 {
        anna.say(to_node, message(&format!("#{n}"))).await;
    }
    let (link, reason) = (to_node, Reason::UnknownVersion);
    anna.order(Output::Close { link, reason }).await;
    for n in 0..1_000 {
        assert_eq!(node.heard(from_anna).await, message(&format!("#{n}")));
    }
    assert_eq!(node.lost(from_anna).await, Some(reason));
}

#[tokio::test]
async fn the_newer_of_two_links_of_one_client_wins() {
    let mut node = supernode(87);
    let (mut anna, mut twin) = (client(88), client(88));
    let old = anna.link(&node).await;
    let from_old = node.dialled_by(anna.id).await;
    let new = twin.link(&node).await;
    assert_eq!(anna.lost(old).await, Some(Reason::Replaced));
    assert_eq!(node.lost(from_old).await, Some(Reason::Replaced));
    let from_new = node.dialled_by(twin.id).await;
    node.say(from_new, message("#you")).await;
    assert_eq!(twin.heard(new).await, message("#you"));
}

#[tokio::test]
async fn two_links_of_one_process_stand_side_by_side_and_either_carries() {
    let mut node = supernode(94);
    let (mut anna, mut bert) = (client(95), client(96));
    let (one, two) = (anna.link(&node).await, anna.link(&node).await);
    let from_one = node.dialled_by(anna.id).await;
    node.dialled_by(anna.id).await;
    anna.say(one, message("#one")).await;
    assert_eq!(node.heard(from_one).await, message("#one"));
    // Which of the two the node thinks of first is nothing that anna can know.
    for link in [two, one] {
        let other = if link == two {
            one
        } else {
            anna.link(&node).await
        };
        let reason = Reason::Done;
        anna.order(Output::Close { link, reason }).await;
        let up = bert.link(&node).await;
        let to_anna = bert.reach(anna.id, up).await;
        bert.say(to_anna, message("#you")).await;
        let from_bert = anna.dialled_by(bert.id).await;
        assert_eq!(anna.heard(from_bert).await, message("#you"));
        anna.say(other, message("#still")).await;
    }
}

#[tokio::test]
async fn two_links_between_mesh_nodes_stand_side_by_side() {
    let (mut one, mut two) = (supernode(89), supernode(90));
    let (first, second) = (one.link(&two).await, one.link(&two).await);
    let (from_first, from_second) = (two.dialled_by(one.id).await, two.dialled_by(one.id).await);
    one.say(first, message("#first")).await;
    one.say(second, message("#second")).await;
    assert_eq!(two.heard(from_first).await, message("#first"));
    assert_eq!(two.heard(from_second).await, message("#second"));
}

#[tokio::test]
async fn a_dial_over_a_link_that_is_gone_fails_at_once() {
    let mut anna = client(91);
    let dial = anna
        .begin(Target::Peer {
            id: NodeId([1; 32]),
            via: LinkId(7),
        })
        .await;
    assert!(anna.undialled(dial).await.contains("no link"));
}

#[tokio::test]
async fn a_dial_that_nobody_answers_fails_in_time() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut anna = client(92);
    let dial = anna
        .begin(Target::Node {
            address: silent.local_addr().unwrap(),
            id: None,
        })
        .await;
    assert!(anna.undialled(dial).await.contains("nobody answered"));
}

#[tokio::test]
async fn a_port_in_use_is_said_with_what_to_try() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Endpoint::bind(&identity(93), address, Kind::Mesh).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {address}: another process uses that port; end it, or choose another with --listen"
        )
    );
    let elsewhere = "192.0.2.1:7700".parse().unwrap();
    let error = Endpoint::bind(&identity(93), elsewhere, Kind::Mesh).unwrap_err();
    assert!(error.to_string().contains("no such address"), "{error}");
}

#[tokio::test]
async fn a_panic_below_ends_the_driver_with_an_error() {
    struct Clumsy;
    impl Observer for Clumsy {
        fn relayed(&self, _: NodeId, _: NodeId, _: &[u8]) {
            panic!("dropped it");
        }
    }
    let mut relay = Node::start(94, "127.0.0.94:0", Kind::Mesh, Some(Arc::new(Clumsy)));
    let (mut anna, mut bert) = (client(95), client(96));
    let via = anna.link(&relay).await;
    bert.link(&relay).await;
    anna.begin(Target::Peer { id: bert.id, via }).await;
    let error = relay.ended().await.unwrap_err();
    assert!(format!("{error:#}").contains("panic"), "{error:#}");
}
