//! The line written in an editor outside, which has the terminal to itself for that long.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of a text that are taken back in: more than can be said.
const SIZE_MAX: u64 = 1 << 20;

/// Opens the person's editor on `text`, and waits for it: the text as it was left. Blocks.
///
/// # Errors
/// What could not be done, in words for a person.
pub(crate) fn edit(text: &str) -> Result<String, String> {
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| {
            std::env::var(name)
                .ok()
                .filter(|value| !value.trim().is_empty())
        })
        .unwrap_or_else(|| "vi".to_owned());
    edit_with(&editor, &std::env::temp_dir(), text).map_err(|why| {
        format!("cannot edit outside with {editor}: {why}; set EDITOR to another one")
    })
}

fn edit_with(editor: &str, dir: &Path, text: &str) -> io::Result<String> {
    let file = Draft::write(dir, text)?;
    // The variable may hold arguments too, as in "code --wait".
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = Command::new(program).args(words).arg(&file.0).status()?;
    if !status.success() {
        return Err(io::Error::other(format!("it ended with {status}")));
    }
    if fs::metadata(&file.0)?.len() > SIZE_MAX {
        return Err(io::Error::other("the text is too long to be said"));
    }
    let text = String::from_utf8_lossy(&fs::read(&file.0)?).into_owned();
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// A file of the owner's alone, gone with this value.
struct Draft(PathBuf);

impl Draft {
    fn write(dir: &Path, text: &str) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        // Never one that somebody else has put there.
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        for number in 0..100 {
            let path = dir.join(format!("fireside-{}-{number}.txt", std::process::id()));
            match options.open(&path) {
                Ok(mut file) => {
                    let draft = Self(path);
                    writeln!(file, "{text}")?;
                    return Ok(draft);
                }
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
                Err(why) => return Err(why),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // An editor may have moved it away already.
        _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn the_text_comes_back_as_the_editor_left_it_and_no_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let edited = edit_with("sed -i s/old/new/", dir.path(), "the old line\nand more").unwrap();
        assert_eq!(edited, "the new line\nand more");
        assert!(edit_with("false", dir.path(), "x").is_err());
        assert!(edit_with("/no/such/editor", dir.path(), "x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
