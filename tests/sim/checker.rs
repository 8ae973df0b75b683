//! Judges a world by what people saw alone: the commands they gave and the events they were told.
//!
//! It knows the protocol's ids and events and nothing of its rules, so that it cannot share their mistakes.

use std::collections::{BTreeMap, BTreeSet};

use fireside::proto::command::Command;
use fireside::proto::event::{Event, Line, Member, Standing, What};
use fireside::proto::id::{EntryId, Epoch, GroupName, NodeId, Number, Place, Seq};

/// What everybody was told, and what was wrong with it.
#[derive(Debug, Default)]
pub struct Checker {
    names: BTreeMap<NodeId, String>,
    views: BTreeMap<(NodeId, GroupName), View>,
    /// The entry that each place belongs to.
    places: BTreeMap<(GroupName, Epoch, Seq), EntryId>,
    /// Each entry as it was first told to anybody.
    said: BTreeMap<(GroupName, EntryId), Line>,
    /// Every text somebody typed, and the entry it became.
    typed: BTreeMap<(GroupName, NodeId, String), Option<EntryId>>,
    /// Lines that are safe, as their authors were told, and on how many disks at most.
    confirmed: BTreeMap<(GroupName, EntryId), u32>,
    /// How many times a disk lost what it had.
    disks_lost: u32,
    /// How many times each author has forgotten its past, and in which of its lives each entry was first told.
    lives: BTreeMap<NodeId, u32>,
    born: BTreeMap<(GroupName, EntryId), u32>,
    epochs: BTreeSet<(GroupName, Epoch)>,
    /// What whose group is called since it lost its name.
    renames: BTreeMap<(NodeId, GroupName), GroupName>,
    violations: Vec<String>,
    /// Merges and notices, and who was told of them.
    asides: Vec<(NodeId, Event)>,
    pub counts: Counts,
}

/// What went on, for totals.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Lines typed.
    pub lines: u64,
    pub joins: u64,
    /// Times that another member became host.
    pub handovers: u64,
    /// Entries that were told at a place above one told before, other than history: what a reader calls
    /// a line that pops up in the middle.
    pub late: u64,
    /// Entries that moved.
    pub moved: u64,
}

/// One person's window on one group, over all runs of their client.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub log: BTreeMap<EntryId, Line>,
    /// In the group and up to date, in the present run of the client.
    pub is_in: bool,
    pub host: Option<(NodeId, Epoch)>,
    pub members: Vec<Member>,
    sent: BTreeMap<EntryId, What>,
    confirmed: BTreeMap<EntryId, BTreeSet<(Epoch, Seq)>>,
    pub failed: BTreeMap<EntryId, String>,
    highest: Option<Place>,
}

impl View {
    /// How many own lines were told as confirmed.
    pub fn confirmed(&self) -> usize {
        self.confirmed.len()
    }
}

impl Checker {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn name(&mut self, who: NodeId, name: &str) {
        self.names.insert(who, name.to_owned());
    }

    pub fn view(&self, who: NodeId, group: &GroupName) -> Option<&View> {
        self.views.get(&(who, group.clone()))
    }

    /// The merges and notices that somebody was told of, in order.
    pub fn asides(&self, who: NodeId) -> impl Iterator<Item = &Event> {
        let told = self.asides.iter().filter(move |(to, _)| *to == who);
        told.map(|(_, event)| event)
    }

    /// Somebody asks for something.
    pub fn asked(&mut self, who: NodeId, command: &Command) {
        match command {
            Command::Say { group, text }
            | Command::Act { group, text }
            | Command::Topic { group, text } => {
                self.counts.lines += 1;
                self.typed.insert((group.clone(), who, text.clone()), None);
            }
            Command::Join { .. } => self.counts.joins += 1,
            Command::Quit { .. } => self.stopped(who),
            Command::Part { .. }
            | Command::Rule { .. }
            | Command::Drop { .. }
            | Command::Nick { .. }
            | Command::Names { .. }
            | Command::Reach { .. }
            | Command::Query { .. }
            | Command::Rules { .. }
            | Command::Whois { .. }
            | Command::Accept { .. }
            | Command::Invite { .. }
            | Command::Verify { .. }
            | Command::Away { .. }
            | Command::Chart { .. }
            | Command::Ignore { .. }
            | Command::History { .. }
            | Command::Past(_) => {}
        }
    }

