//! What a stranger may send: it costs the stranger its link, and nobody else anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fireside::identity::Identity;
use fireside::net::relay::Observer;
use fireside::net::tls;
use fireside::proto::codec;
use fireside::proto::id::{GroupName, NodeId, Number};
use fireside::proto::limits::{FRAME_SIZE_MAX, TEXT_SIZE_MAX};
use fireside::proto::role::{Kind, LinkId};
use fireside::proto::seal::Seal;
use fireside::proto::time::Wall;
use fireside::proto::wire::{Body, Entry, Message, Reason};
use quinn::crypto::rustls::QuicClientConfig;
use rustls::crypto::ring::default_provider;

use crate::puppet::{Node, client, identity, message, open, supernode};
use crate::stranger::{self, Stranger};

/// A node, an honest client with a link to it, and a stranger with another.
struct Scene {
    node: Node,
    anna: Node,
    to_node: LinkId,
    from_anna: LinkId,
    stranger: Stranger,
    from_stranger: LinkId,
}

async fn scene(seed: u8) -> Scene {
    let mut node = supernode(seed);
    let mut anna = client(seed + 1);
    let to_node = anna.link(&node).await;
    let from_anna = node.dialled_by(anna.id).await;
    let villain: Identity = identity(seed + 2);
    let stranger = stranger::link(&villain, node.address).await;
    let from_stranger = node.dialled_by(villain.id()).await;
    Scene {
        node,
        anna,
        to_node,
        from_anna,
        stranger,
        from_stranger,
    }
}

impl Scene {
    /// The stranger is told the number, the role is told the reason, and the honest client goes on.
    async fn ends_with(mut self, reason: Reason) {
        let code = stranger::close_code(&self.stranger.connection).await;
        assert_eq!(code, reason as u64, "{reason}");
        assert_eq!(self.node.lost(self.from_stranger).await, Some(reason));
        self.anna.say(self.to_node, message("#still")).await;
        assert_eq!(self.node.heard(self.from_anna).await, message("#still"));
    }
}

fn frame(body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len()).unwrap();
    [&size.to_le_bytes(), body].concat()
}

#[tokio::test]
async fn a_frame_that_is_no_message_closes_its_link() {
    let mut scene = scene(40).await;
    scene
        .stranger
        .send
        .write_all(&codec::encode(&open()))
        .await
        .unwrap();
    assert_eq!(scene.node.heard(scene.from_stranger).await, open());
    let junk = frame(&[0xff; 40]);
    scene.stranger.send.write_all(&junk).await.unwrap();
    scene.ends_with(Reason::BadFrame).await;
}

#[tokio::test]
async fn bytes_behind_a_message_close_its_link() {
    let mut scene = scene(43).await;
    let message = codec::encode(&open());
    let longer = frame(&[&message[codec::LENGTH_SIZE..], b"!"].concat());
    scene.stranger.send.write_all(&longer).await.unwrap();
    scene.ends_with(Reason::BadFrame).await;
}

#[tokio::test]
async fn a_huge_length_closes_its_link_before_anything_follows() {
    for size in [u32::try_from(FRAME_SIZE_MAX).unwrap() + 1, u32::MAX] {
        let mut scene = scene(46).await;
        scene
            .stranger
            .send
            .write_all(&size.to_le_bytes())
            .await
            .unwrap();
        scene.ends_with(Reason::TooLong).await;
    }
}

#[tokio::test]
async fn a_text_above_the_limit_closes_its_link() {
    let mut scene = scene(49).await;
    let group = GroupName::parse("#g").unwrap();
    let text = "x".repeat(TEXT_SIZE_MAX + 1);
    let body = Body::Text { text };
    let entry = Entry::signed(&identity(51), &group, Number(1), Wall(0), body);
    let entries = vec![entry];
    let put = codec::encode(&Message::Put { group, entries });
    scene.stranger.send.write_all(&put).await.unwrap();
    scene.ends_with(Reason::Limit).await;
}

#[tokio::test]
async fn an_aborted_stream_of_messages_closes_its_link() {
    let mut scene = scene(52).await;
    scene.stranger.send.reset(7_u32.into()).unwrap();
    scene.ends_with(Reason::Unexpected).await;
}

