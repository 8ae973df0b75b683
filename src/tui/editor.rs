//! The input line: text edited by grapheme, with the keys of readline, a kill ring, undo and a history.

use std::collections::VecDeque;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::wrap::clusters;
use crate::sanitize;

/// Kills remembered for yanking.
const KILLS_MAX: usize = 32;
/// Steps that can be undone.
const UNDO_MAX: usize = 200;
/// Sent lines remembered per window.
const HISTORY_MAX: usize = 500;

/// What keys do in the line, named once: the type, and for tests all of it but the letters.
macro_rules! edits {
    ($($name:ident)+) => {
        /// One change or move in the line.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Edit {
            Insert(char),
            $($name,)+
        }

        #[cfg(test)]
        const ALL_BUT_LETTERS: &[Edit] = &[$(Edit::$name),+];
    };
}

edits! {
    Newline
    Left
    Right
    WordLeft
    WordRight
    Home
    End
    Backspace
    Delete
    KillToEnd
    KillToStart
    KillAll
    KillWordLeft
    KillToBlank
    KillWordRight
    Yank
    YankPop
    Transpose
    TransposeWords
    Undo
    Redo
    Older
    Newer
}

/// What was done last, for the edits that go on where it stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    Insert,
    Kill,
    /// What was yanked from here to there, and which kill it was, counted from the newest.
    Yank {
        from: usize,
        to: usize,
        kill: usize,
    },
}

/// A line with its cursor, as kept for undo and for a window that is not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    text: String,
    cursor: usize,
    /// Whether the beginning of the text was pasted, so that it is never taken as a command.
    pasted: bool,
}

/// Lines sent before from a window, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    lines: VecDeque<String>,
    /// Where Up and Down are, counted from the newest; and the line that was being written.
    at: Option<(usize, Draft)>,
}

impl History {
    pub(crate) fn push(&mut self, line: &str) {
        self.at = None;
        if self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == HISTORY_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
    }

    /// Lines of an earlier start come before those of this one.
    pub(crate) fn put_before(&mut self, lines: Vec<String>) {
        let own = std::mem::take(&mut self.lines);
        for line in lines.into_iter().chain(own) {
            self.push(&line);
        }
    }

    /// As [`History::push`], when the line before is the one after it in here: where that one is then.
    pub(crate) fn push_and_go_on(&mut self, line: &str) -> Option<usize> {
        let at = self.at.as_ref().map(|(at, _)| *at)?;
        let before = self.lines.back().cloned();
        self.push(line);
        let is_new = before.as_deref() != Some(line);
        (at + usize::from(is_new)).checked_sub(1)
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The line counted from the newest, if it has that part, whatever its case.
    pub(crate) fn matching(&self, at: usize, part: &str) -> Option<(usize, &str)> {
        let line = self.lines.get(self.lines.len().checked_sub(at + 1)?)?;
        let found = line.to_lowercase().contains(&part.to_lowercase());
        found.then_some((at, line.as_str()))
    }
}

/// The line under the cursor.
#[derive(Debug, Default)]
pub struct Editor {
    draft: Draft,
    kills: Vec<String>,
    undo: Vec<Draft>,
    redo: Vec<Draft>,
    last: Last,
}

impl Editor {
    /// The text as it stands.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.draft.text
    }

