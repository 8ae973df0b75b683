//! The full-screen face, as people see it: literal screens, keys pressed, hostile text, pictures, a real terminal.

mod hostile;
mod pictures;
mod screens;
mod story;
