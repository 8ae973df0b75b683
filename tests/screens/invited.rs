//! Invitations on the screen: the code and the link, in every size; and being invited.

use crossterm::event::{KeyCode, KeyModifiers};
use fireside::proto::command::Command;
use fireside::proto::event::{Event, Invite, Line, Opening, Standing, What};
use fireside::proto::id::{EntryId, Epoch, GroupName, NodeId, Number, Place, Seq};
use fireside::proto::invite::{Gate, Mark};
use fireside::proto::time::{Hlc, Wall};
use fireside::proto::wire::Charter;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use crate::story::{EVENING, Story, id, nick, written};

/// An invitation to #hearth that names so many nodes.
pub(crate) fn invite(gates: u8) -> Invite {
    let charter = Charter {
        group: GroupName::parse("#hearth").unwrap(),
        founder: id("anna"),
        born: Wall(EVENING),
        signature: fireside::proto::seal::Signature([7; 64]),
        witness: None,
    };
    let gate = |n| Gate {
        address: ([203, 0, 113, n], 7700).into(),
        key: Mark::of_key(&NodeId([n; 32])),
    };
    Invite {
        group: charter.group.clone(),
        charter: Mark::of_charter(&charter),
        gates: (1..=gates).map(gate).collect(),
    }
}

pub(crate) fn invited(theme: &str, gates: u8) -> Story {
    let mut story = Story::with_theme("mats", theme);
    story.joined(
        "bring wood, stay late",
        &[("anna", Standing::Host), ("mats", Standing::Heir)],
    );
    let to = None;
    story.tell(Event::Invited {
        invite: Box::new(invite(gates)),
        to,
        drawn: false,
    });
    story
}

/// What a camera reads off the screen, where a dark square is one that gives less light than its neighbours.
fn photographed(buf: &Buffer) -> Option<String> {
    const SCALE: usize = 4;
    let light = |colour: Color| match colour == Color::Rgb(255, 255, 255) {
        true => 255,
        false => 0,
    };
    let shade = |x: usize, y: usize| {
        let cell = &buf[(x as u16, (y / 2) as u16)];
        let is_upper = y.is_multiple_of(2);
        match cell.symbol() {
            "▀" if cell.fg != Color::Reset => light(if is_upper { cell.fg } else { cell.bg }),
            // Without colours ink is light, as on a dark ground.
            "█" => 255,
            "▀" if is_upper => 255,
            "▄" if !is_upper => 255,
            _ => light(cell.bg),
        }
    };
    let (wide, high) = (buf.area.width as usize, 2 * buf.area.height as usize);
    let mut image =
        rqrr::PreparedImage::prepare_from_greyscale(wide * SCALE, high * SCALE, |x, y| {
            shade(x / SCALE, y / SCALE)
        });
    let grids = image.detect_grids();
    Some(grids.first()?.decode().ok()?.1)
}

#[test]
fn a_camera_reads_the_invitation_off_the_screen_in_every_theme() {
    for theme in ["ember", "ash", "contrast", "mono"] {
        let (buf, _) = invited(theme, 3).draw(100, 40);
        let read = photographed(&buf).expect(theme);
        assert_eq!(Invite::parse(&read), Ok(invite(3)), "{theme}");
    }
}

#[test]
fn forty_columns_have_room_for_a_code_that_names_fewer_nodes() {
    let mut story = invited("ember", 3);
    let (buf, _) = story.draw(40, 24);
    let read = photographed(&buf).unwrap_or_else(|| panic!("{}", written(&buf)));
    let read = Invite::parse(&read).unwrap();
    assert_eq!(read, invite(3).short(read.gates.len()));
    assert!(!read.gates.is_empty());
    // The link below it is whole, or as much of it as there is room for.
    let told = story.screen(40, 24);
    assert!(told.contains("come to #hearth"), "{told}");
    assert!(told.contains("fireside://hearth/"), "{told}");
    let told = invited("ember", 3).screen(40, 12);
    assert!(told.contains("no room for its code"), "{told}");
    for (columns, rows) in [(8, 3), (20, 5), (33, 60), (200, 9)] {
        invited("mono", 1).draw(columns, rows);
    }
}

#[test]
fn the_link_is_copied_by_a_key_and_stays_in_the_log() {
    let mut story = invited("ember", 1);
    story.key(KeyCode::Char('x'), KeyModifiers::NONE);
    let told = story.screen(140, 14);
    assert!(
        told.contains("whoever has this link comes into #hearth"),
        "{told}"
    );
    assert!(told.contains("fireside://hearth/"), "{told}");
    let mut story = invited("ember", 1);
    story.key(KeyCode::Char('c'), KeyModifiers::NONE);
    assert!(story.screen(140, 14).contains("copied the link"));
}

#[test]
fn who_is_invited_in_private_comes_with_one_word() {
    let mut story = Story::of("mats");
    story.enter("/accept");
    assert!(story.screen(100, 10).contains("nobody has invited you"));
    let group = GroupName::of_person(&id("bob"));
    story.tell(Event::Talk {
        group: group.clone(),
        person: id("bob"),
        nick: nick("bob"),
        opening: Opening::Asked,
    });
    let place = Place {
        hlc: Hlc(EVENING << 16),
        epoch: Epoch {
            number: 1,
            host: id("mats"),
        },
        seq: Seq(1),
    };
    story.tell(Event::Entry(Line {
        group,
        id: EntryId {
            author: id("bob"),
            number: Number(1),
        },
        from: nick("bob"),
        place,
        at: Wall(EVENING),
        what: What::Text(format!("come to #hearth: {}", invite(1))),
        own: false,
        history: false,
    }));
    let told = story.screen(100, 14);
    assert!(
        told.contains("bob invites you to #hearth: /accept comes in"),
        "{told}"
    );
    let invite = Box::new(invite(1));
    assert_eq!(
        story.enter("/accept").last(),
        Some(&Command::Accept {
            invite: invite.clone()
        })
    );
    let link = invite.to_string();
    assert_eq!(
        story.enter(&format!("/join {link}")),
        [Command::Accept { invite }]
    );
}
