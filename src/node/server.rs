//! A mesh node that is a process of its own: it is watched, told of changes, and ended.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::MeshSettings;
use super::mesh::{Begin, Mesh};
use super::metrics::{Metrics, Sheet};
use super::seek::Seeker;
use crate::address::HostPort;
use crate::identity::Identity;
use crate::net::Endpoint;
use crate::proto::id::NodeId;
use crate::proto::role::{Input, Kind};
use crate::proto::wire::Roles;
use crate::store::DataDir;

/// How long a node that is well may take to say so, on a machine that does much beside.
const SIGN_WAIT: Duration = Duration::from_secs(5);

/// A directory or supernode at work.
pub struct Server {
    mesh: Mesh,
    settings: MeshSettings,
    bootstrap: watch::Sender<Vec<HostPort>>,
    metrics: Option<JoinHandle<()>>,
    /// Ours until the end.
    _data: DataDir,
}

/// Starts a mesh node. Must be called inside a tokio runtime.
///
/// # Errors
/// If its data directory, key or ports cannot be had; the message is for a person.
pub fn serve(settings: MeshSettings) -> anyhow::Result<Server> {
    let data = DataDir::open(&settings.data)?;
    let identity = Identity::load_or_create(&data.path().join(super::KEY_FILE))?;
    let endpoint = Endpoint::bind(&identity, settings.listen, Kind::Mesh)?;
    let metrics = settings.metrics.map(Metrics::bind).transpose()?;
    let mut mesh = Mesh::start(Begin {
        identity,
        endpoint: endpoint
            .sharing(settings.links_per_address)
            .relaying(settings.relay_limit_kib),
        database: &data.database(),
        roles: settings.roles,
        name: settings.name.clone(),
        advertise: settings.advertise,
        admission: settings.admission.clone(),
        operators: settings.operators.clone(),
        recalls: true,
    })?;
    let sheet = Sheet {
        gauge: mesh.gauge.clone(),
        relayed: Arc::clone(&mesh.relayed),
        unwritten: Arc::clone(&mesh.unwritten),
        roles: settings.roles,
        began: SystemTime::now(),
    };
    let metrics = metrics.map(|metrics| tokio::spawn(metrics.run(sheet)));
    let bootstrap = watch::Sender::new(settings.bootstrap.clone());
    let (_, nobody) = mpsc::channel(1);
    let seeker = Seeker {
        asks: std::mem::replace(&mut mesh.asks, nobody),
        bootstrap: bootstrap.subscribe(),
        inputs: mesh.inputs.clone(),
        listening: mesh.listening,
        advertise: settings.advertise,
    };
    tokio::spawn(seeker.run());
    Ok(Server {
        mesh,
        settings,
        bootstrap,
        metrics,
        _data: data,
    })
}

/// What came of new settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// What is in force from here on, in words.
    pub changed: Vec<String>,
    /// The settings that have changed and will be in force after a restart.
    pub after_restart: Vec<&'static str>,
}

impl Server {
    /// Where it is reached.
    #[must_use]
    pub fn listening(&self) -> SocketAddr {
        self.mesh.listening
    }

    /// One line that says that it is ready, and what others need to know of it.
    #[must_use]
    pub fn ready(&self) -> String {
        let role = match self.settings.roles {
            Roles {
                directory: true,
                supernode: true,
            } => "directory and supernode",
            Roles {
                directory: true,
                supernode: false,
            } => "directory",
            Roles {
                directory: false, ..
            } => "supernode",
        };
        let Mesh {
            name,
            listening,
            key,
            ..
        } = &self.mesh;
        format!("fireside: {role} {name} listening on {listening}, key {key}")
    }

    /// Waits until it ends by itself, which it should not. Cancel-safe.
    pub async fn broken(&mut self) -> anyhow::Error {
        match (&mut self.mesh.ended).await.context("the node broke") {
            Ok(Ok(())) => anyhow!("the node ended by itself"),
            Ok(Err(error)) | Err(error) => error,
        }
    }

    /// Whether it still turns.
    pub async fn is_well(&self) -> bool {
        let reading = timeout(SIGN_WAIT, self.mesh.gauge.read()).await;
        matches!(reading, Ok(Some(_)))
    }

    /// Takes over what can be changed while it runs.
    pub async fn reload(&mut self, settings: MeshSettings) -> Reloaded {
        let MeshSettings {
            data,
            roles,
            name,
            listen,
            advertise,
            bootstrap,
            metrics,
            admission,
            operators,
            links_per_address,
            relay_limit_kib,
        } = settings;
        let old = &mut self.settings;
        let mut done = Reloaded {
            changed: Vec::new(),
            after_restart: [
                ("data", data != old.data),
                ("directory, supernode", roles != old.roles),
                ("name", name != old.name),
                ("listen", listen != old.listen),
                ("advertise", advertise != old.advertise),
                ("metrics", metrics != old.metrics),
                ("operators", operators != old.operators),
                (
                    "links-per-address",
                    links_per_address != old.links_per_address,
                ),
                ("relay-limit", relay_limit_kib != old.relay_limit_kib),
            ]
            .into_iter()
            .filter_map(|(key, is_other)| is_other.then_some(key))
            .collect(),
        };
        if bootstrap != old.bootstrap {
            done.changed
                .push(format!("bootstrap = [{}]", listed(&bootstrap)));
            old.bootstrap = bootstrap.clone();
            self.bootstrap.send_replace(bootstrap);
        }
        if admission != old.admission {
            for (key, was, is) in [
                ("allow-nodes", &old.admission.nodes, &admission.nodes),
                ("allow-clients", &old.admission.clients, &admission.clients),
            ] {
                if was != is {
                    done.changed
                        .push(format!("{key}: {}", open_to(is.as_ref())));
                }
            }
            old.admission = admission.clone();
            // One that has ended admits nobody anyway.
            _ = self.mesh.inputs.send(Input::Admission(admission)).await;
        }
        done
    }

    /// Hands over what it holds, and ends.
    ///
    /// # Errors
    /// If it breaks meanwhile.
    pub async fn end(self) -> anyhow::Result<()> {
        if let Some(metrics) = self.metrics {
            metrics.abort();
        }
        self.mesh.end().await
    }
}

fn listed<T: Display>(things: &[T]) -> String {
    let words: Vec<String> = things.iter().map(ToString::to_string).collect();
    words.join(", ")
}

fn open_to(keys: Option<&BTreeSet<NodeId>>) -> String {
    match keys {
        None => "everybody".to_owned(),
        Some(keys) => match keys.len() {
            1 => "1 key".to_owned(),
            count => format!("{count} keys"),
        },
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.ready())
    }
}
