//! The table of commands: names, aliases, syntax, one line of help; and which one a typed name means.

use super::{Refused, refused};

/// One command as people know it; the table drives reading, completion and help.
#[derive(Debug, PartialEq, Eq)]
pub struct Spec {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// What follows the name.
    pub syntax: &'static str,
    pub help: &'static str,
    pub(super) verb: Verb,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Join,
    Part,
    Nick,
    Act,
    Msg,
    Say,
    Topic,
    Op,
    Deop,
    Kick,
    Ban,
    Unban,
    Mode,
    Names,
    Path,
    Ping,
    Resend,
    Drop,
    Help,
    Theme,
    Search,
    Lastlog,
    Mentions,
    Goto,
    Window,
    Close,
    Clear,
    Quit,
}

/// Every command, in the order in which help tells them.
pub const SPECS: &[Spec] = &[
    spec(
        "join",
        &["j"],
        "#group[,#group...]",
        "come into a group; it is created if nobody has it",
        Verb::Join,
    ),
    spec(
        "part",
        &["leave", "p"],
        "[#group] [reason]",
        "leave a group; whoever is next keeps it",
        Verb::Part,
    ),
    spec(
        "msg",
        &["m"],
        "#group text",
        "say something in another group",
        Verb::Msg,
    ),
    spec(
        "me",
        &["action"],
        "text",
        "tell what you do: /me lights a candle",
        Verb::Act,
    ),
    spec(
        "say",
        &[],
        "text",
        "say a line, whatever it begins with",
        Verb::Say,
    ),
    spec(
        "nick",
        &[],
        "name",
        "go by another name, everywhere",
        Verb::Nick,
    ),
    spec(
        "topic",
        &["t"],
        "[text | -delete]",
        "set the group's topic, or remove it",
        Verb::Topic,
    ),
    spec(
        "names",
        &["n"],
        "[#group]",
        "tell who is here, in join order",
        Verb::Names,
    ),
    spec(
        "path",
        &[],
        "[nick]",
        "tell how your packets reach the host, or somebody, and why",
        Verb::Path,
    ),
    spec(
        "ping",
        &[],
        "[nick]",
        "ask the host, or somebody, to answer on every path",
        Verb::Ping,
    ),
    spec(
        "resend",
        &["retry"],
        "[number | all]",
        "say a line again that was not sent",
        Verb::Resend,
    ),
    spec(
        "drop",
        &[],
        "[number | all]",
        "forget one, or take back one that still waits",
        Verb::Drop,
    ),
    spec(
        "search",
        &["grep"],
        super::query::SYNTAX,
        "find it anywhere: word, begin*, -not, \"a phrase\"",
        Verb::Search,
    ),
    spec(
        "lastlog",
        &["last"],
        "words | /regex/",
        "find it in this group alone",
        Verb::Lastlog,
    ),
    spec(
        "mentions",
        &["highlights"],
        "",
        "tell what others said to you, anywhere",
        Verb::Mentions,
    ),
    spec(
        "goto",
        &["sb", "scrollback"],
        "yesterday | 14:30 | 2026-11-02 | 2h",
        "read the log from there; Esc returns",
        Verb::Goto,
    ),
    spec(
        "win",
        &["window", "buffer", "b", "switch"],
        "number | name",
        "go to another window",
        Verb::Window,
    ),
    spec(
        "close",
        &["wc", "unquery"],
        "",
        "close this window; a group is left",
        Verb::Close,
    ),
    spec(
        "clear",
        &["c"],
        "",
        "empty the view; nothing is forgotten",
        Verb::Clear,
    ),
    spec(
        "op",
        &[],
        "nick",
        "name an operator, as the founder",
        Verb::Op,
    ),
    spec(
        "deop",
        &[],
        "nick",
        "make an operator a member like others",
        Verb::Deop,
    ),
    spec(
        "kick",
        &["k"],
        "nick [reason]",
        "put a member out; it may come back",
        Verb::Kick,
    ),
    spec(
        "ban",
        &["kickban", "kb"],
        "nick | key",
        "put somebody out for good",
        Verb::Ban,
    ),
    spec(
        "unban",
        &["ub"],
        "nick | key",
        "let somebody come in again",
        Verb::Unban,
    ),
    spec(
        "mode",
        &[],
        "+t | -t | +m | -m",
        "let only operators set the topic (t) or speak (m)",
        Verb::Mode,
    ),
    spec(
        "theme",
        &[],
        "[name]",
        "tell the themes, or switch to one",
        Verb::Theme,
    ),
    spec(
        "help",
        &["h", "?"],
        "[command]",
        "tell what can be typed",
        Verb::Help,
    ),
    spec(
        "quit",
        &["exit", "bye", "signoff"],
        "[reason]",
        "hand over what you keep, then end",
        Verb::Quit,
    ),
];

const fn spec(
    name: &'static str,
    aliases: &'static [&'static str],
    syntax: &'static str,
    help: &'static str,
    verb: Verb,
) -> Spec {
    Spec {
        name,
        aliases,
        syntax,
        help,
        verb,
    }
}

