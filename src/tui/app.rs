//! The state of the screen: windows, the line being written, and what is known of the network.
//!
//! Events come in by [`App::tell`], keys by [`App::press`]; commands go out by [`App::take_commands`]. Nothing here
//! draws, waits or reads a clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use ratatui::layout::Rect;

use super::canvas::Strip;
use super::complete::{Cycle, Known};
use super::editor::{Editor, History};
use super::finder::Finder;
use super::highlight::Highlights;
use super::keymap::Keymap;
use super::log::Note;
use super::look::Look;
use super::palette::Palette;
use super::pick::Pick;
use super::preview::Choice;
use super::rows::{Cache, Page};
use super::search::Search;
use super::spot::Spots;
use super::taken::Taken;
use super::theme::Themes;
use super::window::{Subject, Window};
use crate::config::{Change, Choices};
use crate::proto::command::Command;
use crate::proto::event::{Invite, MeshState, Path, Trouble};
use crate::proto::id::{GroupName, Nick, NodeId};
use crate::proto::time::{Mono, Wall};

/// How packets reach somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) path: Path,
    pub(crate) via: Option<String>,
    pub(crate) rtt_ms: Option<u64>,
}

/// A line at the bottom that goes away with the next key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    Plain(String),
    Error(String),
}

/// What the program around the screen is to do, since the screen waits for nothing.
#[derive(Clone, Debug)]
pub(crate) enum Errand {
    /// Write down what was chosen.
    Save(PathBuf, Change),
    /// Read the configuration again.
    Reload(PathBuf),
    /// Keep a typed line for the next start: the window's name, and the line.
    Keep(String, String),
    /// Call the person, whose eyes are elsewhere.
    Call { title: String, body: String },
    /// Let the line be written in an editor outside.
    Outside(String),
}

/// Why nothing is to call the person, and what would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Away {
    pub(crate) reason: String,
    pub(crate) calls: u64,
}

impl Hint {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Error(text) => text,
        }
    }
}

/// Where the program is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Running,
    /// Handing over what we keep.
    Leaving,
    /// Everything is said.
    Over,
}

/// Whether a column is shown: as the width has it, or as asked by key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Column {
    #[default]
    Usual,
    Shown,
    Hidden,
}

/// The whole screen, but for the drawing of it.
#[derive(Debug)]
pub struct App {
    pub(crate) look: Look,
    pub(crate) highlights: Highlights,
    pub(crate) themes: Themes,
    pub(crate) us: Option<(NodeId, Nick)>,
    pub(crate) windows: Vec<Window>,
    pub(crate) active: usize,
    /// The window that was in view before.
    pub(crate) last: u64,
    /// Windows in the order in which they came into view, and where we are among them.
    pub(crate) visited: Vec<u64>,
    pub(crate) visited_at: usize,
    pub(crate) editor: Editor,
    /// Lines sent before from any window.
    pub(crate) typed: History,
    /// Lines of earlier starts, for windows that are not open yet, by the window's name.
    pub(crate) typed_before: BTreeMap<String, Vec<String>>,
    /// Pasted text that waits for a yes.
    pub(crate) pasting: Option<String>,
    pub(crate) choices: Choices,
    pub(crate) keymap: Keymap,
    /// A list over everything.
    pub(crate) palette: Option<Palette>,
    pub(crate) away: Option<Away>,
    /// Whether the terminal has the person's eyes; nothing if it does not tell.
    pub(crate) focused: Option<bool>,
    /// When a key was pressed last.
    pub(crate) pressed: Mono,
    pub(crate) errands: VecDeque<Errand>,
    pub(crate) cycle: Option<Cycle>,
    pub(crate) search: Option<Search>,
    /// What is looked for in all that is stored.
    pub(crate) finder: Option<Finder>,
    pub(crate) hint: Option<Hint>,
    /// A line above everything.
    pub banner: Option<String>,
    /// An invitation that is shown over everything.
    pub(crate) card: Option<Invite>,
    /// The last invitation to us.
    pub(crate) invitation: Option<Invite>,
    /// Help over everything, scrolled by this many rows.
    pub(crate) help: Option<u16>,
    pub(crate) mesh: Option<MeshState>,
    /// What is wrong with the disk, for as long as it is.
    pub(crate) trouble: Option<Trouble>,
    pub(crate) reach: BTreeMap<NodeId, Reach>,
    /// Whose keys have been compared.
    pub(crate) verified: BTreeSet<NodeId>,
    pub(crate) life: Life,
    pub(crate) groups_column: Column,
    pub(crate) members_column: Column,
    pub(crate) cache: Cache,
    /// Columns and rows of the log when it was drawn last.
    pub(crate) log_size: (u16, u16),
    /// Where it stood.
    pub(crate) log_place: Rect,
    /// Whether groups and members had their columns then.
    pub(crate) columns: (bool, bool),
    /// What stood where then.
    pub(crate) spots: Spots,
    /// Whether the mouse is ours, but for Shift.
    pub(crate) mouse: bool,
    pub(crate) pick: Option<Pick>,
    /// A line taken by keyboard.
    pub(crate) taken: Option<Taken>,
    pub(crate) choice: Choice,
    /// Groups asked for by `/join`, whose window comes into view when it opens.
    pub(crate) wanted: Vec<GroupName>,
    commands: VecDeque<Command>,
    numbers: u64,
}

