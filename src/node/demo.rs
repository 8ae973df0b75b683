//! `fireside demo`: a small network in one process, in which the person at the screen may kill the host.
//!
//! Nothing in it is made up. A mesh node and a few friends run as they would on machines of their own, each on a
//! thread with a network and a disk of its own, over QUIC on the loopback; only what the friends say is written
//! down beforehand. Whose plug is pulled stops in the middle of whatever it does, and says goodbye to nobody.

mod friend;
mod home;
mod script;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use self::friend::{Friend, Heard};
use self::home::Home;
use self::script::Script;
use super::{
    ClientData, ClientSettings, Handle, LINKS_PER_ADDRESS, MeshSettings, Search, Server, serve,
};
use crate::address::{Host, HostPort};
use crate::proto::admission::Admission;
use crate::proto::command::Command;
use crate::proto::id::{GroupName, Nick, NodeId, NodeName};
use crate::proto::wire::Roles;

/// Where the friends meet.
const GROUP: &str = "#hearth";
/// What the mesh node is called.
const NODE: &str = "lantern";
/// Those of these who are not called like the person at the screen come.
const NAMES: [&str; 5] = ["anna", "bob", "cat", "dora", "emil"];
const FRIENDS: usize = 4;
/// Keys pressed and not yet looked at; more are the same.
const PULLS_MAX: usize = 4;
/// How long somebody stays away whose plug was pulled: long enough to see how the others go on.
const AWAY: Duration = Duration::from_secs(15);
/// How long the friends may take to come in, or to leave; then the demo goes on without.
const PATIENCE: Duration = Duration::from_secs(10);

/// A demo that was set up.
#[derive(Debug)]
pub struct Demo {
    friends: Vec<Friend>,
    us: NodeId,
    our_commands: mpsc::Sender<Command>,
    heard: mpsc::Receiver<(NodeId, Heard)>,
    hint: watch::Sender<String>,
    pulls: (mpsc::Sender<()>, mpsc::Receiver<()>),
    /// Who keeps the group, as far as anybody has said.
    host: Option<NodeId>,
    script: Script,
    mesh: Server,
    home: Home,
}

impl Demo {
    /// Starts the mesh node and the client of whoever sits at the screen; the friends come when it plays.
    ///
    /// # Errors
    /// If there is no room for it on this machine; the message is for a person.
    pub fn start(nick: Nick) -> anyhow::Result<(Self, Handle)> {
        let home = Home::new().context("making a directory for the demo")?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = serve(MeshSettings {
            data: home.of("node"),
            roles: Roles {
                directory: true,
                supernode: true,
            },
            name: NodeName::parse(NODE).ok(),
            listen: any,
            advertise: None,
            bootstrap: Vec::new(),
            metrics: None,
            admission: Admission::default(),
            operators: std::collections::BTreeSet::new(),
            links_per_address: LINKS_PER_ADDRESS,
            relay_limit_kib: super::RELAY_LIMIT_KIB,
        })?;
        let search = Search::Bootstrap(vec![HostPort {
            host: Host::Ip(server.listening().ip()),
            port: server.listening().port(),
        }]);
        let settings = |name: &str, nick: Nick| ClientSettings {
            data: home.of(name),
            nick: Some(nick),
            listen: any,
            search: search.clone(),
            gates: Vec::new(),
            relay_only: false,
            port_mapping: false,
        };
        let (tell, heard) = mpsc::channel(64);
        let names = NAMES.iter().map(|name| Nick::parse(name));
        let names = names.map(|name| name.expect("these are nicks"));
        let friends: Vec<Friend> = names
            .filter(|name| name.folded() != nick.folded())
            .take(FRIENDS)
            .map(|name| Friend::new(settings(name.as_str(), name.clone()), name, tell.clone()))
            .collect();
        let ours = ClientData::open(settings("you", nick.clone()))?.start(nick)?;
        let demo = Self {
            script: Script::new(
                friends
                    .iter()
                    .map(|friend| friend.nick.to_string())
                    .collect(),
            ),
            friends,
            us: ours.id,
            our_commands: ours.commands.clone(),
            heard,
            hint: watch::Sender::new(script::STARTING.to_owned()),
            pulls: mpsc::channel(PULLS_MAX),
            host: None,
            mesh: server,
            home,
        };
        Ok((demo, ours))
    }

    /// What the person may do now, in a line.
    #[must_use]
    pub fn hint(&self) -> watch::Receiver<String> {
        self.hint.subscribe()
    }

    /// Where to say that the host's plug is to be pulled.
    #[must_use]
    pub fn plug(&self) -> mpsc::Sender<()> {
        self.pulls.0.clone()
    }

    /// Plays until `over`, which is to come when our own client has left; then everybody leaves, and what was
    /// written to disk goes.
    ///
    /// # Errors
    /// If a friend cannot be started.
    pub async fn play(mut self, over: CancellationToken) -> anyhow::Result<()> {
        let played = tokio::select! {
            () = over.cancelled() => Ok(()),
            played = self.perform() => played,
        };
        over.cancelled().await;
        self.end().await;
        played
    }

