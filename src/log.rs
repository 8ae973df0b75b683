//! Where the log goes: a client's to a file in its data directory, a server's to standard error.
//!
//! Texts of chats and keys are never logged, by anybody.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::SubscriberBuilder;

/// A log longer than this is moved aside at the next start, and one older one is kept.
const SIZE_MAX: u64 = 4 << 20;

/// Logs to `fireside.log` in the data directory, readable by its owner alone.
///
/// # Errors
/// If the file cannot be made.
pub fn to_file(dir: &Path, level: LevelFilter) -> io::Result<()> {
    let path = dir.join("fireside.log");
    if path.metadata().is_ok_and(|found| found.len() > SIZE_MAX) {
        std::fs::rename(&path, dir.join("fireside.log.old"))?;
    }
    let file = open_private(&path)?;
    set(SubscriberBuilder::default()
        .with_env_filter(filter(level))
        .with_ansi(false)
        // Lines are short and few, and are written by whoever logs: a task for it would only wake up more.
        .with_writer(Mutex::new(file))
        .finish());
    Ok(())
}

/// Logs to standard error; without times where the journal adds its own.
pub fn to_stderr(level: LevelFilter) {
    let builder = SubscriberBuilder::default()
        .with_env_filter(filter(level))
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        set(builder.without_time().finish());
    } else {
        set(builder.finish());
    }
}

/// Our own words at the level asked for; those of libraries only when something is wrong.
fn filter(level: LevelFilter) -> EnvFilter {
    let others = level.min(LevelFilter::WARN);
    EnvFilter::new(format!("{others},mdns_sd=off,fireside={level}"))
}

fn set(subscriber: impl tracing::Subscriber + Send + Sync) {
    // Only a second call can fail, and then the first log goes on.
    _ = tracing::subscriber::set_global_default(subscriber);
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
