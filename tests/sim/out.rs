//! Who is away from the screen, as the others see it.

use fireside::proto::command::Command;

use crate::link::NodeIx;
use crate::town::Town;

const HEARTH: &str = "#hearth";

fn steps_out(town: &mut Town, who: NodeIx, why: Option<&str>) {
    let why = why.map(str::to_owned);
    town.ask(who, Command::Away { why });
    town.run(2_000);
}

fn all_see(town: &Town, by: &[NodeIx], of: NodeIx, why: Option<&str>) {
    let id = town.world.node(of).id;
    for seen_by in by {
        let view = town.view(*seen_by, HEARTH);
        let member = view.members.iter().find(|member| member.id == id);
        let member = member.expect("it is in the group");
        assert_eq!(member.away.as_deref(), why, "seen by {seen_by:?}");
    }
}

/// Somebody is away while the host changes, and comes back under the next one.
pub fn somebody_is_away_over_a_handover(seed: u64) {
    let mut town = Town::new(seed, 1, 3);
    let [anna, bob, cat, dora] = town.circle(HEARTH, ["anna", "bob", "cat", "dora"]);
    steps_out(&mut town, cat, Some("lunch"));
    all_see(&town, &[anna, bob, cat, dora], cat, Some("lunch"));
    all_see(&town, &[anna, bob, cat, dora], dora, None);

    town.crash(anna);
    town.run(20_000);
    assert_eq!(town.host(cat, HEARTH), bob);
    all_see(&town, &[bob, cat, dora], cat, Some("lunch"));
    let eve = town.person("eve");
    town.start(eve);
    town.join(eve, HEARTH);
    town.run(5_000);
    all_see(&town, &[bob, cat, dora, eve], cat, Some("lunch"));
    steps_out(&mut town, bob, Some(""));
    all_see(&town, &[bob, cat, dora, eve], bob, Some(""));

    steps_out(&mut town, cat, None);
    steps_out(&mut town, bob, None);
    for who in [bob, cat] {
        all_see(&town, &[bob, cat, dora, eve], who, None);
    }
}

/// Frames that go about while somebody says so many times, at that pace, what `says` tells to be so.
fn frames(
    seed: u64,
    (times, pace_ms): (u64, u64),
    says: impl Fn(u64) -> Option<&'static str>,
) -> u64 {
    let mut town = Town::new(seed, 1, 2);
    let [anna, bob, cat, dora] = town.circle(HEARTH, ["anna", "bob", "cat", "dora"]);
    steps_out(&mut town, cat, says(0));
    let mut minute = |says: &dyn Fn(&mut Town, u64)| {
        let before = town.world.happened.frames;
        for time in 1..=times {
            says(&mut town, time);
            town.run(pace_ms);
        }
        town.world.happened.frames - before
    };
    let usual = minute(&|_, _| ());
    let frames = minute(&|town, time| {
        let why = says(time).map(str::to_owned);
        town.ask(cat, Command::Away { why });
    });
    town.run(5_000);
    all_see(&town, &[anna, bob, dora], cat, says(times));
    frames.saturating_sub(usual)
}

/// What he says goes to the host each time, and on to three others once a second at most.
pub fn somebody_comes_and_goes_all_the_time(seed: u64) {
    let told = frames(seed, (400, 50), |time| {
        (!time.is_multiple_of(2)).then_some("lunch")
    });
    assert!((400..560).contains(&told), "{told} frames");
}

/// What he says goes to the host each time, and no further.
pub fn somebody_says_it_all_the_time(seed: u64) {
    let told = frames(seed, (20, 2_000), |_| Some("lunch"));
    assert!((15..40).contains(&told), "{told} frames");
}

#[test]
fn what_is_said_too_often_of_being_away_is_gathered_and_nothing_is_said_twice() {
    somebody_comes_and_goes_all_the_time(82);
    somebody_says_it_all_the_time(82);
}

#[test]
fn who_is_away_is_seen_so_by_all_and_under_the_next_host_too_until_back() {
    somebody_is_away_over_a_handover(81);
}
