//! Names of mesh nodes to addresses, anew each time: an operator moves a node by changing its name's addresses.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::address::{Host, HostPort};
use crate::report::Failure;

/// How long the system's resolver may take.
const LOOKUP_WAIT: Duration = Duration::from_secs(5);

/// All addresses of all `hosts`, and why some have none.
pub(crate) async fn all(hosts: &[HostPort]) -> (Vec<SocketAddr>, Vec<Failure>) {
    let mut addresses = Vec::new();
    let mut failures = Vec::new();
    for host in hosts {
        match one(host).await {
            Ok(found) => addresses.extend(found),
            Err(failure) => failures.push(failure),
        }
    }
    addresses.sort();
    addresses.dedup();
    (addresses, failures)
}

async fn one(host: &HostPort) -> Result<Vec<SocketAddr>, Failure> {
    let name = match &host.host {
        Host::Ip(ip) => return Ok(vec![SocketAddr::new(*ip, host.port)]),
        Host::Name(name) => name.as_str(),
    };
    let fail = |why: &str| {
        Failure::new(
            format!("cannot look up {name}"),
            why,
            "check the spelling and the network, or give an address with --bootstrap",
        )
    };
    match timeout(LOOKUP_WAIT, lookup_host((name, host.port))).await {
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
}
