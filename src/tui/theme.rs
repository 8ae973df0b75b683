//! What things look like: a style for every role, from TOML files built in or beside the configuration.
//!
//! A theme names roles, never places on the screen; a bad line in one is a warning and costs that line only.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use ratatui::style::{Color, Modifier, Style};

use super::codes;
use super::colour::{Depth, contrast, indexed, rgb};
use super::rich::{Ink, Tone};
use crate::config::Options;
use crate::proto::id::NodeId;

/// Themes inside the binary: name and text.
const BUILT_IN: &[(&str, &str)] = &[
    ("ember", include_str!("../../themes/ember.toml")),
    ("ash", include_str!("../../themes/ash.toml")),
    ("solar", include_str!("../../themes/solar.toml")),
    ("frost", include_str!("../../themes/frost.toml")),
    ("contrast", include_str!("../../themes/contrast.toml")),
    ("ansi", include_str!("../../themes/ansi.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
];
/// Themes that inherit from one another, at most; a circle ends here.
const GENERATIONS_MAX: usize = 8;
/// A stranger's colour that is told apart from its ground less than this is not taken.
const READABLE: f64 = 2.5;
/// A theme file larger than this is not a theme.
const FILE_SIZE_MAX: u64 = 64 * 1024;

/// What a piece of the screen means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Text,
    Dim,
    Faint,
    Accent,
    Own,
    Action,
    Mention,
    Error,
    Warn,
    Good,
    Host,
    Heir,
    Direct,
    Relayed,
    Unread,
    Border,
    Title,
    Topic,
    Status,
    Selection,
    /// What was looked for and found.
    Search,
    Link,
    Code,
    Input,
    Prompt,
    Day,
    Background,
}

/// Roles and their names in a file.
const ROLES: &[(Role, &str)] = &[
    (Role::Text, "text"),
    (Role::Dim, "dim"),
    (Role::Faint, "faint"),
    (Role::Accent, "accent"),
    (Role::Own, "self"),
    (Role::Action, "action"),
    (Role::Mention, "mention"),
    (Role::Error, "error"),
    (Role::Warn, "warn"),
    (Role::Good, "ok"),
    (Role::Host, "host"),
    (Role::Heir, "heir"),
    (Role::Direct, "direct"),
    (Role::Relayed, "relayed"),
    (Role::Unread, "unread"),
    (Role::Border, "border"),
    (Role::Title, "title"),
    (Role::Topic, "topic"),
    (Role::Status, "status"),
    (Role::Selection, "selection"),
    (Role::Search, "search"),
    (Role::Link, "link"),
    (Role::Code, "code"),
    (Role::Input, "input"),
    (Role::Prompt, "prompt"),
    (Role::Day, "day"),
    (Role::Background, "background"),
];

/// A style for every role, and colours for nicks.
#[derive(Clone, Debug)]
pub struct Theme {
    pub name: String,
    styles: BTreeMap<Role, Style>,
    nicks: Vec<Color>,
    depth: Depth,
}

impl Theme {
    /// The style of a role, over the background.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        let ground = self
            .styles
            .get(&Role::Background)
            .copied()
            .unwrap_or_default();
        ground.patch(self.styles.get(&role).copied().unwrap_or_default())
    }

    /// The style of a nick: its colour comes from the key, so that taking a name does not take its colour.
    #[must_use]
    pub fn nick(&self, id: &NodeId) -> Style {
        let number = usize::from(id.0[0]) << 8 | usize::from(id.0[1]);
        match self.nicks.get(number % self.nicks.len().max(1)) {
            Some(&colour) => self.style(Role::Text).fg(colour),
            None => self.style(Role::Text),
        }
    }

    /// The style of a stretch of text in a line of some style.
    pub(crate) fn ink(&self, line: Style, ink: Ink) -> Style {
        let style = match ink.tone {
            Tone::Plain => line,
            Tone::Marker | Tone::Hidden => line.patch(foreground(self.style(Role::Dim))),
            Tone::Code => line.patch(self.style(Role::Code)),
            Tone::Link => line.patch(foreground(self.style(Role::Link))),
            Tone::Mention => line.patch(self.style(Role::Mention)),
        };
        self.coded(style, ink).add_modifier(ink.modifier)
    }

    /// A style with the colours that a stranger coded, as far as they can be read here.
    fn coded(&self, style: Style, ink: Ink) -> Style {
        if self.is_colourless() || (ink.fg, ink.bg) == (None, None) {
            return style;
        }
        let ground = style.bg.and_then(rgb);
        let asked = |number: Option<u8>| number.and_then(codes::rgb);
        let is_readable = |fg, bg| contrast(fg, bg) >= READABLE;
        let (fg, bg) = match (asked(ink.fg), asked(ink.bg)) {
            (Some(fg), Some(bg)) if is_readable(fg, bg) => (Some(fg), Some(bg)),
            (Some(fg), _) if ground.is_some_and(|ground| is_readable(fg, ground)) => {
                (Some(fg), None)
            }
            (Some(_) | None, _) => (None, None),
        };
        Style {
            fg: fg.map(|fg| self.depth.reduce(fg)).or(style.fg),
            bg: bg.map(|bg| self.depth.reduce(bg)).or(style.bg),
            ..style
        }
    }

    /// Black or white above black or white, for a `▀`; nothing if there are no colours.
    pub(crate) fn paper(&self, is_upper_black: bool, is_lower_black: bool) -> Option<Style> {
        let ink = |is_black| {
            self.depth
                .reduce(if is_black { (0, 0, 0) } else { (255, 255, 255) })
        };
        let style = Style::new().fg(ink(is_upper_black)).bg(ink(is_lower_black));
        (!self.is_colourless()).then_some(style)
    }

    /// Whether there is no colour in it, as NO_COLOR asks.
    fn is_colourless(&self) -> bool {
        self.nicks.iter().all(|colour| *colour == Color::Reset)
    }
}

