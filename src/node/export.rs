//! `fireside log`: what is stored of a group, for whoever wants it as text.

use std::path::Path;

use crate::identity::Identity;
use crate::proto::event::Line;
use crate::proto::id::{GroupName, NodeId};
use crate::proto::seal::Seal as _;
use crate::report::Failure;
use crate::store::{DataDir, Reading};

/// The stored logs of a data directory, which may be in use.
#[derive(Debug)]
pub struct Logs {
    reading: Reading,
    us: NodeId,
}

impl Logs {
    /// Opens them.
    ///
    /// # Errors
    /// If there are none, or they cannot be read.
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        let (key, database) = (data.join(super::KEY_FILE), DataDir::database_in(data));
        if !key.exists() || !database.exists() {
            return Err(Failure::new(
                "cannot tell a log",
                format!("nobody has chatted with {} yet", data.display()),
                "name another directory with --data DIR",
            )
            .into());
        }
        Ok(Self {
            us: Identity::load_or_create(&key)?.id(),
            reading: Reading::open(&database)?,
        })
    }

    /// The groups there are logs of.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn groups(&self) -> anyhow::Result<Vec<GroupName>> {
        Ok(self.reading.groups()?)
    }

    /// Tells a group's log, some lines at a time, oldest first, for as long as `tell` wants more.
    ///
    /// # Errors
    /// If there is none of that group, it cannot be read, or `tell` fails.
    pub fn tell(
        &self,
        group: &GroupName,
        mut tell: impl FnMut(&[Line]) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let mut lines = self.reading.next(group, None, self.us)?;
        if lines.is_empty() {
            return Err(Failure::new(
                format!("cannot tell the log of {group}"),
                "nothing is stored of it",
                "fireside log tells of which groups there is something",
            )
            .into());
        }
        while let Some(last) = lines.last() {
            if !tell(&lines)? {
                return Ok(());
            }
            lines = self.reading.next(group, Some(last), self.us)?;
        }
        Ok(())
    }
}
