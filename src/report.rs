//! How a failure reaches a person: one line, `fireside: what failed: why; what to try`, and an exit code.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use crate::sanitize;

/// A failure in the three parts a person needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}; {try_}")]
pub struct Failure {
    pub what: String,
    pub why: String,
    pub try_: String,
}

impl Failure {
    #[must_use]
    pub fn new(what: impl Into<String>, why: impl fmt::Display, try_: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.to_string(),
            try_: try_.into(),
        }
    }
}

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Fine,
    Failed,
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Fine => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Usage => Self::from(2),
        }
    }
}

/// The line for a person. What others wrote may be in it (a file's name, a node's answer), so it is cleaned.
#[must_use]
pub fn line(error: &dyn fmt::Display) -> String {
    format!("fireside: {}", sanitize::line(&error.to_string()))
}

/// Tells a person on standard error; if nobody listens there, there is nobody to tell.
pub fn tell(error: &dyn fmt::Display) {
    _ = writeln!(std::io::stderr(), "{}", line(error));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_clean_line_of_three_parts() {
        let failure = Failure::new(
            "cannot read a\u{1b}[31mb\nc",
            "it is gone",
            "look elsewhere",
        );
        let line = line(&failure);
        assert!(line.starts_with("fireside: cannot read a"), "{line}");
        assert!(line.ends_with(": it is gone; look elsewhere"), "{line}");
        assert!(!line.contains(['\u{1b}', '\n']), "{line}");
    }
}
