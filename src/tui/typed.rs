//! The lines a person typed, on disk for the next start: one row each, the window's name and the line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::path::Path;

/// The file is made short again once it has so many times the lines that are kept.
const SLACK: usize = 2;
/// More of it is not read, whatever is in it.
const SIZE_MAX: u64 = 16 << 20;

/// The newest lines of the file, oldest first: the window's name, and the line. A file that has grown is cut.
///
/// # Errors
/// If it is there and cannot be read.
pub(crate) fn load(path: &Path, kept: usize) -> io::Result<Vec<(String, String)>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(why),
    };
    let mut rows = Vec::new();
    for row in BufReader::new(file.take(SIZE_MAX)).split(b'\n') {
        rows.push(String::from_utf8_lossy(&row?).into_owned());
    }
    let is_long = rows.len() > kept.saturating_mul(SLACK);
    let rows = rows.split_off(rows.len().saturating_sub(kept));
    if is_long {
        let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
        let beside = path.with_extension("new");
        private(&beside)?.write_all(text.as_bytes())?;
        fs::rename(&beside, path)?;
    }
    let read = |row: &String| {
        let (window, line) = row.split_once('\t')?;
        Some((window.to_owned(), unescaped(line)))
    };
    Ok(rows.iter().filter_map(read).collect())
}

/// Adds a line.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn append(path: &Path, window: &str, line: &str) -> io::Result<()> {
    let row = format!("{}\t{}\n", escaped(window), escaped(line));
    let mut file = match OpenOptions::new().append(true).open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == ErrorKind::NotFound => private(path)?,
        Err(why) => return Err(why),
    };
    file.write_all(row.as_bytes())
}

/// A file of the owner's alone.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\t', "\\t")
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some(other) => plain.push(other),
                None => {}
            },
            (c, false) => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_as_they_were_typed_and_the_file_stays_short() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("typed");
        assert_eq!(load(&path, 10).unwrap(), []);
        let lines = ["plain", "two\nrows\tand \\n", "ünï 👩\u{200d}👩"];
        for line in lines {
            append(&path, "#hearth", line).unwrap();
        }
        let read = load(&path, 10).unwrap();
        let expected = lines.map(|line| ("#hearth".to_owned(), line.to_owned()));
        assert_eq!(read, expected);
        for n in 0..30 {
            append(&path, "home", &n.to_string()).unwrap();
        }
        let newest = load(&path, 10).unwrap();
        assert_eq!(newest.first().unwrap().1, "20");
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 10);
        fs::write(&path, b"no tab\n\xff\ta\\").unwrap();
        assert_eq!(load(&path, 10).unwrap().len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_them() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("typed");
        append(&path, "home", "x").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
