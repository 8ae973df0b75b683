//! Who founded a group, what that is worth, and for how long: told one story at a time.

use std::collections::BTreeMap;

use fireside::proto::command::Who;
use fireside::proto::event::What;
use fireside::proto::id::{GroupName, Nick, NodeId};
use fireside::proto::ring::{Point, Ring};
use fireside::proto::ruling::{Mode, Rank, Ruling};

use crate::link::NodeIx;
use crate::town::{Town, name};

const HEARTH: &str = "#hearth";
const DAY: u64 = 24 * 3600 * 1000;

fn nick(nick: &str) -> Who {
    Who::Nick(Nick::parse(nick).unwrap())
}

fn op(member: &str) -> Ruling<Who> {
    let member = nick(member);
    Ruling::Op { member }
}

fn kick(who: &str) -> Ruling<Who> {
    Ruling::Kick {
        member: nick(who),
        why: "so".to_owned(),
    }
}

/// Everybody of the mesh is switched off for so long, and on again.
fn sleep(town: &mut Town, ms: u64) {
    let mesh = [town.directories.clone(), town.supernodes.clone()].concat();
    for ix in mesh {
        town.crash(ix);
    }
    town.run(ms);
    town.start_mesh();
    town.run(20_000);
}

fn founder(town: &Town, who: NodeIx, group: &GroupName) -> Option<NodeId> {
    let charter = town.world.node(who).disk.charter(group)?;
    Some(charter.founder)
}

fn records(town: &Town, group: &str) -> usize {
    let has = |ix: &&NodeIx| town.world.node(**ix).disk.has_record(&name(group));
    town.supernodes.iter().filter(has).count()
}

fn rank(town: &Town, seen_by: NodeIx, of: NodeIx) -> Option<Rank> {
    let id = town.world.node(of).id;
    let view = town.view(seen_by, HEARTH);
    let member = view.members.iter().find(|member| member.id == id)?;
    Some(member.rank)
}

fn put_out(town: &mut Town, by: NodeIx, who: NodeIx, ruling: Ruling<Who>) {
    let group = town.called(who, HEARTH);
    town.rule(by, HEARTH, ruling);
    town.gives_up(who, &group);
}

#[test]
fn the_founder_has_its_rights_though_everybody_was_gone_for_29_days() {
    let mut town = Town::new(101, 1, 5);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    town.say(bob, HEARTH);
    town.settle();
    assert_eq!(records(&town, HEARTH), 3, "three of five hold the record");
    for who in [bob, anna] {
        town.quit(who);
        town.run(5_000);
    }
    for days in [5, 7, 1, 6, 5, 5] {
        sleep(&mut town, days * DAY);
    }

    let cat = town.person("cat");
    town.start(cat);
    town.join(cat, HEARTH);
    town.settle();
    assert_eq!(
        founder(&town, cat, &name(HEARTH)),
        Some(town.world.node(anna).id)
    );
    town.start(anna);
    town.join(anna, HEARTH);
    town.settle();
    assert_eq!(town.texts(cat, HEARTH), ["bob 1"]);
    let (_, epoch) = town.view(anna, HEARTH).host.unwrap();
    assert!(epoch.number > 1, "the epochs go on");

    put_out(&mut town, anna, cat, kick("cat"));
    town.settle();
    assert!(!town.is_in(cat, HEARTH));
}

#[test]
fn after_30_days_the_name_is_free_and_the_old_group_goes_on_under_another() {
    let mut town = Town::new(102, 1, 4);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    town.say(bob, HEARTH);
    town.settle();
    for who in [bob, anna] {
        town.quit(who);
        town.run(5_000);
    }
    for _ in 0..5 {
        sleep(&mut town, 6 * DAY);
    }
    assert_eq!(records(&town, HEARTH), 0);

    let cat = town.person("cat");
    town.start(cat);
    town.join(cat, HEARTH);
    town.run(5_000);
    assert_eq!(
        founder(&town, cat, &name(HEARTH)),
        Some(town.world.node(cat).id)
    );
    for who in [anna, bob] {
        town.start(who);
        town.join(who, HEARTH);
        town.run(10_000);
    }
    town.say(anna, HEARTH);
    town.say(cat, HEARTH);
    town.settle();

    let other = town.called(anna, HEARTH);
    assert_eq!(other.root(), HEARTH);
    assert!(other.tag().is_some(), "{other}");
    assert_eq!(town.called(bob, HEARTH), other);
    assert_eq!(town.called(cat, HEARTH), name(HEARTH));
    assert_eq!(town.texts(bob, HEARTH), ["bob 1", "anna 2"]);
    assert_eq!(town.texts(cat, HEARTH), ["cat 3"]);
    assert_eq!(founder(&town, bob, &other), Some(town.world.node(anna).id));
    // It is the group's name from here on, for whoever is told of it, and at the next start.
    let dan = town.person("dan");
    town.start(dan);
    town.join(dan, other.as_str());
    town.crash(bob);
    town.run(12_000);
    town.start(bob);
    town.settle();
    assert_eq!(town.texts(dan, other.as_str()), ["bob 1", "anna 2"]);
    put_out(&mut town, anna, bob, kick("bob"));
    town.settle();
    assert!(!town.is_in(bob, HEARTH));
}

