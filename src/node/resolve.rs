//! Names of mesh nodes to addresses, anew each time: an operator moves a node by changing its name's addresses.
//!
//! All names are looked up at once, and what one of them stands for is told as soon as it is known: a name server
//! that does not answer for one name costs the others nothing. Whoever is told dials several addresses at a time, so
//! that a dead one costs nothing either (as RFC 8305 has it, which is where the order of families is from too).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::address::{Host, HostPort};
use crate::report::Failure;

/// How long the system's resolver may take.
const LOOKUP_WAIT: Duration = Duration::from_secs(5);

/// Several look-ups under way.
pub(crate) struct Lookup {
    /// The addresses that need no look-up, to be told at once.
    ready: Option<Vec<SocketAddr>>,
    running: JoinSet<Result<Vec<SocketAddr>, Failure>>,
    found: Vec<SocketAddr>,
    /// Why some names have no address, as far as is known by now.
    pub(crate) failures: Vec<Failure>,
}

impl Lookup {
    pub(crate) fn of(hosts: &[HostPort]) -> Self {
        let mut ready = Vec::new();
        let mut running = JoinSet::new();
        for host in hosts {
            match &host.host {
                Host::Ip(ip) => ready.push(SocketAddr::new(*ip, host.port)),
                Host::Name(name) => {
                    running.spawn(one(name.clone(), host.port));
                }
            }
        }
        let is_all = running.is_empty();
        Self {
            ready: (is_all || !ready.is_empty()).then_some(ready),
            running,
            found: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// All addresses found by now, whenever there are more of them, and once more at the end if there were none.
    pub(crate) async fn next(&mut self) -> Option<Vec<SocketAddr>> {
        if let Some(ready) = self.ready.take() {
            return Some(self.add(ready));
        }
        while let Some(done) = self.running.join_next().await {
            match done {
                Ok(Ok(more)) => return Some(self.add(more)),
                Ok(Err(failure)) => self.failures.push(failure),
                Err(error) => tracing::error!(%error, "a look-up broke"),
            }
            if self.running.is_empty() && self.found.is_empty() {
                return Some(Vec::new());
            }
        }
        None
    }

    fn add(&mut self, more: Vec<SocketAddr>) -> Vec<SocketAddr> {
        for address in more {
            if !self.found.contains(&address) {
                self.found.push(address);
            }
        }
        in_turn(&self.found)
    }
}

/// All addresses of all `hosts`, and why some have none.
pub(crate) async fn all(hosts: &[HostPort]) -> (Vec<SocketAddr>, Vec<Failure>) {
    let mut lookup = Lookup::of(hosts);
    let mut addresses = Vec::new();
    while let Some(found) = lookup.next().await {
        addresses = found;
    }
    (addresses, lookup.failures)
}

async fn one(name: String, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let fail = |why: &str| {
        Failure::new(
            format!("cannot look up {name}"),
            why,
            "check the spelling and the network, or give an address with --bootstrap",
        )
    };
    match timeout(LOOKUP_WAIT, lookup_host((name.as_str(), port))).await {
        Ok(Ok(found)) => {
            let found: Vec<SocketAddr> = found.collect();
            if found.is_empty() {
                Err(fail("the name has no address"))
            } else {
                Ok(found)
            }
        }
        Ok(Err(error)) => Err(fail(&plainly(&error.to_string()))),
        Err(_) => Err(fail("the name server does not answer")),
    }
}

/// One of IPv6, one of IPv4, and so on (RFC 8305, section 4): where one family leads nowhere, the other is not far.
fn in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut v6 = addresses.iter().filter(|address| address.is_ipv6());
    let mut v4 = addresses.iter().filter(|address| address.is_ipv4());
    let mut mixed = Vec::with_capacity(addresses.len());
    loop {
        match (v6.next(), v4.next()) {
            (None, None) => return mixed,
            (one, other) => mixed.extend(one.into_iter().chain(other)),
        }
    }
}

/// The resolver's own words, without the prefix that the standard library puts before them.
fn plainly(error: &str) -> String {
    let prefix = "failed to lookup address information: ";
    error.strip_prefix(prefix).unwrap_or(error).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_stand_for_themselves_and_bad_names_are_said() {
        let hosts = ["127.0.0.11:9", "127.0.0.11:9", "no-such-name.invalid"];
        let hosts = hosts.map(|host| host.parse().unwrap());
        let (addresses, failures) = all(&hosts).await;
        assert_eq!(addresses, ["127.0.0.11:9".parse().unwrap()]);
        let [failure] = failures.as_slice() else {
            panic!("{failures:?}");
        };
        assert_eq!(failure.what, "cannot look up no-such-name.invalid");
    }

    #[tokio::test]
    async fn an_address_is_told_before_any_name_is_looked_up() {
        let hosts = ["no-such-name.invalid", "127.0.0.11:9"].map(|host| host.parse().unwrap());
        let mut lookup = Lookup::of(&hosts);
        assert_eq!(
            lookup.next().await.as_deref(),
            Some(&["127.0.0.11:9".parse().unwrap()][..])
        );
        assert!(lookup.failures.is_empty());
        assert_eq!(lookup.next().await, None);
        assert_eq!(lookup.failures.len(), 1);
    }

    #[tokio::test]
    async fn who_finds_nothing_is_told_so_once() {
        let mut lookup = Lookup::of(&["no-such-name.invalid".parse().unwrap()]);
        assert_eq!(lookup.next().await, Some(Vec::new()));
        assert_eq!(lookup.next().await, None);
        let mut lookup = Lookup::of(&[]);
        assert_eq!(lookup.next().await, Some(Vec::new()));
        assert_eq!(lookup.next().await, None);
    }

    #[test]
    fn the_families_take_turns() {
        let of = |texts: &[&str]| -> Vec<SocketAddr> {
            let addresses = texts.iter().map(|text| text.parse().unwrap());
            addresses.collect()
        };
        let given = of(&["1.1.1.1:7", "2.2.2.2:7", "3.3.3.3:7", "[::1]:7", "[::2]:7"]);
        let mixed = of(&["[::1]:7", "1.1.1.1:7", "[::2]:7", "2.2.2.2:7", "3.3.3.3:7"]);
        assert_eq!(in_turn(&given), mixed);
    }
}
