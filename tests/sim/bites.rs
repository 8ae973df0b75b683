//! A checker is worth what it catches: it is told bad stories, and put into worlds whose floor gives way.

use fireside::proto::command::Command;
use fireside::proto::event::{Event, Line, Loss, Member, Standing, What};
use fireside::proto::id::{EntryId, Epoch, GroupName, Nick, NodeId, Number, Place, Seq};
use fireside::proto::ruling::Rank;
use fireside::proto::time::{Hlc, Wall};

use crate::checker::Checker;
use crate::town::name;
use crate::world::Fault;
use crate::worlds;

const ANNA: NodeId = NodeId([1; 32]);
const BOB: NodeId = NodeId([2; 32]);

/// Worlds with a fault that are tried before the checker is called blind.
const TRIES: u64 = 200;

#[test]
fn a_good_story_is_believed() {
    let mut checker = Checker::new();
    story(&mut checker, &[(ANNA, 1, 1), (ANNA, 2, 2), (BOB, 1, 3)]);
    assert_eq!(wrong(&checker), Vec::<String>::new());
}

#[test]
fn two_orders_of_the_same_lines_are_seen() {
    let mut checker = Checker::new();
    meet(&mut checker);
    for (who, first, second) in [(ANNA, 1, 2), (BOB, 2, 1)] {
        tell(&mut checker, who, (ANNA, 1, first));
        tell(&mut checker, who, (BOB, 1, second));
    }
    caught(&checker, "in the place of another");
    caught(&checker, "two places");
}

#[test]
fn a_line_told_twice_is_seen() {
    let mut checker = Checker::new();
    story(&mut checker, &[(ANNA, 1, 1)]);
    tell(&mut checker, BOB, (ANNA, 1, 1));
    caught(&checker, "told twice");
}

#[test]
fn a_line_missing_for_one_is_seen() {
    let mut checker = Checker::new();
    story(&mut checker, &[(ANNA, 1, 1)]);
    tell(&mut checker, ANNA, (ANNA, 2, 2));
    caught(&checker, "lacks");
}

#[test]
fn a_line_nobody_wrote_is_seen() {
    let mut checker = Checker::new();
    meet(&mut checker);
    let mut line = line(ANNA, (BOB, 1, 1));
    line.what = What::Text("never said".to_owned());
    checker.told(ANNA, &Event::Entry(line));
    caught(&checker, "nobody wrote");
}

#[test]
fn one_line_under_two_numbers_is_seen() {
    let mut checker = Checker::new();
    story(&mut checker, &[(ANNA, 1, 1)]);
    let mut again = line(BOB, (ANNA, 2, 2));
    again.what = What::Text(text(ANNA, 1));
    checker.told(BOB, &Event::Entry(again));
    caught(&checker, "said before");
}

#[test]
fn one_number_for_two_lines_is_seen() {
    let mut checker = Checker::new();
    story(&mut checker, &[(ANNA, 1, 1)]);
    let mut other = line(BOB, (ANNA, 1, 2));
    other.what = What::Text(text(ANNA, 2));
    checker.told(BOB, &Event::Entry(other));
    caught(&checker, "something else");
}

#[test]
fn an_authors_lines_out_of_order_are_seen() {
    let mut checker = Checker::new();
    story(&mut checker, &[(ANNA, 2, 1), (ANNA, 1, 2)]);
    caught(&checker, "is above");
}

#[test]
fn an_own_line_without_an_answer_is_seen() {
    let mut checker = Checker::new();
    meet(&mut checker);
    checker.told(
        ANNA,
        &Event::Sent {
            group: group(),
            id: id(ANNA, 1),
            at: Wall(0),
            what: What::Text(text(ANNA, 1)),
        },
    );
    caught(&checker, "has no place");
    tell(&mut checker, ANNA, (ANNA, 1, 1));
    caught(&checker, "is not confirmed");
}

