//! Who is alive: the SWIM engine `foca` between the mesh's nodes, over our own links.
//!
//! The engine is a state machine as our roles are, so that its clock, its timers and its chance are ours. A member is
//! a key and a clock: what a record says stays in the table, and the engine hears only of those whose record the
//! table has, so that its memory is bounded by the table's.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use foca::{Config, Foca, Identity, NoCustomBroadcast, Notification, PeriodicParams, Timer};

use super::id::NodeId;
use super::limits::{COUNT_MAX, NEWS_PER_GOSSIP_MAX};
use super::mutant::{self, Mutant};
use super::packet::{self, Binary};
use super::time::Mono;
use super::wire::{Doing, Edition, Gossip, Liveness, News};

/// How often a member, the next of a shuffled round, is asked whether it is there.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long it may take before others are asked to ask it: two continents and a lost packet. Where those who ask have
/// no link they make one, which costs more than a minute of probes.
const PROBE_ANSWER: Duration = Duration::from_millis(600);
/// How many others are asked.
const PROBED_BY: NonZeroUsize = NonZeroUsize::new(4).expect("it is not zero");
/// How long a suspect has to object: longer than a stall of two seconds and the news of it.
const SUSPECTED_FOR: Duration = Duration::from_secs(3);
/// How often news are passed on while there are any, and to how many.
const GOSSIP_INTERVAL: Duration = Duration::from_millis(200);
const GOSSIPED_TO: NonZeroUsize = NonZeroUsize::new(3).expect("it is not zero");
/// How often each piece of news is passed on: of a thousand nodes all but one in millions have it then.
const TOLD_TIMES: NonZeroU8 = NonZeroU8::new(10).expect("it is not zero");

/// What the node has to know of what the engine found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    Up(NodeId),
    Down(NodeId),
    /// We were called dead, and go on under this clock: the record is to be signed anew.
    Renewed(u64),
}

/// The engine of one node.
pub(crate) struct Membership {
    foca: Foca<Edition, Binary, Chance, NoCustomBroadcast>,
    wants: Wants,
}

/// What the engine asked for and has not been given.
#[derive(Clone, Debug)]
struct Wants {
    now: Mono,
    packets: Vec<(NodeId, Gossip)>,
    notes: Vec<Note>,
    timers: BTreeMap<(Mono, u64), Timer<Edition>>,
    /// Those who are suspected from here on, and how often each has objected.
    suspected: Vec<(Edition, u16)>,
    /// When each suspect is given up: one timer a member, however often it is suspected.
    suspects: BTreeMap<NodeId, (Mono, Timer<Edition>)>,
    order: u64,
    /// Of the engine's chance.
    seed: u64,
    /// What timers are valid with, as the engine gave it last.
    token: Option<u8>,
}

impl Membership {
    pub(crate) fn new(me: Edition, seed: u64) -> Self {
        let periodic = |frequency, num_members| {
            Some(PeriodicParams {
                frequency,
                num_members,
            })
        };
        let config = Config {
            probe_period: PROBE_INTERVAL,
            probe_rtt: PROBE_ANSWER,
            num_indirect_probes: PROBED_BY,
            max_transmissions: TOLD_TIMES,
            suspect_to_down_after: SUSPECTED_FOR,
            // The table says when a node is forgotten.
            remove_down_after: None,
            max_packet_size: packet::size_max(NEWS_PER_GOSSIP_MAX),
            notify_down_members: true,
            // Whom to look for is decided by who knows the records.
            periodic_announce: None,
            periodic_announce_to_down_members: None,
            periodic_gossip: periodic(GOSSIP_INTERVAL, GOSSIPED_TO),
        };
        Self {
            foca: Foca::new(me, config, Chance(seed), Binary),
            wants: Wants {
                now: Mono::default(),
                packets: Vec::new(),
                notes: Vec::new(),
                timers: BTreeMap::new(),
                suspected: Vec::new(),
                suspects: BTreeMap::new(),
                order: 0,
                seed,
                token: None,
            },
        }
    }

    pub(crate) fn me(&self) -> Edition {
        *self.foca.identity()
    }

    /// Our record has a higher clock.
    pub(crate) fn renew(&mut self, now: Mono, clock: u64) {
        let me = Edition { clock, ..self.me() };
        if me.clock > self.me().clock {
            self.does(now, |foca, wants| foca.change_identity(me, wants));
        }
    }

    /// The table has a record that proves a member to be there, or to have been lately: nobody else can have signed
    /// its clock.
    pub(crate) fn met(&mut self, now: Mono, member: Edition) {
        self.apply(now, foca::Member::alive(member));
    }

    /// Tells a member that we are there, and asks who else is.
    pub(crate) fn announce(&mut self, now: Mono, to: Edition) {
        self.does(now, |foca, wants| foca.announce(to, wants));
    }

