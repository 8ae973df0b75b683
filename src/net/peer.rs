//! A peer as the socket knows it: its virtual address, the tunnel to it, and which way its packets go.
//!
//! What is here is behind a lock that is held for a look or a push: quinn sends with its own locks held, so that
//! nothing may wait, and nothing here calls back into QUIC. What is to be sent straight to an address is handed back
//! to the socket, which does it once the lock is free.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use super::offer::Offer;
use super::probe::{Frame, Keys, Kind, Nonces, Terms};
use crate::proto::id::NodeId;
use crate::proto::path::{Act, Answers, Finder, Tried, Way};
use crate::proto::role::LinkId;
use crate::proto::time::Mono;

/// Packets waiting for one tunnel; then they are dropped, which QUIC takes for loss and slows down.
pub(super) const TUNNEL_QUEUE_MAX: usize = 128;
/// Packets kept for being sent once more when a path comes up. After an outage QUIC waits for seconds before it
/// tries again by itself, and has no call to be told of a path.
const KICK_PACKETS: usize = 4;
/// A peer that was silent for this long and is heard again may be waiting out an outage as well. Twice the interval
/// of keep-alives and more, or every one of them would be taken for the end of an outage.
const KICK_SILENCE: Duration = Duration::from_millis(1_250);
/// Least pause before whoever keeps the time is told of a later one. Who says little is not woken in vain by each
/// answer that has come in time, and who says much is not told of each.
const PUT_OFF_PAUSE: Duration = Duration::from_millis(50);

/// A packet that is to be sent to an address.
pub(super) type Posted = (SocketAddr, Bytes);

/// A peer with a virtual address, which lasts as long as somebody holds this.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: NodeId,
    /// What QUIC takes for its address.
    pub(super) address: SocketAddr,
    /// What the peer must know to probe us.
    pub(super) terms: Terms,
    nonces: Nonces,
    path: Mutex<Path>,
    alarm: watch::Sender<Alarm>,
    /// Whether it may know where we are.
    is_shown: watch::Sender<bool>,
}

/// What whoever keeps the time of a peer waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Alarm {
    pub(super) due: Option<Mono>,
    pub(super) way: Way,
    pub(super) answers: Answers,
}

#[derive(Debug)]
struct Path {
    finder: Finder,
    keys: Option<Keys>,
    /// What the peer has said of itself last, and over the how manieth of its links.
    offer: Option<(Offer, u64)>,
    offerers: u64,
    tunnel: Option<Tunnel>,
    /// Tunnels so far, which is also the last one's number.
    numbered: u64,
    recent: VecDeque<Bytes>,
    /// Packets sent so far, whether or not there was a path for them.
    sent: u64,
    heard: Mono,
    /// When the time was put off last.
    put_off: Mono,
}

#[derive(Debug)]
struct Tunnel {
    number: u64,
    via: LinkId,
    queue: mpsc::Sender<Bytes>,
    emptied: oneshot::Receiver<()>,
    /// Whether the supernode has answered that it has no link to the peer, and nothing came since.
    is_refused: bool,
}

/// The tunnel's end of its queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) number: u64,
    pub(super) packets: mpsc::Receiver<Bytes>,
    /// Dropped when the supernode has everything that was ever in the queue.
    pub(super) emptied: Option<oneshot::Sender<()>>,
}

/// What is known of the way to a peer.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) way: Way,
    pub(super) rtt_ms: Option<u64>,
    pub(super) answers: Answers,
    pub(super) tried: Vec<(SocketAddr, Tried)>,
    /// Whether it has said where it is, and whether it wants to be relayed only.
    pub(super) is_offered: bool,
    pub(super) is_hidden: bool,
    /// Whether its router lets us in on the way there is.
    pub(super) is_let_in: bool,
}

impl Peer {
    pub(super) fn new(id: NodeId, address: SocketAddr, now: Mono) -> Self {
        Self {
            id,
            address,
            terms: Terms::random(),
            nonces: Nonces::random(),
            path: Mutex::new(Path {
                finder: Finder::default(),
                keys: None,
                offer: None,
                offerers: 0,
                tunnel: None,
                numbered: 0,
                recent: VecDeque::with_capacity(KICK_PACKETS),
                sent: 0,
                heard: now,
                put_off: now,
            }),
            alarm: watch::Sender::new(Alarm::default()),
            is_shown: watch::Sender::default(),
        }
    }

    // -- the tunnel ---------------------------------------------------------------------------------------

