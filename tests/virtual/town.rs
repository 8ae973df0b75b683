//! People, supernodes and a directory as the product makes them, with the simulator's disks, on the simulated network.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fireside::identity::Identity;
use fireside::net::driver;
use fireside::proto::client::Client;
use fireside::proto::command::Command;
use fireside::proto::event::{Event, What};
use fireside::proto::id::{Epoch, GroupName, Nick, NodeId, NodeName};
use fireside::proto::limits::INPUT_QUEUE_MAX;
use fireside::proto::node::MeshNode;
use fireside::proto::ring::{Point, Ring};
use fireside::proto::role::{Input, Kind, Output, Role};
use fireside::proto::saved::Saved;
use fireside::proto::seal::Seal;
use fireside::proto::wire::Roles;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::disk::Disk;
use crate::network::Network;
use crate::node::address;

/// In virtual time, which costs nothing.
const PATIENCE: Duration = Duration::from_secs(60);
/// For the nodes of a mesh to know each other, with packets lost: some handshakes and two comparisons of tables.
const MET_AFTER: Duration = Duration::from_secs(30);
const HEARTH: &str = "#hearth";
const DIRECTORY: u8 = 1;
const SUPERNODES: std::ops::RangeInclusive<u8> = 2..=3;
const FIRST_PERSON: u8 = 10;

/// A mesh, and people who are in one group in the order given.
pub struct Town<const N: usize> {
    pub network: Network,
    pub people: [Person; N],
    mesh: Vec<Running>,
}

/// A role with its driver, its disk and its network.
struct Running {
    id: NodeId,
    ip: IpAddr,
    network: Network,
    inputs: mpsc::Sender<Input>,
    told: mpsc::UnboundedReceiver<Event>,
    driver: JoinHandle<anyhow::Result<()>>,
}

pub struct Person {
    running: Running,
    pub nick: String,
    events: Vec<Event>,
}

impl<const N: usize> Town<N> {
    pub async fn new(seed: u64, delay_ms: u64, loss_percent: u64, nicks: [&str; N]) -> Self {
        let network = Network::new(seed, delay_ms, loss_percent);
        let mut mesh = vec![mesh_node(&network, DIRECTORY, true, seed).await];
        for number in SUPERNODES {
            mesh.push(mesh_node(&network, number, false, seed).await);
        }
        // Before its nodes have met, two people can each found the group at another supernode, which ends well and
        // is no handover.
        sleep(MET_AFTER).await;
        let mut people = Vec::new();
        for (number, nick) in (FIRST_PERSON..).zip(nicks) {
            let mut person = Person::start(&network, number, nick, seed);
            person.ask(Command::Join { group: hearth() }).await;
            person
                .until("being in", |event| matches!(event, Event::Joined { .. }))
                .await;
            people.push(person);
        }
        let people = people
            .try_into()
            .unwrap_or_else(|_| panic!("as many as nicks"));
        Self {
            network,
            people,
            mesh,
        }
    }

    /// The supernode that holds the group.
    fn keeper(&self) -> &Running {
        let supernodes = &self.mesh[1..];
        let ring = Ring::new(supernodes.iter().map(|node| (node.id, node.ip)));
        let id = ring.responsible(Point::of_group(&hearth())).unwrap();
        supernodes.iter().find(|node| node.id == id).unwrap()
    }

    /// The supernode that holds the group dies with its machine.
    pub fn the_keeper_dies(&self) {
        self.keeper().dies();
    }
}

async fn mesh_node(network: &Network, number: u8, is_directory: bool, seed: u64) -> Running {
    let roles = Roles {
        directory: is_directory,
        supernode: !is_directory,
    };
    let name = NodeName::parse(&format!("node-{number}")).unwrap();
    let node = Running::start(network, number, Kind::Mesh, |seal| {
        Box::new(MeshNode::new(
            seal,
            name,
            roles,
            Saved::default(),
            seed ^ u64::from(number),
        ))
    });
    let addresses = vec![address(number)];
    node.inputs
        .send(Input::Addresses { addresses })
        .await
        .unwrap();
    node
}

impl Running {
    fn start(
        network: &Network,
        number: u8,
        accepts: Kind,
        role: impl FnOnce(Arc<dyn Seal>) -> Box<dyn Role + Send>,
    ) -> Self {
        let at = address(number);
        let identity = Identity::from_seed([number; 32]);
        let endpoint = network.endpoint(&identity, at, accepts);
        let id = identity.id();
        let (inputs, inputs_of) = mpsc::channel(INPUT_QUEUE_MAX);
        let (outputs_to, outputs) = mpsc::channel(INPUT_QUEUE_MAX);
        let (events, told) = mpsc::unbounded_channel();
        let role = role(Arc::new(identity));
        let stop = CancellationToken::new();
        let driver = tokio::spawn(driver::run(role, endpoint, inputs_of, outputs_to, stop));
        tokio::spawn(serve(outputs, inputs.clone(), events));
        Self {
            id,
            ip: SocketAddr::ip(&at),
            network: network.clone(),
            inputs,
            told,
            driver,
        }
    }

