//! The compatibility preset, as the example `express` has it, in the place of the tutorial's server.

use std::path::PathBuf;
use std::process::{ChildStderr, Command};

use super::*;

/// The secret of this crate's refresh tokens: those of before have theirs.
const NEW_REFRESH_SECRET: &str = "refresh-secret-of-the-new-service-0123456789-abcdefghij";
/// Where the pages are, for the example's cookies and its check against other sites. It listens elsewhere.
const PAGES: &str = "http://127.0.0.1:3000";
const OTHER_PAGES: &str = "http://127.0.0.1:5173";

/// The example, until it is dropped.
struct Example {
    /// The URL of its users' routes.
    base: String,
    child: Child,
    // Kept open: it logs there.
    _stderr: BufReader<ChildStderr>,
}

impl Example {
    /// Starts it where the system before has stored that refresh token for Alice.
    fn start(stored: &str) -> Self {
        let mut child = Command::new(binary())
            .env_clear()
            .envs([
                ("ACCESS_TOKEN_SECRET", ACCESS_SECRET),
                ("REFRESH_TOKEN_SECRET", NEW_REFRESH_SECRET),
                ("SESSION_STORE", "memory:"),
                ("PUBLIC_ORIGIN", PAGES),
                ("FRONT_END_ORIGIN", OTHER_PAGES),
                ("BIND_ADDR", "127.0.0.1:0"),
                ("LEGACY_REFRESH_TOKEN_SECRET", REFRESH_SECRET),
                ("LEGACY_REFRESH_TOKEN", stored),
            ])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let Some(origin) = line.trim_end().strip_prefix("listening on ") else { panic!("it did not start: {line}") };
        Self { base: format!("{origin}/api/v1/users"), child, _stderr: stderr }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `cargo test` has built it.
fn binary() -> PathBuf {
    let me = std::env::current_exe().unwrap();
    let built = me.parent().unwrap().parent().unwrap().join("examples").join("express");
    let built = built.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(built.exists(), "run `cargo build --examples` first: `cargo test --test interop` alone builds none");
    built
}

/// Alice's tokens, from the body.
async fn log_in(base: &str) -> Value {
    let credentials = json!({"username": "alice", "password": "correct horse battery staple"});
    let answer = reqwest::Client::new().post(format!("{base}/login")).json(&credentials).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut answer: Value = answer.json().await.unwrap();
    let tokens = answer["data"].as_object_mut().unwrap();
    tokens.remove("user");
    answer["data"].take()
}

#[tokio::test]
async fn the_front_ends_run_unchanged_against_this_crate() {
    let before = Service::start("express_service.mjs");
    let tokens = log_in(&before.base).await;
    let here = Example::start(tokens["refreshToken"].as_str().unwrap());
    let stranger = legacy_refresh_token(NOBODY);
    let page = front_ends(&here.base, &json!({"origin": PAGES, "stranger": stranger, "before": tokens}));
    assert!(!page.contains("not run"), "{page}");
    front_ends(&here.base, &json!({"origin": OTHER_PAGES}));
}

#[tokio::test]
async fn services_that_only_verify_run_unchanged_beside_this_crate() {
    let here = Example::start("");
    let access = log_in(&here.base).await["accessToken"].take();
    for script in ["resource_service.mjs", "express_service.mjs"] {
        let service = Service::start(script);
        let request = reqwest::Client::new().get(format!("{}/current-user", service.base));
        let answer = request.bearer_auth(access.as_str().unwrap()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{script}");
        assert_eq!(answer.json::<Value>().await.unwrap()["data"]["_id"], ALICE, "{script}");
    }
}
