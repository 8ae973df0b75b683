//! One lie at a time: what a member or host gets for it, and that the honest talk on as if nothing had been said.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a liar twists the messages it knows and passes on the rest"
)]

use fireside::proto::command::Command;
use fireside::proto::id::{Epoch, GroupName, NodeId, Number, Seq};
use fireside::proto::limits::{BLOCK_LINES_MAX, COUNT_MAX};
use fireside::proto::seal::{Hash, Signature};
use fireside::proto::time::{Hlc, Wall};
use fireside::proto::wire::{
    Body, Charter, Decline, Entry, Lease, Lines, Message, Reason, Run, Tip, Vector,
};

use crate::liar::{Puppet, notices, run};
use crate::link::NodeIx;
use crate::seal::CheapSeal;
use crate::town::{Town, name};

const HEARTH: &str = "#hearth";

/// Honest people, and a liar among them who came last.
fn among<const N: usize>(seed: u64, nicks: [&str; N]) -> (Town, [NodeIx; N], Puppet) {
    let mut town = town(seed);
    let people = town.circle(HEARTH, nicks);
    let liar = Puppet::new(&mut town, "mallory");
    liar.join(&mut town, HEARTH);
    (town, people, liar)
}

/// A liar who hosts, and honest people who came after.
fn under<const N: usize>(seed: u64, nicks: [&str; N]) -> (Town, [NodeIx; N], Puppet) {
    let mut town = town(seed);
    town.start_mesh();
    town.run(3_000);
    let liar = Puppet::new(&mut town, "mallory");
    liar.join(&mut town, HEARTH);
    let people = town.circle(HEARTH, nicks);
    assert!(people.iter().all(|who| town.is_in(*who, HEARTH)));
    (town, people, liar)
}

fn town(seed: u64) -> Town {
    let mut town = Town::new(seed, 1, 2);
    town.world.has_liar = true;
    town
}

fn group() -> GroupName {
    name(HEARTH)
}

/// Everything that a node has of a line.
fn line(town: &Town, who: NodeIx, epoch: Epoch) -> Run {
    let disk = &town.world.node(who).disk;
    let all = Vector::from([(epoch, Seq(COUNT_MAX))]);
    let (mut runs, _) = disk.fetch(&group(), &Vector::new(), &all);
    runs.pop().expect("it has the line")
}

/// The epoch in force.
fn epoch(town: &Town, who: NodeIx) -> Epoch {
    let (_, epoch) = town.view(who, HEARTH).host.expect("somebody hosts");
    epoch
}

/// The liar goes, and the honest are as they should be: in, with one log, everything confirmed.
fn talk_on(town: &mut Town, people: &[NodeIx], liar: &Puppet) {
    for who in people {
        town.say(*who, HEARTH);
    }
    town.crash(liar.ix);
    for who in people {
        town.say(*who, HEARTH);
    }
    town.settle();
}

fn is_said(town: &Town, who: NodeIx, text: &str) -> bool {
    town.texts(who, HEARTH).iter().any(|said| said == text)
}

fn push(leases: Vec<Lease>, runs: Vec<Run>) -> Message {
    Message::Push {
        group: group(),
        leases,
        runs,
    }
}

// -- a member lies ---------------------------------------------------------------------------------------

#[test]
fn a_member_cannot_write_in_the_line_of_a_host() {
    let (mut town, [anna, bob], liar) = among(100, ["anna", "bob"]);
    town.say(anna, HEARTH);
    town.quit(anna);
    town.run(5_000);
    // Anna's line is over; the liar would have it go on.
    let old = town
        .world
        .node(bob)
        .disk
        .epochs(&group())
        .find(|epoch| epoch.host == town.world.node(anna).id)
        .expect("anna hosted");
    let line = line(&town, bob, old);
    let (last, hlc) = (line.last(), line.entries.last().unwrap().hlc);
    let entry = liar.entry(&group(), 2, "as if anna had placed it");
    let entries = vec![(hlc.0 + 1, entry)];
    let forged = run(&*liar.seal, &group(), old, (last.0, line.head()), entries);
    liar.tell(&mut town, bob, push(Vec::new(), vec![forged]));
    liar.assert_closed(Reason::BadSignature);
    assert!(!is_said(&town, bob, "as if anna had placed it"));
    talk_on(&mut town, &[bob], &liar);
}

