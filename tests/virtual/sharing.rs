//! A supernode has many clients: who sends in bulk, and who does not read, is nobody else's trouble.

use std::time::Duration;

use fireside::proto::id::NodeId;
use fireside::proto::role::{Input, LinkId, Target};
use tokio::time::{Instant, sleep};

use crate::network::Network;
use crate::node::{Node, client, limited_supernode};
use crate::strings::{bulk, message};

const DELAY_MS: u64 = 20;
/// To a peer over a supernode, and a moment more.
const RELAYED: Duration = Duration::from_millis(2 * DELAY_MS + 15);
const LIMIT_KIB: usize = 64;

/// One who is linked with another over a supernode.
async fn pair(from: &mut Node, to: &mut Node, via: LinkId) -> (LinkId, LinkId) {
    let there = from.reach(to.id, via).await;
    (there, to.dialled_by(from.id).await)
}

/// To one whose link is full besides: what has just been sent there is acknowledged first, as QUIC finds out only so
/// how much more the way carries.
const BEHIND: Duration = RELAYED.saturating_add(Duration::from_millis(2 * DELAY_MS));

/// How long a line takes.
async fn takes(from: &Node, to: &mut Node, (there, back): (LinkId, LinkId)) -> Duration {
    let said = Instant::now();
    from.say(there, message("#small")).await;
    assert_eq!(to.heard(back).await, message("#small"));
    said.elapsed()
}

#[tokio::test(start_paused = true)]
async fn who_sends_in_bulk_gets_its_share_and_nobody_else_waits() {
    const COUNT: u64 = 60;
    let network = Network::new(1, DELAY_MS, 0);
    let (relay, relayed) = limited_supernode(&network, 1, LIMIT_KIB);
    let [mut anna, mut bert, mut cat, mut dan] = [3, 4, 5, 6].map(|n| client(&network, n));
    let via_anna = anna.link(&relay).await;
    bert.link(&relay).await;
    let via_cat = cat.link(&relay).await;
    dan.link(&relay).await;
    let (to_bert, from_anna) = pair(&mut anna, &mut bert, via_anna).await;
    let chat = pair(&mut cat, &mut dan, via_cat).await;
    let quick = pair(&mut cat, &mut bert, via_cat).await;
    let (began, before) = (Instant::now(), relayed.bytes());
    for number in 1..=COUNT {
        anna.say(to_bert, bulk(number)).await;
    }
    let (mut slowest, mut slowest_behind) = (Duration::ZERO, Duration::ZERO);
    let mut came = 0;
    while came < COUNT {
        slowest = slowest.max(takes(&cat, &mut dan, chat).await);
        // He who is sent the bulk hears others in between.
        let said_quick = message("#quick");
        cat.say(quick.0, said_quick.clone()).await;
        let said = Instant::now();
        let mut is_heard = false;
        while !is_heard {
            let (link, message) = bert
                .until("a message", |input| match input {
                    Input::Received { link, message } => Some((*link, message.clone())),
                    _ => None,
                })
                .await;
            if link == from_anna {
                came += 1;
            } else {
                is_heard = message == said_quick;
            }
        }
        slowest_behind = slowest_behind.max(said.elapsed());
        sleep(Duration::from_millis(100)).await;
        let is_bulk =
            |input: &&Input| matches!(input, Input::Received { link, .. } if *link == from_anna);
        came += bert.unseen().iter().filter(is_bulk).count() as u64;
    }
    let rate = (relayed.bytes() - before) / 1_024 / began.elapsed().as_secs().max(1);
    println!(
        "{COUNT} lines of ten kilobytes in {} s, {rate} KiB/s with all else; another's line took {} ms at most, and {} ms to him who was sent them",
        began.elapsed().as_secs(),
        slowest.as_millis(),
        slowest_behind.as_millis()
    );
    assert!(slowest < RELAYED, "{slowest:?}");
    assert!(slowest_behind < BEHIND, "{slowest_behind:?}");
    // The operator sees who was held back, and for how long.
    let held = (relayed.waits(), relayed.waited());
    println!("held back {} times, {:?} in all", held.0, held.1);
    assert!(held.0 > 0 && held.1 > Duration::from_secs(1), "{held:?}");
    let least = COUNT * 10_000 / 1_024 / LIMIT_KIB as u64 - 3;
    assert!(began.elapsed().as_secs() >= least, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn tunnels_to_nobody_are_refused_and_nobody_waits_for_them() {
    const NOBODIES: u8 = 40;
    let network = Network::new(3, DELAY_MS, 0);
    let (relay, relayed) = limited_supernode(&network, 1, 100_000);
    let [mut anna, mut cat, mut dan] = [3, 4, 5].map(|n| client(&network, n));
    let via = anna.link(&relay).await;
    let via_cat = cat.link(&relay).await;
    dan.link(&relay).await;
    let chat = pair(&mut cat, &mut dan, via_cat).await;
    let mut dials = Vec::new();
    for nobody in 0..NOBODIES {
        let id = NodeId([200 + nobody; 32]);
        dials.push(anna.begin(Target::Peer { id, via }).await);
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..40 {
        slowest = slowest.max(takes(&cat, &mut dan, chat).await);
        sleep(Duration::from_millis(100)).await;
    }
    for dial in dials {
        assert!(anna.undialled(dial).await.contains("nobody answered"));
    }
    println!(
        "{} tunnels to nobody refused, {} open; another's line took {} ms at most",
        relayed.refused(),
        relayed.open(),
        slowest.as_millis()
    );
    assert!(slowest < RELAYED, "{slowest:?}");
    assert!(relayed.refused() >= NOBODIES.into());
    assert_eq!(relayed.open(), 1);
    // One that comes late is found all the same.
    let mut late = client(&network, 6);
    late.link(&relay).await;
    pair(&mut anna, &mut late, via).await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_holds_up_its_own_tunnel_and_is_owed_little() {
    const COUNT: u64 = 60;
    let network = Network::new(2, DELAY_MS, 0);
    let (relay, relayed) = limited_supernode(&network, 1, 100_000);
    let [mut anna, mut bert, mut cat, mut dan] = [3, 4, 5, 6].map(|n| client(&network, n));
    let via_anna = anna.link(&relay).await;
    bert.link(&relay).await;
    let via_cat = cat.link(&relay).await;
    dan.link(&relay).await;
    let (to_bert, from_anna) = pair(&mut anna, &mut bert, via_anna).await;
    let chat = pair(&mut cat, &mut dan, via_cat).await;
    sleep(Duration::from_secs(3)).await;
    network.stop(bert.ip());
    let before = relayed.bytes();
    for number in 1..=COUNT {
        anna.say(to_bert, bulk(number)).await;
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..80 {
        slowest = slowest.max(takes(&cat, &mut dan, chat).await);
        sleep(Duration::from_millis(100)).await;
    }
    let taken = (relayed.bytes() - before) / 1_024;
    network.go_on(bert.ip());
    for number in 1..=COUNT {
        assert_eq!(bert.heard(from_anna).await, bulk(number));
    }
    println!(
        "{taken} KiB were taken for one who did not read; another's line took {} ms at most",
        slowest.as_millis()
    );
    assert!(slowest < RELAYED, "{slowest:?}");
    // One window of the stream to it, and what its neighbours said meanwhile.
    assert!(taken < 256, "{taken} KiB");
}