    /// A client is about to end, or has ended: it tells nothing more.
    pub fn stopped(&mut self, who: NodeId) {
        for ((person, _), view) in &mut self.views {
            if *person == who {
                view.is_in = false;
                // What has its place is history for the next run, which does not hear of it again.
                view.sent.retain(|id, _| !view.log.contains_key(id));
            }
        }
    }

    /// A client has ended, and starts from its disk the next time: `log` is what that has of a group, and
    /// `waits` says which entries are in the outbox, `epoch` which epoch it knows. What was told and not
    /// flushed may be told again, and own lines that nobody took are excused.
    pub fn ended(
        &mut self,
        who: NodeId,
        log: impl Fn(&GroupName) -> BTreeMap<EntryId, Place>,
        waits: impl Fn(&GroupName, EntryId) -> bool,
        epoch: impl Fn(&GroupName) -> Option<Epoch>,
    ) {
        self.stopped(who);
        for ((person, group), view) in &mut self.views {
            if *person != who {
                continue;
            }
            let stored = log(group).into_iter();
            let lines = stored.filter_map(|(id, place)| {
                let line = self.said.get(&(group.clone(), id))?.clone();
                Some((id, Line { place, ..line }))
            });
            view.log = lines.collect();
            view.sent.retain(|id, _| waits(group, *id));
            view.confirmed.clear();
            view.host = view.host.filter(|(_, told)| epoch(group) >= Some(*told));
        }
    }

    /// A node has lost the end of its past, or all of it, for good: what it was told then does not bind it, and
    /// as many copies as disks were lost may be gone.
    pub fn forgot(&mut self, who: NodeId) {
        self.disks_lost += 1;
        for ((person, _), view) in &mut self.views {
            if *person == who {
                view.host = None;
            }
        }
        self.lapsed(who);
    }

    /// A node has lost what its disk did not take in time: what failed by what it remembered may be in order by
    /// what the others do.
    pub fn lapsed(&mut self, who: NodeId) {
        for ((person, _), view) in &mut self.views {
            if *person == who {
                view.failed.clear();
            }
        }
        *self.lives.entry(who).or_default() += 1;
    }

    /// How many copies may be gone.
    pub fn disks_lost(&self) -> u32 {
        self.disks_lost
    }

    /// Somebody is told something.
    pub fn told(&mut self, who: NodeId, event: &Event) {
        match event {
            Event::Entry(line) => self.entry(who, line),
            Event::Sent {
                group, id, what, ..
            } => {
                if id.author != who {
                    self.complain(who, group, "was told of sending somebody else's line");
                }
                self.of(who, group).sent.insert(*id, what.clone());
            }
            Event::Confirmed {
                group,
                id,
                epoch,
                seq,
                copies,
            } => {
                self.confirmed(who, group, *id, *epoch, Seq(*seq));
                let most = self.confirmed.entry((group.clone(), *id)).or_default();
                *most = (*most).max(*copies);
            }
            Event::Copied { group, id, copies } => {
                if !self.of(who, group).confirmed.contains_key(id) {
                    self.complain(who, group, &format!("{id} is on more disks than none"));
                }
                let most = self.confirmed.entry((group.clone(), *id)).or_default();
                *most = (*most).max(*copies);
            }
            Event::Failed { group, id, why } => {
                let view = self.of(who, group);
                view.failed.insert(*id, why.clone());
                if view.log.contains_key(id) {
                    self.complain(who, group, &format!("{id} failed though it has a place"));
                }
            }
            Event::Joined {
                group,
                host,
                epoch,
                members,
            } => {
                self.host(who, group, *host, *epoch);
                self.members(who, group, members);
                self.of(who, group).is_in = true;
            }
            Event::Host {
                group, host, epoch, ..
            } => self.host(who, group, *host, *epoch),
            Event::Members { group, members } => self.members(who, group, members),
            Event::Renamed { group, to } => self.renamed(who, group, to),
            Event::Left { group } => {
                self.out(who, group);
                let view = self.of(who, group);
                view.sent.retain(|id, _| !view.log.contains_key(id));
            }
            Event::Merge { .. } | Event::Notice { .. } => self.asides.push((who, event.clone())),
            Event::Ready { .. }
            | Event::Opened { .. }
            | Event::Contact { .. }
            | Event::Waiting { .. }
            | Event::Responsible { .. }
            | Event::Disk { .. }
            | Event::Role { .. }
            | Event::Path { .. }
            | Event::Mesh { .. }
            | Event::History { .. }
            | Event::Past(_)
            | Event::Talk { .. }
            | Event::Near { .. }
            | Event::Rules(_)
            | Event::Whois(_)
            | Event::Invited { .. }
            | Event::Number { .. }
            | Event::Verified { .. }
            | Event::Impostor { .. }
            | Event::Chart { .. }
            | Event::Error { .. }
            | Event::Bye => {}
        }
    }

