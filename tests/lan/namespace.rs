//! A network namespace of one's own (network_namespaces(7)): a machine, as far as the network goes.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Networks made by this process so far; each has names of its own.
static MADE: AtomicU32 = AtomicU32::new(0);

/// A number that no other network of this process has.
pub(crate) fn next_network() -> u32 {
    MADE.fetch_add(1, Ordering::Relaxed)
}

/// Gone with the test, however that ends.
pub(crate) struct Namespace(String);

impl Namespace {
    pub(crate) fn new(network: u32, name: &str) -> Result<Self, String> {
        let name = format!("fireside-{}-{network}-{name}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &name]))?;
        Ok(Self(name))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    pub(crate) fn has(&self, what: &str) {
        self.ip(what).unwrap_or_else(|why| panic!("{what}: {why}"));
    }

    pub(crate) fn ip(&self, words: &str) -> Result<(), String> {
        let mut command = Command::new("ip");
        run(command.args(["-n", &self.0]).args(words.split_whitespace()))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Interfaces go with their namespace.
        let _ = Command::new("ip").args(["netns", "del", &self.0]).output();
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|why| why.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
