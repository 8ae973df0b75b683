//! What an operator asks of running nodes: to meet another mesh, and to take a node out of service for good.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{AskSettings, KEY_FILE, ask, resolve};
use crate::address::HostPort;
use crate::identity::Identity;
use crate::net::{Endpoint, driver};
use crate::proto::id::NodeName;
use crate::proto::limits::{DIAL_TIMEOUT, WIRE_VERSION};
use crate::proto::role::{DialId, Input, Kind, LinkId, Output, Role, Target};
use crate::proto::seal::Seal as _;
use crate::proto::time::{Mono, Now};
use crate::proto::wire::{Burial, Message, Outcome, Reason};
use crate::report::Failure;

/// Addresses of one name at which another node is looked for at once.
const INTRODUCED_MAX: usize = 8;

/// Tells a running node of another, so that their meshes become one.
///
/// # Errors
/// If no node hears it, or the other does not answer; the message is for a person.
pub async fn introduce(settings: &AskSettings, to: &HostPort) -> anyhow::Result<()> {
    let what = format!("cannot introduce {to}");
    let (addresses, failures) = resolve::all(std::slice::from_ref(to)).await;
    if addresses.is_empty() {
        let nowhere = || Failure::new(what.clone(), "its name has no address", "see its spelling");
        return Err(failures.into_iter().next().unwrap_or_else(nowhere).into());
    }
    let identity = operator(settings)?;
    let (nodes, failures, _) = ask::places(settings).await;
    if let (true, Some(failure)) = (nodes.is_empty(), failures.into_iter().next()) {
        return Err(failure.into());
    }
    let introduce = |address| Message::Introduce { address };
    let all = addresses.into_iter().take(INTRODUCED_MAX).map(introduce);
    let outcome = tell(&identity, nodes, all.collect()).await?;
    let (why, try_) = match outcome {
        Some(Outcome::Done) => return Ok(()),
        Some(Outcome::NoAnswer) => ("nobody answers there", "see the address, and its UDP port"),
        Some(Outcome::NotAllowed) => (
            "the node does not know you for an operator",
            "do it on the node's own machine",
        ),
        None => (
            "no node hears you",
            "name a running one with --bootstrap HOST",
        ),
    };
    Err(Failure::new(what, why, try_).into())
}

/// Takes the node of this name out of service for good.
///
/// # Errors
/// If there is none, or no directory takes our word for it; the message is for a person.
pub async fn bury(settings: AskSettings, name: NodeName) -> anyhow::Result<()> {
    let what = format!("cannot bury {name}");
    let identity = operator(&settings)?;
    let (mut nodes, ..) = ask::places(&settings).await;
    let (table, _) = ask::known_table(settings).await?;
    let Some(known) = table.by_name(&name) else {
        return Err(Failure::new(
            what,
            "no node of that name is known",
            "fireside table tells who is",
        )
        .into());
    };
    for directory in table.directories() {
        nodes.extend(directory.addresses.iter().copied());
    }
    nodes.sort_unstable();
    nodes.dedup();
    let burials = vec![Burial::signed(&identity, known.record.key, name)];
    let outcome = tell(&identity, nodes, vec![Message::Buried { burials }]).await?;
    let (why, try_) = match outcome {
        Some(Outcome::Done) => return Ok(()),
        Some(Outcome::NotAllowed | Outcome::NoAnswer) => (
            "no directory knows you for an operator".to_owned(),
            format!("start the directories with --operator {}", identity.id()),
        ),
        None => (
            "no directory hears you".to_owned(),
            "name a running one with --bootstrap HOST".to_owned(),
        ),
    };
    Err(Failure::new(what, why, try_).into())
}

/// The key of whoever's data directory it is; of nobody, if there is none yet.
fn operator(settings: &AskSettings) -> anyhow::Result<Identity> {
    let file = settings.data.join(KEY_FILE);
    if !file.exists() {
        return Ok(Identity::from_seed(super::random()));
    }
    Ok(Identity::load_or_create(&file)?)
}