#[test]
fn a_member_cannot_invent_a_line() {
    a_member_invents_a_line(101);
}

/// A member offers the host lines, of long ago and of times to come, that no supernode has granted.
pub fn a_member_invents_a_line(seed: u64) {
    let (mut town, [anna, bob], liar) = among(seed, ["anna", "bob"]);
    let higher = epoch(&town, bob).number + 7;
    let invented = |number| Epoch {
        number,
        host: liar.id,
    };
    let own = |number, leases: Vec<Lease>, town: &mut Town| {
        let entries = vec![(Hlc::MAX.0, liar.entry(&group(), 2, "invented"))];
        let start = (0, Hash::default());
        let forged = run(&*liar.seal, &group(), invented(number), start, entries);
        liar.tell(town, anna, push(leases, vec![forged]));
    };
    let lease =
        |seal: &CheapSeal, group, number| Lease::granted(seal, group, invented(number), None);
    let (me, supernode) = (
        CheapSeal(liar.id),
        CheapSeal(town.world.node(town.supernodes[0]).id),
    );
    let mut unsigned = lease(&supernode, group(), 0);
    unsigned.signature = Signature([7; 64]);
    for (number, leases) in [
        (0, Vec::new()),
        (0, vec![lease(&me, group(), 0)]),
        (0, vec![lease(&supernode, name("#garden"), 0)]),
        (0, vec![unsigned]),
        (higher, Vec::new()),
        (higher, vec![lease(&me, group(), higher)]),
    ] {
        own(number, leases, &mut town);
        let declined = liar.notes.borrow().declined.last().copied();
        assert_eq!(declined, Some((invented(number), Decline::NoLease)));
    }
    assert_eq!(liar.closed(), []);
    assert_eq!(town.host(bob, HEARTH), anna);
    assert!(!is_said(&town, bob, "invented"));
    talk_on(&mut town, &[anna, bob], &liar);
}

#[test]
fn a_lease_of_another_group_that_had_the_name_counts_for_nothing() {
    a_lease_of_another_group(108);
}

/// Somebody in two groups that have both gone by the name shows one a lease, and a line, of the other.
pub fn a_lease_of_another_group(seed: u64) {
    let (mut town, [anna, bob], liar) = among(seed, ["anna", "bob"]);
    let higher = epoch(&town, bob).number + 7;
    let supernode = CheapSeal(town.world.node(town.supernodes[0]).id);
    let other = Charter::offered(&*liar.seal, &group(), Wall(1)).witnessed(&supernode);
    for number in [0, higher] {
        let epoch = Epoch {
            number,
            host: liar.id,
        };
        let lease = Lease::granted(&supernode, group(), epoch, Some(&other));
        assert!(lease.is_genuine(&supernode));
        liar.tell(
            &mut town,
            anna,
            Message::Not {
                lease: lease.clone(),
            },
        );
        let entries = vec![(Hlc::MAX.0, liar.entry(&group(), 2, "from there"))];
        let line = run(&*liar.seal, &group(), epoch, (0, Hash::default()), entries);
        liar.tell(&mut town, anna, push(vec![lease], vec![line]));
        let declined = liar.notes.borrow().declined.last().copied();
        assert_eq!(declined, Some((epoch, Decline::NoLease)));
    }
    assert_eq!(town.host(bob, HEARTH), anna);
    assert!(!is_said(&town, bob, "from there"));
    talk_on(&mut town, &[anna, bob], &liar);
}

#[test]
fn who_has_been_told_otherwise_is_told_again() {
    who_was_told_otherwise(109);
}

/// A member shows the charter that another supernode told it after this one had.
pub fn who_was_told_otherwise(seed: u64) {
    let mut town = Town::new(seed, 1, 1);
    town.world.has_liar = true;
    let [anna] = town.circle(HEARTH, ["anna"]);
    let liar = Puppet::new(&mut town, "bob");
    liar.join(&mut town, HEARTH);
    let lease = town.world.node(anna).disk.lease(&group()).cloned();
    let supernode = town.supernodes[0];
    let other = Charter::offered(&*liar.seal, &group(), Wall(1));
    for (charter, is_told) in [(None, 0), (Some(other), 1)] {
        let before = liar.notes.borrow().hosts;
        let register = Message::Register {
            group: group(),
            lease: lease.clone(),
            hosting: false,
            missed: false,
            roster: Vec::new(),
            charter: charter.map(Box::new),
        };
        liar.tell(&mut town, supernode, register);
        assert_eq!(liar.notes.borrow().hosts, before + is_told);
    }
}

