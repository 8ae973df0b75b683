//! What an operator does with a server: it is watched, told to reload, closed to strangers, and asked for figures.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::{Machine, Server, free_port};

/// As long as anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(45);

/// A node that is directory and supernode at once, with a configuration of its own.
struct Operated {
    machine: Machine,
    server: Server,
    config: std::path::PathBuf,
}

impl Operated {
    fn new(config: &str, args: &[&str], surroundings: &[(&str, &str)]) -> Self {
        let machine = Machine::new();
        let file = machine.data("server.toml");
        std::fs::write(&file, config).unwrap();
        let address = format!("127.0.0.21:{}", free_port("127.0.0.21"));
        let mut all = vec!["--directory", "--supernode", "--config"];
        all.push(file.to_str().unwrap());
        all.extend(args);
        let server = Server::start_in(&machine, "oak", &address, &all, surroundings);
        Self {
            config: file,
            machine,
            server,
        }
    }

    fn client(&self, nick: &str) -> crate::harness::Client {
        let bootstrap = ["--bootstrap", &self.server.address];
        self.machine.client_with(nick, &bootstrap)
    }

    fn reloads(&self, config: &str) {
        std::fs::write(&self.config, config).unwrap();
        self.server.hangs_up();
    }

    fn logs(&self, words: &str) {
        self.server.logs(words);
    }
}

/// Where systemd would listen.
struct Systemd {
    socket: UnixDatagram,
}

impl Systemd {
    fn listening(at: &Path) -> Self {
        let socket = UnixDatagram::bind(at).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket }
    }

    /// Waits for a datagram that begins so; signs of life in between are passed over.
    fn hears(&self, beginning: &str) -> String {
        loop {
            let mut bytes = [0; 4096];
            let size = self.socket.recv(&mut bytes).unwrap();
            let said = String::from_utf8(bytes[..size].to_vec()).unwrap();
            if said.starts_with(beginning) {
                return said;
            }
            assert_eq!(said, "WATCHDOG=1", "waiting for {beginning}");
        }
    }
}

#[test]
fn systemd_hears_when_a_server_is_ready_lives_reloads_and_ends() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().join("notify");
    let systemd = Systemd::listening(&at);
    let surroundings = [
        ("NOTIFY_SOCKET", at.to_str().unwrap()),
        ("WATCHDOG_USEC", "200000"),
    ];
    let mut node = Operated::new("", &[], &surroundings);
    let ready = systemd.hears("READY=1");
    assert!(
        ready.contains("STATUS=fireside: directory and supernode oak listening on "),
        "{ready}"
    );
    systemd.hears("WATCHDOG=1");
    node.reloads("log = \"warn\"");
    assert!(systemd.hears("RELOADING=1").contains("\nMONOTONIC_USEC="));
    systemd.hears("READY=1");
    node.reloads("log = \"loud\"");
    systemd.hears("RELOADING=1");
    let kept = systemd.hears("READY=1");
    assert!(
        kept.contains("STATUS=not reloaded: ") && kept.contains("log level"),
        "{kept}"
    );
    assert!(node.server.terminates().success());
    systemd.hears("STOPPING=1");
}

#[test]
fn a_server_under_systemd_that_cannot_be_reached_does_not_begin() {
    let machine = Machine::new();
    let mut command = machine.fireside();
    command
        .args(["--directory", "--listen", "127.0.0.1:0"])
        .env("NOTIFY_SOCKET", "/nowhere/at/all");
    let (status, _, why) = crate::harness::output(command);
    assert_eq!(status.code(), Some(1));
    assert!(
        why.contains("cannot tell systemd how we are: NOTIFY_SOCKET=/nowhere/at/all: "),
        "{why}"
    );
}

#[test]
fn the_journal_gets_priorities_and_no_times_and_nobody_else_does() {
    use std::os::unix::fs::MetadataExt as _;
    let machine = Machine::new();
    let at = format!("127.0.0.21:{}", free_port("127.0.0.21"));
    let log = machine.data("journal");
    let file = std::fs::File::create(&log).unwrap();
    let stream = file.metadata().unwrap();
    let args = ["--directory", "--metrics", "127.0.0.1:0"];
    for (told, beginning) in [
        (
            format!("{}:{}", stream.dev(), stream.ino()),
            "<6> INFO telling metrics address=",
        ),
        ("8:15".to_owned(), "20"),
    ] {
        let surroundings = [("JOURNAL_STREAM", told.as_str())];
        let file = std::fs::File::create(&log).unwrap();
        let mut server = Server::start_into(&machine, "oak", &at, &args, &surroundings, file);
        server.terminates();
        let said = std::fs::read_to_string(&log).unwrap();
        assert!(said.starts_with(beginning), "{said}");
    }
}

