//! The figures as text in the Prometheus exposition format, 0.0.4.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::net::gauge::{Gauge, Handshake, LinkFigures, Reading, Relayed, Tally};
use crate::node::process;
use crate::proto::figures::Figures;
use crate::proto::wire::{Reason, Roles};

/// Where the figures come from.
pub(crate) struct Sheet {
    pub(crate) gauge: Gauge,
    pub(crate) relayed: Arc<Relayed>,
    /// Times the disk did not take what was to be written.
    pub(crate) unwritten: Arc<AtomicU64>,
    pub(crate) roles: Roles,
    pub(crate) began: SystemTime,
}

impl Sheet {
    /// All figures as they are now; none if the node has ended.
    pub(crate) async fn filled(&self) -> Option<String> {
        let Reading {
            figures,
            links,
            tally,
        } = self.gauge.read().await?;
        let mut page = Page::default();
        self.build(&mut page);
        tell_figures(&mut page, &figures);
        tell_links(&mut page, links, &tally);
        self.tell_relay(&mut page);
        let unwritten = self.unwritten.load(Ordering::Relaxed);
        page.count(
            "fireside_disk_errors_total",
            "Writes that the disk did not take.",
            unwritten,
        );
        self.tell_process(&mut page);
        Some(page.0)
    }

    fn build(&self, page: &mut Page) {
        let roles = match (self.roles.directory, self.roles.supernode) {
            (true, true) => "directory+supernode",
            (true, false) => "directory",
            (false, _) => "supernode",
        };
        let version = env!("CARGO_PKG_VERSION");
        page.gauges(
            "fireside_build_info",
            "Which fireside this is, and as what it runs.",
            [(format!("version=\"{version}\",role=\"{roles}\""), 1)],
        );
    }

    fn tell_relay(&self, page: &mut Page) {
        page.gauge(
            "fireside_relay_tunnels",
            "Tunnels between two clients that are open.",
            self.relayed.open(),
        );
        page.counts(
            "fireside_relay_tunnels_total",
            "Tunnels that were asked for, by what came of it.",
            [
                ("outcome=\"opened\"".to_owned(), self.relayed.opened()),
                ("outcome=\"refused\"".to_owned(), self.relayed.refused()),
            ],
        );
        page.count(
            "fireside_relayed_bytes_total",
            "Sealed bytes that were carried between clients.",
            self.relayed.bytes(),
        );
        page.count(
            "fireside_relay_waits_total",
            "Times that sealed bytes were held back since their sender, or its address, was over its quota.",
            self.relayed.waits(),
        );
        page.count(
            "fireside_relay_wait_seconds_total",
            "How long they were held back, taken together.",
            format!("{:.3}", self.relayed.waited().as_secs_f64()),
        );
    }

    fn tell_process(&self, page: &mut Page) {
        let began = self.began.duration_since(SystemTime::UNIX_EPOCH);
        page.gauge(
            "process_start_time_seconds",
            "When this process began, in seconds since 1970.",
            format!("{:.3}", began.unwrap_or_default().as_secs_f64()),
        );
        if let Some(process) = process::figures() {
            page.gauge(
                "process_resident_memory_bytes",
                "Memory that this process holds.",
                process.resident_bytes,
            );
            page.gauge(
                "process_open_fds",
                "Files and sockets that are open.",
                process.files,
            );
        }
    }
}

fn tell_figures(page: &mut Page, figures: &Figures) {
    let Figures {
        groups,
        persons,
        nodes,
    } = figures;
    page.gauges(
        "fireside_nodes",
        "Mesh nodes in the table, by what is believed of them.",
        [
            ("state=\"alive\"".to_owned(), nodes.alive),
            ("state=\"suspect\"".to_owned(), nodes.suspect),
            ("state=\"dead\"".to_owned(), nodes.down),
            ("state=\"buried\"".to_owned(), nodes.buried),
        ],
    );
    page.gauge(
        "fireside_ring_supernodes",
        "Living supernodes, which are the points of the ring.",
        nodes.supernodes,
    );
    page.gauges(
        "fireside_groups",
        "Groups whose record is here: those with members registered here, and those only remembered.",
        [
            ("state=\"live\"".to_owned(), groups.live),
            ("state=\"remembered\"".to_owned(), groups.held - groups.live),
        ],
    );
    page.gauge(
        "fireside_registrations",
        "Registered members, one for each of their groups.",
        groups.registered,
    );
    page.gauge(
        "fireside_persons_here",
        "People linked here who may be found by their keys.",
        persons.here,
    );
    page.gauge(
        "fireside_persons_sought",
        "People whom somebody linked here looks for.",
        persons.sought,
    );
    page.count(
        "fireside_leases_granted_total",
        "Leases to host a group that were granted here.",
        groups.granted,
    );
    page.count(
        "fireside_handovers_total",
        "Those of them that went to another host than the one before.",
        groups.succeeded,
    );
    page.count(
        "fireside_groups_handed_on_total",
        "Records of groups that went to the supernode responsible for them.",
        groups.passed_on,
    );
}

