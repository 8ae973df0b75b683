//! Clients who send what they like through whoever relays.

use std::net::SocketAddr;
use std::time::Duration;

use fireside::identity::Identity;
use fireside::net::endpoint::of_client;
use fireside::net::tls;
use fireside::proto::seal::Seal;
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::time::sleep;

/// A link as a client has it, up to where messages begin.
pub struct Client {
    id: [u8; 32],
    connection: Connection,
    _messages: (SendStream, RecvStream),
}

fn identity(number: u32) -> Identity {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    Identity::from_seed(seed)
}

/// Whose link the client of this number has.
pub fn id(number: u32) -> [u8; 32] {
    identity(number).id().0
}

impl Client {
    pub async fn dials(endpoint: &Endpoint, address: SocketAddr, number: u32) -> Self {
        let identity = identity(number);
        let config = of_client(&identity);
        let connecting = endpoint.connect_with(config, address, &tls::server_name(None));
        let connection = connecting.unwrap().await.unwrap();
        let (mut send, receive) = connection.open_bi().await.unwrap();
        let run = u64::from(number).to_be_bytes();
        send.write_all(&[&b"c"[..], &run].concat()).await.unwrap();
        Self {
            id: identity.id().0,
            connection,
            _messages: (send, receive),
        }
    }
}

/// A tunnel from one to the other. It takes a moment until whoever relays has taken both in.
pub async fn tunnel(from: &Client, to: &Client) -> (SendStream, RecvStream) {
    loop {
        let (mut send, _back) = from.connection.open_bi().await.unwrap();
        send.write_all(&[&b"t"[..], &to.id].concat()).await.unwrap();
        tokio::select! {
            accepted = to.connection.accept_bi() => {
                let (_forth, mut receive) = accepted.unwrap();
                receive.read_exact(&mut [0; 33]).await.unwrap();
                return (send, receive);
            }
            () = sleep(Duration::from_millis(200)) => {}
        }
    }
}
