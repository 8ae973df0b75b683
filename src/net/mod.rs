//! The network: one QUIC endpoint per process, links to identities over whatever path there is.
