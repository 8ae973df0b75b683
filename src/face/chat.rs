//! The loop of a face without a screen: typed lines become commands, events become lines.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::input;
use super::json::Json;
use super::output::{Output, Unread};
use super::plain::Plain;
use super::unsent::Unsent;
use crate::chart;
use crate::choose::{self, People};
use crate::config::{self, Change, Choices, Options};
use crate::proto::command::Command;
use crate::proto::event::{Event, Invite, Line, Member, Opening, What};
use crate::proto::id::{GroupName, Nick, NodeId};
use crate::proto::past::{Ask, Part, Query, Term, Told, Words};
use crate::sanitize;
use crate::slash::{self, About, Choice, Local, Parsed, Refused, To, Which};

/// How long lines that were typed before the end of the input may take to be confirmed: finding a network, founding
/// one if there is none, and a handover in between.
const LAST_LINES_WAIT: Duration = Duration::from_secs(8);

/// How often it is looked at whether somebody is to be heard again.
const HEARD_CHECKED: Duration = Duration::from_secs(60);

/// Lines that a search or a look back tells.
const FOUND: usize = 50;

/// How a face tells what happened. Each thing is one line, or several, or none.
pub(super) trait Teller {
    fn event(&mut self, event: &Event, here: Option<&GroupName>, unsent: &Unsent) -> Vec<String>;
    /// The answer to `/names`.
    fn names(&mut self, group: &GroupName, members: &[Member]) -> Vec<String>;
    /// The answer to `/host`.
    fn keepers(
        &mut self,
        group: &GroupName,
        members: &[Member],
        us: Option<&NodeId>,
    ) -> Vec<String>;
    /// Somebody has left the screen, or is back.
    fn away(&mut self, group: &GroupName, member: &Member) -> Vec<String>;
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
    choices: Choices,
    /// What was chosen and is not written down yet.
    saves: Vec<Change>,
    around: Around,
    /// The last invitation to us.
    invitation: Option<Invite>,
}

/// Who is in our groups.
#[derive(Debug, Default)]
struct Around {
    us: Option<NodeId>,
    members: BTreeMap<GroupName, Vec<Member>>,
    /// Those we talk with in private.
    talks: BTreeMap<NodeId, Nick>,
}

impl People for Around {
    fn key_of(&self, nick: &Nick) -> Option<NodeId> {
        let folded = nick.folded();
        let mut all = self.members.values().flatten();
        let member = all.find(|member| member.nick.folded() == folded);
        let mut talks = self.talks.iter();
        let talk = talks.find(|(_, nick)| nick.folded() == folded);
        let talk = talk.map(|(person, _)| *person);
        member.map(|member| member.id).or(talk)
    }

    fn nick_of(&self, key: &NodeId) -> Option<String> {
        let mut all = self.members.values().flatten();
        let member = all.find(|member| member.id == *key);
        let nick = member.map(|member| &member.nick);
        let nick = nick.or_else(|| self.talks.get(key));
        nick.map(|nick| nick.as_str().to_owned())
    }

    fn is_us(&self, key: &NodeId) -> bool {
        self.us.as_ref() == Some(key)
    }
}