    /// Sends what QUIC has for this peer into a fresh queue from here on, for a tunnel over `via` to empty, and
    /// begins with the last few packets once more. The tunnel that was there before sees its queue end.
    pub(super) fn route(&self, via: LinkId) -> Queue {
        let (queue, packets) = mpsc::channel(TUNNEL_QUEUE_MAX);
        let (emptied, is_emptied) = oneshot::channel();
        let mut path = self.path();
        path.numbered += 1;
        let number = path.numbered;
        path.tunnel = Some(Tunnel {
            number,
            via,
            queue,
            emptied: is_emptied,
            is_refused: false,
        });
        path.kick_relay();
        Queue {
            number,
            packets,
            emptied: Some(emptied),
        }
    }

    /// The link whose other end relays for this peer, unless it has just refused to.
    pub(super) fn via(&self) -> Option<LinkId> {
        let path = self.path();
        let tunnel = path.tunnel.as_ref()?;
        (!tunnel.is_refused && !tunnel.queue.is_closed()).then_some(tunnel.via)
    }

    /// Takes the tunnel over `via` away, if that is the one in use.
    pub(super) fn unroute(&self, via: LinkId) {
        let mut path = self.path();
        if path.tunnel.as_ref().is_some_and(|tunnel| tunnel.via == via) {
            path.tunnel = None;
        }
    }

    /// Takes any tunnel away, and waits until the supernode has all that was sent on it.
    pub(super) async fn flush(&self) {
        let tunnel = self.path().tunnel.take();
        if let Some(Tunnel { queue, emptied, .. }) = tunnel {
            drop(queue);
            // An error says as much: the other half was dropped.
            let _ = emptied.await;
        }
    }

