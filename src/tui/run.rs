//! The loop around the screen: wait, take in all that came, draw once.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use crossterm::event::KeyCode;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::app::{App, Errand};
use super::browser;
use super::errands::{Done, Errands};
use super::ground;
use super::look::{Clock, Look};
use super::press::Wish;
use super::read::{Input, Reader};
use super::signals::{self, Signal, Signals};
use super::terminal::{self, Shows, Terminal};
use super::theme::Themes;
use super::{call, view};
use crate::config::{Choices, Hours};
use crate::proto::command::Command;
use crate::proto::event::Event;
use crate::proto::limits::HANDOVER_WAIT;
use crate::proto::time::{Mono, Now, Wall};
use crate::report::Failure;

/// Between two frames at least: 125 a second are more than anybody sees.
const FRAME: Duration = Duration::from_millis(8);
/// From the end of a frame to one that shows a key at least. What is typed is seen at once, whatever else is going
/// on; only keys that come faster than they can be drawn share a frame.
const KEY_FRAME: Duration = Duration::from_millis(1);
/// Between two looks at the files of themes.
const LOOK: Duration = Duration::from_secs(1);
/// Events taken in before the screen is looked after again.
const DRAINED_MAX: usize = 256;
/// How long a leaving client may take to say goodbye before the screen closes all the same.
const LEAVE_MAX: Duration = HANDOVER_WAIT.saturating_add(Duration::from_secs(3));

/// What the screen is told by the configuration.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub choices: Choices,
    /// Where typed lines are kept for the next start.
    pub typed: Option<PathBuf>,
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
        let options = self.choices.options();
        // Themes of the user's own are beside the configuration.
        let dir = self.choices.file().and_then(Path::parent);
        let themes = Themes::new(dir.map(|dir| dir.join("themes")), shows.depth);
        let usual = themes.usual(shows.no_color, shows.is_light, options);
        let wanted = match options.theme.as_str() {
            "" => usual,
            _ if shows.no_color => usual,
            name => name,
        };
        let (theme, warnings) = themes.load(wanted).unwrap_or_else(|why| {
            // That one may be of the user's own as well.
            let plain = if shows.is_light { "ash" } else { "ember" };
            let (theme, mut warnings) = themes
                .load(plain)
                .expect("built-in themes are read by a test");
            warnings.push(format!("{why}: this is {plain}"));
            (theme, warnings)
        });
        let clock = match options.hours {
            Hours::Full => Clock::Hours24,
            Hours::Half => Clock::Hours12,
        };
        let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
        (Look::new(theme, shows.signs, zone, clock), themes, warnings)
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
    let mut stage = settings.stage.clone();
    let mut screen = Screen::new(terminal, settings).context("starting the thread for errands")?;
    let mut reader = None;
    let press = stage.as_ref().map(|stage| stage.pressed.clone());
    screen.app.banner = stage.as_ref().map(|stage| stage.hint.borrow().clone());
    loop {
        screen.draw();
        // Nothing else reads the keys while an editor outside has the terminal.
        if screen.run_errands() {
            reader = None;
        } else if reader.is_none() {
            reader = Some(Reader::open().context("listening to the terminal")?);
        }
        let outgoing = screen.commands.front().is_some();
        let (is_ignoring, until_heard) = (screen.waits_to_hear(), screen.until_heard());
        tokio::select! {
            biased;
            () = terminal::panicked() => bail!("a part of fireside stopped: see above; start it again"),
            signal = signals.next() => screen.signal(signal),
            read = next(&mut reader), if !screen.blind => match (read, &press) {
                (Ok(Input::Key(key)), Some(press)) if key.code == KeyCode::F(9) => {
                    _ = press.try_send(());
                }
                (read, _) => screen.read(read),
            },
            hint = hinted(&mut stage) => match hint {
                Some(hint) => screen.hint(hint),
                None => stage = None,
            },
            done = screen.errands.done() => screen.finish(done),
            permit = commands.reserve(), if outgoing => match permit {
                Ok(permit) => if let Some(command) = screen.commands.pop_front() { permit.send(command) },
                Err(_) => screen.commands.clear(),
            },
            event = events.recv() => match event {
                Some(event) => screen.drain(event, &mut events),
                None if screen.app.is_over() => return Ok(()),
                None => bail!("the client stopped without a word: see its log; start it again"),
            },
            () = sleep(until_heard), if is_ignoring => screen.hear_again(),
            () = sleep_until(screen.next_frame), if screen.dirty => {}
            () = sleep_until(screen.leave_by.unwrap_or(screen.next_frame)), if screen.leave_by.is_some() => return Ok(()),
        }
        if screen.app.is_over() {
            screen.run_errands();
            return Ok(());
        }
    }
}

async fn next(reader: &mut Option<Reader>) -> io::Result<Input> {
    match reader {
        Some(reader) => reader.next().await,
        None => std::future::pending().await,
    }
}

/// How often it is looked at whether somebody is to be heard again.
const HEARD_CHECKED: Duration = Duration::from_secs(60);

/// Between two calls at least.
const CALLS_APART: Duration = Duration::from_secs(1);

/// The state of the screen, and of the drawing of it.
struct Screen {
    terminal: Terminal,
    app: App,
    commands: VecDeque<Command>,
    dirty: bool,
    next_frame: Instant,
    /// When the last frame was done.
    drawn: Instant,
    started: Instant,
    /// When to close without the client's goodbye.
    leave_by: Option<Instant>,
    /// Whether the terminal is gone; the client still leaves in order.
    blind: bool,
    errands: Errands,
    /// Whether an editor outside has the terminal.
    is_lent: bool,
    /// When the person was called last.
    called: Option<Instant>,
    /// Whether the terminal is still to be asked for its ground.
    asks_ground: bool,
    /// When themes are looked at again, whether one was written.
    next_look: Instant,
}

