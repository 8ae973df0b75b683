//! The full-screen face: three columns, a line to write on, and always in view who keeps the group.
//!
//! State (`app`, `window`, `log`, `editor`) knows nothing of the terminal and reads no clock; `view` draws it into
//! a buffer of cells; `canvas` turns what changed into bytes; `terminal` and `run` are the only ones that touch the
//! process. *Invariants:* the screen never waits for the network, nothing is written when nothing changed, and no
//! text of others reaches a cell without [`crate::sanitize`].

pub mod app;
mod ask;
mod browser;
mod call;
pub mod canvas;
mod card;
mod codes;
pub mod colour;
mod complete;
#[cfg(unix)]
mod decode;
pub mod editor;
mod errands;
mod finder;
mod fuzzy;
mod ground;
pub mod highlight;
mod key;
pub mod keymap;
mod lay;
mod link;
mod log;
pub mod look;
mod mouse;
mod options;
mod outside;
mod paint;
mod palette;
mod past;
mod pick;
pub mod press;
mod preview;
mod read;
mod rich;
mod rows;
mod run;
mod scroll;
mod search;
mod shift;
mod sides;
mod signals;
mod spot;
pub mod svg;
mod taken;
mod tell;
mod terminal;
pub mod theme;
mod typed;
pub mod view;
mod window;
mod windows;
mod words;
mod wrap;

pub use ask::{Answer, Question, ask_nick};
pub use read::Input;
pub use run::{Settings, Stage, run};
