//! Whatever a client sends, it gets the documented 4xx in fixed words: `World::send` holds every answer to these. What
//! it finds of tokens in a request is `http_extraction.rs`.

use http::Method;
use jwt_sessions::site::Site;
use serde_json::json;

use self::common::{Ask, Jar, REFRESH, World, ask, post};

#[path = "common/world.rs"]
mod common;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const POSTS: [&str; 6] = ["login", "refresh", "rotate", "reauthenticate", "logout", "logout-all"];

fn of(path: &str, content_type: &str, body: impl AsRef<[u8]>) -> Ask {
    post(format!("/auth/{path}")).header("content-type", content_type).raw(body)
}

async fn gets(world: &World, asking: Ask, status: u16, error: &str, what: &str) {
    let path = asking.path.clone();
    let answer = world.send(asking).await;
    assert_eq!(answer.said(), (status, error.into()), "{path}: {what}");
    assert!(answer.cookies().is_empty(), "{path}: {what}");
}

#[tokio::test]
async fn a_malformed_body_is_a_bad_request_on_every_route() {
    let world = World::new();
    let jar = world.login("alice").await;
    let bomb =
        |open: &str, close: &str, depth: usize| format!("{{\"a\":{}{}}}", open.repeat(depth), close.repeat(depth));
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        (JSON, b"{".into()),
        (JSON, b"[]".into()),
        (JSON, b"null".into()),
        (JSON, b"\"text\"".into()),
        (JSON, b"42".into()),
        (JSON, b" ".into()),
        (JSON, b"{} {}".into()),
        (JSON, b"{\"a\":1,}".into()),
        (JSON, b"{'a':1}".into()),
        (JSON, b"{\"a\":1e999}".into()),
        (JSON, b"{\"a\":\"\\ud800\"}".into()),
        (JSON, b"{\"a\":\"\xff\"}".into()),
        (JSON, b"\xef\xbb\xbf{}".into()),
        (JSON, b"{\"a\":1,\"a\":1}".into()),
        (JSON, b"{\"a\":1,\"\\u0061\":1}".into()),
        (JSON, b"{\"a\":{\"b\":1,\"b\":1}}".into()),
        (JSON, b"{\"refresh_token\":1}".into()),
        (JSON, b"{\"refreshToken\":[\"a\"]}".into()),
        (JSON, b"{\"refresh_token\":{\"$ne\":null}}".into()),
        (JSON, b"{\"refresh_token\":\"a\",\"refreshToken\":\"b\"}".into()),
        (JSON, bomb("[", "]", 8000).into()),
        (JSON, bomb("{\"a\":", "}", 2000).into()),
        (JSON, "[".repeat(16_000).into()),
        (JSON, b"username=alice&password=right".into()),
        (FORM, b"a=1&a=1".into()),
        (FORM, b"a=1&%61=1".into()),
        (FORM, b"a=%ff".into()),
        (FORM, b"a=\xff".into()),
        (FORM, b"%c0%af=1".into()),
        (FORM, b"refresh_token=a&refreshToken=b".into()),
        (FORM, b"refresh_token=a&refresh_token=a".into()),
    ];
    for path in POSTS {
        for (content_type, body) in &bodies {
            let what = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            gets(&world, of(path, content_type, body).jar(&jar), 400, "invalid_request", &what).await;
        }
    }
    assert!(world.lives("alice", jar.session()).await);
}

