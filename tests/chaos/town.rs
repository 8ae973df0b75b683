//! A directory, supernodes and people, each a process, and all that they have said so far.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use rustix::process::Signal;
use serde_json::Value;

use crate::ground::{Ground, Plot};
use crate::judge::{Ending, Life, Note, Told};
use crate::process::{Heard, Process};
use crate::read;

/// Where everybody talks.
pub(crate) const GROUP: &str = "#hearth";
/// Long enough for a machine that does many things beside; nothing that works needs a tenth of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const NICKS: [&str; 10] = [
    "anna", "bob", "cat", "dan", "eve", "fay", "gus", "hal", "ida", "jan",
];

/// The first of all nodes are the directories, then come the supernodes, then the people.
pub(crate) struct Town {
    pub(crate) nodes: Vec<Node>,
    pub(crate) directories: usize,
    pub(crate) supernodes: usize,
    pub(crate) ground: Ground,
    /// What went wrong outside of what people see.
    pub(crate) complaints: Vec<String>,
    home: PathBuf,
    began: Instant,
    tell: Sender<Heard>,
    heard: Receiver<Heard>,
}

/// One process after another with the same identity.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) process: Option<Process>,
    pub(crate) plot: Plot,
    pub(crate) data: PathBuf,
    args: Vec<String>,
    /// All that it wrote, with the time, for whoever reads a failure.
    story: File,
    /// How it was told to end, or made to.
    ending: Option<Ending>,
    /// What a person typed and saw; empty for a mesh node.
    pub(crate) seen: Seen,
}

/// All that a person typed and was told.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) key: String,
    pub(crate) lives: Vec<Life>,
    pub(crate) typed: u32,
    /// The rest is of the present life alone.
    pub(crate) is_in: bool,
    pub(crate) role: String,
    pub(crate) texts: BTreeSet<String>,
    pub(crate) is_ready: bool,
    pub(crate) heard: Tally,
}

/// How often a person was told of some things, in all their lives, or did them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) confirmed: u64,
    pub(crate) hosts: u64,
    pub(crate) joined: u64,
    pub(crate) merges: u64,
}

impl Town {
    /// A town whose directory and supernodes run, and in which nobody is up yet.
    pub(crate) fn new(ground: Ground, home: &Path, supernodes: usize, people: usize) -> Self {
        Self::with_directories(ground, home, [1, supernodes, people])
    }

    /// The same, of so many directories, supernodes and people.
    pub(crate) fn with_directories(mut ground: Ground, home: &Path, of_each: [usize; 3]) -> Self {
        let [directories, supernodes, people] = of_each;
        let (tell, heard) = channel();
        let mut nodes = Vec::new();
        let mut add = |name: &str, args: &[&str], is_person: bool| {
            let plot = ground.plot(nodes.len(), name);
            let data = home.join(name);
            let mut args: Vec<String> = args.iter().map(ToString::to_string).collect();
            if !is_person {
                args.extend(["--listen".to_owned(), plot.address()]);
            }
            nodes.push(Node {
                name: name.to_owned(),
                process: None,
                plot: plot.clone(),
                data,
                args,
                story: File::create(home.join(format!("{name}.story"))).unwrap(),
                ending: None,
                seen: Seen::default(),
            });
            plot.address()
        };
        // Each knows the directories before it, and all others know every directory.
        let mut bootstrap: Vec<String> = Vec::new();
        for number in 1..=directories {
            let name = match directories {
                1 => "directory".to_owned(),
                _ => format!("directory-{number}"),
            };
            let mut args = vec!["--directory", "--name", &name];
            args.extend(bootstrap.iter().map(String::as_str));
            let address = add(&name, &args, false);
            bootstrap.extend(["--bootstrap".to_owned(), address]);
        }
        let bootstrap: Vec<&str> = bootstrap.iter().map(String::as_str).collect();
        for number in 1..=supernodes {
            let name = format!("supernode-{number}");
            let args = [&["--supernode", "--name", &name], &*bootstrap].concat();
            add(&name, &args, false);
        }
        for nick in &NICKS[..people] {
            let args = [&["--json", "--nick", nick], &*bootstrap, &[GROUP]].concat();
            add(nick, &args, true);
        }
        let mut town = Self {
            nodes,
            directories,
            supernodes,
            ground,
            complaints: Vec::new(),
            home: home.to_owned(),
            began: Instant::now(),
            tell,
            heard,
        };
        for ix in town.mesh() {
            town.start(ix);
            town.waits("a mesh node to listen", |town| town.nodes[ix].seen.is_ready);
        }
        town
    }