    fn entry(&mut self, who: NodeId, line: &Line) {
        let (group, id, place) = (&line.group, line.id, line.place);
        if line.own != (id.author == who) {
            self.complain(who, group, &format!("{} is wrongly marked", say(line)));
        }
        let at = (group.clone(), place.epoch, place.seq);
        let holder = *self.places.entry(at).or_insert(id);
        if holder != id {
            self.complain(
                who,
                group,
                &format!("{} is in the place of another", say(line)),
            );
        }
        let said = (group.clone(), id);
        let life = self.lives.get(&id.author).copied().unwrap_or_default();
        self.born.entry(said.clone()).or_insert(life);
        let first = self.said.entry(said).or_insert_with(|| line.clone());
        if !is_same(&first.what, &line.what) {
            self.complain(
                who,
                group,
                &format!("{} said something else before", say(line)),
            );
        }
        self.check_typed(who, line);
        let view = self.of(who, group);
        if view.failed.contains_key(&id) {
            self.complain(
                who,
                group,
                &format!("{} has a place though it failed", say(line)),
            );
        }
        let view = self.of(who, group);
        match view.log.insert(id, line.clone()).map(|known| known.place) {
            Some(known) if known == place => {
                self.complain(who, group, &format!("{} was told twice", say(line)));
            }
            Some(known) if known < place => {
                self.complain(who, group, &format!("{} moved to a later place", say(line)));
            }
            Some(_) => self.counts.moved += 1,
            None => {
                let is_late = !line.history && view.highest.is_some_and(|highest| place < highest);
                view.highest = view.highest.max(Some(place));
                self.counts.late += u64::from(is_late);
            }
        }
    }

    /// Whether the author typed it, and only once.
    fn check_typed(&mut self, who: NodeId, line: &Line) {
        let text = match &line.what {
            What::Text(text) | What::Action(text) | What::Topic(text) => text,
            What::Join
            | What::Part(_)
            | What::Quit(_)
            | What::Nick(_)
            | What::Gone { .. }
            | What::Ruling { .. }
            | What::Vain(_) => return,
        };
        let key = (line.group.clone(), line.id.author, text.clone());
        match self.typed.get_mut(&key) {
            Some(became) => {
                let first = *became.get_or_insert(line.id);
                if first != line.id {
                    let wrong =
                        format!("{} was said before as number {}", say(line), first.number.0);
                    self.complain(who, &line.group, &wrong);
                }
            }
            None => self.complain(who, &line.group, &format!("nobody wrote {}", say(line))),
        }
    }

    fn confirmed(&mut self, who: NodeId, group: &GroupName, id: EntryId, epoch: Epoch, seq: Seq) {
        if id.author != who {
            self.complain(
                who,
                group,
                "was told that somebody else's line is confirmed",
            );
        }
        let view = self.of(who, group);
        // One that is found in another line as well is confirmed in each.
        if !view.confirmed.entry(id).or_default().insert((epoch, seq)) {
            self.complain(who, group, &format!("{id} was confirmed twice"));
        }
        match self.places.get(&(group.clone(), epoch, seq)) {
            Some(holder) if *holder != id => {
                self.complain(
                    who,
                    group,
                    &format!("{id} was confirmed in another's place"),
                );
            }
            Some(_) | None => {}
        }
    }

    fn host(&mut self, who: NodeId, group: &GroupName, host: NodeId, epoch: Epoch) {
        if epoch.host != host {
            self.complain(who, group, "the epoch names another host");
        }
        let known = self.of(who, group).host.replace((host, epoch));
        match known {
            Some((_, before)) if epoch < before => {
                let wrong = format!("the epoch went back from {before} to {epoch}");
                self.complain(who, group, &wrong);
            }
            Some(_) | None => {}
        }
        let first = !self.epochs.iter().any(|(of, _)| of == group);
        if self.epochs.insert((group.clone(), epoch)) && !first {
            self.counts.handovers += 1;
        }
    }

    fn members(&mut self, who: NodeId, group: &GroupName, members: &[Member]) {
        let mut seen = BTreeSet::new();
        for member in members {
            if !seen.insert(member.id) {
                self.complain(who, group, "a member is listed twice");
            }
        }
        if hosts(members).count() > 1 {
            self.complain(who, group, "two hosts are listed");
        }
        self.of(who, group).members = members.to_vec();
    }

