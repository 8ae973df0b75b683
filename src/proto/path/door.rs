//! What came of asking the router in front of us to let others in.

use std::fmt;

/// In which words a router is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// The Port Control Protocol (RFC 6887).
    Pcp,
    /// The one before it (RFC 6886).
    Pmp,
    /// A UPnP Internet Gateway Device.
    Upnp,
}

/// Which packets a router is asked for; each family may have a router of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    V4,
    V6,
}

/// How it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// Nobody was asked, or the answer is not there yet.
    #[default]
    Unknown,
    /// The router lets others in at a port of its own.
    Open { speech: Speech, port: u16 },
    /// It said no, in these words.
    Refused(Speech),
    /// It answers none of those words.
    Silent,
}

impl Family {
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];
}

impl Door {
    /// For a person; none, if there is nothing to tell. A door is told of in any case, what there is none for only
    /// where one would be of use.
    #[must_use]
    pub fn words(self, family: Family, is_wanted: bool) -> Option<String> {
        let family = match family {
            Family::V4 => "",
            Family::V6 => " over IPv6",
        };
        match self {
            Self::Open { speech, port } => Some(format!(
                "your router lets others in{family} at port {port} ({speech})"
            )),
            Self::Refused(speech) if is_wanted => Some(format!(
                "your router was asked to let others in{family}, and refused ({speech})"
            )),
            // Behind many walls of IPv6 there is nobody who could be asked.
            Self::Silent if is_wanted && family.is_empty() => {
                Some("your router was asked to let others in, and gave no answer".to_owned())
            }
            Self::Unknown | Self::Refused(_) | Self::Silent => None,
        }
    }
}

impl fmt::Display for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pcp => "PCP",
            Self::Pmp => "NAT-PMP",
            Self::Upnp => "UPnP",
        })
    }
}
