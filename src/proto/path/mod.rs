//! Which way the packets of one peer go: through a supernode, straight to its address, or both while in doubt.
//!
//! A [`Finder`] is told what comes and goes, and says what to send: probes to the addresses that the peer has given
//! (and to those that its own probes came from), answers to the peer's probes, and the last few packets once more
//! when a way opens. It never sees a byte: whether a probe is authentic is known before it gets here. An address
//! becomes a path when it has answered, so that nobody is sent more than a few probes who does not want them.
//!
//! *Invariant:* a probe goes only to where an authenticated peer has said that it is, or where its probes came from;
//! there is a bound on how many, and none is longer than its answer.
//! *Invariant:* what is not authentic, or comes twice, changes nothing.

pub mod candidate;
pub mod door;
pub mod report;
mod seen;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use self::candidate::is_probed;
use self::seen::Window;
use super::limits::{CANDIDATES_MAX, PROBES_BURST, PROBES_PER_SECOND};
use super::time::Mono;

/// Probing begins fast, since both ends must send before either is heard through its router; most holes are there
/// after one round trip (97.6 % at the first attempt, arXiv 2510.27500).
const ROUNDS: [(Duration, Duration); 3] = [
    (Duration::from_millis(250), Duration::from_millis(20)),
    (Duration::from_secs(3), Duration::from_millis(100)),
    (Duration::from_secs(30), Duration::from_secs(1)),
];
/// The pauses after that double from here on: routers forget and are restarted.
const PAUSE_FIRST: Duration = Duration::from_secs(5);
const PAUSE_LAST: Duration = Duration::from_secs(60);
/// Without an answer to what was sent on the direct path for so long, or two round trips, it is asked for one.
const DOUBT_AFTER: Duration = Duration::from_millis(150);
/// How often it is asked then.
const DOUBT_INTERVAL: Duration = Duration::from_millis(50);
/// And after so long, or four round trips, packets go both ways.
const BOTH_AFTER: Duration = Duration::from_millis(400);
/// How long both ways are used before the direct one is given up.
const BOTH_FOR: Duration = Duration::from_secs(4);
/// A packet of the peer that came through the supernode so long after the path became direct was not just late: the
/// other end is in trouble.
const LATE: Duration = Duration::from_millis(500);
/// How long packets that only look like the peer's count for the path. Anybody can make some; an answer nobody.
const UNPROVEN: Duration = Duration::from_secs(2);
/// What is sent so soon after something came is taken for its acknowledgement, to which there is no answer. If it was
/// more than that, QUIC sends it again before packets go both ways, and then it counts from when it was first sent.
/// What comes later is something new.
const REPLY_WITHIN: Duration = Duration::from_millis(50);
/// An answer after this is none.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How often the way through the supernode is used while it is not needed: it is there at once when it is.
const WARM_INTERVAL: Duration = Duration::from_secs(10);
/// Addresses that a peer did not name and that its probes came from. Roaming makes one at a time.
const REFLEXIVE_MAX: usize = 4;
/// Probes that may wait for an answer.
const PENDING_MAX: usize = 256;

/// How packets to a peer are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    #[default]
    Relay,
    /// On both paths: the direct one is in doubt. QUIC drops what comes twice.
    Both(SocketAddr),
    Direct(SocketAddr),
}

impl Way {
    /// The address of the direct path, if there is one.
    #[must_use]
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Relay => None,
            Self::Both(address) | Self::Direct(address) => Some(address),
        }
    }
}

/// What only the prober can have put into a probe, and its answer must hold.
pub type Nonce = [u8; 8];

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Ask whoever is there to answer.
    Probe {
        to: SocketAddr,
        number: u64,
    },
    /// Answer the peer's probe.
    Answer {
        to: SocketAddr,
        number: u64,
        nonce: Nonce,
    },
    /// The same through the supernode.
    ProbeRelay {
        number: u64,
    },
    AnswerRelay {
        number: u64,
        nonce: Nonce,
    },
    /// Send the last few packets once more, on the way there is: QUIC has grown slow while there was none.
    Kick,
}

/// What was tried at an address of the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Whether the peer named it, or its probes came from there.
    pub is_offered: bool,
    pub probes: u32,
    /// The last round trip, if it ever answered.
    pub rtt_ms: Option<u64>,
    /// When an authentic packet came from there.
    seen: Option<Mono>,
}

/// How long answers took, since [`Finder::ping`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub direct_ms: Option<u64>,
    pub relay_ms: Option<u64>,
}

