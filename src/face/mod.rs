//! Faces without a screen: lines for people and screen readers, JSON for programs.
//!
//! *Invariant:* a face knows commands and events and nothing below them. What others wrote is cleaned before a
//! terminal sees it.

mod chat;
mod input;
pub mod json;
mod output;
pub mod plain;
mod stored;
mod unsent;

pub use chat::{Ending, run};
pub use stored::Stored;
