//! A screen and the people on it: events told in short words, and the rows that come of them.

use std::sync::LazyLock;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use fireside::proto::command::Command;
use fireside::proto::event::{
    Before, Event, Line, Loss, Member, MeshState, Path, Standing, Tenure, What,
};
use fireside::proto::id::{EntryId, Epoch, GroupName, Nick, NodeId, Number, Place, Seq};
use fireside::proto::time::{Hlc, Mono, Now, Wall};
use fireside::tui::app::App;
use fireside::tui::colour::Depth;
use fireside::tui::look::{Clock, Look, UNICODE};
use fireside::tui::theme::{Theme, Themes};
use fireside::tui::view;
use jiff::tz::TimeZone;
use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::{Position, Rect};

/// Friday 20 November 2026, 19:04 UTC.
pub(crate) const EVENING: u64 = 1_795_201_440_000;

/// Most screens look so, and reading it takes as long as drawing some of them.
static EMBER: LazyLock<Theme> = LazyLock::new(|| load("ember"));

fn load(theme: &str) -> Theme {
    let (theme, warnings) = Themes::new(None, Depth::True).load(theme).unwrap();
    assert!(warnings.is_empty());
    theme
}

pub(crate) struct Story {
    pub(crate) app: App,
    pub(crate) clock: u64,
    us: String,
    group: GroupName,
    seq: u64,
    numbers: std::collections::BTreeMap<String, u64>,
    people: Vec<(String, Standing, bool)>,
}

impl Story {
    /// Somebody who has just started, linked to a node called fra.
    pub(crate) fn of(us: &str) -> Self {
        Self::with_theme(us, "ember")
    }

