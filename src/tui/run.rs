//! The loop around the screen: wait, take in all that came, draw once.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use crossterm::event::{Event as Input, EventStream, KeyCode};
use futures_util::StreamExt;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::app::App;
use super::browser;
use super::ground::{Ear, Heard};
use super::highlight::Highlights;
use super::look::{Clock, Look};
use super::press::Wish;
use super::signals::{self, Signal, Signals};
use super::terminal::{self, Shows, Terminal};
use super::theme::Themes;
use super::view;
use crate::proto::command::Command;
use crate::proto::event::Event;
use crate::proto::limits::HANDOVER_WAIT;
use crate::proto::time::{Mono, Now, Wall};

/// Between two frames at least: 125 a second are more than anybody sees.
const FRAME: Duration = Duration::from_millis(8);
/// Between two looks at the files of themes.
const LOOK: Duration = Duration::from_secs(1);
/// Events taken in before the screen is looked after again.
const DRAINED_MAX: usize = 256;
/// How long a leaving client may take to say goodbye before the screen closes all the same.
const LEAVE_MAX: Duration = HANDOVER_WAIT.saturating_add(Duration::from_secs(3));

/// What the screen is told by the configuration.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The theme's name; what suits the terminal if there is none.
    pub theme: Option<String>,
    /// Where themes of the user's own are.
    pub themes_dir: Option<PathBuf>,
    pub clock: Clock,
    /// Words, and patterns between slashes, that are told like our nick.
    pub highlights: Vec<String>,
    /// Set for a demo.
    pub stage: Option<Stage>,
}

/// What a demo adds to the screen: a line that says what one may do, and a key that does it.
#[derive(Clone, Debug)]
pub struct Stage {
    pub hint: watch::Receiver<String>,
    /// Told when F9 is pressed; a press while it is full is the same as the one before.
    pub pressed: mpsc::Sender<()>,
}

/// The next hint, as long as there are any.
async fn hinted(stage: &mut Option<Stage>) -> Option<String> {
    match stage {
        Some(stage) => match stage.hint.changed().await {
            Ok(()) => Some(stage.hint.borrow_and_update().clone()),
            Err(_) => None,
        },
        None => std::future::pending().await,
    }
}

impl Settings {
    /// The look for this terminal, and what is wrong with the theme that was asked for.
    pub(crate) fn look(&self) -> (Look, Themes, Vec<String>) {
        let shows = Shows::from_env();
        let themes = Themes::new(self.themes_dir.clone(), shows.depth);
        let usual = themes.usual(shows.no_color, shows.is_light);
        let wanted = match &self.theme {
            Some(name) if !shows.no_color => name.as_str(),
            Some(_) | None => usual,
        };
        let (theme, warnings) = themes.load(wanted).unwrap_or_else(|why| {
            let (theme, mut warnings) = themes
                .load(usual)
                .expect("built-in themes are read by a test");
            warnings.push(format!("{why}: this is {usual}"));
            (theme, warnings)
        });
        let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
        (
            Look::new(theme, shows.signs, zone, self.clock),
            themes,
            warnings,
        )
    }
}

/// Shows the client on the terminal until it has said its last word.
///
/// # Errors
/// If there is no terminal, or the client is gone without a goodbye.
pub async fn run(
    commands: mpsc::Sender<Command>,
    mut events: mpsc::Receiver<Event>,
    settings: Settings,
) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("listening for signals")?;
    let terminal = Terminal::take()?;
    let mut screen = Screen::new(terminal, &settings);
    let mut input = EventStream::new();
    let mut stage = settings.stage;
    let press = stage.as_ref().map(|stage| stage.pressed.clone());
    screen.app.banner = stage.as_ref().map(|stage| stage.hint.borrow().clone());
    loop {
        screen.draw();
        let outgoing = screen.commands.front().is_some();
        tokio::select! {
            biased;
            () = terminal::panicked() => bail!("a part of fireside stopped: see above; start it again"),
            signal = signals.next() => screen.signal(signal),
            read = input.next(), if !screen.blind => match (read, &press) {
                (Some(Ok(Input::Key(key))), Some(press)) if key.code == KeyCode::F(9) => {
                    _ = press.try_send(());
                }
                (read, _) => screen.read(read),
            },
            hint = hinted(&mut stage) => match hint {
                Some(hint) => screen.hint(hint),
                None => stage = None,
            },
            permit = commands.reserve(), if outgoing => match permit {
                Ok(permit) => if let Some(command) = screen.commands.pop_front() { permit.send(command) },
                Err(_) => screen.commands.clear(),
            },
            event = events.recv() => match event {
                Some(event) => screen.drain(event, &mut events),
                None if screen.app.is_over() => return Ok(()),
                None => bail!("the client stopped without a word: see its log; start it again"),
            },
            () = sleep_until(screen.next_frame), if screen.dirty => {}
            () = sleep_until(screen.leave_by.unwrap_or(screen.next_frame)), if screen.leave_by.is_some() => return Ok(()),
        }
        if screen.app.is_over() {
            return Ok(());
        }
    }
}

/// The state of the screen, and of the drawing of it.
struct Screen {
    terminal: Terminal,
    app: App,
    commands: VecDeque<Command>,
    dirty: bool,
    next_frame: Instant,
    started: Instant,
    /// When to close without the client's goodbye.
    leave_by: Option<Instant>,
    /// Whether the terminal is gone; the client still leaves in order.
    blind: bool,
    /// Whether the terminal is still to be asked for its ground.
    asks_ground: bool,
    ear: Ear,
    /// When themes are looked at again, whether one was written.
    next_look: Instant,
}