/// A style without its ground.
fn foreground(style: Style) -> Style {
    Style { bg: None, ..style }
}

/// Where themes come from.
#[derive(Clone, Debug)]
pub struct Themes {
    dir: Option<PathBuf>,
    depth: Depth,
    /// When a file in `dir` was written last, as far as we have looked.
    written: Option<SystemTime>,
}

impl Themes {
    /// Built-in themes and those in `dir`, for a terminal of that depth.
    #[must_use]
    pub fn new(dir: Option<PathBuf>, depth: Depth) -> Self {
        let mut themes = Self {
            dir,
            depth,
            written: None,
        };
        themes.written = themes.newest();
        themes
    }

    /// All names, built-in ones first.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = BUILT_IN
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let mut users: Vec<String> = self
            .dir
            .iter()
            .filter_map(|dir| std::fs::read_dir(dir).ok())
            .flatten()
            .filter_map(|file| {
                let name = file.ok()?.file_name().into_string().ok()?;
                Some(name.strip_suffix(".toml")?.to_owned())
            })
            .filter(|name| !names.contains(name))
            .collect();
        users.sort();
        names.append(&mut users);
        names
    }

    /// Whether a file of a theme was written since this was asked last.
    pub(crate) fn are_written(&mut self) -> bool {
        let newest = self.newest();
        std::mem::replace(&mut self.written, newest) != newest
    }

    fn newest(&self) -> Option<SystemTime> {
        let files = std::fs::read_dir(self.dir.as_ref()?).ok()?;
        files
            .filter_map(|file| file.ok()?.metadata().ok()?.modified().ok())
            .max()
    }

    /// Reads a theme and those it inherits from. The warnings name the lines that mean nothing.
    ///
    /// # Errors
    /// Why there is no such theme, for a person.
    pub fn load(&self, name: &str) -> Result<(Theme, Vec<String>), String> {
        let mut family = Vec::new();
        let mut warnings = Vec::new();
        let mut next = Some(name.to_owned());
        while let Some(name) = next {
            if family.len() == GENERATIONS_MAX {
                warnings.push(format!("theme {name}: inherits in a circle"));
                break;
            }
            let table: toml::Table = self
                .read(&name)?
                .parse()
                .map_err(|why: toml::de::Error| format!("theme {name}: {}", why.message()))?;
            next = table
                .get("inherits")
                .and_then(|v| v.as_str())
                .map(str::to_owned);
            family.push((name, table));
        }
        let mut theme = Theme {
            name: name.to_owned(),
            styles: BTreeMap::new(),
            nicks: Vec::new(),
            depth: self.depth,
        };
        for (name, table) in family.iter().rev() {
            self.apply(&mut theme, name, table, &mut warnings);
        }
        Ok((theme, warnings))
    }

    /// The theme for somebody who chose none.
    #[must_use]
    pub fn usual<'a>(&self, no_color: bool, is_light: bool, options: &'a Options) -> &'a str {
        match self.depth {
            _ if no_color => "mono",
            Depth::True | Depth::Indexed if is_light => &options.theme_light,
            Depth::True | Depth::Indexed => &options.theme_dark,
            Depth::Sixteen => "ansi",
        }
    }

    fn read(&self, name: &str) -> Result<String, String> {
        let plain = !name.is_empty() && !name.contains(['/', '\\', '.']);
        if let Some(dir) = self.dir.as_ref().filter(|_| plain) {
            let path = dir.join(format!("{name}.toml"));
            match std::fs::metadata(&path) {
                Ok(file) if file.len() <= FILE_SIZE_MAX => {
                    return std::fs::read_to_string(&path)
                        .map_err(|why| format!("theme {name}: {why}"));
                }
                Ok(_) => return Err(format!("theme {name}: the file is too large")),
                Err(_) => {}
            }
        }
        BUILT_IN
            .iter()
            .find(|(built_in, _)| *built_in == name)
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| format!("there is no theme {}", crate::sanitize::name(name)))
    }

    fn apply(
        &self,
        theme: &mut Theme,
        name: &str,
        table: &toml::Table,
        warnings: &mut Vec<String>,
    ) {
        for key in table.keys() {
            if !["inherits", "style", "nicks"].contains(&key.as_str()) {
                warnings.push(format!("theme {name}: {key} means nothing"));
            }
        }
        for (key, value) in table
            .get("style")
            .and_then(|v| v.as_table())
            .into_iter()
            .flatten()
        {
            let role = ROLES
                .iter()
                .find(|(_, known)| known == key)
                .map(|(role, _)| *role);
            let style = value.as_str().and_then(|text| self.read_style(text));
            match (role, style) {
                (Some(role), Some(style)) => {
                    theme.styles.insert(role, style);
                }
                (Some(_), None) => {
                    warnings.push(format!("theme {name}: {key} = {value} is no style"))
                }
                (None, _) => warnings.push(format!("theme {name}: there is no role {key}")),
            }
        }
        let Some(nicks) = table
            .get("nicks")
            .and_then(|v| v.get("colours"))
            .and_then(|v| v.as_array())
        else {
            return;
        };
        let colours: Vec<Option<Color>> = nicks
            .iter()
            .map(|colour| colour.as_str().and_then(|word| self.read_colour(word)))
            .collect();
        if colours.iter().any(Option::is_none) {
            warnings.push(format!("theme {name}: a colour of nicks is none"));
        }
        theme.nicks = colours.into_iter().flatten().collect();
    }

    /// Reads `[colour] [on colour] [attribute]...`.
    fn read_style(&self, text: &str) -> Option<Style> {
        let mut style = Style::new();
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            style = match word {
                "on" => style.bg(self.read_colour(words.next()?)?),
                "bold" => style.add_modifier(Modifier::BOLD),
                "dim" => style.add_modifier(Modifier::DIM),
                "italic" => style.add_modifier(Modifier::ITALIC),
                "underline" => style.add_modifier(Modifier::UNDERLINED),
                "reverse" => style.add_modifier(Modifier::REVERSED),
                colour => style.fg(self.read_colour(colour)?),
            };
        }
        Some(style)
    }

    /// One of the 256, or the nearest the terminal has.
    fn indexed(&self, index: u8) -> Color {
        match self.depth {
            Depth::True | Depth::Indexed => Color::Indexed(index),
            Depth::Sixteen => self.depth.reduce(indexed(index)),
        }
    }

    fn read_colour(&self, word: &str) -> Option<Color> {
        if let Some(hex) = word.strip_prefix('#') {
            if hex.len() != 6 {
                return None;
            }
            let number = u32::from_str_radix(hex, 16).ok()?;
            let [_, r, g, b] = number.to_be_bytes();
            return Some(self.depth.reduce((r, g, b)));
        }
        if let Ok(index) = word.parse() {
            return Some(self.indexed(index));
        }
        Some(match word {
            "default" => Color::Reset,
            "black" => Color::Black,
            "red" => Color::Red,
            "green" => Color::Green,
            "yellow" => Color::Yellow,
            "blue" => Color::Blue,
            "magenta" => Color::Magenta,
            "cyan" => Color::Cyan,
            "gray" => Color::Gray,
            "dark-gray" => Color::DarkGray,
            "light-red" => Color::LightRed,
            "light-green" => Color::LightGreen,
            "light-yellow" => Color::LightYellow,
            "light-blue" => Color::LightBlue,
            "light-magenta" => Color::LightMagenta,
            "light-cyan" => Color::LightCyan,
            "white" => Color::White,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_theme_styles_every_role_without_a_warning() {
        let themes = Themes::new(None, Depth::True);
        for name in themes.names() {
            let (theme, warnings) = themes.load(&name).unwrap();
            assert_eq!(warnings, Vec::<String>::new(), "{name}");
            assert_eq!(theme.styles.len(), ROLES.len(), "{name}");
            assert!(!theme.nicks.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_bad_line_in_a_theme_costs_that_line_only() {
        let dir = tempfile::tempdir().unwrap();
        let text = "inherits = \"ember\"\nwhat = 1\n[style]\ntext = \"#ffffff\"\ndim = \"mauve\"\nglow = \"red\"\n";
        std::fs::write(dir.path().join("mine.toml"), text).unwrap();
        let themes = Themes::new(Some(dir.path().to_owned()), Depth::True);
        let (theme, warnings) = themes.load("mine").unwrap();
        assert_eq!(theme.style(Role::Text).fg, Some(Color::Rgb(255, 255, 255)));
        assert_eq!(
            theme.style(Role::Dim).fg,
            Some(Color::Rgb(0x9d, 0x92, 0x82))
        );
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(themes.names().contains(&"mine".to_owned()));
    }

    #[test]
    fn a_theme_that_is_not_there_or_inherits_itself_is_said_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("loop.toml"), "inherits = \"loop\"").unwrap();
        let themes = Themes::new(Some(dir.path().to_owned()), Depth::True);
        assert_eq!(themes.load("loop").unwrap().1.len(), 1);
        assert!(themes.load("nowhere").is_err());
        assert!(themes.load("../loop").is_err());
    }

    /// Roles that are words to be read; the others are faint or lines on purpose.
    const READ: &[Role] = &[
        Role::Text,
        Role::Dim,
        Role::Accent,
        Role::Own,
        Role::Action,
        Role::Mention,
        Role::Error,
        Role::Warn,
        Role::Good,
        Role::Host,
        Role::Heir,
        Role::Direct,
        Role::Relayed,
        Role::Unread,
        Role::Title,
        Role::Topic,
        Role::Status,
        Role::Selection,
        Role::Search,
        Role::Link,
        Role::Code,
        Role::Input,
        Role::Prompt,
        Role::Day,
    ];

    /// The least contrast between words and their ground, in the log and in the status line.
    fn least(theme: &Theme) -> (f64, Role) {
        let told_apart = |role: Role, style: Style| {
            let (fg, bg) = (rgb(style.fg.unwrap()), rgb(style.bg.unwrap()));
            (contrast(fg.unwrap(), bg.unwrap()), role)
        };
        let status = theme.style(Role::Status);
        let in_status = [
            Role::Dim,
            Role::Accent,
            Role::Error,
            Role::Warn,
            Role::Host,
            Role::Direct,
            Role::Relayed,
            Role::Mention,
        ];
        let nicks = theme.nicks.iter().map(|nick| {
            let style = theme.style(Role::Text).fg(*nick);
            told_apart(Role::Text, style)
        });
        READ.iter()
            .map(|role| told_apart(*role, theme.style(*role)))
            .chain(
                in_status.map(|role| told_apart(role, status.patch(foreground(theme.style(role))))),
            )
            .chain(nicks)
            .min_by(|one, other| one.0.total_cmp(&other.0))
            .unwrap()
    }

    #[test]
    fn every_word_of_a_theme_with_its_own_ground_can_be_read() {
        for depth in [Depth::True, Depth::Indexed] {
            let themes = Themes::new(None, depth);
            for (name, needed) in [
                ("ember", 4.5),
                ("ash", 4.5),
                ("solar", 4.5),
                ("frost", 4.5),
                ("contrast", 7.0),
            ] {
                let (theme, _) = themes.load(name).unwrap();
                let (least, role) = least(&theme);
                // The 256 colours are coarse: what they cost is bounded, too.
                let needed = if depth == Depth::True {
                    needed
                } else {
                    needed * 0.8
                };
                assert!(least >= needed, "{name} {depth:?}: {role:?} has {least:.2}");
            }
        }
    }

    #[test]
    fn a_theme_without_colour_tells_roles_apart_by_weight_and_takes_no_colour_of_others() {
        let (theme, _) = Themes::new(None, Depth::True).load("mono").unwrap();
        let colours: Vec<_> = ROLES
            .iter()
            .map(|(role, _)| theme.style(*role))
            .flat_map(|style| [style.fg, style.bg])
            .flatten()
            .filter(|colour| *colour != Color::Reset)
            .collect();
        assert_eq!(colours, []);
        let ink = Ink {
            fg: Some(4),
            ..Ink::default()
        };
        let line = theme.style(Role::Text);
        assert_eq!(theme.ink(line, ink), line);
        assert_ne!(theme.style(Role::Mention), theme.style(Role::Text));
        assert_ne!(theme.style(Role::Selection), theme.style(Role::Text));
    }

    #[test]
    fn colours_of_others_are_taken_where_they_can_be_read() {
        let themes = Themes::new(None, Depth::True);
        let (ember, _) = themes.load("ember").unwrap();
        let line = ember.style(Role::Text);
        let asked = |fg, bg| {
            let ink = Ink {
                fg,
                bg,
                ..Ink::default()
            };
            let style = ember.ink(line, ink);
            (style.fg, style.bg)
        };
        let red = Some(Color::Rgb(255, 0, 0));
        assert_eq!(asked(Some(4), None), (red, line.bg));
        assert_eq!(asked(Some(1), None), (line.fg, line.bg), "black on black");
        assert_eq!(
            asked(Some(1), Some(0)),
            (Some(Color::Rgb(0, 0, 0)), Some(Color::Rgb(255, 255, 255)))
        );
        assert_eq!(asked(Some(4), Some(4)), (red, line.bg), "red on red");
    }
}
