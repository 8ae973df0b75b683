//! The whole of it but the faces: a group over real QUIC whose host, supernode or network fails.

use std::time::Duration;

use tokio::time::sleep;

use crate::town::{Town, talk};

/// To a node and back in 20 ms, to a member over a supernode in 40.
const DELAY_MS: u64 = 10;
const NICKS: [&str; 4] = ["anna", "bo", "cat", "dan"];
const SEEDS: std::ops::Range<u64> = 0..6;

/// Middle and slowest, told.
fn times(what: &str, mut all: Vec<Duration>) -> (Duration, Duration) {
    all.sort_unstable();
    let (middle, slowest) = (all[all.len() / 2], all[all.len() - 1]);
    println!(
        "{what}: p50 {} ms, slowest {} ms of {}",
        middle.as_millis(),
        slowest.as_millis(),
        all.len()
    );
    (middle, slowest)
}

/// A town in which all have spoken, at any moment between two registrations.
async fn town(seed: u64, loss_percent: u64) -> Town<4> {
    let mut town = Town::new(seed, DELAY_MS, loss_percent, NICKS).await;
    talk(&mut town.people).await;
    sleep(Duration::from_millis(10_000 + 317 * seed)).await;
    town
}

#[tokio::test(start_paused = true)]
async fn a_dead_host_is_succeeded_within_two_and_a_half_seconds() {
    // Where packets are lost, the questions and answers on the way to a new host cost a probe timeout more now and
    // then: by half a second, the middle of six is never mistaken for a lost report or a missed heir.
    for (loss_percent, middle_max) in [(0, 2_500), (5, 3_000)] {
        let mut all = Vec::new();
        for seed in SEEDS {
            let mut town = town(seed, loss_percent).await;
            let bo = town.people[1].id();
            town.people[0].dies();
            all.push(talk(&mut town.people[1..]).await);
            for person in &mut town.people[1..] {
                let epochs = person.epochs();
                assert_eq!(epochs.last().map(|epoch| epoch.host), Some(bo));
                assert_eq!(epochs.len(), 2, "one handover for {}", person.nick);
            }
        }
        let (middle, slowest) = times(&format!("host dead, {loss_percent} % lost"), all);
        assert!(middle < Duration::from_millis(middle_max), "{middle:?}");
        assert!(slowest < Duration::from_millis(5_000), "{slowest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_dies_with_its_supernode_is_succeeded_within_four_and_a_half_seconds() {
    let mut all = Vec::new();
    for seed in SEEDS {
        let mut town = town(seed, 0).await;
        town.people[0].dies();
        town.the_keeper_dies();
        all.push(talk(&mut town.people[1..]).await);
        for person in &mut town.people[1..] {
            assert_eq!(person.epochs().len(), 2, "one handover for {}", person.nick);
        }
    }
    let (middle, slowest) = times("host and supernode dead", all);
    assert!(middle < Duration::from_millis(4_500), "{middle:?}");
    assert!(slowest < Duration::from_millis(6_000), "{slowest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_supernode_that_dies_leaves_host_and_epoch_alone() {
    let mut all = Vec::new();
    for seed in SEEDS {
        let mut town = town(seed, 0).await;
        town.the_keeper_dies();
        all.push(talk(&mut town.people).await);
        sleep(Duration::from_secs(20)).await;
        for person in &mut town.people {
            assert_eq!(person.epochs().len(), 1, "{} saw a handover", person.nick);
        }
        talk(&mut town.people).await;
    }
    let (middle, slowest) = times("supernode dead", all);
    assert!(middle < Duration::from_millis(2_500), "{middle:?}");
    assert!(slowest < Duration::from_millis(3_500), "{slowest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_stalls_for_a_second_goes_on_hosting() {
    for seed in SEEDS {
        let mut town = town(seed, 0).await;
        for person in 0..NICKS.len() {
            let ip = town.people[person].ip();
            town.network.stop(ip);
            sleep(Duration::from_secs(1)).await;
            town.network.go_on(ip);
            sleep(Duration::from_secs(1)).await;
        }
        talk(&mut town.people).await;
        for person in &mut town.people {
            assert_eq!(person.epochs().len(), 1, "{} saw a handover", person.nick);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_frozen_host_is_succeeded_and_follows_when_it_wakes() {
    let mut all = Vec::new();
    for seed in SEEDS {
        let mut town = town(seed, 0).await;
        let ip = town.people[0].ip();
        town.network.stop(ip);
        town.people[0].says("in my sleep").await;
        all.push(talk(&mut town.people[1..]).await);
        sleep(Duration::from_millis(500 * seed)).await;
        town.network.go_on(ip);
        for person in &mut town.people {
            person.sees("in my sleep").await;
        }
        talk(&mut town.people).await;
        let mut last = Vec::new();
        for person in &mut town.people {
            last.extend(person.epochs().last().copied());
        }
        assert!(last.iter().all(|epoch| *epoch == last[0]), "{last:?}");
        for person in &town.people {
            assert_eq!(person.times("in my sleep"), 1, "as told to {}", person.nick);
        }
    }
    let (middle, slowest) = times("host frozen", all);
    assert!(middle < Duration::from_millis(2_500), "{middle:?}");
    assert!(slowest < Duration::from_millis(5_000), "{slowest:?}");
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_with_one_packet_in_twenty_lost_see_no_handover() {
    let mut town = town(1, 5).await;
    let mut all = Vec::new();
    for _ in 0..100 {
        all.push(talk(&mut town.people).await);
        sleep(Duration::from_secs(6)).await;
    }
    times("a line of each confirmed, 5 % lost", all);
    for person in &mut town.people {
        assert_eq!(person.epochs().len(), 1, "{} saw a handover", person.nick);
    }
}
