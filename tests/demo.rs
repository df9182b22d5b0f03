//! The demo starts with nothing set, refuses what it cannot use in one line, and answers bad input with fixed texts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers outside the test functions fail their test")]

mod common;

use std::net::TcpListener;

use common::demo::Demo;
use common::device::{Channel, Device, register};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn it_starts_with_nothing_set_and_keeps_its_files_to_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    assert!(demo.printed.iter().any(|line| line.contains("demo-secrets")), "{:?}", demo.printed);
    let secrets = std::fs::read_to_string(folder.path().join("demo-secrets")).unwrap();
    for secret in secrets.lines().filter_map(|line| line.split_once('=')) {
        assert!(demo.printed.iter().all(|line| !line.contains(secret.1)), "{} was printed", secret.0);
    }
    #[cfg(unix)]
    for file in ["demo-secrets", "demo-accounts.db", "demo-sessions.db"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    }
}

#[tokio::test]
async fn it_is_ready_when_it_says_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    let ready = Device::new(&demo, Channel::Body).get("/ready").await;
    assert_eq!((ready.status, ready.json), (200, json!({ "ready": true })));
}

#[cfg(unix)]
#[tokio::test]
async fn it_ends_when_asked_and_knows_its_accounts_again() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    assert_eq!(register(&demo, "alice").await.status, 201);
    assert!(demo.end().success());
    let demo = Demo::start(folder.path(), &[]);
    assert_eq!(register(&demo, "ALICE").await.status, 409);
}

#[test]
fn what_it_cannot_use_is_one_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let letter = folder.path().join("letter.txt");
    let text = "Dear reader, this is a letter and no database.".repeat(400);
    std::fs::write(&letter, &text).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let secret = "qwertyuiopasdfghjklzxcvbnm0123456789";
    let cases = [
        ("BIND_ADDR", taken.as_str(), "BIND_ADDR"),
        ("BIND_ADDR", "nowhere", "BIND_ADDR"),
        ("DEMO_DATA", "letter.txt", "letter.txt"),
        ("DEMO_DATA", "", "DEMO_DATA"),
        ("DEMO_DATA", "no/such/folder.db", "DEMO_DATA"),
        ("RATE_LIMIT", "no", "RATE_LIMIT"),
        ("TRUSTED_PROXIES", "all", "TRUSTED_PROXIES"),
        ("ACCESS_TOKEN_SECRET", secret, "REFRESH_TOKEN_SECRET"),
        ("JWT_REFRESH_TOKEN_SECRET", secret, "ACCESS_TOKEN_SECRET"),
        ("SESSION_STORE", "sqlite:letter.txt", "SESSION_STORE"),
        ("SESSION_STORE", "sqlite:no/such/folder.db", "SESSION_STORE"),
        ("SESSION_STORE", "sqlite:", "SESSION_STORE"),
        ("SESSION_STORE", "nowhere", "SESSION_STORE"),
        ("ACCESS_TOKEN_EXPIRY", "2h", "ACCESS_TOKEN_EXPIRY"),
        ("ACCESS_TOKEN_EXPIRY", "soon", "ACCESS_TOKEN_EXPIRY"),
        ("REFRESH_TOKEN_EXPIRY", "", "REFRESH_TOKEN_EXPIRY"),
        ("ROTATION_WINDOW", "99s", "ROTATION_WINDOW"),
        ("PUBLIC_ORIGIN", "http://app.example", "PUBLIC_ORIGIN"),
        ("COOKIES", "perhaps", "COOKIES"),
    ];
    for (name, value, named) in cases {
        let (status, stderr) = Demo::refused(folder.path(), &[(name, value), ("RUST_BACKTRACE", "1")]);
        assert_eq!(status.code(), Some(1), "{name}={value}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{name}={value}: {stderr}");
        assert!(stderr.contains(named) && !stderr.contains(secret), "{name}={value}: {stderr}");
    }
    assert_eq!(std::fs::read_to_string(letter).unwrap(), text);
}

#[test]
fn a_damaged_session_file_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    drop(Demo::start(folder.path(), &[]));
    for file in ["demo-sessions.db-wal", "demo-sessions.db-shm"] {
        // They are there only where the end was not a clean one.
        let _ = std::fs::remove_file(folder.path().join(file));
    }
    let file = folder.path().join("demo-sessions.db");
    let damaged = vec![0xA5; 3 * 4096];
    std::fs::write(&file, &damaged).unwrap();
    let (status, stderr) = Demo::refused(folder.path(), &[]);
    assert_eq!((status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("SESSION_STORE"), "{stderr}");
    assert_eq!(std::fs::read(&file).unwrap(), damaged);
}