#[test]
fn a_clock_that_jumps_a_year_takes_no_record_that_is_in_use() {
    const YEAR: i64 = 365 * DAY as i64;
    let mut town = Town::new(103, 1, 3);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    town.settle();
    for ix in town.supernodes.clone() {
        town.world.set_clock(ix, YEAR);
    }
    town.run(20_000);
    assert_eq!(records(&town, HEARTH), 3);
    sleep(&mut town, 1_000);
    for who in [anna, bob] {
        town.quit(who);
    }
    town.run(5_000);
    for off in [0, YEAR, 0] {
        for ix in town.supernodes.clone() {
            town.world.set_clock(ix, off);
        }
        sleep(&mut town, 1_000);
        assert_eq!(records(&town, HEARTH), 3, "with a clock {off} ms ahead");
    }
    town.start(bob);
    town.join(bob, HEARTH);
    town.settle();
    assert_eq!(
        founder(&town, bob, &name(HEARTH)),
        Some(town.world.node(anna).id)
    );
}

#[test]
fn a_holder_that_lost_its_disk_is_given_the_record_again() {
    let mut town = Town::new(104, 1, 3);
    let [anna, bob] = town.circle(HEARTH, ["anna", "bob"]);
    town.settle();
    for who in [anna, bob] {
        town.quit(who);
        town.run(3_000);
    }
    for ix in town.supernodes.clone() {
        town.crash(ix);
        town.world.wipe(ix);
        town.run(10_000);
        town.start(ix);
        town.run(10_000);
        assert_eq!(records(&town, HEARTH), 3);
    }
    let cat = town.person("cat");
    town.start(cat);
    town.join(cat, HEARTH);
    town.settle();
    assert_eq!(
        founder(&town, cat, &name(HEARTH)),
        Some(town.world.node(anna).id)
    );
}

/// The supernodes of a town in the order in which they stand by a group: the responsible first.
fn by_distance(town: &Town, group: &str) -> Vec<NodeIx> {
    let places: BTreeMap<_, _> = (1..)
        .zip(&town.supernodes)
        .map(|(n, ix)| (town.world.node(*ix).id, (*ix, [10, 7, 0, n])))
        .collect();
    let ring = Ring::new(places.iter().map(|(id, (_, ip))| (*id, (*ip).into())));
    let nearest = ring.nearest(Point::of_group(&name(group)));
    nearest.iter().map(|(id, _, _)| places[id].0).collect()
}

#[test]
fn of_two_groups_founded_apart_the_one_that_most_holders_know_keeps_the_name() {
    // Of four the first, the second and the last hold the record.
    for (seed, with_responsible, kept) in [(105, 3, 0), (106, 2, 1), (107, 1, 0)] {
        let mut town = Town::new(seed, 2, 4);
        let near = by_distance(&town, HEARTH);
        let people = ["anna", "bob", "cat", "dan"].map(|nick| town.person(nick));
        let here = [
            near[0],
            near[with_responsible],
            town.directories[0],
            people[0],
            people[1],
        ];
        let all = town.world.nodes().map(|(ix, _)| ix);
        let sides = all.map(|ix| (ix, u8::from(!here.contains(&ix)))).collect();
        town.world.partition(sides);
        town.start_mesh();
        town.run(4_000);
        for who in people {
            town.start(who);
            town.join(who, HEARTH);
            town.run(4_000);
            town.say(who, HEARTH);
        }
        town.run(4_000);
        town.world.heal();
        town.settle();

        let (winners, losers) = if kept == 0 {
            ([0, 1], [2, 3])
        } else {
            ([2, 3], [0, 1])
        };
        for who in winners.map(|at| people[at]) {
            assert_eq!(town.called(who, HEARTH), name(HEARTH), "seed {seed}");
        }
        let other = town.called(people[losers[0]], HEARTH);
        assert!(other.tag().is_some(), "seed {seed}: {other}");
        for (at, group) in [(winners, name(HEARTH)), (losers, other)] {
            let [one, two] = at.map(|at| people[at]);
            assert_eq!(town.called(two, HEARTH), group);
            assert_eq!(founder(&town, two, &group), Some(town.world.node(one).id));
            let texts = at.map(|at| format!("{} {}", town.world.node(people[at]).name, at + 1));
            assert_eq!(town.texts(one, HEARTH), texts, "nothing of the other's log");
        }
        // Whoever is told of the name finds the group that has it.
        let eve = town.person("eve");
        town.start(eve);
        town.join(eve, HEARTH);
        town.settle();
        assert_eq!(
            town.texts(eve, HEARTH),
            town.texts(people[winners[0]], HEARTH)
        );
    }
}

