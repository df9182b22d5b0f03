//! A server of several processes: all of them at once.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "a helper of tests, outside of any test function")]

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// The processes that this one started.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// Sends a signal, by name, to a process and then to those that it started.
pub(crate) fn signal_all(signal: &str, parent: u32) {
    send(signal, &[parent]);
    send(signal, &children(parent));
}

pub(crate) fn send(signal: &str, pids: &[u32]) {
    if !pids.is_empty() {
        // One of them may have ended already.
        let pids = pids.iter().map(u32::to_string);
        Command::new("kill").arg(format!("-{signal}")).args(pids).output().unwrap();
    }
}

/// Ends a process and those that it started, as a power cut does, and waits until none is left.
pub(crate) async fn kill_all(parent: u32) {
    // Nobody starts another one meanwhile.
    send("STOP", &[parent]);
    let children = children(parent);
    send("KILL", &children);
    send("KILL", &[parent]);
    let begun = Instant::now();
    while children.iter().any(|pid| is_there(*pid)) {
        assert!(begun.elapsed() < Duration::from_secs(10), "a killed process is still there");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Whether it is more than an entry that its parent has not read.
fn is_there(pid: u32) -> bool {
    status(pid).is_some_and(|status| !status.contains("State:\tZ"))
}

fn parent_of(pid: u32) -> Option<u32> {
    status(pid)?.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

fn status(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/status")).ok()
}
