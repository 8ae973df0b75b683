//! A running node: a role, its endpoint, its store and its face, wired together.
