//! A hole in the wall of a router of IPv6 that speaks UPnP and no PCP (WANIPv6FirewallControl:1, chapter 2.4).
//!
//! *Invariant:* as in [`super::igd`], whoever answers, nobody is sent anything but the router. It is asked from the
//! address that the hole leads to, and for no other: that is all that routers grant to whoever does not log in.

use std::net::{Ipv6Addr, SocketAddrV6};

use tokio::time::timeout;

use super::gateway::LIFETIME;
use super::igd::{CLOSE_WAIT, fetch, find};
use super::mapping::{Mapped, Unopened};
use super::upnp::{self, Control};
use crate::proto::path::door::Speech;

/// UDP, as the wall knows it (RFC 768's number among those of IP).
const UDP: u8 = 17;

/// An open door. It takes [`Door::close`] to close it.
#[derive(Debug)]
pub(super) struct Door {
    control: Control,
    from: Ipv6Addr,
    /// None, if there is no wall that would need one.
    hole: Option<Hole>,
    pub(super) mapped: Mapped,
}

/// What a router calls a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole(u16);

/// What a router says of its wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wall {
    /// Everybody is let in.
    Down,
    /// Who asks may be let in.
    Up,
    /// Nobody is let in, and nobody may ask.
    Shut,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
enum Wish {
    /// How it stands.
    Wall,
    /// That whoever comes to this port of ours is let through.
    Pierce(SocketAddrV6),
    /// That it stays.
    Keep(Hole),
    Fill(Hole),
}

impl Door {
    /// Asks for one that leads to this port of ours.
    pub(super) async fn opened(port: u16, from: Ipv6Addr) -> Result<Self, Unopened> {
        let control = find(from.into()).await.ok_or(Unopened::Silent)?;
        Self::opened_by(control, port, from).await
    }

    async fn opened_by(control: Control, port: u16, from: Ipv6Addr) -> Result<Self, Unopened> {
        let wall = ask(&control, from, Wish::Wall)
            .await
            .ok_or(Unopened::Silent)?;
        let hole = match Wall::read(&wall) {
            Some(Wall::Down) => None,
            // Some do not know that question, and the next.
            Some(Wall::Up) | None => {
                let to = SocketAddrV6::new(from, port, 0, 0);
                let pierced = ask(&control, from, Wish::Pierce(to))
                    .await
                    .ok_or(Unopened::Silent)?;
                Some(Hole::read(&pierced).ok_or(Unopened::Refused(Speech::Upnp))?)
            }
            Some(Wall::Shut) => return Err(Unopened::Refused(Speech::Upnp)),
        };
        let mapped = Mapped {
            speech: Speech::Upnp,
            port,
            address: Some(from.into()),
        };
        Ok(Self {
            control,
            from,
            hole,
            mapped,
        })
    }

    /// Asks for more time; false if it is not granted.
    pub(super) async fn is_renewed(&mut self) -> bool {
        let wish = self.hole.map_or(Wish::Wall, Wish::Keep);
        let Some(answer) = ask(&self.control, self.from, wish).await else {
            return false;
        };
        match self.hole {
            Some(_) => upnp::body(&answer).is_some(),
            None => Wall::read(&answer) == Some(Wall::Down),
        }
    }

    /// If this comes to nothing, the router closes it in a while.
    pub(super) async fn close(self) {
        if let Some(hole) = self.hole {
            let closed = ask(&self.control, self.from, Wish::Fill(hole));
            let _ = timeout(CLOSE_WAIT, closed).await;
        }
    }
}

async fn ask(control: &Control, from: Ipv6Addr, wish: Wish) -> Option<String> {
    fetch(from.into(), &control.page, &wish.written(control)).await
}

