//! Somebody closes the laptop in one place and opens it in another, and talks on.

use crate::internet::Internet;
use crate::people::{catches_breath, chatter_through, goes, meet, talk, tells};
use crate::router::Kind;

/// The first is the host of the group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Host,
    Guest,
}

fn may_move(who: Who, to: Kind) {
    let Some(internet) = Internet::new() else {
        return;
    };
    let mut fra = internet.supernode("fra", &[]);
    let home = internet.router("home", Kind::Home, "192.168.1");
    let cafe = internet.router("cafe", to, "10.4.0");
    let other = internet.router("other", Kind::Home, "192.168.1");
    let (laptop, desk) = (
        internet.behind(&home, "laptop"),
        internet.behind(&other, "desk"),
    );
    cafe.awaits(&laptop, "laptop");
    let (on_laptop, on_desk) = match who {
        Who::Host => ("host", "guest"),
        Who::Guest => ("guest", "host"),
    };
    let mut moving = laptop.client(on_laptop, &fra, &[]);
    let mut staying = desk.client(on_desk, &fra, &[]);
    match who {
        Who::Host => meet(&mut moving, &mut staying),
        Who::Guest => meet(&mut staying, &mut moving),
    }
    goes(&mut moving, "direct");
    goes(&mut staying, "direct");
    talk(&mut [&mut moving, &mut staying], "before");
    catches_breath();

    let longest = chatter_through(&mut moving, &mut staying, "meanwhile", || {
        cafe.takes(&laptop, &home);
    });
    tells(
        &format!("the {on_laptop} moves behind another router: {to:?}"),
        longest,
    );
    catches_breath();
    if to != Kind::Symmetric {
        // Without it there is no other way than the direct one.
        fra.is_killed();
    }
    talk(&mut [&mut moving, &mut staying], "after");
}

#[test]
fn a_guest_moves_to_another_home() {
    may_move(Who::Guest, Kind::Masquerade);
}

#[test]
fn a_host_moves_to_another_home() {
    may_move(Who::Host, Kind::Masquerade);
}

#[test]
fn a_guest_moves_behind_a_symmetric_router() {
    may_move(Who::Guest, Kind::Symmetric);
}

#[test]
fn a_host_moves_behind_a_symmetric_router() {
    may_move(Who::Host, Kind::Symmetric);
}
