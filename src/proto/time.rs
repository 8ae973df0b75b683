//! Time as the core sees it: an input, never something it reads.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::limits::WALL_MAX;

/// Milliseconds on a clock that only goes forward; its zero is meaningless. Timers are set on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(pub u64);

/// Milliseconds since 1970-01-01 UTC, as somebody's wall clock says. Shown to people, never trusted for order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wall(pub u64);

/// Both clocks at the moment of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    pub mono: Mono,
    pub wall: Wall,
}

impl Add<Duration> for Mono {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub for Mono {
    type Output = Duration;

    /// The time since `earlier`; zero if `earlier` is later.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A hybrid logical clock reading: wall milliseconds in the upper 48 bits, a counter in the lower 16.
///
/// A host gives every entry `max(its wall clock, the highest reading in its log + 1)`, so that the order of
/// readings never contradicts what was seen before (Kulkarni et al., *Logical Physical Clocks*, 2014).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hlc(pub u64);

impl Hlc {
    /// The latest reading there is.
    pub const MAX: Self = Self(WALL_MAX << 16 | 0xFFFF);

    /// The reading for an entry placed at `wall` by a host whose log's highest reading is `highest`.
    #[must_use]
    pub fn after(highest: Self, wall: Wall) -> Self {
        Self(
            (wall.0.min(WALL_MAX) << 16)
                .max(highest.0.saturating_add(1))
                .min(Self::MAX.0),
        )
    }

    /// Whether an entry may have this reading after one that has `before`, in one line. At the end of time readings
    /// stand still, and places are told apart by epoch and seq alone: a host that lies about its clock would else
    /// have the last word for ever.
    #[must_use]
    pub fn follows(self, before: Self) -> bool {
        self > before || (self == before && self == Self::MAX)
    }

    /// The wall clock time this reading stands for.
    #[must_use]
    pub fn wall(self) -> Wall {
        Wall(self.0 >> 16)
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_follows_the_wall_clock_but_never_goes_back() {
        let first = Hlc::after(Hlc::default(), Wall(1_000));
        assert_eq!(first.wall(), Wall(1_000));
        let second = Hlc::after(first, Wall(1_000));
        assert!(second > first);
        let clock_set_back = Hlc::after(second, Wall(1));
        assert!(clock_set_back > second);
        assert_eq!(clock_set_back.wall(), Wall(1_000));
    }
}