impl Wish {
    fn written(self, control: &Control) -> String {
        let seconds = LIFETIME.as_secs();
        match self {
            Self::Wall => control.call("GetFirewallStatus", ""),
            Self::Pierce(to) => {
                let (ip, port) = (to.ip(), to.port());
                control.call(
                    "AddPinhole",
                    &format!(
                        "<RemoteHost></RemoteHost>\
                         <RemotePort>0</RemotePort>\
                         <InternalClient>{ip}</InternalClient>\
                         <InternalPort>{port}</InternalPort>\
                         <Protocol>{UDP}</Protocol>\
                         <LeaseTime>{seconds}</LeaseTime>"
                    ),
                )
            }
            Self::Keep(Hole(id)) => control.call(
                "UpdatePinhole",
                &format!("<UniqueID>{id}</UniqueID><NewLeaseTime>{seconds}</NewLeaseTime>"),
            ),
            Self::Fill(Hole(id)) => {
                control.call("DeletePinhole", &format!("<UniqueID>{id}</UniqueID>"))
            }
        }
    }
}

impl Hole {
    /// What a router that granted one answers.
    fn read(response: &str) -> Option<Self> {
        let id = upnp::inside(upnp::body(response)?, "UniqueID")?;
        id.trim().parse().ok().map(Self)
    }
}