    /// A member does not answer on its link; it is called dead unless it objects in time.
    pub(crate) fn doubt(&mut self, now: Mono, key: &NodeId) {
        let Some(known) = self.known(key).filter(|m| m.state() != foca::State::Down) else {
            return;
        };
        let (member_id, incarnation) = (*known.id(), known.incarnation());
        let suspect = foca::Member::new(member_id, incarnation, foca::State::Suspect);
        self.apply(now, suspect);
        if let Some(token) = self.wants.token {
            let timer = Timer::ChangeSuspectToDown {
                member_id,
                incarnation,
                token,
            };
            foca::Runtime::submit_after(&mut self.wants, timer, SUSPECTED_FOR);
        }
    }

    /// A member is out of service for good, or out of the table.
    pub(crate) fn forget(&mut self, now: Mono, key: &NodeId) {
        if let Some(member) = self.known(key).map(|known| *known.id()) {
            self.apply(now, foca::Member::down(member));
            self.does(now, |foca, wants| {
                foca.handle_timer(Timer::RemoveDown(member), wants)
            });
        }
    }

    /// Goes on with these alone. The engine forgets nobody without calling it dead, so that it begins anew.
    pub(crate) fn keep(&mut self, now: Mono, is_kept: impl Fn(&NodeId) -> bool) {
        let all = self.foca.iter_membership_state().cloned();
        let (kept, others): (Vec<_>, Vec<_>) = all.partition(|member| is_kept(&member.id().key));
        if others.is_empty() {
            return;
        }
        self.wants.seed = self.wants.seed.wrapping_add(1);
        let mut next = Self::new(self.me(), self.wants.seed);
        next.wants.seed = self.wants.seed;
        next.wants.packets = std::mem::take(&mut self.wants.packets);
        let notes = std::mem::take(&mut self.wants.notes);
        let dues = self.wants.suspects.iter();
        let dues: BTreeMap<NodeId, Mono> = dues.map(|(key, (at, _))| (*key, *at)).collect();
        let (suspects, sure): (Vec<_>, Vec<_>) = kept
            .into_iter()
            .partition(|member| member.state() == foca::State::Suspect);
        next.does(now, |foca, wants| {
            foca.apply_many(sure.into_iter(), false, wants)
        });
        next.wants.notes = notes;
        *self = next;
        for suspect in suspects {
            let (id, incarnation) = (*suspect.id(), suspect.incarnation());
            self.apply(now, foca::Member::new(id, incarnation, foca::State::Alive));
            self.doubt(now, &id.key);
            // It has the time that it had, however often we begin anew meanwhile.
            if let Some(due) = dues.get(&id.key)
                && let Some((at, _)) = self.wants.suspects.get_mut(&id.key)
            {
                *at = *due;
            }
        }
    }

    /// We end: those who are told pass it on.
    pub(crate) fn leave(&mut self, now: Mono) {
        self.does(now, |foca, wants| foca.leave_cluster(wants));
    }

    /// Takes what another member said, of which everybody it names is in the table.
    pub(crate) fn received(&mut self, now: Mono, from: Edition, gossip: &Gossip) {
        let packet = packet::of(from, self.me(), gossip);
        self.does(now, |foca, wants| foca.handle_data(&packet, wants));
    }

    pub(crate) fn tick(&mut self, now: Mono) {
        while let Some(timer) = self.wants.next_timer(now) {
            self.does(now, |foca, wants| foca.handle_timer(timer, wants));
        }
    }

    pub(crate) fn due(&self) -> Option<Mono> {
        let timers = self.wants.timers.keys().map(|(at, _)| *at).next();
        let suspects = self.wants.suspects.values().map(|(at, _)| *at).min();
        timers.into_iter().chain(suspects).min()
    }

    /// Everybody the engine has heard of: who, how often it has objected, and how it is.
    pub(crate) fn members(&self) -> impl Iterator<Item = (Edition, u16, Liveness)> {
        let all = self.foca.iter_membership_state();
        all.map(|known| (*known.id(), known.incarnation(), liveness(known.state())))
    }

    pub(crate) fn is_up(&self, member: Edition) -> bool {
        let known = self.known(&member.key);
        known.is_some_and(|known| *known.id() == member && known.state() != foca::State::Down)
    }

    /// Whether it was called dead under this very clock, and so can come back under a higher one only.
    pub(crate) fn is_down(&self, member: Edition) -> bool {
        let known = self.known(&member.key);
        known.is_some_and(|known| *known.id() == member && known.state() == foca::State::Down)
    }

    pub(crate) fn incarnation(&self, key: &NodeId) -> Option<(u64, u16)> {
        let known = self.known(key)?;
        Some((known.id().clock, known.incarnation()))
    }

