//! The faces without a screen: `--plain` for people and pipes, `--json` for programs.
