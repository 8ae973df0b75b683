//! A home's router of IPv6 that speaks UPnP alone: it is asked for holes in its wall, and what it grants is so, with
//! rules of nftables(8).

use std::net::{Ipv6Addr, TcpListener};
use std::sync::{Arc, Mutex};

use rustix::net::sockopt::{Timeout, set_socket_timeout};

use crate::gateway::{Asked, has_holes, hole};
use crate::igd::{Announced, Running, TICK, serve, value};
use crate::internet::{ROUTER_V6, Router};

const SERVICE: &str = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1";
/// What it calls the one hole that it has.
const HOLE: &str = "4711";

pub(crate) struct Wall {
    asked: Arc<Mutex<Vec<Asked>>>,
    _announced: Announced,
    _served: Running,
}

impl Wall {
    pub(crate) fn on(router: &Router) -> Self {
        has_holes(router);
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let heard = Arc::clone(&asked);
        let pierced = Mutex::new(None);
        let served = Running::new(
            router.namespace(),
            || {
                let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 5_000)).unwrap();
                let _ = set_socket_timeout(&listener, Timeout::Recv, Some(TICK));
                listener
            },
            move |listener| {
                if let Ok((stream, from)) = listener.accept() {
                    let std::net::IpAddr::V6(from) = from.ip() else {
                        return;
                    };
                    serve(stream, |request| answer(request, from, &heard, &pierced));
                }
            },
        );
        let location = format!("http://[{ROUTER_V6}]:5000/rootDesc.xml");
        Self {
            asked,
            _announced: Announced::to_ipv6(router.namespace(), "lan", &location),
            _served: served,
        }
    }

    /// Everything it was asked for so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(
    request: &str,
    from: Ipv6Addr,
    heard: &Mutex<Vec<Asked>>,
    pierced: &Mutex<Option<(Ipv6Addr, u16)>>,
) -> (&'static str, String) {
    if request.starts_with("GET /rootDesc.xml ") {
        return (
            "200 OK",
            format!(
                "<?xml version=\"1.0\"?><root><device><serviceList><service>\
                 <serviceType>{SERVICE}</serviceType><controlURL>/wall</controlURL>\
                 </service></serviceList></device></root>"
            ),
        );
    }
    assert!(request.starts_with("POST /wall "), "{request}");
    let is = |action| request.contains(&format!("\"{SERVICE}#{action}\""));
    if is("GetFirewallStatus") {
        let status = "<FirewallEnabled>1</FirewallEnabled>\
                      <InboundPinholeAllowed>1</InboundPinholeAllowed>";
        return ("200 OK", status.to_owned());
    }
    let mut pierced = pierced.lock().unwrap();
    if is("DeletePinhole") {
        assert_eq!(value(request, "UniqueID"), HOLE);
        let (ip, port) = pierced.take().unwrap();
        heard.lock().unwrap().push((port, 0));
        hole(ip, port, 0);
        return ("200 OK", "<ok/>".to_owned());
    }
    assert!(is("AddPinhole"), "{request}");
    let to: Ipv6Addr = value(request, "InternalClient").parse().unwrap();
    if to != from {
        // Nobody is let in to somebody else.
        let fault = "<errorCode>606</errorCode>".to_owned();
        return ("500 Internal Server Error", fault);
    }
    assert_eq!(value(request, "Protocol"), "17");
    let port = value(request, "InternalPort").parse().unwrap();
    let seconds = value(request, "LeaseTime").parse().unwrap();
    heard.lock().unwrap().push((port, seconds));
    hole(to, port, seconds);
    *pierced = Some((to, port));
    ("200 OK", format!("<UniqueID>{HOLE}</UniqueID>"))
}
