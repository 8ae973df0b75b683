//! A link on its way to whatever opens links here.

use std::io;
use std::process::{Command, Stdio};

/// What is opened: pages, and nothing that runs a program.
const OPENED: &[&str] = &[
    "https://",
    "http://",
    "ftp://",
    "gemini://",
    "gopher://",
    "mailto:",
];

/// Whether there is something here that could open a link: over a plain remote shell there is not.
pub(crate) fn is_here(env: impl Fn(&str) -> Option<String>) -> bool {
    let has_screen = |name| env(name).is_some_and(|value| !value.is_empty());
    cfg!(any(windows, target_os = "macos"))
        || has_screen("DISPLAY")
        || has_screen("WAYLAND_DISPLAY")
        || has_screen("BROWSER")
}

/// Opens a link, and does not wait for it.
///
/// # Errors
/// If it is none that is opened, or there is no opener.
pub(crate) fn open(link: &str) -> io::Result<()> {
    if !OPENED.iter().any(|scheme| link.starts_with(scheme)) {
        return Err(io::Error::other("not a page"));
    }
    let mut opener = opener();
    let mut child = opener
        .arg(link)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // It is waited for, so that it does not stay behind as a zombie.
    std::thread::Builder::new()
        .name("browser".to_owned())
        .spawn(move || child.wait())?;
    Ok(())
}

fn opener() -> Command {
    if cfg!(windows) {
        let mut opener = Command::new("rundll32");
        opener.arg("url.dll,FileProtocolHandler");
        opener
    } else if cfg!(target_os = "macos") {
        Command::new("open")
    } else {
        Command::new("xdg-open")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_are_opened() {
        for link in [
            "file:///etc/passwd",
            "-h",
            "javascript:1",
            "fireside://x",
            "",
        ] {
            assert!(open(link).is_err(), "{link}");
        }
    }

    #[test]
    fn over_a_plain_remote_shell_nothing_opens_links() {
        let with = |set: &'static str| is_here(move |name| (name == set).then(|| ":0".to_owned()));
        if cfg!(all(unix, not(target_os = "macos"))) {
            assert!(with("DISPLAY") && with("WAYLAND_DISPLAY") && with("BROWSER"));
            assert!(!with("SSH_TTY"));
        }
    }
}
