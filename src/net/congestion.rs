//! How much may be on its way unacknowledged: as Cubic has it (RFC 9438), but never less than a link begins with.
//!
//! An outage takes Cubic down to two packets, and a link over which people talk never fills its window, so that it
//! never grows again. In the next outage QUIC's own probes fill those two; and quinn sends nothing at all while
//! something waits for room, not even what would acknowledge that the other end is heard again. Both then wait for
//! its next probe, for seconds after the network is back.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics, CubicConfig};
use quinn_proto::RttEstimator;

/// Makes what bounds one link.
#[derive(Debug, Default)]
pub(super) struct Floored(Arc<CubicConfig>);

struct Bound {
    cubic: Box<dyn Controller>,
    floor: u64,
}

impl ControllerFactory for Floored {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let cubic = Arc::clone(&self.0).build(now, current_mtu);
        let floor = cubic.initial_window();
        Box::new(Bound { cubic, floor })
    }
}

impl Controller for Bound {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.cubic.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.cubic.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        self.cubic
            .on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.cubic
            .on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.cubic.window().max(self.floor)
    }

    fn metrics(&self) -> ControllerMetrics {
        self.cubic.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            cubic: self.cubic.clone_box(),
            floor: self.floor,
        })
    }

    fn initial_window(&self) -> u64 {
        self.floor
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self.cubic.into_any()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_leaves_as_much_as_a_link_begins_with() {
        let now = Instant::now();
        for mtu in [1200, 1452] {
            let cubic = Arc::new(CubicConfig::default());
            let (mut cubic, mut bound) = (
                cubic.build(now, mtu),
                Arc::new(Floored::default()).build(now, mtu),
            );
            let first = bound.window();
            assert_eq!(first, cubic.window());
            cubic.on_congestion_event(now, now, true, 3_000);
            bound.on_congestion_event(now, now, true, 3_000);
            assert!(cubic.window() < first);
            assert_eq!((bound.window(), bound.clone_box().window()), (first, first));
        }
    }
}
