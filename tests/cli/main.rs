//! Bad input and faults, as whoever types the command meets them: one line of what failed, why, and what to try;
//! an exit code; and nothing lost or overwritten.

#![allow(clippy::unwrap_used)]

mod binary;
mod files;
mod places;
mod usage;