#[test]
fn a_member_that_claims_the_moon_gets_none_of_it() {
    let (mut town, [anna, bob], liar) = among(102, ["anna", "bob"]);
    let now = epoch(&town, bob);
    let tip = Tip {
        seq: Seq(COUNT_MAX),
        head: Hash([9; 32]),
    };
    let moons = (0..500).map(|number| {
        (
            Epoch {
                number,
                host: liar.id,
            },
            tip,
        )
    });
    let lines = Lines {
        tips: moons.chain([(now, tip)]).collect(),
        older: Hash([9; 32]),
    };
    let disk = &town.world.node(bob).disk;
    let lease = disk.lease(&group()).expect("bob knows it").clone();
    let charter = charter(&town, bob);
    liar.tell(
        &mut town,
        anna,
        Message::Hello {
            lease,
            lines,
            served: None,
            charter,
        },
    );
    town.say(bob, HEARTH);
    town.run(2_000);
    assert!(is_said(&town, anna, "bob 1"));
    talk_on(&mut town, &[anna, bob], &liar);
}

#[test]
fn a_member_in_league_with_a_supernode_brings_no_more_lines_than_there_is_room_for() {
    let (mut town, [anna, bob], liar) = among(110, ["anna", "bob"]);
    let supernode = CheapSeal(town.world.node(town.supernodes[0]).id);
    let charter = town.world.node(bob).disk.charter(&group()).cloned();
    // As many hosts as the liar likes, each with a lease and a line of its own.
    let line = |n: u8, m: u8| {
        let host = CheapSeal(NodeId([n, m].repeat(16).try_into().unwrap()));
        let epoch = Epoch {
            number: 0,
            host: host.0,
        };
        let lease = Lease::granted(&supernode, group(), epoch, charter.as_ref());
        let entry = Entry::signed(&*liar.seal, &group(), Number(2), Wall(1), Body::Void);
        let entries = vec![(1, entry)];
        let line = run(&host, &group(), epoch, (0, Hash::default()), entries);
        (lease, line)
    };
    for n in 0..12 {
        let (leases, runs) = (0..32).map(|m| line(n, m)).unzip();
        liar.tell(&mut town, anna, push(leases, runs));
    }
    let declined = liar.notes.borrow().declined.clone();
    assert!(!declined.is_empty());
    assert!(declined.iter().all(|(_, why)| *why == Decline::TooMany));
    for who in [anna, bob] {
        let group = group();
        let lines = town.world.node(who).disk.epochs(&group);
        let invented = lines.filter(|epoch| epoch.number == 0).count();
        assert!(invented <= BLOCK_LINES_MAX, "{invented} lines");
    }
    talk_on(&mut town, &[anna, bob], &liar);
}

#[test]
fn a_report_of_more_than_there_is_ends_the_link() {
    let (mut town, [anna, bob], liar) = among(103, ["anna", "bob"]);
    let now = epoch(&town, bob);
    let vector = Vector::from([(now, Seq(COUNT_MAX))]);
    let group = group();
    liar.tell(&mut town, anna, Message::Stored { group, vector });
    liar.assert_closed(Reason::FalseReport);
    talk_on(&mut town, &[anna, bob], &liar);
}

#[test]
fn a_member_speaks_for_nobody_else() {
    let (mut town, [anna, bob], liar) = among(104, ["anna", "bob"]);
    let group = group();
    let theirs = Entry {
        author: town.world.node(bob).id,
        ..liar.entry(&group, 2, "bob never said this")
    };
    let forged = Entry {
        body: Body::Text {
            text: "nor was this signed".to_owned(),
        },
        ..liar.entry(&group, 2, "something else")
    };
    let elsewhere = liar.entry(&name("#garden"), 2, "said in another group");
    for (entry, reason) in [
        (theirs, Reason::Unexpected),
        (forged, Reason::BadSignature),
        (elsewhere, Reason::BadSignature),
    ] {
        let (group, entries) = (group.clone(), vec![entry]);
        let before = liar.closed().len();
        liar.tell(&mut town, anna, Message::Put { group, entries });
        assert_eq!(liar.closed()[before..], [reason]);
        town.run(5_000);
    }
    talk_on(&mut town, &[anna, bob], &liar);
}

