//! Which numbers were seen: each counts once, in any order within reason (the window of RFC 4303, section 3.4.3).

/// Numbers seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    highest: u64,
    /// The lowest bit stands for `highest`, each next one for the number before.
    seen: u128,
}

impl Window {
    /// Whether no later number has come, nor this one.
    pub(super) fn is_latest(&self, number: u64) -> bool {
        number > self.highest || self.seen == 0
    }

    /// Whether this number comes for the first time; what is too old to be told counts as seen.
    pub(super) fn is_first(&mut self, number: u64) -> bool {
        if number > self.highest || self.seen == 0 {
            let ahead = u32::try_from(number.saturating_sub(self.highest)).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = number;
            return true;
        }
        let behind = u32::try_from(self.highest - number).unwrap_or(u32::MAX);
        let Some(bit) = 1_u128.checked_shl(behind) else {
            return false;
        };
        let is_first = self.seen & bit == 0;
        self.seen |= bit;
        is_first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_counts_once_in_any_order() {
        let mut window = Window::default();
        let numbers = [1, 3, 2, 130, 129, 4, 200, u64::MAX, u64::MAX - 127];
        for number in numbers {
            assert!(window.is_first(number), "{number}");
            assert!(!window.is_first(number), "{number} again");
        }
        assert!(!window.is_first(200), "too old to be told");
        assert!(!window.is_first(0));
    }
}