#[tokio::test]
async fn a_stream_that_begins_as_nothing_known_is_refused_alone() {
    let mut scene = scene(55).await;
    let (mut send, mut receive) = scene.stranger.connection.open_bi().await.unwrap();
    send.write_all(&[b'x'; 33]).await.unwrap();
    let error = receive.read_to_end(1).await.unwrap_err();
    assert!(error.to_string().contains("reset"), "{error}");
    scene
        .stranger
        .send
        .write_all(&codec::encode(&open()))
        .await
        .unwrap();
    assert_eq!(scene.node.heard(scene.from_stranger).await, open());
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Observer for Count {
    fn relayed(&self, _: NodeId, _: NodeId, bytes: &[u8]) {
        self.0.fetch_add(bytes.len(), Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_tunnel_that_is_not_read_takes_no_more_than_its_windows() {
    const FLOOD: usize = 8 * 1024 * 1024;
    let count = Arc::new(Count::default());
    let observer = Arc::clone(&count) as Arc<dyn Observer>;
    let mut node = Node::start(165, "127.0.0.165:0", Kind::Mesh, Some(observer));
    let (sender, deaf) = (identity(166), identity(167));
    let from = stranger::link(&sender, node.address).await;
    let to = stranger::link(&deaf, node.address).await;
    node.dialled_by(sender.id()).await;
    node.dialled_by(deaf.id()).await;
    let (mut send, _receive) = from.connection.open_bi().await.unwrap();
    let tunnel = [&b"t"[..], &deaf.id().0].concat();
    send.write_all(&tunnel).await.unwrap();
    let mut other_end = to.connection.accept_bi().await.unwrap();
    // Whatever it is: nobody reads it who would find that it makes no sense.
    let flood = tokio::spawn(async move { send.write_all(&vec![7; FLOOD]).await });
    // A talk beside it shows that there was time to take more, and that nobody waits.
    let (mut anna, mut bert) = (client(168), client(169));
    let via = anna.link(&node).await;
    bert.link(&node).await;
    let to_bert = anna.reach(bert.id, via).await;
    let from_anna = bert.dialled_by(anna.id).await;
    for n in 0..300 {
        let said = message(&format!("#{n}"));
        anna.say(to_bert, said.clone()).await;
        assert_eq!(bert.heard(from_anna).await, said);
    }
    let taken = count.0.load(Ordering::SeqCst);
    println!("{taken} bytes were taken, with those of the talk");
    assert!(taken < FLOOD / 8, "{taken}");
    assert!(!flood.is_finished());
    // Once it is read it goes on.
    let mut piece = vec![0; FLOOD];
    other_end.1.read_exact(&mut piece[..33]).await.unwrap();
    other_end.1.read_exact(&mut piece).await.unwrap();
    flood.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_link_that_begins_as_nothing_known_is_none() {
    let mut node = supernode(58);
    let villain = identity(59);
    let tls = tls::client(&villain, Kind::Mesh);
    let (connection, _endpoint) = stranger::dial(tls, node.address).await.unwrap();
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    send.write_all(b"GET / HTTP/3").await.unwrap();
    let code = stranger::close_code(&connection).await;
    assert_eq!(code, Reason::Unexpected as u64);
    let mut anna = client(60);
    anna.link(&node).await;
    node.dialled_by(anna.id).await;
}

#[tokio::test]
async fn an_unknown_protocol_is_refused_in_the_handshake() {
    let mut node = supernode(61);
    let provider = Arc::new(default_provider());
    for alpn in [vec![b"h3".to_vec()], vec![b"fireside-peer/1".to_vec()]] {
        let (certificate, key) = identity(62).certificate();
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_client_auth_cert(vec![certificate], key)
            .unwrap();
        config.alpn_protocols = alpn;
        let config = QuicClientConfig::try_from(config).unwrap();
        let error = stranger::dial(config, node.address).await.unwrap_err();
        let quinn::ConnectionError::ConnectionClosed(close) = error else {
            panic!("{error}");
        };
        // CRYPTO_ERROR with the alert no_application_protocol (RFC 9001, section 8.1).
        assert_eq!(u64::from(close.error_code), 0x178);
    }
    let mut anna = client(63);
    anna.link(&node).await;
    node.dialled_by(anna.id).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped_and_the_others_are_served() {
    let Scene {
        mut node,
        mut anna,
        to_node,
        from_anna,
        stranger,
        from_stranger,
    } = scene(64).await;
    let group = GroupName::parse("#g").unwrap();
    let text = "x".repeat(TEXT_SIZE_MAX);
    let body = Body::Text { text };
    let entry = Entry::signed(&identity(66), &group, Number(1), Wall(0), body);
    let entries = vec![entry];
    let put = Message::Put { group, entries };
    // What waits, and what is on its way: twice the allowance in all.
    for _ in 0..(2 * 1024 * 1024 / TEXT_SIZE_MAX) {
        node.say(from_stranger, put.clone()).await;
    }
    assert_eq!(node.lost(from_stranger).await, Some(Reason::TooSlow));
    let code = stranger::close_code(&stranger.connection).await;
    assert_eq!(code, Reason::TooSlow as u64);
    node.say(from_anna, message("#still")).await;
    assert_eq!(anna.heard(to_node).await, message("#still"));
}
