//! Asking for the table: from a running node, or as it was kept on disk.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::lan::Lan;
use super::{AskSettings, embedded, resolve};
use crate::identity::Identity;
use crate::net::{Endpoint, driver};
use crate::proto::limits::{DIAL_TIMEOUT, WIRE_VERSION};
use crate::proto::role::{DialId, Input, Kind, LinkId, Output, Role, Target};
use crate::proto::seal::Hash;
use crate::proto::table::Table;
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Listed, Message, Reason};
use crate::report::Failure;
use crate::store::{DataDir, Reading};

/// How long an answer from this machine's own node may take.
const LOCAL_WAIT: Duration = Duration::from_millis(1_500);

/// How long one from the local network may take: the question is asked twice in this time, since an answer that
/// somebody else had within the last second is not given again (RFC 6762, section 6).
const LAN_ANSWER_WAIT: Duration = Duration::from_millis(2_500);

/// Where a table came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A node that runs now.
    Node,
    /// The data directory; it may be old.
    Disk,
}

/// The table, from the best source there is.
///
/// # Errors
/// If no node answers and none is kept; the message is for a person.
pub async fn known_table(settings: AskSettings) -> anyhow::Result<(Table, Source)> {
    // Nobody: a person who merely looks needs no identity, and the client beside us has theirs.
    let identity = Identity::from_seed(super::random());
    let (addresses, failures, wait) = places(&settings).await;
    let refused = match ask(&identity, addresses.clone(), wait).await? {
        Ok(listed) => {
            let mut table = Table::new();
            for listed in listed {
                // A forged or refused record is the teller's to keep.
                _ = table.merge(&identity, listed);
            }
            return Ok((table, Source::Node));
        }
        Err(refused) => refused,
    };
    let asked: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let asked = asked.join(", ");
    let nobody = match (refused, failures.into_iter().next()) {
        (Some(Reason::NotAdmitted), _) => Failure::new(
            "cannot learn the table",
            format!("the mesh at {asked} is closed, and who only looks has no key that it knows"),
            "name the --data of somebody it admits, where a table is kept",
        ),
        (Some(why), _) => Failure::new(
            "cannot learn the table",
            format!("{asked}: {why}"),
            "name another node with --bootstrap HOST",
        ),
        (None, Some(failure)) => failure,
        (None, None) => Failure::new(
            "cannot learn the table",
            format!("nobody answers at {asked}"),
            "start fireside, or name a running node with --bootstrap HOST",
        ),
    };
    let table = kept(&settings, &identity)?.ok_or(nobody)?;
    Ok((table, Source::Disk))
}

/// Where to ask, why some of it is nowhere, and how long to wait there.
pub(super) async fn places(settings: &AskSettings) -> (Vec<SocketAddr>, Vec<Failure>, Duration) {
    if settings.bootstrap.is_empty() {
        (nearby(settings).await, Vec::new(), LOCAL_WAIT)
    } else {
        let (addresses, failures) = resolve::all(&settings.bootstrap).await;
        (addresses, failures, DIAL_TIMEOUT)
    }
}

/// Whoever is on this machine, or else on the local network.
async fn nearby(settings: &AskSettings) -> Vec<SocketAddr> {
    let local = embedded::local(settings.local_port);
    if settings.lan
        && !embedded::is_taken(settings.local_port, true)
        && let Some(mut lan) = Lan::open()
    {
        let seen = timeout(LAN_ANSWER_WAIT, lan.sighted()).await;
        lan.close().await;
        return seen.unwrap_or_else(|_| vec![local]);
    }
    vec![local]
}

/// The table in the data directory, which may be in use, if there is one. Nothing is made for it, or changed.
fn kept(settings: &AskSettings, identity: &Identity) -> anyhow::Result<Option<Table>> {
    let database = DataDir::database_in(&settings.data);
    if !database.exists() {
        return Ok(None);
    }
    let table = Reading::open(&database)?.table()?;
    Ok((!table.is_empty()).then(|| Table::restored(table, identity)))
}

/// What the first of `addresses` to answer tells; or why the last one would not, if it gave a reason.
type Answer = Result<Vec<Listed>, Option<Reason>>;

