//! How this screen looks to this person: theme, signs the terminal can show, and the way of telling time.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::theme::Theme;
use crate::proto::time::Wall;

/// How the time of day is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    #[default]
    Hours24,
    Hours12,
}

/// Signs, with words of ASCII for terminals that have nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signs {
    pub host: &'static str,
    pub heir: &'static str,
    pub bar: &'static str,
    pub rule: &'static str,
    pub prompt: &'static str,
    pub dots: &'static str,
    pub kept: &'static str,
    /// Whose key has been compared.
    pub verified: &'static str,
    pub failed: &'static str,
    pub came: &'static str,
    pub went: &'static str,
    pub merge: &'static str,
    pub dot: &'static str,
    /// Stands for each column of what is not to be seen yet.
    pub hidden: &'static str,
}

/// For terminals that show Unicode.
pub const UNICODE: Signs = Signs {
    host: "◆",
    heir: "◇",
    bar: "│",
    rule: "─",
    prompt: "›",
    dots: "…",
    kept: "✓",
    verified: "✓",
    failed: "✗",
    came: "→",
    went: "←",
    merge: "⇄",
    dot: "·",
    hidden: "▒",
};

/// For terminals that do not.
pub const ASCII: Signs = Signs {
    host: "*",
    heir: "+",
    bar: "|",
    rule: "-",
    prompt: ">",
    dots: "..",
    kept: "=",
    verified: "=",
    failed: "!",
    came: ">",
    went: "<",
    merge: "=",
    dot: "-",
    hidden: "#",
};

/// Everything that decides how a thing is drawn, besides the thing.
#[derive(Clone, Debug)]
pub struct Look {
    pub theme: Theme,
    pub signs: Signs,
    pub zone: TimeZone,
    pub clock: Clock,
    /// Nothing but the log, so that a terminal's own selection takes only what was said.
    pub(crate) bare: bool,
    /// Raised when any of this changes, so that what was laid out before is not used.
    pub(crate) turn: u32,
}

impl Look {
    /// A look with that theme.
    #[must_use]
    pub fn new(theme: Theme, signs: Signs, zone: TimeZone, clock: Clock) -> Self {
        Self {
            theme,
            signs,
            zone,
            clock,
            bare: false,
            turn: 0,
        }
    }

    pub(crate) fn change_theme(&mut self, theme: Theme) {
        self.theme = theme;
        self.turn += 1;
    }

    pub(crate) fn turn_bare(&mut self) {
        self.bare = !self.bare;
        self.turn += 1;
    }

    /// Columns of a time of day.
    pub(crate) fn time_width(&self) -> u16 {
        match self.clock {
            Clock::Hours24 => 5,
            Clock::Hours12 => 7,
        }
    }

    pub(crate) fn time(&self, at: Wall) -> String {
        let time = self.local(at).time();
        match self.clock {
            Clock::Hours24 => format!("{:02}:{:02}", time.hour(), time.minute()),
            Clock::Hours12 => {
                let half = if time.hour() < 12 { "am" } else { "pm" };
                let hour = match time.hour() % 12 {
                    0 => 12,
                    hour => hour,
                };
                format!("{hour:>2}:{:02}{half}", time.minute())
            }
        }
    }

    pub(crate) fn date(&self, at: Wall) -> Date {
        self.local(at).date()
    }

    pub(crate) fn day(&self, at: Wall) -> String {
        self.local(at).strftime("%A, %-d %B %Y").to_string()
    }

    /// A day and a time of it.
    pub(crate) fn moment(&self, at: Wall) -> String {
        let day = self.local(at).strftime("%-d %B %Y").to_string();
        format!("{day}, {}", self.time(at).trim_start())
    }

    /// A stranger's clock may say anything: what is no date is the beginning of time.
    pub(crate) fn local(&self, at: Wall) -> jiff::Zoned {
        let millis = i64::try_from(at.0).unwrap_or(0);
        Timestamp::from_millisecond(millis)
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .to_zoned(self.zone.clone())
    }
}
