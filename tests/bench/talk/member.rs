//! A member: the product's own client with its own disk, in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use fireside::node::{ClientData, ClientSettings, Search};
use fireside::proto::command::Command;
use fireside::proto::event::{Event, MeshState, Path, What};
use fireside::proto::id::{EntryId, GroupName, Nick};
use tokio::sync::{mpsc, watch};

use crate::process::GROUP;

/// What a member saw, and when.
pub struct Seen {
    pub at: Instant,
    pub sight: Sight,
}

pub enum Sight {
    /// It is in the group.
    In,
    /// It reaches the host directly.
    Direct,
    Line {
        text: String,
        id: EntryId,
        own: bool,
    },
    /// Its own line is kept.
    Confirmed(EntryId),
}

pub struct Member {
    commands: mpsc::Sender<Command>,
    is_linked: watch::Receiver<bool>,
    _home: tempfile::TempDir,
}

impl Member {
    pub fn start(number: usize, supernode: SocketAddr, tell: mpsc::UnboundedSender<Seen>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let nick = Nick::parse(&format!("m{number}")).unwrap();
        let settings = ClientSettings {
            data: home.path().to_owned(),
            nick: Some(nick.clone()),
            listen: (Ipv4Addr::UNSPECIFIED, 0).into(),
            search: Search::Bootstrap(vec![supernode.to_string().parse().unwrap()]),
            gates: Vec::new(),
            relay_only: false,
            port_mapping: false,
        };
        let handle = ClientData::open(settings).unwrap().start(nick).unwrap();
        let (linked, is_linked) = watch::channel(false);
        let mut events = handle.events;
        tokio::spawn(async move {
            let mut host = None;
            while let Some(event) = events.recv().await {
                let at = Instant::now();
                let sight = match event {
                    Event::Mesh { state } => {
                        linked.send_replace(matches!(state, MeshState::Linked { .. }));
                        continue;
                    }
                    Event::Joined { host: by, .. } => {
                        host = Some(by);
                        Sight::In
                    }
                    Event::Path { peer, path, .. }
                        if path == Path::Direct && host.is_none_or(|host| host == peer) =>
                    {
                        Sight::Direct
                    }
                    Event::Entry(line) => match line.what {
                        What::Text(text) => Sight::Line {
                            text,
                            id: line.id,
                            own: line.own,
                        },
                        _ => continue,
                    },
                    Event::Confirmed { id, .. } => Sight::Confirmed(id),
                    _ => continue,
                };
                // Nobody listens at the end.
                let _ = tell.send(Seen { at, sight });
            }
        });
        Self {
            commands: handle.commands,
            is_linked,
            _home: home,
        }
    }

    /// Waits until it has a link to the supernode.
    pub async fn is_ready(&self) {
        let mut is_linked = self.is_linked.clone();
        is_linked.wait_for(|is| *is).await.unwrap();
    }

    pub async fn joins(&self) {
        let group = GroupName::parse(GROUP).unwrap();
        self.asks(Command::Join { group }).await;
    }

    pub async fn says(&self, text: String) {
        let group = GroupName::parse(GROUP).unwrap();
        self.asks(Command::Say { group, text }).await;
    }

    async fn asks(&self, command: Command) {
        self.commands.send(command).await.unwrap();
    }
}