#[test]
fn an_epoch_of_the_past_is_answered_with_the_present() {
    let (mut town, [anna, bob], liar) = among(105, ["anna", "bob"]);
    let old = town.world.node(bob).disk.lease(&group()).unwrap().clone();
    town.quit(anna);
    town.run(5_000);
    assert_eq!(town.host(bob, HEARTH), bob);
    let (lease, lines) = (old.clone(), Lines::default());
    let before = liar.notes.borrow().nots;
    let charter = charter(&town, bob);
    liar.tell(
        &mut town,
        bob,
        Message::Hello {
            lease,
            lines,
            served: None,
            charter,
        },
    );
    assert_eq!(liar.notes.borrow().nots, before + 1);
    liar.tell(&mut town, bob, Message::Not { lease: old });
    assert_eq!(town.host(bob, HEARTH), bob);
    talk_on(&mut town, &[bob], &liar);
}

#[test]
fn a_member_that_declines_the_line_of_its_host_follows_it_no_more() {
    let (mut town, [anna, bob], liar) = among(106, ["anna", "bob"]);
    let (group, epoch, why) = (group(), epoch(&town, bob), Decline::Fork);
    let head = None;
    liar.tell(
        &mut town,
        anna,
        Message::Declined {
            group,
            epoch,
            why,
            head,
        },
    );
    liar.assert_closed(Reason::Fork);
    assert_eq!(notices(&town, anna), [] as [&str; 0], "that proves nothing");
    talk_on(&mut town, &[anna, bob], &liar);
}

// -- a host lies -----------------------------------------------------------------------------------------

/// What the host delivers to those it lies to, with every run changed and signed anew.
fn tamper(
    liar: &Puppet,
    to: impl Fn(NodeId) -> bool + 'static,
    mut change: impl FnMut(&mut Run) + 'static,
) {
    let seal = liar.seal.clone();
    liar.twist(move |peer, message| match message {
        Message::Deliver {
            group,
            report,
            leases,
            mut runs,
        } if to(peer) => {
            for run in runs.iter_mut().filter(|run| !run.entries.is_empty()) {
                change(run);
                let head = run.head();
                *run = run.clone().signed(&*seal, &group, head);
            }
            vec![Message::Deliver {
                group,
                report,
                leases,
                runs,
            }]
        }
        other => vec![other],
    });
}

#[test]
fn a_host_that_puts_words_in_a_mouth_is_left_alone() {
    let (mut town, [anna, bob], liar) = under(110, ["anna", "bob"]);
    tamper(
        &liar,
        |_| true,
        |run| {
            for sequenced in &mut run.entries {
                if let Body::Text { text } = &mut sequenced.entry.body {
                    text.push_str(", not");
                }
            }
        },
    );
    town.say(anna, HEARTH);
    town.run(3_000);
    liar.assert_closed(Reason::BadSignature);
    assert_eq!(town.texts(bob, HEARTH), [] as [&str; 0]);
    talk_on(&mut town, &[anna, bob], &liar);
}

#[test]
fn a_host_that_sets_the_clock_back_is_left_alone() {
    let (mut town, [anna, bob], liar) = under(111, ["anna", "bob"]);
    tamper(
        &liar,
        |_| true,
        |run| {
            for sequenced in &mut run.entries {
                sequenced.hlc = Hlc(1);
            }
        },
    );
    town.say(anna, HEARTH);
    town.run(3_000);
    liar.assert_closed(Reason::Disorder);
    talk_on(&mut town, &[anna, bob], &liar);
}

#[test]
fn a_host_that_sets_the_clock_to_the_end_of_time_does_not_have_the_last_word() {
    let (mut town, [anna, bob], liar) = under(112, ["anna", "bob"]);
    tamper(
        &liar,
        |_| true,
        |run| {
            for sequenced in &mut run.entries {
                sequenced.hlc = Hlc::MAX;
            }
        },
    );
    town.say(anna, HEARTH);
    town.run(2_000);
    assert!(
        town.view(bob, HEARTH)
            .log
            .values()
            .any(|line| line.place.hlc == Hlc::MAX)
    );
    talk_on(&mut town, &[anna, bob], &liar);
    let order: Vec<_> = town
        .view(bob, HEARTH)
        .log
        .values()
        .map(|l| l.place)
        .collect();
    assert!(
        order.iter().filter(|place| place.hlc == Hlc::MAX).count() > 5,
        "time stands still and the talk goes on"
    );
}