    /// Ends it and its machine, without a word to anybody.
    fn dies(&self) {
        self.network.cut(self.ip);
        self.driver.abort();
    }
}

/// A disk that is never in the way, the only directory there is, and a face.
async fn serve(
    mut outputs: mpsc::Receiver<Output>,
    inputs: mpsc::Sender<Input>,
    events: mpsc::UnboundedSender<Event>,
) {
    let mut disk = Disk::default();
    while let Some(output) = outputs.recv().await {
        let input = match output {
            Output::Write { ticket, writes } => {
                let moved = disk.write(writes).unwrap();
                Input::Written { ticket, moved }
            }
            Output::Fetch {
                ticket,
                group,
                after,
                upto,
            } => {
                let (runs, more) = disk.fetch(&group, &after, &upto);
                Input::Fetched { ticket, runs, more }
            }
            Output::Discover => Input::Found {
                addresses: vec![address(DIRECTORY)],
            },
            Output::Tell(event) => {
                let _ = events.send(event);
                continue;
            }
            _ => continue,
        };
        if inputs.send(input).await.is_err() {
            return;
        }
    }
}

impl Person {
    fn start(network: &Network, number: u8, nick: &str, seed: u64) -> Self {
        let name = Nick::parse(nick).unwrap();
        let running = Running::start(network, number, Kind::Peer, |seal| {
            Box::new(Client::new(
                seal,
                name,
                Saved::default(),
                seed ^ u64::from(number),
            ))
        });
        Self {
            running,
            nick: nick.to_owned(),
            events: Vec::new(),
        }
    }

    pub fn id(&self) -> NodeId {
        self.running.id
    }

    pub fn ip(&self) -> IpAddr {
        self.running.ip
    }

    pub fn dies(&self) {
        self.running.dies();
    }

    pub async fn ask(&self, command: Command) {
        self.running
            .inputs
            .send(Input::Command(command))
            .await
            .unwrap();
    }

    pub async fn says(&self, text: &str) {
        let (group, text) = (hearth(), text.to_owned());
        self.ask(Command::Say { group, text }).await;
    }

    /// Waits for an event of all since the start.
    pub async fn until(&mut self, what: &str, is: impl Fn(&Event) -> bool) {
        if self.events.iter().any(&is) {
            return;
        }
        let seen = timeout(PATIENCE, async {
            loop {
                let event = self.running.told.recv().await.unwrap();
                let is_it = is(&event);
                self.events.push(event);
                if is_it {
                    return;
                }
            }
        });
        let seen = seen.await;
        seen.unwrap_or_else(|_| panic!("{} waited in vain for {what}", self.nick));
    }

    /// Waits until that many own lines were told as confirmed.
    pub async fn has_confirmed(&mut self, count: usize) {
        while self.confirmed() < count {
            let event = timeout(PATIENCE, self.running.told.recv()).await;
            let event = event.unwrap_or_else(|_| panic!("{} has nothing confirmed", self.nick));
            self.events.push(event.unwrap());
        }
    }

    pub fn confirmed(&self) -> usize {
        let is_it = |event: &&Event| matches!(event, Event::Confirmed { .. });
        self.events.iter().filter(is_it).count()
    }

    pub async fn sees(&mut self, line: &str) {
        let said = |event: &Event| texts_of(event).is_some_and(|text| text == line);
        self.until(line, said).await;
    }

    /// How many times it was told of a line.
    pub fn times(&self, line: &str) -> usize {
        self.events
            .iter()
            .filter_map(texts_of)
            .filter(|text| *text == line)
            .count()
    }

    /// The epochs it has lived in, and their hosts.
    pub fn epochs(&mut self) -> Vec<Epoch> {
        while let Ok(event) = self.running.told.try_recv() {
            self.events.push(event);
        }
        let epochs = self.events.iter().filter_map(|event| match event {
            Event::Joined { epoch, .. } | Event::Host { epoch, .. } => Some(*epoch),
            _ => None,
        });
        epochs.collect()
    }
}

/// Each of them says a line and has it confirmed; how long that took.
pub async fn talk(people: &mut [Person]) -> Duration {
    let start = Instant::now();
    let mut wanted = Vec::new();
    for person in &mut *people {
        person.epochs();
        wanted.push(person.confirmed() + 1);
        let line = format!("{} {}", person.nick, person.events.len());
        person.says(&line).await;
    }
    for (person, wanted) in people.iter_mut().zip(wanted) {
        person.has_confirmed(wanted).await;
    }
    start.elapsed()
}

fn texts_of(event: &Event) -> Option<&str> {
    match event {
        Event::Entry(line) => match &line.what {
            What::Text(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn hearth() -> GroupName {
    GroupName::parse(HEARTH).unwrap()
}
