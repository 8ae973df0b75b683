//! Changes to the file while it runs: judged in memory at once, then written with all comments where they were.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, Value};

use super::{Config, Options};
use crate::report::Failure;

/// One key given another value, or taken out.
#[derive(Clone, Debug)]
pub struct Change {
    /// The table that the key is in, if it is in one.
    pub table: Option<&'static str>,
    pub key: String,
    pub value: Option<Value>,
}

/// What was chosen: the file as it would be written, and what it says.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    document: DocumentMut,
    options: Options,
    file: Option<PathBuf>,
}

impl Choices {
    /// What stands in the file, which need not exist. Without a file all that is chosen is forgotten at the end.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn open(file: Option<PathBuf>) -> Result<Self, Failure> {
        let Some(path) = &file else {
            return Ok(Self::default());
        };
        let (document, text) = read(path)?;
        let options = Config::parse(&text, path)?.options;
        Ok(Self {
            document,
            options,
            file,
        })
    }

    /// What is chosen.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The file all of this is kept in.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// A key's value as it is written, if the file has one.
    #[must_use]
    pub fn chosen(&self, key: &str) -> Option<String> {
        let value = self.document.get(key)?.as_value()?;
        Some(match value {
            Value::String(text) => text.value().clone(),
            Value::Array(values) => {
                let words = values.iter().map(|value| match value.as_str() {
                    Some(word) => word.to_owned(),
                    None => value.to_string().trim().to_owned(),
                });
                words.collect::<Vec<_>>().join(", ")
            }
            Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::InlineTable(_) => value.to_string().trim().to_owned(),
        })
    }

    /// Makes a change, if it has a meaning.
    ///
    /// # Errors
    /// Why it has none; nothing is changed then.
    pub fn change(&mut self, change: &Change) -> Result<(), Failure> {
        let what = match change.value {
            Some(_) => format!("cannot set {}", change.key),
            None => format!("cannot unset {}", change.key),
        };
        let mut document = self.document.clone();
        apply(&mut document, change).map_err(|why| unfit(&what, why))?;
        let path = self.file.as_deref().unwrap_or(Path::new("config.toml"));
        let config = Config::parse(&document.to_string(), path)
            .map_err(|failure| Failure { what, ..failure })?;
        self.document = document;
        self.options = config.options;
        Ok(())
    }
}

/// Writes a change into the file as it stands on disk, which somebody else may have changed meanwhile.
///
/// # Errors
/// If the file cannot be read or written; it is then as it was.
pub fn save(file: &Path, change: &Change) -> Result<(), Failure> {
    // What the file's name leads to is replaced, not the name.
    let path = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let (mut document, _) = read(&path)?;
    let what = format!("cannot save {}", change.key);
    apply(&mut document, change).map_err(|why| unfit(&what, why))?;
    replace(&path, &document.to_string()).map_err(|why| {
        let why = if why.kind() == ErrorKind::PermissionDenied {
            format!("{} is read-only", path.display())
        } else {
            format!("{}: {why}", path.display())
        };
        let try_ = "it holds until you quit; see who may write there";
        Failure::new(what, why, try_)
    })
}

fn read(path: &Path) -> Result<(DocumentMut, String), Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) if why.kind() == ErrorKind::NotFound => String::new(),
        Err(why) => {
            let what = format!("cannot read the configuration {}", path.display());
            return Err(Failure::new(what, why, "see who may read it"));
        }
    };
    let document = text.parse().map_err(|why: toml_edit::TomlError| {
        let what = format!("cannot use the configuration {}", path.display());
        Failure::new(
            what,
            why.message().replace('\n', ", "),
            "mend the file, or move it away",
        )
    })?;
    Ok((document, text))
}

fn unfit(what: &str, why: String) -> Failure {
    Failure::new(what, why, "mend the file by hand")
}

fn apply(document: &mut DocumentMut, change: &Change) -> Result<(), String> {
    let root = document.as_table_mut();
    let Some(name) = change.table else {
        return put(root, &change.key, change.value.as_ref());
    };
    let mut fresh = Table::new();
    fresh.set_implicit(false);
    let table = root.entry(name).or_insert(Item::Table(fresh));
    match (table.as_table_mut(), change.value.as_ref()) {
        (Some(table), value) => put(table, &change.key, value),
        (None, _) => Err(format!(
            "`{name}` is not written as a table of its own, [{name}]"
        )),
    }
}

