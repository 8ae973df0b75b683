//! The full-screen face, as people see it: literal screens, keys pressed, hostile text, pictures, a real terminal.

mod pictures;
mod story;