#[test]
fn what_has_changed_is_in_force_or_said_to_wait_for_a_restart() {
    let node = Operated::new("bootstrap = [\"127.0.0.99:9\"]\n", &[], &[]);
    node.reloads("bootstrap = [\"127.0.0.98:9\"]\nadvertise = \"192.0.2.1\"\n");
    node.logs("reloaded change=bootstrap = [127.0.0.98:9]");
    node.logs("changed, and waits for a restart key=\"advertise\"");
    node.reloads("bootstrap = [\"127.0.0.98:9\"]\n");
    node.logs("reloaded; nothing has changed");
    node.reloads("bootstrap = 7\n");
    node.logs("cannot reload; all stays as it was failure=cannot use the configuration");
    let mut anna = node.client("anna");
    anna.joins("#hearth");
}

#[test]
fn a_mesh_is_closed_to_strangers_and_tells_them_what_to_do() {
    let node = Operated::new("allow-nodes = []\nallow-clients = []\n", &[], &[]);
    let mut anna = node.client("anna");
    let ready = anna.sees_event("ready");
    let refused = anna.sees_event("error");
    let key = ready["id"].as_str().unwrap();
    assert_eq!(
        refused["what"],
        format!("cannot use the node at {}", node.server.address)
    );
    assert_eq!(refused["why"], "the mesh is closed to this key");
    assert!(refused["try"].as_str().unwrap().contains(key), "{refused}");

    let mut command = node.machine.fireside();
    command.args(["table", "--bootstrap", &node.server.address, "--data"]);
    command.arg(node.machine.data("nobody"));
    let (status, _, why) = crate::harness::output(command);
    assert_eq!(status.code(), Some(1));
    assert!(
        why.contains(" is closed, and who only looks has no key"),
        "{why}"
    );

    // She asks, the operator lets her in, and she need not even start again.
    node.reloads(&format!("allow-nodes = []\nallow-clients = [\"{key}\"]\n"));
    node.logs("reloaded change=allow-clients: 1 key");
    anna.joins("#hearth");
    let mut bo = node.client("bo");
    bo.sees_event("error");

    // And out again.
    let mark = anna.mark();
    node.reloads("allow-nodes = []\nallow-clients = []\n");
    let out = anna.sees_after(mark, "that she is out", |e| e["event"] == "error");
    assert_eq!(out["why"], "the mesh is closed to this key");
}

#[test]
fn a_mesh_closed_to_nodes_lists_no_others() {
    let node = Operated::new("allow-nodes = []\n", &[], &[]);
    let address = format!("127.0.0.22:{}", free_port("127.0.0.22"));
    let args = ["--supernode", "--bootstrap", &node.server.address];
    let stranger = Server::start(&node.machine, "elm", &address, &args);
    // Its operator is told what to ask for.
    stranger.logs("the mesh does not list elm: this mesh is closed to its key; ask the mesh's operator to allow ");
    // Whom it is not closed to are clients, and they hear of the one node only.
    let mut command = node.machine.fireside();
    command.args(["table", "--json", "--bootstrap", &node.server.address]);
    let (status, told, why) = crate::harness::output(command);
    assert!(status.success(), "{why}");
    let table: serde_json::Value = serde_json::from_str(&told).unwrap();
    let names: Vec<_> = table
        .as_array()
        .unwrap()
        .iter()
        .map(|node| &node["name"])
        .collect();
    assert_eq!(names, ["oak"], "{table}");
}

#[test]
fn an_address_has_its_share_of_links_and_is_told_when_it_is_used_up() {
    let node = Operated::new("", &["--links-per-address", "1"], &[]);
    let mut anna = node.client("anna");
    anna.joins("#hearth");
    let mut bo = node.client("bo");
    let refused = bo.sees_event("error");
    assert_eq!(refused["why"], "a limit was reached");
    // From another address there is room.
    let bootstrap = &node.server.address;
    let args = ["--bootstrap", bootstrap, "--listen", "127.0.0.31:0"];
    let mut cat = node.machine.client_with("cat", &args);
    cat.joins("#hearth");
}