    /// The group of somebody's window goes by another name, with all that was said in it.
    fn renamed(&mut self, who: NodeId, group: &GroupName, to: &GroupName) {
        let Some(mut view) = self.views.remove(&(who, group.clone())) else {
            return self.complain(who, group, "was renamed, and never opened");
        };
        for (id, line) in &mut view.log {
            line.group = to.clone();
            let (was, is) = ((group.clone(), *id), (to.clone(), *id));
            if let Some(said) = self.said.get(&was).cloned() {
                self.said.entry(is.clone()).or_insert(said);
            }
            if let Some(copies) = self.confirmed.remove(&was) {
                self.confirmed.insert(is, copies);
            }
        }
        let typed = self.typed.iter().filter(|((of, _, _), _)| of == group);
        let typed: Vec<_> = typed
            .map(|((_, author, text), became)| ((to.clone(), *author, text.clone()), *became))
            .collect();
        self.typed.extend(typed);
        self.renames.insert((who, group.clone()), to.clone());
        self.views.insert((who, to.clone()), view);
    }

    /// What somebody's group is called by now.
    pub fn name_of(&self, who: NodeId, group: &GroupName) -> GroupName {
        let renamed = self.renames.get(&(who, group.clone()));
        renamed.unwrap_or(group).clone()
    }

    fn out(&mut self, who: NodeId, group: &GroupName) {
        let view = self.of(who, group);
        view.is_in = false;
    }

    fn of(&mut self, who: NodeId, group: &GroupName) -> &mut View {
        self.views.entry((who, group.clone())).or_default()
    }

    fn complain(&mut self, who: NodeId, group: &GroupName, what: &str) {
        let who = self.called(who);
        self.violations.push(format!("{who} in {group}: {what}"));
    }

    fn called(&self, who: NodeId) -> String {
        self.names.get(&who).cloned().unwrap_or_else(|| who.short())
    }

    /// What was wrong so far, whatever happens later.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Records something that was wrong outside of what people see (a broken contract with the disk, say).
    pub fn blame(&mut self, what: String) {
        self.violations.push(what);
    }

    /// What is wrong in a group where all has been quiet for long enough and `stayers` are in.
    pub fn unsettled(&self, group: &GroupName, stayers: &[NodeId]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut agreed: Option<(NodeId, &View)> = None;
        for &who in stayers {
            let name = self.called(who);
            let Some(view) = self.view(who, group).filter(|view| view.is_in) else {
                wrong.push(format!("{name} is not in {group}"));
                continue;
            };
            wrong.extend(
                self.own_lines(view)
                    .map(|w| format!("{name} in {group}: {w}")),
            );
            wrong.extend(standing(view, stayers).map(|w| format!("{name} in {group}: {w}")));
            match agreed {
                None => agreed = Some((who, view)),
                Some((other, theirs)) => {
                    let pair = format!("{name} and {} in {group}", self.called(other));
                    wrong.extend(differences(view, theirs).map(|w| format!("{pair}: {w}")));
                }
            }
        }
        if let Some((_, view)) = agreed {
            wrong.extend(self.whole(group, view));
        }
        wrong
    }

    /// Entries whose authors were told that they are safe, and which `who` does not have.
    pub fn safe_but_missing(&self, group: &GroupName, who: NodeId) -> Vec<EntryId> {
        let safe = self.confirmed.iter();
        let safe = safe.filter(|((of, _), copies)| of == group && **copies > self.disks_lost);
        let log = self.view(who, group).map(|view| &view.log);
        safe.map(|((_, id), _)| *id)
            .filter(|id| log.is_none_or(|log| !log.contains_key(id)))
            .collect()
    }

    /// What an entry says and whose it is, for people.
    pub fn describe(&self, group: &GroupName, id: EntryId) -> String {
        let said = self.said.get(&(group.clone(), id)).map(|line| &line.what);
        format!("{}'s {} ({said:?})", self.called(id.author), id.number.0)
    }

