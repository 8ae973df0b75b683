//! What a person is told of their own lines, of a handover's cost, of supernodes and of the disk.

use fireside::proto::command::Command;
use fireside::proto::event::{Event, Loss, Tenure, What};
use fireside::proto::id::EntryId;

use crate::disk::Kept;
use crate::link::NodeIx;
use crate::town::{Town, name};

const HEARTH: &str = "#hearth";

fn town(seed: u64) -> Town {
    Town::new(seed, 1, 2)
}

/// What somebody was told since it was listened to, as far as it is of a kind.
fn told<T>(town: &Town, who: NodeIx, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
    let heard = town.world.heard.iter();
    heard
        .filter(|(ix, _)| *ix == who)
        .filter_map(|(_, event)| pick(event))
        .collect()
}

fn listen(town: &mut Town, who: &[NodeIx]) {
    town.world.heard.clear();
    town.world.ears = who.iter().copied().collect();
}

fn handovers(town: &Town, who: NodeIx) -> Vec<(Tenure, Loss)> {
    told(town, who, |event| {
        let Event::Host { before, lost, .. } = event else {
            return None;
        };
        Some((before.as_ref().expect("it was known").end, lost.clone()))
    })
}

fn confirmed(town: &Town, who: NodeIx) -> Vec<EntryId> {
    told(town, who, |event| {
        let Event::Confirmed { id, .. } = event else {
            return None;
        };
        Some(*id)
    })
}

/// The id of the last line somebody said.
fn last_line(town: &Town, who: NodeIx) -> EntryId {
    let sent = told(town, who, |event| {
        let Event::Sent { id, .. } = event else {
            return None;
        };
        Some(*id)
    });
    *sent.last().expect("a line was said")
}

#[test]
fn a_leave_and_a_crash_are_told_apart_and_neither_loses_anything() {
    let mut town = town(41);
    let [anna, bob, cat, dan] = town.circle(HEARTH, ["anna", "bob", "cat", "dan"]);
    listen(&mut town, &[cat, dan]);
    town.quit(anna);
    town.run(3_000);
    let left = (Tenure::Left, Loss::default());
    for who in [cat, dan] {
        assert_eq!(handovers(&town, who), std::slice::from_ref(&left));
    }
    town.crash(bob);
    town.run(20_000);
    let missed = (Tenure::Missed, Loss::default());
    for who in [cat, dan] {
        assert_eq!(handovers(&town, who), [left.clone(), missed.clone()]);
    }
    town.settle();
}

#[test]
fn a_missed_host_is_said_at_once_and_so_is_that_it_is_back() {
    let mut town = town(42);
    let [anna, bob, _] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    listen(&mut town, &[bob]);
    let contact = |town: &Town| {
        told(town, bob, |event| {
            let Event::Contact { host, is_held, .. } = event else {
                return None;
            };
            Some((*host, *is_held))
        })
    };
    town.world.cut_between(anna, bob);
    town.run(10_000);
    let host = town.world.node(anna).id;
    assert_eq!(contact(&town), [(host, false), (host, true)]);
    assert_eq!(handovers(&town, bob), [], "nobody else hosts");
    town.settle();
}

#[test]
fn a_line_said_while_nobody_hosts_is_on_the_way_in_the_handover_and_then_in_order() {
    let mut town = town(43);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    listen(&mut town, &[cat]);
    town.crash(anna);
    town.say(cat, HEARTH);
    town.run(20_000);
    let line = last_line(&town, cat);
    let [(Tenure::Missed, lost)] = &handovers(&town, cat)[..] else {
        panic!("{:?}", handovers(&town, cat));
    };
    assert_eq!((&lost.own[..], lost.unseen), (&[][..], 0));
    assert_eq!(lost.waiting, [line]);
    assert_eq!(confirmed(&town, cat), [line]);
    assert_eq!(town.texts(bob, HEARTH), ["cat 1"]);
    town.settle();
}

#[test]
fn lines_that_only_the_crashed_host_had_are_counted_and_their_return_is_said() {
    const LINES: usize = 2_500;
    let mut town = town(44);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    // Bob is away for less than it takes to let him go, and a lot is said.
    town.world.partition([(bob, 1)].into());
    town.world.cut(bob);
    town.world.weather.flush_ms = (1, 1);
    for _ in 0..LINES / 500 {
        for _ in 0..500 {
            town.say(anna, HEARTH);
        }
        town.run(1_500);
    }
    assert_eq!(town.texts(anna, HEARTH).len(), LINES);
    listen(&mut town, &[bob]);
    town.world.heal();
    let lines = |town: &Town| town.texts(bob, HEARTH).len();
    while lines(&town) == 0 {
        town.run(1);
    }
    let entries = |who| town.view(who, HEARTH).log.len();
    let (all, got) = (entries(anna), entries(bob));
    town.crash(anna);
    town.run(20_000);
    let lost = &handovers(&town, bob)[0].1;
    assert!(got < all, "bob had all of it before the crash");
    assert!(lost.unseen > 0, "{lost:?}");
    // What was on its way came after all; whatever did not is counted.
    let log = town.view(bob, HEARTH).log;
    let hosted = town.world.node(anna).id;
    let got = log.values().filter(|line| line.place.epoch.host == hosted);
    let unseen = usize::try_from(lost.unseen).unwrap();
    assert_eq!(got.count() + unseen, all, "every line is here or counted");
    town.start(anna);
    town.settle();
    assert_eq!(lines(&town), LINES);
    let notices = told(&town, bob, |event| {
        let Event::Notice { text, .. } = event else {
            return None;
        };
        Some(text.clone())
    });
    assert_eq!(notices, ["the lines that were missing are here"]);
}

