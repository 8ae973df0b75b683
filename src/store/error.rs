//! Why there is no store: what failed, why, and what a person can try.

use std::path::PathBuf;

/// Why a data directory or the file in it cannot be used. Nothing was overwritten.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "cannot use the data directory {path}: {why}; choose another one with --data DIR",
        path = path.display()
    )]
    Directory { path: PathBuf, why: std::io::Error },
    #[error(
        "cannot use the data directory {path}: another fireside is using it; end that one, or choose another \
         directory with --data DIR",
        path = path.display()
    )]
    InUse { path: PathBuf },
    #[error(
        "cannot open the stored history {path}: {why}; check its permissions and the free space, or choose another \
         directory with --data DIR",
        path = path.display()
    )]
    Open { path: PathBuf, why: String },
    #[error(
        "cannot open the stored history {path}: a newer fireside wrote it (format {found}, this one knows {known}); \
         update fireside, or choose another directory with --data DIR",
        path = path.display()
    )]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    #[error(
        "cannot move the damaged history {path} aside: {why}; move it by hand, or choose another directory with \
         --data DIR",
        path = path.display()
    )]
    Aside { path: PathBuf, why: std::io::Error },
}

/// The store has been closed, or its thread has died; nothing is stored any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is closed")]
pub struct Closed;

/// What SQLite reports, in words for a person.
pub(super) fn plainly(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "it may not be written".to_owned()
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds it".to_owned()
        }
        _ => error.to_string(),
    }
}
