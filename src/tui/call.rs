//! Calling a person whose eyes are elsewhere: when, and with which bytes.

use super::app::{App, Errand};
use super::wrap::fit;
use crate::config::{Level, Way};
use crate::proto::time::Now;
use crate::sanitize;

/// Who pressed a key so lately looks at the screen, where the terminal does not tell.
const LOOKING_MS: u64 = 60_000;
/// Columns of a message to the desktop.
const BODY_WIDTH: u16 = 160;

impl App {
    /// The terminal has the person's eyes, or has lost them.
    pub fn focus(&mut self, is_here: bool) {
        self.focused = Some(is_here);
    }

    /// Whether the person sees what comes in the active window.
    fn is_looking(&self, now: Now) -> bool {
        self.focused
            .unwrap_or(now.mono.0.saturating_sub(self.pressed.0) < LOOKING_MS)
    }

    /// A line of somebody else came: calls the person, if they want to be and do not see it anyway.
    pub(crate) fn consider_calling(&mut self, now: Now, index: usize, body: String, mention: bool) {
        let window = &self.windows[index];
        let level = window
            .group()
            .map(|group| self.choices.options().level(group));
        let is_meant = match level {
            Some(Level::All) => true,
            Some(Level::Mentions) => mention,
            Some(Level::None) | None => false,
        };
        if !is_meant || index == self.active && self.is_looking(now) && self.away.is_none() {
            return;
        }
        if let Some(away) = &mut self.away {
            away.calls += 1;
            return;
        }
        let title = window.name();
        self.errands.push_back(Errand::Call { title, body });
    }
}

/// The bytes that call a person on this terminal; none if that is how they want it.
pub(crate) fn bytes(
    way: Way,
    title: &str,
    body: &str,
    env: impl Fn(&str) -> Option<String>,
) -> String {
    let clean = |text: &str| sanitize::line(text).replace(|c: char| c.is_control(), " ");
    let title = clean(title).replace(';', ",");
    let body = fit(&clean(body), BODY_WIDTH, "..");
    match if way == Way::Auto { best(env) } else { way } {
        Way::None => String::new(),
        Way::Auto | Way::Bell => "\x07".to_owned(),
        Way::Osc9 => format!("\x1b]9;{title}: {body}\x1b\\"),
        Way::Osc777 => format!("\x1b]777;notify;{title};{body}\x1b\\"),
    }
}

/// What this terminal is known to understand. A multiplexer passes on the bell alone.
fn best(env: impl Fn(&str) -> Option<String>) -> Way {
    let is = |name: &str, known: &[&str]| {
        env(name).is_some_and(|value| known.iter().any(|known| value.starts_with(known)))
    };
    if env("TMUX").is_some() || is("TERM", &["screen", "tmux"]) {
        Way::Bell
    } else if is("TERM", &["foot", "rxvt-unicode", "xterm-ghostty"])
        || is("TERM_PROGRAM", &["WezTerm", "ghostty"])
    {
        Way::Osc777
    } else if is("TERM", &["xterm-kitty"]) || is("TERM_PROGRAM", &["iTerm.app", "rio"]) {
        Way::Osc9
    } else {
        Way::Bell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(way: Way, env: &[(&str, &str)]) -> String {
        bytes(way, "#a;b", "bob: a\u{1b}]0;x\u{7}\nb", |name| {
            let set = env.iter().find(|(known, _)| *known == name);
            set.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_of_the_corpus_gets_out_of_a_call() {
        let texts = include_str!("../../tests/screens/corpus/text.txt");
        for text in texts.lines().map(|line| line.split('\t').next().unwrap()) {
            let text: String = serde_json::from_str(text).unwrap_or_default();
            for (way, begin, end) in [
                (Way::Osc9, "\x1b]9;", "\x1b\\"),
                (Way::Osc777, "\x1b]777;notify;", "\x1b\\"),
            ] {
                let called = bytes(way, &text, &text, |_| None);
                let inner = called.strip_prefix(begin).unwrap();
                let inner = inner.strip_suffix(end).unwrap();
                let acts = |c: char| {
                    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
                };
                assert!(!inner.contains(acts), "{inner:?}");
            }
        }
    }

    #[test]
    fn a_call_is_what_the_terminal_understands_and_carries_nothing_hostile() {
        for (way, env, expected) in [
            (Way::Auto, &[("TERM", "xterm-256color")][..], "\x07"),
            (Way::Auto, &[("TERM", "foot")], "\x1b]777;notify;#a,b;"),
            (Way::Auto, &[("TERM", "xterm-kitty")], "\x1b]9;#a,b: bob"),
            (
                Way::Auto,
                &[("TERM", "tmux-256color"), ("TERM_PROGRAM", "WezTerm")],
                "\x07",
            ),
            (Way::Osc9, &[], "\x1b]9;#a,b: bob"),
            (Way::None, &[("TERM", "foot")], ""),
        ] {
            let called = called(way, env);
            assert!(called.starts_with(expected), "{called:?}");
            let inner = called
                .trim_start_matches('\x1b')
                .trim_end_matches("\x1b\\")
                .trim_matches('\x07');
            assert!(!inner.contains(['\x1b', '\x07', '\n']), "{called:?}");
        }
        assert_eq!(called(Way::None, &[]), "");
    }
}
