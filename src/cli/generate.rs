//! What a package brings beside the binary: the manual page and the completions, made from the command line's own
//! definition, so that they cannot say anything else.

use clap::{Command, ValueEnum};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// What can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Generated {
    Man,
    Bash,
    Zsh,
    Fish,
}

impl Generated {
    pub(super) fn text(self, command: &mut Command) -> String {
        let mut out = Vec::new();
        let shell = match self {
            Self::Man => return manual(command),
            Self::Bash => Shell::Bash,
            Self::Zsh => Shell::Zsh,
            Self::Fish => Shell::Fish,
        };
        generate(shell, command, "fireside", &mut out);
        text(out)
    }
}

/// What a manual page has and a help text has not.
const SECTIONS: [(&str, &[(&str, &str)]); 3] = [
    (
        "FILES",
        &[
            (
                "~/.config/fireside/config.toml",
                "Every option has its key there: the option's name without its dashes. The command line comes first.",
            ),
            (
                "~/.local/state/fireside/",
                "The key, which is the identity, and the history. Whoever has this directory is this person.",
            ),
            (
                "/etc/fireside/supernode.toml, /etc/fireside/directory.toml",
                "The settings of the services fireside-supernode and fireside-directory.",
            ),
        ],
    ),
    (
        "SIGNALS",
        &[
            (
                "SIGTERM, SIGINT",
                "Hand over what is kept here to others, and end. A second one ends a chat at once.",
            ),
            (
                "SIGHUP",
                "A server reads its settings again: allow-nodes, allow-clients, bootstrap and log are in force at once, \
                 and for the others it says that they wait for a restart. A chat ends.",
            ),
        ],
    ),
    (
        "EXIT STATUS",
        &[
            ("0", "All went well."),
            (
                "1",
                "Something failed; one line on standard error says what, why, and what to try.",
            ),
            ("2", "The command line makes no sense."),
        ],
    ),
];

fn manual(command: &mut Command) -> String {
    command.build();
    let man = Man::new(command.clone()).manual("fireside");
    let mut out = Vec::new();
    let sections = [
        Man::render_title,
        Man::render_name_section,
        Man::render_synopsis_section,
        Man::render_description_section,
        Man::render_options_section,
    ];
    for section in sections {
        section(&man, &mut out).expect("memory takes everything");
    }
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let usage = verb.clone().render_usage().to_string();
        let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
        let about = verb.get_about().map(ToString::to_string);
        entry(&mut roff, usage, &about.unwrap_or_default());
    }
    for (title, entries) in SECTIONS {
        roff.control("SH", [title]);
        for (what, words) in entries {
            entry(&mut roff, what, words);
        }
    }
    roff.to_writer(&mut out).expect("memory takes everything");
    man.render_extra_section(&mut out)
        .expect("memory takes everything");
    text(out)
}

fn entry(roff: &mut Roff, what: &str, words: &str) {
    roff.control("TP", []);
    roff.text([bold(what)]);
    roff.text([roman(words)]);
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("what is generated from text is text")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_manual_tells_every_option_and_command() {
        let page = Generated::Man.text(&mut Cli::command());
        let page = page.replace("\\-", "-");
        let mut command = Cli::command();
        command.build();
        for option in command.get_opts().filter(|option| !option.is_hide_set()) {
            let name = option.get_long().unwrap();
            assert!(page.contains(&format!("--{name}")), "{name}");
        }
        for verb in command.get_subcommands() {
            let name = verb.get_name();
            assert!(page.contains(&format!("fireside {name}")), "{name}");
        }
        for section in [
            "NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "FILES", "SIGNALS",
        ] {
            assert!(
                page.contains(&format!(".SH {section}")),
                "{section}\n{page}"
            );
        }
        assert!(page.contains(".SH \"EXIT STATUS\""), "{page}");
    }

    #[test]
    fn every_shell_completes_the_options() {
        for shell in [Generated::Bash, Generated::Zsh, Generated::Fish] {
            let script = shell.text(&mut Cli::command());
            for word in ["bootstrap", "supernode", "ring", "table"] {
                assert!(script.contains(word), "{shell:?} does not know {word}");
            }
        }
    }
}