    /// Where the cursor is, in bytes.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.draft.cursor
    }

    /// Whether the beginning was pasted.
    #[must_use]
    pub fn is_pasted(&self) -> bool {
        self.draft.pasted
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.draft.text.is_empty()
    }

    /// Takes the line away, to be sent, cleared or kept for another window.
    pub(crate) fn take(&mut self) -> Draft {
        self.undo.clear();
        self.redo.clear();
        self.last = Last::Other;
        std::mem::take(&mut self.draft)
    }

    /// Shows a line that was taken away.
    pub(crate) fn restore(&mut self, draft: Draft) {
        self.take();
        self.draft = draft;
    }

    /// Replaces the text from `from` to the cursor, as completion does.
    pub(crate) fn replace(&mut self, from: usize, with: &str) {
        self.remember();
        self.draft.text.replace_range(from..self.draft.cursor, with);
        self.draft.cursor = from + with.len();
        self.settle();
    }

    /// Puts text before what is written; the cursor stays at the end of all.
    pub(crate) fn put_before(&mut self, text: &str) {
        self.remember();
        self.draft.text.insert_str(0, text);
        self.draft.cursor = self.draft.text.len();
        self.settle();
    }

    /// Puts other text in place of all of it, as an editor outside does.
    pub(crate) fn rewrite(&mut self, text: &str) {
        self.remember();
        text.clone_into(&mut self.draft.text);
        self.draft.cursor = text.len();
        self.draft.pasted = !text.is_empty();
        self.last = Last::Other;
    }

    /// Shows the line of the history that is so far back, as Up does.
    pub(crate) fn recall(&mut self, history: &mut History, at: usize) {
        let Some((_, line)) = history.matching(at, "") else {
            return;
        };
        let line = line.to_owned();
        history.at = Some((at, self.draft.clone()));
        self.show(line);
    }

    /// The cursor never stands inside a cluster, which may have grown together around it.
    fn settle(&mut self) {
        let mut ends = self.draft.text.grapheme_indices(true);
        let end = ends.find_map(|(at, cluster)| {
            let end = at + cluster.len();
            (at < self.draft.cursor && self.draft.cursor < end).then_some(end)
        });
        if let Some(end) = end {
            self.draft.cursor = end;
        }
        self.last = Last::Other;
    }

    /// Inserts pasted text: cleaned, and never a command.
    pub fn paste(&mut self, text: &str) {
        let clean = sanitize::text(text);
        if clean.is_empty() {
            return;
        }
        self.remember();
        if self.draft.cursor == 0 {
            self.draft.pasted = true;
        }
        self.insert(&clean);
        self.settle();
    }

    /// Does one edit. Whether anything changed.
    pub(crate) fn edit(&mut self, edit: Edit, history: &mut History) -> bool {
        let before = self.draft.clone();
        let last = std::mem::take(&mut self.last);
        match edit {
            Edit::Insert(c) => self.type_char(c, last),
            Edit::Newline => {
                self.remember();
                self.insert("\n");
            }
            Edit::Left => self.draft.cursor = self.before(self.draft.cursor),
            Edit::Right => self.draft.cursor = self.after(self.draft.cursor),
            Edit::WordLeft => self.draft.cursor = self.word_before(),
            Edit::WordRight => self.draft.cursor = self.word_after(),
            Edit::Home => self.draft.cursor = self.row_start(),
            Edit::End => self.draft.cursor = self.row_end(),
            Edit::Backspace => self.delete(self.before(self.draft.cursor), self.draft.cursor),
            Edit::Delete => self.delete(self.draft.cursor, self.after(self.draft.cursor)),
            Edit::KillToEnd => {
                let end = self.row_end();
                let end = if end == self.draft.cursor {
                    self.after(end)
                } else {
                    end
                };
                self.kill(self.draft.cursor, end, last);
            }
            Edit::KillToStart => {
                let start = self.row_start();
                if self.draft.cursor == 0 && last == Last::Kill {
                    self.kill(0, self.draft.text.len(), last);
                } else if start == self.draft.cursor {
                    self.kill(self.before(start), start, last);
                } else {
                    self.kill(start, self.draft.cursor, last);
                }
            }
            Edit::KillAll => {
                self.draft.cursor = 0;
                self.kill(0, self.draft.text.len(), Last::Other);
            }
            Edit::KillWordLeft => self.kill(self.word_before(), self.draft.cursor, last),
            Edit::KillToBlank => self.kill(self.blank_before(), self.draft.cursor, last),
            Edit::KillWordRight => self.kill(self.draft.cursor, self.word_after(), last),
            Edit::Yank => self.yank(self.draft.cursor..self.draft.cursor, 0),
            Edit::YankPop => {
                if let Last::Yank { from, to, kill } = last {
                    self.yank(from..to, kill + 1);
                }
            }
            Edit::Transpose => self.transpose(),
            Edit::TransposeWords => self.transpose_words(),
            Edit::Undo => self.undo(),
            Edit::Redo => self.redo(),
            Edit::Older => self.older(history),
            Edit::Newer => self.newer(history),
        }
        if self.draft.text.is_empty() {
            self.draft.pasted = false;
        }
        let last = self.last;
        self.settle();
        self.last = last;
        before != self.draft
    }

    fn type_char(&mut self, c: char, last: Last) {
        if last != Last::Insert || c == ' ' {
            self.remember();
        }
        let mut bytes = [0; 4];
        self.insert(c.encode_utf8(&mut bytes));
        self.last = Last::Insert;
    }

    fn insert(&mut self, text: &str) {
        self.draft.text.insert_str(self.draft.cursor, text);
        self.draft.cursor += text.len();
    }

    fn remember(&mut self) {
        if self.undo.len() == UNDO_MAX {
            self.undo.remove(0);
        }
        self.undo.push(self.draft.clone());
        self.redo.clear();
    }

    fn delete(&mut self, from: usize, to: usize) {
        if from < to {
            self.remember();
            self.draft.text.replace_range(from..to, "");
            self.draft.cursor = from;
        }
    }

    /// Deletes and remembers; kills in a row are one kill.
    fn kill(&mut self, from: usize, to: usize, last: Last) {
        if from >= to {
            return;
        }
        let killed = self.draft.text[from..to].to_owned();
        let forward = from == self.draft.cursor;
        match self.kills.last_mut() {
            Some(newest) if last == Last::Kill && forward => newest.push_str(&killed),
            Some(newest) if last == Last::Kill => newest.insert_str(0, &killed),
            Some(_) | None => {
                if self.kills.len() == KILLS_MAX {
                    self.kills.remove(0);
                }
                self.kills.push(killed);
            }
        }
        self.delete(from, to);
        self.last = Last::Kill;
    }

    /// Puts a kill in place of what stands there.
    fn yank(&mut self, place: Range<usize>, kill: usize) {
        if self.kills.is_empty() {
            return;
        }
        let kill = kill % self.kills.len();
        let text = self.kills[self.kills.len() - 1 - kill].clone();
        self.remember();
        let from = place.start;
        self.draft.text.replace_range(place, &text);
        let to = from + text.len();
        self.draft.cursor = to;
        self.last = Last::Yank { from, to, kill };
    }

    /// Swaps the cluster before the cursor with the one under it, or the last two at the end.
    fn transpose(&mut self) {
        let end = self.after(self.draft.cursor);
        let middle = self.before(end);
        let start = self.before(middle);
        if start == middle {
            return;
        }
        self.remember();
        let text = &self.draft.text;
        let swapped = format!("{}{}", &text[middle..end], &text[start..middle]);
        self.draft.text.replace_range(start..end, &swapped);
        self.draft.cursor = end;
    }

    /// Swaps the word before the cursor with the one under or after it, or the last two at the end.
    fn transpose_words(&mut self) {
        let end = match self.word_after() {
            end if end == self.draft.text.len() && self.word_span(end).is_none() => return,
            end => end,
        };
        let Some(second) = self.word_span(end) else {
            return;
        };
        let Some(first) = self.word_span(second.start) else {
            return;
        };
        self.remember();
        let text = &self.draft.text;
        let between = &text[first.end..second.start];
        let swapped = format!("{}{between}{}", &text[second.clone()], &text[first.clone()]);
        self.draft
            .text
            .replace_range(first.start..second.end, &swapped);
        self.draft.cursor = second.end;
    }

    /// The last word that ends at or before a place.
    fn word_span(&self, before: usize) -> Option<Range<usize>> {
        let head = self.draft.text[..before].trim_end_matches(|c: char| !c.is_alphanumeric());
        let start = head.trim_end_matches(char::is_alphanumeric).len();
        (start < head.len()).then_some(start..head.len())
    }

    fn undo(&mut self) {
        if let Some(draft) = self.undo.pop() {
            self.redo.push(std::mem::replace(&mut self.draft, draft));
        }
    }

    fn redo(&mut self) {
        if let Some(draft) = self.redo.pop() {
            self.undo.push(std::mem::replace(&mut self.draft, draft));
        }
    }

    /// The row above in a text of several rows, else the line sent before.
    fn older(&mut self, history: &mut History) {
        let start = self.row_start();
        if start > 0 {
            let column = self.draft.text[start..self.draft.cursor]
                .graphemes(true)
                .count();
            let above = self.draft.text[..start - 1]
                .rfind('\n')
                .map_or(0, |at| at + 1);
            self.draft.cursor = self.column_of(above, start - 1, column);
            return;
        }
        let next = history.at.as_ref().map_or(0, |(at, _)| at + 1);
        let Some(line) = history
            .lines
            .len()
            .checked_sub(next + 1)
            .map(|i| history.lines[i].clone())
        else {
            return;
        };
        let written = match history.at.take() {
            Some((_, written)) => written,
            None => self.draft.clone(),
        };
        history.at = Some((next, written));
        self.remember();
        self.show(line);
    }

    fn newer(&mut self, history: &mut History) {
        let end = self.row_end();
        if end < self.draft.text.len() {
            let start = self.row_start();
            let column = self.draft.text[start..self.draft.cursor]
                .graphemes(true)
                .count();
            let below = self.draft.text[end + 1..]
                .find('\n')
                .map_or(self.draft.text.len(), |at| end + 1 + at);
            self.draft.cursor = self.column_of(end + 1, below, column);
            return;
        }
        match history.at.take() {
            Some((0, written)) => {
                self.remember();
                self.draft = written;
            }
            Some((at, written)) => {
                let newer = history.lines.len().checked_sub(at);
                let line = newer.and_then(|newer| history.lines.get(newer)).cloned();
                history.at = Some((at - 1, written));
                self.remember();
                self.show(line.unwrap_or_default());
            }
            None => {}
        }
    }

    /// Shows a line sent before.
    pub(crate) fn show(&mut self, line: String) {
        self.draft = Draft {
            cursor: line.len(),
            text: line,
            pasted: false,
        };
    }

    fn column_of(&self, start: usize, end: usize, column: usize) -> usize {
        self.draft.text[start..end]
            .grapheme_indices(true)
            .nth(column)
            .map_or(end, |(at, _)| start + at)
    }

    fn before(&self, at: usize) -> usize {
        self.draft.text[..at]
            .grapheme_indices(true)
            .next_back()
            .map_or(0, |(at, _)| at)
    }

    fn after(&self, at: usize) -> usize {
        self.draft.text[at..]
            .graphemes(true)
            .next()
            .map_or(at, |next| at + next.len())
    }

    fn row_start(&self) -> usize {
        self.draft.text[..self.draft.cursor]
            .rfind('\n')
            .map_or(0, |at| at + 1)
    }

    fn row_end(&self) -> usize {
        self.draft.text[self.draft.cursor..]
            .find('\n')
            .map_or(self.draft.text.len(), |at| self.draft.cursor + at)
    }

    fn word_before(&self) -> usize {
        let head = &self.draft.text[..self.draft.cursor];
        let word = head.trim_end_matches(|c: char| !c.is_alphanumeric());
        word.trim_end_matches(char::is_alphanumeric).len()
    }

    fn word_after(&self) -> usize {
        let tail = &self.draft.text[self.draft.cursor..];
        let word = tail.trim_start_matches(|c: char| !c.is_alphanumeric());
        let rest = word.trim_start_matches(char::is_alphanumeric);
        self.draft.text.len() - rest.len()
    }

    fn blank_before(&self) -> usize {
        let head = &self.draft.text[..self.draft.cursor];
        let word = head.trim_end_matches(char::is_whitespace);
        word.trim_end_matches(|c: char| !c.is_whitespace()).len()
    }
}

