//! The loop of a face without a screen: typed lines become commands, events become lines.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::input;
use super::json::Json;
use super::output::{Output, Unread};
use super::plain::Plain;
use super::unsent::Unsent;
use crate::proto::command::Command;
use crate::proto::event::{Event, Line, Member, What};
use crate::proto::id::{GroupName, Nick};
use crate::proto::past::{Ask, Part, Query, Term, Words};
use crate::slash::{self, Local, Parsed, Refused, Which};

/// How long lines that were typed before the end of the input may take to be confirmed: finding a network, founding
/// one if there is none, and a handover in between.
const LAST_LINES_WAIT: Duration = Duration::from_secs(8);

/// Lines that a search or a look back tells.
const FOUND: usize = 50;

/// How a face tells what happened. Each thing is one line, or several, or none.
pub(super) trait Teller {
    fn event(&mut self, event: &Event, here: Option<&GroupName>, unsent: &Unsent) -> Vec<String>;
    /// The answer to `/names`.
    fn names(&mut self, group: &GroupName, members: &[Member]) -> Vec<String>;
    fn notice(&mut self, text: &str) -> Vec<String>;
    fn refused(&mut self, refused: &Refused) -> Vec<String>;
    /// Commands that a group's opening asks for.
    fn wanted(&mut self, event: &Event) -> Option<Command>;
}

/// How the face came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client said its last word.
    Bye,
    /// The same, but lines from before the end of the input were not confirmed.
    Unconfirmed,
    /// The client is gone without a word.
    Broken,
}

/// What a person without a screen is in.
#[derive(Debug, Default)]
struct Talk {
    us: Option<Nick>,
    /// The groups, in the order of joining.
    groups: Vec<GroupName>,
    /// The group that text goes to.
    here: Option<GroupName>,
    /// Groups whose members were asked for.
    names_wanted: BTreeSet<GroupName>,
    /// Commands that the client has no room for yet.
    waiting: VecDeque<Command>,
    /// The client has told all that it knows from its last life.
    is_told: bool,
    /// Pages of the past that were asked for and did not come yet.
    pages: usize,
    unsent: Unsent,
    /// Groups that we came into, or were refused.
    entered: BTreeSet<GroupName>,
    /// The input is at its end; until then what was typed may take to be confirmed.
    last_lines: Option<Instant>,
    is_unconfirmed: bool,
    has_typed: bool,
    is_leaving: bool,
}

/// Runs until the client has said its last word; joins `groups` first. `as_json` chooses the language.
///
/// # Errors
/// If standard output cannot be had at all.
pub async fn run(
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Event>,
    groups: Vec<GroupName>,
    as_json: bool,
) -> std::io::Result<Ending> {
    let output = Output::stdout()?;
    let lines = input::lines();
    let mut talk = Talk::default();
    for group in groups {
        talk.command(Command::Join { group });
    }
    let mut teller: Box<dyn Teller> = if as_json {
        Box::new(Json)
    } else {
        Box::new(Plain::default())
    };
    let ending = turn(&mut talk, teller.as_mut(), &output, commands, events, lines).await;
    output.finish().await;
    Ok(ending)
}

