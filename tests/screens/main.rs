//! The full-screen face, as people see it: literal screens, keys pressed, hostile text, pictures, a real terminal.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail loudly, and its child speaks"
)]

mod away;
mod choices;
mod corpus;
#[cfg(unix)]
mod demo;
#[cfg(unix)]
mod film;
mod hostile;
mod invited;
mod keeping;
mod keys;
#[cfg(unix)]
mod modes;
mod monkey;
mod past;
mod pictures;
mod private;
mod reading;
mod screens;
mod story;
mod taken;
#[cfg(unix)]
mod terminal;
mod typing;
mod verified;