/// Sets or removes a key; a comment above it stays in either case.
fn put(table: &mut Table, key: &str, value: Option<&Value>) -> Result<(), String> {
    let Some(value) = value else {
        keep_comment(table, key);
        table.remove(key);
        return Ok(());
    };
    match table.get_mut(key) {
        Some(Item::Value(old)) => {
            let mut value = value.clone();
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        Some(Item::Table(_) | Item::ArrayOfTables(_)) => {
            return Err(format!("`{key}` is a table in the file"));
        }
        Some(Item::None) | None => {
            table.insert(key, Item::Value(value.clone()));
        }
    }
    Ok(())
}

/// Gives what is written above a key to the one below it.
fn keep_comment(table: &mut Table, key: &str) {
    let above = table
        .key(key)
        .and_then(|key| key.leaf_decor().prefix()?.as_str())
        .unwrap_or_default()
        .to_owned();
    let below = table.iter().map(|(name, _)| name.to_owned());
    let below = below.skip_while(|name| name != key).nth(1);
    let below = below.filter(|name| table.get(name).is_some_and(Item::is_value));
    if !above.contains('#') {
        return;
    }
    if let Some(mut below) = below.and_then(|below| table.key_mut(&below)) {
        let decor = below.leaf_decor_mut();
        let own = decor
            .prefix()
            .and_then(|own| own.as_str())
            .unwrap_or_default();
        decor.set_prefix(format!("{above}{own}"));
    }
}

/// Writes beside the file and moves it there, so that it is never half written.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let permissions = match fs::metadata(path) {
        // A device, say, is not to be replaced by a file.
        Ok(metadata) if !metadata.is_file() => {
            return Err(std::io::Error::other("it is no file"));
        }
        Ok(metadata) if metadata.permissions().readonly() => {
            return Err(ErrorKind::PermissionDenied.into());
        }
        Ok(metadata) => Some(metadata.permissions()),
        Err(why) if why.kind() == ErrorKind::NotFound => None,
        Err(why) => return Err(why),
    };
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = fs::File::create(&beside).and_then(|mut file| {
        if let Some(permissions) = permissions {
            file.set_permissions(permissions)?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    if written.is_err() {
        // What is left over does no harm; that it could not be written is what is told.
        _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\nnick = \"anna\" # for now\n\n# loud\nnotify = \"all\"\nclock = \"12h\"\n\n[alias]\nwave = \"/me waves\"\n";

    fn change(table: Option<&'static str>, key: &str, value: Option<&str>) -> Change {
        Change {
            table,
            key: key.to_owned(),
            value: value.map(Value::from),
        }
    }

    #[test]
    fn a_change_leaves_comments_and_everything_else_where_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        fs::write(&file, FILE).unwrap();
        for (table, key, value) in [
            (None, "nick", Some("bob")),
            (None, "notify", None),
            (None, "theme", Some("ash")),
            (Some("alias"), "wave", None),
            (Some("alias"), "hi", Some("/say hi")),
        ] {
            save(&file, &change(table, key, value)).unwrap();
        }
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "# mine\nnick = \"bob\" # for now\n\n# loud\nclock = \"12h\"\ntheme = \"ash\"\n\n[alias]\nhi = \"/say hi\"\n"
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_there_is_begun_and_one_that_is_read_only_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("new").join("config.toml");
        save(&file, &change(None, "clock", Some("12h"))).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "clock = \"12h\"\n");
        let mut permissions = fs::metadata(&file).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&file, permissions).unwrap();
        let why = save(&file, &change(None, "clock", Some("24h"))).unwrap_err();
        assert_eq!(why.what, "cannot save clock");
        assert!(why.why.ends_with("config.toml is read-only"), "{why}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "clock = \"12h\"\n");
    }

    #[test]
    fn what_has_no_meaning_changes_nothing() {
        let mut choices = Choices::default();
        choices.change(&change(None, "clock", Some("12h"))).unwrap();
        let before = choices.options().clone();
        let why = choices
            .change(&change(None, "clock", Some("13h")))
            .unwrap_err();
        assert_eq!(
            why.to_string(),
            "cannot set clock: the key `clock`: cannot use \"13h\": there is no such clock; choose 24h or 12h"
        );
        assert_eq!(*choices.options(), before);
        assert_eq!(choices.chosen("clock").as_deref(), Some("12h"));
    }
}
