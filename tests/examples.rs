//! The examples, run as a reader would run them: what each accepts and what it refuses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside the test functions fail their test"
)]

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jwt_sessions::clock::Clock;
use jwt_sessions::token::{ACCESS_TYPE, Algorithm, KeySet, REFRESH_TYPE, Signer, SigningKey};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// Where `cargo test` has built the example. Cargo tells the paths of programs, but not those of examples.
fn example(name: &str) -> PathBuf {
    let me = std::env::current_exe().unwrap();
    let built = me.parent().unwrap().parent().unwrap().join("examples").join(name);
    let built = built.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(built.exists(), "run `cargo build --examples` first: `cargo test --test examples` alone builds none");
    built
}

/// A program with no variables but these, which ends with the test.
struct Program(Child);

impl Program {
    fn start(name: &str, vars: &[(&str, &str)]) -> Self {
        let mut command = Command::new(example(name));
        command.env_clear().envs(vars.iter().copied());
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// The address that it says it listens on.
    fn address(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.0.stderr.take().unwrap()).read_line(&mut line).unwrap();
        line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a program that ends by itself prints, line by line.
fn printed(name: &str) -> Vec<String> {
    let output = Command::new(example(name)).env_clear().stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

async fn get(client: &Client, url: String, token: Option<&str>) -> (StatusCode, String) {
    let request = client.get(url);
    let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
    let response = request.send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

async fn post(client: &Client, url: String, body: Value) -> (StatusCode, Value) {
    let response = client.post(url).json(&body).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

const MINIMAL: [(&str, &str); 4] = [
    ("ACCESS_TOKEN_SECRET", "access-secret-0123456789-abcdefghijklmno"),
    ("REFRESH_TOKEN_SECRET", "refresh-secret-0123456789-abcdefghijklmno"),
    ("SESSION_STORE", "memory:"),
    ("PUBLIC_ORIGIN", "http://127.0.0.1:3000"),
];

/// The port is the README's, and may be taken on this machine: where the system gives this test a network of its own, it
/// runs there.
#[test]
fn minimal_logs_in_protects_and_logs_out() {
    const INSIDE: &str = "JWT_SESSIONS_TEST_OWN_NETWORK";
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "sh", "-c", script]).stdin(Stdio::null());
        command
    };
    let up = "ip link set lo up";
    let is_inside = std::env::var_os(INSIDE).is_some();
    if !is_inside && unshare(up).output().is_ok_and(|output| output.status.success()) {
        let again = format!(r#"{up} && exec "$0" --exact minimal_logs_in_protects_and_logs_out"#);
        let output = unshare(&again).arg(std::env::current_exe().unwrap()).env(INSIDE, "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let free = TcpListener::bind("127.0.0.1:3000").map(drop);
    free.expect("the example `minimal` needs port 3000 of 127.0.0.1: end what listens there, and run the test again");
    let mut program = Program::start("minimal", &MINIMAL);
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect("127.0.0.1:3000").is_err() {
        assert!(program.0.try_wait().unwrap().is_none() && Instant::now() < deadline, "it does not listen");
        std::thread::yield_now();
    }
    tokio::runtime::Runtime::new().unwrap().block_on(walk_through_minimal());
}

async fn walk_through_minimal() {
    let client = Client::new();
    let url = |path: &str| format!("http://127.0.0.1:3000{path}");
    let me = async |token: Option<&str>| get(&client, url("/me"), token).await;
    assert_eq!(me(None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(get(&client, url("/nowhere"), None).await.0, StatusCode::NOT_FOUND);

    let wrong = json!({"username": "alice", "password": "guess"});
    let (status, body) = post(&client, url("/auth/login?delivery=body"), wrong).await;
    assert_eq!((status, &body["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_credentials")));

    let right = json!({"username": "alice", "password": "correct horse battery staple"});
    let (status, tokens) = post(&client, url("/auth/login?delivery=body"), right).await;
    assert_eq!(status, StatusCode::OK);
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(me(Some(access)).await, (StatusCode::OK, String::from("hello, alice")));
    assert_eq!(get(&client, url("/admin"), Some(access)).await.0, StatusCode::FORBIDDEN);

    let refresh = json!({"refresh_token": tokens["refresh_token"]});
    let (status, renewed) = post(&client, url("/auth/refresh"), refresh.clone()).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(renewed["refresh_token"], tokens["refresh_token"]);
    assert_eq!(me(renewed["access_token"].as_str()).await.0, StatusCode::OK);

    let logout = client.post(url("/auth/logout")).json(&refresh).send().await.unwrap();
    assert_eq!(logout.status(), StatusCode::OK);
    assert_eq!(me(Some(access)).await.0, StatusCode::UNAUTHORIZED, "its access tokens end with the session");
    let (status, body) = post(&client, url("/auth/refresh"), refresh).await;
    assert_eq!((status, &body["error"]), (StatusCode::UNAUTHORIZED, &json!("session_ended")));
}

#[test]
fn minimal_stops_with_one_line_that_names_the_bad_setting() {
    for (name, value) in
        [("ACCESS_TOKEN_SECRET", "planted"), ("SESSION_STORE", "planted"), ("PUBLIC_ORIGIN", "planted")]
    {
        let vars = MINIMAL.map(|(other, good)| (other, if other == name { value } else { good }));
        let output = Command::new(example("minimal")).env_clear().envs(vars).stdin(Stdio::null()).output().unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(printed.starts_with(&format!("Error: {name} ")), "{printed}");
        assert!(printed.lines().count() == 1 && !printed.contains("planted"), "{printed}");
    }
}

#[test]
fn minimal_is_fifteen_lines_of_use_and_main() {
    let source = include_str!("../examples/minimal.rs");
    let end_of_main = source.find("\n}\n").unwrap() + 2;
    let lines = source[..end_of_main].lines().filter(|line| !line.is_empty() && !line.starts_with("//"));
    assert_eq!(lines.count(), 15);
}

#[tokio::test]
async fn bearer_api_takes_the_issuers_tokens_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let pair = SigningKey::detect_pem(include_str!("keys/ed25519.pem")).unwrap();
    let stranger = SigningKey::detect_pem(include_str!("keys/p256.pem")).unwrap();
    let text = "shared-secret-0123456789-abcdefghijklmno";
    let secret = SigningKey::secret(Algorithm::HS256, text).unwrap();
    let jwks = folder.path().join("jwks.json");
    std::fs::write(&jwks, KeySet::new(pair.clone()).public_jwks()).unwrap();
    let pem = folder.path().join("public.pem");
    std::fs::write(&pem, include_str!("keys/ed25519_public.pem")).unwrap();
    for (variable, value, key) in [
        ("PUBLIC_KEY_FILE", pem.to_str().unwrap(), &pair),
        ("JWKS_FILE", jwks.to_str().unwrap(), &pair),
        ("ACCESS_TOKEN_SECRET", text, &secret),
    ] {
        let vars = [
            ("BIND_ADDR", "127.0.0.1:0"),
            ("ISSUER", "https://id.example"),
            ("AUDIENCE", "https://api.example"),
            (variable, value),
        ];
        let mut program = Program::start("bearer_api", &vars);
        let (address, client) = (program.address(), Client::new());
        let now = Clock::system().now().as_secs();
        let signed = |key: &SigningKey, typ: &str, members: Value| {
            let mut claims = json!({
                "iss": "https://id.example", "aud": "https://api.example", "sub": "alice", "iat": now, "exp": now + 60,
            });
            claims.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            Signer::new(key.clone(), typ).sign(&claims.to_string()).unwrap()
        };
        let token = |members: Value| signed(key, ACCESS_TYPE, members);
        let ask =
            async |path: &str, token: Option<String>| get(&client, format!("{address}{path}"), token.as_deref()).await;

        let gold = token(json!({"plan": "gold"}));
        assert_eq!(ask("/plan", Some(gold.clone())).await, (StatusCode::OK, "alice has plan gold\n".to_owned()));
        assert_eq!(ask("/plan", Some(token(json!({})))).await.1, "alice has plan free\n");
        let reader = token(json!({"scope": "reports:read"}));
        assert_eq!(ask("/reports", Some(reader)).await.0, StatusCode::OK);
        assert_eq!(ask("/reports", Some(gold)).await.0, StatusCode::FORBIDDEN);
        assert_eq!(ask("/health", None).await.0, StatusCode::OK);
        assert_eq!(ask("/nowhere", None).await.0, StatusCode::NOT_FOUND);

        assert_eq!(ask("/plan", None).await.0, StatusCode::UNAUTHORIZED);
        for (why, refused) in [
            ("expired", token(json!({"exp": now - 1}))),
            ("for another service", token(json!({"aud": "https://other.example"}))),
            ("from another issuer", token(json!({"iss": "https://other.example"}))),
            ("a refresh token", signed(key, REFRESH_TYPE, json!({}))),
            ("of another key", signed(&stranger, ACCESS_TYPE, json!({}))),
            ("no token at all", String::from("a.b.c")),
        ] {
            assert_eq!(ask("/plan", Some(refused)).await.0, StatusCode::UNAUTHORIZED, "{variable}: {why}");
        }
    }
}

#[test]
fn custom_store_passes_the_suite_and_keeps_sessions() {
    let lines = printed("custom_store");
    let expected =
        ["the store keeps its promises", "alice has 1 session", "renewed: true", "after the end: SessionEnded(Ended)"];
    assert_eq!(lines, expected);
}

#[test]
fn tower_only_lets_the_right_one_in() {
    let lines = printed("tower_only");
    let expected = ["with the scope: 200 hello, Alice", "without it: 403 ", "a forged token: 401 ", "nobody: 401 "];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
}