/// The line cut into rows of a width, and where the cursor stands among them: (row, column).
pub(crate) fn rows(text: &str, cursor: usize, width: u16) -> (Vec<Range<usize>>, (usize, u16)) {
    let width = width.max(2);
    let mut rows = Vec::new();
    let mut start = 0;
    let mut used = 0;
    let mut place = (0, 0);
    for cluster in clusters(text) {
        let full = used + cluster.width > width;
        if full {
            rows.push(start..cluster.at);
            start = cluster.at;
            used = 0;
        }
        if cluster.at <= cursor {
            place = (rows.len(), used);
        }
        used += cluster.width;
        if cluster.text.contains('\n') {
            rows.push(start..cluster.at);
            start = cluster.at + cluster.text.len();
            used = 0;
        }
    }
    if cursor >= text.len() {
        if used >= width {
            rows.push(start..text.len());
            start = text.len();
            used = 0;
        }
        place = (rows.len(), used);
    }
    rows.push(start..text.len());
    (rows, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types text, with `<key>` for edits, and shows the line with `|` for the cursor.
    fn typed(keys: &[Edit], text: &str) -> String {
        let mut editor = Editor::default();
        let mut history = History::default();
        for c in text.chars() {
            editor.edit(Edit::Insert(c), &mut history);
        }
        for &key in keys {
            editor.edit(key, &mut history);
        }
        shown(&editor)
    }

    fn shown(editor: &Editor) -> String {
        let (head, tail) = editor.text().split_at(editor.cursor());
        format!("{head}|{tail}")
    }

    #[test]
    fn the_keys_of_readline_do_what_fingers_expect() {
        use Edit::*;
        for (keys, text, expected) in [
            (&[Home][..], "one two", "|one two"),
            (&[Home, Right, Right], "one", "on|e"),
            (&[WordLeft, WordLeft], "one, two", "|one, two"),
            (&[Home, WordRight], "one two", "one| two"),
            (&[Backspace], "one", "on|"),
            (&[Home, Delete], "one", "|ne"),
            (&[KillToBlank], "cd /tmp/x", "cd |"),
            (&[KillWordLeft], "cd /tmp/x", "cd /tmp/|"),
            (&[Home, KillWordRight], "one two", "| two"),
            (&[KillToStart], "one two", "|"),
            (&[WordLeft, KillToEnd], "one two", "one |"),
            (
                &[KillToBlank, KillToBlank, Yank],
                "one two three",
                "one two three|",
            ),
            (&[WordLeft, KillToEnd, Home, Yank], "one two", "two|one "),
            (&[Transpose], "hte", "het|"),
            (&[Home, Right, Transpose], "hte", "th|e"),
            (&[KillToStart, Undo], "one", "one|"),
            (&[KillToStart, Undo, Undo], "one", "|"),
            (&[KillToStart, Undo, Redo], "one", "|"),
            (&[Newline, Insert('b'), Home, KillToStart], "a", "a|b"),
            (&[WordLeft, KillToStart, KillToStart], "one two", "|"),
            (&[WordLeft, KillAll, Yank], "one two", "one two|"),
            (&[TransposeWords], "one, two", "two, one|"),
            (&[WordLeft, TransposeWords], "one two", "two one|"),
            (&[TransposeWords], "one", "one|"),
            (&[Home, Insert('\u{301}')], "e", "\u{301}|e"),
        ] {
            assert_eq!(typed(keys, text), expected, "{keys:?} after {text:?}");
        }
    }

    #[test]
    fn a_cluster_is_one_step_however_many_characters_it_has() {
        let family = "👨\u{200d}👩\u{200d}👧";
        assert_eq!(
            typed(&[Edit::Left], &format!("a{family}")),
            format!("a|{family}")
        );
        assert_eq!(typed(&[Edit::Backspace], &format!("a{family}")), "a|");
        assert_eq!(typed(&[Edit::Backspace], "e\u{301}"), "|");
    }

    #[test]
    fn yanking_again_goes_back_through_the_kills() {
        use Edit::*;
        let keys = [
            KillToBlank,
            Home,
            End,
            KillToBlank,
            Home,
            End,
            Yank,
            YankPop,
        ];
        assert_eq!(typed(&keys, "one two"), "two|");
    }

    #[test]
    fn history_goes_up_and_comes_back_to_what_was_being_written() {
        let mut editor = Editor::default();
        let mut history = History::default();
        history.push("first");
        history.push("second");
        history.push("second");
        editor.edit(Edit::Insert('x'), &mut history);
        let mut seen = Vec::new();
        for key in [
            Edit::Older,
            Edit::Older,
            Edit::Older,
            Edit::Newer,
            Edit::Newer,
            Edit::Newer,
        ] {
            editor.edit(key, &mut history);
            seen.push(editor.text().to_owned());
        }
        assert_eq!(seen, ["second", "first", "first", "second", "x", "x"]);
    }

    #[test]
    fn up_and_down_move_inside_a_text_of_several_rows_first() {
        use Edit::*;
        assert_eq!(
            typed(
                &[Newline, Insert('c'), Insert('d'), Insert('e'), Older],
                "ab"
            ),
            "ab|\ncde"
        );
        assert_eq!(typed(&[Newline, Insert('c'), Older, Newer], "ab"), "ab\nc|");
    }

    #[test]
    fn a_line_recalled_can_be_undone() {
        let mut editor = Editor::default();
        let mut history = History::default();
        history.push("sent");
        for edit in [Edit::Insert('x'), Edit::Older, Edit::Undo] {
            editor.edit(edit, &mut history);
        }
        assert_eq!(editor.text(), "x");
    }

    fn any_edit() -> impl proptest::strategy::Strategy<Value = Edit> {
        use proptest::prelude::*;
        let chars = prop::sample::select(vec![
            'a',
            'B',
            ' ',
            ',',
            'ß',
            'e',
            '\u{301}',
            '你',
            '👩',
            '\u{200d}',
            '\u{fe0f}',
            '🇩',
            '🇪',
            'ש',
            'ำ',
            'क',
            '्',
            '\u{1f3fd}',
        ]);
        let others = prop::sample::select(ALL_BUT_LETTERS);
        prop_oneof![chars.prop_map(Edit::Insert), others]
    }

    proptest::proptest! {
        /// Whatever is pressed, the cursor stands between two clusters, and enough undoing brings back what was there.
        #[test]
        fn any_keys_leave_the_cursor_between_clusters_and_can_be_undone(
            edits in proptest::collection::vec(any_edit(), 0..150)
        ) {
            let mut editor = Editor::default();
            let mut history = History::default();
            history.push("sent 👩\u{200d}👩 before");
            history.push("two\nrows");
            for edit in edits {
                editor.edit(edit, &mut history);
                let at = editor.cursor();
                let between = editor.text().grapheme_indices(true).any(|(start, _)| start == at);
                proptest::prop_assert!(between || at == editor.text().len(), "{:?} at {at} after {edit:?}", editor.text());
                let (rows, (row, column)) = rows(editor.text(), at, 10);
                proptest::prop_assert!(row < rows.len() && column <= 10);
            }
            for _ in 0..=UNDO_MAX {
                editor.edit(Edit::Undo, &mut history);
            }
            proptest::prop_assert_eq!(editor.text(), "");
        }

        /// One undo takes back one change of the text, whatever it was.
        #[test]
        fn undoing_a_change_returns_to_what_was_before_it(
            edits in proptest::collection::vec(any_edit(), 0..60),
            change in any_edit(),
        ) {
            let mut editor = Editor::default();
            let mut history = History::default();
            history.push("sent before");
            for edit in edits {
                editor.edit(edit, &mut history);
            }
            // Letters are undone by the word, and an undo by a redo.
            editor.edit(Edit::Home, &mut history);
            let before = editor.text().to_owned();
            editor.edit(change, &mut history);
            if editor.text() != before && !matches!(change, Edit::Undo | Edit::Redo) {
                editor.edit(Edit::Undo, &mut history);
                proptest::prop_assert_eq!(editor.text(), before);
            }
        }
    }

    #[test]
    fn pasted_text_is_clean_and_known_as_pasted_until_it_is_gone() {
        let mut editor = Editor::default();
        let mut history = History::default();
        editor.paste("/quit\r\n\u{1b}[2J");
        assert_eq!(editor.text(), "/quit\n␛[2J");
        assert!(editor.is_pasted());
        editor.edit(Edit::KillToStart, &mut history);
        editor.edit(Edit::KillToStart, &mut history);
        editor.edit(Edit::KillToStart, &mut history);
        assert!(editor.is_empty() && !editor.is_pasted());
    }

    #[test]
    fn long_lines_wrap_and_the_cursor_stays_in_view() {
        assert_eq!(rows("abcdef", 6, 4), (vec![0..4, 4..6], (1, 2)));
        assert_eq!(rows("abcd", 4, 4), (vec![0..4, 4..4], (1, 0)));
        assert_eq!(rows("a\nb", 2, 4), (vec![0..1, 2..3], (1, 0)));
        assert_eq!(rows("a\n", 2, 4), (vec![0..1, 2..2], (1, 0)));
        assert_eq!(rows("你好世", 9, 5), (vec![0..6, 6..9], (1, 2)));
    }
}
