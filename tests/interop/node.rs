//! Node, with the packages of this folder.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails its test, at the line that called it"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A command that runs a script of this folder.
pub(crate) fn node(script: &str) -> Command {
    let folder = folder();
    for package in ["axios", "cookie-parser", "express", "jose", "jsonwebtoken"] {
        // Where they are missing, nothing was shown: that is no success.
        assert!(
            folder.join("node_modules").join(package).is_dir(),
            "the Node package {package} is not installed: `sh tests/run.sh` installs it"
        );
    }
    let mut command = Command::new("node");
    command.arg(folder.join(script));
    command
}

/// What the two libraries answer to these jobs; `tokens.mjs` says what a job is.
pub(crate) fn ask(jobs: &[Value]) -> Vec<Value> {
    let mut child = node("tokens.mjs")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node does not start: `sh tests/run.sh` installs it");
    child.stdin.take().unwrap().write_all(Value::from(jobs).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "tokens.mjs failed: what it says stands above");
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), jobs.len());
    answers
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop")
}