#[test]
fn a_line_placed_but_not_confirmed_before_a_restart_is_confirmed_after_it() {
    let mut town = town(45);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    listen(&mut town, &[cat]);
    // The heir's disk takes its time, so that there is a while between place and confirmation.
    town.world.fill_disk(bob, true);
    town.say(cat, HEARTH);
    town.run(2_000);
    let line = last_line(&town, cat);
    let hearth = name(HEARTH);
    assert_eq!(town.world.node(cat).disk.keeps(&hearth, line), Kept::Placed);
    assert_eq!(confirmed(&town, cat), [], "not everybody has it");
    town.crash(cat);
    town.run(500);
    listen(&mut town, &[cat]);
    town.start(cat);
    town.world.fill_disk(bob, false);
    town.settle();
    assert!(confirmed(&town, cat).contains(&line));
    assert_eq!(town.texts(anna, HEARTH), ["cat 1"]);

    // What is confirmed is not confirmed again by another start.
    listen(&mut town, &[cat]);
    town.crash(cat);
    town.run(500);
    town.start(cat);
    town.settle();
    assert!(!confirmed(&town, cat).contains(&line));
}

#[test]
fn a_line_in_the_outbox_is_on_its_way_again_after_a_restart() {
    let mut town = town(46);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    town.world.partition([(bob, 1)].into());
    town.run(4_000);
    listen(&mut town, &[bob]);
    town.say(bob, HEARTH);
    town.run(500);
    let line = last_line(&town, bob);
    town.crash(bob);
    town.run(500);
    listen(&mut town, &[bob]);
    town.start(bob);
    town.run(500);
    assert_eq!(last_line(&town, bob), line);
    town.run(8_000);
    let waiting = told(&town, bob, |event| {
        let Event::Waiting { lines, .. } = event else {
            return None;
        };
        Some(lines.clone())
    });
    assert_eq!(waiting, [[line]], "it is said once that it waits");
    town.world.heal();
    town.settle();
    assert_eq!(confirmed(&town, bob)[0], line);
    assert_eq!(town.texts(anna, HEARTH), ["bob 1"]);
}

#[test]
fn a_line_that_nobody_was_sent_can_be_taken_back_and_another_cannot() {
    let mut town = town(47);
    let [anna, bob, _] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.world.partition([(bob, 1)].into());
    listen(&mut town, &[bob]);
    town.run(1);
    town.say(bob, HEARTH);
    town.run(200);
    let sent = last_line(&town, bob);
    town.run(10_000);
    town.say(bob, HEARTH);
    town.run(200);
    let kept_back = last_line(&town, bob);
    for id in [sent, kept_back] {
        let group = name(HEARTH);
        town.world.command(bob, Command::Drop { group, id });
    }
    town.run(200);
    let failed = told(&town, bob, |event| {
        let Event::Failed { id, .. } = event else {
            return None;
        };
        Some(*id)
    });
    assert_eq!(failed, [kept_back]);
    town.world.heal();
    town.run(1_000);
    town.say(bob, HEARTH);
    town.settle();
    assert_eq!(town.texts(anna, HEARTH), ["bob 1", "bob 3"]);
}

#[test]
fn another_responsible_supernode_is_told_and_its_return_too() {
    let mut town = town(48);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    listen(&mut town, &[bob]);
    let told_of = |town: &Town| {
        told(town, bob, |event| {
            let Event::Responsible {
                name,
                before,
                is_lost,
                ..
            } = event
            else {
                return None;
            };
            Some((name.clone(), before.clone(), *is_lost))
        })
    };
    // Whichever is responsible goes; which one it was is in what is told.
    let [one, two] = [town.supernodes[0], town.supernodes[1]];
    town.crash(one);
    town.run(15_000);
    let first = told_of(&town);
    let (gone, other) = if first.is_empty() {
        town.start(one);
        town.run(15_000);
        town.crash(two);
        town.run(15_000);
        (two, one)
    } else {
        (one, two)
    };
    let names = [gone, other].map(|ix| town.world.node(ix).name.clone());
    let lost = (names[1].clone(), Some(names[0].clone()), true);
    assert_eq!(told_of(&town), std::slice::from_ref(&lost));
    town.say(anna, HEARTH);
    town.start(gone);
    town.run(30_000);
    let back = (names[0].clone(), Some(names[1].clone()), false);
    assert_eq!(told_of(&town), [lost, back]);
    assert_eq!(handovers(&town, bob), [], "the talk does not go by it");
    town.settle();
}

#[test]
fn a_full_disk_is_told_for_as_long_as_it_is_full() {
    let mut town = town(49);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    listen(&mut town, &[bob]);
    let disk = |town: &Town| {
        told(town, bob, |event| {
            let Event::Disk { trouble } = event else {
                return None;
            };
            Some(trouble.is_some())
        })
    };
    town.world.fill_disk(bob, true);
    for _ in 0..5 {
        town.say(anna, HEARTH);
        town.run(3_000);
    }
    assert_eq!(disk(&town), [true]);
    let lines = |town: &Town| town.texts(bob, HEARTH).len();
    assert_eq!(lines(&town), 5, "the talk goes on");
    town.world.fill_disk(bob, false);
    // What follows on lines that were not written is refused for another reason, which is not another trouble.
    town.say(anna, HEARTH);
    town.run(10_000);
    assert_eq!(disk(&town), [true, false]);
    let said = told(&town, bob, |event| {
        let Event::Entry(line) = event else {
            return None;
        };
        matches!(line.what, What::Text(_)).then_some(line.id)
    });
    assert_eq!(said.len(), 6);
    town.settle();
}
