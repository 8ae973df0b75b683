//! Tab: what the word before the cursor may become, one after the other.

use crate::slash::SPECS;

/// What can be completed to.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Who spoke last comes first.
    pub(crate) nicks: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) themes: Vec<String>,
}

/// A completion under way.
#[derive(Debug)]
pub(crate) struct Cycle {
    /// Where the word begins, in bytes.
    pub(crate) from: usize,
    pub(crate) choices: Vec<String>,
    pub(crate) at: usize,
    /// What follows the choice.
    pub(crate) tail: &'static str,
}

impl Cycle {
    /// The choices for the word before the cursor; nothing if there are none.
    pub(crate) fn begin(text: &str, cursor: usize, known: &Known) -> Option<Self> {
        let head = &text[..cursor];
        let from = head.rfind(char::is_whitespace).map_or(0, |at| {
            at + head[at..].chars().next().map_or(1, char::len_utf8)
        });
        let word = head[from..].to_lowercase();
        let command = head
            .strip_prefix('/')
            .and_then(|rest| rest.split_whitespace().next());
        let (candidates, tail): (Vec<String>, _) = match command {
            Some(_) | None if from == 0 && word.starts_with('/') => (
                SPECS.iter().map(|spec| format!("/{}", spec.name)).collect(),
                " ",
            ),
            Some("theme") => (known.themes.clone(), ""),
            Some("help" | "h" | "?") => {
                (SPECS.iter().map(|spec| spec.name.to_owned()).collect(), "")
            }
            Some("win" | "window" | "buffer" | "b" | "switch") => (known.groups.clone(), ""),
            Some("join" | "j" | "part" | "p" | "msg" | "m" | "names" | "n") if word.is_empty() => {
                (known.groups.clone(), " ")
            }
            Some(_) | None if word.starts_with('#') => (known.groups.clone(), " "),
            Some(_) => (known.nicks.clone(), " "),
            None if from == 0 => (known.nicks.clone(), ": "),
            None => (known.nicks.clone(), " "),
        };
        let bare = word.trim_start_matches('@');
        let choices: Vec<String> = candidates
            .into_iter()
            .filter(|choice| {
                let choice = choice.to_lowercase();
                choice.starts_with(bare) || choice.trim_start_matches('#').starts_with(bare)
            })
            .collect();
        (!choices.is_empty()).then_some(Self {
            from,
            choices,
            at: 0,
            tail,
        })
    }

    /// What stands at the cursor now.
    pub(crate) fn choice(&self) -> String {
        let choice = self.choices.get(self.at).map_or("", String::as_str);
        format!("{choice}{}", self.tail)
    }

    /// Goes on to the next or the previous choice.
    pub(crate) fn turn(&mut self, back: bool) {
        let count = self.choices.len();
        self.at = if back {
            (self.at + count - 1) % count
        } else {
            (self.at + 1) % count
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(text: &str) -> Option<String> {
        let known = Known {
            nicks: vec!["anton".to_owned(), "anna".to_owned(), "Bob".to_owned()],
            groups: vec!["#hearth".to_owned(), "#erlang".to_owned()],
            themes: vec!["ember".to_owned(), "ash".to_owned()],
        };
        let cycle = Cycle::begin(text, text.len(), &known)?;
        Some(format!("{}{}", &text[..cycle.from], cycle.choice()))
    }

    #[test]
    fn a_word_becomes_what_it_stands_for() {
        for (text, expected) in [
            ("an", Some("anton: ")),
            ("bo", Some("Bob: ")),
            ("hello an", Some("hello anton ")),
            ("/jo", Some("/join ")),
            ("/part #he", Some("/part #hearth ")),
            ("/part he", None),
            ("see #er", Some("see #erlang ")),
            ("/theme a", Some("/theme ash")),
            ("/help to", Some("/help topic")),
            ("/win er", Some("/win #erlang")),
            ("zzz", None),
        ] {
            assert_eq!(completed(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn tab_goes_round_both_ways() {
        let known = Known {
            nicks: vec!["anton".to_owned(), "anna".to_owned()],
            ..Known::default()
        };
        let mut cycle = Cycle::begin("an", 2, &known).unwrap();
        cycle.turn(false);
        assert_eq!(cycle.choice(), "anna: ");
        cycle.turn(false);
        assert_eq!(cycle.choice(), "anton: ");
        cycle.turn(true);
        assert_eq!(cycle.choice(), "anna: ");
    }
}
