//! A supernode relays what it cannot read: a line with a word of its own is looked for in everything that passes the
//! supernode's wire, and in everything it has on its disk.

use std::net::UdpSocket;
use std::path::Path;

use crate::inside::{Capture, inside};
use crate::internet::Internet;
use crate::people::{goes, is_relayed_throughout, meet};
use crate::router::Kind;

/// What nobody else says.
const CANARY: &str = "the canary sings at a quarter past nine";
/// What marks the same words where they are sent without encryption.
const IN_CLEAR: &str = "said in clear";
const LINES: usize = 8;
/// Where nobody listens.
const NOWHERE: u16 = 9;

fn holds(bytes: &[u8], what: &str) -> bool {
    let what = what.as_bytes();
    bytes.windows(what.len()).any(|part| part == what)
}

/// Every file below a directory that holds this.
fn files_with(what: &str, directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(what, &path));
        } else if holds(&std::fs::read(&path).unwrap(), what) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn nothing_that_is_said_passes_the_wire_of_the_supernode_in_clear() {
    let Some(internet) = Internet::new() else {
        return;
    };
    let fra = internet.supernode("fra", &[]);
    let [ours, theirs] =
        ["ours", "theirs"].map(|name| internet.router(name, Kind::Symmetric, "10.5.0"));
    let (here, there) = (
        internet.behind(&ours, "here"),
        internet.behind(&theirs, "there"),
    );
    let capture = Capture::of(fra.namespace());
    let mut anna = here.client("anna-the-canary", &fra, &[]);
    let mut bo = there.client("bo", &fra, &[]);
    meet(&mut anna, &mut bo);
    for number in 0..LINES {
        let line = format!("{CANARY} {number}, {}", "and again ".repeat(20).trim_end());
        anna.types(&line);
        bo.sees_text(&line);
    }
    goes(&mut anna, "relayed");
    is_relayed_throughout(&[&anna, &bo]);
    // Somebody says the same without encryption, to the same machine: that must be found, or nothing ever would be.
    let to = format!("{}:{NOWHERE}", fra.ip());
    let said = inside(here.namespace(), move || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let said = format!("{CANARY}, {IN_CLEAR}");
        socket.send_to(said.as_bytes(), to).unwrap();
    });
    said.join().unwrap();
    let frames = capture.ends();

    let with = |what: &str| frames.iter().filter(|frame| holds(frame, what)).count();
    // The machine may answer that nobody is there, and quote it.
    let (found, in_clear) = (with(CANARY), with(IN_CLEAR));
    println!(
        "| {} frames passed the supernode; the text was in {found}, of which {in_clear} were sent in clear |",
        frames.len()
    );
    assert!(frames.len() > 4 * LINES, "the talk did not pass here");
    assert!(in_clear > 0, "nothing would ever be found");
    assert_eq!(found, in_clear, "the text passed in clear");
    for what in ["and again", "anna-the-canary", "#hearth"] {
        assert_eq!(with(what), 0, "frames with {what:?}");
    }
    let kept = files_with(CANARY, here.data());
    assert!(!kept.is_empty(), "its author has it on disk");
    assert_eq!(files_with(CANARY, fra.data()), [""; 0]);
}
