//! The terminal we were started in: taken over at the start and given back as it was, however we end.
//!
//! There is one terminal per process, so whether it is ours is a process-wide flag: a panic in any thread gives it
//! back first, and from then on nothing is drawn over the shell.

use std::io::{self, IsTerminal, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use tokio::sync::Notify;

use super::canvas::{Canvas, Strip};
use super::colour::Depth;
use super::ground;
use super::look::{ASCII, Signs, UNICODE};

/// Alternate screen, pasted text in brackets, focus; the title is put on the terminal's stack.
const ENTER: &str = "\x1b[?1049h\x1b[22;0t\x1b[?2004h\x1b[?1004h";
/// Clicks and the wheel, told in numbers that do not end at column 223. Mode 1003 would wake us at each move.
const MOUSE_ENTER: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_LEAVE: &str = "\x1b[?1006l\x1b[?1000l";
/// The same undone in reverse, beginning with whatever a frame may have left open.
const LEAVE: &str = "\x1b[?2026l\x1b]8;;\x1b\\\x1b[0m\x1b[?1006l\x1b[?1000l\x1b[?1004l\x1b[?2004l\x1b[?25h\x1b[23;0t\x1b[?1049l";
/// Keys told apart by the kitty protocol (Shift-Enter from Enter), and the end of that.
const KEYS_ENTER: &str = "\x1b[>1u";
const KEYS_LEAVE: &str = "\x1b[<1u";

/// Whether the terminal is ours.
static OURS: AtomicBool = AtomicBool::new(false);
/// Whether keys were asked to be told apart.
static KEYS: AtomicBool = AtomicBool::new(false);
/// Whether the mouse was asked for.
static MOUSE: AtomicBool = AtomicBool::new(true);
static PANICKED: Notify = Notify::const_new();
static HOOK: Once = Once::new();

/// The terminal while it is ours.
#[derive(Debug)]
pub(crate) struct Terminal {
    canvas: Canvas,
}

impl Terminal {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// If there is none, or it does not do what it is asked.
    pub(crate) fn take() -> anyhow::Result<Self> {
        if !io::stdout().is_terminal() {
            bail!("cannot draw: standard output is not a terminal; try --plain");
        }
        if !io::stdin().is_terminal() {
            bail!("cannot read keys: standard input is not a terminal; try --plain");
        }
        let (columns, rows) =
            crossterm::terminal::size().context("asking the terminal for its size")?;
        HOOK.call_once(give_back_before_panics);
        KEYS.store(
            tells_keys_apart(|name| std::env::var(name).ok()),
            Ordering::SeqCst,
        );
        enter().context("setting up the terminal")?;
        Ok(Self {
            canvas: Canvas::new(columns, rows),
        })
    }

    /// Where to draw the next frame.
    pub(crate) fn buffer(&mut self) -> &mut Buffer {
        self.canvas.buffer()
    }

    /// Shows what was drawn, if anything is different from the last frame.
    pub(crate) fn show(
        &mut self,
        cursor: Option<Position>,
        title: &str,
        strips: &[Strip],
    ) -> io::Result<()> {
        write(&self.canvas.frame(cursor, title, strips))
    }

    /// Where rows may have moved since the last frame.
    pub(crate) fn scroll_in(&mut self, area: Rect) {
        self.canvas.scroll_in(area);
    }

    /// Whether rows are joined as a shell's are, to be selected over their end.
    pub(crate) fn join_rows(&mut self, joins: bool) {
        self.canvas.join_rows(joins);
    }

    /// Takes the mouse, or leaves it to the terminal.
    pub(crate) fn take_mouse(&mut self, takes: bool) -> io::Result<()> {
        if MOUSE.swap(takes, Ordering::SeqCst) == takes {
            return Ok(());
        }
        write(if takes { MOUSE_ENTER } else { MOUSE_LEAVE })
    }

    /// Asks for the colour of the ground; the answer comes among the keys, or never.
    pub(crate) fn ask_ground(&mut self) -> io::Result<()> {
        write(ground::QUESTION)
    }

    /// Puts a text on the clipboard of whoever sits at the terminal (OSC 52), even over ssh.
    pub(crate) fn copy(&mut self, text: &str) -> io::Result<()> {
        let text = data_encoding::BASE64.encode(text.as_bytes());
        write(&format!("\x1b]52;c;{text}\x1b\\"))
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.canvas.resize(columns, rows);
    }

    /// Draws everything anew with the next frame.
    pub(crate) fn forget(&mut self) {
        self.canvas.forget();
    }

    /// Takes the terminal over again after it was given back for a while.
    pub(crate) fn retake(&mut self) -> io::Result<()> {
        give_back();
        enter()?;
        let (columns, rows) = crossterm::terminal::size()?;
        self.canvas.resize(columns, rows);
        self.canvas.forget();
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Ends when a thread has panicked; its message is on the terminal by then.
pub(crate) async fn panicked() {
    PANICKED.notified().await;
}

/// Gives the terminal back as it was; does nothing the second time.
pub(crate) fn give_back() {
    if !OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout().lock();
    let keys = if KEYS.load(Ordering::SeqCst) {
        KEYS_LEAVE
    } else {
        ""
    };
    // Nobody is left to be told if the terminal is gone.
    let _ = out.write_all(format!("{keys}{LEAVE}").as_bytes());
    let _ = out.flush();
    let _ = disable_raw_mode();
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    OURS.store(true, Ordering::SeqCst);
    let keys = if KEYS.load(Ordering::SeqCst) {
        KEYS_ENTER
    } else {
        ""
    };
    let mouse = if MOUSE.load(Ordering::SeqCst) {
        MOUSE_ENTER
    } else {
        ""
    };
    write(&format!("{ENTER}{mouse}{keys}"))
}

fn write(bytes: &str) -> io::Result<()> {
    if bytes.is_empty() || !OURS.load(Ordering::SeqCst) {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    out.write_all(bytes.as_bytes())?;
    out.flush()
}

fn give_back_before_panics() {
    let then = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        give_back();
        then(panic);
        PANICKED.notify_one();
    }));
}

/// Whether this terminal knows the kitty keyboard protocol. Decided by name: asking it takes up to two seconds
/// where nobody answers.
fn tells_keys_apart(env: impl Fn(&str) -> Option<String>) -> bool {
    const TERMS: [&str; 5] = [
        "xterm-kitty",
        "foot",
        "foot-extra",
        "alacritty",
        "xterm-ghostty",
    ];
    const PROGRAMS: [&str; 4] = ["WezTerm", "ghostty", "iTerm.app", "rio"];
    let is =
        |name: &str, known: &[&str]| env(name).is_some_and(|value| known.contains(&value.as_str()));
    env("TMUX").is_none()
        && (env("KITTY_WINDOW_ID").is_some() || is("TERM", &TERMS) || is("TERM_PROGRAM", &PROGRAMS))
}

/// What the terminal can show, as its environment tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shows {
    pub(crate) depth: Depth,
    pub(crate) signs: Signs,
    pub(crate) no_color: bool,
    /// Whether its ground is said to be light.
    pub(crate) is_light: bool,
}

