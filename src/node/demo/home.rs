//! Where the demo keeps its files, for as long as it lasts.

use std::fs;
use std::io;
use std::path::PathBuf;

/// A directory of our own that goes with this.
#[derive(Debug)]
pub(super) struct Home(PathBuf);

impl Home {
    /// Makes one that nobody else has, and nobody else can read.
    pub(super) fn new() -> io::Result<Self> {
        let name = data_encoding::HEXLOWER.encode(&super::super::random::<8>());
        let path = std::env::temp_dir().join(format!("fireside-demo-{name}"));
        #[cfg_attr(not(unix), allow(unused_mut, reason = "there is no mode to be set"))]
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }

    /// Somebody's place in it.
    pub(super) fn of(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Removes it with all that is in it, which is done anyway when it is dropped.
    pub(super) fn remove(self) {
        drop(self);
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "the demo's files stay");
        }
    }
}
