//! What events change on the screen.

use super::app::{App, Hint, Life, Reach};
use super::log::{Handover, Note};
use super::window::{Phase, Subject};
use super::words::count;
use crate::chart;
use crate::config::Level;
use crate::proto::command::Command;
use crate::proto::event::{Event, Line, Member, MeshState, Opening, Standing, Trouble, What};
use crate::proto::id::{EntryId, Epoch, GroupName, Nick, NodeId, Place};
use crate::proto::past::Ask;
use crate::proto::time::{Now, Wall};
use crate::proto::verify;
use crate::sanitize;

impl App {
    /// Takes an event in.
    pub fn tell(&mut self, now: Now, event: Event) {
        match event {
            Event::Ready { id, nick } => {
                self.us = Some((id, nick));
                if self.choices.options().ignores() {
                    self.tell_ignored();
                }
            }
            Event::Talk {
                group,
                person,
                nick,
                opening,
            } => self.talk(group, person, &nick, opening),
            Event::Near { group, nearness } => {
                if let Some(window) = self.find(&group) {
                    window.nearness = Some(nearness);
                }
            }
            Event::Number {
                nick,
                number,
                is_verified,
                ..
            } => {
                let nick = sanitize::name(nick.as_str());
                let told = verify::words(&number, &nick, is_verified).join("\n");
                self.answer(now, &told);
            }
            Event::Verified {
                person,
                nick,
                is_verified,
                is_restored,
            } => self.verified(now, person, &nick, is_verified, is_restored),
            Event::Impostor {
                group,
                nick,
                person,
                known,
            } => self.beware(now, &group, &nick, (&person, &known)),
            Event::Invited { invite, to, .. } => self.invited(now, *invite, to.as_ref()),
            Event::Chart { chart, table } => {
                let told = chart::told(&chart, &table, chart::Form::Narrow);
                self.answer(now, &told);
            }
            Event::Rules(rules) => {
                let told = rules.words(|at| self.look.moment(at)).join("\n");
                self.answer(now, &sanitize::text(&told));
            }
            Event::Whois(whois) => {
                let told = whois.words().join("\n");
                self.answer(now, &sanitize::text(&told));
            }
            Event::Opened {
                group,
                topic,
                restored,
            } => self.open(group, &topic, restored),
            Event::Joined {
                group,
                epoch,
                members,
                ..
            } => self.joined(now, &group, epoch, members),
            Event::Left { group } => self.close(&group),
            Event::Renamed { group, to } => self.rename(now.wall, &group, &to),
            Event::Sent {
                group,
                id,
                at,
                what,
            } => self.sent(&group, id, at, what),
            Event::Entry(line) => self.entry(now, line),
            Event::Confirmed {
                group, id, copies, ..
            } => {
                if let Some(window) = self.find(&group) {
                    window.log.confirm(id, copies);
                }
            }
            Event::Copied { group, id, copies } => {
                if let Some(window) = self.find(&group) {
                    window.log.spread(id, copies);
                }
            }
            Event::Failed { group, id, why } => {
                if let Some(window) = self.find(&group) {
                    window.log.fail(id, &why);
                }
            }
            Event::Members { group, members } => self.members(now, &group, members),
            Event::Contact { group, is_held, .. } => {
                if let Some(window) = self.find(&group) {
                    window.is_adrift = !is_held;
                }
            }
            Event::Waiting { group, lines } => {
                if let Some(window) = self.find(&group) {
                    window.log.tell_late(&lines);
                }
            }
            Event::Host {
                group,
                host,
                nick,
                epoch,
                took_ms,
                before,
                lost,
            } => {
                let us = |id: &NodeId| self.is_us(id);
                let unknown = Nick::parse("somebody").ok();
                let keeper = nick.or(unknown).filter(|_| !us(&host));
                let handover = Handover::new(before.as_ref(), us, keeper.as_ref(), took_ms, lost);
                self.host(now, &group, host, epoch, handover);
            }
            Event::Responsible {
                group,
                name,
                before,
                is_lost,
                ..
            } => self.responsible(now, &group, &name, before.as_deref(), is_lost),
            Event::Disk { trouble } => self.disk(now, trouble),
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
                let window = self.find(&group);
                let merge = Note::Merge {
                    from_us,
                    from_them,
                    marked: window.and_then(|window| window.log.mark_theirs(from_them)),
                };
                self.note(now.wall, Some(&group), merge);
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
            Event::Past(told) => self.told_past(told),
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
        if restored && let Some(group) = self.windows[index].group().cloned() {
            let words = self.words_for_us();
            self.command(Command::Past(Ask::Missed { group, words }));
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

    /// Somebody's key has been compared, or that is taken back.
    fn verified(
        &mut self,
        now: Now,
        person: NodeId,
        nick: &Nick,
        is_verified: bool,
        is_restored: bool,
    ) {
        if is_verified {
            self.verified.insert(person);
        } else {
            self.verified.remove(&person);
        }
        if !is_restored {
            let told = verify::told(&sanitize::name(nick.as_str()), is_verified);
            self.answer(now, &told);
        }
    }

    /// Somebody goes by the name of another one, whom our person knows by the key.
    fn beware(&mut self, now: Now, group: &GroupName, nick: &Nick, keys: (&NodeId, &NodeId)) {
        let nick = sanitize::name(nick.as_str());
        let told = verify::warning(&nick, keys.0, keys.1);
        self.note(now.wall, Some(group), Note::Error(told));
        let active = self.active;
        let Some(index) = self.index(group) else {
            return;
        };
        let window = &mut self.windows[index];
        if index != active {
            window.unread.lines += 1;
            window.unread.mentions += 1;
        }
        let told = format!("this is not the {nick} you verified: see {}", window.name());
        self.hint = Some(Hint::Error(told));
    }

    /// A private talk opens; only one that we asked for comes into view.
    fn talk(&mut self, name: GroupName, id: NodeId, nick: &Nick, opening: Opening) {
        let nick = sanitize::name(nick.as_str()).into_owned();
        let index = match self.index(&name) {
            Some(index) => {
                self.windows[index].subject = Subject::Person { name, id, nick };
                index
            }
            None => self.add_window(Subject::Person { name, id, nick }),
        };
        self.windows[index].phase = Phase::Joined;
        if let Some(command) = self.windows[index].ask_older() {
            self.command(command);
        }
        match opening {
            Opening::Asked => self.go(index),
            Opening::Restored => {
                if let Some(group) = self.windows[index].group().cloned() {
                    let words = Vec::new();
                    self.command(Command::Past(Ask::Missed { group, words }));
                }
            }
            Opening::Written | Opening::Begun | Opening::Named => {}
        }
    }

    fn joined(&mut self, now: Now, group: &GroupName, epoch: Epoch, members: Vec<Member>) {
        if let Some(window) = self.find(group) {
            window.log.follow(now.wall, epoch);
            window.phase = Phase::Joined;
            window.members = members;
            window.is_adrift = false;
        }
    }

    /// What was not read in the last life.
    pub(crate) fn missed(
        &mut self,
        group: &GroupName,
        seen: Option<Place>,
        lines: u64,
        mentions: u64,
    ) {
        let Some(index) = self.index(group) else {
            return;
        };
        let is_active = index == self.active;
        let window = &mut self.windows[index];
        let Some(seen) = seen else {
            return;
        };
        window.mark.get_or_insert((seen, u32::MAX));
        window.seen = window.seen.max(Some(seen));
        window.missed = Some(window.missed.unwrap_or_default() + lines);
        if !is_active {
            let bounded = |count| u32::try_from(count).unwrap_or(u32::MAX);
            window.unread.lines += bounded(lines);
            window.unread.mentions += bounded(if window.is_private() { lines } else { mentions });
        }
    }

    fn rename(&mut self, at: Wall, group: &GroupName, to: &GroupName) {
        let Some(window) = self.find(group) else {
            return;
        };
        window.subject = Subject::Group(to.clone());
        let (group, name) = (sanitize::name(group.as_str()), window.name());
        let text = format!("another group has the name {group}: this one goes on as {name}");
        self.note(at, Some(to), Note::Notice(text));
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
            window.past = None;
            // Who answers has read what there is.
            let seen = window.newly_seen();
            if let Some(seen) = seen {
                self.command(seen);
            }
        }
    }

    fn entry(&mut self, now: Now, line: Line) {
        let us = self.our_word();
        let Some(index) = self.index(&line.group) else {
            return;
        };
        let invites = line.group.person().is_some().then(|| line.clone());
        let active = index == self.active;
        let window = &mut self.windows[index];
        let (said, mention) = match &line.what {
            What::Text(text) | What::Action(text) => (true, self.highlights.concern(text, &us)),
            What::Topic(topic) => {
                if !line.history {
                    window.topic = sanitize::line(topic).into_owned();
                }
                (false, false)
            }
            What::Join
            | What::Part(_)
            | What::Quit(_)
            | What::Nick(_)
            | What::Gone { .. }
            | What::Ruling { .. }
            | What::Vain(_) => (false, false),
        };
        if line.own
            && !line.history
            && let What::Nick(nick) = &line.what
            && let Some((_, ours)) = &mut self.us
        {
            *ours = nick.clone();
        }
        // All that is said to us alone is for us.
        let mention = mention || said && window.is_private();
        let options = self.choices.options();
        let is_heard = !line.own && !options.hides(&line.id.author);
        let is_quiet = options.level(&line.group) == Level::None;
        let call = match &line.what {
            _ if line.history => None,
            What::Text(text) => Some(format!("{}: {text}", line.from)),
            What::Action(text) => Some(format!("{} {text}", line.from)),
            What::Topic(_)
            | What::Join
            | What::Part(_)
            | What::Quit(_)
            | What::Nick(_)
            | What::Gone { .. }
            | What::Ruling { .. }
            | What::Vain(_) => None,
        };
        let window = &mut self.windows[index];
        let is_missed = line.history && is_heard && said && window.phase == Phase::Finding;
        let fresh = window.log.place(line) && is_heard;
        if fresh && is_missed {
            window.missed = window.missed.map(|missed| missed + 1);
        }
        if fresh && active && window.scroll.is_some() && said {
            window.below += 1;
        } else if fresh && !active {
            window.unread.lines += u32::from(said && !is_quiet);
            window.unread.mentions += u32::from(mention && !is_quiet);
            window.unread.other |= !said || is_quiet;
        }
        window.trim();
        if let Some(call) = call.filter(|_| fresh) {
            self.consider_calling(now, index, call, mention);
        }
        if let Some(line) = invites.filter(|_| fresh) {
            self.heed_invitation(now, &line);
        }
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
        let keys = self.verified.clone();
        let Some(window) = self.find(group) else {
            return String::new();
        };
        let names: Vec<String> = window
            .members
            .iter()
            .map(|member| {
                // A row does not end between the two.
                let sign = match member.standing {
                    Standing::Host => format!("{}\u{a0}", signs.host),
                    Standing::Heir => format!("{}\u{a0}", signs.heir),
                    Standing::Member => String::new(),
                };
                let rank = member.rank.word();
                let rank = rank.map_or(String::new(), |rank| format!(" ({rank})"));
                let away = chart::away(member);
                let nick = sanitize::name(member.nick.as_str());
                let verified = match keys.contains(&member.id) {
                    true => " (verified)",
                    false => "",
                };
                format!("{sign}{nick}{rank}{verified}{away}")
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
        epoch: Epoch,
        handover: Handover,
    ) {
        let Some(index) = self.index(group) else {
            return;
        };
        let active = index == self.active;
        let window = &mut self.windows[index];
        window.is_adrift = false;
        for member in &mut window.members {
            if member.id == host {
                member.standing = Standing::Host;
            } else if member.standing == Standing::Host {
                member.standing = Standing::Member;
            }
        }
        window.unread.other |= !active;
        let who = match &handover.host {
            Some(nick) => format!("{nick} keeps"),
            None => "you keep".to_owned(),
        };
        let (name, took) = (window.name(), handover.took_ms);
        let number = epoch.number;
        window.log.follow(now.wall, epoch);
        window.log.hand_over(now.wall, handover);
        let told = format!("{name}: {who} it now, in epoch {number}, after {took} ms");
        self.note(now.wall, None, Note::Notice(told));
    }

    /// Another supernode is responsible for a group: nothing that people in it would notice.
    fn responsible(
        &mut self,
        now: Now,
        group: &GroupName,
        name: &str,
        before: Option<&str>,
        is_lost: bool,
    ) {
        let Some(before) = before else {
            return;
        };
        let (name, before) = (sanitize::name(name), sanitize::name(before));
        let group = sanitize::name(group.as_str());
        let told = if is_lost {
            format!("{before} is gone; {name} is responsible for {group} now")
        } else {
            format!("{name} is responsible for {group} now, and {before} no more")
        };
        self.note(now.wall, None, Note::Notice(told));
    }

    fn disk(&mut self, now: Now, trouble: Option<Trouble>) {
        let note = match &trouble {
            Some(Trouble { why, try_ }) => {
                let why = format!("cannot write to disk: {why}; {try_}");
                Note::Error(sanitize::line(&why).into_owned())
            }
            None => Note::Notice("the disk takes everything again".to_owned()),
        };
        self.note(now.wall, None, note);
        self.trouble = trouble;
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
}
