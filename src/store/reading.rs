//! Reading a store beside the process that has it, or without one: nothing in it is changed.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::error::{Error, plainly};
use super::page::{self, PAGE_LINES_MAX};
use super::row;
use super::schema::{self, MIGRATIONS, Version};
use super::state;
use crate::proto::event::Line;
use crate::proto::id::{GroupName, NodeId};
use crate::proto::past::{Part, Told};
use crate::proto::time::Wall;
use crate::proto::wire::Listed;

/// A store that is only read.
#[derive(Debug)]
pub struct Reading {
    db: Connection,
    path: PathBuf,
}

impl Reading {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// If there is none, or it is not one that can be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |why: &rusqlite::Error| Error::Open {
            path: path.to_owned(),
            why: plainly(why),
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).map_err(|why| failed(&why))?;
        match schema::version(&db, MIGRATIONS).map_err(|why| failed(&why))? {
            Version::Known(_) => Ok(Self {
                db,
                path: path.to_owned(),
            }),
            Version::Newer(found) => Err(Error::Newer {
                path: path.to_owned(),
                found,
                known: schema::count(MIGRATIONS),
            }),
            Version::Empty | Version::Torn => Err(Error::Open {
                path: path.to_owned(),
                why: "it is damaged, or of another program".to_owned(),
            }),
        }
    }

    /// The mesh nodes that were known last.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn table(&self) -> Result<Vec<Listed>, Error> {
        state::load_table(&self.db).map_err(|why| self.failed(&why))
    }

    /// The groups of which something is stored.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn groups(&self) -> Result<Vec<GroupName>, Error> {
        let read = || -> rusqlite::Result<Vec<GroupName>> {
            let mut statement = self.db.prepare(
                "SELECT id FROM groups WHERE id IN (SELECT in_group FROM lines) ORDER BY name",
            )?;
            let ids = statement.query_map([], |row| row.get(0))?;
            ids.map(|id| row::group_name(&self.db, id?)).collect()
        };
        read().map_err(|why| self.failed(&why))
    }

    /// The lines of a group that come after the last one of these, or the first ones; none at the end.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn next(
        &self,
        group: &GroupName,
        after: Option<&Line>,
        us: NodeId,
    ) -> Result<Vec<Line>, Error> {
        let part = after.map_or(Part::Moment(Wall(0)), |line| Part::After(line.place));
        let told = page::stretch(&self.db, group, part, PAGE_LINES_MAX, us);
        match told.map_err(|why| self.failed(&why))? {
            Told::Stretch { lines, .. } => Ok(lines),
            Told::Found { .. } | Told::Missed { .. } => Ok(Vec::new()),
        }
    }

    fn failed(&self, why: &rusqlite::Error) -> Error {
        Error::Open {
            path: self.path.clone(),
            why: plainly(why),
        }
    }
}