/// Runs until the client has said its last word; asks for what is to be asked `first`. `as_json` chooses the language.
///
/// # Errors
/// If standard output cannot be had at all.
pub async fn run(
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Event>,
    first: Vec<Command>,
    choices: Choices,
    as_json: bool,
) -> std::io::Result<Ending> {
    let output = Output::stdout()?;
    let lines = input::lines();
    let mut talk = Talk {
        choices,
        ..Talk::default()
    };
    for command in first {
        talk.command(command);
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
                Some(line) => {
                    to_tell.extend(talk.typed(&line, teller));
                    to_tell.extend(talk.save(teller).await);
                }
            },
            () = sleep(talk.until_heard()), if talk.waits_to_hear() => {
                to_tell.extend(talk.hear_again(teller));
                to_tell.extend(talk.save(teller).await);
            }
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
            Command::Accept { invite } => self.enter(&invite.group),
            Command::Part { group, .. } => self.exit(group),
            Command::Names { group } => {
                self.names_wanted.insert(group.clone());
            }
            Command::Quit { .. } => self.is_leaving = true,
            Command::Invite { .. }
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

    /// A private talk opens. What is typed goes to it if our person asked for it.
    fn talk(&mut self, group: &GroupName, person: NodeId, nick: &Nick, opening: Opening) {
        self.around.talks.insert(person, nick.clone());
        if !self.groups.contains(group) {
            self.groups.push(group.clone());
        }
        self.entered.insert(group.clone());
        match opening {
            Opening::Asked => self.here = Some(group.clone()),
            Opening::Restored => {
                self.here.get_or_insert_with(|| group.clone());
            }
            Opening::Written | Opening::Begun | Opening::Named => {}
        }
    }

    /// Tells the client of whom nothing is to be taken in private.
    fn tell_ignored(&mut self) {
        let command = choose::unheard(&self.choices);
        self.command(command);
    }

    /// Whether somebody is ignored for a time.
    fn waits_to_hear(&self) -> bool {
        self.choices.options().next_heard().is_some()
    }

    /// How long to wait until somebody may be heard again.
    fn until_heard(&self) -> Duration {
        let next = self.choices.options().next_heard();
        let left = next.map(|next| next.duration_since(Timestamp::now()));
        let left = left.and_then(|left| Duration::try_from(left).ok());
        left.unwrap_or_default().min(HEARD_CHECKED)
    }

    fn hear_again(&mut self, teller: &mut dyn Teller) -> Vec<String> {
        let mut told = Vec::new();
        for done in choose::hear_again(&mut self.choices, Timestamp::now()) {
            self.saves.extend(done.save);
            told.extend(done.told.iter().flat_map(|line| teller.notice(line)));
            self.tell_ignored();
        }
        told
    }

    /// A group's name, or whom a private talk is with.
    fn name_of(&self, group: &GroupName) -> String {
        let nick = group
            .person()
            .and_then(|person| self.around.talks.get(&person));
        nick.map_or_else(|| group.to_string(), ToString::to_string)
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
        let lines = match slash::expand(line, &self.choices.options().alias) {
            Ok(lines) => lines,
            Err(refused) => return teller.refused(&refused),
        };
        let told = lines.iter().map(|line| self.typed_line(line, teller));
        told.collect::<Vec<_>>().concat()
    }

    fn typed_line(&mut self, line: &str, teller: &mut dyn Teller) -> Vec<String> {
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

    /// Writes down what was chosen; a pipe may wait for the disk.
    async fn save(&mut self, teller: &mut dyn Teller) -> Vec<String> {
        let mut told = Vec::new();
        for change in std::mem::take(&mut self.saves) {
            let Some(file) = self.choices.file().map(std::path::Path::to_owned) else {
                break;
            };
            let saved = tokio::task::spawn_blocking(move || config::save(&file, &change)).await;
            if let Ok(Err(failure)) = saved {
                told.extend(teller.refused(&Refused {
                    what: failure.what,
                    why: failure.why,
                    try_: failure.try_,
                }));
            }
        }
        told
    }

    fn choose(&mut self, choice: Choice, teller: &mut dyn Teller) -> Vec<String> {
        match choose::choose(&mut self.choices, choice, &self.around, Timestamp::now()) {
            Ok(done) => {
                self.saves.extend(done.save);
                self.tell_ignored();
                done.told
                    .iter()
                    .flat_map(|line| teller.notice(line))
                    .collect()
            }
            Err(refused) => teller.refused(&refused),
        }
    }

    fn help(&self, about: About, teller: &mut dyn Teller) -> Vec<String> {
        let mut tell = |spec: &slash::Spec| {
            teller.notice(&format!("/{} {}: {}", spec.name, spec.syntax, spec.help))
        };
        match about {
            About::Command(spec) => tell(spec),
            About::Everything => slash::SPECS
                .iter()
                .filter(|spec| !spec.is_for_screen())
                .flat_map(tell)
                .collect(),
            About::Other(word, refused) => match choose::help(&self.choices, &word) {
                Some(told) => told.lines().flat_map(|row| teller.notice(row)).collect(),
                None => teller.refused(&refused),
            },
        }
    }

    fn go(&mut self, to: To, teller: &mut dyn Teller) -> Vec<String> {
        let count = self.groups.len();
        let at = self.here.as_ref();
        let at = at.and_then(|here| self.groups.iter().position(|group| group == here));
        let (wanted, found) = match to {
            To::Choose | To::List => {
                let numbers = self.groups.iter().zip(1..);
                let told: Vec<String> = numbers
                    .map(|(group, number)| format!("{number} {}", self.name_of(group)))
                    .collect();
                return teller.notice(&match told.as_slice() {
                    [] => "you are in no group; /join #name".to_owned(),
                    [..] => told.join(", "),
                });
            }
            To::Named(wanted) => {
                let found = self.find(&wanted).cloned();
                (wanted, found)
            }
            To::Step(steps) => {
                let at = at.unwrap_or(0).cast_signed() + steps;
                let to = at.checked_rem_euclid(count.cast_signed());
                let found = to.and_then(|to| self.groups.get(to.cast_unsigned()));
                (String::new(), found.cloned())
            }
            To::Last | To::Active | To::Move(_) => return no_screen(teller),
        };
        match found {
            Some(group) => {
                let name = self.name_of(&group);
                let said = teller.notice(&format!("what you type goes to {name}"));
                self.here = Some(group);
                said
            }
            None => teller.refused(&Refused {
                what: format!("no group {wanted}").trim_end().to_owned(),
                why: "you are in none of that number or name".to_owned(),
                try_: "/join it first".to_owned(),
            }),
        }
    }

    /// What a screen would do by itself.
    fn local(&mut self, local: Local, teller: &mut dyn Teller) -> Vec<String> {
        match local {
            Local::Help(about) => self.help(about, teller),
            Local::Choose(choice) => self.choose(choice, teller),
            Local::Save => teller.notice(&choose::place(&self.choices)),
            Local::Reload => self.reload(teller),
            Local::Version => teller.notice(concat!("fireside ", env!("CARGO_PKG_VERSION"))),
            Local::Window(to) => self.go(to, teller),
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
            Local::Accept => match self.invitation.clone() {
                Some(invite) => {
                    let invite = Box::new(invite);
                    self.command(Command::Accept { invite });
                    Vec::new()
                }
                None => teller.refused(&slash::uninvited()),
            },
            Local::Host(group) => match self.around.members.get(&group) {
                Some(members) => teller.keepers(&group, members, self.around.us.as_ref()),
                None => teller.refused(&chart::unknown_group(&group)),
            },
            Local::Away(why) => {
                let told = match &why {
                    Some(_) => "away: the members of your groups see it until /back",
                    None => "back",
                };
                self.command(Command::Away { why });
                teller.notice(told)
            }
            Local::Theme(_) | Local::Clear | Local::Palette => no_screen(teller),
        }
    }

    fn reload(&mut self, teller: &mut dyn Teller) -> Vec<String> {
        match Choices::open(self.choices.file().map(std::path::Path::to_owned)) {
            Ok(choices) => {
                self.choices = choices;
                self.tell_ignored();
                teller.notice("the configuration is read again")
            }
            Err(failure) => teller.refused(&Refused {
                what: failure.what,
                why: failure.why,
                try_: failure.try_,
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
        let by = |test: &dyn Fn(&str) -> bool| {
            let mut groups = self.groups.iter();
            groups.find(|group| test(&self.name_of(group).to_lowercase()))
        };
        by(&|name| name == wanted).or_else(|| by(&|name| name.contains(&wanted)))
    }

    fn heard(&mut self, event: &Event, teller: &mut dyn Teller) -> Vec<String> {
        self.unsent.heard(event);
        match event {
            Event::Opened { group, .. } if !self.groups.contains(group) => {
                self.groups.push(group.clone());
                self.here.get_or_insert_with(|| group.clone());
            }
            Event::Talk {
                group,
                person,
                nick,
                opening,
            } => self.talk(group, *person, nick, *opening),
            Event::Left { group } => self.exit(group),
            Event::Renamed { group, to } => self.rename(group, to),
            Event::Members { group, members } => {
                let mut told = self.tell_away(group, members, teller);
                self.around.members.insert(group.clone(), members.clone());
                if self.names_wanted.remove(group) {
                    told.extend(teller.names(group, members));
                }
                return told;
            }
            Event::Bye => self.is_leaving = true,
            Event::Mesh { .. } => self.is_told = true,
            Event::History { .. } | Event::Past(_) => self.pages = self.pages.saturating_sub(1),
            Event::Ready { id, nick } => {
                self.around.us = Some(*id);
                self.us = Some(nick.clone());
                if self.choices.options().ignores() {
                    self.tell_ignored();
                }
            }
            Event::Entry(Line {
                own: true,
                history: false,
                what: What::Nick(nick),
                ..
            }) => self.us = Some(nick.clone()),
            Event::Joined { group, members, .. } => {
                self.around.members.insert(group.clone(), members.clone());
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
            | Event::Copied { .. }
            | Event::Failed { .. }
            | Event::Host { .. }
            | Event::Role { .. }
            | Event::Path { .. }
            | Event::Merge { .. }
            | Event::Near { .. }
            | Event::Rules(_)
            | Event::Whois(_)
            | Event::Invited { .. }
            | Event::Number { .. }
            | Event::Verified { .. }
            | Event::Impostor { .. }
            | Event::Chart { .. }
            | Event::Notice { .. }
            | Event::Error { .. } => {}
        }
        if let Some(command) = teller.wanted(event) {
            self.command(command);
        }
        let Some(event) = heeded(event, self.choices.options()) else {
            return Vec::new();
        };
        let mut told = teller.event(&event, self.here.as_ref(), &self.unsent);
        told.extend(self.heed_invitation(&event, teller));
        told
    }

    /// Who has left the screen since the members were told last, or is back.
    fn tell_away(
        &self,
        group: &GroupName,
        members: &[Member],
        teller: &mut dyn Teller,
    ) -> Vec<String> {
        let before = self.around.members.get(group).into_iter().flatten();
        let before: BTreeMap<_, _> = before.map(|member| (member.id, &member.away)).collect();
        let options = self.choices.options();
        let changed = members.iter().filter(|member| {
            let was = before.get(&member.id).copied().unwrap_or(&None);
            *was != member.away && !options.hides(&member.id)
        });
        changed
            .flat_map(|member| teller.away(group, member))
            .collect()
    }

    /// Whether somebody invites us, in private; if so it is said how to come.
    fn heed_invitation(&mut self, event: &Event, teller: &mut dyn Teller) -> Vec<String> {
        let Event::Entry(line) = event else {
            return Vec::new();
        };
        let What::Text(text) = &line.what else {
            return Vec::new();
        };
        let invite = Invite::find(text).filter(|_| !line.own && line.group.person().is_some());
        let Some(invite) = invite else {
            return Vec::new();
        };
        let (from, group) = (line.from.as_str(), invite.group.as_str());
        let (from, group) = (sanitize::name(from), sanitize::name(group));
        let told = format!("{from} invites you to {group}: /accept comes in");
        self.invitation = Some(invite);
        teller.notice(&told)
    }
}

/// The event without what people say who are ignored; nothing if that is all of it.
fn heeded<'a>(event: &'a Event, options: &Options) -> Option<Cow<'a, Event>> {
    let is_hidden = |line: &Line| {
        let is_talk = matches!(line.what, What::Text(_) | What::Action(_));
        is_talk && options.hides(&line.id.author)
    };
    if let Event::Entry(line) = event
        && is_hidden(line)
    {
        return None;
    }
    if let Event::History { group, lines, more } = event
        && lines.iter().any(is_hidden)
    {
        let lines = lines.iter().filter(|line| !is_hidden(line)).cloned();
        return Some(Cow::Owned(Event::History {
            group: group.clone(),
            lines: lines.collect(),
            more: *more,
        }));
    }
    if let Event::Past(Told::Found { query, lines, more }) = event
        && lines.iter().any(is_hidden)
    {
        let lines = lines.iter().filter(|line| !is_hidden(line)).cloned();
        return Some(Cow::Owned(Event::Past(Told::Found {
            query: query.clone(),
            lines: lines.collect(),
            more: *more,
        })));
    }
    Some(Cow::Borrowed(event))
}

fn no_screen(teller: &mut dyn Teller) -> Vec<String> {
    teller.refused(&Refused {
        what: "nothing done".to_owned(),
        why: "there is no screen".to_owned(),
        try_: "start fireside without --plain or --json for one".to_owned(),
    })
}
