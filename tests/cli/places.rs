//! Directories, ports and networks that cannot be had.

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::process::Stdio;

use crate::binary::{Home, free_port, outcome};

#[test]
fn a_data_directory_belongs_to_one_process_at_a_time() {
    let home = Home::new();
    let data = home.path("data");
    let port = free_port().to_string();
    let mut first = home.fireside(&["--json", "--no-lan", "--local-port", &port]);
    let mut first = first
        .arg("--data")
        .arg(&data)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("ready"));

    let words = [
        "data directory",
        "another fireside is using it",
        "--data DIR",
    ];
    home.chat(&data, &[]).is_refused(1, &words);
    let mut server = home.fireside(&["--supernode", "--listen", "127.0.0.1:0"]);
    outcome(server.arg("--data").arg(&data).spawn().unwrap()).is_refused(1, &words);

    writeln!(first.stdin.as_mut().unwrap(), "/quit").unwrap();
    assert!(lines.any(|line| line.unwrap().contains("bye")));
    assert!(first.wait().unwrap().success());
    assert_eq!(home.chat(&data, &[]).code, Some(0));
}

#[test]
fn what_is_no_directory_is_refused_and_stays() {
    let home = Home::new();
    let file = home.file("data", "mine");
    home.chat(&file, &[])
        .is_refused(1, &["data directory", "--data DIR"]);
    home.chat(&file.join("below"), &[])
        .is_refused(1, &["data directory"]);
    assert_eq!(std::fs::read(file).unwrap(), b"mine");
    home.chat("/proc/fireside".as_ref(), &[])
        .is_refused(1, &["data directory"]);
}

#[test]
fn a_port_in_use_is_said() {
    let home = Home::new();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = socket.local_addr().unwrap().to_string();
    let words = ["cannot listen on", &taken, "--listen"];
    home.run(&["--directory", "--listen", &taken])
        .is_refused(1, &words);
    home.chat(&home.path("data"), &["--listen", &taken])
        .is_refused(1, &words);
}

#[test]
fn an_address_of_another_machine_is_said() {
    let home = Home::new();
    home.run(&["--supernode", "--listen", "192.0.2.1:7700"])
        .is_refused(1, &["cannot listen on 192.0.2.1:7700", "no such address"]);
}

#[test]
fn a_mesh_that_does_not_answer_is_said_and_tried_again() {
    let home = Home::new();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    let mut chat = home.fireside(&["--json", "--bootstrap", &silent]);
    let mut chat = chat
        .arg("--data")
        .arg(home.path("data"))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(chat.stdout.take().unwrap()).lines();
    let error = lines.find(|line| line.as_ref().unwrap().contains(r#""event":"error""#));
    let error = error.unwrap().unwrap();
    for word in ["cannot reach any mesh node", &silent, "UDP"] {
        assert!(error.contains(word), "{error}");
    }
    writeln!(chat.stdin.as_mut().unwrap(), "/quit").unwrap();
    assert!(lines.any(|line| line.unwrap().contains("bye")));
    assert!(chat.wait().unwrap().success());
}

#[test]
fn a_reader_that_leaves_ends_the_chat_in_order() {
    let home = Home::new();
    let data = home.path("data");
    let port = free_port().to_string();
    let mut chat = home.fireside(&["--json", "--no-lan", "--local-port", &port, "#hearth"]);
    let mut chat = chat
        .arg("--data")
        .arg(&data)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(chat.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(r#""event":"joined""#)));
    drop(lines);
    writeln!(chat.stdin.as_mut().unwrap(), "into the void").unwrap();
    let outcome = outcome(chat);
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let home = Home::new();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let child = home.fireside(&["--help"]).stdout(full).spawn().unwrap();
    assert_eq!(outcome(child).code, Some(1));
}
