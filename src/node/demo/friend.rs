//! A friend in the demo: a whole client on a thread of its own, so that its plug can be pulled.

use std::thread;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::node::{ClientData, ClientSettings, Handle};
use crate::proto::command::Command;
use crate::proto::event::Event;
use crate::proto::id::{Nick, NodeId};

/// Commands that wait for a friend; more wait with whoever gives them.
const ORDERS_MAX: usize = 16;

/// Somebody in the demo, here or not.
#[derive(Debug)]
pub(super) struct Friend {
    pub(super) nick: Nick,
    settings: ClientSettings,
    tell: mpsc::Sender<(NodeId, Heard)>,
    id: Option<NodeId>,
    life: Option<Life>,
}

/// What a friend notices that matters for the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is in the group, and this one keeps it.
    In { host: NodeId },
    /// Somebody else keeps it.
    Hosts(NodeId),
}

/// One life of a friend, from its start to its end.
#[derive(Debug)]
struct Life {
    orders: mpsc::Sender<Command>,
    plug: CancellationToken,
    ended: oneshot::Receiver<()>,
}

impl Friend {
    pub(super) fn new(
        settings: ClientSettings,
        nick: Nick,
        tell: mpsc::Sender<(NodeId, Heard)>,
    ) -> Self {
        Self {
            nick,
            settings,
            tell,
            id: None,
            life: None,
        }
    }

    pub(super) fn id(&self) -> Option<NodeId> {
        self.id
    }

    pub(super) fn is_here(&self) -> bool {
        self.life.is_some()
    }

    /// Begins a life with what is on disk from the one before.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        let data = ClientData::open(self.settings.clone())?;
        self.id = Some(data.id());
        let (orders, taken) = mpsc::channel(ORDERS_MAX);
        let (end, ended) = oneshot::channel();
        let plug = CancellationToken::new();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (nick, tell, pulled) = (self.nick.clone(), self.tell.clone(), plug.clone());
        thread::Builder::new()
            .name(nick.to_string())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        biased;
                        () = pulled.cancelled() => {}
                        () = live(data, nick, taken, tell) => {}
                    }
                });
                // All it still does stops where it is: nobody is told.
                drop(runtime);
                _ = end.send(());
            })?;
        self.life = Some(Life {
            orders,
            plug,
            ended,
        });
        Ok(())
    }

    /// Asks it to do something, if it is here.
    pub(super) async fn order(&self, command: Command) {
        if let Some(life) = &self.life {
            _ = life.orders.send(command).await;
        }
    }

    /// Ends its life as if the machine under it had died.
    pub(super) fn pull_plug(&mut self) {
        if let Some(life) = self.life.take() {
            life.plug.cancel();
        }
    }

    /// Asks it to leave in order.
    pub(super) async fn leave(&mut self) {
        let why = String::new();
        self.order(Command::Quit { why }).await;
    }

    /// Waits until it is gone.
    pub(super) async fn ended(self) {
        if let Some(life) = self.life {
            _ = life.ended.await;
        }
    }
}

async fn live(
    data: ClientData,
    nick: Nick,
    mut orders: mpsc::Receiver<Command>,
    tell: mpsc::Sender<(NodeId, Heard)>,
) {
    let Handle {
        id,
        commands,
        mut events,
        ended,
        ..
    } = match data.start(nick) {
        Ok(handle) => handle,
        Err(error) => return tracing::error!(%error, "a friend cannot start"),
    };
    loop {
        tokio::select! {
            Some(command) = orders.recv() => {
                _ = commands.send(command).await;
            }
            event = events.recv() => {
                let heard = match event {
                    None | Some(Event::Bye) => break,
                    Some(Event::Joined { host, .. }) => Heard::In { host },
                    Some(Event::Host { host, .. }) => Heard::Hosts(host),
                    Some(_) => continue,
                };
                // The demo may be over already.
                _ = tell.try_send((id, heard));
            }
        }
    }
    if let Err(error) = ended.wait().await {
        tracing::warn!(%error, "a friend's end");
    }
}