    // -- who is there ------------------------------------------------------------------------------------

    pub(crate) fn mesh(&self) -> std::ops::Range<usize> {
        0..self.directories + self.supernodes
    }

    pub(crate) fn people(&self) -> std::ops::Range<usize> {
        self.mesh().end..self.nodes.len()
    }

    pub(crate) fn is_up(&self, ix: usize) -> bool {
        let node = &self.nodes[ix];
        node.process.is_some() && node.ending.is_none()
    }

    /// Up, and not frozen.
    pub(crate) fn is_lively(&self, ix: usize) -> bool {
        let process = self.nodes[ix].process.as_ref();
        self.is_up(ix) && process.is_some_and(|process| !process.is_frozen)
    }

    /// People who were told last that they are this (host, heir or member) and may still think so.
    pub(crate) fn who_is(&self, role: &str) -> Vec<usize> {
        let is = |ix: &usize| self.nodes[*ix].seen.role == role && self.is_up(*ix);
        self.people().filter(is).collect()
    }

    /// The supernodes that run, the responsible one first.
    pub(crate) fn by_ring(&self) -> Vec<usize> {
        let supernodes = self.directories..self.mesh().end;
        let mut up: Vec<usize> = supernodes.filter(|ix| self.is_up(*ix)).collect();
        let group = point(GROUP);
        up.sort_by_key(|ix| {
            let point = point(&self.nodes[*ix].plot.ip);
            point.wrapping_sub(group).min(group.wrapping_sub(point))
        });
        up
    }

    /// How often something happened so far, to anybody.
    pub(crate) fn count(&self, of: impl Fn(&Seen) -> u64) -> u64 {
        self.nodes.iter().map(|node| of(&node.seen)).sum()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.at_ms(Instant::now())
    }