impl App {
    /// An empty screen.
    #[must_use]
    pub fn new(look: Look, themes: Themes) -> Self {
        let mut app = Self {
            look,
            highlights: Highlights::default(),
            themes,
            us: None,
            windows: Vec::new(),
            active: 0,
            last: 0,
            visited: vec![1],
            visited_at: 0,
            editor: Editor::default(),
            typed: History::default(),
            typed_before: BTreeMap::new(),
            pasting: None,
            choices: Choices::default(),
            keymap: Keymap::default(),
            palette: None,
            away: None,
            focused: None,
            pressed: Mono(0),
            errands: VecDeque::new(),
            cycle: None,
            search: None,
            finder: None,
            hint: None,
            banner: None,
            card: None,
            invitation: None,
            help: None,
            mesh: None,
            trouble: None,
            reach: BTreeMap::new(),
            verified: BTreeSet::new(),
            life: Life::Running,
            groups_column: Column::Usual,
            members_column: Column::Usual,
            cache: Cache::default(),
            log_size: (80, 20),
            log_place: Rect::ZERO,
            columns: (true, true),
            spots: Spots::default(),
            mouse: true,
            pick: None,
            taken: None,
            choice: Choice::default(),
            wanted: Vec::new(),
            commands: VecDeque::new(),
            numbers: 0,
        };
        app.add_window(Subject::Home);
        app
    }

    /// What is to be asked of the client, in order.
    pub fn take_commands(&mut self) -> impl Iterator<Item = Command> {
        std::mem::take(&mut self.commands).into_iter()
    }

    /// What the program around the screen is to do, in order.
    pub(crate) fn take_errands(&mut self) -> impl Iterator<Item = Errand> {
        std::mem::take(&mut self.errands).into_iter()
    }