#[test]
fn an_epoch_that_goes_back_is_seen() {
    let mut checker = Checker::new();
    meet(&mut checker);
    for number in [3, 2] {
        checker.told(
            BOB,
            &Event::Host {
                group: group(),
                host: ANNA,
                nick: None,
                epoch: epoch(number),
                took_ms: 0,
                before: None,
                lost: Loss::default(),
            },
        );
    }
    caught(&checker, "went back");
}

#[test]
fn two_hosts_and_two_rosters_are_seen() {
    let mut checker = Checker::new();
    meet(&mut checker);
    let mut members = members();
    members[1].standing = Standing::Host;
    let group = group();
    checker.told(BOB, &Event::Members { group, members });
    caught(&checker, "two hosts");
    caught(&checker, "the rosters are");
}

#[test]
fn a_disk_that_reports_before_it_has_flushed_is_found_out() {
    found_out(Fault::EarlyReports);
}

#[test]
fn a_disk_that_forgets_leases_is_found_out() {
    found_out(Fault::ForgottenLeases);
}

#[test]
fn a_disk_that_forgets_the_outbox_is_found_out() {
    found_out(Fault::ForgottenOutbox);
}

#[test]
fn links_that_lose_frames_in_silence_are_found_out() {
    found_out(Fault::SilentLoss);
}

/// Whether some random world with this fault goes wrong.
fn found_out(fault: Fault) {
    let seed = (1..=TRIES).find(|seed| worlds::with_fault(*seed, fault).is_err());
    println!("{fault:?}: found out by seed {seed:?}");
    assert!(seed.is_some(), "{TRIES} worlds with {fault:?} look well");
}

/// Anna and bob are in, and both are told of these lines: author, number, seq.
fn story(checker: &mut Checker, lines: &[(NodeId, u64, u64)]) {
    meet(checker);
    for line in lines {
        tell(checker, ANNA, *line);
        tell(checker, BOB, *line);
    }
}

/// Anna and bob come in, and type two lines each.
fn meet(checker: &mut Checker) {
    checker.name(ANNA, "anna");
    checker.name(BOB, "bob");
    for who in [ANNA, BOB] {
        for number in [1, 2] {
            let (group, text) = (group(), text(who, number));
            checker.asked(who, &Command::Say { group, text });
        }
        checker.told(
            who,
            &Event::Joined {
                group: group(),
                host: ANNA,
                epoch: epoch(1),
                members: members(),
            },
        );
    }
}

fn tell(checker: &mut Checker, who: NodeId, of: (NodeId, u64, u64)) {
    checker.told(who, &Event::Entry(line(who, of)));
}

fn line(who: NodeId, (author, number, seq): (NodeId, u64, u64)) -> Line {
    Line {
        group: group(),
        id: id(author, number),
        from: Nick::parse("somebody").unwrap(),
        place: Place {
            hlc: Hlc(seq),
            epoch: epoch(1),
            seq: Seq(seq),
        },
        at: Wall(0),
        what: What::Text(text(author, number)),
        own: who == author,
        history: false,
    }
}

fn members() -> Vec<Member> {
    let standings = [(ANNA, Standing::Host), (BOB, Standing::Heir)];
    let members = standings.map(|(id, standing)| Member {
        id,
        nick: Nick::parse("somebody").unwrap(),
        standing,
        rank: Rank::Member,
        present: true,
        away: None,
    });
    members.into()
}

fn text(author: NodeId, number: u64) -> String {
    format!("{} {number}", author.short())
}

fn id(author: NodeId, number: u64) -> EntryId {
    let number = Number(number);
    EntryId { author, number }
}

fn epoch(number: u64) -> Epoch {
    Epoch { number, host: ANNA }
}

fn group() -> GroupName {
    name("#hearth")
}

/// All that is wrong, as at a quiet end.
fn wrong(checker: &Checker) -> Vec<String> {
    let mut wrong = checker.violations().to_vec();
    wrong.extend(checker.unsettled(&group(), &[ANNA, BOB]));
    wrong
}

fn caught(checker: &Checker, what: &str) {
    let wrong = wrong(checker);
    assert!(
        wrong.iter().any(|wrong| wrong.contains(what)),
        "no {what:?} in {wrong:#?}"
    );
}
