//! The network: one QUIC endpoint per process, links to identities over whatever path there is.
//!
//! *Invariant:* nothing here knows what a message means. Roles decide; this carries, and says what became of it.
//! A peer can fill a bounded queue or lose its link; it can never end a task that serves another.
//!
//! How a packet goes, from the top: [`driver`] gives a role's messages to a `link`, the link writes frames on a
//! QUIC stream, quinn hands packets to `socket`, and that sends them to an address, or into a `relay` tunnel when
//! the destination is a peer, whose address is a virtual one.

mod alarm;
mod change;
mod clock;
mod congestion;
mod dial;
mod door;
pub mod driver;
pub mod endpoint;
mod gateway;
pub mod gauge;
#[cfg(feature = "upnp")]
mod igd;
mod knock;
mod link;
mod links;
mod mapping;
mod offer;
mod peer;
#[cfg(feature = "upnp")]
mod pinhole;
mod probe;
pub mod quota;
mod reach;
pub mod relay;
mod route;
mod runtime;
pub mod share;
mod socket;
mod stream;
pub mod tls;
mod tunnel;
#[cfg(feature = "upnp")]
mod upnp;
mod vantage;
mod watch;

pub use endpoint::Endpoint;
