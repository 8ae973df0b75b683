//! Looks for other nodes on a mesh node's behalf: whenever it asks, and as soon as the operator names others.

use std::net::SocketAddr;

use tokio::sync::{mpsc, watch};

use super::{addresses, resolve};
use crate::address::{AddressPort, HostPort};
use crate::proto::role::Input;
use crate::report::Failure;

/// Answers one mesh node.
pub(crate) struct Seeker {
    /// It wants to hear of other nodes.
    pub(crate) asks: mpsc::Receiver<()>,
    /// Where they may be.
    pub(crate) bootstrap: watch::Receiver<Vec<HostPort>>,
    pub(crate) inputs: mpsc::Sender<Input>,
    /// Where the node listens, and what it is to tell others instead.
    pub(crate) listening: SocketAddr,
    pub(crate) advertise: Option<AddressPort>,
}

impl Seeker {
    /// Until the node has ended.
    pub(crate) async fn run(mut self) {
        let mut said = Vec::new();
        loop {
            tokio::select! {
                asked = self.asks.recv() => if asked.is_none() { return },
                changed = self.bootstrap.changed() => if changed.is_err() { return },
            }
            let hosts = self.bootstrap.borrow_and_update().clone();
            let own = addresses::advertised(self.listening, self.advertise);
            let mut inputs = vec![Input::Addresses { addresses: own }];
            let mut lookup = resolve::Lookup::of(&hosts);
            while let Some(addresses) = lookup.next().await {
                inputs.push(Input::Found { addresses });
                for input in inputs.drain(..) {
                    // One that has ended needs no answer.
                    _ = self.inputs.send(input).await;
                }
            }
            say(&mut said, lookup.failures);
        }
    }
}

/// Says what has begun to fail, once, and what works again: it is looked up every few seconds.
fn say(said: &mut Vec<Failure>, failures: Vec<Failure>) {
    for failure in failures.iter().filter(|failure| !said.contains(failure)) {
        tracing::warn!(%failure, "bootstrap");
    }
    for healed in said.iter().filter(|failure| !failures.contains(failure)) {
        tracing::info!(was = healed.what, "bootstrap works again");
    }
    *said = failures;
}