#[test]
fn a_host_that_does_not_sign_is_left_alone() {
    let (mut town, [anna, bob], liar) = under(113, ["anna", "bob"]);
    liar.twist(|_, message| match message {
        Message::Deliver {
            group,
            report,
            leases,
            mut runs,
        } => {
            runs.iter_mut()
                .for_each(|run| run.signature = Signature([1; 64]));
            vec![Message::Deliver {
                group,
                report,
                leases,
                runs,
            }]
        }
        other => vec![other],
    });
    town.say(anna, HEARTH);
    town.run(3_000);
    liar.assert_closed(Reason::BadSignature);
    talk_on(&mut town, &[anna, bob], &liar);
}

#[test]
fn a_run_longer_than_a_host_may_sign_is_refused() {
    let (mut town, [anna, bob], liar) = under(114, ["anna", "bob"]);
    let group = group();
    let now = epoch(&town, anna);
    let said = line(&town, anna, now);
    let text = "x".repeat(16_000);
    let entry = |n| liar.entry(&group, 2 + n, &text);
    let hlc = said.entries.last().unwrap().hlc.0;
    let entries = (0..4).map(|n| (hlc + 1 + n, entry(n))).collect();
    let after = (said.last().0, said.head());
    let runs = vec![run(&*liar.seal, &group, now, after, entries)];
    let deliver = Message::Deliver {
        group,
        report: false,
        leases: Vec::new(),
        runs,
    };
    liar.tell(&mut town, anna, deliver);
    liar.assert_closed(Reason::Limit);
    talk_on(&mut town, &[anna, bob], &liar);
}

#[test]
fn a_host_that_claims_the_moon_keeps_nobody_once_it_is_gone() {
    let (mut town, [anna, bob], liar) = under(115, ["anna", "bob"]);
    let me = liar.id;
    liar.twist(move |_, message| match message {
        Message::Welcome {
            group,
            epoch,
            mut lines,
        } => {
            let tip = Tip {
                seq: Seq(COUNT_MAX),
                head: Hash([9; 32]),
            };
            lines.tips.insert(
                Epoch {
                    number: 0,
                    host: me,
                },
                tip,
            );
            vec![Message::Welcome {
                group,
                epoch,
                lines,
            }]
        }
        other => vec![other],
    });
    town.world.cut(anna);
    town.run(10_000);
    talk_on(&mut town, &[anna, bob], &liar);
}

// -- two histories ---------------------------------------------------------------------------------------

/// The host tells bob another text than the rest of the world, and anna and bob so many lines of it.
fn two_histories(seed: u64, annas: u64, bobs: u64) -> (Town, [NodeIx; 3], Puppet) {
    let (mut town, [anna, bob, cat], liar) = under(seed, ["anna", "bob", "cat"]);
    let now = epoch(&town, anna);
    let said = line(&town, anna, now);
    let own = said.entries.iter().map(|sequenced| &sequenced.entry);
    let own = own.filter(|entry| entry.author == liar.id);
    let number = own.map(|entry| entry.number.0).max().expect("it came in") + 1;
    for (who, text, count) in [(anna, "yes", annas), (bob, "no", bobs), (cat, "yes", 1)] {
        let hlc = said.entries.last().unwrap().hlc.0;
        let entries = (0..count).map(|n| {
            let text = format!("{text} {n}");
            let group = group();
            town.world.checker.asked(
                liar.id,
                &Command::Say {
                    group,
                    text: text.clone(),
                },
            );
            (hlc + 1 + n, liar.entry(&self::group(), number + n, &text))
        });
        let after = (said.last().0, said.head());
        let entries = entries.collect();
        let deliver = Message::Deliver {
            group: group(),
            report: false,
            leases: Vec::new(),
            runs: vec![run(&*liar.seal, &group(), now, after, entries)],
        };
        liar.tell(&mut town, who, deliver);
    }
    assert!(is_said(&town, anna, "yes 0") && is_said(&town, bob, "no 0"));
    assert_eq!(notices(&town, bob), [] as [&str; 0], "nobody can know yet");
    town.crash(liar.ix);
    town.run(30_000);
    (town, [anna, bob, cat], liar)
}