    /// Whether the client said its last word.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.life == Life::Over
    }

    /// Whether we hand over what we keep.
    pub(crate) fn is_leaving(&self) -> bool {
        self.life == Life::Leaving
    }

    /// What is wanted to be told of besides our nick.
    pub fn watch_for(&mut self, highlights: Highlights) {
        self.highlights = highlights;
        self.look.turn += 1;
    }

    /// What the terminal is to know of the screen drawn last, beyond its cells.
    #[must_use]
    pub fn strips(&self) -> &[Strip] {
        self.spots.strips()
    }

    /// Where the log is: its rows move together.
    #[must_use]
    pub fn log_place(&self) -> Rect {
        self.log_place
    }

    /// Whether nothing but the log is shown.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.look.bare
    }

    /// Whether clicks and the wheel are for us.
    #[must_use]
    pub fn takes_mouse(&self) -> bool {
        self.mouse && !self.look.bare
    }

    /// What the terminal's window is called.
    #[must_use]
    pub fn title(&self) -> String {
        let unread: u32 = self
            .windows
            .iter()
            .map(|window| window.unread.mentions)
            .sum();
        let name = self.window().name();
        match unread {
            0 => format!("{name} - fireside"),
            n => format!("({n}) {name} - fireside"),
        }
    }

    pub(crate) fn window(&self) -> &Window {
        &self.windows[self.active]
    }

    pub(crate) fn window_mut(&mut self) -> &mut Window {
        &mut self.windows[self.active]
    }

    /// The line being written, with the history of the window it is for.
    pub(crate) fn editor_and_history(&mut self) -> (&mut Editor, &mut History) {
        (&mut self.editor, &mut self.windows[self.active].history)
    }

    pub(crate) fn is_us(&self, id: &NodeId) -> bool {
        self.us.as_ref().is_some_and(|(us, _)| us == id)
    }

    /// The active window's log at a width, ready to be laid out.
    pub(crate) fn page<'a>(&'a mut self, width: u16, us: &'a str) -> Page<'a> {
        let taken = self.taken_key();
        let window = &self.windows[self.active];
        let past = window.past.as_ref();
        Page {
            window: past.map_or(window.number, |past| past.number),
            log: window.shown(),
            lit: taken.or(past.and_then(|past| past.lit)),
            reveals: false,
            missed: window.missed.unwrap_or_default(),
            look: &self.look,
            width,
            mark: window.mark,
            us,
            options: self.choices.options(),
            highlights: &self.highlights,
            cache: &mut self.cache,
        }
    }

    /// Our nick as mentions are looked for.
    pub(crate) fn our_word(&self) -> String {
        self.us
            .as_ref()
            .map_or(String::new(), |(_, nick)| nick.as_str().to_lowercase())
    }

    pub(crate) fn command(&mut self, command: Command) {
        match &command {
            Command::Join { group } => self.wanted.push(group.clone()),
            Command::Accept { invite } => match self.index(&invite.group) {
                Some(index) => self.go(index),
                None => self.wanted.push(invite.group.clone()),
            },
            Command::Names { group } => {
                if let Some(window) = self.find(group) {
                    window.names_asked = true;
                }
            }
            Command::Quit { .. } => {
                self.life = Life::Leaving;
                let seen = self.window_mut().newly_seen();
                self.commands.extend(seen);
            }
            Command::Part { .. }
            | Command::Invite { .. }
            | Command::Say { .. }
            | Command::Act { .. }
            | Command::Drop { .. }
            | Command::Topic { .. }
            | Command::Rule { .. }
            | Command::Reach { .. }
            | Command::Query { .. }
            | Command::Rules { .. }
            | Command::Whois { .. }
            | Command::Verify { .. }
            | Command::Away { .. }
            | Command::Chart { .. }
            | Command::Ignore { .. }
            | Command::Nick { .. }
            | Command::History { .. }
            | Command::Past(_) => {}
        }
        self.commands.push_back(command);
    }

    /// Asks the disk for what comes before the first line in memory, once.
    pub(crate) fn ask_older(&mut self) {
        if self.window().past.is_some() {
            self.ask_older_past();
        } else if let Some(command) = self.window_mut().ask_older() {
            self.command(command);
        }
    }

    /// Says something in a group's window, or at home.
    pub(crate) fn note(&mut self, at: Wall, group: Option<&GroupName>, note: Note) {
        let index = group.and_then(|group| self.index(group)).unwrap_or(0);
        let active = index == self.active;
        let window = &mut self.windows[index];
        window.log.note(at, note);
        window.trim();
        if !active {
            window.unread.other = true;
        } else if window.scroll.is_some() {
            window.below += 1;
        }
    }

    pub(crate) fn index(&self, group: &GroupName) -> Option<usize> {
        self.windows
            .iter()
            .position(|window| window.group() == Some(group))
    }

    pub(crate) fn find(&mut self, group: &GroupName) -> Option<&mut Window> {
        self.windows
            .iter_mut()
            .find(|window| window.group() == Some(group))
    }

    pub(crate) fn add_window(&mut self, subject: Subject) -> usize {
        let number = self.next_number();
        let mut window = Window::new(number, subject);
        let before = self.typed_before.remove(&window.name());
        for line in before.unwrap_or_default() {
            window.history.push(&line);
        }
        self.windows.push(window);
        self.windows.len() - 1
    }

    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Nicks of this window, and of those we talk with in private.
    fn known_nicks(&self) -> Vec<String> {
        let mut nicks = self.window().nicks(self.us.as_ref().map(|(id, _)| id));
        for window in self.windows.iter().filter(|window| window.is_private()) {
            let nick = window.name();
            if !nicks.contains(&nick) {
                nicks.push(nick);
            }
        }
        nicks
    }

    /// What Tab can complete to in this window.
    pub(crate) fn known(&self) -> Known {
        let options = self.choices.options();
        let names = self.windows.iter().filter(|window| window.is_group());
        Known {
            nicks: self.known_nicks(),
            groups: names.map(Window::name).collect(),
            themes: self.themes.names(),
            aliases: options.alias.clone().into_iter().collect(),
            bound: options.bind.keys().cloned().collect(),
            ignored: options
                .ignore
                .values()
                .map(|ignored| ignored.name.clone())
                .collect(),
            suffix: options.complete_suffix.clone(),
        }
    }
}
