//! What stands between a home or an office and the Internet, as rules of nftables(8).

/// How a router treats what goes through it (the words are those of RFC 4787).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One outer port for each inner one, whoever is talked to; lets in only what was asked for. Most homes.
    Home,
    /// What Linux does by itself: as [`Kind::Home`], as long as the port is free outside.
    Masquerade,
    /// Another outer port for everybody who is talked to: offices, and many mobile carriers.
    Symmetric,
    /// Public addresses behind a wall that lets in only what was asked for. In IPv6, most homes.
    Firewall,
    /// No UDP but that of name servers.
    Blocked,
}

impl Kind {
    /// Whether the machines behind it have addresses that mean something outside.
    pub(crate) fn is_public(self) -> bool {
        match self {
            Self::Firewall => true,
            Self::Home | Self::Masquerade | Self::Symmetric | Self::Blocked => false,
        }
    }

    /// The rules of a router whose outer interface is `wan`, at this address.
    pub(crate) fn rules(self, address: &str) -> String {
        let translation = match self {
            // The kernel's own translation keeps a port only as long as nobody outside has used it before, so that
            // the table of ports is one of ours.
            Self::Home => format!(
                r#"table ip nat {{
                  map ports {{
                    type inet_service : ipv4_addr . inet_service
                    flags dynamic,timeout
                    timeout 300s
                    size 65536
                  }}
                  chain pre {{
                    type nat hook prerouting priority dstnat
                    iifname "wan" meta l4proto udp dnat to udp dport map @ports
                  }}
                  chain post {{
                    type nat hook postrouting priority srcnat
                    oifname "wan" meta l4proto udp update @ports {{ udp sport : ip saddr . udp sport }}
                    oifname "wan" snat to {address}
                  }}
                }}"#
            ),
            Self::Masquerade | Self::Blocked => masquerade(""),
            Self::Symmetric => masquerade("fully-random"),
            Self::Firewall => String::new(),
        };
        let block = match self {
            Self::Blocked => r#"meta l4proto udp udp dport != 53 drop"#,
            Self::Home | Self::Masquerade | Self::Symmetric | Self::Firewall => "",
        };
        // What comes unasked must not reach the router itself either: its answer, or a mere note of it, would take
        // the port from the machine that is about to use it. Neighbours ask each other for their places in ICMPv6.
        format!(
            r#"{translation}
            table inet wall {{
              chain forward {{
                type filter hook forward priority 0
                {block}
                iifname "wan" ct state != {{ established, related }} drop
              }}
              chain input {{
                type filter hook input priority 0
                meta l4proto icmpv6 accept
                iifname "wan" ct state != {{ established, related }} drop
              }}
            }}"#
        )
    }
}

fn masquerade(how: &str) -> String {
    let translation = format!(
        r#"chain pre {{ type nat hook prerouting priority dstnat; }}
          chain post {{
            type nat hook postrouting priority srcnat
            oifname "wan" masquerade {how}
          }}"#
    );
    format!("table ip nat {{ {translation}\n }}\ntable ip6 nat {{ {translation}\n }}")
}
