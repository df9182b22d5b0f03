//! Front ends and services of the widespread Express tutorial.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails fails its test, at the line that called it"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, SystemTime};

use jwt_sessions::clock::Clock;
use jwt_sessions::store::MemoryStore;
use jwt_sessions::token::Timestamp;
use jwt_sessions::{Client, Grant, Keys, Opened, Sessions, Tokens, accounts_elsewhere};
use serde_json::{Value, json};

use super::node::{ask, node};

#[path = "preset.rs"]
mod preset;

/// The secrets of these services; `jsonwebtoken` takes a text's bytes as they are, and so does this crate.
const ACCESS_SECRET: &str = "access-secret-of-these-tests-0123456789-abcdefghij";
const REFRESH_SECRET: &str = "refresh-secret-of-these-tests-0123456789-abcdefghij";

/// The one person that the services know: Alice.
const ALICE: &str = "65a1b2c3d4e5f60718293a4b";
const NOBODY: &str = "507f191e810c19729de860ea";

/// A service of this folder that runs until it is dropped.
struct Service {
    /// The URL of its users' routes.
    base: String,
    child: Child,
    // Kept open: what it writes later needs a reader.
    _stdout: BufReader<ChildStdout>,
}

impl Service {
    fn start(script: &str) -> Self {
        let mut child = node(script)
            .env("ACCESS_TOKEN_SECRET", ACCESS_SECRET)
            .env("ACCESS_TOKEN_EXPIRY", "1d")
            .env("REFRESH_TOKEN_SECRET", REFRESH_SECRET)
            .env("REFRESH_TOKEN_EXPIRY", "10d")
            // It ends when this closes, also when the test is killed.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node does not start: `sh tests/run.sh` installs it");
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut base = String::new();
        stdout.read_line(&mut base).unwrap();
        assert!(base.starts_with("http://127.0.0.1:"), "{script} did not start: what it says stands above");
        Self { base: base.trim_end().to_owned(), child, _stdout: stdout }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the front ends against the server at `base`: what they printed. `front_end.mjs` says what the options are.
///
/// It blocks: a server in the same process needs threads of its own.
fn front_ends(base: &str, options: &Value) -> String {
    let output = node("front_end.mjs")
        .args([base, &options.to_string()])
        .output()
        .expect("node does not start: `sh tests/run.sh` installs it");
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "the step that failed is the last one:\n{stdout}{stderr}");
    assert!(stdout.ends_with("done\n"), "{stdout}");
    stdout
}

/// A refresh token as the tutorial's server signs it.
fn legacy_refresh_token(id: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({"_id": id, "iat": now, "exp": now + 864_000});
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let job = json!({"job": "sign", "by": "jsonwebtoken", "header": header, "claims": claims, "key": REFRESH_SECRET});
    ask(&[job])[0]["token"].as_str().unwrap().to_owned()
}

#[test]
fn the_front_ends_run_against_the_tutorials_own_server() {
    let server = Service::start("express_service.mjs");
    let page = front_ends(&server.base, &json!({"stranger": legacy_refresh_token(NOBODY)}));
    // Nobody's place is taken here; all else was tried.
    assert_eq!(page.matches("not run").count(), 1, "{page}");
    // A development server's page, on another port.
    front_ends(&server.base, &json!({"origin": "http://127.0.0.1:5173"}));
}

/// Tokens of this crate for that person, under the names that the tutorial has.
async fn issue(id: &str, secret: &str, clock: Clock) -> Tokens {
    let grant = async |_: String| {
        let claims = json!({"email": "alice@example.com", "username": "alice", "fullName": "Alice Example"});
        Ok::<_, std::io::Error>(Some(Grant::new(claims)))
    };
    let keys = Keys::secrets(secret, REFRESH_SECRET).unwrap();
    let sessions = Sessions::builder(keys, MemoryStore::new(clock.clone()), accounts_elsewhere(grant))
        .issuer("https://id.example")
        .subject_claim("_id")
        .clock(clock)
        .build()
        .unwrap();
    match sessions.open(id, Client::default()).await.unwrap() {
        Opened::Tokens(tokens) => tokens,
        other => panic!("no session: {other:?}"),
    }
}

#[tokio::test]
async fn a_service_of_the_tutorials_shape_takes_our_access_tokens_unchanged() {
    let service = Service::start("resource_service.mjs");
    let url = format!("{}/current-user", service.base);
    let http = reqwest::Client::new();
    let tokens = issue(ALICE, ACCESS_SECRET, Clock::system()).await;
    let access = tokens.access_token();
    for (header, value) in [("authorization", format!("Bearer {access}")), ("cookie", format!("accessToken={access}"))]
    {
        let answer = http.get(&url).header(header, value).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{header}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!([&body["data"]["_id"], &body["data"]["fullName"]], [ALICE, "Alice Example"], "{header}");
    }

    // And no other: it still looks at what it gets.
    let long_ago = SystemTime::now() - Duration::from_secs(2 * 3600);
    let long_ago = long_ago.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let long_ago = Clock::manual(Timestamp::from_secs(i64::try_from(long_ago).unwrap()));
    let expired = issue(ALICE, ACCESS_SECRET, long_ago).await;
    let stranger = issue(NOBODY, ACCESS_SECRET, Clock::system()).await;
    let forged = issue(ALICE, "another-secret-of-these-tests-0123456789-abcdefghij", Clock::system()).await;
    for (token, message) in [
        (tokens.refresh_token(), "invalid signature"),
        (expired.access_token(), "jwt expired"),
        (stranger.access_token(), "Invalid Access Token"),
        (forged.access_token(), "invalid signature"),
    ] {
        let answer = http.get(&url).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{message}");
        assert_eq!(answer.json::<Value>().await.unwrap()["message"], message);
    }
}
