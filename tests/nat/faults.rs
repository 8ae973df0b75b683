//! What dies under a talk, and what is lost on the way.

use crate::harness::Client;
use crate::internet::{Internet, Machine, Router, Supernode};
use crate::people::{
    catches_breath, chatter, chatter_through, goes, goes_again, meet, talk, tells,
};
use crate::router::Kind;

/// Two homes, and a supernode that is not in either.
struct Homes {
    _internet: Internet,
    fra: Supernode,
    ams: Supernode,
    first: Router,
    _second: Router,
    _machines: [Machine; 2],
    anna: Client,
    bo: Client,
}

impl Homes {
    fn new(prepare: impl FnOnce(&Router)) -> Option<Self> {
        let internet = Internet::new()?;
        let fra = internet.supernode("fra", &[]);
        let ams = internet.supernode("ams", &[&fra]);
        let first = internet.router("first", Kind::Home, "192.168.1");
        let second = internet.router("second", Kind::Home, "192.168.1");
        prepare(&first);
        let machines = [
            internet.behind(&first, "here"),
            internet.behind(&second, "there"),
        ];
        let mut anna = machines[0].client("anna", &fra, &[]);
        let mut bo = machines[1].client("bo", &fra, &[]);
        meet(&mut anna, &mut bo);
        goes(&mut anna, "direct");
        goes(&mut bo, "direct");
        talk(&mut [&mut anna, &mut bo], "before");
        catches_breath();
        Some(Self {
            _internet: internet,
            fra,
            ams,
            first,
            _second: second,
            _machines: machines,
            anna,
            bo,
        })
    }
}

#[test]
fn a_dead_direct_path_is_left_for_the_relay_and_found_again() {
    let Some(mut homes) = Homes::new(|_| ()) else {
        return;
    };
    let (anna, bo) = (&mut homes.anna, &mut homes.bo);
    let marks = (anna.mark(), bo.mark());
    let supernodes = [&*homes.fra.address, &*homes.ams.address];
    let longest = chatter_through(anna, bo, "meanwhile", || {
        homes.first.cuts_all_but(&supernodes);
    });
    tells("the direct path dies, unsaid", longest);
    goes_again(anna, marks.0, "relayed");
    goes_again(bo, marks.1, "relayed");
    let marks = (anna.mark(), bo.mark());
    catches_breath();
    let longest = chatter_through(anna, bo, "again", || homes.first.mends());
    goes_again(anna, marks.0, "direct");
    goes_again(bo, marks.1, "direct");
    tells("the direct path comes back", longest);
}

#[test]
fn a_direct_path_does_not_notice_the_death_of_all_supernodes() {
    let Some(mut homes) = Homes::new(|_| ()) else {
        return;
    };
    let longest = chatter_through(&mut homes.anna, &mut homes.bo, "meanwhile", || {
        homes.fra.is_killed();
        homes.ams.is_killed();
    });
    tells("all supernodes are killed below a direct path", longest);
    catches_breath();
    talk(&mut [&mut homes.anna, &mut homes.bo], "after");
}

#[test]
fn three_packets_in_a_hundred_may_be_lost() {
    let Some(mut homes) = Homes::new(|first| first.loses_percent(3)) else {
        return;
    };
    let longest = chatter(&mut homes.anna, &mut homes.bo, "meanwhile");
    tells("three packets in a hundred are lost", longest);
}

#[test]
fn a_path_may_carry_no_more_than_the_least_there_is() {
    let Some(mut homes) = Homes::new(|first| first.carries_at_most(1_240)) else {
        return;
    };
    let long = "long ".repeat(2_000);
    homes.anna.types(&long);
    homes.bo.sees_text(long.trim_end());
    let longest = chatter(&mut homes.anna, &mut homes.bo, "meanwhile");
    tells("no packet of more than 1240 bytes gets through", longest);
}
