//! Links between members through a supernode: outages below them, and the death of what carries them.

use std::time::Duration;

use fireside::proto::event::Path;
use fireside::proto::role::{Input, LinkId};
use tokio::time::{Instant, sleep};

use crate::network::Network;
use crate::node::{Node, client, supernode};
use crate::strings::message;

const DELAY_MS: u64 = 20;
/// A supernode asks within 750 ms, and the client that hears it half a second after; then both know what was lost.
const AFTER_OUTAGE: Duration = Duration::from_millis(1_500);

/// Anna and bert, each linked to two supernodes, and with each other over the first.
struct Pair {
    network: Network,
    first: Node,
    second: Node,
    anna: Node,
    bert: Node,
    anna_first: LinkId,
    bert_first: LinkId,
    anna_second: LinkId,
    bert_second: LinkId,
    to_bert: LinkId,
    from_anna: LinkId,
}

async fn pair(seed: u64, delay_ms: u64, loss_percent: u64) -> Pair {
    let network = Network::new(seed, delay_ms, loss_percent);
    let (first, second) = (supernode(&network, 1), supernode(&network, 2));
    let (mut anna, mut bert) = (client(&network, 3), client(&network, 4));
    let (anna_first, bert_first) = (anna.link(&first).await, bert.link(&first).await);
    let (anna_second, bert_second) = (anna.link(&second).await, bert.link(&second).await);
    let to_bert = anna.reach(bert.id, anna_first).await;
    let from_anna = bert.dialled_by(anna.id).await;
    assert_eq!(anna.path(bert.id).await, (Path::Relayed, Some(first.id)));
    assert_eq!(bert.path(anna.id).await, (Path::Relayed, Some(first.id)));
    Pair {
        network,
        first,
        second,
        anna,
        bert,
        anna_first,
        bert_first,
        anna_second,
        bert_second,
        to_bert,
        from_anna,
    }
}

fn is_lost(told: &[Input]) -> bool {
    told.iter().any(|input| matches!(input, Input::Lost { .. }))
}

fn is_quiet(told: &[Input]) -> bool {
    told.iter()
        .any(|input| matches!(input, Input::Quiet { .. }))
}

#[tokio::test(start_paused = true)]
async fn a_dead_supernode_costs_its_members_a_path_and_no_link() {
    let mut slowest = Duration::ZERO;
    for seed in 0..10 {
        let mut p = pair(seed, DELAY_MS, 0).await;
        sleep(Duration::from_millis(5_000 + 53 * seed)).await;
        p.first.dies();
        let died = Instant::now();
        p.anna.say(p.to_bert, message("#meanwhile")).await;
        p.anna.quiet(p.anna_first).await;
        assert_eq!(p.anna.path(p.bert.id).await, (Path::Lost, None));
        p.anna.route(p.bert.id, p.anna_second).await;
        p.bert.quiet(p.bert_first).await;
        p.bert.route(p.anna.id, p.bert_second).await;
        assert_eq!(p.bert.heard(p.from_anna).await, message("#meanwhile"));
        slowest = slowest.max(died.elapsed());
        assert_eq!(
            p.anna.path(p.bert.id).await,
            (Path::Relayed, Some(p.second.id))
        );
        p.bert.say(p.from_anna, message("#back")).await;
        assert_eq!(p.anna.heard(p.to_bert).await, message("#back"));
        assert!(!is_lost(&p.anna.unseen()) && !is_lost(&p.bert.unseen()));
    }
    println!(
        "a message waited {} ms at most for another supernode",
        slowest.as_millis()
    );
    assert!(slowest < Duration::from_millis(2_600), "{slowest:?}");
}