fn check_two_histories(mut town: Town, [anna, bob, cat]: [NodeIx; 3], liar: &Puppet) {
    assert_eq!(town.host(bob, HEARTH), anna);
    for who in [anna, bob] {
        let told = notices(&town, who);
        let heard = "mallory told two histories of #hearth (epoch 1)";
        assert!(
            told.iter().filter(|text| text.starts_with(heard)).count() == 1,
            "{told:?}"
        );
        let disk = &town.world.node(who).disk;
        let forks: Vec<_> = disk.evidence(&group()).cloned().collect();
        let [fork] = forks.as_slice() else {
            panic!("{forks:?}");
        };
        for told in [&fork.ours, &fork.theirs] {
            assert_eq!(told.epoch.host, liar.id);
            assert!(told.is_genuine(&*liar.seal, &group(), told.head()));
        }
        assert!(
            fork.theirs.first.0 <= fork.ours.first.0,
            "they speak of one place"
        );
    }
    assert_eq!(
        notices(&town, cat),
        [] as [&str; 0],
        "cat's history is the host's"
    );
    // What each heard first stays, and they talk on together.
    for who in [anna, bob, cat] {
        town.say(who, HEARTH);
    }
    town.run(5_000);
    for who in [anna, bob, cat] {
        let texts = town.texts(who, HEARTH);
        let own = if who == bob { "no 0" } else { "yes 0" };
        assert!(texts.iter().any(|said| said == own));
        for said in ["anna 1", "bob 2", "cat 3"] {
            assert!(texts.iter().any(|text| text == said), "{texts:?}");
        }
    }
    // More than may be under way at once, so that nothing is held up by what is not taken.
    for _ in 0..8 {
        town.say(anna, HEARTH);
        town.run(1_000);
    }
    assert!(is_said(&town, bob, "anna 11") && is_said(&town, cat, "anna 11"));
    // Neither another meeting nor a new start makes it news.
    town.crash(bob);
    town.run(15_000);
    town.start(bob);
    town.run(15_000);
    assert!(town.is_in(bob, HEARTH));
    assert_eq!(notices(&town, bob).len(), 1);
    town.say(bob, HEARTH);
    town.run(3_000);
    assert!(is_said(&town, anna, "bob 12") && is_said(&town, cat, "bob 12"));
}

#[test]
fn two_histories_of_one_length_are_seen_and_both_kept() {
    let (town, people, liar) = two_histories(120, 1, 1);
    check_two_histories(town, people, &liar);
}

#[test]
fn two_histories_are_seen_by_those_who_have_the_shorter_one() {
    let (town, people, liar) = two_histories(121, 1, 3);
    check_two_histories(town, people, &liar);
}

#[test]
fn two_histories_keep_nobody_waiting_for_the_rest_of_the_other() {
    let (town, people, liar) = two_histories(123, 3, 1);
    check_two_histories(town, people, &liar);
}

#[test]
fn a_line_that_is_rewritten_is_seen_at_once() {
    let (mut town, [anna, bob], liar) = under(122, ["anna", "bob"]);
    let now = epoch(&town, anna);
    let said = line(&town, anna, now);
    let last = said.entries.len() - 1;
    let before = Run {
        entries: said.entries[..last].to_vec(),
        ..said.clone()
    };
    let hlc = said.entries[last].hlc.0;
    let entries = vec![(hlc, liar.entry(&group(), 2, "what was really said"))];
    let after = (last as u64, before.head());
    let deliver = Message::Deliver {
        group: group(),
        report: false,
        leases: Vec::new(),
        runs: vec![run(&*liar.seal, &group(), now, after, entries)],
    };
    liar.tell(&mut town, anna, deliver);
    assert_eq!(liar.notes.borrow().declined, [(now, Decline::Fork)]);
    assert_eq!(notices(&town, anna).len(), 1);
    assert!(!is_said(&town, anna, "what was really said"));
    talk_on(&mut town, &[anna, bob], &liar);
}

/// What who is in the group calls it by.
fn charter(town: &Town, who: NodeIx) -> Option<Hash> {
    let charter = town.world.node(who).disk.charter(&group());
    charter.map(|charter| charter.hash())
}
