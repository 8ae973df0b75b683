//! The one question at the first start: what to be called.

use anyhow::Context;
use crossterm::event::KeyEventKind;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::editor::{Editor, History};
use super::keymap::{Action, Bound, Keymap, Pressed};
use super::look::Look;
use super::paint::{fill, put};
use super::read::{Input, Reader};
use super::run::Settings;
use super::signals::{self, Signal, Signals};
use super::terminal::{self, Terminal};
use super::theme::Role;
use super::wrap::{cut, width};
use crate::proto::id::Nick;

/// Asks for a nick, with `suggestion` already written. Nothing if the person would rather leave.
///
/// # Errors
/// If there is no terminal to ask on.
pub async fn ask_nick(suggestion: &str, settings: &Settings) -> anyhow::Result<Option<Nick>> {
    let mut signals = Signals::listen().context("listening for signals")?;
    let mut terminal = Terminal::take()?;
    let mut reader = Reader::open().context("listening to the terminal")?;
    let (look, ..) = settings.look();
    let mut question = Question::new(suggestion, look);
    loop {
        let cursor = question.draw(terminal.buffer());
        terminal
            .show(cursor, "fireside", &[])
            .context("drawing the question for a nick")?;
        let read = tokio::select! {
            biased;
            () = terminal::panicked() => return Ok(None),
            signal = signals.next() => match signal {
                Signal::End => return Ok(None),
                Signal::Stop => {
                    terminal::give_back();
                    signals::stop();
                    continue;
                }
                Signal::Continue => {
                    terminal.retake().context("setting up the terminal")?;
                    continue;
                }
            },
            read = reader.next() => read,
        };
        match read {
            Ok(Input::Resize(columns, rows)) => terminal.resize(columns, rows),
            Ok(input) => match question.take(input) {
                Answer::None => {}
                Answer::Nick(nick) => return Ok(Some(nick)),
                Answer::Leave => return Ok(None),
            },
            Err(_) => return Ok(None),
        }
    }
}

/// The question on the screen.
#[derive(Debug)]
pub struct Question {
    editor: Editor,
    history: History,
    keymap: Keymap,
    look: Look,
    why: Option<String>,
}

/// What a key made of the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    None,
    Nick(Nick),
    Leave,
}

impl Question {
    /// The question with a nick already written, if it is one.
    #[must_use]
    pub fn new(suggestion: &str, look: Look) -> Self {
        let mut editor = Editor::default();
        if let Ok(nick) = Nick::parse(suggestion) {
            editor.replace(0, nick.as_str());
        }
        Self {
            editor,
            history: History::default(),
            keymap: Keymap::default(),
            look,
            why: None,
        }
    }

    /// Takes a key or a paste in.
    pub fn take(&mut self, input: Input) -> Answer {
        let action = match input {
            Input::Key(key) if key.kind != KeyEventKind::Release => match self.keymap.press(key) {
                Pressed::Bound(Bound::Action(action)) => Some(action),
                Pressed::Bound(Bound::Line(_)) | Pressed::Begun | Pressed::Nothing => None,
            },
            Input::Paste { text, .. } => {
                self.editor.paste(text.lines().next().unwrap_or(""));
                None
            }
            Input::Key(_)
            | Input::Mouse(_)
            | Input::Resize(..)
            | Input::Focus(_)
            | Input::Ground(_) => None,
        };
        match action {
            Some(Action::Send) => match Nick::parse(self.editor.text().trim()) {
                Ok(nick) => return Answer::Nick(nick),
                Err(why) => self.why = Some(format!("that is no nick: {why}")),
            },
            Some(Action::Escape | Action::Interrupt) => return Answer::Leave,
            Some(Action::Edit(edit)) => {
                self.why = None;
                self.editor.edit(edit, &mut self.history);
            }
            Some(_) | None => {}
        }
        Answer::None
    }

    /// Draws it; where the cursor stands.
    pub fn draw(&self, buf: &mut Buffer) -> Option<Position> {
        let theme = &self.look.theme;
        let area = buf.area;
        fill(buf, area, theme.style(Role::Background));
        let place = Rect {
            x: area.x + area.width.saturating_sub(44) / 2,
            y: area.y + area.height.saturating_sub(7) / 3,
            ..area
        };
        let place = Rect {
            width: area.right() - place.x,
            height: area.bottom() - place.y,
            ..place
        };
        let signs = self.look.signs;
        let host = format!("{} fireside", signs.host);
        put(buf, place, place.x, place.y, &host, theme.style(Role::Host));
        put(
            buf,
            place,
            place.x,
            place.y + 2,
            "What shall people call you?",
            theme.style(Role::Text),
        );
        let prompt = format!("{} ", signs.prompt);
        let x = put(
            buf,
            place,
            place.x,
            place.y + 4,
            &prompt,
            theme.style(Role::Prompt),
        );
        put(
            buf,
            place,
            x,
            place.y + 4,
            self.editor.text(),
            theme.style(Role::Input),
        );
        let below = match &self.why {
            Some(why) => (why.as_str(), Role::Error),
            None => ("Enter takes it. /nick changes it at any time.", Role::Dim),
        };
        for (row, y) in cut(below.0, place.width, place.width)
            .into_iter()
            .zip(place.y + 6..)
        {
            let row = below.0[row].trim();
            put(buf, place, place.x, y, row, theme.style(below.1));
        }
        let before = width(&self.editor.text()[..self.editor.cursor()]);
        Some(Position {
            x: (x + before).min(area.right().saturating_sub(1)),
            y: place.y + 4,
        })
        .filter(|at| at.y < area.bottom())
    }
}
