//! `config.toml` and the command line, merged: every option has its key in the file.
