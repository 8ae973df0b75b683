//! How much is relayed for one identity, and for one address: who sends more is slowed down, and nobody else is.
//!
//! A sender that is over its quota has its stream left unread, so that QUIC's window makes it wait. What it has not
//! used it may use at once within `SAVED`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::proto::id::NodeId;

/// What one identity may have relayed in a second, if nobody says otherwise: many times what a busy host of a large
/// group needs for talk, and a small part of what a processor relays.
pub const RELAY_LIMIT_KIB: usize = 4 * 1024;
/// So many identities' quotas make that of their address: an office behind one NAT.
const IDENTITIES_PER_ADDRESS: u64 = 8;
/// The time in which an unused quota adds up.
const SAVED: Duration = Duration::from_secs(2);
/// Those who have had nothing relayed for a while are forgotten whenever there are so many more.
const FORGET_EVERY: usize = 256;

/// Who has used how much. Behind a lock and not in a task: it is held for two additions, by whoever relays.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    /// None: as much as there is.
    bytes_per_second: Option<u64>,
    /// When each will have earned what it has used.
    used: Mutex<BTreeMap<Payer, Instant>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Payer {
    Identity(NodeId),
    Address(IpAddr),
}

impl Quotas {
    pub(super) fn new(limit_kib: Option<usize>) -> Self {
        Self {
            bytes_per_second: limit_kib.map(|kib| 1024 * kib.max(1) as u64),
            used: Mutex::default(),
        }
    }

    /// Waits until this sender may have so much relayed, if it has to; for how long.
    pub(super) async fn wait(
        &self,
        identity: NodeId,
        address: IpAddr,
        bytes: usize,
    ) -> Option<Duration> {
        let now = Instant::now();
        let until = self.use_up(now, identity, address, bytes)?;
        sleep_until(until).await;
        Some(now.elapsed())
    }

    /// Until when the sender has to wait.
    fn use_up(
        &self,
        now: Instant,
        identity: NodeId,
        address: IpAddr,
        bytes: usize,
    ) -> Option<Instant> {
        let rate = self.bytes_per_second?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() % FORGET_EVERY == FORGET_EVERY - 1 {
            used.retain(|_, earned| *earned > now);
        }
        let payers = [
            (Payer::Identity(identity), rate),
            (
                Payer::Address(address),
                rate.saturating_mul(IDENTITIES_PER_ADDRESS),
            ),
        ];
        let earned = payers.map(|(payer, rate)| {
            let cost = Duration::from_micros(bytes as u64 * 1_000_000 / rate);
            let earned = used.entry(payer).or_insert(now);
            *earned = (*earned).max(now) + cost;
            *earned
        });
        let until = earned.into_iter().max()?;
        until.checked_sub(SAVED).filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 8));

    #[tokio::test(start_paused = true)]
    async fn who_sends_more_than_its_quota_is_slowed_down_to_it() {
        let quotas = Quotas::new(Some(64));
        let began = Instant::now();
        for _ in 0..100 {
            quotas.wait(NodeId([1; 32]), HOME, 64 * 1024).await;
        }
        let took = began.elapsed().as_secs();
        assert!((97..=99).contains(&took), "{took} s");
        let others = Instant::now();
        quotas.wait(NodeId([2; 32]), HOME, 64 * 1024).await;
        assert_eq!(others.elapsed(), Duration::ZERO, "another waited for it");
    }

    #[tokio::test(start_paused = true)]
    async fn many_identities_of_one_address_share_what_an_address_has() {
        let quotas = Quotas::new(Some(64));
        let began = Instant::now();
        for n in 0..100 {
            quotas.wait(NodeId([n; 32]), HOME, 64 * 1024).await;
        }
        let took = began.elapsed().as_millis();
        assert!((10_000..=12_500).contains(&took), "{took} ms");
        let others = Instant::now();
        quotas.wait(NodeId([200; 32]), ELSEWHERE, 64 * 1024).await;
        assert_eq!(others.elapsed(), Duration::ZERO, "another address waited");
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_are_gone_are_forgotten() {
        let quotas = Quotas::new(Some(64));
        for n in 0..10_000_u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&n.to_be_bytes());
            quotas.wait(NodeId(id), HOME, 10).await;
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let known = quotas.used.lock().unwrap().len();
        assert!(known < 2 * FORGET_EVERY, "{known}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nobody_waits() {
        let quotas = Quotas::new(None);
        let began = Instant::now();
        quotas.wait(NodeId([1; 32]), HOME, usize::MAX).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