    async fn perform(&mut self) -> anyhow::Result<()> {
        self.gather().await?;
        let mut back = None;
        loop {
            tokio::select! {
                biased;
                Some(()) = self.pulls.1.recv() => {
                    if let Some(at) = self.pull() {
                        back = Some((at, Instant::now() + AWAY));
                    }
                }
                Some((by, heard)) = self.heard.recv() => self.hear(by, heard),
                () = until(back) => {
                    if let Some((at, _)) = back.take() {
                        self.friends[at].start()?;
                    }
                }
                () = sleep_until(self.script.due()) => self.say().await,
            }
        }
    }

    /// The friends come in one by one, then we do.
    async fn gather(&mut self) -> anyhow::Result<()> {
        let group = GroupName::parse(GROUP).context("the demo's group")?;
        for at in 0..self.friends.len() {
            self.friends[at].start()?;
            let join = Command::Join {
                group: group.clone(),
            };
            self.friends[at].order(join).await;
            let comes = async {
                while let Some((by, heard)) = self.heard.recv().await {
                    self.hear(by, heard);
                    if Some(by) == self.friends[at].id() && matches!(heard, Heard::In { .. }) {
                        break;
                    }
                }
            };
            // Who is late comes in while the others talk.
            _ = timeout(PATIENCE, comes).await;
        }
        _ = self.our_commands.send(Command::Join { group }).await;
        self.script.begin();
        self.tell_keeper(script::READY);
        Ok(())
    }

    fn hear(&mut self, by: NodeId, heard: Heard) {
        match heard {
            Heard::In { host } => {
                let at = self
                    .friends
                    .iter()
                    .position(|friend| friend.id() == Some(by));
                let name = self.name(by).to_owned();
                let is_back = self.script.came_back(&name, at.unwrap_or_default());
                if is_back || self.host.is_none() {
                    self.host = Some(host);
                    self.tell_keeper(script::AGAIN);
                }
            }
            Heard::Hosts(host) if self.host != Some(host) => {
                self.host = Some(host);
                let at = self
                    .friends
                    .iter()
                    .position(|friend| friend.id() == Some(host));
                self.script.handed_over(at);
                self.tell_keeper(script::AGAIN);
            }
            Heard::Hosts(_) => {}
        }
    }

    /// Pulls the host's plug, if it is not ours; which friend it was.
    fn pull(&mut self) -> Option<usize> {
        let host = self.host?;
        if host == self.us {
            self.hint.send_replace(script::OURS.to_owned());
            return None;
        }
        let at = self
            .friends
            .iter()
            .position(|friend| friend.id() == Some(host) && friend.is_here())?;
        // One at a time: whoever is away comes back first.
        if !self.friends.iter().all(Friend::is_here) {
            self.hint.send_replace(script::ONE_AWAY.to_owned());
            return None;
        }
        self.friends[at].pull_plug();
        let name = self.friends[at].nick.to_string();
        self.script.pulled(&name, at);
        self.hint
            .send_replace(script::PULLED.replace("{host}", &name));
        Some(at)
    }

    /// Says the next line by whoever is to say it, or the next friend who is here.
    async fn say(&mut self) {
        let count = self.friends.len();
        let Some((who, text)) = self.script.next() else {
            return;
        };
        let group = GroupName::parse(GROUP).ok();
        let here = (0..count).map(|step| (who + step) % count);
        let speaker = here.into_iter().find(|&at| self.friends[at].is_here());
        if let (Some(at), Some(group)) = (speaker, group) {
            self.friends[at].order(Command::Say { group, text }).await;
        }
    }

    fn tell_keeper(&self, hint: &str) {
        let Some(host) = self.host else {
            return;
        };
        let told = if host == self.us {
            script::OURS.to_owned()
        } else {
            hint.replace("{host}", self.name(host))
        };
        self.hint.send_replace(told);
    }

    fn name(&self, id: NodeId) -> &str {
        let friend = self.friends.iter().find(|friend| friend.id() == Some(id));
        friend.map_or("you", |friend| friend.nick.as_str())
    }

    /// The host leaves last, so that nobody has to take over from it.
    async fn end(mut self) {
        self.friends.sort_by_key(|friend| friend.id() == self.host);
        for friend in &mut self.friends {
            friend.leave().await;
        }
        for friend in self.friends {
            _ = timeout(PATIENCE, friend.ended()).await;
        }
        match timeout(PATIENCE, self.mesh.end()).await {
            Ok(Ok(())) => {}
            other => tracing::warn!(?other, "the demo's node"),
        }
        self.home.remove();
    }
}

async fn until<T>(when: Option<(T, Instant)>) {
    match when {
        Some((_, when)) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}
