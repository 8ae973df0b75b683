//! What this process takes of its machine, where the system tells.

/// What it takes.
pub(crate) struct Process {
    pub(crate) resident_bytes: u64,
    pub(crate) files: usize,
}

/// The figures of this moment. Only Linux tells them in files.
pub(crate) fn figures() -> Option<Process> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    Some(Process {
        resident_bytes: resident(&status)?,
        files: std::fs::read_dir("/proc/self/fd").ok()?.count(),
    })
}

/// The line `VmRSS:     1234 kB` (proc_pid_status(5)).
fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kb: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kb * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_status() {
        let status = "Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t1\n";
        assert_eq!(resident(status), Some(1234 * 1024));
        assert_eq!(resident("Name:\tx\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_takes_something() {
        let figures = figures().unwrap();
        assert!(figures.resident_bytes > 1024 && figures.files > 2);
    }
}
