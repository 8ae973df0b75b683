//! What is read into a log: links that lead somewhere, marked words, the mouse, and the log alone.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use fireside::proto::event::Standing;
use fireside::tui::highlight::Highlights;
use fireside::tui::press::Wish;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use crate::story::{Story, assert_screen};

fn hearth() -> Story {
    let mut story = Story::of("mats");
    story.joined(
        "see https://hearth.example/",
        &[("anna", Standing::Host), ("mats", Standing::Heir)],
    );
    story
}

fn press(story: &mut Story, code: KeyCode, modifiers: KeyModifiers) -> Wish {
    let now = story.now();
    story.app.press(now, KeyEvent::new(code, modifiers))
}

fn alt(story: &mut Story, c: char) -> Wish {
    press(story, KeyCode::Char(c), KeyModifiers::ALT)
}

/// Clicks where a text stands on a screen of 80 by 12.
#[track_caller]
fn click(story: &mut Story, text: &str) -> Wish {
    let screen = story.screen(80, 12);
    let (row, column) = (0..)
        .zip(screen.lines())
        .find_map(|(y, row)| {
            let at = row.find(text)?;
            Some((y, u16::try_from(row[..at].chars().count()).unwrap() - 1))
        })
        .unwrap_or_else(|| panic!("no {text} in\n{screen}"));
    story.app.point(MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column,
        row,
        modifiers: KeyModifiers::NONE,
    })
}

fn status(story: &mut Story) -> String {
    let screen = story.screen(80, 12);
    let row = screen.lines().nth(10).unwrap();
    row.trim_matches(['|', ' ']).to_owned()
}

/// The cells of the first place where a text stands on one row.
#[track_caller]
fn cells(buf: &Buffer, text: &str) -> Vec<ratatui::buffer::Cell> {
    let wanted: Vec<String> = text.chars().map(String::from).collect();
    buf.content
        .windows(wanted.len())
        .find(|cells| {
            cells
                .iter()
                .zip(&wanted)
                .all(|(cell, c)| cell.symbol() == c)
        })
        .unwrap_or_else(|| panic!("no {text}"))
        .to_vec()
}

#[test]
fn links_are_taken_by_keyboard_newest_first_and_opened_or_copied() {
    let mut story = hearth();
    assert_eq!(alt(&mut story, 'o'), Wish::Nothing);
    assert_eq!(status(&mut story), "no links here");
    story
        .say("anna", "see https://a.example/x. and www.b.example!")
        .say("anna", "again: https://a.example/x");
    alt(&mut story, 'o');
    assert_eq!(
        status(&mut story),
        "https://a.example/x  1 of 2: Enter opens, c copies, Alt-O older, Esc"
    );
    alt(&mut story, 'o');
    assert!(status(&mut story).starts_with("https://www.b.example  2 of 2"));
    let opened = press(&mut story, KeyCode::Enter, KeyModifiers::NONE);
    assert_eq!(opened, Wish::Open("https://www.b.example".to_owned()));
    alt(&mut story, 'o');
    let copied = press(&mut story, KeyCode::Char('c'), KeyModifiers::NONE);
    assert_eq!(copied, Wish::Copy("https://a.example/x".to_owned()));
    assert_eq!(status(&mut story), "copied https://a.example/x");
    alt(&mut story, 'o');
    press(&mut story, KeyCode::Char('h'), KeyModifiers::NONE);
    let screen = story.screen(80, 12);
    assert!(
        screen.contains("mats › h"),
        "any other key is written\n{screen}"
    );
}

#[test]
fn a_click_takes_a_link_and_another_opens_it_and_one_on_a_name_calls_them() {
    let mut story = hearth();
    story.say("anna", "see https://a.example/x");
    assert_eq!(click(&mut story, "https://a.ex"), Wish::Nothing);
    assert!(status(&mut story).starts_with("https://a.example/x  Enter opens"));
    let again = click(&mut story, "a.example/x ");
    assert_eq!(again, Wish::Open("https://a.example/x".to_owned()));
    click(&mut story, "◆ anna          ");
    story.type_text("hi");
    assert!(story.screen(80, 12).contains("mats › anna: hi"));
    click(&mut story, "https://hearth");
    assert!(status(&mut story).starts_with("https://hearth.example/"));
}

#[test]
fn a_link_that_wraps_is_one_link_on_all_its_rows() {
    let mut story = hearth();
    let link = format!("https://a.example/{}", "x".repeat(60));
    story.say("anna", &format!("look: {link} there"));
    story.draw(60, 12);
    let strips: Vec<(u16, u16)> = story
        .app
        .strips()
        .iter()
        .filter(|strip| strip.link.as_deref() == Some(link.as_str()))
        .map(|strip| (strip.y, strip.columns))
        .collect();
    let columns: u16 = strips.iter().map(|(_, columns)| columns).sum();
    assert!(
        strips.len() == 2 && strips[0].0 + 1 == strips[1].0,
        "{strips:?}"
    );
    assert_eq!(usize::from(columns), link.len());
}

