//! What is typed on the command line.

use crate::binary::Home;

#[test]
fn a_command_line_without_a_meaning_is_refused_with_code_2() {
    let home = Home::new();
    for (args, words) in [
        (&["--nonsense"][..], &["--nonsense", "no such option"][..]),
        (&["--bootstap", "x"], &["did you mean --bootstrap?"]),
        (&["--bootstrap"], &["value is missing"]),
        (
            &["--bootstrap", "host:port"],
            &["--bootstrap", "\"port\" is no port"],
        ),
        (&["--bootstrap", "300.1.1.1"], &["no name or address"]),
        (&["--listen", "somewhere"], &["--listen", "no IP address"]),
        (&["--advertise", "1.2.3"], &["--advertise", "no IP address"]),
        (&["--nick", "a b"], &["--nick", "may not contain ' '"]),
        (&["--nick", "a", "--nick", "b"], &["more than once"]),
        (&["--name", ""], &["--name"]),
        (&["--log", "loud"], &["no log level", "debug"]),
        (&["--local-port", "0"], &["--local-port"]),
        (&["--links-per-address", "0"], &["--links-per-address"]),
        (
            &["--allow-node", "anna"],
            &["--allow-node", "a server tells its key when it starts"],
        ),
        (&["--metrics", "here"], &["--metrics", "no IP address"]),
        (&["--plain", "--json"], &["--plain and --json at once"]),
        (&["--supernode", "--plain"], &["at once"]),
        (&["--directory", "#hearth"], &["at once"]),
        (&["ring", "--supernode"], &["--supernode"]),
        (&["ring", "a b"], &["a group is written '#hearth'"]),
        (
            &["--plain", "fireside://x"],
            &["a part of it is missing or mistyped"],
        ),
        (&["\u{1b}]0;evil\u{7}x y"], &["a group is written"]),
    ] {
        let outcome = home.run(args);
        outcome.is_refused(2, words);
        assert!(
            !outcome.err.trim_end().contains(char::is_control),
            "{outcome:?}"
        );
    }
    assert!(
        std::fs::read_dir(home.path(".")).unwrap().next().is_none(),
        "something was made"
    );
}

#[test]
fn help_and_version_are_told_on_standard_output() {
    let home = Home::new();
    let help = home.run(&["--help"]);
    assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
    for word in [
        "--plain",
        "--json",
        "--supernode",
        "--directory",
        "--bootstrap",
        "--listen",
        "--advertise",
        "--name",
        "--data",
        "--config",
        "--nick",
        "--no-lan",
        "--relay-only",
        "--no-port-mapping",
        "--local-port",
        "--log",
        "demo",
        "log",
        "--metrics",
        "--allow-node",
        "--allow-client",
        "--links-per-address",
        "--relay-limit",
        "ring",
        "table",
        "introduce",
        "bury",
        "--operator",
    ] {
        assert!(help.out.contains(word), "{word} is not in the help");
    }
    assert!(!help.out.contains("--irc"), "--irc is promised");
    let widest = help.out.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{widest:?}");
    let version = home.run(&["--version"]);
    assert_eq!(
        version.out.trim(),
        concat!("fireside ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn the_screen_wants_a_terminal() {
    let home = Home::new();
    home.run(&[])
        .is_refused(1, &["screen", "is not a terminal", "--plain"]);
    assert!(
        std::fs::read_dir(home.path(".")).unwrap().next().is_none(),
        "something was made"
    );
}

#[test]
fn who_asks_where_nobody_answers_is_told_so() {
    let home = Home::new();
    let port = crate::binary::free_port().to_string();
    for verb in [&["table"][..], &["ring", "#hearth"], &["ring", "--json"]] {
        let mut args = verb.to_vec();
        args.extend(["--no-lan", "--local-port", &port]);
        home.run(&args).is_refused(
            1,
            &["cannot learn the table", "nobody answers", "--bootstrap"],
        );
    }
    for verb in [
        &["table"][..],
        &["introduce", "127.0.0.1"],
        &["bury", "oak"],
    ] {
        let mut args = verb.to_vec();
        args.extend(["--bootstrap", "no-such-name.invalid"]);
        home.run(&args)
            .is_refused(1, &["cannot look up no-such-name.invalid"]);
    }
}
