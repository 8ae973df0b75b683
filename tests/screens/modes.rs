//! What passes between us and a real terminal besides cells: its ground, the mouse, the clipboard, files of themes.

use rustix::process::Signal;

use crate::terminal::Terminal;

const QUESTION: &[u8] = b"\x1b]11;?\x1b\\";

fn has_seen(terminal: &Terminal, bytes: &[u8]) -> bool {
    terminal.seen.windows(bytes.len()).any(|seen| seen == bytes)
}

/// The colour behind the first cell of the log.
fn ground(terminal: &Terminal) -> vt100::Color {
    terminal.screen.screen().cell(2, 0).unwrap().bgcolor()
}

#[test]
fn a_terminal_that_says_its_ground_is_light_gets_a_light_theme_and_nothing_is_typed() {
    let mut terminal = Terminal::start_with(&[]);
    terminal.wait_until("the question", |terminal| has_seen(terminal, QUESTION));
    let dark = ground(&terminal);
    let first = terminal
        .seen
        .windows(4)
        .position(|seen| seen == b"[2J\x1b" || seen == b"\x1b[2J");
    let asked = terminal
        .seen
        .windows(QUESTION.len())
        .position(|seen| seen == QUESTION);
    assert!(first < asked, "the first frame waits for nothing");
    terminal.press("\x1b]11;rgb:f7f7/f2f2/e8e8\x1b\\");
    terminal.wait_until("another ground", |terminal| ground(terminal) != dark);
    terminal.press("hi\r").wait_for("mats: hi");
    assert!(!terminal.screen.screen().contents().contains("rgb"));
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn who_chose_a_theme_or_wants_no_colour_is_not_asked_for_the_ground() {
    for env in [
        ("FIRESIDE_TEST_THEME", "ember"),
        ("NO_COLOR", "1"),
        ("TERM", "linux"),
    ] {
        let mut terminal = Terminal::start_with(&[env]);
        terminal.press("hi\r").wait_for("mats: hi");
        terminal.press("/quit\r");
        assert_eq!(terminal.end(), 0);
        assert!(!has_seen(&terminal, QUESTION), "{env:?}");
    }
}

#[test]
fn no_color_writes_no_colour() {
    let mut terminal = Terminal::start_with(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]);
    terminal.press("hi \u{3}4red\r").wait_for("hi");
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
    let seen = String::from_utf8_lossy(&terminal.seen).into_owned();
    for sequence in seen.split("\x1b[").skip(1) {
        let Some((arguments, _)) = sequence.split_once('m') else {
            continue;
        };
        let is_style = arguments
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b';');
        let weights = ["0", "1", "2", "3", "4", "7", "9"];
        let is_plain = arguments
            .split(';')
            .all(|argument| weights.contains(&argument));
        assert!(!is_style || is_plain, "{arguments:?}");
    }
}

#[test]
fn a_theme_that_is_written_to_is_seen_at_once_by_who_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.toml");
    let write = |ground: &str| {
        let text = format!("inherits = \"ember\"\n[style]\nbackground = \"on {ground}\"\n");
        std::fs::write(&file, text).unwrap();
    };
    write("20");
    let themes = dir.path().to_str().unwrap();
    let mut terminal = Terminal::start_with(&[
        ("FIRESIDE_TEST_THEME", "mine"),
        ("FIRESIDE_TEST_THEMES", themes),
    ]);
    assert_eq!(ground(&terminal), vt100::Color::Idx(20));
    write("30");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    let opened = std::fs::File::options().write(true).open(&file).unwrap();
    opened.set_modified(later).unwrap();
    terminal.press("\x1b[I");
    terminal.wait_until("the theme anew", |terminal| {
        ground(terminal) == vt100::Color::Idx(30)
    });
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_link_is_copied_where_nothing_opens_links_and_the_log_alone_leaves_the_mouse() {
    let mut terminal = Terminal::start_with(&[]);
    terminal
        .press("see https://a.example/x\r")
        .wait_for("mats: see");
    assert!(has_seen(&terminal, b"https://a.example/x\x1b\\"), "OSC 8");
    terminal.press("\x1bo").wait_for("Enter");
    terminal.press("\r").wait_for("copied");
    // The base64 of the link.
    assert!(has_seen(
        &terminal,
        b"\x1b]52;c;aHR0cHM6Ly9hLmV4YW1wbGUveA==\x1b\\"
    ));
    terminal.press("\x1bl");
    terminal.wait_until("the mouse left to the terminal", |terminal| {
        has_seen(terminal, b"\x1b[?1006l\x1b[?1000l")
    });
    terminal.press("q").wait_for("you keep it");
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
    assert_eq!(terminal.left(), 1);
}

#[test]
fn a_terminal_that_hangs_up_is_an_orderly_quit() {
    let mut terminal = Terminal::start_with(&[]);
    terminal.signal(Signal::HUP);
    assert_eq!(terminal.end(), 0);
    assert_eq!(terminal.left(), 1);
}

#[test]
fn keys_that_were_told_apart_are_plain_again_afterwards() {
    let mut terminal = Terminal::start_with(&[("TERM_PROGRAM", "WezTerm")]);
    assert!(has_seen(&terminal, b"\x1b[>1u"));
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
    assert!(has_seen(&terminal, b"\x1b[<1u\x1b[?2026l"));
}