#[test]
fn marked_words_are_drawn_as_they_were_meant() {
    let mut story = hearth();
    story.say(
        "anna",
        "a *bold* and `plain *code*`, \u{1d}slanted\u{1d} \u{3}4red\u{3}",
    );
    story.say("anna", "the secret: ||it was me||");
    let (buf, _) = story.draw(80, 12);
    let all = |text: &str, modifier: Modifier| {
        cells(&buf, text)
            .iter()
            .all(|cell| cell.modifier.contains(modifier))
    };
    assert!(all("bold", Modifier::BOLD) && all("slanted", Modifier::ITALIC));
    assert!(!all("*code*", Modifier::BOLD));
    assert_eq!(cells(&buf, "red")[0].fg, Color::Rgb(255, 0, 0));
    let screen = story.screen(80, 12);
    assert!(screen.contains("the secret: ||▒▒▒▒▒▒▒▒▒||"), "{screen}");
    alt(&mut story, 'l');
    assert!(story.screen(80, 12).contains("||it was me||"));
}

#[test]
fn words_that_are_watched_for_count_as_mentions() {
    let mut story = hearth();
    let (highlights, warnings) = Highlights::read(["kettle", "/wood|coal/"]);
    assert_eq!(warnings, Vec::<String>::new());
    story.app.watch_for(highlights);
    story
        .in_group("#erlang")
        .joined("", &[("joe", Standing::Host)]);
    story
        .in_group("#hearth")
        .say("anna", "nothing")
        .say("anna", "the kettle is on")
        .say("anna", "charcoal");
    assert_eq!(story.app.title(), "(2) #erlang - fireside");
    alt(&mut story, '2');
    let (buf, _) = story.draw(80, 12);
    assert!(cells(&buf, "kettle")[0].modifier.contains(Modifier::BOLD));
    assert!(!cells(&buf, "char")[0].modifier.contains(Modifier::BOLD));
    assert!(cells(&buf, "coal")[0].modifier.contains(Modifier::BOLD));
}

#[test]
fn the_log_alone_is_cut_as_a_shell_cuts_and_any_key_ends_it() {
    let mut story = hearth();
    story.say("anna", "see https://a.example/some/where/far/away for more");
    story.kept("mats", "thanks", 2);
    assert!(story.app.takes_mouse());
    alt(&mut story, 'l');
    assert!(story.app.is_bare() && !story.app.takes_mouse());
    assert_screen(
        &story.screen(40, 6),
        "
        |                                        |
        |                                        |
        |─── Friday, 20 November 2026 ───────────|
        |19:04 anna: see https://a.example/some/w|
        |here/far/away for more                  |
        |      mats: thanks                      |
        ",
    );
    press(&mut story, KeyCode::Char('x'), KeyModifiers::NONE);
    let screen = story.screen(80, 12);
    assert!(
        screen.contains("│ ◆ anna") && !screen.contains("› x"),
        "{screen}"
    );
}

#[test]
fn a_theme_is_seen_while_it_is_written_and_taken_only_by_enter() {
    let mut story = hearth();
    let drawn = |story: &mut Story| story.draw(80, 12).0[(0, 3)].bg;
    let ember = drawn(&mut story);
    story.type_text("/theme as");
    assert_eq!(drawn(&mut story), ember);
    story.type_text("h");
    let ash = drawn(&mut story);
    assert_ne!(ash, ember);
    press(&mut story, KeyCode::Esc, KeyModifiers::NONE);
    assert_eq!(drawn(&mut story), ember);
    assert!(
        story.screen(80, 12).contains("mats ›  "),
        "the line is gone"
    );
    story.type_text("/theme as");
    press(&mut story, KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!(drawn(&mut story), ash, "completion is a preview, too");
    press(&mut story, KeyCode::Backspace, KeyModifiers::NONE);
    press(&mut story, KeyCode::Backspace, KeyModifiers::NONE);
    assert_eq!(drawn(&mut story), ember);
    story.type_text("sh");
    press(&mut story, KeyCode::Enter, KeyModifiers::NONE);
    assert_eq!(drawn(&mut story), ash);
    story.app.suit_ground(false);
    assert_eq!(drawn(&mut story), ash, "what somebody chose stays");
}

#[test]
fn a_completion_that_esc_takes_back_with_the_theme_is_over() {
    let mut story = hearth();
    story.type_text("/theme a");
    press(&mut story, KeyCode::Tab, KeyModifiers::NONE);
    press(&mut story, KeyCode::Tab, KeyModifiers::NONE);
    story.draw(80, 12);
    press(&mut story, KeyCode::Esc, KeyModifiers::NONE);
    let (buf, _) = story.draw(80, 12);
    let last = crate::story::written(&buf)
        .lines()
        .last()
        .map(str::to_owned);
    assert_eq!(last.unwrap().trim_matches('|').trim_end(), " mats ›");
}

#[test]
fn a_light_ground_gets_the_light_theme_where_nobody_chose() {
    let mut story = hearth();
    let drawn = |story: &mut Story| story.draw(80, 12).0[(0, 3)].bg;
    let ember = drawn(&mut story);
    story.app.suit_ground(false);
    assert_eq!(drawn(&mut story), ember);
    story.app.suit_ground(true);
    assert_ne!(drawn(&mut story), ember);
}
