//! Files that are missing, damaged, exposed, or somebody else's.

use std::path::Path;

use crate::binary::Home;

/// A data directory in which a client has been.
fn used(home: &Home) -> std::path::PathBuf {
    let data = home.path("data");
    let outcome = home.chat(&data, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    data
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn a_configuration_that_was_named_must_be_there() {
    let home = Home::new();
    home.run(&["--json", "--config", "nowhere.toml"])
        .is_refused(
            1,
            &[
                "cannot read the configuration nowhere.toml",
                "--config FILE",
            ],
        );
    let directory = home.path(".");
    home.run(&["--json", "--config", directory.to_str().unwrap()])
        .is_refused(1, &["cannot read the configuration"]);
}

#[test]
fn a_configuration_is_blamed_by_file_line_and_key_and_never_written() {
    let home = Home::new();
    for (content, words) in [
        (
            &b"# mine\nnik = \"anna\"\n"[..],
            &["config.toml, line 2", "no key `nik`", "nick"][..],
        ),
        (
            b"nick = \"a b\"",
            &["line 1", "key `nick`", "may not contain ' '"],
        ),
        (b"\nlan = 1\n", &["line 2", "key `lan`", "lan = false"]),
        (
            b"bootstrap = [\"a\", \"b:c\"]",
            &["key `bootstrap`", "no port"],
        ),
        (b"nick = \"anna", &["line 1", "toml.io"]),
        (b"nick = \"\xff\"", &["cannot read the configuration"]),
    ] {
        let file = home.file(".config/fireside/config.toml", content);
        home.run(&["--json"]).is_refused(1, words);
        assert_eq!(read(&file), content);
    }
}

#[test]
fn a_configuration_is_followed_and_the_command_line_comes_first() {
    let home = Home::new();
    let data = home.path("data");
    home.file(
        ".config/fireside/config.toml",
        "nick = \"anna\"\nface = \"json\"\n",
    );
    let outcome = home.chat(&data, &[]);
    assert!(outcome.out.contains(r#""nick":"anna""#), "{outcome:?}");
    let outcome = home.chat(&data, &["--nick", "bo"]);
    assert!(outcome.out.contains(r#""nick":"bo""#), "{outcome:?}");
}

#[test]
fn a_key_that_is_damaged_or_exposed_is_not_used_and_not_overwritten() {
    let home = Home::new();
    let data = used(&home);
    let key = data.join("identity.key");
    let good = read(&key);
    for (content, words) in [
        (&b""[..], &["identity.key", "backup"][..]),
        (
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            &["identity.key"],
        ),
        (&[0xff; 9000], &["identity.key"]),
    ] {
        std::fs::write(&key, content).unwrap();
        home.chat(&data, &[]).is_refused(1, words);
        assert_eq!(read(&key), content);
    }
    std::fs::remove_file(&key).unwrap();
    std::fs::create_dir(&key).unwrap();
    home.chat(&data, &[]).is_refused(1, &["identity.key"]);
    std::fs::remove_dir(&key).unwrap();

    std::fs::write(&key, &good).unwrap();
    permit(&key, 0o644);
    home.chat(&data, &[])
        .is_refused(1, &["others on this machine may read it", "chmod 600"]);
    permit(&key, 0o600);
    assert_eq!(home.chat(&data, &[]).code, Some(0));
    assert_eq!(read(&key), good);
}

#[test]
fn a_damaged_database_is_kept_aside_and_said() {
    let home = Home::new();
    let data = used(&home);
    let database = data.join("fireside.db");
    let junk = b"this is no database, but somebody may still want it".repeat(100);
    std::fs::write(&database, &junk).unwrap();
    let outcome = home.chat(&data, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.out.contains("damaged"), "{outcome:?}");
    let kept = std::fs::read_dir(&data).unwrap().any(|file| {
        let path = file.unwrap().path();
        path != database && path.is_file() && read(&path) == junk
    });
    assert!(kept, "the damaged file is gone");
}

#[test]
fn a_database_of_another_kind_is_left_alone() {
    let home = Home::new();
    let data = used(&home);
    let database = data.join("fireside.db");
    std::fs::remove_file(&database).unwrap();
    std::fs::create_dir(&database).unwrap();
    home.chat(&data, &[])
        .is_refused(1, &["cannot open the stored history", "fireside.db"]);
    assert!(database.is_dir());
}

#[test]
fn what_is_ours_is_for_us_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let data = used(&home);
    for file in std::fs::read_dir(&data).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.path());
    }
    let mode = std::fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

fn permit(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}
