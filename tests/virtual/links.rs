//! Links between a client and a mesh node, through silence, stalls, loss and outages of any length.

use std::time::Duration;

use fireside::proto::limits::{IDLE_TIMEOUT, QUIET_AFTER};
use fireside::proto::role::{Input, Kind, LinkId};
use fireside::proto::wire::Reason;
use tokio::time::{Instant, advance, sleep};

use crate::network::Network;
use crate::node::{Node, client, inmate, supernode};
use crate::strings::message;

/// One way; a round trip within a country takes twice that.
const DELAY_MS: u64 = 20;

async fn linked(network: &Network) -> (Node, LinkId, Node, LinkId) {
    let (mut anna, mut node) = (client(network, 1), supernode(network, 2));
    let to_node = anna.link(&node).await;
    let from_anna = node.dialled_by(anna.id).await;
    (anna, to_node, node, from_anna)
}

fn is_undisturbed(told: &[Input]) -> bool {
    let disturbs = |input: &Input| {
        matches!(
            input,
            Input::Quiet { .. } | Input::Heard { .. } | Input::Lost { .. }
        )
    };
    !told.iter().any(disturbs)
}

#[tokio::test(start_paused = true)]
async fn a_silent_link_is_quiet_after_about_two_seconds_at_both_ends() {
    for phase in 0..10 {
        let network = Network::new(phase, DELAY_MS, 0);
        let (mut anna, to_node, mut node, from_anna) = linked(&network).await;
        sleep(Duration::from_millis(5_000 + 53 * phase)).await;
        network.cut(node.ip());
        let cut = Instant::now();
        anna.quiet(to_node).await;
        let at_anna = cut.elapsed();
        node.quiet(from_anna).await;
        let at_node = cut.elapsed();
        for took in [at_anna, at_node] {
            assert!(took > QUIET_AFTER - Duration::from_millis(800), "{took:?}");
            assert!(took < QUIET_AFTER + Duration::from_millis(300), "{took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stall_of_a_second_disturbs_nobody() {
    for phase in 0..10 {
        let network = Network::new(phase, DELAY_MS, 0);
        let (mut anna, to_node, mut node, from_anna) = linked(&network).await;
        sleep(Duration::from_millis(5_000 + 53 * phase)).await;
        for ip in [anna.ip(), node.ip()] {
            network.stop(ip);
            anna.say(to_node, message("#meanwhile")).await;
            sleep(Duration::from_secs(1)).await;
            network.go_on(ip);
            assert_eq!(node.heard(from_anna).await, message("#meanwhile"));
            sleep(Duration::from_secs(3)).await;
        }
        assert!(is_undisturbed(&anna.unseen()) && is_undisturbed(&node.unseen()));
    }
}

#[tokio::test(start_paused = true)]
async fn one_packet_in_twenty_lost_for_ten_minutes_disturbs_nobody() {
    for delay_ms in [1, 20, 100] {
        let network = Network::new(delay_ms, delay_ms, 5);
        let (mut anna, _, mut node, _) = linked(&network).await;
        sleep(Duration::from_secs(600)).await;
        let (sent, lost) = network.totals();
        println!("{delay_ms} ms away: {sent} packets in ten minutes, {lost} lost");
        assert!(lost > sent / 40, "{lost} of {sent} were lost");
        assert!(is_undisturbed(&anna.unseen()) && is_undisturbed(&node.unseen()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_shorter_than_the_idle_time_out_costs_no_link_and_no_message() {
    for outage_s in [3, 10, 25] {
        let network = Network::new(outage_s, DELAY_MS, 0);
        let (mut anna, to_node, mut node, from_anna) = linked(&network).await;
        sleep(Duration::from_secs(5)).await;
        network.cut(node.ip());
        anna.quiet(to_node).await;
        anna.say(to_node, message("#meanwhile")).await;
        node.quiet(from_anna).await;
        sleep(Duration::from_secs(outage_s - 2)).await;
        network.mend(node.ip());
        let mended = Instant::now();
        assert_eq!(node.heard(from_anna).await, message("#meanwhile"));
        anna.heard_again(to_node).await;
        node.heard_again(from_anna).await;
        let took = mended.elapsed();
        println!(
            "heard {} ms after an outage of {outage_s} s",
            took.as_millis()
        );
        assert!(
            took < Duration::from_millis(1_500),
            "{took:?} after {outage_s} s"
        );
        assert!(is_undisturbed(&anna.unseen()) && is_undisturbed(&node.unseen()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_longer_one_ends_the_link_and_the_next_dial_makes_another() {
    let network = Network::new(1, DELAY_MS, 0);
    let (mut anna, to_node, mut node, from_anna) = linked(&network).await;
    network.cut(node.ip());
    let cut = Instant::now();
    anna.quiet(to_node).await;
    assert_eq!(anna.lost(to_node).await, None);
    assert!(
        cut.elapsed() > IDLE_TIMEOUT - Duration::from_secs(1),
        "{:?}",
        cut.elapsed()
    );
    assert_eq!(node.lost(from_anna).await, None);
    network.mend(node.ip());
    let again = anna.link(&node).await;
    let from_anna = node.dialled_by(anna.id).await;
    anna.say(again, message("#again")).await;
    assert_eq!(node.heard(from_anna).await, message("#again"));
}

#[tokio::test(start_paused = true)]
async fn an_end_that_the_other_gave_up_hears_so_as_soon_as_it_is_heard() {
    for phase in 0..5 {
        let network = Network::new(phase, DELAY_MS, 0);
        let (mut anna, to_node, mut node, from_anna) = linked(&network).await;
        sleep(Duration::from_millis(5_000 + 107 * phase)).await;
        network.mute(anna.ip(), node.ip());
        node.quiet(from_anna).await;
        assert_eq!(node.lost(from_anna).await, None);
        network.rejoin(anna.ip(), node.ip());
        let heard = Instant::now();
        assert_eq!(anna.lost(to_node).await, None);
        let took = heard.elapsed();
        assert!(took < Duration::from_millis(1_500), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_stopped_misses_nobody_for_its_own_sleep() {
    let network = Network::new(1, DELAY_MS, 0);
    let (mut anna, to_node, mut node, from_anna) = linked(&network).await;
    sleep(Duration::from_secs(5)).await;
    // Nothing runs while the clock jumps: as if the whole machine had slept.
    advance(Duration::from_secs(20)).await;
    anna.say(to_node, message("#morning")).await;
    assert_eq!(node.heard(from_anna).await, message("#morning"));
    sleep(Duration::from_secs(5)).await;
    assert!(is_undisturbed(&anna.unseen()) && is_undisturbed(&node.unseen()));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_dials_while_its_link_is_quiet_has_one_link_in_the_end() {
    let network = Network::new(1, DELAY_MS, 0);
    let (mut anna, to_node, mut node, from_anna) = linked(&network).await;
    network.cut(node.ip());
    anna.quiet(to_node).await;
    node.quiet(from_anna).await;
    network.mend(node.ip());
    let again = anna.link(&node).await;
    assert_eq!(node.lost(from_anna).await, Some(Reason::Done));
    let from_again = node.dialled_by(anna.id).await;
    anna.say(again, message("#again")).await;
    assert_eq!(node.heard(from_again).await, message("#again"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_hour_of_a_link_costs_a_packet_each_way_in_half_a_second() {
    let network = Network::new(1, DELAY_MS, 0);
    let (mut anna, _, mut node, _) = linked(&network).await;
    sleep(Duration::from_secs(10)).await;
    let before = network.totals().0;
    sleep(Duration::from_secs(3_600)).await;
    let sent = network.totals().0 - before;
    println!("{sent} packets in an idle hour of one link");
    // A ping and its answer, each half second and a round trip; now and then an acknowledgement of its own.
    assert!(sent < 3 * 2 * 3_600, "{sent}");
    assert!(is_undisturbed(&anna.unseen()) && is_undisturbed(&node.unseen()));
}

#[tokio::test(start_paused = true)]
async fn an_idle_hour_of_two_in_one_process_costs_a_packet_in_some_seconds() {
    let network = Network::new(1, 0, 0);
    let mut anna = inmate(&network, 1, Kind::Peer, 2);
    let mut node = inmate(&network, 2, Kind::Mesh, 1);
    anna.link(&node).await;
    node.dialled_by(anna.id).await;
    sleep(Duration::from_secs(10)).await;
    let before = network.totals().0;
    sleep(Duration::from_secs(3_600)).await;
    let sent = network.totals().0 - before;
    println!("{sent} packets in an idle hour of a link inside of one process");
    assert!(sent < 3_600 / 2, "{sent}");
    assert!(is_undisturbed(&anna.unseen()) && is_undisturbed(&node.unseen()));
}

#[tokio::test(start_paused = true)]
async fn another_process_of_the_machine_is_missed_as_soon_as_anybody() {
    let network = Network::new(1, 0, 0);
    let mut anna = inmate(&network, 1, Kind::Peer, 9);
    let mut node = inmate(&network, 2, Kind::Mesh, 9);
    let to_node = anna.link(&node).await;
    let from_anna = node.dialled_by(anna.id).await;
    sleep(Duration::from_secs(600)).await;
    assert!(is_undisturbed(&anna.unseen()) && is_undisturbed(&node.unseen()));
    network.cut(node.ip());
    let cut = Instant::now();
    anna.quiet(to_node).await;
    node.quiet(from_anna).await;
    let took = cut.elapsed();
    assert!(took < QUIET_AFTER + Duration::from_millis(300), "{took:?}");
}