impl Screen {
    fn new(terminal: Terminal, settings: &Settings) -> Self {
        let (look, themes, warnings) = settings.look();
        let started = Instant::now();
        let mut screen = Self {
            terminal,
            app: App::new(look, themes),
            commands: VecDeque::new(),
            dirty: true,
            next_frame: started,
            started,
            leave_by: None,
            blind: false,
            asks_ground: settings.theme.is_none() && Shows::from_env().has_ground(),
            ear: Ear::default(),
            next_look: started + LOOK,
        };
        if settings.theme.is_some() {
            screen.app.has_chosen_theme();
        }
        let (highlights, bad) = Highlights::read(settings.highlights.iter().map(String::as_str));
        screen.app.watch_for(highlights);
        let now = screen.now();
        for text in warnings.into_iter().chain(bad) {
            screen.app.tell(now, Event::Notice { group: None, text });
        }
        screen
    }

    fn now(&self) -> Now {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Now {
            mono: Mono(millis(self.started.elapsed())),
            wall: Wall(u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)),
        }
    }

    /// Draws if something changed and the last frame is old enough.
    fn draw(&mut self) {
        let now = Instant::now();
        if self.dirty && now >= self.next_frame {
            self.dirty = false;
            self.next_frame = now + FRAME;
            if !self.blind && self.show().is_err() {
                self.lose_terminal();
            }
        }
        self.commands.extend(self.app.take_commands());
        if self.app.is_leaving() && self.leave_by.is_none() {
            self.leave_by = Some(now + LEAVE_MAX);
        }
    }

    fn show(&mut self) -> io::Result<()> {
        self.terminal.take_mouse(self.app.takes_mouse())?;
        self.terminal.join_rows(self.app.is_bare());
        let cursor = view::draw(&mut self.app, self.terminal.buffer());
        self.terminal.scroll_in(self.app.log_place());
        let title = self.app.title();
        self.terminal.show(cursor, &title, self.app.strips())?;
        if std::mem::take(&mut self.asks_ground) {
            self.terminal.ask_ground()?;
        }
        Ok(())
    }

    fn hint(&mut self, hint: String) {
        self.app.banner = Some(hint);
        self.dirty = true;
    }

    fn read(&mut self, read: Option<io::Result<Input>>) {
        let was_dirty = std::mem::replace(&mut self.dirty, true);
        let now = self.now();
        match read {
            Some(Ok(Input::Key(key))) => {
                self.look_at_themes(false);
                match self.ear.take(key) {
                    Heard::Part => self.dirty = was_dirty,
                    Heard::Ground { is_light } => self.app.suit_ground(is_light),
                    Heard::Typed(keys) => {
                        for key in keys {
                            let wish = self.app.press(now, key);
                            self.grant(wish);
                        }
                    }
                }
            }
            Some(Ok(Input::Paste(text))) => self.app.paste(&text),
            Some(Ok(Input::Mouse(mouse))) => {
                let wish = self.app.point(mouse);
                self.grant(wish);
            }
            Some(Ok(Input::Resize(columns, rows))) => self.terminal.resize(columns, rows),
            Some(Ok(Input::FocusGained)) => self.dirty = self.look_at_themes(true) || was_dirty,
            Some(Ok(Input::FocusLost)) => self.dirty = was_dirty,
            Some(Err(_)) | None => self.lose_terminal(),
        }
    }

    /// Takes up what was written to a theme: when somebody comes back to this screen, or types, at most once a second.
    /// Whether it changed.
    fn look_at_themes(&mut self, at_once: bool) -> bool {
        let now = Instant::now();
        if now < self.next_look && !at_once {
            return false;
        }
        self.next_look = now + LOOK;
        self.app.reload_theme(self.now())
    }

    /// Does what only the program around the screen can do.
    fn grant(&mut self, wish: Wish) {
        match wish {
            Wish::Nothing => {}
            Wish::Redraw => self.terminal.forget(),
            Wish::Suspend => signals::stop_with_group(),
            Wish::Copy(text) => {
                if self.terminal.copy(&text).is_err() {
                    self.lose_terminal();
                }
            }
            Wish::Open(link) => {
                let opened = browser::is_here(|name| std::env::var(name).ok())
                    && browser::open(&link).is_ok();
                if !opened && self.terminal.copy(&link).is_err() {
                    self.lose_terminal();
                }
                self.app.tell_opened(&link, opened);
            }
        }
    }

    /// Takes in an event and all that wait behind it.
    fn drain(&mut self, event: Event, events: &mut mpsc::Receiver<Event>) {
        self.dirty = true;
        let now = self.now();
        self.app.tell(now, event);
        for _ in 1..DRAINED_MAX {
            match events.try_recv() {
                Ok(event) => self.app.tell(now, event),
                Err(_) => break,
            }
        }
    }

    fn signal(&mut self, signal: Signal) {
        self.dirty = true;
        match signal {
            Signal::End => self.app.quit(""),
            Signal::Stop => {
                terminal::give_back();
                signals::stop();
            }
            Signal::Continue => {
                if self.terminal.retake().is_err() {
                    self.lose_terminal();
                }
            }
        }
    }

    /// Nobody sees or types any more: leave in order.
    fn lose_terminal(&mut self) {
        self.blind = true;
        self.app.quit("");
    }
}