    /// Own lines that are neither confirmed nor failed.
    fn own_lines<'a>(&self, view: &'a View) -> impl Iterator<Item = String> + use<'a> {
        view.sent
            .iter()
            .filter(|(id, _)| !view.failed.contains_key(id))
            .filter_map(
                |(id, what)| match (view.log.get(id), view.confirmed.get(id)) {
                    (None, _) => Some(format!("own {what:?} ({}) has no place", id.number.0)),
                    (Some(line), None) => Some(format!("own {} is not confirmed", say(line))),
                    (Some(_), Some(_)) => None,
                },
            )
    }

    /// Whether an author forgot, between two of its numbers, what it had said and what the time was in the log:
    /// until it meets the others what it says is in order by its own clock.
    fn has_forgotten(&self, group: &GroupName, author: NodeId, numbers: [Number; 2]) -> bool {
        let [one, two] =
            numbers.map(|number| self.born.get(&(group.clone(), EntryId { author, number })));
        one != two
    }

    /// What must hold of the one log that all agree on.
    fn whole(&self, group: &GroupName, view: &View) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut lines: Vec<_> = view.log.values().collect();
        lines.sort_by_key(|line| line.place);
        let mut last = BTreeMap::new();
        for line in lines {
            if let Some(before) = last.insert(line.id.author, line.id.number)
                && before > line.id.number
                && !self.has_forgotten(group, line.id.author, [before, line.id.number])
            {
                let author = self.called(line.id.author);
                wrong.push(format!(
                    "{group}: {author}'s {} is above {}",
                    line.id.number.0, before.0
                ));
            }
        }
        wrong
    }
}

/// What is wrong with who is in, and who hosts.
fn standing<'a>(view: &'a View, stayers: &[NodeId]) -> impl Iterator<Item = String> + use<'a> {
    let mut wrong = Vec::new();
    let listed: BTreeSet<_> = view.members.iter().map(|member| member.id).collect();
    let expected: BTreeSet<_> = stayers.iter().copied().collect();
    if listed != expected {
        let odd: Vec<_> = listed.symmetric_difference(&expected).collect();
        wrong.push(format!("the roster is off by {odd:?}"));
    }
    if let Some(absent) = view.members.iter().find(|member| !member.present) {
        wrong.push(format!("{} is held for absent", absent.nick));
    }
    let host: Vec<_> = hosts(&view.members).collect();
    if host != view.host.map(|(host, _)| host).as_slice() {
        wrong.push(format!(
            "the roster has {host:?} for host, the epoch {:?}",
            view.host
        ));
    }
    wrong.into_iter()
}

/// In what two views differ.
fn differences<'a>(one: &'a View, two: &'a View) -> impl Iterator<Item = String> + use<'a> {
    let lacking = |has: &'a View, lacks: &'a View, who: &'static str| {
        has.log
            .values()
            .filter(|line| !lacks.log.contains_key(&line.id))
            .map(move |line| format!("the {who} lacks {}", say(line)))
    };
    let moved = one.log.values().filter_map(|line| {
        let theirs = two.log.get(&line.id)?;
        (theirs.place != line.place).then(|| format!("{} has two places", say(line)))
    });
    let mut rest = Vec::new();
    // One that hosts on under a higher epoch is not told again.
    let host = |view: &View| view.host.map(|(host, _)| host);
    if host(one) != host(two) {
        rest.push(format!("the hosts are {:?} and {:?}", one.host, two.host));
    }
    if one.members != two.members {
        let list = |view: &View| {
            let nicks: Vec<_> = view
                .members
                .iter()
                .map(|m| format!("{}{}", m.nick, mark(m.standing)))
                .collect();
            nicks.join(" ")
        };
        rest.push(format!(
            "the rosters are [{}] and [{}]",
            list(one),
            list(two)
        ));
    }
    lacking(one, two, "second")
        .chain(lacking(two, one, "first"))
        .chain(moved)
        .chain(rest)
}

/// Whether two tellings of one entry say the same. A nick is told as it is known at that moment.
fn is_same(one: &What, two: &What) -> bool {
    match (one, two) {
        (What::Gone { member: one, .. }, What::Gone { member: two, .. }) => one == two,
        (What::Ruling { ruling: one, .. }, What::Ruling { ruling: two, .. }) => one == two,
        // Whether it has an effect shows when the other side of a partition is known.
        (What::Vain(_), _) | (_, What::Vain(_)) => true,
        (one, two) => one == two,
    }
}

fn mark(standing: Standing) -> &'static str {
    match standing {
        Standing::Host => "*",
        Standing::Heir => "+",
        Standing::Member => "",
    }
}

fn hosts(members: &[Member]) -> impl Iterator<Item = NodeId> {
    members
        .iter()
        .filter(|member| member.standing == Standing::Host)
        .map(|member| member.id)
}

fn say(line: &Line) -> String {
    let Place { epoch, seq, .. } = line.place;
    let number = line.id.number.0;
    format!(
        "{}'s {number} {:?} at {epoch}/{}",
        line.from, line.what, seq.0
    )
}