async fn turn(
    talk: &mut Talk,
    teller: &mut dyn Teller,
    output: &Output,
    commands: mpsc::Sender<Command>,
    mut events: mpsc::Receiver<Event>,
    mut lines: mpsc::Receiver<String>,
) -> Ending {
    let mut to_tell: VecDeque<String> = VecDeque::new();
    let mut is_heard = true;
    loop {
        // Lines that nobody reads go nowhere; the end is still waited for.
        if !is_heard {
            to_tell.clear();
        }
        let may_read = to_tell.is_empty();
        tokio::select! {
            biased;
            told = tell(output, to_tell.front()), if !may_read => match told {
                Ok(()) => { to_tell.pop_front(); }
                Err(Unread) => { is_heard = false; talk.leave(); }
            },
            () = output.unread(), if is_heard => { is_heard = false; talk.leave(); }
            Ok(permit) = commands.reserve(), if !talk.waiting.is_empty() => {
                if let Some(command) = talk.waiting.pop_front() {
                    permit.send(command);
                }
            }
            event = events.recv(), if may_read => match event {
                None => return Ending::Broken,
                Some(event) => {
                    to_tell.extend(talk.heard(&event, teller));
                    if event == Event::Bye {
                        for line in to_tell {
                            _ = output.line(line).await;
                        }
                        return talk.ending();
                    }
                }
            },
            line = lines.recv(), if talk.may_type() => match line {
                None => talk.last_lines = Some(Instant::now() + LAST_LINES_WAIT),
                Some(line) => to_tell.extend(talk.typed(&line, teller)),
            },
            () = at(talk.last_lines), if talk.last_lines.is_some() && !talk.is_leaving => {
                to_tell.extend(talk.give_up_waiting(teller));
            }
        }
        if talk.is_done() {
            talk.leave();
        }
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

async fn tell(output: &Output, line: Option<&String>) -> Result<(), Unread> {
    match line {
        Some(line) => output.line(line.clone()).await,
        None => Ok(()),
    }
}

impl Talk {
    fn command(&mut self, command: Command) {
        self.unsent.asked(&command);
        match &command {
            Command::Join { group } => self.enter(group),
            Command::Part { group, .. } => self.exit(group),
            Command::Names { group } => {
                self.names_wanted.insert(group.clone());
            }
            Command::Quit { .. } => self.is_leaving = true,
            Command::Say { .. }
            | Command::Act { .. }
            | Command::Drop { .. }
            | Command::Topic { .. }
            | Command::Rule { .. }
            | Command::Reach { .. }
            | Command::Nick { .. } => {}
            Command::Past(Ask::Seen { .. }) => {}
            Command::History { .. } | Command::Past(_) => self.pages += 1,
        }
        self.waiting.push_back(command);
    }

    /// Who types into a pipe may be at the end of it before the groups are open: their past comes first.
    fn may_type(&self) -> bool {
        let is_open = self.last_lines.is_none() && !self.is_leaving;
        is_open && self.is_told && self.pages == 0 && self.waiting.is_empty()
    }

    /// Whether all that was typed before the end of the input has come to its end too.
    fn is_done(&self) -> bool {
        let is_in = |group: &GroupName| self.entered.contains(group);
        let is_settled = self.unsent.count() == 0 && self.groups.iter().all(is_in);
        let is_answered = self.waiting.is_empty() && self.pages == 0;
        self.last_lines.is_some() && is_answered && (is_settled || !self.has_typed)
    }

    /// The time for the last lines is over: says which are not confirmed, and leaves.
    fn give_up_waiting(&mut self, teller: &mut dyn Teller) -> Vec<String> {
        let count = self.unsent.count();
        self.leave();
        self.is_unconfirmed = count > 0;
        if count == 0 {
            return Vec::new();
        }
        let lines = if count == 1 { "line" } else { "lines" };
        teller.refused(&Refused {
            what: format!("{count} {lines} not confirmed"),
            why: format!("nobody kept them within {} s", LAST_LINES_WAIT.as_secs()),
            try_: "start again with the same --data: what waits is sent then".to_owned(),
        })
    }

    fn ending(&self) -> Ending {
        if self.is_unconfirmed {
            Ending::Unconfirmed
        } else {
            Ending::Bye
        }
    }

    fn leave(&mut self) {
        if !self.is_leaving {
            self.command(Command::Quit { why: String::new() });
        }
    }

    fn enter(&mut self, group: &GroupName) {
        if !self.groups.contains(group) {
            self.groups.push(group.clone());
        }
        self.here = Some(group.clone());
    }

    fn exit(&mut self, group: &GroupName) {
        self.entered.remove(group);
        self.groups.retain(|other| other != group);
        if self.here.as_ref() == Some(group) {
            self.here = self.groups.last().cloned();
        }
    }

    fn rename(&mut self, group: &GroupName, to: &GroupName) {
        for known in self.groups.iter_mut().chain(&mut self.here) {
            if known == group {
                *known = to.clone();
            }
        }
        if self.names_wanted.remove(group) {
            self.names_wanted.insert(to.clone());
        }
    }

    fn typed(&mut self, line: &str, teller: &mut dyn Teller) -> Vec<String> {
        match slash::parse(line, self.here.as_ref()) {
            Ok(Parsed::Nothing) => Vec::new(),
            Ok(Parsed::Commands(commands)) => {
                self.has_typed = true;
                for command in commands {
                    self.command(command);
                }
                Vec::new()
            }
            Ok(Parsed::Local(local)) => self.local(local, teller),
            Err(refused) => teller.refused(&refused),
        }
    }

    /// What a screen would do by itself.
    fn local(&mut self, local: Local, teller: &mut dyn Teller) -> Vec<String> {
        match local {
            Local::Help(Some(spec)) => {
                teller.notice(&format!("/{} {}: {}", spec.name, spec.syntax, spec.help))
            }
            Local::Help(None) => slash::SPECS
                .iter()
                .filter(|spec| !matches!(spec.name, "theme" | "clear"))
                .flat_map(|spec| {
                    teller.notice(&format!("/{} {}: {}", spec.name, spec.syntax, spec.help))
                })
                .collect(),
            Local::Close => match self.here.clone() {
                Some(group) => {
                    let why = String::new();
                    self.command(Command::Part { group, why });
                    Vec::new()
                }
                None => teller.refused(&Refused {
                    what: "nothing to close".to_owned(),
                    why: "you are in no group".to_owned(),
                    try_: "/quit ends it".to_owned(),
                }),
            },
            Local::Window(wanted) => match self.find(&wanted).cloned() {
                Some(group) => {
                    let said = teller.notice(&format!("what you type goes to {group}"));
                    self.here = Some(group);
                    said
                }
                None => teller.refused(&Refused {
                    what: format!("no group {wanted}"),
                    why: "you are in none of that number or name".to_owned(),
                    try_: "/join it first".to_owned(),
                }),
            },
            Local::Resend(which) => self.resend(which, teller),
            Local::Drop(which) => self.forget(which, teller),
            Local::Search(_, query) => {
                let limit = FOUND;
                self.command(Command::Past(Ask::Search { query, limit }));
                Vec::new()
            }
            Local::Mentions => {
                let words = Words {
                    terms: self
                        .us
                        .iter()
                        .map(|nick| Term::whole(nick.as_str()))
                        .collect(),
                    by_others: true,
                    ..Words::default()
                };
                let (query, limit) = (Query::Words(words), FOUND);
                self.command(Command::Past(Ask::Search { query, limit }));
                Vec::new()
            }
            Local::Goto(when) => match (self.here.clone(), when.moment(&jiff::Zoned::now())) {
                (Some(group), Some(at)) => {
                    let (part, limit) = (Part::Moment(at), 2 * FOUND);
                    self.command(Command::Past(Ask::Stretch { group, part, limit }));
                    Vec::new()
                }
                (None, _) | (_, None) => teller.refused(&Refused {
                    what: "cannot go there".to_owned(),
                    why: "there is no such moment".to_owned(),
                    try_: "/goto yesterday".to_owned(),
                }),
            },
            Local::Theme(_) | Local::Clear => teller.refused(&Refused {
                what: "nothing done".to_owned(),
                why: "there is no screen".to_owned(),
                try_: "start fireside without --plain or --json for one".to_owned(),
            }),
        }
    }

    fn resend(&mut self, which: Which, teller: &mut dyn Teller) -> Vec<String> {
        let failed = self.here.as_ref().map(|here| self.unsent.failed(here));
        let meant = which.of(&failed.unwrap_or_default());
        if meant.is_empty() {
            return teller.refused(&slash::nothing_unsent());
        }
        for own in meant {
            self.unsent.forget(&own);
            if let Some(command) = Command::again(own.group, own.what) {
                self.command(command);
            }
        }
        Vec::new()
    }

    /// Lets lines go that came to nothing; if there are none, takes back such as wait.
    fn forget(&mut self, which: Which, teller: &mut dyn Teller) -> Vec<String> {
        let Some(here) = self.here.clone() else {
            return teller.refused(&slash::nothing_unsent());
        };
        let failed = self.unsent.failed(&here);
        let meant = which.of(&failed);
        for own in &meant {
            self.unsent.forget(own);
        }
        if !meant.is_empty() {
            return teller.notice("forgotten");
        }
        let waiting = match failed.as_slice() {
            [] => which.of(&self.unsent.waiting(&here)),
            [_, ..] => Vec::new(),
        };
        if waiting.is_empty() {
            return teller.refused(&slash::nothing_unsent());
        }
        for own in waiting {
            self.unsent.unwant(&own);
            let (group, id) = (own.group, own.id);
            self.command(Command::Drop { group, id });
        }
        Vec::new()
    }

    /// A group by its number, its name, or a part of that.
    fn find(&self, wanted: &str) -> Option<&GroupName> {
        if let Ok(number) = wanted.parse::<usize>() {
            return self.groups.get(number.checked_sub(1)?);
        }
        let wanted = wanted.to_lowercase();
        let by = |test: &dyn Fn(&str) -> bool| self.groups.iter().find(|name| test(name.as_str()));
        by(&|name| name == wanted).or_else(|| by(&|name| name.contains(&wanted)))
    }

    fn heard(&mut self, event: &Event, teller: &mut dyn Teller) -> Vec<String> {
        self.unsent.heard(event);
        match event {
            Event::Opened { group, .. } if !self.groups.contains(group) => {
                self.groups.push(group.clone());
                self.here.get_or_insert_with(|| group.clone());
            }
            Event::Left { group } => self.exit(group),
            Event::Renamed { group, to } => self.rename(group, to),
            Event::Members { group, members } if self.names_wanted.remove(group) => {
                return teller.names(group, members);
            }
            Event::Bye => self.is_leaving = true,
            Event::Mesh { .. } => self.is_told = true,
            Event::History { .. } | Event::Past(_) => self.pages = self.pages.saturating_sub(1),
            Event::Ready { nick, .. } => self.us = Some(nick.clone()),
            Event::Entry(Line {
                own: true,
                history: false,
                what: What::Nick(nick),
                ..
            }) => self.us = Some(nick.clone()),
            Event::Joined { group, .. } => {
                self.entered.insert(group.clone());
            }
            Event::Opened { .. }
            | Event::Contact { .. }
            | Event::Waiting { .. }
            | Event::Responsible { .. }
            | Event::Disk { .. }
            | Event::Sent { .. }
            | Event::Entry(_)
            | Event::Confirmed { .. }
            | Event::Failed { .. }
            | Event::Members { .. }
            | Event::Host { .. }
            | Event::Role { .. }
            | Event::Path { .. }
            | Event::Merge { .. }
            | Event::Notice { .. }
            | Event::Error { .. } => {}
        }
        if let Some(command) = teller.wanted(event) {
            self.command(command);
        }
        teller.event(event, self.here.as_ref(), &self.unsent)
    }
}
