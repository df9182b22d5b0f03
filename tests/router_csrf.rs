//! Another site changes nothing through a browser, whether or not a cookie comes along.

use http::Method;
use jwt_sessions::router::RouterRefusalKind;
use jwt_sessions::site::Site;
use serde_json::json;

use self::common::{Ask, Jar, World, ask, post};

#[path = "common/world.rs"]
mod common;

const POSTS: [&str; 6] = ["login", "refresh", "rotate", "reauthenticate", "logout", "logout-all"];

/// What browsers say of a request that another site started.
fn foreign() -> [(&'static str, Vec<(&'static str, &'static str)>); 5] {
    [
        ("cross-site", vec![("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")]),
        ("a sibling", vec![("sec-fetch-site", "same-site"), ("origin", "https://evil.app.example")]),
        ("an old browser", vec![("origin", "https://evil.example")]),
        ("a sandbox", vec![("origin", "null")]),
        ("another scheme", vec![("sec-fetch-site", "cross-site"), ("origin", "http://app.example")]),
    ]
}

fn with(asking: Ask, headers: &[(&str, &str)]) -> Ask {
    headers.iter().fold(asking.header("host", "app.example"), |asking, (name, value)| asking.header(name, value))
}

#[tokio::test]
async fn another_sites_request_is_refused_and_touches_no_cookie() {
    let world = World::new();
    let jar = world.login("alice").await;
    for (who, headers) in foreign() {
        for path in POSTS {
            for jar in [&jar, &Jar::default()] {
                let body = json!({"username": "alice", "password": "right"});
                let answer = world.send(with(post(format!("/auth/{path}")), &headers).jar(jar).json(body)).await;
                assert_eq!((answer.said(), answer.cookies().len()), ((403, "csrf".into()), 0), "{who}: {path}");
                assert_eq!(answer.kind(), Some(RouterRefusalKind::Csrf));
                assert!(!answer.headers.contains_key("www-authenticate"));
            }
            // The kind of body that a form can send, and none.
            let answer = world.send(with(post(format!("/auth/{path}")), &headers).jar(&jar)).await;
            assert_eq!(answer.status, 403, "{who}: {path}");
        }
        let device = ask(Method::DELETE, format!("/auth/sessions/{}", jar.session()));
        let answer = world.send(with(device, &headers).jar(&jar)).await;
        assert_eq!((answer.said(), answer.cookies().len()), ((403, "csrf".into()), 0), "{who}");
    }
    assert!(world.lives("alice", jar.session()).await);
    assert_eq!(world.send(post("/auth/refresh").jar(&jar)).await.status, 200);
}

#[tokio::test]
async fn ones_own_and_trusted_origins_pass() {
    let site = || Site::new("https://app.example").unwrap().trust("https://admin.example").unwrap();
    let world = World::built(|builder| builder.site(site()));
    for headers in [
        vec![("sec-fetch-site", "same-origin"), ("origin", "https://app.example")],
        vec![("sec-fetch-site", "none")],
        vec![("sec-fetch-site", "same-site"), ("origin", "https://admin.example")],
        vec![("sec-fetch-site", "cross-site"), ("origin", "https://app.example")],
        vec![("origin", "https://admin.example")],
        vec![("origin", "https://app.example")],
        vec![],
    ] {
        let body = json!({"username": "alice", "password": "right"});
        let answer = world.send(with(post("/auth/login"), &headers).json(body)).await;
        assert_eq!(answer.status, 200, "{headers:?}");
        let mut jar = Jar::default();
        jar.keep(&answer);
        for path in ["refresh", "rotate", "logout"] {
            let answer = world.send(with(post(format!("/auth/{path}")), &headers).jar(&jar)).await;
            assert_eq!(answer.status, 200, "{headers:?} {path}");
            jar.keep(&answer);
        }
    }
    let near = [("origin", "https://admin.example.evil.example")];
    assert_eq!(world.send(with(post("/auth/logout"), &near)).await.status, 403);
}

#[tokio::test]
async fn what_no_other_site_can_send_along_passes() {
    let world = World::new();
    for (who, headers) in foreign() {
        let held = world.login_by_body("alice").await;
        let next = world.send(with(post("/auth/refresh"), &headers).token(&held.refresh)).await;
        assert_eq!((next.status.as_u16(), next.cookies().len()), (200, 0), "{who}");
        let next = world.send(with(post("/auth/rotate"), &headers).token(&next.held().refresh)).await.held();
        let listed = with(ask(Method::GET, "/auth/sessions"), &headers).bearer(&next.access);
        assert_eq!(world.send(listed).await.status, 200);
        assert_eq!(world.send(with(post("/auth/logout"), &headers).bearer(&next.access)).await.status, 200);
        assert!(world.sessions.list("alice").await.unwrap().is_empty(), "{who}");
    }
}

#[tokio::test]
async fn a_body_token_is_no_way_around() {
    let world = World::new();
    let jar = world.login("alice").await;
    for (who, headers) in foreign() {
        for path in ["refresh", "rotate", "reauthenticate", "logout", "logout-all"] {
            let form = "refresh_token=x&username=alice&password=right";
            let answer = world.send(with(post(format!("/auth/{path}")), &headers).jar(&jar).form(form)).await;
            assert!(answer.cookies().is_empty(), "{who}: {path}");
            assert!(world.lives("alice", jar.session()).await, "{who}: {path}");
            // An empty one is none.
            let empty = world
                .send(with(post(format!("/auth/{path}")), &headers).jar(&jar).json(json!({"refresh_token": null})))
                .await;
            assert_eq!(empty.status, 403, "{who}: {path}");
        }
    }
    assert_eq!(common::generation(jar.get(common::REFRESH)), 1);
    assert_eq!(world.send(post("/auth/refresh").jar(&jar)).await.cookies().len(), 2, "nobody had rotated it");
}

#[tokio::test]
async fn another_scheme_of_authorization_is_no_way_around() {
    let world = World::new();
    let jar = world.login("alice").await;
    for value in ["Basic YTpi", "Bearerx y", "", "bearer"] {
        let asking =
            post("/auth/logout").header("sec-fetch-site", "cross-site").header("authorization", value).jar(&jar);
        assert_eq!(world.send(asking).await.said(), (403, "csrf".into()), "{value}");
    }
}