impl Shows {
    /// Whether a theme with a ground of its own suits it, so that it matters which the terminal has.
    pub(crate) fn has_ground(&self) -> bool {
        !self.no_color && self.depth != Depth::Sixteen && !cfg!(windows)
    }

    pub(crate) fn from_env() -> Self {
        Self::from(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from(env: impl Fn(&str) -> Option<String>) -> Self {
        let term = env("TERM").unwrap_or_default();
        let depth = match env("COLORTERM").as_deref() {
            Some("truecolor" | "24bit") => Depth::True,
            Some(_) | None if term.contains("256color") || term.contains("direct") => {
                Depth::Indexed
            }
            Some(_) | None if tells_keys_apart(&env) || cfg!(windows) => Depth::True,
            Some(_) | None => Depth::Sixteen,
        };
        let locale = env("LC_ALL")
            .or_else(|| env("LC_CTYPE"))
            .or_else(|| env("LANG"));
        // A terminal without a locale is more often a container than one that cannot show signs.
        let unicode = locale.is_none_or(|locale| {
            let locale = locale.to_lowercase();
            locale.contains("utf-8")
                || locale.contains("utf8")
                || locale == "c"
                || locale == "posix"
        });
        Self {
            depth,
            signs: if unicode && term != "linux" {
                UNICODE
            } else {
                ASCII
            },
            no_color: env("NO_COLOR").is_some(),
            is_light: env("COLORFGBG").is_some_and(|colours| ground::told_by(&colours)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_shows_is_read_from_its_environment() {
        for (env, depth, signs, no_color) in [
            (
                &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")][..],
                Depth::True,
                UNICODE,
                false,
            ),
            (
                &[("TERM", "xterm-256color"), ("LANG", "de_DE.UTF-8")],
                Depth::Indexed,
                UNICODE,
                false,
            ),
            (
                &[("TERM", "linux"), ("LANG", "de_DE.UTF-8")],
                Depth::Sixteen,
                ASCII,
                false,
            ),
            (
                &[("TERM", "xterm"), ("LANG", "de_DE.ISO-8859-1")],
                Depth::Sixteen,
                ASCII,
                false,
            ),
            (
                &[("TERM", "xterm-kitty"), ("NO_COLOR", "1")],
                Depth::True,
                UNICODE,
                true,
            ),
        ] {
            let shows = Shows::from(|name| {
                env.iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| (*value).to_owned())
            });
            assert_eq!(
                (shows.depth, shows.signs, shows.no_color),
                (depth, signs, no_color),
                "{env:?}"
            );
        }
    }
}
