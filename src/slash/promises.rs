//! `/help cap`: what a group can promise its members, and what nobody can.

/// What people call it.
const NAMES: &[&str] = &["cap", "promises"];

/// Each fits beside the groups and members of a hundred columns.
const PROMISES: &[&str] = &[
    "one truth, always there, on a parted network: pick two",
    "one host at a time gives every line its place",
    "so all members see the same lines in the same order",
    "confirmed: the host and all heirs here have it on disk",
    "it is lost only if they and its author are gone for good",
    "what is not confirmed yet waits, and is sent again",
    "a dead host is missed in two seconds; the next is host",
    "parted in two, both sides talk on, each with a host",
    "whole again, all lines are one log, by time",
    "older ones may then stand above; the later topic holds",
];

/// The promises, if they are meant.
pub(crate) fn promises(word: &str) -> Option<String> {
    NAMES
        .contains(&word.to_lowercase().as_str())
        .then(|| PROMISES.join("\n"))
}
