//! The judge on trial: it believes a good history, and catches each kind of bad one.

#![allow(clippy::unwrap_used)]

mod bites;
#[allow(unreachable_pub, reason = "others are given the same module")]
#[path = "mod.rs"]
mod judge;
