//! Somebody who speaks QUIC, but not as we do: bytes of the test's choice on a connection of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use fireside::identity::Identity;
use fireside::net::tls;
use fireside::proto::role::Kind;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream, TransportConfig,
};
use tokio::time::timeout;

use crate::puppet::PATIENCE;

pub struct Stranger {
    pub connection: Connection,
    pub send: SendStream,
    _receive: RecvStream,
    _endpoint: Endpoint,
}

/// Links with a mesh node as a client does, up to where messages begin: a letter, and which run it is in eight bytes.
pub async fn link(identity: &Identity, address: SocketAddr) -> Stranger {
    let (connection, endpoint) = dial(tls::client(identity, Kind::Mesh), address)
        .await
        .unwrap();
    let (mut send, receive) = connection.open_bi().await.unwrap();
    send.write_all(b"c12345678").await.unwrap();
    Stranger {
        connection,
        send,
        _receive: receive,
        _endpoint: endpoint,
    }
}

/// Takes a few packets and no more: the stranger never reads.
const WINDOW: u32 = 8 * 1024;

pub async fn dial(
    tls: QuicClientConfig,
    address: SocketAddr,
) -> Result<(Connection, Endpoint), ConnectionError> {
    let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut transport = TransportConfig::default();
    transport.stream_receive_window(WINDOW.into());
    let mut config = ClientConfig::new(Arc::new(tls));
    config.transport_config(Arc::new(transport));
    let connecting = endpoint
        .connect_with(config, address, &tls::server_name(None))
        .unwrap();
    Ok((connecting.await?, endpoint))
}

/// The number that the other end closed the connection with.
pub async fn close_code(connection: &Connection) -> u64 {
    match timeout(PATIENCE, connection.closed()).await.unwrap() {
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        ConnectionError::ConnectionClosed(close) => close.error_code.into(),
        other => panic!("not closed by the other end: {other}"),
    }
}