impl Screen {
    fn new(terminal: Terminal, settings: Settings) -> io::Result<Self> {
        let (look, themes, warnings) = settings.look();
        let options = settings.choices.options();
        let (kept, has_theme) = (options.history, !options.theme.is_empty());
        let started = Instant::now();
        let mut screen = Self {
            terminal,
            app: App::new(look, themes),
            commands: VecDeque::new(),
            dirty: true,
            next_frame: started,
            drawn: started,
            started,
            leave_by: None,
            blind: false,
            errands: Errands::start(settings.typed, kept)?,
            is_lent: false,
            called: None,
            asks_ground: !has_theme && Shows::from_env().has_ground(),
            next_look: started + LOOK,
        };
        let shows = Shows::from_env();
        if has_theme || shows.no_color {
            screen.app.has_chosen_theme();
        }
        screen.app.suit_ground(shows.is_light);
        let now = screen.now();
        screen.app.set_choices(now, settings.choices);
        for text in warnings {
            screen.app.tell(now, Event::Notice { group: None, text });
        }
        Ok(screen)
    }

    /// Whether somebody is ignored for a time.
    fn waits_to_hear(&self) -> bool {
        self.app.choices.options().next_heard().is_some()
    }

    /// How long to wait until somebody may be heard again; a sleep does not count the time for which the machine does.
    fn until_heard(&self) -> Duration {
        let next = self.app.choices.options().next_heard();
        let left = next.map(|next| next.duration_since(Timestamp::now()));
        let left = left.and_then(|left| Duration::try_from(left).ok());
        left.unwrap_or_default().min(HEARD_CHECKED)
    }

    fn hear_again(&mut self) {
        let now = self.now();
        let before = self.app.choices.options().ignore.len();
        self.app.hear_again(now);
        self.dirty |= before != self.app.choices.options().ignore.len();
    }

    /// Does what the screen asked for. Whether an editor outside has the terminal.
    fn run_errands(&mut self) -> bool {
        let mut call = None;
        for errand in self.app.take_errands() {
            match errand {
                Errand::Call { title, body } => call = Some((title, body)),
                Errand::Outside(text) => {
                    self.is_lent = true;
                    terminal::give_back();
                    self.errands.push(Errand::Outside(text));
                }
                errand @ (Errand::Save(..) | Errand::Reload(_) | Errand::Keep(..)) => {
                    self.errands.push(errand);
                }
            }
        }
        let is_early = self
            .called
            .is_some_and(|called| called.elapsed() < CALLS_APART);
        if let Some((title, body)) = call
            && !is_early
            && !self.blind
        {
            self.called = Some(Instant::now());
            let way = self.app.choices.options().notify_by;
            let bytes = call::bytes(way, &title, &body, |name| std::env::var(name).ok());
            if terminal::write(&bytes).is_err() {
                self.lose_terminal();
            }
        }
        self.is_lent
    }

    /// Takes in what came of an errand.
    fn finish(&mut self, done: Done) {
        self.dirty = true;
        let now = self.now();
        match done {
            Done::NotSaved(failure) => self.app.not_saved(now, &failure),
            Done::Read(read) => self.app.reloaded(now, *read),
            Done::Typed(lines) => self.app.remember(lines),
            Done::NotKept(why) => {
                let what = "cannot keep typed lines for the next start";
                let try_ = "see who may write in the data directory";
                self.app.not_saved(now, &Failure::new(what, why, try_));
            }
            Done::Edited(edited) => {
                self.is_lent = false;
                self.take_back();
                self.app.edited(edited);
            }
        }
    }

    fn take_back(&mut self) {
        if self.terminal.retake().is_err() {
            self.lose_terminal();
        }
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
            self.drawn = Instant::now();
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

    fn read(&mut self, read: io::Result<Input>) {
        let was_dirty = std::mem::replace(&mut self.dirty, true);
        let now = self.now();
        match read {
            Ok(Input::Key(key)) => {
                self.look_at_themes(false);
                self.next_frame = self.next_frame.min(self.drawn + KEY_FRAME);
                let wish = self.app.press(now, key);
                self.grant(wish);
            }
            Ok(Input::Paste { text, whole: true }) => self.app.paste(&text),
            Ok(Input::Paste { text, whole: false }) => self.app.paste_so_far(&text),
            Ok(Input::Mouse(mouse)) => {
                let wish = self.app.point(mouse);
                self.grant(wish);
            }
            Ok(Input::Resize(columns, rows)) => self.terminal.resize(columns, rows),
            Ok(Input::Focus(true)) => {
                self.app.focus(true);
                self.dirty = self.look_at_themes(true) || was_dirty;
            }
            Ok(Input::Focus(false)) => {
                self.app.focus(false);
                self.dirty = was_dirty;
            }
            Ok(Input::Ground(ground)) => self.app.suit_ground(ground::is_light(ground)),
            Err(_) => self.lose_terminal(),
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
            // Stopped from within an editor, it is the editor's still.
            Signal::Continue if self.is_lent => {}
            Signal::Continue => self.take_back(),
        }
    }

    /// Nobody sees or types any more: leave in order.
    fn lose_terminal(&mut self) {
        self.blind = true;
        self.app.quit("");
    }
}
