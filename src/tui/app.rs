//! The state of the screen: windows, the line being written, and what is known of the network.
//!
//! Events come in by [`App::tell`], keys by [`App::press`]; commands go out by [`App::take_commands`]. Nothing here
//! draws, waits or reads a clock.

use std::collections::{BTreeMap, VecDeque};

use ratatui::layout::Rect;

use super::complete::{Cycle, Known};
use super::editor::{Editor, History};
use super::log::Note;
use super::look::Look;
use super::rows::{Cache, Page, count, find_word};
use super::search::Search;
use super::theme::Themes;
use super::window::{Phase, Subject, Window};
use crate::proto::command::Command;
use crate::proto::event::{Event, Line, Member, MeshState, Path, Standing, What};
use crate::proto::id::{EntryId, GroupName, Nick, NodeId};
use crate::proto::time::{Now, Wall};
use crate::sanitize;

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
    pub(crate) themes: Themes,
    pub(crate) us: Option<(NodeId, Nick)>,
    pub(crate) windows: Vec<Window>,
    pub(crate) active: usize,
    /// The window that was in view before.
    pub(crate) last: u64,
    pub(crate) editor: Editor,
    pub(crate) cycle: Option<Cycle>,
    pub(crate) search: Option<Search>,
    pub(crate) hint: Option<Hint>,
    /// Help over everything, scrolled by this many rows.
    pub(crate) help: Option<u16>,
    pub(crate) mesh: Option<MeshState>,
    pub(crate) reach: BTreeMap<NodeId, Reach>,
    pub(crate) life: Life,
    pub(crate) groups_column: Column,
    pub(crate) members_column: Column,
    pub(crate) cache: Cache,
    /// Columns and rows of the log when it was drawn last.
    pub(crate) log_size: (u16, u16),
    /// Whether groups and members had their columns then.
    pub(crate) columns: (bool, bool),
    /// Where the names of windows stood then, for clicks.
    pub(crate) listed: Vec<(Rect, usize)>,
    /// Groups asked for by `/join`, whose window comes into view when it opens.
    wanted: Vec<GroupName>,
    commands: VecDeque<Command>,
    numbers: u64,
}