    pub(crate) fn with_theme(us: &str, theme: &str) -> Self {
        let themes = Themes::new(None, Depth::True);
        let theme = match theme {
            "ember" => EMBER.clone(),
            theme => load(theme),
        };
        let look = Look::new(theme, UNICODE, TimeZone::UTC, Clock::Hours24);
        let mut story = Self {
            app: App::new(look, themes),
            clock: EVENING,
            us: us.to_owned(),
            group: group("#hearth"),
            seq: 0,
            numbers: std::collections::BTreeMap::new(),
            people: Vec::new(),
        };
        story.tell(Event::Ready {
            id: id(us),
            nick: nick(us),
        });
        story.tell(Event::Mesh {
            state: MeshState::Linked {
                name: "fra".to_owned(),
                address: "192.0.2.7:7700".parse().unwrap(),
            },
        });
        story
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            mono: Mono(0),
            wall: Wall(self.clock),
        }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.app.tell(self.now(), event);
    }

    /// Goes on with another group.
    pub(crate) fn in_group(&mut self, name: &str) -> &mut Self {
        self.group = group(name);
        self
    }

    /// The window opens, its history is empty, and we are in, with these people in join order.
    pub(crate) fn joined(&mut self, topic: &str, people: &[(&str, Standing)]) -> &mut Self {
        let group = self.group.clone();
        self.tell(Event::Opened {
            group: group.clone(),
            topic: topic.to_owned(),
            restored: false,
        });
        self.tell(Event::History {
            group: group.clone(),
            lines: Vec::new(),
            more: false,
        });
        self.people = people
            .iter()
            .map(|(name, standing)| ((*name).to_owned(), *standing, true))
            .collect();
        let members = self.members();
        let host = members
            .iter()
            .find(|member| member.standing == Standing::Host)
            .unwrap()
            .id;
        self.tell(Event::Joined {
            group,
            host,
            epoch: Epoch { number: 1, host },
            members,
        });
        self
    }

    /// The people are told again, these ones being away.
    pub(crate) fn away(&mut self, names: &[&str]) -> &mut Self {
        for person in &mut self.people {
            person.2 = !names.contains(&person.0.as_str());
        }
        let (group, members) = (self.group.clone(), self.members());
        self.tell(Event::Members { group, members });
        self
    }

    fn members(&self) -> Vec<Member> {
        self.people
            .iter()
            .map(|(name, standing, present)| Member {
                id: id(name),
                nick: nick(name),
                standing: *standing,
                rank: fireside::proto::ruling::Rank::Member,
                present: *present,
                away: None,
            })
            .collect()
    }

    pub(crate) fn people(&mut self, people: &[(&str, Standing)]) -> &mut Self {
        self.people = people
            .iter()
            .map(|(name, standing)| ((*name).to_owned(), *standing, true))
            .collect();
        self.away(&[])
    }

    pub(crate) fn path(
        &mut self,
        name: &str,
        path: Path,
        via: Option<&str>,
        rtt_ms: u64,
    ) -> &mut Self {
        self.tell(Event::Path {
            peer: id(name),
            path,
            via: via.map(str::to_owned),
            rtt_ms: Some(rtt_ms),
        });
        self
    }

    pub(crate) fn minutes(&mut self, minutes: u64) -> &mut Self {
        self.clock += minutes * 60_000;
        self
    }

    pub(crate) fn say(&mut self, name: &str, text: &str) -> &mut Self {
        self.entry(name, What::Text(text.to_owned()))
    }

    pub(crate) fn entry(&mut self, name: &str, what: What) -> &mut Self {
        let line = self.line(name, what);
        self.tell(Event::Entry(line));
        self
    }

    /// The next entry in the log.
    pub(crate) fn line(&mut self, name: &str, what: What) -> Line {
        self.seq += 1;
        let number = self.number(name);
        Line {
            group: self.group.clone(),
            id: EntryId {
                author: id(name),
                number,
            },
            from: nick(name),
            place: Place {
                hlc: Hlc((self.clock << 16) + self.seq),
                epoch: Epoch {
                    number: 1,
                    host: id("anna"),
                },
                seq: Seq(self.seq),
            },
            at: Wall(self.clock),
            what,
            own: self.us == name,
            history: false,
        }
    }

    /// A line of ours is on its way; its id.
    pub(crate) fn sent(&mut self, us: &str, text: &str) -> EntryId {
        let number = self.number(us);
        let sent = EntryId {
            author: id(us),
            number,
        };
        let (group, at) = (self.group.clone(), Wall(self.clock));
        self.tell(Event::Sent {
            group,
            id: sent,
            at,
            what: What::Text(text.to_owned()),
        });
        sent
    }

    /// A line of ours that was on its way, at its place.
    pub(crate) fn placed(&mut self, id: EntryId, text: &str) -> Line {
        let us = self.us.clone();
        let line = self.line(&us, What::Text(text.to_owned()));
        Line { id, ..line }
    }

    pub(crate) fn confirmed(&mut self, id: EntryId, copies: u32) -> &mut Self {
        let group = self.group.clone();
        let epoch = Epoch {
            number: 1,
            host: id.author,
        };
        self.tell(Event::Confirmed {
            group,
            id,
            epoch,
            seq: 1,
            copies,
        });
        self
    }

    pub(crate) fn kept(&mut self, us: &str, text: &str, copies: u32) -> &mut Self {
        let line = self.line(us, What::Text(text.to_owned()));
        let id = line.id;
        self.tell(Event::Entry(line));
        self.confirmed(id, copies)
    }

    pub(crate) fn failed(&mut self, id: EntryId, why: &str) -> &mut Self {
        let group = self.group.clone();
        self.tell(Event::Failed {
            group,
            id,
            why: why.to_owned(),
        });
        self
    }

    /// Nobody answers at the host's end of the link.
    pub(crate) fn misses(&mut self, name: &str) -> &mut Self {
        let (group, host, is_held) = (self.group.clone(), id(name), false);
        self.tell(Event::Contact {
            group,
            host,
            is_held,
        });
        self
    }

    pub(crate) fn hosts(
        &mut self,
        name: &str,
        before: &str,
        end: Tenure,
        took_ms: u64,
    ) -> &mut Self {
        self.hosts_at_a_loss(name, before, end, took_ms, Loss::default())
    }

    pub(crate) fn hosts_at_a_loss(
        &mut self,
        name: &str,
        before: &str,
        end: Tenure,
        took_ms: u64,
        lost: Loss,
    ) -> &mut Self {
        let host = id(name);
        let group = self.group.clone();
        let before = Before {
            id: id(before),
            nick: nick(before),
            end,
        };
        self.tell(Event::Host {
            group,
            host,
            nick: Some(nick(name)),
            epoch: Epoch { number: 2, host },
            took_ms,
            before: Some(before),
            lost,
        });
        self
    }

    fn number(&mut self, name: &str) -> Number {
        let number = self.numbers.entry(name.to_owned()).or_default();
        *number += 1;
        Number(*number)
    }

    pub(crate) fn type_text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            self.key(KeyCode::Char(c), KeyModifiers::NONE);
        }
        self
    }

    pub(crate) fn enter(&mut self, text: &str) -> Vec<Command> {
        self.type_text(text).key(KeyCode::Enter, KeyModifiers::NONE);
        self.app.take_commands().collect()
    }

    pub(crate) fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) -> &mut Self {
        let now = self.now();
        self.app.press(now, KeyEvent::new(code, modifiers));
        self
    }

    pub(crate) fn draw(&mut self, columns: u16, rows: u16) -> (Buffer, Option<Position>) {
        let mut buf = Buffer::empty(Rect::new(0, 0, columns, rows));
        let cursor = view::draw(&mut self.app, &mut buf);
        (buf, cursor)
    }

    /// The screen as rows between bars.
    pub(crate) fn screen(&mut self, columns: u16, rows: u16) -> String {
        let (buf, _) = self.draw(columns, rows);
        written(&buf)
    }
}

/// The cells of a screen as rows between bars.
pub(crate) fn written(buf: &Buffer) -> String {
    let area = buf.area;
    let mut out = String::new();
    for y in area.top()..area.bottom() {
        out.push('|');
        let mut x = area.left();
        while x < area.right() {
            let symbol = buf[(x, y)].symbol();
            out.push_str(if symbol == "\u{a0}" { " " } else { symbol });
            x += symbol.cell_width().clamp(1, 2);
        }
        out.push_str("|\n");
    }
    out
}

pub(crate) fn id(name: &str) -> NodeId {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut key = [0; 32];
    key[..8].copy_from_slice(&hash.to_le_bytes());
    NodeId(key)
}

pub(crate) fn nick(name: &str) -> Nick {
    Nick::parse(name).unwrap()
}

pub(crate) fn group(name: &str) -> GroupName {
    GroupName::parse(name).unwrap()
}

/// Compares a screen with its rows as they are written in a test.
#[track_caller]
pub(crate) fn assert_screen(screen: &str, expected: &str) {
    let rows = |text: &str| -> Vec<String> {
        text.lines()
            .map(str::trim)
            .filter(|row| !row.is_empty())
            .map(str::to_owned)
            .collect()
    };
    assert!(
        rows(screen) == rows(expected),
        "the screen is\n{screen}and should be\n{expected}"
    );
}
