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
    Invite,
    Accept,
    Part,
    Nick,
    Act,
    Msg,
    Query,
    Whois,
    Verify,
    Say,
    Topic,
    Op,
    Deop,
    Kick,
    Ban,
    Unban,
    Bans,
    Feed,
    Mode,
    Names,
    Host,
    Ring,
    Net,
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
    Set,
    Unset,
    Toggle,
    Alias,
    Unalias,
    Bind,
    Unbind,
    Ignore,
    Unignore,
    Notify,
    Mute,
    Highlight,
    Dehighlight,
    Away,
    Back,
    Save,
    Reload,
    Palette,
    Version,
    Quit,
}

/// Every command, in the order in which help tells them.
pub const SPECS: &[Spec] = &[
    spec(
        "join",
        &["j"],
        "#group[,...] | link",
        "come into a group; it is created if nobody has it",
        Verb::Join,
    ),
    spec(
        "invite",
        &[],
        "[nick | key | -qr]",
        "make a link that leads others here, or send it to somebody",
        Verb::Invite,
    ),
    spec(
        "accept",
        &[],
        "",
        "come into the group you were invited to last",
        Verb::Accept,
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
        "#group|nick|key text",
        "say it in another group, or in private",
        Verb::Msg,
    ),
    spec(
        "query",
        &["dm"],
        "nick|key [text]",
        "talk in private, end to end; /close ends it",
        Verb::Query,
    ),
    spec(
        "whois",
        &["wi", "wii", "whereis"],
        "[nick|key]",
        "tell who somebody is, where, and how reached",
        Verb::Whois,
    ),
    spec(
        "verify",
        &[],
        "nick|key [yes | no]",
        "compare keys with somebody, and remember it",
        Verb::Verify,
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
        &["n", "who"],
        "[#group]",
        "tell who is here, in join order",
        Verb::Names,
    ),
    spec(
        "host",
        &["heirs", "fire"],
        "[#group]",
        "tell who keeps the group and who is next",
        Verb::Host,
    ),
    spec(
        "ring",
        &["map", "links"],
        "[#group]",
        "tell where a group is on the ring",
        Verb::Ring,
    ),
    spec(
        "net",
        &["network", "table"],
        "",
        "tell the network's nodes and how they are",
        Verb::Net,
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
        "[number | name | list]",
        "go to another window; alone: choose one",
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
        "bans",
        &["banlist"],
        "[#group]",
        "tell who was put out for good, by whom, and when",
        Verb::Bans,
    ),
    spec(
        "feed",
        &[],
        "[on | off]",
        "let only the founder and operators write, or tell who may",
        Verb::Feed,
    ),
    spec(
        "mode",
        &[],
        "[+t | -t | +m | -m]",
        "let only operators set the topic (t) or speak (m)",
        Verb::Mode,
    ),
    spec(
        "ignore",
        &[],
        "[nick | key | dm] [for 1h]",
        "hide what somebody says, or strangers (dm), or tell who",
        Verb::Ignore,
    ),
    spec(
        "unignore",
        &[],
        "nick | key | dm",
        "hear somebody again",
        Verb::Unignore,
    ),
    spec(
        "notify",
        &[],
        "[#group | *] all | mentions | none",
        "which lines call you, here or elsewhere (*)",
        Verb::Notify,
    ),
    spec(
        "mute",
        &[],
        "[#group]",
        "let nothing in a group call you",
        Verb::Mute,
    ),
    spec(
        "highlight",
        &["hilight", "hl"],
        "[word | /regex/]",
        "count a word as a mention, or tell which do",
        Verb::Highlight,
    ),
    spec(
        "dehighlight",
        &["dehilight", "dhl"],
        "word | /regex/",
        "count it no more",
        Verb::Dehighlight,
    ),
    spec(
        "away",
        &[],
        "[reason]",
        "be called by nothing until /back; others see it",
        Verb::Away,
    ),
    spec(
        "back",
        &[],
        "",
        "be here again, and hear what called you",
        Verb::Back,
    ),
    spec(
        "set",
        &["fset"],
        "[option [value]]",
        "tell options, or choose; kept at once",
        Verb::Set,
    ),
    spec(
        "unset",
        &["reset"],
        "option",
        "set an option back to its usual value",
        Verb::Unset,
    ),
    spec(
        "toggle",
        &[],
        "option",
        "turn an option to its next value",
        Verb::Toggle,
    ),
    spec(
        "alias",
        &[],
        "[name [command]]",
        "a command of your own: /alias wave /me waves at $1",
        Verb::Alias,
    ),
    spec("unalias", &[], "name", "forget one", Verb::Unalias),
    spec(
        "bind",
        &["key"],
        "[key [action | /command]]",
        "tell what keys do, or let one do something else",
        Verb::Bind,
    ),
    spec(
        "unbind",
        &[],
        "key",
        "let a key do what it usually does",
        Verb::Unbind,
    ),
    spec(
        "theme",
        &[],
        "[name]",
        "tell the themes, or switch to one",
        Verb::Theme,
    ),
    spec(
        "save",
        &[],
        "",
        "tell where what you chose is kept",
        Verb::Save,
    ),
    spec(
        "reload",
        &["rehash"],
        "",
        "read the configuration again",
        Verb::Reload,
    ),
    spec(
        "palette",
        &["commands"],
        "",
        "find a command, a key or an option (F1)",
        Verb::Palette,
    ),
    spec(
        "help",
        &["h", "?"],
        "[command | option]",
        "tell what can be typed, or about one thing",
        Verb::Help,
    ),
    spec(
        "version",
        &["ver"],
        "",
        "tell which fireside this is",
        Verb::Version,
    ),
    spec(
        "quit",
        &["exit", "bye", "signoff"],
        "[reason]",
        "hand over what you keep, then end",
        Verb::Quit,
    ),
];

