//! The command line: flags choose the role, verbs act on a node or print.
