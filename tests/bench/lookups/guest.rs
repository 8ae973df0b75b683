//! Who asks: a client on a connection of its own, which says what the bench has it say.

use std::net::{IpAddr, SocketAddr};

use bytes::{Buf, Bytes, BytesMut};
use fireside::identity::Identity;
use fireside::net::endpoint::of_client;
use fireside::net::tls;
use fireside::proto::codec::{self, LENGTH_SIZE};
use fireside::proto::limits::WIRE_VERSION;
use fireside::proto::seal::Hash;
use fireside::proto::wire::{Listed, Message};
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};

/// The settings of a new identity. They are made beforehand: what a person does once is not measured.
pub fn config(number: u32) -> ClientConfig {
    let mut seed = [0xc1; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    of_client(&Identity::from_seed(seed))
}

/// A socket at this address, any port.
pub fn endpoint(at: IpAddr) -> Endpoint {
    Endpoint::client((at, 0).into()).unwrap()
}

pub async fn connect(
    endpoint: &Endpoint,
    config: ClientConfig,
    to: SocketAddr,
) -> anyhow::Result<Connection> {
    let connecting = endpoint.connect_with(config, to, &tls::server_name(None))?;
    Ok(connecting.await?)
}

/// A client with a link.
pub struct Guest {
    pub connection: Connection,
    send: SendStream,
    receive: RecvStream,
    buffer: BytesMut,
}

impl Guest {
    pub async fn link(
        endpoint: &Endpoint,
        config: ClientConfig,
        to: SocketAddr,
    ) -> anyhow::Result<Self> {
        let connection = connect(endpoint, config, to).await?;
        let (mut send, receive) = connection.open_bi().await?;
        let open = codec::encode(&Message::Open {
            version: WIRE_VERSION,
            record: None,
        });
        // A client, whose process has this number; then messages.
        send.write_all(&[&b"c12345678"[..], &open].concat()).await?;
        Ok(Self {
            connection,
            send,
            receive,
            buffer: BytesMut::new(),
        })
    }

    pub async fn say(&mut self, frames: Bytes) -> anyhow::Result<()> {
        Ok(self.send.write_chunk(frames).await?)
    }

    /// The next frame, without its length.
    pub async fn frame(&mut self) -> anyhow::Result<Bytes> {
        loop {
            if let Some(&length) = self.buffer.first_chunk::<LENGTH_SIZE>() {
                let size = codec::frame_size(length)?;
                if self.buffer.len() >= LENGTH_SIZE + size {
                    self.buffer.advance(LENGTH_SIZE);
                    return Ok(self.buffer.split_to(size).freeze());
                }
            }
            match self.receive.read_chunk(usize::MAX, true).await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk.bytes),
                None => anyhow::bail!("the other end says no more"),
            }
        }
    }

    /// The answer to a look-up that is told in messages of this kind.
    pub async fn answer<T>(
        &mut self,
        mut is: impl FnMut(Message) -> Option<T>,
    ) -> anyhow::Result<T> {
        loop {
            let frame = self.frame().await?;
            // A frame of nothing asks whether we are there.
            if !frame.is_empty()
                && let Some(answer) = is(codec::decode(&frame)?)
            {
                return Ok(answer);
            }
        }
    }

    /// The table, of whoever does not have the one with this digest.
    pub async fn table(&mut self, known: Hash) -> anyhow::Result<Vec<Listed>> {
        self.say(codec::encode(&Message::TableWanted { digest: known }))
            .await?;
        let mut table = Vec::new();
        loop {
            let part = |message| match message {
                Message::Table { listed, more } => Some((listed, more)),
                _ => None,
            };
            let (listed, more) = self.answer(part).await?;
            table.extend(listed);
            if !more {
                return Ok(table);
            }
        }
    }

    pub fn leave(&self) {
        self.connection.close(0_u32.into(), b"done");
    }
}
