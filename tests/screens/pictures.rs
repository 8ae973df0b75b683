//! The pictures in `assets/` are drawn by the screen itself, so that they are never out of date.
//!
//! `PICTURES=write cargo test --test screens pictures` draws them anew.

use crossterm::event::{KeyCode, KeyModifiers};
use fireside::proto::command::Command;
use fireside::proto::event::{Event, Loss, Path, Standing, Tenure, What};
use fireside::proto::past::{Ask, Told};
use fireside::tui::Question;
use fireside::tui::colour::Depth;
use fireside::tui::look::{Clock, Look, UNICODE};
use fireside::tui::svg::svg;
use fireside::tui::theme::Themes;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::story::Story;

/// An evening in #hearth: three people talk, the host leaves, nobody has to do anything.
fn evening(theme: &str) -> Story {
    let mut story = Story::with_theme("mats", theme);
    story.in_group("#erlang").joined(
        "let it crash",
        &[("joe", Standing::Host), ("mats", Standing::Heir)],
    );
    story.in_group("#hearth").joined(
        "bring wood, stay late",
        &[
            ("anna", Standing::Host),
            ("bob", Standing::Heir),
            ("joe", Standing::Heir),
            ("mats", Standing::Member),
            ("thomas", Standing::Member),
        ],
    );
    story.path("anna", Path::Relayed, Some("fra"), 61);
    story
        .path("bob", Path::Relayed, Some("fra"), 61)
        .path("joe", Path::Relayed, Some("fra"), 48);
    story
        .minutes(1)
        .entry("joe", What::Join)
        .entry("thomas", What::Join);
    story.minutes(1).say(
        "anna",
        "evening, all. the kettle is on and the ring is closed",
    );
    story.say(
        "joe",
        "so where does this group live? there is no server in the list",
    );
    story.minutes(1).say(
        "anna",
        "here, on my laptop. you and bob hold a copy each; when I go, one of you keeps it",
    );
    story.kept("mats", "and if you just close the lid?", 3);
    story.minutes(1).say(
        "anna",
        "then you would notice about as much as you notice now, mats. watch:",
    );
    story.people(&[
        ("bob", Standing::Host),
        ("joe", Standing::Heir),
        ("mats", Standing::Heir),
        ("thomas", Standing::Member),
    ]);
    story.path("bob", Path::Relayed, Some("fra"), 61);
    story.minutes(1).entry("anna", What::Quit(String::new()));
    story.hosts("bob", "anna", Tenure::Left, 234);
    story.minutes(1).say("bob", "still warm in here 🔥");
    story.entry("thomas", What::Action("puts another log on".to_owned()));
    story.kept("mats", "that was all?", 3);
    story.sent("mats", "what a quiet way to lose a server");
    story
        .in_group("#erlang")
        .say("joe", "mats: who carries this one?")
        .say("joe", "ah, you are next");
    story.in_group("#hearth").type_text("good night, ");
    story
}

fn picture(story: &mut Story, name: &str, columns: u16, rows: u16) {
    let (buf, cursor) = story.draw(columns, rows);
    keep(name, &svg(&buf, cursor));
}

/// Compares a picture with the one that is kept, or keeps it.
fn keep(name: &str, drawn: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("assets")
        .join(name);
    if std::env::var_os("PICTURES").is_some() {
        std::fs::write(&path, drawn).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == drawn,
        "assets/{name} is not what the screen draws: PICTURES=write cargo test --test screens pictures"
    );
}

/// What one theme makes of a few lines of every kind.
fn sample(theme: &str) -> Story {
    let mut story = Story::with_theme("mats", theme);
    story.joined(
        &format!("this is {theme}"),
        &[
            ("anna", Standing::Host),
            ("bob", Standing::Heir),
            ("mats", Standing::Member),
        ],
    );
    story.path("anna", Path::Direct, None, 14);
    story
        .minutes(1)
        .say("anna", "the *kettle* is on: https://hearth.example")
        .say("bob", "mats: `fireside ring '#hearth'` says _fra_")
        .entry("bob", What::Action("puts a log on".to_owned()));
    story.kept("mats", "coming", 3);
    story.sent("mats", "with cups");
    story
}

