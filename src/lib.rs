//! fireside: chat groups in your terminal that outlive whoever opened them.
//!
//! ARCHITECTURE.md is the map; each directory's `mod.rs` states what is never done in it.

pub mod address;
pub mod chart;
pub mod choose;
pub mod cli;
pub mod config;
pub mod face;
pub mod identity;
pub mod log;
pub mod net;
pub mod node;
pub mod proto;
pub mod qr;
pub mod report;
pub mod sanitize;
pub mod service;
pub mod signals;
pub mod slash;
pub mod store;
pub mod systemd;
pub mod tui;