#[tokio::test]
async fn instances_that_start_at_once_agree_on_their_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Demo::start(folder.path(), &[("ISSUER", "https://demo.example")]);
    let (one, two) = std::thread::scope(|scope| {
        let two = scope.spawn(start);
        (start(), two.join().unwrap())
    });
    register(&one, "alice").await;
    let mut alice = Device::new(&one, Channel::Body);
    assert_eq!(alice.login("alice").await.status, 200);
    let mut elsewhere = alice.at(&two);
    assert_eq!(elsewhere.get("/me").await.status, 200);
    assert_eq!(elsewhere.refresh().await.status, 200);
}

#[test]
fn a_broken_line_of_the_env_file_is_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "ACCESS_TOKEN_SECRET='qwertyuiop asdfghjkl\n").unwrap();
    let (status, stderr) = Demo::refused(folder.path(), &[]);
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains(".env") && !stderr.contains("qwertyuiop"), "{stderr}");
}

#[tokio::test]
async fn the_env_file_of_the_working_directory_counts_and_the_environment_counts_more() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "DEMO_DATA=here.db\nRATE_LIMIT=perhaps\n").unwrap();
    let _demo = Demo::start(folder.path(), &[("RATE_LIMIT", "off")]);
    assert!(folder.path().join("here.db").exists());
    assert!(!folder.path().join("demo-accounts.db").exists());
}

#[tokio::test]
async fn the_page_runs_nothing_but_its_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    for (path, content_type) in [
        ("/", "text/html"),
        ("/app.js", "text/javascript"),
        ("/session.js", "text/javascript"),
        ("/style.css", "text/css"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let response = Client::new().get(demo.url(path)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-type").starts_with(content_type));
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
    }
}

#[tokio::test]
async fn the_first_to_register_is_admin_and_names_are_taken_whatever_their_letter_case() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    let alice = register(&demo, "Alice").await;
    assert_eq!(alice.json, json!({ "username": "Alice", "email": "Alice@example.org", "admin": true }));
    assert_eq!(register(&demo, "bob").await.json["admin"], false);
    assert_eq!(register(&demo, "aLICE").await.error(), (409, "account_exists"));
}

#[tokio::test]
async fn a_bad_registration_is_refused_with_a_fixed_text() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    let long = "x".repeat(257);
    for body in [
        json!({ "username": { "$ne": null }, "email": "a@example.org", "password": "correct horse" }),
        json!({ "username": "alice", "email": ["a@example.org"], "password": "correct horse" }),
        json!({ "username": "alice", "email": "a@example.org", "password": 12_345_678 }),
        json!({ "username": "alice", "email": "a@example.org", "password": "short" }),
        json!({ "username": "alice", "email": "a@example.org", "password": long }),
        json!({ "username": "alice", "email": "nowhere", "password": "correct horse" }),
        json!({ "username": "a lice", "email": "a@example.org", "password": "correct horse" }),
        json!({ "username": "alice" }),
        json!([]),
        json!(null),
    ] {
        refused_400(&demo, "application/json", &body.to_string()).await;
    }
    for text in ["", "{", "{\"username\":\"\\ud800\"}", "[[[["] {
        refused_400(&demo, "application/json", text).await;
    }
    let as_form = send(&demo, Method::POST, "application/x-www-form-urlencoded", "username=alice").await;
    assert_eq!(as_form.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = send(&demo, Method::POST, "application/json", &" ".repeat(20_000)).await;
    assert_eq!(large.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(send(&demo, Method::GET, "application/json", "").await.0, StatusCode::METHOD_NOT_ALLOWED);
}

async fn send(demo: &Demo, method: Method, content_type: &str, body: &str) -> (StatusCode, String) {
    let request = Client::new().request(method, demo.url("/register")).header("content-type", content_type);
    let response = request.body(body.to_owned()).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

async fn refused_400(demo: &Demo, content_type: &str, body: &str) {
    let (status, text) = send(demo, Method::POST, content_type, body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&answer["error"], &answer["retryable"]), (&json!("invalid_request"), &json!(false)), "{body}");
    // The words of the JSON library, which name lines, columns and types.
    for word in ["line", "column", "expected", "invalid type", "missing field", "EOF"] {
        assert!(!text.contains(word), "{body}: {text}");
    }
}