#[tokio::test]
async fn credentials_of_another_form_are_a_bad_request() {
    let world = World::new();
    for body in [
        json!({}),
        json!({"username": "alice"}),
        json!({"username": {"$ne": null}, "password": {"$ne": null}}),
        json!({"username": ["alice"], "password": "right"}),
        json!({"username": 1, "password": 2}),
        json!({"username": "alice", "password": "right", "remember": "yes"}),
        json!({"username": null, "password": null}),
    ] {
        gets(&world, post("/auth/login").json(body.clone()), 400, "invalid_request", &body.to_string()).await;
    }
    for form in [
        "a=b",
        "username=alice",
        "username[$ne]=&password[$ne]=",
        "&&&",
        "=",
        "username=alice&password=right&remember=yes",
    ] {
        gets(&world, post("/auth/login").form(form), 400, "invalid_request", form).await;
    }
    gets(&world, post("/auth/login"), 400, "invalid_request", "nothing").await;
    // The replacement character stands for bytes that were lost, on the way here or before.
    gets(&world, post("/auth/login").form("username=alice&password=%EF%BF%BD"), 400, "invalid_request", "U+FFFD").await;
}

#[tokio::test]
async fn a_body_is_at_most_16_kib() {
    let world = World::new();
    let json = |size: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8));
    for path in POSTS {
        gets(&world, of(path, JSON, json(16 * 1024 + 1)), 413, "payload_too_large", "json").await;
        gets(&world, of(path, FORM, "x".repeat(16 * 1024 + 1)), 413, "payload_too_large", "form").await;
        gets(&world, of(path, "text/plain", "x".repeat(1 << 20)), 413, "payload_too_large", "text").await;
        assert_ne!(world.send(of(path, JSON, json(16 * 1024))).await.status, 413, "{path}");
    }
    let many: String = (0..3000).map(|number| format!("{number}&")).collect();
    gets(&world, of("login", FORM, many), 400, "invalid_request", "many names").await;
}

#[tokio::test]
async fn a_body_of_another_type_is_refused_as_that() {
    let world = World::new();
    let body = json!({"username": "alice", "password": "right"}).to_string();
    for content_type in [
        "text/plain",
        "",
        "application/jsonx",
        "application/json, text/plain",
        "multipart/form-data; boundary=x",
        "text/json",
        "application /json",
        "\u{a0}application/json",
    ] {
        for path in POSTS {
            let asking = post(format!("/auth/{path}")).header("content-type", content_type).raw(&body);
            gets(&world, asking, 415, "unsupported_media_type", content_type).await;
        }
    }
    for path in POSTS {
        gets(&world, post(format!("/auth/{path}")).raw(&body), 415, "unsupported_media_type", "no type").await;
        gets(&world, of(path, JSON, &body).header("content-type", FORM), 415, "unsupported_media_type", "two").await;
        gets(&world, of(path, JSON, &body).header("content-type", b"\xff"), 415, "unsupported_media_type", "bytes")
            .await;
    }
    for content_type in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json;charset=\"UTF-8\"; x=y",
        " application/json ;",
    ] {
        assert_eq!(world.send(of("login", content_type, &body)).await.status, 200, "{content_type}");
    }
    let form = "username=alice&password=right";
    assert_eq!(world.send(of("login", "application/X-WWW-Form-Urlencoded;charset=UTF-8", form)).await.status, 200);
    // What claims another charset is read as UTF-8, or not at all.
    let utf16: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();
    gets(&world, of("login", "application/json; charset=utf-16", utf16), 400, "invalid_request", "utf-16").await;
}

#[tokio::test]
async fn another_method_is_told_which_is_allowed() {
    let world = World::new();
    let jar = world.login("alice").await;
    let methods =
        [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE];
    let odd = Method::from_bytes(b"FROBNICATE").unwrap();
    for path in POSTS {
        for method in methods.iter().chain([&odd]) {
            for jar in [&Jar::default(), &jar] {
                let asking =
                    ask(method.clone(), format!("/auth/{path}")).jar(jar).header("sec-fetch-site", "cross-site");
                let answer = world.send(asking).await;
                assert_eq!(answer.status, 405, "{method} {path}");
                assert_eq!(answer.header("allow"), Some("POST"), "{method} {path}");
                assert!(answer.cookies().is_empty());
                // A HEAD's length is that of the body it leaves out.
                assert_eq!(answer.text.is_empty(), *method == Method::HEAD, "{method} {path}");
            }
        }
    }
    for (path, allowed) in [("sessions", "GET,HEAD"), ("sessions/AAAAAAAAAAAAAAAAAAAAAA", "DELETE")] {
        // Without a credential, too: which methods a route has is no secret.
        let answer = world.send(ask(Method::PUT, format!("/auth/{path}"))).await;
        assert_eq!((answer.said(), answer.header("allow")), ((405, "method_not_allowed".into()), Some(allowed)));
    }
    let answer = world.send(ask(Method::HEAD, "/auth/sessions").jar(&jar)).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
}