/// Says `messages` to all of `nodes`; what is answered where one of them is done, or else last.
async fn tell(
    identity: &Identity,
    nodes: Vec<SocketAddr>,
    messages: Vec<Message>,
) -> anyhow::Result<Option<Outcome>> {
    let any = (std::net::Ipv6Addr::UNSPECIFIED, 0).into();
    // As a client it would take the place of the operator's own chat.
    let endpoint = Endpoint::bind(identity, any, Kind::Mesh)?;
    let (answer, mut answers) = mpsc::channel((nodes.len() * messages.len()).max(1));
    let (done, ended) = oneshot::channel();
    let role = Box::new(Teller {
        open: nodes.len(),
        nodes,
        messages,
        awaited: BTreeMap::new(),
        answer,
        done: Some(done),
        outputs: Vec::new(),
    });
    let (_feed, inputs) = mpsc::channel(1);
    let (outputs, _) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let telling = tokio::spawn(driver::run(role, endpoint, inputs, outputs, stop.clone()));
    // Who is asked to meet somebody waits for that one's answer as long as for its own.
    let _is_over = timeout(2 * DIAL_TIMEOUT, ended).await;
    stop.cancel();
    if let Err(error) = telling.await? {
        tracing::debug!(%error, "telling a node");
    }
    let mut outcome = None;
    while let Ok(answer) = answers.try_recv() {
        if outcome != Some(Outcome::Done) {
            outcome = Some(answer);
        }
    }
    Ok(outcome)
}

/// A role that says the same to several nodes, and hears what becomes of it.
struct Teller {
    nodes: Vec<SocketAddr>,
    /// Dials and links that may still bring an answer.
    open: usize,
    messages: Vec<Message>,
    /// How many answers are to come.
    awaited: BTreeMap<LinkId, usize>,
    answer: mpsc::Sender<Outcome>,
    done: Option<oneshot::Sender<()>>,
    /// The next is the last.
    outputs: Vec<Output>,
}

impl Teller {
    fn one_less(&mut self) {
        self.open = self.open.saturating_sub(1);
        if self.open == 0 {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Some(done) = self.done.take() {
            // Whoever asked may have lost patience.
            _ = done.send(());
            self.outputs.insert(0, Output::Finish);
        }
    }
}

impl Role for Teller {
    fn handle(&mut self, _: Now, input: Input) {
        match input {
            Input::Start => {
                for (dial, address) in (0..).zip(std::mem::take(&mut self.nodes)) {
                    let to = Target::Node { address, id: None };
                    let dial = DialId(dial);
                    self.outputs.insert(0, Output::Dial { dial, to });
                }
                if self.open == 0 {
                    self.end();
                }
            }
            Input::Linked { link, .. } => {
                let open = Message::Open {
                    version: WIRE_VERSION,
                    record: None,
                };
                self.awaited.insert(link, self.messages.len());
                for message in std::iter::once(open).chain(self.messages.clone()) {
                    let to = vec![link];
                    self.outputs.insert(0, Output::Send { to, message });
                }
            }
            Input::Received {
                link,
                message: Message::Outcome(outcome),
            } => {
                // There is room for an answer of each.
                _ = self.answer.try_send(outcome);
                let awaited = self.awaited.entry(link).or_default();
                *awaited = awaited.saturating_sub(1);
                let is_last = *awaited == 0;
                if is_last || outcome == Outcome::Done {
                    let reason = Reason::Done;
                    self.outputs.insert(0, Output::Close { link, reason });
                }
                match outcome {
                    Outcome::Done => self.end(),
                    Outcome::NotAllowed | Outcome::NoAnswer if is_last => self.one_less(),
                    Outcome::NotAllowed | Outcome::NoAnswer => {}
                }
            }
            Input::Undialled { .. } | Input::Lost { .. } => self.one_less(),
            Input::Received { .. }
            | Input::Quiet { .. }
            | Input::Heard { .. }
            | Input::Timeout
            | Input::Command(_)
            | Input::PathIs { .. }
            | Input::Written { .. }
            | Input::Unwritten { .. }
            | Input::Fetched { .. }
            | Input::Found { .. }
            | Input::Admission(_)
            | Input::Addresses { .. }
            | Input::Reached(_) => {}
        }
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        None
    }
}