/// What IRC people try that has no meaning here, and what to say to them.
const ELSEWHERE: &[(&[&str], &str, &str)] = &[
    (
        &["q"],
        "it ends the program for some and opens a talk for others",
        "/quit ends it",
    ),
    (
        &["query", "dm", "notice", "reply", "r", "whisper"],
        "private talk is not there yet",
        "talk in a group of two: /join #some-name",
    ),
    (
        &["whois", "who", "whowas", "w", "wi", "wii"],
        "people are not looked up here yet",
        "/names tells who is in the group",
    ),
    (
        &[
            "bans", "voice", "devoice", "umode", "quiet", "unquiet", "halfop", "owner",
        ],
        "here are only the founder, operators and members",
        "/op, /kick, /ban and /mode are what those may do",
    ),
    (
        &["invite", "list", "knock", "accept"],
        "groups are neither listed nor closed here",
        "tell people the group's name: they /join it",
    ),
    (
        &[
            "away",
            "back",
            "ignore",
            "unignore",
            "hilight",
            "highlight",
            "notify",
            "set",
            "bind",
            "alias",
            "dcc",
            "send",
            "version",
        ],
        "that is not there yet",
        "/help tells what is",
    ),
    (
        &[
            "server",
            "connect",
            "disconnect",
            "reconnect",
            "quote",
            "raw",
            "oper",
            "kill",
            "squit",
            "links",
            "map",
            "stats",
            "motd",
            "admin",
            "lusers",
            "wallops",
            "die",
            "rehash",
            "ns",
            "cs",
            "nickserv",
            "chanserv",
        ],
        "there is no server here: the members keep the group themselves",
        "/help tells what can be typed",
    ),
];

/// The command of that name: exact, by alias, or by a beginning that only one has.
///
/// # Errors
/// [`Refused`] with the command that may have been meant.
pub fn find(name: &str) -> Result<&'static Spec, Refused> {
    let name = name.to_lowercase();
    if let Some(spec) = SPECS
        .iter()
        .find(|spec| spec.name == name || spec.aliases.contains(&name.as_str()))
    {
        return Ok(spec);
    }
    if let Some((_, why, try_)) = ELSEWHERE
        .iter()
        .find(|(names, ..)| names.contains(&name.as_str()))
    {
        return Err(refused(&format!("no /{name}"), why, try_));
    }
    let begun: Vec<&Spec> = SPECS
        .iter()
        .filter(|spec| !name.is_empty() && spec.name.starts_with(&name))
        .collect();
    match begun.as_slice() {
        [only] => Ok(only),
        [] => Err(unknown(&name)),
        [_, ..] => {
            let names: Vec<String> = begun.iter().map(|spec| format!("/{}", spec.name)).collect();
            Err(refused(
                &format!("no /{name}"),
                "several commands begin like that",
                &names.join(" or "),
            ))
        }
    }
}

fn unknown(name: &str) -> Refused {
    let what = format!("no /{}", crate::sanitize::name(name));
    let nearest = SPECS
        .iter()
        .flat_map(|spec| std::iter::once(&spec.name).chain(spec.aliases))
        .filter(|candidate| candidate.len() > 1)
        .map(|candidate| (distance(name, candidate), candidate))
        .min();
    match nearest {
        Some((steps, candidate)) if steps <= 2 && steps < candidate.chars().count() => refused(
            &what,
            "there is no such command",
            &format!("did you mean /{candidate}?"),
        ),
        Some(_) | None => refused(
            &what,
            "there is no such command",
            "/help tells what there is",
        ),
    }
}

/// Single-letter edits and swaps between two short words (Damerau's distance, adjacent swaps only).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(32).collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best.min(rows[i - 2][j - 2] + 1)
                } else {
                    best
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_go_by_alias_and_by_a_beginning_only_one_has() {
        for (typed, name) in [
            ("leave", "part"),
            ("exit", "quit"),
            ("BYE", "quit"),
            ("?", "help"),
            ("wc", "close"),
            ("buf", ""),
            ("the", "theme"),
            ("jo", "join"),
            ("to", "topic"),
        ] {
            let found = find(typed).map(|spec| spec.name).unwrap_or_default();
            assert_eq!(found, name, "{typed}");
        }
        let several = find("cl").unwrap_err();
        assert_eq!(several.try_, "/close or /clear");
    }

    #[test]
    fn an_unknown_command_is_never_sent_and_a_near_one_is_named() {
        for (typed, hint) in [
            ("/jion", "did you mean /join?"),
            ("/tpoic", "did you mean /topic?"),
            ("/zzzzzz", "/help tells what there is"),
            ("/", "/help tells what there is"),
            ("/whois", "/names tells who is in the group"),
            ("/voice", "/op, /kick, /ban and /mode are what those may do"),
            ("/quote", "/help tells what can be typed"),
        ] {
            assert_eq!(find(&typed[1..]).unwrap_err().try_, hint, "{typed}");
        }
    }
}