/// Finds and watches the way to one peer.
#[derive(Clone, Debug, Default)]
pub struct Finder {
    way: Way,
    /// Since when it is that.
    since: Mono,
    theirs: BTreeMap<SocketAddr, Tried>,
    punch: Option<Punch>,
    pending: BTreeMap<u64, Pending>,
    numbered: u64,
    window: Window,
    budget: Budget,
    rtt_ms: Option<u64>,
    /// Since when what we sent on the direct path is without any answer.
    unanswered: Option<Mono>,
    /// When the direct path was last asked while in doubt.
    asked: Option<Mono>,
    /// When something came on it last, and when something was sent that may be no more than the reply to that.
    heard: Mono,
    replied: Option<Mono>,
    /// When something authentic came on the direct path last.
    proven: Mono,
    /// When the way through the supernode is used next, though the direct one is in use.
    warm: Mono,
    /// What has answered since it was last asked on every way.
    answers: Answers,
    acts: VecDeque<Act>,
}

/// An attempt at all addresses of the peer.
#[derive(Clone, Copy, Debug)]
struct Punch {
    began: Mono,
    next: Mono,
    pause: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    /// None for the supernode.
    to: Option<SocketAddr>,
    at: Mono,
}

/// Probes to addresses that have not answered.
#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    used_ms: u64,
    at: Mono,
}

impl Finder {
    /// The way packets are to be sent.
    #[must_use]
    pub fn way(&self) -> Way {
        self.way
    }

    /// The round trip of the direct path.
    #[must_use]
    pub fn rtt_ms(&self) -> Option<u64> {
        self.way.address().and(self.rtt_ms)
    }

    /// What has answered since it was last asked on every way.
    #[must_use]
    pub fn answers(&self) -> Answers {
        self.answers
    }

    /// What was tried so far, by address.
    pub fn tried(&self) -> impl Iterator<Item = (SocketAddr, Tried)> {
        self.theirs
            .iter()
            .map(|(address, tried)| (*address, *tried))
    }

    /// The next thing to be done, if any.
    pub fn poll(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// When to call [`Finder::timeout`], if nothing else comes before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Mono> {
        let watch = match self.way {
            Way::Relay => None,
            Way::Both(_) => Some(self.since + BOTH_FOR),
            Way::Direct(_) => {
                let watch = self.unanswered.map(|since| {
                    let doubt = since + self.doubt_after();
                    let again = self.asked.map_or(doubt, |asked| asked + DOUBT_INTERVAL);
                    again.max(doubt).min(since + self.both_after())
                });
                Some(watch.map_or(self.warm, |watch| watch.min(self.warm)))
            }
        };
        let round = self.punch.filter(|_| !self.theirs.is_empty());
        watch.into_iter().chain(round.map(|punch| punch.next)).min()
    }

    /// The peer's process is another: nothing that was known of its addresses counts.
    pub fn renewed(&mut self, now: Mono) {
        let (numbered, budget) = (self.numbered, self.budget);
        *self = Self {
            numbered,
            budget,
            since: now,
            ..Self::default()
        };
    }

    /// The peer says at which addresses it may be; none, if it wants to be reached through supernodes only.
    pub fn offered(&mut self, now: Mono, addresses: &[SocketAddr]) {
        let wanted: Vec<_> = addresses
            .iter()
            .filter(|address| is_probed(**address))
            .take(CANDIDATES_MAX)
            .copied()
            .collect();
        let is_known = |address| {
            self.theirs
                .get(&address)
                .is_some_and(|tried| tried.is_offered)
        };
        let is_same = wanted.iter().all(|address| is_known(*address))
            && wanted.len()
                == self
                    .theirs
                    .values()
                    .filter(|tried| tried.is_offered)
                    .count();
        if is_same {
            return;
        }
        let current = self.way.address();
        let stays = current.is_some_and(|address| is_known(address) && wanted.contains(&address));
        self.theirs
            .retain(|address, tried| !tried.is_offered || wanted.contains(address));
        for address in wanted {
            self.theirs.entry(address).or_default().is_offered = true;
        }
        if addresses.is_empty() {
            self.theirs.clear();
            self.punch = None;
            self.go(now, Way::Relay);
        } else if !stays {
            self.doubt(now);
        }
    }

    /// Our own network is another: no path of before is sure.
    pub fn moved(&mut self, now: Mono) {
        self.doubt(now);
    }

    /// An authentic probe of the peer came from there. Says whether it was the first time.
    pub fn probed(&mut self, now: Mono, from: SocketAddr, number: u64, nonce: Nonce) -> bool {
        // One that never arrived could be sent again by whoever has kept it. From somewhere else than the peer is known
        // to be only its latest word counts.
        let may_be_old = self.theirs.contains_key(&from);
        let is_news = may_be_old || self.window.is_latest(number);
        if !is_probed(from) || !is_news || !self.window.is_first(number) {
            return false;
        }
        self.note(now, from);
        match self.way {
            Way::Direct(address) if address == from => self.proves(now),
            // Back at once: behind a router that gives everybody another port this is the only address it has. Before
            // the answer, so that the peer answers before it sends anything else from there.
            Way::Direct(_) | Way::Both(_) | Way::Relay => self.probe(now, from),
        }
        self.acts.push_back(Act::Answer {
            to: from,
            number,
            nonce,
        });
        true
    }

