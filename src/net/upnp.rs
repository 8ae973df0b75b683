//! What is said to a router that speaks UPnP, to be let in: where it describes itself (UPnP Device Architecture 1.1,
//! chapter 1.3 and annex A), where in that description its door is, and the two requests about one of IPv4
//! (WANIPConnection:1, 2.4.16 and 2.4.18); those about a hole in a wall of IPv6 are in [`super::pinhole`].
//!
//! Everything read here was written by whoever answers in the home's network. So that nobody is sent on to somebody
//! else, every page is asked for at the router's own address; what is looked for is found without building a tree of
//! what else there is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

/// Where devices that speak it listen to all of a network, and to themselves.
const EVERYBODY: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
const EVERYBODY_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xc);
const PORT: u16 = 1900;
/// What can let others in over IPv4, whichever a router has.
const GATEWAYS: [&str; 3] = [
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANIPConnection:2",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
];
/// And over IPv6.
const WALLS: [&str; 1] = ["urn:schemas-upnp-org:service:WANIPv6FirewallControl:1"];
/// Longest path that we ask a router for.
const PATH_SIZE_MAX: usize = 512;
/// The port outside is somebody else's.
const CONFLICT: &str = "718";

/// A page of the router's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) at: SocketAddr,
    pub(super) path: String,
}

/// Where a door is asked for, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) page: Page,
    service: &'static str,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// That what comes to a port of the router's goes to ours, for so many seconds.
    Open {
        outside: u16,
        to: SocketAddrV4,
        seconds: u64,
    },
    Close {
        outside: u16,
    },
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Granted,
    /// Another port may be had.
    Taken,
    Refused,
}

/// Who is asked where this router describes itself: it alone, whose answer no firewall of ours takes for a stranger's,
/// and all of its network, since some hear nothing else.
pub(super) fn asked(router: SocketAddr) -> [SocketAddr; 2] {
    let (mut alone, mut all) = (router, router);
    alone.set_port(PORT);
    all.set_port(PORT);
    all.set_ip(match router {
        SocketAddr::V4(_) => EVERYBODY.into(),
        SocketAddr::V6(_) => EVERYBODY_V6.into(),
    });
    [alone, all]
}

/// The question. A device answers within a second.
pub(super) fn search(router: SocketAddr) -> String {
    let (everybody, target) = match router {
        SocketAddr::V4(_) => (
            IpAddr::V4(EVERYBODY),
            "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
        ),
        SocketAddr::V6(_) => (IpAddr::V6(EVERYBODY_V6), WALLS[0]),
    };
    let host = SocketAddr::new(everybody, PORT);
    format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: {host}\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: {target}\r\n\r\n"
    )
}

/// The page that an answer to a [`search`] names, if it is on this router.
pub(super) fn described(answer: &[u8], router: SocketAddr) -> Option<Page> {
    let answer = std::str::from_utf8(answer).ok()?;
    let mut lines = answer.lines();
    lines.next().filter(|line| is_fine(line))?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let mut locations = headers.filter(|(name, _)| name.trim().eq_ignore_ascii_case("location"));
    let (_, location) = locations.next()?;
    page(location.trim(), router)
}

/// Where the router whose description this is, read at `page`, lets others in.
pub(super) fn control(description: &str, read_at: &Page) -> Option<Control> {
    let base = match inside(description, "URLBase").map(str::trim) {
        Some(base) if !base.is_empty() => page(base, read_at.at)?,
        Some(_) | None => read_at.clone(),
    };
    let services: &[&'static str] = match read_at.at {
        SocketAddr::V4(_) => &GATEWAYS,
        SocketAddr::V6(_) => &WALLS,
    };
    let mut rest = description;
    while let Some((service, after)) = next(rest, "service") {
        rest = after;
        let kind = inside(service, "serviceType").map(str::trim);
        let Some(service_type) = services.iter().find(|it| Some(**it) == kind) else {
            continue;
        };
        let url = inside(service, "controlURL")?.trim().replace("&amp;", "&");
        let page = joined(&base, &url)?;
        return Some(Control {
            page,
            service: service_type,
        });
    }
    None
}

