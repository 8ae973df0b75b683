//! What the friends in the demo say, and when.

use std::collections::VecDeque;

use tokio::time::{Duration, Instant};

/// Hints, one line each; `{host}` is who keeps the group.
pub(super) const STARTING: &str =
    "demo: four friends and a small network start on this machine; a moment, please";
pub(super) const READY: &str =
    "demo: {host} keeps this group. F9 pulls {host}'s plug; /quit ends it";
pub(super) const PULLED: &str =
    "demo: {host} is dead, without a goodbye. watch the line under the talk";
pub(super) const AGAIN: &str =
    "demo: {host} keeps this group now. F9 pulls {host}'s plug; /quit ends it";
pub(super) const OURS: &str =
    "demo: you keep this group now, and you would not pull your own plug. /quit ends it";
pub(super) const ONE_AWAY: &str =
    "demo: one at a time, please: whoever is gone comes back in a moment";

/// What is said at first; the number is whose line it is.
const WELCOME: &[(usize, &str)] = &[
    (0, "welcome to the fire! pull up a chair"),
    (
        1,
        "we are four real members, on your machine, over QUIC; only our lines are learnt by heart",
    ),
    (
        2,
        "no server anywhere: {0} keeps this group, see the sign beside the name",
    ),
    (
        0,
        "{1} and {2} hold a copy of everything, so nothing hangs on me",
    ),
    (
        3,
        "say something! your line tells on how many disks it is kept",
    ),
    (
        1,
        "and then press F9: {0} dies in the middle of a word, and you see what becomes of us",
    ),
];

/// What is said while nothing happens.
const CHATTER: &[(usize, &str)] = &[
    (3, "the kettle sings"),
    (2, "who has the cups?"),
    (1, "they are where they always are"),
    (0, "somebody put another log on, please"),
    (3, "done. this one will last a while"),
    (
        2,
        "/search finds any word that was ever said here, try it: /search kettle",
    ),
    (1, "and F8 hides our names, if you would rather have room"),
    (
        0,
        "fireside '#somewhere' is all it takes for a group of your own",
    ),
];

/// Between two lines, and more for each character there is to read.
const PAUSE: Duration = Duration::from_millis(1_300);
const PER_CHARACTER: Duration = Duration::from_millis(28);
/// Between two lines when nothing happens.
const IDLE: Duration = Duration::from_secs(9);
/// Somebody goes on talking that soon after a plug was pulled: the line waits, and is not lost.
const SOON: Duration = Duration::from_millis(400);

/// The lines to come.
#[derive(Debug)]
pub(super) struct Script {
    next: VecDeque<(usize, String)>,
    chatter: std::slice::Iter<'static, (usize, &'static str)>,
    due: Instant,
    names: Vec<String>,
    /// Who is away.
    away: Option<String>,
}

impl Script {
    pub(super) fn new(names: Vec<String>) -> Self {
        Self {
            names,
            next: VecDeque::new(),
            chatter: CHATTER.iter(),
            due: far(),
            away: None,
        }
    }

    /// When the next line is to be said.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// The talk begins.
    pub(super) fn begin(&mut self) {
        let lines = WELCOME.iter();
        self.next = lines
            .map(|(who, text)| (*who, self.with_names(text)))
            .collect();
        self.due = Instant::now() + PAUSE;
    }

    /// A line in which friends are named by number.
    fn with_names(&self, text: &str) -> String {
        let names = self.names.iter().enumerate();
        names.fold(text.to_owned(), |text, (at, name)| {
            text.replace(&format!("{{{at}}}"), name)
        })
    }

    /// Somebody's plug was pulled.
    pub(super) fn pulled(&mut self, name: &str, at: usize) {
        self.away = Some(name.to_owned());
        self.next.clear();
        self.next
            .push_back((at + 2, format!("{name}? you were about to say something")));
        self.due = Instant::now() + SOON;
    }

    /// Another friend keeps the group, or nobody of us does.
    pub(super) fn handed_over(&mut self, at: Option<usize>) {
        if let Some(at) = at {
            self.next
                .push_back((at, "still warm in here: I keep it from now on".to_owned()));
        }
        let other = at.unwrap_or_default() + 1;
        self.next.push_back((
            other,
            "that was all? I have every line, in the same order".to_owned(),
        ));
        self.due = Instant::now() + PAUSE;
    }

    /// Somebody is in the group again. Whether it is who was away.
    pub(super) fn came_back(&mut self, name: &str, at: usize) -> bool {
        let is_it = self.away.as_deref() == Some(name);
        if is_it {
            self.away = None;
            self.next.push_back((
                at + 1,
                format!("look, {name} is back, and has all that was said meanwhile"),
            ));
            self.due = Instant::now() + PAUSE;
        }
        is_it
    }

    /// The next line, and whose it is.
    pub(super) fn next(&mut self) -> Option<(usize, String)> {
        let line = self.next.pop_front().or_else(|| {
            let line = self.chatter.next();
            line.map(|(who, text)| (*who, (*text).to_owned()))
        });
        let length = line.as_ref().map_or(0, |(_, text)| text.len());
        self.due = match (&line, self.next.is_empty()) {
            (None, _) => far(),
            (Some(_), true) => Instant::now() + IDLE,
            (Some(_), false) => {
                let length = u32::try_from(length).unwrap_or_default();
                Instant::now() + PAUSE + PER_CHARACTER * length
            }
        };
        line
    }
}

/// Not before somebody does something.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(365 * 24 * 60 * 60)
}
