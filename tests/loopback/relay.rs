//! Two members, end to end through a supernode that cannot read them.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use fireside::net::relay::Observer;
use fireside::proto::codec;
use fireside::proto::event::Path;
use fireside::proto::id::{GroupName, NodeId, Number};
use fireside::proto::role::{Input, Kind, Target};
use fireside::proto::time::Wall;
use fireside::proto::wire::{Body, Entry, Message};

use crate::puppet::{Node, client, identity, message, supernode};

#[derive(Default)]
struct Record(Mutex<Vec<u8>>);

impl Observer for Record {
    fn relayed(&self, _from: NodeId, _to: NodeId, bytes: &[u8]) {
        self.0.lock().unwrap().extend_from_slice(bytes);
    }
}

fn contains(bytes: &[u8], what: &str) -> bool {
    bytes
        .windows(what.len())
        .any(|part| part == what.as_bytes())
}

fn line(seed: u8, group: &str, text: &str) -> Message {
    let (group, text) = (GroupName::parse(group).unwrap(), text.to_owned());
    let entry = Entry::signed(
        &identity(seed),
        &group,
        Number(1),
        Wall(0),
        Body::Text { text },
    );
    Message::Put {
        group,
        entries: vec![entry],
    }
}

#[tokio::test]
async fn the_relay_carries_a_line_and_never_sees_its_text() {
    let text = "the canary sings at a quarter past nine";
    let record = Arc::new(Record::default());
    let observer = Arc::clone(&record) as Arc<dyn Observer>;
    let mut relay = Node::start(2, "127.0.0.2:0", Kind::Mesh, Some(observer));
    let (mut anna, mut bert) = (client(3), client(4));
    let to_relay = anna.link(&relay).await;
    bert.link(&relay).await;
    relay.dialled_by(bert.id).await;

    let to_bert = anna.reach(bert.id, to_relay).await;
    assert_eq!(
        anna.path(bert.id).await,
        (Path::Relayed, Some(relay.id)),
        "the supernode is named"
    );
    let from_anna = bert.dialled_by(anna.id).await;
    let sent = line(3, "#hearth", text);
    anna.say(to_bert, sent.clone()).await;
    assert_eq!(bert.heard(from_anna).await, sent);
    bert.say(from_anna, sent.clone()).await;
    assert_eq!(anna.heard(to_bert).await, sent);

    let bytes = record.0.lock().unwrap().clone();
    assert!(
        bytes.len() > 2 * codec::encode(&sent).len(),
        "all of it went through the relay"
    );
    assert!(
        !contains(&bytes, text),
        "its text passed the relay in clear"
    );
    assert!(!contains(&bytes, "#hearth"), "its group passed in clear");
    assert!(
        contains(&codec::encode(&sent), text) && contains(&codec::encode(&sent), "#hearth"),
        "the search finds the text where it is in clear"
    );
    assert!(
        relay
            .unseen()
            .iter()
            .all(|input| !matches!(input, Input::Received { .. })),
        "the supernode was told nothing"
    );
}

#[tokio::test]
async fn thousands_of_messages_arrive_once_each_and_in_order() {
    let relay = supernode(5);
    let (mut anna, mut bert) = (client(6), client(7));
    let to_relay = anna.link(&relay).await;
    bert.link(&relay).await;
    let to_bert = anna.reach(bert.id, to_relay).await;
    let from_anna = bert.dialled_by(anna.id).await;
    let count = 5_000;
    let talk = |n: u32| message(&format!("#{n}"));
    let said = async {
        for n in 0..count {
            anna.say(to_bert, talk(n)).await;
        }
    };
    let heard = async {
        for n in 0..count {
            assert_eq!(bert.heard(from_anna).await, talk(n));
        }
    };
    tokio::join!(said, heard);
}

#[tokio::test]
async fn a_peer_that_links_later_is_reached_as_soon_as_it_does() {
    let mut relay = supernode(8);
    let (mut anna, mut bert) = (client(9), client(10));
    let to_relay = anna.link(&relay).await;
    let dial = anna
        .begin(Target::Peer {
            id: bert.id,
            via: to_relay,
        })
        .await;
    relay.dialled_by(anna.id).await;
    bert.link(&relay).await;
    let to_bert = anna.linked(dial).await;
    let from_anna = bert.dialled_by(anna.id).await;
    anna.say(to_bert, message("#late")).await;
    assert_eq!(bert.heard(from_anna).await, message("#late"));
}

