//! The table: from the lowest layer up, what each module of ours may use of the others, and what it may never
//! mention at all.

/// The border of one top-level module.
pub(crate) struct Border {
    pub(crate) module: &'static str,
    /// The modules of ours, or the parts of them, that it may use; all of them stand above in the table.
    pub(crate) uses: &'static [&'static str],
    /// What it may never mention, and why.
    pub(crate) never: &'static [(&'static str, &'static str)],
}

/// A crate that is used behind one door only.
pub(crate) struct Owned {
    pub(crate) name: &'static str,
    pub(crate) by: &'static [&'static str],
    pub(crate) why: &'static str,
}

const IO: &str = "the core does no I/O: the driver does it";
const TASK: &str = "the core waits for nothing: it is given inputs";
const CLOCK: &str = "time is an input (proto::time), so that a seed replays";
const ORDER: &str =
    "its order differs from run to run, and a seed would not replay: use a BTreeMap or BTreeSet";
const CHANCE: &str = "chance comes from the seed, so that it replays";

const PURE: &[(&str, &str)] = &[
    ("tokio", TASK),
    ("tokio_util", TASK),
    ("std::thread", TASK),
    ("std::fs", IO),
    ("std::io", IO),
    ("std::env", IO),
    ("std::process", IO),
    ("std::net::TcpListener", IO),
    ("std::net::TcpStream", IO),
    ("std::net::ToSocketAddrs", IO),
    ("std::net::UdpSocket", IO),
    ("tracing", IO),
    ("std::time::Instant", CLOCK),
    ("std::time::SystemTime", CLOCK),
    ("std::collections::HashMap", ORDER),
    ("std::collections::HashSet", ORDER),
    ("std::hash::RandomState", CHANCE),
    ("rand", CHANCE),
    ("getrandom", CHANCE),
    ("ring", CHANCE),
];

const ASYNC: &[(&str, &str)] = &[(
    "std::thread::sleep",
    "a sleeping thread serves nobody: wait for the event",
)];

/// What a screen sees: what to ask, what is told, and the names in both.
const SCREEN: &[&str] = &[
    "chart",
    "qr",
    "sanitize",
    "slash",
    "config",
    "choose",
    "report",
    "proto::command",
    "proto::event",
    "proto::id",
    "proto::limits",
    "proto::past",
    "proto::rules",
    "proto::ruling",
    "proto::time",
    "proto::verify",
];

/// What a face without a screen sees: the same, and the table that is told to programs.
const LINES: &[&str] = &[
    "chart",
    "qr",
    "sanitize",
    "slash",
    "config",
    "choose",
    "report",
    "proto::command",
    "proto::event",
    "proto::id",
    "proto::limits",
    "proto::past",
    "proto::rules",
    "proto::ruling",
    "proto::time",
    "proto::table",
    "proto::verify",
];

pub(crate) const BORDERS: &[Border] = &[
    Border {
        module: "proto",
        uses: &[],
        never: PURE,
    },
    Border {
        module: "sanitize",
        uses: &[],
        never: PURE,
    },
    Border {
        module: "qr",
        uses: &[],
        never: PURE,
    },
    Border {
        module: "address",
        uses: &["proto::limits"],
        never: &[],
    },
    Border {
        module: "report",
        uses: &["sanitize"],
        never: &[],
    },
    Border {
        module: "slash",
        uses: &[
            "proto::command",
            "proto::id",
            "proto::invite",
            "proto::limits",
            "proto::past",
            "proto::rules",
            "proto::ruling",
            "proto::time",
            "sanitize",
        ],
        never: PURE,
    },
    Border {
        module: "config",
        uses: &["address", "report", "proto::id", "proto::limits"],
        never: &[],
    },
    Border {
        module: "choose",
        uses: &[
            "slash",
            "config",
            "report",
            "sanitize",
            "proto::command",
            "proto::id",
        ],
        never: ASYNC,
    },
    Border {
        module: "chart",
        uses: &[
            "slash",
            "sanitize",
            "proto::command",
            "proto::event",
            "proto::id",
            "proto::ring",
            "proto::table",
            "proto::time",
            "proto::wire",
        ],
        never: PURE,
    },
    Border {
        module: "log",
        uses: &["config", "report"],
        never: &[],
    },
    Border {
        module: "signals",
        uses: &[],
        never: &[],
    },
    Border {
        module: "systemd",
        uses: &["report"],
        never: ASYNC,
    },
    Border {
        module: "identity",
        uses: &["proto::id", "proto::seal"],
        never: ASYNC,
    },
    Border {
        module: "net",
        uses: &["proto", "identity"],
        never: ASYNC,
    },
    Border {
        module: "store",
        uses: &["proto"],
        never: ASYNC,
    },
    Border {
        module: "node",
        uses: &[
            "proto", "identity", "net", "store", "config", "address", "report", "sanitize", "log",
            "signals",
        ],
        never: ASYNC,
    },
    Border {
        module: "face",
        uses: LINES,
        never: ASYNC,
    },
    Border {
        module: "tui",
        uses: SCREEN,
        never: ASYNC,
    },
    Border {
        module: "cli",
        uses: &[
            "node", "face", "tui", "chart", "config", "address", "report", "log", "signals",
            "sanitize", "slash", "store", "identity", "proto",
        ],
        never: ASYNC,
    },
    Border {
        module: "service",
        uses: &["node", "log", "report", "signals", "systemd"],
        never: ASYNC,
    },
    Border {
        module: "main",
        uses: &[
            "service", "cli", "node", "face", "tui", "chart", "config", "log", "report", "signals",
            "proto",
        ],
        never: &[],
    },
];

pub(crate) const OWNED: &[Owned] = &[
    Owned {
        name: "rusqlite",
        by: &["store"],
        why: "the file's shape is the store's alone",
    },
    Owned {
        name: "quinn",
        by: &["net"],
        why: "links are the network layer's",
    },
    Owned {
        name: "quinn_proto",
        by: &["net"],
        why: "links are the network layer's",
    },
    Owned {
        name: "socket2",
        by: &["net"],
        why: "there is one socket",
    },
    Owned {
        name: "webpki",
        by: &["net"],
        why: "certificates are checked in one place",
    },
    Owned {
        name: "rustls",
        by: &["net", "identity"],
        why: "certificates are checked in one place",
    },
    Owned {
        name: "rcgen",
        by: &["identity", "net"],
        why: "one key makes one certificate",
    },
    Owned {
        name: "ratatui",
        by: &["tui"],
        why: "only the screen draws",
    },
    Owned {
        name: "crossterm",
        by: &["tui"],
        why: "only the screen talks to the terminal",
    },
    Owned {
        name: "toml_edit",
        by: &["config", "choose"],
        why: "the configuration is written in one place",
    },
    Owned {
        name: "clap",
        by: &["cli"],
        why: "the command line is read in one place",
    },
    Owned {
        name: "foca",
        by: &["proto"],
        why: "who is alive is found out in the core",
    },
    Owned {
        name: "qrcode",
        by: &["qr"],
        why: "codes are made in one place",
    },
    Owned {
        name: "mdns_sd",
        by: &["node"],
        why: "discovery is the node's",
    },
];