    fn at_ms(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.began).as_millis()).unwrap()
    }

    // -- deeds -------------------------------------------------------------------------------------------

    pub(crate) fn start(&mut self, ix: usize) {
        let node = &mut self.nodes[ix];
        assert!(node.process.is_none(), "{} runs already", node.name);
        let mut command = node.plot.fireside();
        command
            .args(&node.args)
            .args(["--log", "debug"])
            .arg("--data")
            .arg(&node.data)
            .env("HOME", &self.home)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME")
            .env("USER", "tester");
        let seen = &mut node.seen;
        seen.lives.push(Life::default());
        seen.is_in = false;
        seen.is_ready = false;
        seen.role.clear();
        seen.texts.clear();
        let complaints = node.data.with_extension("stderr");
        let process = Process::start(command, &complaints, ix, self.tell.clone());
        node.process = Some(process);
        node.ending = None;
    }

    /// Kills processes at the same moment, and hears what they said before.
    pub(crate) fn kill(&mut self, all: &[usize]) {
        for ix in all {
            let node = &mut self.nodes[*ix];
            node.ending = Some(Ending::Killed);
            if let Some(process) = &mut node.process {
                process.is_killed();
            }
        }
        for ix in all {
            self.waits("the end of a killed process", |town| {
                town.nodes[*ix].process.is_none()
            });
        }
    }

    /// Tells a process to end, by its own command, if it takes any, or by a signal.
    pub(crate) fn dismiss(&mut self, ix: usize, by_word: bool) {
        let is_person = self.people().contains(&ix);
        let node = &mut self.nodes[ix];
        node.ending = Some(Ending::Clean);
        if let Some(process) = &mut node.process {
            if by_word && is_person {
                process.types("/quit");
            } else {
                process.terminates();
            }
        }
    }

    /// Waits until a process that was told to end has done so.
    pub(crate) fn sees_out(&mut self, ix: usize) {
        self.waits("the end of a process that was told to end", |town| {
            town.nodes[ix].process.is_none()
        });
    }

    /// Somebody says their next line; its text.
    pub(crate) fn says(&mut self, ix: usize, what: &str) -> String {
        let at_ms = self.now_ms();
        let node = &mut self.nodes[ix];
        node.seen.typed += 1;
        let text = format!("{} {}{what}", node.name, node.seen.typed);
        if let Some(life) = node.seen.lives.last_mut() {
            life.notes.push((at_ms, Note::Typed(text.clone())));
        }
        if let Some(process) = &mut node.process {
            process.types(&format!("/msg {GROUP} {text}"));
        }
        text
    }

    // -- hearing -----------------------------------------------------------------------------------------

    /// Hears whatever is said until then.
    pub(crate) fn hears_until(&mut self, end: Instant) {
        while self.hears_one(end) {}
    }

    /// Hears until something is so; what did not become so in time is complained of.
    pub(crate) fn waits(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + PATIENCE;
        while !is_so(self) {
            if !self.hears_one(end) {
                self.complaints.push(format!("waited in vain for {what}"));
                return false;
            }
        }
        true
    }

    pub(crate) fn hears_one(&mut self, end: Instant) -> bool {
        let left = end.saturating_duration_since(Instant::now());
        match self.heard.recv_timeout(left) {
            Ok(heard) => {
                self.takes_in(heard);
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }

    fn takes_in(&mut self, heard: Heard) {
        let at_ms = self.at_ms(heard.at);
        let node = &mut self.nodes[heard.from];
        let said = heard.line.as_deref().unwrap_or("(the end)");
        writeln!(node.story, "{at_ms:>7} {said}").unwrap();
        let Some(line) = heard.line else {
            let status = node.process.take().map(|mut it| it.ended());
            let is_well = status.is_none_or(|status| status.success());
            let mut ending = node.ending.unwrap_or(Ending::Killed);
            if ending == Ending::Clean
                && status.and_then(|s| s.signal()) == Some(Signal::TERM.as_raw())
            {
                // It was told to end before it listened for that.
                ending = Ending::Killed;
            }
            if node.ending.is_none() || ending == Ending::Clean && !is_well {
                let what = format!("{} ended by itself, or badly: {status:?}", node.name);
                self.complaints.push(what);
            }
            if let Some(life) = node.seen.lives.last_mut() {
                life.ending = Some(ending);
            }
            return;
        };
        if !node.args.contains(&"--json".to_owned()) {
            node.seen.is_ready |= line.contains(" listening on ");
            return;
        }
        match serde_json::from_str(&line) {
            Ok(event) => node.seen.takes_in(at_ms, &event),
            // The last line of one that was killed may be cut short.
            Err(_) if node.ending == Some(Ending::Killed) => {}
            Err(why) => {
                let what = format!("{} wrote what is no JSON ({why}): {line}", node.name);
                self.complaints.push(what);
            }
        }
    }
}

impl Seen {
    fn takes_in(&mut self, at_ms: u64, event: &Value) {
        match event["event"].as_str() {
            Some("ready") => {
                event["id"]
                    .as_str()
                    .unwrap_or_default()
                    .clone_into(&mut self.key);
                self.is_ready = true;
            }
            Some("role") => {
                let role = event["role"].as_str().unwrap_or_default();
                role.clone_into(&mut self.role);
            }
            Some("merge") => self.heard.merges += 1,
            Some(_) | None => {}
        }
        let Some(told) = read::told(event, GROUP) else {
            return;
        };
        match &told {
            Told::Joined(_) => {
                self.is_in = true;
                self.heard.joined += 1;
            }
            Told::Left => self.is_in = false,
            Told::Message { text, .. } => drop(self.texts.insert(text.clone())),
            Told::Confirmed { .. } => self.heard.confirmed += 1,
            Told::Host(_) => self.heard.hosts += 1,
            Told::Sent { .. } | Told::Failed { .. } => {}
        }
        if let Some(life) = self.lives.last_mut() {
            life.notes.push((at_ms, Note::Told(told)));
        }
    }

    /// Whether an own line of the present life is confirmed.
    pub(crate) fn is_confirmed(&self, text: &str) -> bool {
        self.confirmed_ms(text).is_some()
    }

    /// When it was.
    pub(crate) fn confirmed_ms(&self, text: &str) -> Option<u64> {
        let notes = || self.lives.last().into_iter().flat_map(|life| &life.notes);
        let own = notes().find_map(|(_, note)| match note {
            Note::Told(Told::Sent { id, text: sent }) if sent == text => Some(id),
            Note::Told(_) | Note::Typed(_) => None,
        })?;
        notes().find_map(|(at_ms, note)| match note {
            Note::Told(Told::Confirmed { id, .. }) if id == own => Some(*at_ms),
            Note::Told(_) | Note::Typed(_) => None,
        })
    }
}

/// Where an address or a group lies on the circle: the last four bytes of the digest of its text.
fn point(text: &str) -> u32 {
    let digest: [u8; 16] = Md5::digest(text.as_bytes()).into();
    u32::from_be_bytes([digest[12], digest[13], digest[14], digest[15]])
}