/// Screens beside and below one another, as one picture.
fn strip(themes: [&str; 6], columns: u16, rows: u16) -> String {
    let mut drawn = String::new();
    let (mut width, mut height) = (0, 0);
    for (n, theme) in (0_u32..).zip(themes) {
        let (buf, _) = sample(theme).draw(columns, rows);
        let one = svg(&buf, None);
        let size = one.split('"').nth(3).unwrap();
        let mut sizes = size
            .split(' ')
            .skip(2)
            .map(|size| size.parse::<u32>().unwrap());
        (width, height) = (sizes.next().unwrap() + 12, sizes.next().unwrap() + 12);
        let (x, y) = (n % 2 * width, n / 2 * height);
        let place = format!(
            "<svg x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" ",
            width - 12,
            height - 12
        );
        drawn.push_str(&one.replacen("<svg ", &place, 1));
    }
    let (width, height) = (2 * width - 12, 3 * height - 12);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\">\n{drawn}</svg>\n"
    )
}

#[test]
fn the_pictures_show_every_theme_with_colours_of_its_own() {
    let themes = ["ember", "ash", "solar", "frost", "contrast", "mono"];
    keep("themes.svg", &strip(themes, 64, 12));
}

/// A host's laptop dies in the middle of a talk: what the others have on their screens before, during and after.
fn crash() -> [Story; 3] {
    let before = || {
        let mut story = Story::with_theme("mats", "ember");
        story.joined(
            "bring wood, stay late",
            &[
                ("anna", Standing::Host),
                ("bob", Standing::Heir),
                ("mats", Standing::Heir),
                ("eve", Standing::Member),
            ],
        );
        story.path("anna", Path::Relayed, Some("fra"), 31);
        story
            .say("anna", "the kettle is on, the ring is closed")
            .say("bob", "how is the battery, anna?")
            .kept("mats", "and who has the cups?", 3);
        story.minutes(1).say("anna", "two per cent. it will");
        story
    };
    let during = || {
        let mut story = before();
        story.misses("anna");
        let sent = story.sent("mats", "anna? it will what?");
        (story, sent)
    };
    let after = || {
        let (mut story, sent) = during();
        story.people(&[
            ("bob", Standing::Host),
            ("mats", Standing::Heir),
            ("eve", Standing::Heir),
        ]);
        story.path("bob", Path::Relayed, Some("fra"), 24);
        let lost = Loss {
            waiting: vec![sent],
            ..Loss::default()
        };
        story.hosts_at_a_loss("bob", "anna", Tenure::Missed, 2_140, lost);
        let line = story.placed(sent, "anna? it will what?");
        story.tell(Event::Entry(line));
        story.confirmed(sent, 3);
        story.say("bob", "last, it said. the cups are here");
        story
    };
    [before(), during().0, after()]
}

#[test]
fn the_pictures_show_a_crash_as_it_is_seen() {
    let mut stories = crash();
    for (story, name) in stories.iter_mut().zip(["before", "during", "after"]) {
        picture(story, &format!("crash-{name}.svg"), 80, 13);
    }
}

#[test]
fn the_pictures_show_the_screen_as_it_is() {
    picture(&mut evening("ember"), "screen.svg", 120, 28);
    picture(&mut evening("ash"), "screen-ash.svg", 120, 28);
    picture(&mut evening("mono"), "screen-mono.svg", 120, 28);
    picture(&mut evening("ember"), "screen-small.svg", 40, 20);
}

#[test]
fn the_pictures_show_an_invitation() {
    let mut story = crate::invited::invited("ember", 3);
    picture(&mut story, "invite.svg", 80, 32);
}

#[test]
fn the_pictures_show_the_first_question() {
    let themes = Themes::new(None, Depth::True);
    let (theme, _) = themes.load("ember").unwrap();
    let look = Look::new(theme, UNICODE, TimeZone::UTC, Clock::Hours24);
    let mut buf = Buffer::empty(Rect::new(0, 0, 80, 12));
    let cursor = Question::new("mats", look).draw(&mut buf);
    keep("first-start.svg", &svg(&buf, cursor));
}

