//! `fireside demo` as a newcomer has it, on a real terminal: friends talk, the host dies, the group goes on.

use portable_pty::CommandBuilder;

use crate::terminal::Terminal;

/// Starts the demo, with a directory of its own for all it may leave behind.
fn start(home: &std::path::Path) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_fireside"));
    command.args(["demo", "--nick", "mats", "--config", "/dev/null"]);
    command.env("TMPDIR", home);
    command.env("HOME", home);
    Terminal::run(command, 100, 24)
}

const F9: &str = "\x1b[20~";

#[test]
fn the_host_dies_and_the_group_goes_on_and_nothing_is_lost_or_left_behind() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = start(home.path());
    terminal
        .wait_for("F9 pulls anna's plug")
        .wait_for("welcome to the fire!");
    terminal.press("hello, all of you\r").wait_for("\u{2713}3");

    terminal.press(F9).wait_for("anna is dead");
    terminal.press("is anybody still here?\r");
    terminal
        .wait_for("anna is gone; bob keeps it")
        .wait_for("nothing lost")
        .wait_for("F9 pulls bob's plug")
        .wait_for("still warm in here");
    terminal.wait_until("every line, once and in order", |terminal| {
        let screen = terminal.screen.screen().contents();
        let at = |text: &str| {
            let (before, after) = screen.split_once(text)?;
            (!after.contains(text)).then_some(before.len())
        };
        let order = [
            at("hello, all of you"),
            at("bob keeps it"),
            at("still warm in here"),
        ];
        at("is anybody still here?").is_some() && order.is_sorted() && order[0].is_some()
    });
    terminal.wait_for("bob: look, anna is back");

    terminal.press("/quit\r");
    assert_eq!(terminal.end(), 0);
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