#[tokio::test]
async fn an_unknown_path_is_the_applications_404_without_a_credential() {
    let world = World::new();
    for path in [
        "/auth",
        "/auth/",
        "/auth/x",
        "/auth/login/",
        "/auth/LOGIN",
        "/auth//login",
        "/auth/sessions/",
        "/auth/sessions/x/y",
        "/auth/%2e%2e/me",
        "/auth/%FF",
        "/authx",
        "/",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS] {
            let answer = world.send_raw(ask(method.clone(), path)).await;
            assert_eq!((answer.status.as_u16(), answer.text.as_str()), (404, ""), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn hostile_headers_are_no_trouble() {
    let world = World::new();
    let jar = world.login("alice").await;
    let long = "x".repeat(100_000);
    let alg_none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.";
    for (name, value) in [
        ("cookie", format!("{REFRESH}={long}")),
        ("cookie", long.clone()),
        ("cookie", ";".repeat(10_000)),
        ("cookie", format!("{REFRESH}={alg_none}")),
        ("authorization", format!("Bearer {long}")),
        ("x-forwarded-for", long),
        ("content-length", "99999999999".to_owned()),
        ("transfer-encoding", "gzip".to_owned()),
    ] {
        for path in ["/auth/refresh", "/auth/rotate"] {
            let answer = world.send(post(path).header(name, &value)).await;
            let shown = &value[..value.len().min(40)];
            assert_eq!((answer.status.as_u16(), answer.cookies().len()), (401, 0), "{name}: {shown}");
        }
    }
    assert!(world.lives("alice", jar.session()).await);
}

#[tokio::test]
async fn hostile_queries_are_no_trouble() {
    let world = World::new();
    let body = json!({"username": "alice", "password": "right"});
    for query in ["%", "%ff", "&&&=&", "a=%00", "access_token=x&refresh_token=y", "delivery[]=body", "Delivery=body"] {
        let answer = world.send(post(format!("/auth/login?{query}")).json(body.clone())).await;
        assert_eq!((answer.status.as_u16(), answer.cookies().len()), (200, 2), "{query}");
    }
}

#[tokio::test]
async fn development_mode_serves_this_machine_alone() {
    let world = World::built(|builder| builder.site(Site::new("http://localhost:3000").unwrap()));
    for host in
        ["evil.example", "localhost.evil.example", "localhost:x", "evil@localhost:3000", "128.0.0.1", "", "localhost."]
    {
        for (method, path) in [
            (Method::POST, "login"),
            (Method::POST, "logout"),
            (Method::GET, "sessions"),
            (Method::DELETE, "sessions/AAAAAAAAAAAAAAAAAAAAAA"),
            (Method::GET, "login"),
        ] {
            let asking = ask(method, format!("/auth/{path}")).header("host", host);
            gets(&world, asking, 400, "invalid_request", host).await;
        }
    }
    gets(&world, post("/auth/logout"), 400, "invalid_request", "no host").await;
    let two = post("/auth/logout").header("host", "localhost").header("host", "evil.example");
    gets(&world, two, 400, "invalid_request", "two hosts").await;
    let absolute = post("http://evil.example/auth/logout").header("host", "localhost");
    assert_eq!(world.send_raw(absolute).await.said(), (400, "invalid_request".into()));
    assert_eq!(world.send(post("/auth/logout").header("host", "localhost:3000")).await.status, 200);
    assert_eq!(world.send_raw(post("http://127.0.0.1:3000/auth/logout")).await.status, 200);
}
