//! Directories and supernodes as processes of their own.

use std::time::Instant;

use md5::{Digest, Md5};
use serde_json::Value;

use crate::handover::{hosts, talk_on, took};
use crate::harness::{Client, Machine, Server, free_port, output};

/// A directory at 127.0.0.11 and supernodes at the next addresses.
struct Mesh {
    machine: Machine,
    directory: Server,
    supernodes: Vec<Server>,
}

impl Mesh {
    fn of(supernodes: u8) -> Self {
        let machine = Machine::new();
        let port = free_port("127.0.0.11");
        let at = |last: u8| format!("127.0.0.{last}:{port}");
        let directory = Server::start(&machine, "directory", &at(11), &["--directory"]);
        let supernodes = (0..supernodes)
            .map(|number| {
                let name = format!("supernode-{number}");
                let args = ["--supernode", "--bootstrap", &at(11)];
                Server::start(&machine, &name, &at(12 + number), &args)
            })
            .collect();
        Self {
            machine,
            directory,
            supernodes,
        }
    }

    fn client(&self, nick: &str) -> Client {
        let bootstrap = ["--bootstrap", &self.directory.address];
        self.machine.client_with(nick, &bootstrap)
    }

    /// Asks until the table has that many living nodes; each question waits for an answer of its own.
    fn is_complete(&self) {
        let nodes = 1 + self.supernodes.len();
        for _ in 0..200 {
            let (_, told, _) = self.ask(&["table", "--json"]);
            let table: Value = serde_json::from_str(&told).unwrap_or_default();
            let alive = |node: &&Value| node["state"] == "alive";
            let listed = table.as_array().into_iter().flatten();
            if listed.filter(alive).count() == nodes {
                return;
            }
        }
        panic!("the mesh never became complete");
    }

    fn ask(&self, args: &[&str]) -> (std::process::ExitStatus, String, String) {
        let mut command = self.machine.fireside();
        command.args(args);
        command.args(["--bootstrap", &self.directory.address]);
        output(command)
    }
}

/// The last four bytes of the digest of `text`, as the mail has it.
fn md5_mod_2_32(text: &str) -> u32 {
    let digest: [u8; 16] = Md5::digest(text.as_bytes()).into();
    u32::from_be_bytes([digest[12], digest[13], digest[14], digest[15]])
}

fn around(a: u32, b: u32) -> u32 {
    a.wrapping_sub(b).min(b.wrapping_sub(a))
}

#[test]
fn the_responsible_supernode_is_the_one_the_formula_says() {
    let mesh = Mesh::of(3);
    mesh.is_complete();
    for group in ["#hearth", "#erlang", "#attic", "#été"] {
        let (status, told, why) = mesh.ask(&["ring", group, "--json"]);
        assert!(status.success(), "{why}");
        let told: Value = serde_json::from_str(&told).unwrap();
        let point = md5_mod_2_32(group);
        let mut nodes: Vec<(u32, &Server)> = mesh
            .supernodes
            .iter()
            .map(|node| {
                let ip = node.address.split_once(':').unwrap().0;
                (around(md5_mod_2_32(ip), point), node)
            })
            .collect();
        nodes.sort_by_key(|node| node.0);
        assert_eq!(told["group"], group);
        assert_eq!(told["point"], point);
        for (part, (distance, node)) in ["responsible", "next", "opposite"].iter().zip(&nodes) {
            assert_eq!(told[part]["name"], node.name, "{part} in {told}");
            assert_eq!(told[part]["address"], node.address, "{part} in {told}");
            assert_eq!(told[part]["distance"], *distance, "{part} in {told}");
        }
    }
}

#[test]
fn clients_meet_over_real_servers_and_a_killed_host_is_succeeded() {
    let mesh = Mesh::of(2);
    let mut anna = mesh.client("anna");
    anna.joins("#hearth");
    let mut bo = mesh.client("bo");
    bo.joins("#hearth");
    let mut cat = mesh.client("cat");
    cat.joins("#hearth");
    anna.types("hello over there");
    bo.sees_text("hello over there");
    cat.sees_text("hello over there");

    anna.is_killed();
    let killed = Instant::now();
    bo.types("where is anna?");
    cat.types("gone");
    for client in [&mut bo, &mut cat] {
        client.sees_text("where is anna?");
        client.sees_text("gone");
        client.sees("bo hosting", |e| e["event"] == "host" && e["host"] == "bo");
        client.has_once("gone");
    }
    took("host killed", killed);
    assert_eq!(bo.talk("#hearth"), cat.talk("#hearth"));
}