#[test]
fn figures_are_told_to_prometheus_and_they_move() {
    let at = format!("127.0.0.1:{}", free_port("127.0.0.1"));
    let node = Operated::new("", &["--metrics", &at], &[]);
    // It serves figures before it knows its own addresses.
    let page = scrape_until(&at, "fireside_nodes{state=\"alive\"}", 1.0);
    assert_eq!(figure(&page, "fireside_links{kind=\"client\"}"), 0.0);
    assert_eq!(figure(&page, "fireside_leases_granted_total"), 0.0);
    assert!(figure(&page, "process_resident_memory_bytes") > 1e6);
    assert!(page.contains("role=\"directory+supernode\"} 1\n"), "{page}");

    let mut anna = node.client("anna");
    anna.joins("#hearth");
    let mut bo = node.client("bo");
    bo.joins("#hearth");
    anna.types("hello");
    bo.sees_text("hello");
    let page = scrape_until(&at, "fireside_links{kind=\"client\"}", 2.0);
    assert_eq!(figure(&page, "fireside_groups{state=\"live\"}"), 1.0);
    assert_eq!(figure(&page, "fireside_registrations"), 2.0);
    scrape_until(&at, "fireside_persons_here", 2.0);
    anna.types("/query bo");
    scrape_until(&at, "fireside_persons_sought", 1.0);
    assert_eq!(figure(&page, "fireside_leases_granted_total"), 1.0);
    assert_eq!(figure(&page, "fireside_handovers_total"), 0.0);
    assert!(
        figure(&page, "fireside_relayed_bytes_total") > 1000.0,
        "{page}"
    );
    assert!(figure(&page, "fireside_relay_tunnels") >= 1.0, "{page}");
    assert_eq!(figure(&page, "fireside_relay_waits_total"), 0.0);
    assert_eq!(figure(&page, "fireside_relay_wait_seconds_total"), 0.0);

    anna.is_killed();
    bo.sees("that it hosts", |e| {
        e["event"] == "role" && e["role"] == "host"
    });
    let page = scrape_until(&at, "fireside_handovers_total", 1.0);
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn who_asks_for_figures_in_another_way_harms_nobody() {
    let at = format!("127.0.0.1:{}", free_port("127.0.0.1"));
    let _node = Operated::new("", &["--metrics", &at], &[]);
    assert!(ask(&at, b"GET /secrets HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(ask(&at, b"POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(ask(&at, b"\xff\x00\r\n\r\n").starts_with("HTTP/1.1 400 "));
    // One that never ends is not read to its end.
    let endless = vec![b'x'; 64 * 1024];
    assert!(ask(&at, &endless).len() < 400);
    // More than are heard at once, who say nothing: the next one is heard all the same, once they are given up.
    let silent: Vec<_> = (0..9).map(|_| TcpStream::connect(&at).unwrap()).collect();
    scrape_until(&at, "fireside_ring_supernodes", 1.0);
    drop(silent);
}

#[test]
fn metrics_that_cannot_be_told_are_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let mut command = Machine::new().fireside();
    command.args(["--directory", "--listen", "127.0.0.1:0", "--metrics", &at]);
    let (status, _, why) = crate::harness::output(command);
    assert_eq!(status.code(), Some(1));
    assert!(
        why.contains(&format!("fireside: cannot tell metrics at {at}: ")),
        "{why}"
    );
    assert!(
        why.contains("; choose another address and port with --metrics"),
        "{why}"
    );
}

fn scrape(at: &str) -> String {
    let answer = ask(at, b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains("Content-Type: text/plain; version=0.0.4"),
        "{head}"
    );
    page.to_owned()
}

/// What is served once a figure is this.
fn scrape_until(at: &str, name: &str, value: f64) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = scrape(at);
        if figure(&page, name) == value {
            return page;
        }
        assert!(Instant::now() < deadline, "no {name} {value} in\n{page}");
    }
}

fn ask(at: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The other end may close before it has read all of it.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn figure(page: &str, name: &str) -> f64 {
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{page}"))
        .parse()
        .unwrap()
}