impl Wall {
    fn read(response: &str) -> Option<Self> {
        let body = upnp::body(response)?;
        let is = |tag| match upnp::inside(body, tag)?.trim() {
            "1" | "true" | "yes" => Some(true),
            "0" | "false" | "no" => Some(false),
            _ => None,
        };
        Some(
            match (is("FirewallEnabled")?, is("InboundPinholeAllowed")?) {
                (false, _) => Self::Down,
                (true, true) => Self::Up,
                (true, false) => Self::Shut,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;

    fn control_at(router: SocketAddr) -> Control {
        let location = format!("http://[::1]:{}/root.xml", router.port());
        let told = format!("HTTP/1.1 200 OK\r\nLOCATION: {location}\r\n\r\n");
        let description = "<service>\
             <serviceType>urn:schemas-upnp-org:service:WANIPv6FirewallControl:1</serviceType>\
             <controlURL>/fw</controlURL></service>";
        let root = upnp::described(told.as_bytes(), router).unwrap();
        upnp::control(description, &root).unwrap()
    }

    fn control() -> Control {
        control_at("[fe80::1%3]:5000".parse().unwrap())
    }

    const UP: &str =
        "<FirewallEnabled>1</FirewallEnabled><InboundPinholeAllowed>1</InboundPinholeAllowed>";
    const DOWN: &str =
        "<FirewallEnabled>0</FirewallEnabled><InboundPinholeAllowed>0</InboundPinholeAllowed>";
    const SHUT: &str =
        "<FirewallEnabled>1</FirewallEnabled><InboundPinholeAllowed>0</InboundPinholeAllowed>";
    const GRANTED: &str = "<UniqueID>9</UniqueID>";

    /// A router that is asked these things in this order and answers so, or that it will not.
    async fn router(
        script: Vec<(&'static str, Option<&'static str>)>,
    ) -> (Control, JoinHandle<()>) {
        let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let asked = tokio::spawn(async move {
            for (wish, body) in script {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !upnp::is_whole(&request) {
                    assert!(stream.read_buf(&mut request).await.unwrap() > 0);
                }
                let request = String::from_utf8(request).unwrap();
                assert!(request.contains(wish), "{wish}: {request}");
                let refused =
                    "HTTP/1.1 500 Internal Server Error\r\n\r\n<errorCode>704</errorCode>";
                let answer = body.map_or(refused.to_owned(), fine);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (control_at(at), asked)
    }

    #[tokio::test]
    async fn a_hole_is_kept_as_long_as_the_router_knows_it_and_filled_at_the_end() {
        let (control, asked) = router(vec![
            ("#GetFirewallStatus", Some(UP)),
            ("<InternalPort>7700</InternalPort>", Some(GRANTED)),
            ("<UniqueID>9</UniqueID><NewLeaseTime>600<", Some("")),
            ("#UpdatePinhole", None),
            ("#DeletePinhole", Some("")),
        ])
        .await;
        let from = Ipv6Addr::LOCALHOST;
        let mut door = Door::opened_by(control, 7700, from).await.unwrap();
        assert_eq!(door.mapped.port, 7700);
        assert_eq!(door.mapped.address, Some(from.into()));
        assert!(door.is_renewed().await);
        assert!(!door.is_renewed().await, "the router has forgotten it");
        door.close().await;
        asked.await.unwrap();
    }

    #[tokio::test]
    async fn nothing_is_asked_of_a_wall_that_is_down_and_of_one_that_is_shut() {
        let (control, asked) = router(vec![
            ("#GetFirewallStatus", Some(DOWN)),
            ("#GetFirewallStatus", Some(DOWN)),
            ("#GetFirewallStatus", Some(UP)),
        ])
        .await;
        let from = Ipv6Addr::LOCALHOST;
        let mut door = Door::opened_by(control, 7700, from).await.unwrap();
        assert!(door.is_renewed().await);
        assert!(!door.is_renewed().await, "it is up by now");
        door.close().await;
        asked.await.unwrap();
        for script in [
            vec![("#GetFirewallStatus", Some(SHUT))],
            vec![("#GetFirewallStatus", None), ("#AddPinhole", None)],
        ] {
            let (control, asked) = router(script).await;
            let refused = Door::opened_by(control, 7700, from).await;
            assert_eq!(refused.unwrap_err(), Unopened::Refused(Speech::Upnp));
            asked.await.unwrap();
        }
    }

    fn fine(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\n\r\n<u:Response>{body}</u:Response>")
    }

    #[test]
    fn a_hole_is_asked_for_kept_and_filled_as_the_service_wants_it() {
        let to = "[2001:db8::7]:7700".parse().unwrap();
        let request = Wish::Pierce(to).written(&control());
        let action = "\"urn:schemas-upnp-org:service:WANIPv6FirewallControl:1#AddPinhole\"";
        assert!(request.starts_with("POST /fw HTTP/1.0\r\nHost: [fe80::1]:5000\r\n"));
        assert!(request.contains(&format!("SOAPAction: {action}\r\n")));
        for (tag, value) in [
            ("RemoteHost", ""),
            ("RemotePort", "0"),
            ("InternalClient", "2001:db8::7"),
            ("InternalPort", "7700"),
            ("Protocol", "17"),
            ("LeaseTime", "600"),
        ] {
            assert_eq!(upnp::inside(&request, tag), Some(value));
        }
        let keep = Wish::Keep(Hole(9)).written(&control());
        assert!(keep.contains("#UpdatePinhole\""));
        assert!(keep.contains("<UniqueID>9</UniqueID><NewLeaseTime>600</NewLeaseTime>"));
        let fill = Wish::Fill(Hole(9)).written(&control());
        assert!(fill.contains("#DeletePinhole\"") && fill.contains("<UniqueID>9</UniqueID>"));
    }

    #[test]
    fn what_a_router_says_of_its_wall_is_known() {
        let said = |body: &str| Wall::read(&fine(body));
        assert_eq!(said(DOWN), Some(Wall::Down));
        assert_eq!(said(UP), Some(Wall::Up));
        assert_eq!(said(SHUT), Some(Wall::Shut));
        let in_words = SHUT.replace('1', " true ").replace('0', "false");
        assert_eq!(said(&in_words), Some(Wall::Shut));
        assert_eq!(said(&UP.replace('1', "perhaps")), None);
        assert_eq!(said(""), None);
        assert_eq!(Hole::read(&fine("<UniqueID>9</UniqueID>")), Some(Hole(9)));
        assert_eq!(Hole::read(&fine("<UniqueID>65536</UniqueID>")), None);
        let refused = "HTTP/1.1 500 Internal Server Error\r\n\r\n<UniqueID>9</UniqueID>";
        assert_eq!(Hole::read(refused), None);
    }

    proptest! {
        #[test]
        fn junk_is_read_without_harm(junk in "(HTTP/1.1 200|\r\n|<UniqueID>|</UniqueID>|<FirewallEnabled>|</FirewallEnabled>|é|.){0,30}") {
            let _ = Hole::read(&junk);
            let _ = Wall::read(&junk);
        }
    }
}
