//! Stored lines, written as they were told when they were said.

use super::chat::Teller as _;
use super::json::Json;
use super::plain::Plain;
use super::unsent::Unsent;
use crate::proto::event::{Event, Line};

/// Writes the lines of a log one after the other.
#[derive(Debug)]
pub struct Stored {
    plain: Plain,
    as_json: bool,
}

impl Stored {
    /// As text, or as one JSON object a line.
    #[must_use]
    pub fn new(as_json: bool) -> Self {
        Self {
            plain: Plain::default(),
            as_json,
        }
    }

    /// What is to be written of a line: several rows, where it has them or another day begins.
    pub fn write(&mut self, line: &Line) -> Vec<String> {
        let (event, here) = (Event::Entry(line.clone()), Some(&line.group));
        let unsent = Unsent::default();
        if self.as_json {
            Json.event(&event, here, &unsent)
        } else {
            self.plain.event(&event, here, &unsent)
        }
    }
}
