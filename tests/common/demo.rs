//! The demo as a process of its own, in a folder of its own, on a free port.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper that fails fails its test, at the line that called it")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A demo that runs until it is dropped. Dropping it is `kill -9`.
pub(crate) struct Demo {
    /// `http://127.0.0.1:PORT`
    pub(crate) origin: String,
    /// What it printed before the line with its address.
    pub(crate) printed: Vec<String>,
    child: Child,
}

impl Demo {
    /// Starts it in `folder` with these variables and no others, and waits for its line.
    #[track_caller]
    pub(crate) fn start(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut child = command(folder, variables).stderr(Stdio::inherit()).spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let mut printed = Vec::new();
        loop {
            let Ok(line) = lines.recv_timeout(PATIENCE) else {
                let _ = child.kill();
                panic!("the demo did not start: {:?}, it printed {printed:?}", child.wait());
            };
            if let Some(rest) = line.strip_prefix("The demo is at ") {
                let origin = rest.split(' ').next().unwrap_or_default().to_owned();
                return Self { origin, printed, child };
            }
            printed.push(line);
        }
    }

    /// Runs it where it must refuse to start: how it ended, and what it wrote to stderr.
    #[track_caller]
    pub(crate) fn refused(folder: &Path, variables: &[(&str, &str)]) -> (ExitStatus, String) {
        let mut child = command(folder, variables).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        while let Ok(line) = lines.recv_timeout(PATIENCE) {
            if line.starts_with("The demo is at ") {
                let _ = child.kill();
                panic!("the demo started");
            }
        }
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (child.wait().unwrap(), stderr)
    }

    /// The address that it listens on, to start another one there.
    pub(crate) fn address(&self) -> &str {
        self.origin.trim_start_matches("http://")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Asks it to end, as `kill` does, and waits until it has.
    #[cfg(unix)]
    pub(crate) fn end(mut self) -> ExitStatus {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary());
    command.current_dir(folder).env_clear().env("BIND_ADDR", "127.0.0.1:0").envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// The lines of the child's stdout, read to the end so that it never waits for a reader.
fn lines_of(stdout: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // The test may have heard enough.
            let _ = send.send(line);
        }
    });
    receive
}

/// The demo's binary, built as the tests were. `cargo test --test NAME` alone does not build examples.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // `target/PROFILE/deps/TEST`
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "-p", "jwt-sessions", "--example", "demo", "--manifest-path"]);
        build
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .arg("--target-dir")
            .arg(profile.parent().unwrap());
        // With the stores that this test has.
        let stores = [
            ("postgres", cfg!(feature = "postgres")),
            ("mysql", cfg!(feature = "mysql")),
            ("redis", cfg!(feature = "redis")),
            ("mongodb", cfg!(feature = "mongodb")),
        ];
        for (feature, _) in stores.into_iter().filter(|(_, is_on)| *is_on) {
            build.args(["--features", feature]);
        }
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the demo does not build");
        profile.join("examples").join(format!("demo{}", std::env::consts::EXE_SUFFIX))
    })
}

/// Far more than anything here takes, so that only what hangs runs into it.
const PATIENCE: Duration = Duration::from_secs(60);
