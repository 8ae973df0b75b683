//! The bytes on the wire: pinned for every message, and junk never harms.

#![allow(clippy::unwrap_used)]

mod golden;
mod junk;
mod samples;
