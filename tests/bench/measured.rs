//! A process that is measured, as long as this lives: what it takes of the machine.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// What the kernel of Linux counts processor time in (times(2)).
const TICKS_PER_SECOND: f64 = 100.0;

pub struct Measured(Child);

impl Measured {
    /// Starts it, and waits for a line of its that is a sign that it is ready; gives that line, and what comes next.
    pub fn start(
        command: &mut Command,
        is_sign: impl Fn(&str) -> bool,
    ) -> (Self, String, BufReader<ChildStdout>) {
        let mut child = command
            // Some end when this pipe does.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !is_sign(&line) {
            line.clear();
            let size = output.read_line(&mut line).unwrap();
            assert!(size > 0, "{command:?} ended before it was ready");
        }
        (Self(child), line, output)
    }

    fn of_proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.0.id())).unwrap()
    }

    /// Seconds of processor time so far.
    pub fn busy(&self) -> f64 {
        let stat = self.of_proc("stat");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split(' ').collect();
        let ticks = [12, 13].map(|at: usize| fields[at].parse::<f64>().unwrap());
        ticks.iter().sum::<f64>() / TICKS_PER_SECOND
    }

    /// Kilobytes of memory in use.
    pub fn memory(&self) -> f64 {
        let status = self.of_proc("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
        kilobytes.parse().unwrap()
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
