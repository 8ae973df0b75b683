//! What a package brings beside the binary: the manual page and the completions, made from the command line's own
//! definition, so that they cannot say anything else.

use clap::{Command, ValueEnum};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::config::{Kind, OPTIONS};

/// What can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Generated {
    /// fireside(1)
    Man,
    /// fireside.toml(5)
    ManToml,
    Bash,
    Zsh,
    Fish,
}

impl Generated {
    pub(super) fn text(self, command: &mut Command) -> String {
        let mut out = Vec::new();
        let shell = match self {
            Self::Man => return manual(command),
            Self::ManToml => return manual_of_file(),
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
    // What is too seldom wanted for a short help is told here.
    let whole = command.clone().mut_args(|arg| arg.hide_short_help(false));
    let man = Man::new(whole).manual("fireside");
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
    see_also(&mut roff, "fireside.toml(5)");
    roff.to_writer(&mut out).expect("memory takes everything");
    man.render_extra_section(&mut out)
        .expect("memory takes everything");
    text(out)
}

/// Tables of the file, what is in them, and the command that writes them.
const TABLES: [(&str, &str); 4] = [
    (
        "[alias]",
        "Commands of your own: wave = \"/me waves at $1\". /alias writes it.",
    ),
    (
        "[bind]",
        "What keys do: \"ctrl-x w\" = \"/wave\", \"alt-o\" = \"links\", \"f5\" = \"none\". /bind writes it, F1 tells the names.",
    ),
    (
        "[ignore]",
        "Whose lines are hidden: their keys, and what they were called then. /ignore writes it.",
    ),
    (
        "[notify-in]",
        "Which lines of a group call you: \"#hearth\" = \"all\". /notify and /mute write it.",
    ),
];

const EXAMPLE: &str = r##"nick = "anna"
join = ["#hearth", "#erlang"]
theme-light = "solar"   # otherwise ash
highlight = ["kettle", "/wood(en)?/"]

[notify-in]
"#erlang" = "mentions"

[alias]
wave = "/me waves at $1"
"##;

/// The manual of the configuration, made from the table that `/set` knows.
fn manual_of_file() -> String {
    let mut roff = Roff::new();
    roff.control("TH", ["fireside.toml", "5", "", "fireside", ""]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(
        "fireside.toml, config.toml - what fireside(1) is told by a file",
    )]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "A chat reads ~/.config/fireside/config.toml, a service /etc/fireside/supernode.toml or directory.toml, and \
         --config names another file. It is TOML; no file is needed, and none is made until something is chosen. The \
         command line comes before the file. In the chat /set tells and changes all that is here, and leaves the \
         comments where they were; what is marked as seen at once holds while it runs, also after /reload, and the \
         rest from the next start.",
    )]);
    roff.control("SH", ["OPTIONS"]);
    for option in OPTIONS {
        let values = match option.kind {
            Kind::Text => "a text".to_owned(),
            Kind::Word(words) => words.join(", "),
            Kind::Truth => "true or false".to_owned(),
            Kind::Number => "a number".to_owned(),
            Kind::List => "a list of texts".to_owned(),
        };
        let usual = match (option.usual, option.live) {
            ("", _) => String::new(),
            (usual, _) => format!(" Usually {usual:?}."),
        };
        let seen = if option.live { " Seen at once." } else { "" };
        let help = option.help;
        entry(
            &mut roff,
            option.key,
            &format!("{help} ({values}).{usual}{seen}"),
        );
    }
    roff.control("SH", ["TABLES"]);
    for (table, words) in TABLES {
        entry(&mut roff, table, words);
    }
    roff.control("SH", ["THEMES"]);
    roff.text([roman(
        "A file NAME.toml in themes/ beside the configuration is a theme of that name. inherits = \"ember\" takes all \
         from another one that is not said here; in [style] each key is a role (text, dim, accent, self, mention, \
         host, link, and so on), and its value a colour, bold, italic or underline as wanted, and on with another \
         colour: \"#211c17 bold on #ebe3d4\". Colours are #rrggbb, a name of the terminal's 16, or a number to 255. \
         It is read again when it is written.",
    )]);
    roff.control("SH", ["EXAMPLE"]);
    roff.control("EX", []);
    roff.text([roman(EXAMPLE)]);
    roff.control("EE", []);
    see_also(&mut roff, "fireside(1)");
    let mut out = Vec::new();
    roff.to_writer(&mut out).expect("memory takes everything");
    text(out)
}

fn see_also(roff: &mut Roff, page: &str) {
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(page)]);
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
        for option in command.get_opts().filter(|option| !option.is_hide_set()) {
            let (name, help) = (
                option.get_long().unwrap(),
                option.get_help().map(ToString::to_string),
            );
            let first = help.unwrap_or_default();
            let first = first
                .split([',', '(', ';', ':', '[', '\''])
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned();
            assert!(
                !first.is_empty() && page.contains(&first),
                "{name}: {first}"
            );
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
    fn the_manual_of_the_file_tells_every_option_and_table_and_its_example_is_one() {
        let page = Generated::ManToml.text(&mut Cli::command());
        let page = page.replace("\\-", "-");
        for option in OPTIONS {
            assert!(
                page.contains(&format!("\\fB{}", option.key)),
                "{}",
                option.key
            );
        }
        for (table, _) in TABLES {
            assert!(page.contains(&format!("\\fB{table}")), "{table}");
        }
        let example: toml::Table = toml::from_str(EXAMPLE).unwrap();
        for (key, value) in &example {
            let is_option = OPTIONS.iter().any(|option| option.key == key);
            assert_ne!(is_option, value.is_table(), "{key}");
        }
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