#[tokio::test]
async fn both_may_dial_at_once_and_both_links_carry() {
    let relay = supernode(11);
    let (mut anna, mut bert) = (client(12), client(13));
    let (anna_up, bert_up) = (anna.link(&relay).await, bert.link(&relay).await);
    let (anna_id, bert_id) = (anna.id, bert.id);
    let (to_bert, to_anna) = tokio::join!(
        anna.begin(Target::Peer {
            id: bert_id,
            via: anna_up
        }),
        bert.begin(Target::Peer {
            id: anna_id,
            via: bert_up
        }),
    );
    // Each end sees two links, in an order of its own.
    let mut ours = [None, None];
    for (end, (node, peer, dial)) in [(&mut anna, bert_id, to_bert), (&mut bert, anna_id, to_anna)]
        .into_iter()
        .enumerate()
    {
        let (mut dialled, mut answered) = (None, None);
        while dialled.is_none() || answered.is_none() {
            node.until("a link", |input| match input {
                Input::Linked {
                    link,
                    dial: by,
                    peer: who,
                    ..
                } if *who == peer => {
                    if *by == Some(dial) {
                        dialled = Some(*link);
                    } else {
                        answered = Some(*link);
                    }
                    Some(())
                }
                _ => None,
            })
            .await;
        }
        ours[end] = dialled.zip(answered);
    }
    let [Some((a_to_b, a_from_b)), Some((b_to_a, b_from_a))] = ours else {
        unreachable!("both loops end with both links");
    };
    anna.say(a_to_b, message("#one")).await;
    anna.say(a_from_b, message("#two")).await;
    bert.say(b_to_a, message("#three")).await;
    bert.say(b_from_a, message("#four")).await;
    assert_eq!(bert.heard(b_from_a).await, message("#one"));
    assert_eq!(bert.heard(b_to_a).await, message("#two"));
    assert_eq!(anna.heard(a_from_b).await, message("#three"));
    assert_eq!(anna.heard(a_to_b).await, message("#four"));
}

#[tokio::test]
async fn ipv6_and_ipv4_members_meet_at_a_supernode_for_both() {
    let mut relay = Node::start(14, "[::]:0", Kind::Mesh, None);
    let port = relay.address.port();
    let mut anna = Node::start(15, "[::]:0", Kind::Peer, None);
    let mut bert = Node::start(16, "[::]:0", Kind::Peer, None);
    let at = |address: &str| Target::Node {
        address: format!("{address}:{port}").parse().unwrap(),
        id: None,
    };
    let dial = anna.begin(at("[::1]")).await;
    let to_relay = anna.linked(dial).await;
    let dial = bert.begin(at("127.0.0.1")).await;
    bert.linked(dial).await;
    let seen_at = |input: &Input| match input {
        Input::Linked { address, .. } => Some(address.unwrap().ip()),
        _ => None,
    };
    let anna_at = relay.until("anna", seen_at).await;
    let bert_at = relay.until("bert", seen_at).await;
    assert_eq!(anna_at, Ipv6Addr::LOCALHOST);
    assert_eq!(bert_at, Ipv4Addr::LOCALHOST, "not in its IPv6 clothes");
    let to_bert = anna.reach(bert.id, to_relay).await;
    let from_anna = bert.dialled_by(anna.id).await;
    anna.say(to_bert, message("#six")).await;
    assert_eq!(bert.heard(from_anna).await, message("#six"));
}

#[tokio::test]
async fn a_host_is_reached_by_more_members_than_streams_are_allowed_at_first() {
    let mut relay = supernode(17);
    let mut host = client(18);
    host.link(&relay).await;
    relay.dialled_by(host.id).await;
    let mut members = Vec::new();
    for seed in 200..240 {
        let mut member = client(seed);
        let via = member.link(&relay).await;
        let to_host = member.reach(host.id, via).await;
        member.say(to_host, message("#many")).await;
        members.push(member);
    }
    for member in &members {
        let from_member = host.dialled_by(member.id).await;
        assert_eq!(host.heard(from_member).await, message("#many"));
    }
}