#[test]
fn the_pictures_show_what_is_found_in_all_that_was_said() {
    let mut story = evening("ember");
    story.key(KeyCode::Char('u'), KeyModifiers::CONTROL);
    let now = story.clock;
    let mut found = Vec::new();
    for (days, group, who, text) in [
        (
            0,
            "#hearth",
            "anna",
            "evening, all. the kettle is on and the ring is closed",
        ),
        (3, "#hearth", "thomas", "who took the kettle home?"),
        (
            3,
            "#attic",
            "eve",
            "there is an old kettle up here, with a lid",
        ),
        (
            11,
            "#erlang",
            "joe",
            "a process is cheaper than a kettle of water",
        ),
        (
            40,
            "#hearth",
            "bob",
            "first rule of the fire: never let the kettle run dry",
        ),
        (
            97,
            "#hearth",
            "mats",
            "I bring a kettle if somebody brings wood",
        ),
    ] {
        story.clock = now - days * 24 * 60 * 60_000 - days * 1_234_567;
        story.in_group(group);
        found.push(story.line(who, What::Text(text.to_owned())));
    }
    story.clock = now;
    for command in story.enter("/search kettle") {
        if let Command::Past(Ask::Search { query, .. }) = command {
            let (lines, more) = (found.clone(), false);
            story.tell(Event::Past(Told::Found { query, lines, more }));
        }
    }
    picture(&mut story, "search.svg", 100, 14);
}

#[test]
fn the_pictures_show_how_anything_is_found() {
    let mut story = evening("ember");
    story
        .key(KeyCode::F(1), KeyModifiers::NONE)
        .type_text("who");
    picture(&mut story, "palette.svg", 100, 24);
}

/// A weekday in a group of forty, wide, with other groups that want something.
#[test]
fn the_pictures_show_a_busy_group() {
    let mut story = Story::with_theme("mats", "frost");
    let names = [
        "anna", "bob", "cat", "dora", "emil", "fred", "gwen", "hugo", "ida", "jan", "kim", "lea",
        "mats", "nina", "olaf", "pia", "quinn", "rosa", "sam", "tom", "una", "vera", "wim",
        "xenia", "yann", "zoe",
    ];
    let people: Vec<(&str, Standing)> = names
        .iter()
        .enumerate()
        .map(|(n, name)| match n {
            0 => (*name, Standing::Host),
            1 | 2 => (*name, Standing::Heir),
            _ => (*name, Standing::Member),
        })
        .collect();
    for (group, topic) in [
        ("#attic", "old things"),
        ("#erlang", "let it crash"),
        ("#lunch", "today: soup"),
    ] {
        let few = [("joe", Standing::Host), ("mats", Standing::Heir)];
        story.in_group(group).joined(topic, &few);
    }
    story
        .in_group("#builders")
        .joined("release on friday: https://hearth.example/plan", &people);
    story.away(&["hugo", "pia", "wim"]);
    story.path("anna", Path::Direct, None, 9);
    for (n, (who, text)) in [
        ("kim", "the nightly is red again, but only on the slow machine"),
        ("emil", "that is the clock, not us: it stood still for *two seconds*"),
        ("una", "`cargo test --test sim` replays it with SEED=1593, see https://hearth.example/log/1593"),
        ("kim", "so the host was asleep, everybody went on without it, and it came back and said hello"),
        ("rosa", "which is what it should do. why is it red?"),
        ("emil", "because the test asks whether anybody noticed, and nobody did"),
        ("vera", "mats: did you write that test?"),
        ("tom", "||he did||"),
    ]
    .into_iter()
    .enumerate()
    {
        story.minutes((n as u64 % 3) / 2).say(who, text);
    }
    story.kept(
        "mats",
        "I did. nobody noticing is the feature, I will turn the question around",
        3,
    );
    story
        .entry("lea", What::Join)
        .entry("sam", What::Quit(String::new()));
    story.entry("zoe", What::Action("brings coffee".to_owned()));
    story
        .minutes(1)
        .say("una", "and then it is green, and we can have lunch");
    story
        .in_group("#lunch")
        .say("joe", "mats, soup?")
        .say("joe", "it is lentils");
    story.in_group("#attic").say("joe", "found a lamp");
    story.in_group("#builders").type_text("in five minutes");
    picture(&mut story, "busy.svg", 140, 32);
}
