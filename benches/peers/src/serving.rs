//! A server in a process of its own, and what it takes to answer.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jwt_sessions_benches::rounds::quantile;

/// A server that runs until it is dropped.
pub struct Server {
    child: Child,
    origin: String,
}

impl Server {
    /// Starts it on the first core, and waits for the line with its address.
    pub fn start(program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = on_core(FIRST, program);
        command.args(arguments).envs(variables.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("taskset {program:?}: {error}"));
        let mut origin = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut origin).unwrap();
        assert!(origin.starts_with("http://"), "{program:?} {arguments:?} did not start: {origin}");
        Self { child, origin: origin.trim().to_owned() }
    }

    /// An address on it.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Asks it by wrk, on the other core.
    pub fn asked_by(&self, wrk: &[&str]) -> Turn {
        let before = self.processor_time();
        let done = on_core(SECOND, Path::new("wrk")).args(wrk).stdin(Stdio::null()).output().unwrap();
        let nanoseconds = self.processor_time() - before;
        let said = String::from_utf8_lossy(&done.stdout);
        let line = said.lines().find_map(|line| line.strip_prefix("benchmark "));
        let line = line.unwrap_or_else(|| panic!("wrk: {said} {}", String::from_utf8_lossy(&done.stderr)));
        let said: Vec<f64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        let [requests, microseconds, failures, _, late] = said[..] else { panic!("{line}") };
        Turn {
            cpu: nanoseconds as f64 / 1e3 / requests,
            rate: requests * 1e6 / microseconds,
            late,
            failures: failures as u64,
        }
    }

    /// What its threads have computed so far, in nanoseconds.
    fn processor_time(&self) -> u64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let time = |path: &Path| -> Option<u64> {
            fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
        };
        threads.flatten().filter_map(|thread| time(&thread.path())).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came of one turn.
pub struct Turn {
    cpu: f64,
    rate: f64,
    late: f64,
    /// Answers that were none, or no success.
    pub failures: u64,
}

/// The medians: microseconds of processor time for a request, requests a second, and the 99th percentile of the latency.
pub fn summary(turns: &[Turn]) -> (f64, f64, f64) {
    let median = |of: fn(&Turn) -> f64| quantile(&turns.iter().map(of).collect::<Vec<_>>(), 0.5);
    (median(|turn| turn.cpu), median(|turn| turn.rate), median(|turn| turn.late))
}

/// A program that keeps to one core, where there are two.
pub fn on_core(core: &str, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

/// The core of the server that is asked.
pub const FIRST: &str = "0";
/// The core of everything else.
pub const SECOND: &str = "1";