#[test]
fn a_banned_member_stays_out_whoever_hosts_until_it_is_let_in() {
    let mut town = Town::new(108, 1, 2);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    put_out(
        &mut town,
        anna,
        cat,
        Ruling::Ban {
            member: nick("cat"),
        },
    );
    town.settle();
    assert!(!town.is_in(cat, HEARTH));
    let told = |view: &crate::checker::View| {
        let bans = view.log.values().filter(|line| {
            matches!(
                &line.what,
                What::Ruling {
                    ruling: Ruling::Ban { .. },
                    ..
                }
            )
        });
        bans.count()
    };
    assert_eq!(told(&town.view(bob, HEARTH)), 1);
    assert_eq!(told(&town.view(cat, HEARTH)), 1, "it is told why");

    town.quit(anna);
    town.run(4_000);
    assert_eq!(town.host(bob, HEARTH), bob);
    town.join(cat, HEARTH);
    town.run(5_000);
    assert!(!town.is_in(cat, HEARTH));
    assert_eq!(town.view(bob, HEARTH).members.len(), 1);
    town.gives_up(cat, &name(HEARTH));
    town.crash(bob);
    town.run(2_000);
    town.start(bob);
    town.run(8_000);
    town.join(cat, HEARTH);
    town.run(5_000);
    assert!(!town.is_in(cat, HEARTH), "the ban is on disk");
    town.gives_up(cat, &name(HEARTH));

    town.start(anna);
    town.join(anna, HEARTH);
    town.run(5_000);
    town.rule(
        anna,
        HEARTH,
        Ruling::Unban {
            member: nick("cat"),
        },
    );
    town.run(2_000);
    town.join(cat, HEARTH);
    town.settle();
    assert!(town.is_in(cat, HEARTH));
}

#[test]
fn a_banned_member_does_not_come_in_where_nobody_is_either() {
    let mut town = Town::new(114, 1, 2);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    let ban = Ruling::Ban {
        member: nick("cat"),
    };
    put_out(&mut town, anna, cat, ban);
    town.settle();
    for who in [anna, bob] {
        town.quit(who);
        town.run(4_000);
    }
    town.join(cat, HEARTH);
    town.run(20_000);
    assert!(!town.is_in(cat, HEARTH));
    let disk = &town.world.node(cat).disk;
    assert_eq!(disk.joined().count(), 0, "it has given up");
    town.gives_up(cat, &name(HEARTH));
    town.start(bob);
    town.join(bob, HEARTH);
    town.settle();
    assert_eq!(town.view(bob, HEARTH).members.len(), 1);
}

#[test]
fn operators_rule_in_the_founders_absence_and_nobody_else() {
    let mut town = Town::new(109, 1, 2);
    let [anna, bob, cat, dan] = town.circle(HEARTH, ["anna", "bob", "cat", "dan"]);
    town.rule(anna, HEARTH, op("bob"));
    town.settle();
    for seen_by in [anna, bob, cat, dan] {
        assert_eq!(rank(&town, seen_by, anna), Some(Rank::Founder));
        assert_eq!(rank(&town, seen_by, bob), Some(Rank::Operator));
        assert_eq!(rank(&town, seen_by, cat), Some(Rank::Member));
    }
    town.quit(anna);
    town.run(4_000);
    // Neither hosting nor asking gives a right.
    town.rule(cat, HEARTH, kick("dan"));
    town.rule(cat, HEARTH, op("cat"));
    town.rule(bob, HEARTH, op("cat"));
    town.settle();
    assert_eq!(rank(&town, dan, cat), Some(Rank::Member));
    assert!(town.is_in(dan, HEARTH));

    put_out(&mut town, bob, dan, kick("dan"));
    town.settle();
    assert!(!town.is_in(dan, HEARTH));
    town.join(dan, HEARTH);
    town.settle();
    assert!(town.is_in(dan, HEARTH), "who was put out may come back");
}