async fn ask(
    identity: &Identity,
    addresses: Vec<SocketAddr>,
    wait: Duration,
) -> anyhow::Result<Answer> {
    let any = (std::net::Ipv6Addr::UNSPECIFIED, 0).into();
    let endpoint = Endpoint::bind(identity, any, Kind::Peer)?;
    let (answer, answered) = oneshot::channel();
    let role = Box::new(Asker {
        open: addresses.len(),
        addresses,
        answer: Some(answer),
        teller: None,
        refused: None,
        heard: Vec::new(),
        outputs: VecDeque::new(),
    });
    // The asker talks to the network alone: nothing comes in, and the end is all that goes out.
    let (_feed, inputs) = mpsc::channel(1);
    let (outputs, _) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let asking = tokio::spawn(driver::run(role, endpoint, inputs, outputs, stop.clone()));
    let listed = timeout(wait, answered).await;
    stop.cancel();
    if let Err(error) = asking.await? {
        tracing::debug!(%error, "asking for the table");
    }
    Ok(listed.ok().and_then(Result::ok).unwrap_or(Err(None)))
}

/// A role that asks several nodes for the table, takes the first whole answer, and is done.
struct Asker {
    addresses: Vec<SocketAddr>,
    /// Dials and links that may still bring an answer.
    open: usize,
    answer: Option<oneshot::Sender<Answer>>,
    /// Whose answer is being heard.
    teller: Option<LinkId>,
    refused: Option<Reason>,
    heard: Vec<Listed>,
    outputs: VecDeque<Output>,
}

impl Asker {
    fn say(&mut self, link: LinkId, message: Message) {
        let to = vec![link];
        self.outputs.push_back(Output::Send { to, message });
    }

    fn received(&mut self, link: LinkId, message: Message) {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "whoever only asks for the table has no use for any other message, old or to come"
        )]
        match message {
            Message::Open { version, .. } if version == WIRE_VERSION => {
                let digest = Hash::default();
                self.say(link, Message::TableWanted { digest });
            }
            Message::Open { .. } => {
                let reason = Reason::UnknownVersion;
                self.outputs.push_back(Output::Close { link, reason });
                self.one_less();
            }
            Message::Table { listed, more } if self.teller.is_none_or(|teller| teller == link) => {
                self.teller = Some(link);
                self.heard.extend(listed);
                if !more && let Some(answer) = self.answer.take() {
                    // Whoever asked may have lost patience.
                    _ = answer.send(Ok(std::mem::take(&mut self.heard)));
                    self.outputs.push_back(Output::Finish);
                }
            }
            _ => {}
        }
    }

    fn one_less(&mut self) {
        self.open = self.open.saturating_sub(1);
        if self.open == 0 {
            if let Some(answer) = self.answer.take() {
                _ = answer.send(Err(self.refused));
            }
            self.outputs.push_back(Output::Finish);
        }
    }
}

impl Role for Asker {
    fn handle(&mut self, _: Now, input: Input) {
        match input {
            Input::Start => {
                for (dial, address) in (0..).zip(std::mem::take(&mut self.addresses)) {
                    self.outputs.push_back(Output::Dial {
                        dial: DialId(dial),
                        to: Target::Node { address, id: None },
                    });
                }
                if self.open == 0 {
                    self.open = 1;
                    self.one_less();
                }
            }
            Input::Linked { link, .. } => {
                let version = WIRE_VERSION;
                let record = None;
                self.say(link, Message::Open { version, record });
            }
            Input::Undialled { reason, .. } => {
                self.refused = reason.or(self.refused);
                self.one_less();
            }
            Input::Lost { link, why } => {
                self.refused = why.or(self.refused);
                if self.teller == Some(link) {
                    self.teller = None;
                    self.heard.clear();
                }
                self.one_less();
            }
            Input::Received { link, message } => self.received(link, message),
            // It is not waited for longer than for any other.
            Input::Quiet { .. } | Input::Heard { .. } => {}
            Input::Timeout
            | Input::Command(_)
            | Input::PathIs { .. }
            | Input::Reached(_)
            | Input::Written { .. }
            | Input::Unwritten { .. }
            | Input::Fetched { .. }
            | Input::Found { .. }
            | Input::Addresses { .. }
            | Input::Admission(_) => {}
        }
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        None
    }
}