impl App {
    /// An empty screen.
    #[must_use]
    pub fn new(look: Look, themes: Themes) -> Self {
        let mut app = Self {
            look,
            themes,
            us: None,
            windows: Vec::new(),
            active: 0,
            last: 0,
            editor: Editor::default(),
            cycle: None,
            search: None,
            hint: None,
            help: None,
            mesh: None,
            reach: BTreeMap::new(),
            life: Life::Running,
            groups_column: Column::Usual,
            members_column: Column::Usual,
            cache: Cache::default(),
            log_size: (80, 20),
            columns: (true, true),
            listed: Vec::new(),
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

    /// Whether the client said its last word.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.life == Life::Over
    }

    /// Whether we hand over what we keep.
    pub(crate) fn is_leaving(&self) -> bool {
        self.life == Life::Leaving
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
        let window = &self.windows[self.active];
        Page {
            window: window.number,
            log: &window.log,
            look: &self.look,
            width,
            mark: window.mark,
            us,
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
            Command::Names { group } => {
                if let Some(window) = self.find(group) {
                    window.names_asked = true;
                }
            }
            Command::Quit { .. } => self.life = Life::Leaving,
            Command::Part { .. }
            | Command::Say { .. }
            | Command::Act { .. }
            | Command::Topic { .. }
            | Command::Nick { .. }
            | Command::History { .. } => {}
        }
        self.commands.push_back(command);
    }

    /// Asks the disk for what comes before the first line in memory, once.
    pub(crate) fn ask_older(&mut self) {
        if let Some(command) = self.window_mut().ask_older() {
            self.command(command);
        }
    }

    /// Brings a window into view.
    pub(crate) fn go(&mut self, index: usize) {
        if index == self.active || index >= self.windows.len() {
            return;
        }
        let draft = self.editor.take();
        self.cycle = None;
        self.search = None;
        let left = self.window_mut();
        left.draft = draft;
        left.leave();
        self.last = left.number;
        self.active = index;
        let entered = self.window_mut();
        entered.enter();
        let draft = std::mem::take(&mut entered.draft);
        self.editor.restore(draft);
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

    /// Takes an event in.
    pub fn tell(&mut self, now: Now, event: Event) {
        match event {
            Event::Ready { id, nick } => self.us = Some((id, nick)),
            Event::Opened {
                group,
                topic,
                restored,
            } => self.open(group, &topic, restored),
            Event::Joined { group, members, .. } => self.joined(&group, members),
            Event::Left { group } => self.close(&group),
            Event::Sent {
                group,
                id,
                at,
                what,
            } => self.sent(&group, id, at, what),
            Event::Entry(line) => self.entry(line),
            Event::Confirmed {
                group, id, copies, ..
            } => {
                if let Some(window) = self.find(&group) {
                    window.log.confirm(id, copies);
                }
            }
            Event::Failed { group, id, why } => {
                if let Some(window) = self.find(&group) {
                    window.log.fail(id, &why);
                }
            }
            Event::Members { group, members } => self.members(now, &group, members),
            Event::Host {
                group,
                host,
                nick,
                took_ms,
                before,
                ..
            } => {
                self.host(now, &group, host, nick.as_ref(), took_ms, before.as_ref());
            }
            Event::Role { group, role } => self.role(&group, role),
            Event::Path {
                peer,
                path,
                via,
                rtt_ms,
            } => {
                let via = via.map(|via| sanitize::name(&via).into_owned());
                self.reach.insert(peer, Reach { path, via, rtt_ms });
            }
            Event::Mesh { state } => self.mesh(now, state),
            Event::Merge {
                group,
                from_us,
                from_them,
            } => {
                self.note(now.wall, Some(&group), Note::Merge { from_us, from_them });
            }
            Event::History { group, lines, more } => self.history(&group, lines, more),
            Event::Notice { group, text } => {
                let text = sanitize::text(&text).into_owned();
                self.note(now.wall, group.as_ref(), Note::Notice(text));
            }
            Event::Error {
                group,
                what,
                why,
                try_,
            } => {
                let text = sanitize::line(&format!("{what}: {why}; {try_}")).into_owned();
                // Said at home only, it would not be seen from a group.
                if group.is_none() && self.active != 0 {
                    self.hint = Some(Hint::Error(text.clone()));
                }
                self.note(now.wall, group.as_ref(), Note::Error(text));
            }
            Event::Bye => self.life = Life::Over,
        }
    }

    fn open(&mut self, group: GroupName, topic: &str, restored: bool) {
        let wanted = self.wanted.iter().position(|wanted| *wanted == group);
        let index = match self.index(&group) {
            Some(index) => index,
            None => self.add_window(Subject::Group(group)),
        };
        sanitize::line(topic)
            .into_owned()
            .clone_into(&mut self.windows[index].topic);
        if let Some(command) = self.windows[index].ask_older() {
            self.command(command);
        }
        // The first group that comes back takes the place of an untouched home window.
        let first =
            restored && self.active == 0 && self.windows.len() == 2 && self.editor.is_empty();
        if let Some(wanted) = wanted {
            self.wanted.remove(wanted);
            self.go(index);
        } else if first || !restored {
            self.go(index);
        }
    }

    fn joined(&mut self, group: &GroupName, members: Vec<Member>) {
        if let Some(window) = self.find(group) {
            window.phase = Phase::Joined;
            window.members = members;
            window.log.begin_epoch();
        }
    }

    fn close(&mut self, group: &GroupName) {
        let Some(index) = self.index(group) else {
            return;
        };
        if index == self.active {
            let last = self
                .windows
                .iter()
                .position(|window| window.number == self.last);
            let next = last.filter(|&last| last != index).unwrap_or(index - 1);
            self.go(next);
        }
        self.windows.remove(index);
        if self.active > index {
            self.active -= 1;
        }
    }

    /// A line of ours is on its way: it is shown at once, and so is the end of the log.
    fn sent(&mut self, group: &GroupName, id: EntryId, at: Wall, what: What) {
        let Some((_, nick)) = self.us.clone() else {
            return;
        };
        if let Some(window) = self.find(group) {
            window.log.send(id, &nick, at, what);
            window.scroll = None;
            window.below = 0;
        }
    }

    fn entry(&mut self, line: Line) {
        let us = self.our_word();
        let Some(index) = self.index(&line.group) else {
            return;
        };
        let active = index == self.active;
        let window = &mut self.windows[index];
        let (said, mention) = match &line.what {
            What::Text(text) | What::Action(text) => (true, find_word(text, &us).is_some()),
            What::Topic(topic) => {
                if !line.history {
                    window.topic = sanitize::line(topic).into_owned();
                }
                (false, false)
            }
            What::Join | What::Part(_) | What::Quit(_) | What::Nick(_) | What::Gone { .. } => {
                (false, false)
            }
        };
        if line.own
            && !line.history
            && let What::Nick(nick) = &line.what
            && let Some((_, ours)) = &mut self.us
        {
            *ours = nick.clone();
        }
        let own = line.own;
        let fresh = window.log.place(line);
        if fresh && !own && active && window.scroll.is_some() && said {
            window.below += 1;
        } else if fresh && !own && !active {
            window.unread.lines += u32::from(said);
            window.unread.mentions += u32::from(mention);
            window.unread.other |= !said;
        }
        window.trim();
    }

    fn members(&mut self, now: Now, group: &GroupName, members: Vec<Member>) {
        let Some(window) = self.find(group) else {
            return;
        };
        window.members = members;
        if std::mem::take(&mut window.names_asked) {
            let told = self.tell_names(group);
            self.note(now.wall, Some(group), Note::Answer(told));
        }
    }

    fn tell_names(&mut self, group: &GroupName) -> String {
        let signs = self.look.signs;
        let Some(window) = self.find(group) else {
            return String::new();
        };
        let names: Vec<String> = window
            .members
            .iter()
            .map(|member| {
                let sign = match member.standing {
                    Standing::Host => format!("{} ", signs.host),
                    Standing::Heir => format!("{} ", signs.heir),
                    Standing::Member => String::new(),
                };
                let away = if member.present { "" } else { " (away)" };
                format!("{sign}{}{away}", sanitize::name(member.nick.as_str()))
            })
            .collect();
        format!(
            "{}: {}",
            count(names.len() as u64, "member"),
            names.join(", ")
        )
    }

    fn host(
        &mut self,
        now: Now,
        group: &GroupName,
        host: NodeId,
        nick: Option<&Nick>,
        took_ms: u64,
        before: Option<&Nick>,
    ) {
        let ours = self.is_us(&host);
        let Some(index) = self.index(group) else {
            return;
        };
        let active = index == self.active;
        let window = &mut self.windows[index];
        for member in &mut window.members {
            if member.id == host {
                member.standing = Standing::Host;
            } else if member.standing == Standing::Host {
                member.standing = Standing::Member;
            }
        }
        let known = window
            .members
            .iter()
            .find(|member| member.id == host)
            .map(|member| member.nick.clone());
        let unknown = Nick::parse("somebody").ok();
        let host_nick = nick.cloned().or(known).or(unknown);
        let host = if ours { None } else { host_nick.as_ref() };
        window.log.hand_over(now.wall, before, host, took_ms);
        window.unread.other |= !active;
        let name = window.name();
        let who = match host {
            Some(nick) => format!("{} keeps", sanitize::name(nick.as_str())),
            None => "you keep".to_owned(),
        };
        let told = format!("{name}: {who} it now, after {took_ms} ms");
        self.note(now.wall, None, Note::Notice(told));
    }

    fn role(&mut self, group: &GroupName, role: Standing) {
        let Some((us, _)) = self.us.clone() else {
            return;
        };
        if let Some(window) = self.find(group)
            && let Some(member) = window.members.iter_mut().find(|member| member.id == us)
        {
            member.standing = role;
        }
    }

    fn mesh(&mut self, now: Now, state: MeshState) {
        let told = match &state {
            MeshState::Searching if self.mesh.is_some() => {
                "no node of the network answers; looking for one".to_owned()
            }
            MeshState::Searching => String::new(),
            MeshState::Linked { name, address } => {
                format!("linked to {} at {address}", sanitize::name(name))
            }
        };
        if !told.is_empty() && self.mesh.as_ref() != Some(&state) {
            self.note(now.wall, None, Note::Notice(told));
        }
        self.mesh = Some(state);
    }

    fn history(&mut self, group: &GroupName, lines: Vec<Line>, more: bool) {
        let Some(window) = self.find(group) else {
            return;
        };
        for mut line in lines {
            line.history = true;
            window.log.place(line);
        }
        window.older_told(more);
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

    fn add_window(&mut self, subject: Subject) -> usize {
        self.numbers += 1;
        self.windows.push(Window::new(self.numbers, subject));
        self.windows.len() - 1
    }

    /// What Tab can complete to in this window.
    pub(crate) fn known(&self) -> Known {
        Known {
            nicks: self.window().nicks(self.us.as_ref().map(|(id, _)| id)),
            groups: self
                .windows
                .iter()
                .filter_map(|window| window.group().map(|_| window.name()))
                .collect(),
            themes: self.themes.names(),
        }
    }
}