    /// An authentic probe of the peer came through a supernode. Says whether it was the first time.
    pub fn probed_relayed(&mut self, number: u64, nonce: Nonce) -> bool {
        let is_first = self.window.is_first(number);
        if is_first {
            self.acts.push_back(Act::AnswerRelay { number, nonce });
        }
        is_first
    }

    /// An authentic answer came through a supernode.
    pub fn answered_relayed(&mut self, now: Mono, number: u64) {
        let asked = self.pending.get(&number).filter(|asked| asked.to.is_none());
        if let Some(asked) = asked {
            self.answers.relay_ms = Some(millis(now - asked.at));
            self.pending.remove(&number);
        }
    }

    /// Asks on every way there is. What comes of it is told by [`Finder::answers`].
    pub fn ping(&mut self, now: Mono) {
        self.answers = Answers::default();
        self.probe_relay(now);
        match self.way {
            Way::Relay => self.punch(now),
            Way::Both(address) | Way::Direct(address) => self.probe(now, address),
        }
        self.round(now);
    }

    /// An authentic answer came from there. Says whether it is to a probe that was sent there: then the peer is there.
    pub fn answered(&mut self, now: Mono, from: SocketAddr, number: u64) -> bool {
        let asked = self.pending.get(&number).copied();
        let is_due = |asked: &Pending| asked.to == Some(from) && now - asked.at <= ANSWER_WAIT;
        let Some(asked) = asked.filter(is_due) else {
            return false;
        };
        self.pending.remove(&number);
        let Some(tried) = self.theirs.get_mut(&from) else {
            return false;
        };
        let rtt_ms = millis(now - asked.at);
        tried.rtt_ms = Some(rtt_ms);
        tried.seen = Some(now);
        self.answers.direct_ms = Some(rtt_ms);
        match self.way {
            Way::Direct(address) if address == from => {
                self.smooth(rtt_ms);
                self.proves(now);
            }
            Way::Direct(_) => {
                // What was sent before this was asked has had the time for an answer, and got none.
                let is_silent = self
                    .unanswered
                    .is_some_and(|since| since <= asked.at && now - since >= 2 * DOUBT_INTERVAL);
                let is_farther = self.rtt_ms.is_some_and(|old| rtt_ms + 1 < old * 3 / 4);
                if is_silent || is_farther {
                    self.settle(now, from, rtt_ms);
                }
            }
            Way::Both(_) | Way::Relay => self.settle(now, from, rtt_ms),
        }
        true
    }

    /// Something came from there that may be the peer's.
    pub fn heard(&mut self, now: Mono, from: SocketAddr) {
        if self.way == Way::Direct(from) && now - self.proven < UNPROVEN {
            self.is_answered(now);
        }
    }

    /// A packet of the peer came through a supernode.
    pub fn heard_relayed(&mut self, now: Mono) {
        if matches!(self.way, Way::Direct(_)) && now - self.since > LATE {
            self.doubt(now);
        }
    }

    /// A packet was sent to the peer, on the way there is.
    pub fn sent(&mut self, now: Mono) {
        if !matches!(self.way, Way::Direct(_)) || self.unanswered.is_some() {
            return;
        }
        if self.replied.is_none() && now - self.heard <= REPLY_WITHIN {
            self.replied = Some(now);
        } else {
            let again = self.replied.filter(|at| now - *at < BOTH_AFTER);
            self.unanswered = Some(again.unwrap_or(now));
        }
    }

    /// The moment of [`Finder::poll_timeout`] has come.
    pub fn timeout(&mut self, now: Mono) {
        match self.way {
            Way::Relay => {}
            Way::Both(_) if now >= self.since + BOTH_FOR => {
                self.go(now, Way::Relay);
                self.punch(now);
            }
            Way::Both(_) => {}
            Way::Direct(address) => self.watch(now, address),
        }
        self.round(now);
    }

    fn watch(&mut self, now: Mono, address: SocketAddr) {
        if now >= self.warm {
            self.probe_relay(now);
        }
        let Some(since) = self.unanswered else {
            return;
        };
        if now - since >= self.both_after() {
            self.doubt(now);
        } else if now - since >= self.doubt_after()
            && self.asked.is_none_or(|asked| now - asked >= DOUBT_INTERVAL)
        {
            self.asked = Some(now);
            self.probe(now, address);
        }
    }