fn tell_links(page: &mut Page, links: LinkFigures, tally: &Tally) {
    page.gauges(
        "fireside_links",
        "Links, by who is at the other end.",
        [
            ("kind=\"client\"".to_owned(), links.clients),
            ("kind=\"node\"".to_owned(), links.nodes),
        ],
    );
    page.gauge(
        "fireside_links_quiet",
        "Those of them on which nothing was heard lately.",
        links.quiet,
    );
    page.gauge(
        "fireside_handshakes",
        "Handshakes under way with those who dialled.",
        links.handshakes,
    );
    let by_outcome = |outcome| {
        let count = tally.handshakes.get(&outcome).copied();
        let label = format!("outcome=\"{}\"", word(outcome));
        (label, count.unwrap_or_default())
    };
    page.counts(
        "fireside_handshakes_total",
        "Handshakes of those who dialled, by what came of them.",
        [
            Handshake::Done,
            Handshake::Failed,
            Handshake::GivenUp,
            Handshake::Share,
            Handshake::MustProve,
        ]
        .map(by_outcome),
    );
    // Every reason that counts as a refusal is there from the start, so that its first time is seen as a rise.
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    for why in [Reason::NotAdmitted, Reason::Limit, Reason::TooSlow] {
        ends.insert(reason(Some(why)), 0);
    }
    for (why, count) in &tally.ends {
        ends.insert(reason(*why), *count);
    }
    page.counts(
        "fireside_links_ended_total",
        "Links that have ended, by the reason given; lost ones gave none.",
        ends,
    );
    page.counts(
        "fireside_messages_total",
        "Messages on links.",
        [
            ("direction=\"received\"".to_owned(), tally.received),
            ("direction=\"sent\"".to_owned(), tally.sent),
        ],
    );
    page.count(
        "fireside_messages_dropped_total",
        "Messages that were not sent since their link was not read fast enough.",
        tally.dropped,
    );
}

fn word(outcome: Handshake) -> &'static str {
    match outcome {
        Handshake::Done => "done",
        Handshake::Failed => "failed",
        Handshake::GivenUp => "given_up",
        Handshake::Share => "refused_share",
        Handshake::MustProve => "asked_for_proof",
    }
}

fn reason(why: Option<Reason>) -> String {
    let name = why.map_or_else(|| "Lost".to_owned(), |why| format!("{why:?}"));
    let mut label = "reason=\"".to_owned();
    for (index, letter) in name.char_indices() {
        if index > 0 && letter.is_ascii_uppercase() {
            label.push('_');
        }
        label.push(letter.to_ascii_lowercase());
    }
    label.push('"');
    label
}

/// A page in the making.
#[derive(Default)]
struct Page(String);

impl Page {
    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help, [(String::new(), value)]);
    }

    fn count(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "counter", help, [(String::new(), value)]);
    }

    fn gauges<V: Display>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (String, V)>,
    ) {
        self.family(name, "gauge", help, values);
    }

    fn counts(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (String, u64)>) {
        self.family(name, "counter", help, values);
    }

    fn family<V: Display>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        values: impl IntoIterator<Item = (String, V)>,
    ) {
        let write = || {
            writeln!(self.0, "# HELP {name} {help}")?;
            writeln!(self.0, "# TYPE {name} {kind}")?;
            for (labels, value) in values {
                match labels.as_str() {
                    "" => writeln!(self.0, "{name} {value}")?,
                    labels => writeln!(self.0, "{name}{{{labels}}} {value}")?,
                }
            }
            Ok::<_, std::fmt::Error>(())
        };
        write().expect("a string takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_in_lower_case_words() {
        assert_eq!(reason(Some(Reason::NotAdmitted)), "reason=\"not_admitted\"");
        assert_eq!(reason(Some(Reason::Done)), "reason=\"done\"");
        assert_eq!(reason(None), "reason=\"lost\"");
    }

    #[test]
    fn a_family_is_told_with_its_help_and_type() {
        let mut page = Page::default();
        page.gauges(
            "x",
            "What.",
            [("a=\"b\"".to_owned(), 1), (String::new(), 2)],
        );
        assert_eq!(
            page.0,
            "# HELP x What.\n# TYPE x gauge\nx{a=\"b\"} 1\nx 2\n"
        );
    }
}
