//! Whatever is sent to the demo's own routes, it answers with a fixed text of its own and never with a 5xx.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers outside the test functions fail their test"
)]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use common::demo::Demo;
use common::device::{Answer, Channel, Device, client, read, register};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// The routes that read a body, and a body that each of them takes.
const WITH_BODY: [(Method, &str, &str); 3] = [
    (Method::POST, "/register", r#"{"username":"carol","email":"carol@example.org","password":"correct horse"}"#),
    (Method::POST, "/notes", r#"{"text":"a note"}"#),
    (Method::PATCH, "/admin/users/bob", r#"{"disabled":false}"#),
];
const PROTECTED: [(Method, &str); 6] = [
    (Method::GET, "/me"),
    (Method::GET, "/notes"),
    (Method::POST, "/notes"),
    (Method::GET, "/admin"),
    (Method::PATCH, "/admin/users/bob"),
    (Method::DELETE, "/admin/users/bob"),
];
const OPEN: [&str; 7] = ["/", "/app.js", "/session.js", "/style.css", "/icon.svg", "/feed", "/.well-known/jwks.json"];

struct Site {
    demo: Demo,
    admin: Device,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let demo = Demo::start(folder.path(), &[("RATE_LIMIT", "off")]);
        register(&demo, "alice").await;
        register(&demo, "bob").await;
        let mut admin = Device::new(&demo, Channel::Body);
        assert_eq!(admin.login("alice").await.status, 200);
        Self { demo, admin, _folder: folder }
    }

    fn nobody(&self, method: &Method, path: &str) -> RequestBuilder {
        client(false).request(method.clone(), self.demo.url(path))
    }

    fn admin(&self, method: &Method, path: &str) -> RequestBuilder {
        self.nobody(method, path).bearer_auth(&self.admin.access)
    }
}

#[tokio::test]
async fn a_bad_body() {
    let site = Site::start().await;
    let (long, deep) = ("x".repeat(5000), "[".repeat(15_000));
    let members = ["username", "email", "password", "text", "disabled", "admin"];
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "{",
        "}",
        "null",
        "true",
        "0",
        "1e999",
        "[]",
        "[1]",
        "\"text\"",
        "[\"text\"]",
        "[true,false]",
        "[\"x\",\"x@y\",\"correct horse\"]",
        "{}",
        "{\"\":1}",
        "\u{feff}{}",
        "\0",
        "{\"text\":\"\\ud800\"}",
        "{\"text\":\"a\"}{}",
        "{\"text\":\"a\",\"text\":\"b\"}",
        "{\"disabled\":\"false\"}",
        "{\"disabled\":0,\"admin\":1}",
        "{\"disabled\":true,\"password\":\"x\"}",
        "{\"text\":\"\"}",
        "{\"text\":\"\\u0000\\n \"}",
        "text=a",
        "username=a&email=a%40b&password=correct+horse",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    bodies.extend([deep.clone().into(), format!("{{\"text\":{deep}").into(), b"{\"text\":\"\xff\xfe\"}".to_vec()]);
    for member in members {
        for value in ["null", "7", "-1e400", "[\"a\"]", "{\"$ne\":null}", &format!("\"{long}\"")] {
            bodies.push(format!("{{\"{member}\":{value}}}").into());
            bodies.push(
                format!("{{\"username\":\"x\",\"email\":\"x@y\",\"password\":\"p\",\"{member}\":{value}}}").into(),
            );
        }
    }
    for (method, path, _) in &WITH_BODY {
        for body in &bodies {
            let request = site.admin(method, path).header(CONTENT_TYPE, "application/json").body(body.clone());
            let shown = format!("{method} {path} {:.80}", String::from_utf8_lossy(body));
            let answer = read(request).await;
            // Some are one route's good body and another's bad one.
            let good = answer.status == 201 && *path == "/notes";
            assert!(good || answer.status == 400, "{shown}: {answer:?}");
            is_own(&shown, &answer);
        }
        let large = site.admin(method, path).header(CONTENT_TYPE, "application/json").body(vec![b' '; 16 * 1024 + 1]);
        refused(413, "a large body", read(large).await);
    }
}

#[tokio::test]
async fn a_body_of_another_kind() {
    let site = Site::start().await;
    for (method, path, body) in &WITH_BODY {
        for kind in
            ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data", "\""]
        {
            let request = site.admin(method, path).header(CONTENT_TYPE, kind).body(*body);
            refused(415, &format!("{method} {path} {kind:?}"), read(request).await);
        }
        let opaque = HeaderValue::from_bytes(b"application/json\xff").unwrap();
        refused(415, path, read(site.admin(method, path).header(CONTENT_TYPE, opaque).body(*body)).await);
        let json = "application/json";
        let twice = site.admin(method, path).header(CONTENT_TYPE, json).header(CONTENT_TYPE, json).body(*body);
        refused(415, path, read(twice).await);
    }
}

#[tokio::test]
async fn a_bad_credential() {
    let site = Site::start().await;
    let port = site.demo.address().rsplit(':').next().unwrap();
    let (access, refresh) = (&site.admin.access, &site.admin.refresh);
    let long = "a".repeat(20_000);
    let unsigned = format!("{}.", access.rsplit_once('.').unwrap().0);
    let tokens = ["", "a", "a.b", "a.b.c", "..", "%", "null", "\"\"", &unsigned, refresh, &long, &format!("{access}x")];
    let mut headers = Vec::new();
    for token in tokens {
        headers.push((AUTHORIZATION, format!("Bearer {token}").into_bytes()));
        if !token.is_empty() {
            headers.push((COOKIE, format!("access-{port}={token}").into_bytes()));
        }
    }
    for text in ["Bearer", "bearer  x", "Bearer a b", "Bearer a,b", "BEARER\ta"] {
        headers.push((AUTHORIZATION, text.into()));
    }
    headers.push((AUTHORIZATION, b"Bearer \xff\xfe".to_vec()));
    headers.push((COOKIE, [b"access-", port.as_bytes(), b"=\xff\xfe"].concat()));
    headers.push((COOKIE, vec![format!("access-{port}={access}"); 5].join("; ").into()));
    for (name, value) in &headers {
        let shown = format!("{name}: {:.60}", String::from_utf8_lossy(value));
        let value = HeaderValue::from_bytes(value).unwrap();
        for (method, path) in &PROTECTED {
            let request = site.nobody(method, path).header(name, &value);
            let answer = read(request.header("sec-fetch-site", "same-origin")).await;
            assert!([400, 401].contains(&answer.status), "{method} {path} {shown}: {answer:?}");
            is_own(&shown, &answer);
        }
        // Absent passes there, and invalid does not.
        let feed = read(site.nobody(&Method::GET, "/feed").header(name, &value)).await;
        assert!([400, 401].contains(&feed.status), "/feed {shown}: {feed:?}");
        is_own(&shown, &feed);
    }
    // Another scheme is no credential.
    let basic = read(site.nobody(&Method::GET, "/me").basic_auth("alice", Some("correct horse"))).await;
    assert_eq!(basic.error(), (401, "missing_token"));
    let feed = read(site.nobody(&Method::GET, "/feed").basic_auth("alice", Some("correct horse"))).await;
    assert_eq!(feed.status, 200);
    // And the query string has never one.
    let query = read(site.nobody(&Method::GET, &format!("/me?access_token={access}"))).await;
    assert_eq!(query.error(), (401, "missing_token"));
}

#[tokio::test]
async fn another_sites_request_by_cookie_changes_nothing() {
    let site = Site::start().await;
    let port = site.demo.address().rsplit(':').next().unwrap();
    let cookie = format!("access-{port}={}", site.admin.access);
    for (method, path, body) in &WITH_BODY[1..] {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let request = site.nobody(method, path).header(COOKIE, &cookie).header(name, value);
            let answer = read(request.header(CONTENT_TYPE, "application/json").body(*body)).await;
            assert_eq!(answer.error(), (403, "csrf"), "{path} {name}: {value}");
        }
    }
    assert_eq!(site.admin.get("/notes").await.json["notes"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_bad_name_in_the_path() {
    let site = Site::start().await;
    let long = "x".repeat(6000);
    for name in
        ["%ff", "%00", "%", "%zz", "..%2f..%2fadmin", "b%6fb%00", "%F0%9F%92%A9", "'%20OR%201=1--", "bob%20", &long]
    {
        let path = format!("/admin/users/{name}");
        for (method, body) in [(Method::PATCH, r#"{"admin":true}"#), (Method::DELETE, "")] {
            let request = site.admin(&method, &path).header(CONTENT_TYPE, "application/json").body(body);
            refused(404, &format!("{method} {path:.60}"), read(request).await);
        }
    }
    for query in ["", "?", "?%ff", "?a=1&a=1", &format!("?{long}")] {
        assert_eq!(site.admin.get(&format!("/me{query}")).await.status, 200);
    }
    // Both are still there.
    assert_eq!(site.admin.get("/admin").await.json["users"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_method_that_a_route_does_not_have() {
    let site = Site::start().await;
    let strange = Method::from_bytes(b"FROB").unwrap();
    let paths = PROTECTED.iter().map(|(_, path)| *path).chain(OPEN).chain(["/register"]);
    for path in paths {
        for method in [Method::PUT, Method::TRACE, strange.clone()] {
            let answer = read(site.admin(&method, path)).await;
            assert!(!answer.header("allow").is_empty(), "{method} {path}");
            refused(405, &format!("{method} {path}"), answer);
        }
    }
    for path in OPEN {
        assert_eq!(read(site.nobody(&Method::HEAD, path)).await.status, 200, "{path}");
    }
}

/// What no proper client can send: it gets a 4xx or a closed connection, and the next one is served.
#[tokio::test]
async fn what_is_no_http() {
    let site = Site::start().await;
    let host = site.demo.address();
    let header = format!("GET /me HTTP/1.1\r\nHost: {host}\r\nX: {}\r\n\r\n", "x".repeat(1_000_000));
    let many = format!("GET /me HTTP/1.1\r\nHost: {host}\r\n{}\r\n", "X: y\r\n".repeat(1000));
    let length = format!("POST /register HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n");
    for request in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET /me HTTP/9.9\r\n\r\n",
        "GET /m e HTTP/1.1\r\n\r\n",
        "GET /me\u{e9} HTTP/1.1\r\n\r\n",
        &header,
        &many,
        &format!("{length}Content-Length: -1\r\n\r\n{{}}"),
        &format!("{length}Content-Length: 99999999999999999999\r\n\r\n{{}}"),
        &format!("{length}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}"),
        &format!("{length}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        // It ends before it is whole.
        &format!("{length}Content-Length: 500\r\n\r\n{{\"username\":"),
    ] {
        let status = raw(host, request.as_bytes());
        assert!(status.is_empty() || status.starts_with("HTTP/1.1 4"), "{request:.60}: {status}");
        assert_eq!(site.admin.get("/me").await.status, 200);
    }

    // What has a readable head is answered, also where the body breaks off or is said to be too long.
    for (path, broken, status) in [
        ("/register", "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("/auth/login", "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("/auth/refresh", "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("/auth/refresh", "Content-Length: 99999999999\r\n\r\nx", 413),
        ("/auth/login", "Content-Length: 99999999999\r\n\r\nx", 413),
    ] {
        let request = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{broken}");
        let answer = first_line(host, &request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path} {broken:?}: {answer}");
    }
}

#[tokio::test]
async fn a_name_that_was_pointed_at_this_machine_is_not_served() {
    let site = Site::start().await;
    let address = site.demo.address();
    let body = r#"{"username":"mallory","email":"m@evil.example","password":"long enough"}"#;
    let posted = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for foreign in ["Host: evil.example:3000\r\n", "", "Host: localhost\r\nHost: evil.example\r\n"] {
        for line in ["GET / HTTP/1.1", "GET /feed HTTP/1.1", "GET /me HTTP/1.1", "POST /register HTTP/1.1"] {
            let rest = if line.starts_with("POST") { posted.as_str() } else { "\r\n" };
            let request = format!("{line}\r\n{foreign}Sec-Fetch-Site: same-origin\r\nConnection: close\r\n{rest}");
            let answer = first_line(address, &request);
            assert!(answer.starts_with("HTTP/1.1 400"), "{line} {foreign:?}: {answer}");
        }
    }
    // The name is still free.
    assert_eq!(register(&site.demo, "mallory").await.status, 201);
}

/// The first line of what comes back; empty where the connection is closed without a word.
fn raw(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // The other side may have heard enough before it has heard all.
    let _ = stream.write_all(request);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

/// The first line of the answer to a client that waits for it: to one that hangs up, the server owes none.
fn first_line(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stream), &mut line).unwrap();
    line
}

fn refused(status: u16, what: &str, answer: Answer) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    is_own(what, &answer);
}

/// A refusal has the three members and a text of the demo's or the crate's, never a library's.
fn is_own(what: &str, answer: &Answer) {
    if answer.status < 400 {
        return;
    }
    let members: Vec<_> = answer.json.as_object().unwrap_or_else(|| no_object(what, answer)).keys().collect();
    assert_eq!(members, ["error", "error_description", "retryable"], "{what}");
    let text = answer.json["error_description"].as_str().unwrap();
    for word in
        [" line ", "column", "expected", "invalid type", "missing field", "EOF", "utf-8", "deserialize", "Cannot"]
    {
        assert!(!text.contains(word), "{what}: {text}");
    }
}

#[track_caller]
fn no_object<T>(what: &str, answer: &Answer) -> T {
    panic!("{what}: {answer:?}")
}
