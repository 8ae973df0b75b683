//! The options that only a server heeds.

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use clap::Args;

use crate::address::AddressPort;
use crate::config::{self, Config};
use crate::node;
use crate::proto::admission::Admission;
use crate::proto::id::NodeId;
use crate::report::Failure;

#[derive(Debug, Args)]
#[command(next_help_heading = "Serve others")]
pub(super) struct ServerOptions {
    /// Tell figures to Prometheus at http://ADDR/metrics [default: nowhere; alone: 127.0.0.1:9700]
    #[arg(long, value_name = "ADDR[:PORT]", num_args = 0..=1, default_missing_value = "127.0.0.1")]
    metrics: Option<AddressPort>,

    /// Close the mesh to all other nodes but this one; repeatable
    #[arg(long, value_name = "KEY", value_parser = config::node_id)]
    allow_node: Vec<NodeId>,

    /// Close it to all clients but this one; repeatable
    #[arg(long, value_name = "KEY", value_parser = config::node_id)]
    allow_client: Vec<NodeId>,

    /// Links that one address may have [default: 256; a network of addresses: four times as many]
    #[arg(long, value_name = "COUNT", hide_short_help = true)]
    links_per_address: Option<NonZeroUsize>,

    /// KiB a second relayed for one client [default: 4096; for an address: eight times as much]
    #[arg(long, value_name = "KIB", hide_short_help = true)]
    relay_limit: Option<NonZeroUsize>,
}

impl ServerOptions {
    /// Where figures are told, if anywhere.
    pub(super) fn metrics(&self, config: &Config) -> Option<SocketAddr> {
        let at = self.metrics.or(config.metrics);
        at.map(|at| at.or_port(node::METRICS_PORT))
    }

    pub(super) fn share(&self, config: &Config) -> usize {
        let asked = self.links_per_address.map(NonZeroUsize::get);
        asked
            .or(config.links_per_address)
            .unwrap_or(node::LINKS_PER_ADDRESS)
    }

    pub(super) fn relay_limit(&self, config: &Config) -> usize {
        let asked = self.relay_limit.map(NonZeroUsize::get);
        asked
            .or(config.relay_limit)
            .unwrap_or(node::RELAY_LIMIT_KIB)
    }

    /// The command line first, then the file.
    pub(super) fn admission(self, config: &Config) -> Result<Admission, Failure> {
        let list = |asked: Vec<NodeId>, kept: &Option<Vec<NodeId>>| {
            let asked = (!asked.is_empty()).then_some(asked);
            let keys = asked.or_else(|| kept.clone());
            keys.map(|keys| keys.into_iter().collect())
        };
        let admission = Admission {
            nodes: list(self.allow_node, &config.allow_nodes),
            clients: list(self.allow_client, &config.allow_clients),
        };
        if admission.clients.is_some() && admission.nodes.is_none() {
            return Err(Failure::new(
                "cannot close the mesh to clients",
                "it is open to all nodes, and anybody may call himself one",
                "list its other nodes with --allow-node, or write allow-nodes = [] if there are none",
            ));
        }
        Ok(admission)
    }
}