    /// Probes every address, if it is time.
    fn round(&mut self, now: Mono) {
        let Some(punch) = self.punch.filter(|punch| now >= punch.next) else {
            return;
        };
        let elapsed = now - punch.began;
        let step = ROUNDS.iter().find(|(until, _)| elapsed < *until);
        let (interval, pause) = match step {
            Some((_, interval)) => (*interval, PAUSE_FIRST),
            None => (punch.pause, (punch.pause * 2).min(PAUSE_LAST)),
        };
        self.punch = Some(Punch {
            next: now + interval,
            pause,
            ..punch
        });
        let addresses: Vec<_> = self.theirs.keys().copied().collect();
        for address in addresses {
            self.probe(now, address);
        }
    }

    fn punch(&mut self, now: Mono) {
        self.punch = Some(Punch {
            began: now,
            next: now,
            pause: PAUSE_FIRST,
        });
    }

    /// Uses both ways, if there is a direct one, and looks for a better.
    fn doubt(&mut self, now: Mono) {
        if let Way::Direct(address) = self.way {
            self.go(now, Way::Both(address));
        }
        self.punch(now);
        self.round(now);
    }

    fn settle(&mut self, now: Mono, address: SocketAddr, rtt_ms: u64) {
        if self.way.address() != Some(address) {
            self.rtt_ms = None;
        }
        self.smooth(rtt_ms);
        self.punch = None;
        self.go(now, Way::Direct(address));
        self.proves(now);
    }

    fn go(&mut self, now: Mono, way: Way) {
        if self.way == way {
            return;
        }
        self.way = way;
        self.since = now;
        self.unanswered = None;
        self.asked = None;
        self.replied = None;
        self.warm = now + WARM_INTERVAL;
        self.acts.push_back(Act::Kick);
    }

    fn proves(&mut self, now: Mono) {
        self.proven = now;
        self.is_answered(now);
    }

    fn is_answered(&mut self, now: Mono) {
        self.heard = now;
        self.unanswered = None;
        self.asked = None;
        self.replied = None;
    }

    /// Notes an address that an authentic probe came from. The one unused for longest gives way.
    fn note(&mut self, now: Mono, from: SocketAddr) {
        let reflexive = |(_, tried): &(&SocketAddr, &Tried)| !tried.is_offered;
        if !self.theirs.contains_key(&from)
            && self.theirs.iter().filter(reflexive).count() >= REFLEXIVE_MAX
        {
            let current = self.way.address();
            let others = self.theirs.iter().filter(reflexive);
            let others = others.filter(|(address, _)| Some(**address) != current);
            let oldest = others.min_by_key(|(_, tried)| tried.seen);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.theirs.remove(&oldest);
            }
        }
        self.theirs.entry(from).or_default().seen = Some(now);
    }

    fn probe(&mut self, now: Mono, to: SocketAddr) {
        let is_proven = self.way.address() == Some(to);
        if !is_proven && !self.budget.take(now) {
            return;
        }
        let number = self.number(now, Some(to));
        if let Some(tried) = self.theirs.get_mut(&to) {
            tried.probes = tried.probes.saturating_add(1);
        }
        self.acts.push_back(Act::Probe { to, number });
    }

    fn probe_relay(&mut self, now: Mono) {
        self.warm = now + WARM_INTERVAL;
        let number = self.number(now, None);
        self.acts.push_back(Act::ProbeRelay { number });
    }

    fn number(&mut self, now: Mono, to: Option<SocketAddr>) -> u64 {
        self.numbered += 1;
        while self.pending.len() >= PENDING_MAX {
            self.pending.pop_first();
        }
        self.pending.insert(self.numbered, Pending { to, at: now });
        self.numbered
    }

    fn smooth(&mut self, rtt_ms: u64) {
        self.rtt_ms = Some(self.rtt_ms.map_or(rtt_ms, |old| (7 * old + rtt_ms) / 8));
    }

    fn doubt_after(&self) -> Duration {
        DOUBT_AFTER.max(Duration::from_millis(2 * self.rtt_ms.unwrap_or(0)))
    }

    fn both_after(&self) -> Duration {
        BOTH_AFTER.max(Duration::from_millis(4 * self.rtt_ms.unwrap_or(0)))
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

impl Budget {
    /// Whether one more may be sent.
    fn take(&mut self, now: Mono) -> bool {
        let price = 1_000 / u64::from(PROBES_PER_SECOND);
        let earned = millis(now - self.at);
        self.used_ms = self.used_ms.saturating_sub(earned);
        self.at = self.at.max(now);
        let may = self.used_ms + price <= u64::from(PROBES_BURST) * price;
        if may {
            self.used_ms += price;
        }
        may
    }
}