#[tokio::test(start_paused = true)]
async fn who_comes_to_the_next_supernode_first_finds_the_other_as_soon_as_it_is_there() {
    for late_ms in [130, 370, 610] {
        let network = Network::new(late_ms, DELAY_MS, 0);
        let (first, second) = (supernode(&network, 1), supernode(&network, 2));
        let (mut anna, mut bert) = (client(&network, 3), client(&network, 4));
        let anna_first = anna.link(&first).await;
        bert.link(&first).await;
        let anna_second = anna.link(&second).await;
        let to_bert = anna.reach(bert.id, anna_first).await;
        let from_anna = bert.dialled_by(anna.id).await;
        sleep(Duration::from_secs(5)).await;
        first.dies();
        anna.quiet(anna_first).await;
        anna.route(bert.id, anna_second).await;
        anna.say(to_bert, message("#over-there")).await;
        sleep(Duration::from_millis(late_ms)).await;
        bert.link(&second).await;
        let there = Instant::now();
        assert_eq!(bert.heard(from_anna).await, message("#over-there"));
        let took = there.elapsed();
        println!("found after {} ms, {late_ms} ms late", took.as_millis());
        assert!(took < Duration::from_millis(300), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_splice_lives_through_an_outage_of_either_member() {
    for outage_ms in [500, 3_000, 10_000] {
        let mut p = pair(outage_ms, DELAY_MS, 0).await;
        sleep(Duration::from_secs(5)).await;
        for ip in [p.anna.ip(), p.bert.ip(), p.first.ip()] {
            p.network.cut(ip);
            p.anna.say(p.to_bert, message("#there")).await;
            p.bert.say(p.from_anna, message("#back")).await;
            sleep(Duration::from_millis(outage_ms)).await;
            p.network.mend(ip);
            let mended = Instant::now();
            assert_eq!(p.bert.heard(p.from_anna).await, message("#there"));
            assert_eq!(p.anna.heard(p.to_bert).await, message("#back"));
            let took = mended.elapsed();
            println!(
                "through {} ms after {outage_ms} ms without {ip}",
                took.as_millis()
            );
            assert!(took < AFTER_OUTAGE, "{took:?}");
            sleep(Duration::from_secs(5)).await;
        }
        assert!(!is_lost(&p.anna.unseen()) && !is_lost(&p.bert.unseen()));
    }
}

#[tokio::test(start_paused = true)]
async fn one_outage_after_another_is_lived_through_as_soon_as_the_first() {
    let mut p = pair(1, DELAY_MS, 0).await;
    let mut slowest = Duration::ZERO;
    for ip in [p.anna.ip(), p.bert.ip(), p.first.ip()].repeat(4) {
        sleep(Duration::from_secs(5)).await;
        p.network.cut(ip);
        p.anna.say(p.to_bert, message("#there")).await;
        p.bert.say(p.from_anna, message("#back")).await;
        sleep(Duration::from_secs(10)).await;
        p.network.mend(ip);
        let mended = Instant::now();
        assert_eq!(p.bert.heard(p.from_anna).await, message("#there"));
        assert_eq!(p.anna.heard(p.to_bert).await, message("#back"));
        slowest = slowest.max(mended.elapsed());
    }
    println!("through {} ms after any of 12 outages", slowest.as_millis());
    assert!(slowest < AFTER_OUTAGE, "{slowest:?}");
    assert!(!is_lost(&p.anna.unseen()) && !is_lost(&p.bert.unseen()));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_died_is_missed_and_its_next_run_is_reached() {
    let mut p = pair(1, DELAY_MS, 0).await;
    sleep(Duration::from_secs(5)).await;
    p.bert.dies();
    let died = Instant::now();
    p.anna.quiet(p.to_bert).await;
    assert!(
        died.elapsed() < Duration::from_millis(2_400),
        "{:?}",
        died.elapsed()
    );
    p.network.mend(p.bert.ip());
    let mut bert = client(&p.network, 4);
    let back = Instant::now();
    bert.link(&p.first).await;
    // What it has no key for it disowns: the link of its earlier run ends before it is given up.
    assert_eq!(p.anna.lost(p.to_bert).await, None);
    println!("disowned after {} ms", back.elapsed().as_millis());
    assert!(
        back.elapsed() < Duration::from_secs(3),
        "{:?}",
        back.elapsed()
    );
    let to_bert = p.anna.reach(bert.id, p.anna_first).await;
    let from_anna = bert.dialled_by(p.anna.id).await;
    p.anna.say(to_bert, message("#again")).await;
    assert_eq!(bert.heard(from_anna).await, message("#again"));
}

#[tokio::test(start_paused = true)]
async fn a_relayed_link_is_not_disturbed_by_one_lost_packet_in_twenty() {
    for delay_ms in [1, 20, 60] {
        let mut p = pair(delay_ms, delay_ms, 5).await;
        let mut slowest = Duration::ZERO;
        for _ in 0..600 {
            p.anna.say(p.to_bert, message("#still-there")).await;
            let said = Instant::now();
            p.bert.heard(p.from_anna).await;
            slowest = slowest.max(said.elapsed());
            sleep(Duration::from_secs(1)).await;
        }
        println!(
            "{delay_ms} ms to the supernode: the slowest of 600 lines took {} ms",
            slowest.as_millis()
        );
        for told in [p.anna.unseen(), p.bert.unseen(), p.first.unseen()] {
            assert!(!is_quiet(&told) && !is_lost(&told));
        }
    }
}
