//! The least that QUIC can relay for: a process that hands each stream's bytes on, with quinn alone.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use fireside::identity::Identity;
use fireside::net::tls;
use fireside::proto::role::Kind;
use quinn::{Connection, Endpoint, RecvStream, SendStream, ServerConfig, TransportConfig, VarInt};

use crate::client;

/// The first argument of that process, and with which of quinn's settings it is to relay.
pub const FLAG: &str = "--splice";

/// Settings of quinn's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings {
    /// As it comes.
    Plain,
    /// With windows as small as they must be where an uplink is slow: one tunnel holds no more than 128 KiB.
    SmallWindows,
}

impl Settings {
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::SmallWindows => "small-windows",
        }
    }

    pub fn named(name: &str) -> Self {
        let all = [Self::Plain, Self::SmallWindows];
        all.into_iter().find(|it| it.name() == name).unwrap()
    }

    fn transport(self) -> TransportConfig {
        let mut config = TransportConfig::default();
        match self {
            Self::Plain => {}
            Self::SmallWindows => {
                config
                    .stream_receive_window(VarInt::from_u32(128 * 1024))
                    .send_window(128 * 1024)
                    .receive_window(VarInt::from_u32(1024 * 1024));
            }
        }
        config
    }
}

type Links = Arc<Mutex<BTreeMap<[u8; 32], Connection>>>;

/// That process.
pub async fn serve(settings: Settings) {
    let identity = Identity::from_seed([0xf2; 32]);
    let mut config = ServerConfig::with_crypto(Arc::new(tls::server(&identity, Kind::Mesh)));
    config.transport_config(Arc::new(settings.transport()));
    let endpoint = Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    println!("listening on {}", endpoint.local_addr().unwrap());
    let links = Links::default();
    let serving = async {
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(link(incoming, Arc::clone(&links)));
        }
    };
    let parent = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    tokio::select! {
        () = serving => panic!("the endpoint ended"),
        _ = parent => {}
    }
}

/// Takes the client at its word as to who it is.
async fn link(incoming: quinn::Incoming, links: Links) {
    let connection = incoming.await.unwrap();
    let (_messages, mut receive) = connection.accept_bi().await.unwrap();
    let mut beginning = [0; 9];
    receive.read_exact(&mut beginning).await.unwrap();
    let number = u64::from_be_bytes(beginning[1..].try_into().unwrap());
    let id = client::id(u32::try_from(number).unwrap());
    links.lock().unwrap().insert(id, connection.clone());
    while let Ok((send, receive)) = connection.accept_bi().await {
        tokio::spawn(relay(id, send, receive, Arc::clone(&links)));
    }
}

async fn relay(from: [u8; 32], back: SendStream, mut receive: RecvStream, links: Links) {
    let mut beginning = [0; 33];
    receive.read_exact(&mut beginning).await.unwrap();
    let link = links.lock().unwrap().get(&beginning[1..]).cloned();
    let Some(link) = link else { return };
    let (mut onward, forth) = link.open_bi().await.unwrap();
    onward.write_all(&[b"f", &from[..]].concat()).await.unwrap();
    tokio::join!(splice(receive, onward), splice(forth, back));
}

async fn splice(mut from: RecvStream, mut to: SendStream) {
    while let Ok(Some(chunk)) = from.read_chunk(usize::MAX, true).await {
        if to.write_chunk(chunk.bytes).await.is_err() {
            return;
        }
    }
    // Whoever is gone needs no end.
    let _ = to.finish();
}