    /// Notes whether this tunnel carries packets; true if it is the one in use, and that is a change.
    pub(super) fn is_carried(&self, number: u64, carried: bool) -> bool {
        match &mut self.path().tunnel {
            Some(tunnel) if tunnel.number == number && tunnel.is_refused == carried => {
                tunnel.is_refused = !carried;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Sends the last few packets once more, if this tunnel is the one in use.
    pub(super) fn kick(&self, number: u64) {
        let path = self.path();
        let tunnel = path.tunnel.as_ref();
        if tunnel.is_some_and(|tunnel| tunnel.number == number) {
            path.kick_relay();
        }
    }

    // -- packets ------------------------------------------------------------------------------------------

    pub(super) fn way(&self) -> Way {
        self.path().finder.way()
    }

    /// How many packets were sent to it so far.
    pub(super) fn sent(&self) -> u64 {
        self.path().sent
    }

    /// These packets of QUIC's are on their way to the address, if there is one on this `way`; what is to go through
    /// the supernode goes now.
    pub(super) fn sends<'a>(
        &self,
        now: Mono,
        way: Way,
        packets: impl ExactSizeIterator<Item = &'a [u8]>,
    ) {
        let mut path = self.path();
        path.sent += packets.len() as u64;
        let is_relayed = !matches!(way, Way::Direct(_));
        // What is not relayed is copied only to be sent once more, and that is the last few.
        let skipped = if is_relayed {
            0
        } else {
            packets.len().saturating_sub(KICK_PACKETS)
        };
        for packet in packets.skip(skipped).map(Bytes::copy_from_slice) {
            if path.recent.len() == KICK_PACKETS {
                path.recent.pop_front();
            }
            path.recent.push_back(packet.clone());
            if is_relayed {
                path.relay(packet);
            }
        }
        path.finder.sent(now);
        self.wake(&mut path, now, false);
    }

    /// A packet came that may be the peer's: from that address, or through a supernode.
    pub(super) fn heard(&self, now: Mono, from: Option<SocketAddr>) -> Vec<Posted> {
        let mut path = self.path();
        let was_silent = now - path.heard > KICK_SILENCE;
        path.heard = now;
        match from {
            Some(from) => path.finder.heard(now, from),
            None => path.finder.heard_relayed(now),
        }
        let mut posted = self.perform(&mut path);
        if was_silent {
            path.kick(&mut posted);
        }
        self.wake(&mut path, now, false);
        posted
    }

    /// A packet came that is none of QUIC's: what is to be sent for it, and whether it shows that the peer is where it
    /// came from.
    pub(super) fn probed(
        &self,
        now: Mono,
        from: Option<SocketAddr>,
        frame: &Frame<'_>,
    ) -> Option<(Vec<Posted>, bool)> {
        let mut path = self.path();
        let keys = path.keys.as_ref().filter(|_| self.is_shown())?;
        if !keys.is_authentic(frame) {
            return None;
        }
        let mut is_there = false;
        match (frame.kind, from) {
            (Kind::Probe, Some(from)) => {
                path.finder.probed(now, from, frame.number, frame.nonce);
            }
            (Kind::Probe, None) => {
                path.finder.probed_relayed(frame.number, frame.nonce);
            }
            (Kind::Answer, from) => {
                if frame.nonce != self.nonces.of(frame.number) {
                    return None;
                }
                match from {
                    Some(from) => is_there = path.finder.answered(now, from, frame.number),
                    None => path.finder.answered_relayed(now, frame.number),
                }
            }
        }
        let posted = self.perform(&mut path);
        self.wake(&mut path, now, false);
        Some((posted, is_there))
    }

    // -- what decides the way -------------------------------------------------------------------------------

    /// The place in the order of those who tell the peer's offers.
    pub(super) fn next_offerer(&self) -> u64 {
        let mut path = self.path();
        path.offerers += 1;
        path.offerers
    }

    /// The peer says where it is, over the how manieth of its links. An earlier link may be one to an earlier run.
    pub(super) fn offered(&self, now: Mono, offer: Offer, offerer: u64) -> Vec<Posted> {
        let mut path = self.path();
        let known = path.offer.as_ref();
        let is_same_run = known.is_some_and(|(known, _)| known.terms == offer.terms);
        if known.is_some_and(|(_, by)| *by > offerer) && !is_same_run {
            return Vec::new();
        }
        if !is_same_run {
            path.keys = Keys::agreed(&self.terms, &offer.terms);
            path.finder.renewed(now);
        }
        if path.keys.is_some() && self.is_shown() {
            path.finder.offered(now, &offer.addresses);
        }
        path.offer = Some((offer, offerer));
        let posted = self.perform(&mut path);
        self.wake(&mut path, now, false);
        posted
    }

    /// The peer may know where we are: it is sought where it says that it is.
    pub(super) fn shown(&self, now: Mono) -> Vec<Posted> {
        let mut path = self.path();
        if !self.is_shown.send_replace(true)
            && let Path {
                offer,
                keys,
                finder,
                ..
            } = &mut *path
            && let (Some((offer, _)), Some(_)) = (offer, keys)
        {
            finder.offered(now, &offer.addresses);
        }
        let posted = self.perform(&mut path);
        self.wake(&mut path, now, false);
        posted
    }

    /// The peer may not.
    pub(super) fn hidden(&self, now: Mono) -> Vec<Posted> {
        self.is_shown.send_replace(false);
        self.find(now, |finder| finder.renewed(now))
    }

    pub(super) fn is_shown(&self) -> bool {
        *self.is_shown.borrow()
    }

    /// Waits until the peer may know where we are.
    pub(super) async fn until_shown(&self) {
        let mut is_shown = self.is_shown.subscribe();
        // The other half is in `self`, so that this cannot fail.
        let _ = is_shown.wait_for(|is_shown| *is_shown).await;
    }

    /// Lets the finder do something, and sends what comes of it.
    pub(super) fn find(&self, now: Mono, act: impl FnOnce(&mut Finder)) -> Vec<Posted> {
        let mut path = self.path();
        act(&mut path.finder);
        let posted = self.perform(&mut path);
        self.wake(&mut path, now, false);
        posted
    }

    /// The time that was waited for may have come.
    pub(super) fn tick(&self, now: Mono) -> Vec<Posted> {
        let mut path = self.path();
        if path.finder.poll_timeout().is_some_and(|due| due <= now) {
            path.finder.timeout(now);
        }
        let posted = self.perform(&mut path);
        self.wake(&mut path, now, true);
        posted
    }

    /// Tells of the next time to call [`Peer::tick`], and of the way.
    pub(super) fn alarm(&self) -> watch::Receiver<Alarm> {
        self.alarm.subscribe()
    }

    pub(super) fn known(&self) -> Known {
        let path = self.path();
        let offer = path.offer.as_ref().map(|(offer, _)| offer);
        let at = path.finder.way().address();
        let is_door = |offer: &Offer| at.is_some_and(|at| offer.doors.contains(&at));
        Known {
            way: path.finder.way(),
            rtt_ms: path.finder.rtt_ms(),
            answers: path.finder.answers(),
            tried: path.finder.tried().collect(),
            is_offered: offer.is_some(),
            is_hidden: offer.is_some_and(|offer| offer.is_hidden),
            is_let_in: offer.is_some_and(is_door),
        }
    }

    /// The round trip of the direct path.
    pub(super) fn rtt_ms(&self) -> Option<u64> {
        self.path().finder.rtt_ms()
    }

    /// Does what the finder says, but for what goes to an address.
    fn perform(&self, path: &mut Path) -> Vec<Posted> {
        let mut posted = Vec::new();
        while let Some(act) = path.finder.poll() {
            let (kind, number, nonce, to) = match act {
                Act::Probe { to, number } => {
                    (Kind::Probe, number, self.nonces.of(number), Some(to))
                }
                Act::Answer { to, number, nonce } => (Kind::Answer, number, nonce, Some(to)),
                Act::ProbeRelay { number } => (Kind::Probe, number, self.nonces.of(number), None),
                Act::AnswerRelay { number, nonce } => (Kind::Answer, number, nonce, None),
                Act::Kick => {
                    path.kick(&mut posted);
                    continue;
                }
            };
            let Some(keys) = &path.keys else {
                continue;
            };
            let bytes = Bytes::copy_from_slice(&keys.seal(kind, number, nonce));
            match to {
                Some(to) => posted.push((to, bytes)),
                None => path.relay(bytes),
            }
        }
        posted
    }

    /// Wakes whoever keeps the time, if there is something for them. One who waits for an earlier time anyway, and
    /// not for one that is over, needs no word of a later one but now and then.
    fn wake(&self, path: &mut Path, now: Mono, is_over: bool) {
        let alarm = Alarm {
            due: path.finder.poll_timeout(),
            way: path.finder.way(),
            answers: path.finder.answers(),
        };
        self.alarm.send_if_modified(|known| {
            let is_later = match (known.due, alarm.due) {
                (Some(known), Some(due)) => due >= known,
                (Some(_) | None, None) => true,
                (None, Some(_)) => false,
            };
            let is_same = known.way == alarm.way && known.answers == alarm.answers;
            let is_told = is_over || now >= path.put_off + PUT_OFF_PAUSE;
            if is_same && (known.due == alarm.due || (is_later && !is_told)) {
                return false;
            }
            if is_later {
                path.put_off = now;
            }
            *known = alarm;
            true
        });
    }

    fn path(&self) -> MutexGuard<'_, Path> {
        self.path.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Path {
    /// Full or gone: lost, and QUIC knows what to do about that.
    fn relay(&self, packet: Bytes) {
        if let Some(tunnel) = &self.tunnel {
            let _ = tunnel.queue.try_send(packet);
        }
    }

    /// Sends the last few packets once more: QUIC's acknowledgement of them ends its waiting.
    fn kick(&self, posted: &mut Vec<Posted>) {
        let way = self.finder.way();
        if let Some(to) = way.address() {
            posted.extend(self.recent.iter().map(|packet| (to, packet.clone())));
        }
        if !matches!(way, Way::Direct(_)) {
            self.kick_relay();
        }
    }

    fn kick_relay(&self) {
        for packet in &self.recent {
            self.relay(packet.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::vantage::Places;
    use super::*;

    /// An answer as bo makes one: to the probe that anna's packet is, with another nonce or with the right one.
    fn answer(keys: &Keys, probe: &[u8], is_received: bool) -> Vec<u8> {
        let probe = Frame::read(probe).unwrap();
        let mut nonce = probe.nonce;
        nonce[0] ^= u8::from(!is_received);
        keys.seal(Kind::Answer, probe.number, nonce).to_vec()
    }

    #[test]
    fn a_peer_that_has_not_received_a_probe_where_it_was_sent_cannot_answer_it() {
        let at = "[fd00::1]:4433".parse().unwrap();
        let anna = Peer::new(NodeId([2; 32]), at, Mono(0));
        let bo = Terms::random();
        let keys = Keys::agreed(&bo, &anna.terms).unwrap();
        // Where bo says that it is, and somebody else may be.
        let victim: SocketAddr = "203.0.113.7:40000".parse().unwrap();
        let places = Places {
            addresses: vec![victim],
            doors: Vec::new(),
        };
        anna.shown(Mono(0));
        let posted = anna.offered(Mono(1), Offer::of(bo, false, &places), 1);
        let (to, probe) = &posted[0];
        assert_eq!(*to, victim);
        let forged = answer(&keys, probe, false);
        let frame = Frame::read(&forged).unwrap();
        assert!(anna.probed(Mono(20), Some(victim), &frame).is_none());
        assert_eq!(anna.way(), Way::Relay);
        let honest = answer(&keys, probe, true);
        let frame = Frame::read(&honest).unwrap();
        assert!(anna.probed(Mono(20), Some(victim), &frame).is_some());
        assert_eq!(anna.way(), Way::Direct(victim));
    }
}
