//! A process that never outlives the test that started it.
#![allow(clippy::unwrap_used, reason = "a helper of tests, outside of any test function")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server in the foreground.
pub(crate) struct Process {
    keeper: Child,
    pid: u32,
}

/// Starts the program, says its id, and ends it when its own input ends: that is also when the test is killed.
const KEEPER: &str = r#""$@" </dev/null >>"$0" 2>&1 & echo $!; read -r _; kill -KILL $!; wait $!"#;

impl Process {
    /// Starts a program whose output is kept in `log`.
    pub(crate) fn start(program: &str, args: &[&str], log: &Path) -> Self {
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .arg(log)
            .arg(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        BufReader::new(keeper.stdout.as_mut().unwrap()).read_line(&mut pid).unwrap();
        Self { keeper, pid: pid.trim().parse().unwrap() }
    }

    /// Ends it at once, without a chance to write anything, as a crash does.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// It stands still until it is thawed: connections stay open, and nobody answers.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends it a signal, by name: `TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        Command::new("kill").args([&format!("-{signal}"), &self.pid.to_string()]).status().unwrap();
    }

    fn end(&mut self) {
        // Its input ends, and so does it.
        drop(self.keeper.stdin.take());
        self.keeper.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
