//! Where a text breaks into rows, by the columns a terminal gives to each cluster of characters.

use std::ops::Range;

use ratatui::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// What fills one or two cells: a grapheme cluster, or a piece of one that is wider than two columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cluster<'a> {
    /// Where it begins, in bytes.
    pub(crate) at: usize,
    pub(crate) text: &'a str,
    /// Columns: 0 for what cannot be shown (a line break), else 1 or 2.
    pub(crate) width: u16,
}

/// The clusters of a text, in order.
pub(crate) fn clusters(text: &str) -> impl Iterator<Item = Cluster<'_>> {
    text.grapheme_indices(true)
        .flat_map(|(at, grapheme)| Pieces {
            at,
            rest: grapheme,
            whole: is_control(grapheme) || grapheme.cell_width() <= 2,
        })
}

fn is_control(cluster: &str) -> bool {
    cluster.contains(char::is_control)
}

/// Cuts a grapheme before each character that has a width of its own.
struct Pieces<'a> {
    at: usize,
    rest: &'a str,
    whole: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Cluster<'a>;

    fn next(&mut self) -> Option<Cluster<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let end = if self.whole {
            self.rest.len()
        } else {
            self.rest
                .char_indices()
                .skip(1)
                .find(|(_, c)| c.width().unwrap_or(0) > 0)
                .map_or(self.rest.len(), |(end, _)| end)
        };
        let (text, rest) = self.rest.split_at(end);
        let cluster = Cluster {
            at: self.at,
            text,
            width: width_of(text),
        };
        self.at += end;
        self.rest = rest;
        Some(cluster)
    }
}

fn width_of(cluster: &str) -> u16 {
    if is_control(cluster) {
        return 0;
    }
    cluster.cell_width().min(2)
}

/// Whether a text has letters that run from right to left: a terminal that reorders them must know where they end.
pub(crate) fn is_rtl(text: &str) -> bool {
    !text.is_ascii()
        && text.chars().any(|c| {
            matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
                || matches!(c, '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
        })
}

/// Columns of a text on one row.
pub(crate) fn width(text: &str) -> u16 {
    clusters(text).fold(0, |sum: u16, cluster| sum.saturating_add(cluster.width))
}

/// The longest beginning that fits, with `…` if something is cut.
pub(crate) fn fit(text: &str, columns: u16, dots: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(width(dots));
    let mut used = 0;
    let mut out = String::new();
    for cluster in clusters(text) {
        if used + cluster.width > room {
            break;
        }
        used += cluster.width;
        out.push_str(cluster.text);
    }
    if columns >= width(dots) {
        out.push_str(dots);
    }
    out
}

/// The rows of a text as byte ranges: `first` columns for the first, `rest` for the others.
/// Breaks at blanks, after wide clusters, and inside a word only if it is wider than a row.
pub(crate) fn wrap(text: &str, first: u16, rest: u16) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut from = 0;
    for part in text.split('\n') {
        wrap_part(part, from, first.max(2), rest.max(2), &mut rows);
        from += part.len() + 1;
    }
    rows
}

/// The rows of a text as a shell would cut it: each is full before the next begins.
pub(crate) fn cut(text: &str, first: u16, rest: u16) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let (mut start, mut used, mut room) = (0, 0, first.max(2));
    for cluster in clusters(text) {
        let breaks = cluster.text == "\n";
        if breaks || used + cluster.width > room {
            rows.push(start..cluster.at);
            (start, used, room) = (cluster.at + usize::from(breaks), 0, rest.max(2));
        }
        used += cluster.width;
    }
    rows.push(start..text.len());
    rows
}

fn wrap_part(part: &str, from: usize, first: u16, rest: u16, rows: &mut Vec<Range<usize>>) {
    let mut start = 0;
    let mut used = 0;
    // Where the row may end and the next begin: after a blank, or between wide clusters.
    let mut chance: Option<(usize, usize)> = None;
    let mut row_width = if rows.is_empty() { first } else { rest };
    let mut wide_before = false;
    let mut clusters = clusters(part).peekable();
    let mut width_since_chance = 0;
    while let Some(&cluster) = clusters.peek() {
        let blank = cluster.text == " ";
        if cluster.width == 2 && wide_before && cluster.at > start {
            chance = Some((cluster.at, cluster.at));
            width_since_chance = 0;
        }
        if used + cluster.width > row_width && !blank {
            let (end, next) = chance.unwrap_or((cluster.at, cluster.at));
            if chance.is_none() {
                width_since_chance = 0;
            }
            rows.push(from + start..from + end);
            start = next;
            used = width_since_chance;
            chance = None;
            row_width = rest;
            if used + cluster.width > row_width {
                continue;
            }
        }
        clusters.next();
        used = used.saturating_add(cluster.width);
        width_since_chance += cluster.width;
        wide_before = cluster.width == 2;
        if blank {
            let end = match chance {
                Some((end, next)) if next == cluster.at && end < next => end,
                Some(_) | None => cluster.at,
            };
            chance = Some((end, cluster.at + 1));
            width_since_chance = 0;
        }
    }
    rows.push(from + start..from + part.len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &str, width: u16) -> Vec<&str> {
        wrap(text, width, width)
            .into_iter()
            .map(|row| &text[row])
            .collect()
    }

    #[test]
    fn words_stay_whole_where_they_fit() {
        assert_eq!(rows("the fire is warm", 8), ["the fire", "is warm"]);
        assert_eq!(rows("the  fire", 5), ["the", "fire"]);
        assert_eq!(rows("incombustible log", 6), ["incomb", "ustibl", "e log"]);
        assert_eq!(rows("a\n\nb", 9), ["a", "", "b"]);
        assert_eq!(rows("", 9), [""]);
    }

    #[test]
    fn wide_clusters_break_anywhere_but_never_in_the_middle() {
        assert_eq!(rows("你好世界", 5), ["你好", "世界"]);
        assert_eq!(rows("ab你好", 3), ["ab", "你", "好"]);
        let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
        assert_eq!(width(family), 2);
        assert_eq!(rows(&format!("{family}{family}"), 3), [family, family]);
        assert_eq!(width("❤\u{fe0f}"), 2);
        assert_eq!(width("e\u{301}"), 1);
    }

    #[test]
    fn a_cut_fills_each_row_to_its_end() {
        let text = "one two\n\nthree";
        let rows: Vec<&str> = cut(text, 2, 4).into_iter().map(|row| &text[row]).collect();
        assert_eq!(rows, ["on", "e tw", "o", "", "thre", "e"]);
    }

    #[test]
    fn a_first_row_may_be_shorter() {
        let text = "one two three";
        let cut: Vec<&str> = wrap(text, 4, 9).into_iter().map(|row| &text[row]).collect();
        assert_eq!(cut, ["one", "two three"]);
    }

    #[test]
    fn cutting_says_that_it_cut() {
        assert_eq!(fit("fireside", 8, "…"), "fireside");
        assert_eq!(fit("fireside", 5, "…"), "fire…");
        assert_eq!(fit("你好世界", 4, "…"), "你…");
    }

    proptest! {
        #[test]
        fn rows_fit_and_lose_nothing_but_blanks(text in any::<String>(), columns in 2u16..40) {
            let text = crate::sanitize::text(&text);
            let rows = rows(&text, columns);
            for row in &rows {
                prop_assert!(width(row.trim_end_matches(' ')) <= columns, "{row:?}");
            }
            let kept: String = rows.concat().replace(' ', "");
            prop_assert_eq!(kept, text.replace([' ', '\n'], ""));
        }
    }
}
