//! Moments as people write them: `yesterday`, `14:30`, `monday 9:00`, `2026-11-02`, `2h`.

use jiff::civil::{Date, Time, Weekday};
use jiff::{Span, ToSpan as _, Zoned};

use super::{Refused, refused};
use crate::proto::time::Wall;

/// A moment in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The beginning of everything.
    Start,
    /// Now.
    End,
    /// So many minutes ago.
    Ago(i32),
    /// The last time that a clock showed this.
    Clock(Time),
    /// On a day; at its beginning if no time is named.
    On(Day, Option<Time>),
}

/// A day as seen from today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    Today,
    Yesterday,
    /// The last one before today.
    Last(Weekday),
    Date(Date),
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

impl When {
    /// Reads it.
    ///
    /// # Errors
    /// [`Refused`] if it is none that is known here.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let text = text.trim().to_lowercase();
        let is_written_out = text.starts_with(|c: char| c.is_ascii_digit());
        let between = if is_written_out {
            [' ', 't']
        } else {
            [' ', ' ']
        };
        let (first, rest) = text.split_once(between).unwrap_or((&text, ""));
        let of_day = |text: &str| day(text).map(|day| Self::On(day, None));
        let of_both = || Some(Self::On(day(first)?, Some(clock(rest.trim())?)));
        match text.as_str() {
            "start" | "top" | "beginning" => return Ok(Self::Start),
            "end" | "bottom" | "now" => return Ok(Self::End),
            _ => {}
        }
        of_day(&text)
            .or_else(|| clock(&text).map(Self::Clock))
            .or_else(|| ago(&text).map(Self::Ago))
            .or_else(of_both)
            .ok_or_else(|| {
                refused(
                    &format!("cannot go to {}", crate::sanitize::line(&text)),
                    "that is no moment",
                    "/goto yesterday, 14:30, monday 9:00, 2026-11-02, 2h or start",
                )
            })
    }

    /// The moment, as seen from `now`; none if there is no such one.
    #[must_use]
    pub fn moment(self, now: &Zoned) -> Option<Wall> {
        let at = match self {
            Self::Start => return Some(Wall(0)),
            Self::End => now.clone(),
            Self::Ago(minutes) => now.checked_sub(minutes.minutes()).ok()?,
            Self::Clock(time) => {
                let today = now
                    .date()
                    .to_datetime(time)
                    .to_zoned(now.time_zone().clone());
                let today = today.ok()?;
                if today <= *now {
                    today
                } else {
                    today.checked_sub(1.day()).ok()?
                }
            }
            Self::On(day, time) => {
                let date = day.date(now.date())?;
                let time = time.unwrap_or(Time::midnight());
                date.to_datetime(time)
                    .to_zoned(now.time_zone().clone())
                    .ok()?
            }
        };
        u64::try_from(at.timestamp().as_millisecond())
            .ok()
            .map(Wall)
    }
}

impl Day {
    fn date(self, today: Date) -> Option<Date> {
        match self {
            Self::Today => Some(today),
            Self::Yesterday => today.yesterday().ok(),
            Self::Last(weekday) => today.nth_weekday(-1, weekday).ok(),
            Self::Date(date) => Some(date),
        }
    }
}

fn day(text: &str) -> Option<Day> {
    match text {
        "today" => return Some(Day::Today),
        "yesterday" => return Some(Day::Yesterday),
        _ => {}
    }
    let begins = |(name, _): &&(&str, _)| text.len() >= 3 && name.starts_with(text);
    let weekday = WEEKDAYS.iter().find(begins);
    match weekday {
        Some((_, weekday)) => Some(Day::Last(*weekday)),
        None => text
            .parse()
            .ok()
            .filter(|_| !text.contains([':', ' ', 't']))
            .map(Day::Date),
    }
}

fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let is_short = (1..=2).contains(&hour.len()) && minute.len() == 2;
    let time = || Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok();
    is_short.then(time).flatten()
}

/// In minutes.
fn ago(text: &str) -> Option<i32> {
    let text = text.trim_start_matches('-').trim_end_matches(" ago");
    let unit = text.chars().last()?;
    let count: i32 = text[..text.len() - unit.len_utf8()].trim().parse().ok()?;
    let minutes = match unit {
        'm' => 1,
        'h' => 60,
        'd' => 24 * 60,
        'w' => 7 * 24 * 60,
        _ => return None,
    };
    let ago = count.checked_mul(minutes).filter(|ago| *ago >= 0)?;
    // What jiff can say of minutes is much more than there are.
    Span::new().try_minutes(ago).ok().map(|_| ago)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_that_people_mean() {
        let now: Zoned = "2026-11-18T12:00:00[Europe/Stockholm]".parse().unwrap();
        for (text, expected) in [
            ("yesterday", "2026-11-17T00:00:00"),
            ("today", "2026-11-18T00:00:00"),
            ("9:05", "2026-11-18T09:05:00"),
            ("14:30", "2026-11-17T14:30:00"),
            ("2026-11-02", "2026-11-02T00:00:00"),
            ("2026-11-02 14:30", "2026-11-02T14:30:00"),
            ("2026-11-02T14:30", "2026-11-02T14:30:00"),
            ("Yesterday 23:59", "2026-11-17T23:59:00"),
            ("monday", "2026-11-16T00:00:00"),
            ("wed", "2026-11-11T00:00:00"),
            ("2h", "2026-11-18T10:00:00"),
            ("90m ago", "2026-11-18T10:30:00"),
            ("1w", "2026-11-11T12:00:00"),
        ] {
            let at = When::parse(text).unwrap().moment(&now).unwrap();
            let expected: Zoned = format!("{expected}[Europe/Stockholm]").parse().unwrap();
            assert_eq!(at.0, expected.timestamp().as_millisecond() as u64, "{text}");
        }
        assert_eq!(When::parse("start").unwrap().moment(&now), Some(Wall(0)));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "soon",
            "25:00",
            "14:5",
            "2026-13-01",
            "2026",
            "h",
            "-",
            "99999999999d",
            "é",
        ] {
            assert!(When::parse(text).is_err(), "{text}");
        }
    }
}
