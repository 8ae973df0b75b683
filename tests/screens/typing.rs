//! What comes from a real terminal in pieces, out of order, or not at all.

use crate::terminal::Terminal;

#[test]
fn a_paste_whose_end_is_lost_holds_nothing_up_for_long() {
    let mut terminal = Terminal::start();
    terminal
        .press("\x1b[200~half of it")
        .wait_for("half of it")
        .wait_for("this paste came without its end");
    // The mark comes late, and means nothing then.
    terminal.press("\x1b[201~ and more\r");
    terminal.wait_for("mats: half of it and more");
    terminal.press("\x1b[200~/quit\x1b[20");
    terminal.wait_for("› /quit").press("\r");
    terminal.wait_for("a pasted line is never run").press("\r");
    terminal.wait_for("mats: /quit");
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_lone_escape_is_a_key_and_one_with_a_key_behind_it_is_alt() {
    let mut terminal = Terminal::start();
    let palette = "type a part of a name";
    terminal.press("\x1bOP").wait_for(palette);
    terminal.press("\x1b");
    terminal.wait_until("no palette", |terminal| {
        !terminal.screen.screen().contents().contains(palette)
    });
    terminal.press("one two\x1b\x7f\x1b[Dthree\r");
    terminal.wait_for("mats: onethree");
    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn what_is_typed_ahead_of_the_screen_is_on_it() {
    let mut terminal = Terminal::start_as("terminal::asked_child", &[]);
    terminal.wait_for("What shall people call you?");
    terminal.press("\rtyped ahead").wait_for("› typed ahead");
    terminal.press("\x15/quit\r");
    assert_eq!(terminal.end(), 0);
}
