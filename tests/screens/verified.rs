//! Keys that were compared, on the screen: the number, the mark, and the warning; and who is ignored for a time.

use fireside::proto::command::{Command, Who};
use fireside::proto::event::{Event, SafetyNumber, Standing};

use crate::story::{Story, group, id, nick};

fn evening() -> Story {
    let mut story = Story::of("mats");
    story.joined(
        "",
        &[
            ("anna", Standing::Host),
            ("mats", Standing::Heir),
            ("bob", Standing::Heir),
        ],
    );
    story
}

fn verified(story: &mut Story, name: &str, is_verified: bool) {
    story.tell(Event::Verified {
        person: id(name),
        nick: nick(name),
        is_verified,
        is_restored: false,
    });
}

#[test]
fn the_number_is_told_in_rows_and_who_is_verified_has_a_mark() {
    let mut story = evening();
    let asked = |came_of_it| Command::Verify {
        who: Who::Nick(nick("bob")),
        near: Some(group("#hearth")),
        came_of_it,
    };
    assert_eq!(story.enter("/verify bob").last(), Some(&asked(None)));
    assert_eq!(
        story.enter("/verify bob yes").last(),
        Some(&asked(Some(true)))
    );
    assert_eq!(
        story.enter("/verify bob no").last(),
        Some(&asked(Some(false)))
    );
    assert_eq!(story.enter("/verify bob perhaps"), []);
    let number = SafetyNumber::of(&id("mats"), &id("bob"));
    story.tell(Event::Number {
        person: id("bob"),
        nick: nick("bob"),
        number,
        is_verified: false,
    });
    let told = story.screen(110, 20);
    for row in number.rows(4) {
        assert!(told.contains(&row), "{told}");
    }
    assert!(told.contains("/verify bob yes remembers it"), "{told}");
    assert!(!told.contains("bob ✓"), "{told}");
    verified(&mut story, "bob", true);
    assert!(story.screen(110, 20).contains("bob ✓"));
    assert!(story.screen(110, 20).contains("bob is verified"));
    verified(&mut story, "bob", false);
    assert!(!story.screen(110, 20).contains("bob ✓"));
}

#[test]
fn whoever_takes_the_name_of_a_verified_person_is_announced_in_red_and_counts_as_a_mention() {
    let mut story = evening();
    verified(&mut story, "bob", true);
    story
        .in_group("#attic")
        .joined("", &[("mats", Standing::Host)]);
    story.tell(Event::Impostor {
        group: group("#hearth"),
        nick: nick("bob"),
        person: id("eve"),
        known: id("bob"),
    });
    let told = story.screen(120, 12);
    assert!(
        told.contains("this is not the bob you verified: see #hearth"),
        "{told}"
    );
    assert!(told.contains("#hearth      @1"), "{told}");
    story.enter("/win #hearth");
    let told = story.screen(120, 14);
    for key in [id("eve"), id("bob")] {
        assert!(told.contains(&key.short()), "{told}");
    }
}
