//! The data directory: made for its owner alone, and used by one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::error::Error;

/// The file whose lock says that a process uses the directory. It stays when the process ends; the lock does not.
const LOCK: &str = "lock";
/// The file a [`super::Store`] is opened on.
const DATABASE: &str = "fireside.db";

/// A data directory that is ours until this is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Held for its lock, which the system takes back however the process ends.
    _lock: File,
}

impl DataDir {
    /// Makes the directory, readable by its owner alone, unless it exists, and takes its lock.
    ///
    /// # Errors
    /// [`Error::InUse`] if another process has it, [`Error::Directory`] if it cannot be made or written.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let lock = make(&path)
            .and_then(|()| open_private(&path.join(LOCK), true))
            .map_err(|why| Error::Directory {
                path: path.clone(),
                why,
            })?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { path }),
            Err(TryLockError::Error(why)) => Err(Error::Directory { path, why }),
        }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the store's file is in it.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        Self::database_in(&self.path)
    }

    /// Where it is in a data directory that need not be ours.
    #[must_use]
    pub fn database_in(path: &Path) -> PathBuf {
        path.join(DATABASE)
    }
}

fn make(path: &Path) -> io::Result<()> {
    match private_builder().create(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            private_builder().recursive(true).create(path)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if path.is_dir() {
                Ok(())
            } else {
                Err(ErrorKind::NotADirectory.into())
            }
        }
        done => done,
    }
}

/// Opens a file of ours to read and write it, and sees to it that nobody else can. One that exists keeps its
/// content; one that does not is made if `make` says so.
pub(super) fn open_private(path: &Path, make: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(make).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    if file.metadata()?.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    #[cfg(unix)]
    tighten(&file)?;
    Ok(file)
}

/// Takes from group and others what an earlier copy or restore may have given them.
#[cfg(unix)]
fn tighten(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o777 == 0o600 {
        Ok(())
    } else {
        file.set_permissions(PermissionsExt::from_mode(0o600))
    }
}

/// On Unix the mode is 0700 from the first moment; elsewhere the user's own directories are private as it is.
fn private_builder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_is_refused_until_it_is_free() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state").join("fireside");
        let first = DataDir::open(&path).unwrap();
        let refused = DataDir::open(&path).unwrap_err();
        assert!(
            refused.to_string().contains("another fireside is using it"),
            "{refused}"
        );
        drop(first);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn what_is_not_a_directory_is_an_error_and_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("note");
        std::fs::write(&path, "mine").unwrap();
        let refused = DataDir::open(&path).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("choose another one with --data"),
            "{refused}"
        );
        assert!(DataDir::open(path.join("below")).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_look_inside() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let directory = DataDir::open(home.path().join("fireside")).unwrap();
        let file = open_private(&directory.database(), true).unwrap();
        let lax = PermissionsExt::from_mode(0o644);
        file.set_permissions(lax).unwrap();
        open_private(&directory.database(), false).unwrap();

        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(directory.path()), 0o700);
        assert_eq!(mode(&directory.database()), 0o600);
        assert_eq!(mode(&directory.path().join(LOCK)), 0o600);
    }
}
