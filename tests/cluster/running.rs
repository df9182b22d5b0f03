//! `examples/cluster/run.sh` as somebody at a terminal runs it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a helper that fails fails its test")]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A cluster that runs until it is ended or dropped.
pub(crate) struct Cluster {
    /// nginx's address.
    pub(crate) origin: String,
    /// Where its logs and process ids are.
    pub(crate) folder: PathBuf,
    script: Child,
}

impl Cluster {
    /// Starts it and waits for its address.
    pub(crate) fn start(store: &str) -> Self {
        Self::started(Command::new("sh").args([SCRIPT, store]))
    }

    /// The same as the child of a shell, which is then [`pid`](Self::pid).
    pub(crate) fn start_below_a_shell(store: &str) -> Self {
        Self::started(Command::new("sh").args(["-c", r#"sh "$@"; exit"#, "sh", SCRIPT, store]))
    }

    fn started(command: &mut Command) -> Self {
        // `target/PROFILE/deps/TEST`
        let test = std::env::current_exe().unwrap();
        let target = test.ancestors().nth(3).unwrap();
        command.env("CARGO_TARGET_DIR", target).env_remove("PORT").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut script = command.spawn().unwrap();
        let lines = lines_of(script.stdout.take().unwrap());
        let mut folder = PathBuf::new();
        loop {
            let Ok(line) = lines.recv_timeout(TO_BUILD) else {
                terminate(script.id());
                panic!("the cluster did not start: {}", script.wait().unwrap());
            };
            if let Some(rest) = line.strip_prefix("Starting it in ") {
                folder = rest.split(',').next().unwrap().into();
            }
            if let Some(rest) = line.strip_prefix("The demo is at ") {
                let origin = rest.split(' ').next().unwrap().to_owned();
                return Self { origin, folder, script };
            }
        }
    }

    /// The script's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.script.id()
    }

    /// The process ids of all that it started, by name.
    pub(crate) fn processes(&self) -> Vec<(String, u32)> {
        let files = std::fs::read_dir(&self.folder).unwrap().map(|file| file.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "pid"));
        let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
        let pid = |path: &Path| std::fs::read_to_string(path).unwrap().trim().parse().unwrap();
        files.map(|path| (name(&path), pid(&path))).collect()
    }

    /// The addresses of the instances, by their numbers less one.
    pub(crate) fn instances(&self) -> [String; 3] {
        ["instance-1.log", "instance-2.log", "instance-3.log"].map(|file| {
            let log = std::fs::read_to_string(self.folder.join(file)).unwrap();
            let address = log.lines().find_map(|line| line.strip_prefix("The demo is at http://")).unwrap();
            address.split(' ').next().unwrap().to_owned()
        })
    }

    /// Kills an instance, by its number less one, without a chance to write anything.
    pub(crate) fn kill_instance(&self, index: usize) {
        let name = format!("instance-{}", index + 1);
        let (_, pid) = self.processes().into_iter().find(|process| process.0 == name).unwrap();
        kill(pid);
        // The port may be open for a moment longer than there is such a process.
        soon("nobody listens", || TcpStream::connect(&self.instances()[index]).is_err());
    }

    /// Asks it to end, as `kill` does, and waits until it has.
    pub(crate) fn end(mut self) -> ExitStatus {
        terminate(self.pid());
        self.script.wait().unwrap()
    }

    /// Waits until all that it started is gone, and its folder.
    pub(crate) fn leaves_nothing(folder: &Path, processes: &[(String, u32)]) {
        for (_, pid) in processes {
            gone_soon(*pid);
        }
        soon("the folder is gone", || !folder.exists());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Ok(None) = self.script.try_wait() {
            terminate(self.pid());
            let _ = self.script.wait();
        }
    }
}

fn terminate(pid: u32) {
    signal("-TERM", pid);
}

pub(crate) fn kill(pid: u32) {
    signal("-KILL", pid);
}

fn signal(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

/// Waits until there is no such process, or only what nobody has asked about yet.
pub(crate) fn gone_soon(pid: u32) {
    soon("the process is gone", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'))
    });
}

fn soon(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < TO_END, "still not: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The lines of a child's output, read to the end so that it never waits for a reader.
fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    receive
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cluster/run.sh");
/// The first line comes before the demo is built.
const TO_BUILD: Duration = Duration::from_secs(1200);
const TO_END: Duration = Duration::from_secs(60);