    pub(crate) fn take_packets(&mut self) -> Vec<(NodeId, Gossip)> {
        std::mem::take(&mut self.wants.packets)
    }

    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.wants.notes)
    }

    fn known(&self, key: &NodeId) -> Option<&foca::Member<Edition>> {
        let mut all = self.foca.iter_membership_state();
        all.find(|known| known.id().key == *key)
    }

    fn apply(&mut self, now: Mono, update: foca::Member<Edition>) {
        self.does(now, |foca, wants| {
            foca.apply_many(std::iter::once(update), true, wants)
        });
    }

    /// Has the engine do something. What it refuses is somebody's stale or needless word, and changes nothing.
    fn does(
        &mut self,
        now: Mono,
        what: impl FnOnce(
            &mut Foca<Edition, Binary, Chance, NoCustomBroadcast>,
            &mut Wants,
        ) -> Result<(), foca::Error>,
    ) {
        self.wants.now = now;
        let _refused = what(&mut self.foca, &mut self.wants);
        self.tell_suspects();
    }

    /// Whoever is suspected is told so at once, and asked to object: who watches it may be known to few who watch us
    /// (the buddy system of Dadgar et al., 2018).
    fn tell_suspects(&mut self) {
        let clock = self.me().clock;
        for (edition, incarnation) in std::mem::take(&mut self.wants.suspected) {
            let suspicion = News {
                edition,
                incarnation,
                liveness: Liveness::Suspect,
            };
            let gossip = Gossip {
                clock,
                incarnation: 0,
                to_clock: edition.clock,
                doing: Doing::Ping { number: 0 },
                news: vec![suspicion],
            };
            if !mutant::is(Mutant::SuspectNotTold) {
                self.wants.packets.push((edition.key, gossip));
            }
        }
    }
}

/// A copy knows who is there, and begins its probes anew: the engine itself cannot be copied.
impl Clone for Membership {
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.me(), 0);
        copy.wants.now = self.wants.now;
        let known: Vec<_> = self.foca.iter_membership_state().cloned().collect();
        copy.does(self.wants.now, |foca, wants| {
            foca.apply_many(known.into_iter(), false, wants)
        });
        copy
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.members();
        f.debug_list()
            .entries(members.map(|(member, _, state)| (member.key, state)))
            .finish()
    }
}

impl Wants {
    /// The first timer that has gone off.
    fn next_timer(&mut self, now: Mono) -> Option<Timer<Edition>> {
        let suspect = self.suspects.iter().min_by_key(|(_, (at, _))| *at);
        let suspect = suspect.map(|(key, (at, _))| (*at, *key));
        let other = self.timers.first_key_value().map(|(at, _)| *at);
        match (suspect, other) {
            (Some((at, key)), other) if at <= now && other.is_none_or(|other| at <= other.0) => {
                self.suspects.remove(&key).map(|(_, timer)| timer)
            }
            (_, Some(first)) if first.0 <= now => self.timers.remove(&first),
            (Some(_) | None, Some(_) | None) => None,
        }
    }
}

impl foca::Runtime<Edition> for Wants {
    fn notify(&mut self, notification: Notification<'_, Edition>) {
        match notification {
            Notification::MemberUp(member) => self.notes.push(Note::Up(member.key)),
            Notification::MemberDown(member) => self.notes.push(Note::Down(member.key)),
            Notification::Rejoin(me) => self.notes.push(Note::Renewed(me.clock)),
            Notification::Rename(..)
            | Notification::Active
            | Notification::Idle
            | Notification::Defunct => {}
        }
    }

    fn send_to(&mut self, to: Edition, data: &[u8]) {
        if let Some(gossip) = packet::read(data) {
            self.packets.push((to.key, gossip));
        }
    }

    fn submit_after(&mut self, timer: Timer<Edition>, after: Duration) {
        let at = self.now + after;
        if let Timer::ProbeRandomMember(token) = timer {
            self.token = Some(token);
        }
        if let Timer::ChangeSuspectToDown {
            member_id,
            incarnation,
            ..
        } = timer
        {
            self.suspected.push((member_id, incarnation));
            let known = self.suspects.get(&member_id.key);
            // Whoever is suspected again meanwhile has no more time for it.
            if known.is_none_or(|(_, known)| *known != timer) {
                self.suspects.insert(member_id.key, (at, timer));
            }
            return;
        }
        self.order += 1;
        self.timers.insert((at, self.order), timer);
    }
}

impl Identity for Edition {
    type Addr = NodeId;

    fn renew(&self) -> Option<Self> {
        let clock = self.clock + 1;
        let may = clock <= COUNT_MAX && !mutant::is(Mutant::NotRenewed);
        may.then_some(Self { clock, ..*self })
    }

    fn addr(&self) -> NodeId {
        self.key
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.clock > adversary.clock
    }
}

fn liveness(state: foca::State) -> Liveness {
    match state {
        foca::State::Alive => Liveness::Alive,
        foca::State::Suspect => Liveness::Suspect,
        foca::State::Down => Liveness::Dead,
    }
}

/// The engine's chance, from the role's seed (splitmix64; Steele et al., 2014).
#[derive(Clone, Debug)]
struct Chance(u64);

impl Chance {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl rand_core::TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::try_from(self.draw() >> 32).expect("half of 64 bits"))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.draw())
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        for part in to.chunks_mut(8) {
            part.copy_from_slice(&self.draw().to_le_bytes()[..part.len()]);
        }
        Ok(())
    }
}
