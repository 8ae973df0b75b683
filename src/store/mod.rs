//! What outlives the process: one SQLite file per data directory, on a thread of its own.
