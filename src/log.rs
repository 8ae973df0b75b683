//! Where the log goes: a client's to a file in its data directory, a server's to standard error.
//!
//! Texts of chats and keys are never logged, by anybody.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, SubscriberBuilder};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload::Handle;

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

/// How much is logged, to be changed while we run.
pub struct Level {
    set: Box<dyn Fn(LevelFilter) + Send + Sync>,
    current: LevelFilter,
}

impl Level {
    fn new<S: 'static>(handle: Handle<EnvFilter, S>, current: LevelFilter) -> Self {
        let set = move |level| {
            // Only a log that is gone cannot be changed.
            _ = handle.reload(filter(level));
        };
        Self {
            set: Box::new(set),
            current,
        }
    }

    /// Logs so much from here on; says how much it was if that is a change.
    pub fn change(&mut self, level: LevelFilter) -> Option<LevelFilter> {
        let before = std::mem::replace(&mut self.current, level);
        (before != level).then(|| {
            (self.set)(level);
            before
        })
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Level({})", self.current)
    }
}

/// Logs to standard error; where that is the journal, without times, which it adds itself, and with the priority
/// that it is to file each line under.
pub fn to_stderr(level: LevelFilter) -> Level {
    let builder = SubscriberBuilder::default()
        .with_target(false)
        .with_writer(io::stderr)
        .with_env_filter(filter(level));
    if is_journal() {
        let format = Journal(Format::default().with_target(false).without_time());
        let builder = builder.with_ansi(false).event_format(format);
        let builder = builder.with_filter_reloading();
        let level = Level::new(builder.reload_handle(), level);
        set(builder.finish());
        level
    } else {
        let builder = builder.with_ansi(io::stderr().is_terminal());
        let builder = builder.with_filter_reloading();
        let level = Level::new(builder.reload_handle(), level);
        set(builder.finish());
        level
    }
}

/// Whether standard error leads to the journal: systemd says which stream does (systemd.exec(5), JOURNAL_STREAM),
/// and somebody may have led ours elsewhere since.
fn is_journal() -> bool {
    let told = std::env::var("JOURNAL_STREAM").ok();
    told.is_some() && told == stderr_stream()
}

#[cfg(target_os = "linux")]
fn stderr_stream() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let stream = std::fs::metadata("/proc/self/fd/2").ok()?;
    Some(format!("{}:{}", stream.dev(), stream.ino()))
}

#[cfg(not(target_os = "linux"))]
fn stderr_stream() -> Option<String> {
    None
}

/// A line as the journal wants it: its priority first (sd-daemon(3)).
struct Journal(Format<Full, ()>);

impl<S, N> FormatEvent<S, N> for Journal
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        cx: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> fmt::Result {
        let priority = match *event.metadata().level() {
            tracing::Level::ERROR => 3,
            tracing::Level::WARN => 4,
            tracing::Level::INFO => 6,
            tracing::Level::DEBUG | tracing::Level::TRACE => 7,
        };
        write!(line, "<{priority}>")?;
        self.0.format_event(cx, line, event)
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