impl Spec {
    /// Whether only a face with a screen can do it.
    #[must_use]
    pub fn is_for_screen(&self) -> bool {
        matches!(
            self.verb,
            Verb::Theme | Verb::Clear | Verb::Bind | Verb::Unbind | Verb::Palette
        )
    }
}

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
        "/quit ends it, /query opens a talk",
    ),
    (
        &["notice", "reply", "r", "whisper"],
        "it has another name here",
        "/query NICK talks in private, /msg NICK says a line",
    ),
    (
        &["whowas", "w"],
        "it has other names here",
        "/names tells who is in the group, /whois who somebody is",
    ),
    (
        &[
            "voice", "devoice", "umode", "quiet", "unquiet", "halfop", "owner",
        ],
        "here are only the founder, operators and members",
        "/op, /kick, /ban and /mode are what those may do",
    ),
    (
        &["list", "knock"],
        "groups are neither listed nor closed here",
        "/join a group by its name, or by the link that /invite makes",
    ),
    (
        &["dcc", "send"],
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
            "stats",
            "motd",
            "admin",
            "lusers",
            "wallops",
            "die",
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
    let names = SPECS
        .iter()
        .flat_map(|spec| std::iter::once(spec.name).chain(spec.aliases.iter().copied()));
    let try_ = match nearest(name, names) {
        Some(near) => format!("did you mean /{near}?"),
        None => "/help tells what there is".to_owned(),
    };
    refused(&what, "there is no such command", &try_)
}

/// The candidate that somebody meant who mistyped one, if any is near enough.
#[must_use]
pub fn nearest<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .filter(|candidate| candidate.len() > 1)
        .map(|candidate| (distance(typed, candidate), candidate))
        .min()
        .filter(|(steps, candidate)| *steps <= 2 && *steps < candidate.chars().count())
        .map(|(_, candidate)| candidate)
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
            ("top", "topic"),
            ("whereis", "whois"),
            ("fire", "host"),
            ("who", "names"),
            ("bans", "bans"),
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
            (
                "/whowas",
                "/names tells who is in the group, /whois who somebody is",
            ),
            ("/voice", "/op, /kick, /ban and /mode are what those may do"),
            ("/quote", "/help tells what can be typed"),
        ] {
            assert_eq!(find(&typed[1..]).unwrap_err().try_, hint, "{typed}");
        }
    }
}