/// The request for a page.
pub(super) fn get(page: &Page) -> String {
    let (path, host) = (&page.path, page.host());
    format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

impl Page {
    /// As a request names it: the number of an interface of ours says nothing to anybody else.
    fn host(&self) -> SocketAddr {
        SocketAddr::new(self.at.ip(), self.at.port())
    }
}

impl Control {
    /// The request of a wish.
    pub(super) fn post(&self, wish: Wish) -> String {
        match wish {
            Wish::Open {
                outside,
                to,
                seconds,
            } => self.call(
                "AddPortMapping",
                &format!(
                    "<NewRemoteHost></NewRemoteHost>\
                     <NewExternalPort>{outside}</NewExternalPort>\
                     <NewProtocol>UDP</NewProtocol>\
                     <NewInternalPort>{}</NewInternalPort>\
                     <NewInternalClient>{}</NewInternalClient>\
                     <NewEnabled>1</NewEnabled>\
                     <NewPortMappingDescription>fireside</NewPortMappingDescription>\
                     <NewLeaseDuration>{seconds}</NewLeaseDuration>",
                    to.port(),
                    to.ip()
                ),
            ),
            Wish::Close { outside } => self.call(
                "DeletePortMapping",
                &format!(
                    "<NewRemoteHost></NewRemoteHost>\
                     <NewExternalPort>{outside}</NewExternalPort>\
                     <NewProtocol>UDP</NewProtocol>"
                ),
            ),
        }
    }

    /// The request that something be done.
    pub(super) fn call(&self, action: &str, arguments: &str) -> String {
        let service = self.service;
        let body = format!(
            "<?xml version=\"1.0\"?>\r\n\
             <s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>\
             <u:{action} xmlns:u=\"{service}\">{arguments}</u:{action}>\
             </s:Body></s:Envelope>\r\n"
        );
        let (path, host) = (&self.page.path, self.page.host());
        format!(
            "POST {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: text/xml; charset=\"utf-8\"\r\n\
             SOAPAction: \"{service}#{action}\"\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// What a router says to a wish.
pub(super) fn answer(response: &str) -> Answer {
    let is_granted = response.lines().next().is_some_and(is_fine);
    match inside(response, "errorCode").map(str::trim) {
        None if is_granted => Answer::Granted,
        Some(CONFLICT) => Answer::Taken,
        Some(_) | None => Answer::Refused,
    }
}

/// The body of a response that has one.
pub(super) fn body(response: &str) -> Option<&str> {
    response.lines().next().filter(|line| is_fine(line))?;
    Some(response.split_once("\r\n\r\n")?.1)
}

/// Whether a response is here as a whole, though its end has not come: some keep the connection open.
pub(super) fn is_whole(response: &[u8]) -> bool {
    let Some(end) = response.windows(4).position(|part| part == b"\r\n\r\n") else {
        return false;
    };
    let headers = String::from_utf8_lossy(&response[..end]);
    let headers = headers.lines().filter_map(|line| line.split_once(':'));
    let length = headers
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-length"))
        .find_map(|(_, length)| length.trim().parse::<usize>().ok());
    length.is_some_and(|length| response.len() - (end + 4) >= length)
}

/// Whether the first line of a response says so.
fn is_fine(status: &str) -> bool {
    let mut words = status.split_whitespace();
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    is_http && words.next() == Some("200")
}

/// An address of a page, if that is on this router.
fn page(url: &str, router: SocketAddr) -> Option<Page> {
    let (scheme, rest) = url.split_at_checked("http://".len())?;
    if !scheme.eq_ignore_ascii_case("http://") {
        return None;
    }
    let (host, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let (host, port) = match host.rsplit_once(':') {
        // An IPv6 address has its own colons, in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        Some(_) | None => (host, 80),
    };
    let mut at = router;
    at.set_port(port);
    let is_ours = is_of(host, router.ip()) && port != 0 && is_path(path);
    is_ours.then(|| Page {
        at,
        path: path.to_owned(),
    })
}

/// Whether that may be what this router calls itself. One of IPv6 has several addresses and may name any of them; it
/// is asked at the one that packets leave through.
fn is_of(host: &str, router: IpAddr) -> bool {
    match router {
        IpAddr::V4(router) => host.parse() == Ok(router),
        IpAddr::V6(_) => {
            let literal = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
            let bare = literal.and_then(|it| it.split('%').next());
            bare.is_some_and(|it| it.parse::<Ipv6Addr>().is_ok())
        }
    }
}

/// What a page at `base` means by this.
fn joined(base: &Page, url: &str) -> Option<Page> {
    if url.contains("://") {
        return page(url, base.at);
    }
    let path = if url.starts_with('/') {
        url.to_owned()
    } else {
        let (directory, _) = base.path.rsplit_once('/')?;
        format!("{directory}/{url}")
    };
    let at = base.at;
    is_path(&path).then_some(Page { at, path })
}

/// Nothing that could end the line it is asked for in.
fn is_path(path: &str) -> bool {
    path.len() <= PATH_SIZE_MAX && path.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is between the first tags of this name.
pub(super) fn inside<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    Some(next(text, tag)?.0)
}

/// The same, and what comes after.
fn next<'a>(text: &'a str, tag: &str) -> Option<(&'a str, &'a str)> {
    let (_, after) = text.split_once(&format!("<{tag}>"))?;
    after.split_once(&format!("</{tag}>"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROUTER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 1)), 0);

    fn root() -> Page {
        page("http://192.168.1.1:5000/a/root.xml", ROUTER).unwrap()
    }

    fn answer_with(location: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLocation: {location}\r\nEXT:\r\n\r\n")
    }

    #[test]
    fn only_the_router_itself_is_believed_to_be_the_router() {
        let good = answer_with("http://192.168.1.1:5000/rootDesc.xml");
        let page = described(good.as_bytes(), ROUTER).unwrap();
        assert_eq!(page.at, "192.168.1.1:5000".parse().unwrap());
        assert_eq!(page.path, "/rootDesc.xml");
        let longest = format!("http://192.168.1.1/{}", "x".repeat(PATH_SIZE_MAX));
        for location in [
            "http://203.0.113.7:5000/rootDesc.xml",
            "http://192.168.1.2:5000/rootDesc.xml",
            "http://192.168.1.1@203.0.113.7/",
            "http://203.0.113.7#192.168.1.1/",
            "http://router/rootDesc.xml",
            "http://[::ffff:192.168.1.1]/",
            "https://192.168.1.1/",
            "ftp://192.168.1.1/",
            "http://192.168.1.1:0/",
            "http://192.168.1.1:70000/",
            "http://192.168.1.1/a b",
            "//192.168.1.1/",
            "",
            &longest,
        ] {
            let told = answer_with(location);
            assert_eq!(described(told.as_bytes(), ROUTER), None, "{location}");
        }
        let refusal = good.replace("200 OK", "404 Not Found");
        assert_eq!(described(refusal.as_bytes(), ROUTER), None);
        assert_eq!(described(b"\xff\xfe", ROUTER), None);
    }

    #[test]
    fn a_router_of_ipv6_is_asked_at_the_address_that_we_know_whatever_it_calls_itself() {
        let router = "[fe80::1%3]:0".parse().unwrap();
        let [alone, all] = asked(router);
        assert_eq!(alone, "[fe80::1%3]:1900".parse().unwrap());
        assert_eq!(all, "[ff02::c%3]:1900".parse().unwrap());
        assert!(search(router).contains("\r\nHOST: [ff02::c]:1900\r\n"));
        for location in [
            "http://[fe80::1]:5000/root.xml",
            "http://[fe80::1%25eth0]:5000/root.xml",
            "http://[2001:db8::1]:5000/root.xml",
        ] {
            let told = answer_with(location);
            let page = described(told.as_bytes(), router).unwrap();
            assert_eq!(page.at, "[fe80::1%3]:5000".parse().unwrap());
            assert!(get(&page).contains("\r\nHost: [fe80::1]:5000\r\n"));
        }
        for location in [
            "http://192.168.1.1:5000/root.xml",
            "http://router:5000/root.xml",
            "http://[fe80::1]:0/root.xml",
            "http://[fe80::1]x:5000/root.xml",
            "http://[fe80::1/root.xml",
            "http://fe80::1/root.xml",
        ] {
            let told = answer_with(location);
            assert_eq!(described(told.as_bytes(), router), None, "{location}");
        }
        let read_at = page("http://[fe80::1]:5000/root.xml", router).unwrap();
        let walled = description("/fw").replace("WANIPConnection", "WANIPv6FirewallControl");
        assert_eq!(control(&walled, &read_at).unwrap().page.path, "/fw");
        // Either family has doors of its own.
        assert_eq!(control(&description("/ctl"), &read_at), None);
        assert_eq!(control(&walled, &root()), None);
    }

    fn description(url: &str) -> String {
        format!(
            "<root><device><serviceList><service>\
             <serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType>\
             <controlURL>/other</controlURL></service></serviceList>\
             <deviceList><device><serviceList><service>\
             <serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>\
             <controlURL>{url}</controlURL></service></serviceList></device></deviceList></device></root>"
        )
    }

    #[test]
    fn the_door_is_found_wherever_the_router_says_on_itself() {
        for (url, path) in [
            ("/ctl/IPConn", "/ctl/IPConn"),
            ("ctl/IPConn", "/a/ctl/IPConn"),
            ("http://192.168.1.1:5001/x?a=1&amp;b=2", "/x?a=1&b=2"),
        ] {
            let found = control(&description(url), &root()).unwrap();
            assert_eq!(found.page.path, path);
        }
        for url in [
            "http://203.0.113.7/ctl",
            "http://192.168.1.2/ctl",
            "/ctl HTTP/1.0\r\nX: y",
            "/ctl\u{e9}",
        ] {
            assert_eq!(control(&description(url), &root()), None, "{url}");
        }
        let based = |base: &str| {
            let text = description("ctl");
            let text = text.replace("<root>", &format!("<root><URLBase>{base}</URLBase>"));
            control(&text, &root()).map(|found| found.page)
        };
        assert_eq!(based("http://192.168.1.1:81/b/").unwrap().path, "/b/ctl");
        assert_eq!(based("").unwrap().path, "/a/ctl");
        assert_eq!(based("http://203.0.113.7/"), None);
        let none = description("/ctl").replace("WANIPConnection", "WANCommonInterfaceConfig");
        assert_eq!(control(&none, &root()), None);
    }

    #[test]
    fn a_wish_is_written_as_the_service_wants_it() {
        let control = control(&description("/ctl"), &root()).unwrap();
        let open = Wish::Open {
            outside: 40_000,
            to: "192.168.1.2:7700".parse().unwrap(),
            seconds: 600,
        };
        let request = control.post(open);
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /ctl HTTP/1.0\r\nHost: 192.168.1.1:5000\r\n"));
        assert!(head.contains(
            "SOAPAction: \"urn:schemas-upnp-org:service:WANIPConnection:1#AddPortMapping\""
        ));
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        for (tag, value) in [
            ("NewExternalPort", "40000"),
            ("NewInternalPort", "7700"),
            ("NewInternalClient", "192.168.1.2"),
            ("NewProtocol", "UDP"),
            ("NewLeaseDuration", "600"),
        ] {
            assert_eq!(inside(body, tag), Some(value));
        }
        let close = control.post(Wish::Close { outside: 40_000 });
        assert!(close.contains("#DeletePortMapping\""));
    }

    #[test]
    fn each_answer_is_known_by_its_status_and_its_error() {
        let fault = |code| {
            format!("HTTP/1.1 500 Internal Server Error\r\n\r\n<errorCode>{code}</errorCode>")
        };
        assert_eq!(answer("HTTP/1.1 200 OK\r\n\r\n<ok/>"), Answer::Granted);
        assert_eq!(answer(&fault(718)), Answer::Taken);
        // It lets others in only for ever, and we may die without a word.
        assert_eq!(answer(&fault(725)), Answer::Refused);
        assert_eq!(answer("HTTP/1.1 404 Not Found\r\n\r\n"), Answer::Refused);
        assert_eq!(answer("junk"), Answer::Refused);
    }

    #[test]
    fn a_response_is_whole_once_all_that_it_announces_is_there() {
        let response = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        assert!(is_whole(response));
        assert!(!is_whole(&response[..response.len() - 1]));
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\n\r\nabc"));
        assert!(!is_whole(
            b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\nabc"
        ));
    }

    proptest! {
        #[test]
        fn junk_is_read_without_harm(junk in "(<service>|</service>|<serviceType>|</serviceType>|<controlURL>|</controlURL>|HTTP/1.1 200|Location:|\r\n|é|.){0,40}") {
            let _ = described(junk.as_bytes(), ROUTER);
            let _ = is_whole(junk.as_bytes());
            let _ = answer(&junk);
            if let Some(control) = control(&junk, &root()) {
                prop_assert_eq!(control.page.at.ip(), ROUTER.ip());
            }
        }
    }
}