#[test]
fn who_was_put_out_while_it_was_away_does_not_come_back_by_itself() {
    let mut town = Town::new(110, 1, 2);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.settle();
    town.crash(cat);
    town.rule(anna, HEARTH, kick("cat"));
    town.run(12_000);
    town.start(cat);
    town.gives_up(cat, &name(HEARTH));
    town.settle();
    assert!(!town.is_in(cat, HEARTH));
    assert_eq!(town.view(bob, HEARTH).members.len(), 2);
    town.join(cat, HEARTH);
    town.settle();
    assert!(town.is_in(cat, HEARTH));
}

#[test]
fn a_host_that_is_put_out_hands_over_and_goes() {
    let mut town = Town::new(111, 1, 2);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    town.crash(anna);
    town.run(12_000);
    assert_eq!(town.host(cat, HEARTH), bob);
    town.start(anna);
    town.run(8_000);
    assert_eq!(town.host(anna, HEARTH), bob);
    put_out(&mut town, anna, bob, kick("bob"));
    town.say(cat, HEARTH);
    town.settle();
    assert!(!town.is_in(bob, HEARTH));
    assert_ne!(town.host(cat, HEARTH), bob);
    assert_eq!(town.texts(anna, HEARTH), ["cat 1"]);
}

#[test]
fn a_locked_topic_and_a_moderated_group_are_the_operators() {
    let mut town = Town::new(112, 1, 2);
    let [anna, bob, cat] = town.circle(HEARTH, ["anna", "bob", "cat"]);
    let mode = |mode, on| Ruling::Mode { mode, on };
    let topics = |town: &Town| {
        let view = town.view(cat, HEARTH);
        let topics = view.log.values();
        topics
            .filter(|line| matches!(line.what, What::Topic(_)))
            .count()
    };
    town.topic(bob, HEARTH);
    town.settle();
    town.rule(anna, HEARTH, mode(Mode::TopicLock, true));
    town.settle();
    town.topic(bob, HEARTH);
    town.settle();
    assert_eq!(topics(&town), 1);
    town.topic(anna, HEARTH);
    town.rule(anna, HEARTH, mode(Mode::TopicLock, false));
    town.settle();
    town.topic(bob, HEARTH);
    town.settle();
    town.rule(anna, HEARTH, mode(Mode::Moderated, true));
    town.settle();
    assert_eq!(topics(&town), 3);
    town.say(anna, HEARTH);
    town.say(bob, HEARTH);
    town.settle();
    assert_eq!(town.texts(cat, HEARTH), ["anna 5"]);
}

#[test]
fn what_an_operator_did_after_it_was_none_counts_for_nothing_when_the_sides_meet() {
    let mut town = Town::new(113, 2, 2);
    let [anna, bob, cat, dan] = town.circle(HEARTH, ["anna", "bob", "cat", "dan"]);
    town.rule(anna, HEARTH, op("bob"));
    town.settle();
    let there = [town.directories[1], town.supernodes[1], bob, cat];
    town.world.partition(there.map(|ix| (ix, 1)).into());
    town.run(3_000);
    town.rule(
        anna,
        HEARTH,
        Ruling::Deop {
            member: nick("bob"),
        },
    );
    town.run(25_000);
    town.rule(
        bob,
        HEARTH,
        Ruling::Mode {
            mode: Mode::Moderated,
            on: true,
        },
    );
    town.run(5_000);
    town.say(cat, HEARTH);
    town.run(2_000);
    assert_eq!(
        town.texts(cat, HEARTH).len(),
        0,
        "on its side bob still ruled"
    );
    town.world.heal();
    town.settle();
    town.say(cat, HEARTH);
    town.settle();
    assert_eq!(town.texts(dan, HEARTH).len(), 1);
    assert_eq!(rank(&town, cat, bob), Some(Rank::Member));
}