#[test]
fn the_talk_goes_on_when_the_responsible_supernode_ends() {
    let mut mesh = Mesh::of(2);
    mesh.is_complete();
    let mut anna = mesh.client("anna");
    anna.joins("#hearth");
    let mut bo = mesh.client("bo");
    bo.joins("#hearth");
    anna.types("before");
    bo.sees_text("before");
    let (_, told, _) = mesh.ask(&["ring", "#hearth", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let responsible = |node: &Server| told["responsible"]["name"] == node.name.as_str();
    let at = mesh.supernodes.iter().position(responsible).unwrap();
    assert!(mesh.supernodes[at].terminates().success());
    bo.types("after");
    anna.sees_text("after");
    let id = bo.sees_text("after")["id"].clone();
    bo.sees("confirmed", |e| e["event"] == "confirmed" && e["id"] == id);
}

#[test]
fn the_table_is_told_by_a_running_node_or_from_disk() {
    let mut mesh = Mesh::of(1);
    let mut anna = mesh.client("anna");
    anna.joins("#hearth");
    anna.types("anybody here?");
    anna.sees_event("confirmed");
    for server in &mut mesh.supernodes {
        assert!(server.terminates().success());
    }
    assert!(mesh.directory.terminates().success());
    let data = mesh.machine.data("anna");
    let from_disk = || {
        let (status, told, note) = mesh.ask(&["table", "--json", "--data", data.to_str().unwrap()]);
        assert!(status.success(), "{note}");
        assert!(told.contains("supernode-0"), "{told}");
        assert!(note.starts_with("fireside: no node answers"), "{note}");
    };
    // While its owner uses it, who writes it down within a second, and after.
    let is_kept = || {
        mesh.ask(&["table", "--data", data.to_str().unwrap()])
            .0
            .success()
    };
    assert!((0..20).any(|_| is_kept()), "no table was kept");
    from_disk();
    anna.types("/quit");
    assert!(anna.ends().success());
    from_disk();
}

#[test]
fn a_frozen_host_is_succeeded_and_follows_when_it_wakes() {
    let mesh = Mesh::of(2);
    let [mut anna, mut bo, mut cat] = ["anna", "bo", "cat"].map(|nick| {
        let mut client = mesh.client(nick);
        client.joins("#hearth");
        client
    });
    talk_on(&mut [&mut anna, &mut bo, &mut cat], "before");
    anna.freezes();
    let frozen = Instant::now();
    talk_on(&mut [&mut bo, &mut cat], "meanwhile");
    took("host frozen", frozen);
    anna.types("asleep");
    anna.thaws();
    for client in [&mut anna, &mut bo, &mut cat] {
        client.sees("bo hosting", hosts("bo"));
        client.sees_text("asleep");
    }
    talk_on(&mut [&mut anna, &mut bo, &mut cat], "together");
    for client in [&bo, &cat] {
        assert_eq!(client.talk("#hearth"), anna.talk("#hearth"));
        client.has_once("asleep");
    }
}

#[test]
fn two_meshes_are_introduced_and_a_node_is_buried() {
    let machine = Machine::new();
    let mut operator = machine.client("operator");
    let ready = operator.sees_event("ready");
    let key = ready["id"].as_str().unwrap().to_owned();
    operator.types("/quit");
    operator.ends();
    let port = free_port("127.0.0.31");
    let at = |last: u8| format!("127.0.0.{last}:{port}");
    let directory = ["--directory", "--operator", &key];
    let _one = Server::start(&machine, "one", &at(31), &directory);
    let at_one = ["--supernode", "--bootstrap", &at(31)];
    let oak = Server::start(&machine, "oak", &at(32), &at_one);
    let _two = Server::start(&machine, "two", &at(33), &["--directory"]);
    let at_two = ["--supernode", "--bootstrap", &at(33)];
    let _elm = Server::start(&machine, "elm", &at(34), &at_two);
    let run = |args: &[&str]| {
        let mut command = machine.fireside();
        command.args(args).args(["--bootstrap", &at(31)]);
        command.arg("--data").arg(machine.data("operator"));
        output(command)
    };
    let alive = || -> Vec<String> {
        let (_, told, _) = run(&["table", "--json"]);
        let table: Value = serde_json::from_str(&told).unwrap_or_default();
        let listed = table.as_array().into_iter().flatten();
        let alive = listed.filter(|node| node["state"] == "alive");
        let name = |node: &Value| node["name"].as_str().unwrap().to_owned();
        alive.map(name).collect()
    };
    let until = |names: &[&str]| {
        for _ in 0..200 {
            if alive() == names {
                return;
            }
        }
        panic!("{:?} and not {names:?}", alive());
    };
    until(&["oak", "one"]);

    let (status, _, why) = run(&["introduce", &at(33)]);
    assert!(status.success(), "{why}");
    until(&["elm", "oak", "one", "two"]);

    let (status, _, why) = run(&["bury", "oak"]);
    assert!(status.success(), "{why}");
    until(&["elm", "one", "two"]);
    let (status, _, why) = run(&["bury", "ash"]);
    assert!(!status.success());
    assert!(why.contains("no node of that name is known"), "{why}");
    drop(oak);
    let log = std::fs::read_to_string(machine.data("oak.log")).unwrap();
    assert!(log.contains("has buried it"), "{log}");
}
