//! A login opens a session, and hands its tokens over as documented.
#![allow(clippy::unwrap_used, reason = "helpers outside of any test function")]

use std::time::Duration;

use jwt_sessions::router::{Delivery, RouterRefusalKind};
use jwt_sessions::session::{Denied, Event, Events, Opening};
use jwt_sessions::site::Site;
use jwt_sessions::{Grant, Keys, SessionRoutes, Sessions, accounts_elsewhere};
use serde_json::json;
use tower::ServiceExt;

use self::common::store::{Mood, Store};
use self::common::{ACCESS, Answer, Jar, REFRESH, World, payload, post, session_of};

#[path = "common/world.rs"]
mod common;

fn right() -> serde_json::Value {
    json!({"username": "alice", "password": "right"})
}

/// The attributes of a cookie without its value, and its `Max-Age`.
fn attributes<'a>(answer: &'a Answer, name: &str) -> (String, Option<u64>) {
    let cookie = answer.cookies().into_iter().find(|cookie: &&'a str| cookie.starts_with(&format!("{name}="))).unwrap();
    let (_, attributes) = cookie.split_once("; ").unwrap();
    let (mut rest, mut max_age) = (Vec::new(), None);
    for attribute in attributes.split("; ") {
        match attribute.strip_prefix("Max-Age=") {
            Some(seconds) => max_age = Some(seconds.parse().unwrap()),
            None => rest.push(attribute),
        }
    }
    rest.sort_unstable();
    (rest.join("; "), max_age)
}

#[tokio::test]
async fn cookies_are_exactly_as_specified() {
    let world = World::new();
    let answer = world.send(post("/auth/login").json(right())).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.cookies().len(), 2);
    let (access, access_for) = attributes(&answer, ACCESS);
    let (refresh, refresh_for) = attributes(&answer, REFRESH);
    assert_eq!(access, "HttpOnly; Path=/; SameSite=Lax; Secure");
    assert_eq!(refresh, "HttpOnly; Path=/; SameSite=Strict; Secure");
    // Fifteen minutes less at most five per cent; the idle life.
    assert!((855..=900).contains(&access_for.unwrap()), "{access_for:?}");
    assert_eq!(refresh_for, Some(7 * 24 * 3600));
    assert_eq!(answer.json()["expires_in"], access_for.unwrap());

    let lax = World::built(|b| b.site(Site::new("https://app.example").unwrap().refresh_same_site_lax()));
    let answer = lax.send(post("/auth/login").json(right())).await;
    assert_eq!(attributes(&answer, REFRESH).0, "HttpOnly; Path=/; SameSite=Lax; Secure");
}

#[tokio::test]
async fn development_mode_has_the_port_in_the_names_and_no_secure() {
    let world = World::built(|b| b.site(Site::new("http://localhost:3000").unwrap()));
    for host in ["localhost:3000", "LOCALHOST", "127.0.0.1:3000", "[::1]:3000"] {
        let answer = world.send(post("/auth/login").header("host", host).json(right())).await;
        assert_eq!(answer.status, 200, "{host}");
        assert_eq!(attributes(&answer, "access-3000").0, "HttpOnly; Path=/; SameSite=Lax");
        assert_eq!(attributes(&answer, "refresh-3000").0, "HttpOnly; Path=/; SameSite=Strict");
    }
}

#[tokio::test]
async fn cookie_clients_get_no_token_in_the_body() {
    let world = World::new();
    let answer = world.send(post("/auth/login").json(right())).await;
    let body = answer.json();
    assert_eq!(answer.members(), ["expires_in", "token_type"].map(String::from).into());
    assert_eq!(body["token_type"], "Bearer");
    let mut jar = Jar::default();
    jar.keep(&answer);
    assert!(world.takes(jar.get(ACCESS)).await);
}

#[tokio::test]
async fn body_clients_get_the_body_of_rfc_6749_and_no_cookie() {
    let world = World::new();
    let browser = world.login("alice").await;
    for path in ["/auth/login?delivery=body", "/auth/login?x=y&delivery=body", "/auth/login?%64elivery=b%6fdy"] {
        let answer = world.send(post(path).jar(&browser).json(right())).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.cookies().is_empty());
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let members = ["access_token", "expires_in", "refresh_token", "token_type"];
        assert_eq!(answer.members(), members.map(String::from).into());
        let held = answer.held();
        assert!(world.takes(&held.access).await);
        // Cookies that came along were not read: their session goes on.
        assert!(world.lives("alice", browser.session()).await);
    }
}

#[tokio::test]
async fn any_other_delivery_is_a_bad_request() {
    let world = World::new();
    for query in [
        "delivery=cookie",
        "delivery=",
        "delivery",
        "delivery=Body",
        "delivery=body&delivery=body",
        "delivery=body&delivery=cookie",
        "delivery=%62ody&%64elivery=body",
        "delivery=body%20",
    ] {
        let answer = world.send(post(format!("/auth/login?{query}")).json(right())).await;
        assert_eq!(answer.said(), (400, "invalid_request".into()), "{query}");
        assert!(answer.cookies().is_empty());
    }
    assert!(world.sessions.list("alice").await.unwrap().is_empty());
}

#[tokio::test]
async fn unknown_users_and_bad_passwords_get_one_answer() {
    let world = World::new();
    let mut answers = Vec::new();
    for body in [json!({"username": "nobody", "password": "right"}), json!({"username": "alice", "password": "wrong"})]
    {
        let answer = world.send(post("/auth/login").json(body)).await;
        assert_eq!(answer.said(), (401, "invalid_credentials".into()));
        answers.push((answer.headers, answer.text));
    }
    world.people(|people| people.disabled = true);
    let answer = world.send(post("/auth/login").json(right())).await;
    answers.push((answer.headers, answer.text));
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
    assert_eq!(answers[0].0["www-authenticate"], "Bearer realm=\"session\"");
}

#[tokio::test]
async fn a_login_in_the_same_browser_replaces_its_session() {
    let world = World::new();
    let other_device = world.login("alice").await;
    let before = world.login("alice").await;
    let answer = world.send(post("/auth/login").jar(&before).json(right())).await;
    let mut after = Jar::default();
    after.keep(&answer);
    assert!(!world.lives("alice", before.session()).await);
    assert!(!world.takes(before.get(ACCESS)).await);
    assert!(world.lives("alice", after.session()).await);
    assert!(world.lives("alice", other_device.session()).await);

    // Wrong credentials replace nothing, and take no cookie.
    let wrong = json!({"username": "alice", "password": "wrong"});
    let answer = world.send(post("/auth/login").jar(&after).json(wrong)).await;
    assert_eq!(answer.status, 401);
    assert!(answer.cookies().is_empty());
    assert!(world.lives("alice", after.session()).await);

    // Cookies that contradict each other keep nobody from logging in, and end nothing.
    let both = format!("{REFRESH}={}; {REFRESH}={}", after.get(REFRESH), other_device.get(REFRESH));
    assert_eq!(world.send(post("/auth/login").header("cookie", both).json(right())).await.status, 200);
    assert!(world.lives("alice", after.session()).await && world.lives("alice", other_device.session()).await);
}

#[tokio::test]
async fn who_is_not_remembered_is_forgotten_with_the_browser() {
    let world = World::new();
    let body = json!({"username": "alice", "password": "right", "remember": false});
    let answer = world.send(post("/auth/login").json(body)).await;
    assert_eq!(attributes(&answer, ACCESS).1, None);
    assert_eq!(attributes(&answer, REFRESH).1, None);
    let mut jar = Jar::default();
    jar.keep(&answer);
    let answer = world.send(post("/auth/refresh").jar(&jar)).await;
    assert_eq!((attributes(&answer, ACCESS).1, attributes(&answer, REFRESH).1), (None, None));
    jar.keep(&answer);
    world.wait(12 * 3600 - 1);
    assert!(world.lives("alice", jar.session()).await);
    world.wait(1);
    assert_eq!(world.send(post("/auth/refresh").jar(&jar)).await.said(), (401, "session_ended".into()));
}

#[tokio::test]
async fn json_and_forms_are_the_same() {
    let world = World::new();
    for body in ["username=alice&password=right", "password=%72ight&username=alice&remember=false"] {
        let answer = world.send(post("/auth/login").form(body)).await;
        assert_eq!((answer.status.as_u16(), answer.cookies().len()), (200, 2), "{body}");
    }
    let answer = world.send(post("/auth/login?delivery=body").form("username=a+b%26c&password=right")).await;
    assert_eq!(payload(&answer.held().access)["sub"], "a b&c");
}

#[tokio::test]
async fn without_accounts_that_log_in_there_is_no_login() {
    async fn grant(_: String) -> Result<Option<Grant<serde_json::Value>>, std::io::Error> {
        Ok(Some(Grant::new(json!({}))))
    }
    let keys = Keys::secrets("access-secret-0123456789-abcdefghij", "refresh-secret-0123456789-abcdefghij").unwrap();
    let sessions = Sessions::builder(keys, Store::new(Default::default()), accounts_elsewhere(grant))
        .issuer("id")
        .build()
        .unwrap();
    let app = axum::Router::new().nest("/auth", SessionRoutes::new(sessions).router::<()>());
    for (path, status) in [("/auth/login", 404), ("/auth/reauthenticate", 404), ("/auth/refresh", 401)] {
        let request = post(path).json(json!({})).request();
        let answer = Answer::of(app.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(answer.status, status, "{path}");
    }
}

#[tokio::test]
async fn broken_accounts_or_a_broken_store_are_503_and_set_nothing() {
    let world = World::new();
    let jar = world.login("alice").await;
    world.people(|people| people.broken = true);
    let answer = world.send(post("/auth/login").jar(&jar).json(right())).await;
    assert_eq!(answer.said(), (503, "temporarily_unavailable".into()));
    assert!(answer.cookies().is_empty());
    world.people(|people| people.broken = false);
    world.store.is(Mood::Failing);
    let answer = world.send(post("/auth/login").jar(&jar).json(right())).await;
    assert_eq!((answer.said(), answer.header("retry-after")), ((503, "temporarily_unavailable".into()), Some("1")));
    assert!(answer.cookies().is_empty());
    world.store.is(Mood::Well);
    assert!(world.lives("alice", jar.session()).await, "what could not be replaced goes on");
}

struct Closed;

impl Events for Closed {
    fn event(&self, _: &Event<'_>) {}

    fn before_open(&self, opening: &Opening<'_>) -> Result<(), Denied> {
        if opening.subject == "bob" { Err(Denied::new()) } else { Ok(()) }
    }
}

#[tokio::test]
async fn the_application_may_deny_a_session() {
    let world = World::built(|builder| builder.events(Closed));
    let answer = world.send(post("/auth/login").json(json!({"username": "bob", "password": "right"}))).await;
    assert_eq!(answer.said(), (403, "access_denied".into()));
    assert!(answer.cookies().is_empty());
    world.login("alice").await;
}

#[tokio::test]
async fn a_site_without_cookies_takes_the_tokens_that_it_answers() {
    for delivery in [Delivery::Either, Delivery::Cookies, Delivery::Body] {
        let site = Site::without_cookies();
        let world = World::with(|builder| builder.site(site).issuer("id"), |routes| routes.delivery(delivery));
        let held = world.login_by_body("alice").await;
        assert_eq!(world.send(post("/auth/refresh").token(&held.refresh)).await.status, 200, "{delivery:?}");
    }
}

#[tokio::test]
async fn delivery_can_be_one_channel_only() {
    let body_only = World::routed(|routes| routes.delivery(Delivery::Body));
    for path in ["/auth/login", "/auth/login?delivery=body"] {
        let answer = body_only.send(post(path).json(right())).await;
        assert!(answer.cookies().is_empty());
        let held = answer.held();
        let as_cookie = post("/auth/refresh").header("cookie", format!("{REFRESH}={}", held.refresh));
        assert_eq!(body_only.send(as_cookie).await.said(), (401, "missing_token".into()));
        assert_eq!(body_only.send(post("/auth/refresh").token(&held.refresh)).await.status, 200);
    }

    let cookies_only = World::routed(|routes| routes.delivery(Delivery::Cookies));
    assert_eq!(cookies_only.send(post("/auth/login?delivery=body").json(right())).await.status, 400);
    let jar = cookies_only.login("alice").await;
    let by_body = post("/auth/refresh").token(jar.get(REFRESH));
    assert_eq!(cookies_only.send(by_body).await.said(), (401, "missing_token".into()));
    assert_eq!(cookies_only.send(post("/auth/refresh").jar(&jar)).await.status, 200);

    // A site without cookies has the body alone.
    let without = World::built(|builder| builder.site(Site::without_cookies()).issuer("id"));
    assert!(without.send(post("/auth/login").json(right())).await.cookies().is_empty());
}

#[tokio::test]
async fn a_cookie_that_browsers_would_drop_is_a_500_that_leaves_nothing_behind() {
    let world = World::new();
    world.people(|people| people.padding = 3000);
    let answer = world.send(post("/auth/login").json(right())).await;
    assert_eq!(answer.said(), (500, "server_error".into()));
    assert!(answer.cookies().is_empty());
    assert!(world.sessions.list("alice").await.unwrap().is_empty());
    // The body has no such limit.
    assert_eq!(world.send(post("/auth/login?delivery=body").json(right())).await.status, 200);
}

#[tokio::test]
async fn a_login_whose_cookie_browsers_would_drop_costs_no_session() {
    let world = World::built(|builder| builder.session_limit(2));
    let (other, jar) = (world.login("alice").await, world.login("alice").await);
    world.people(|people| people.padding = 3000);
    for asking in [post("/auth/login").json(right()), post("/auth/login").json(right()).jar(&jar)] {
        assert_eq!(world.send(asking).await.said(), (500, "server_error".into()));
        for jar in [&other, &jar] {
            assert!(world.lives("alice", jar.session()).await && world.takes(jar.get(ACCESS)).await);
        }
    }
}

#[tokio::test]
async fn a_cookie_of_4096_bytes_is_still_sent() {
    let world = World::new();
    let mut largest = 0;
    for padding in 2500..2900 {
        world.people(|people| people.padding = padding);
        let answer = world.send(post("/auth/login").json(right())).await;
        if answer.status != 200 {
            assert_eq!(answer.status, 500);
            break;
        }
        let cookie = answer.cookies().into_iter().find(|cookie| cookie.starts_with(ACCESS)).unwrap().to_owned();
        largest = cookie.split(';').next().unwrap().len();
    }
    // Base64 steps by up to two bytes for one of padding.
    assert!((4095..=4096).contains(&largest), "{largest}");
}

#[tokio::test]
async fn a_subject_that_cannot_be_is_nobodys() {
    let world = World::new();
    for (username, status) in
        [("", 401), ("a\u{0}b", 401), (&"x".repeat(1025), 401), (&"x".repeat(1024), 200), ("é\n\u{202e}", 200)]
    {
        let answer = world.send(post("/auth/login").json(json!({"username": username, "password": "right"}))).await;
        assert_eq!(answer.status, status, "{username:?}");
    }
}

#[tokio::test]
async fn the_longest_unused_session_makes_room_beyond_the_limit() {
    let world = World::built(|builder| builder.session_limit(2));
    let first = world.login("alice").await;
    world.wait(1);
    let second = world.login("alice").await;
    world.wait(1);
    let bob = world.login("bob").await;
    let third = world.login("alice").await;
    assert!(!world.lives("alice", first.session()).await && !world.takes(first.get(ACCESS)).await);
    for jar in [&second, &third] {
        assert!(world.lives("alice", jar.session()).await);
    }
    assert!(world.lives("bob", bob.session()).await);
}

#[tokio::test]
async fn another_site_logs_nobody_in() {
    let world = World::new();
    let victim = world.login("alice").await;
    let attacker = world.login_by_body("mallory").await;
    let with_token = json!({"username": "mallory", "password": "right", "refresh_token": attacker.refresh});
    for body in [json!({"username": "mallory", "password": "right"}), with_token] {
        for path in ["/auth/login", "/auth/login?delivery=body"] {
            for jar in [&victim, &Jar::default()] {
                let asking = post(path).header("sec-fetch-site", "cross-site").jar(jar).json(body.clone());
                let answer = world.send(asking).await;
                assert_eq!((answer.said(), answer.kind()), ((403, "csrf".into()), Some(RouterRefusalKind::Csrf)));
                assert!(answer.cookies().is_empty());
            }
        }
    }
    assert!(world.lives("alice", victim.session()).await);
    assert!(world.lives("mallory", session_of(&attacker.refresh)).await);
}

#[tokio::test]
async fn an_absolute_life_bounds_the_cookies() {
    let world = World::built(|builder| {
        builder
            .idle(Duration::from_secs(3600))
            .absolute(Duration::from_secs(3600))
            .access_life(Duration::from_secs(3600))
    });
    let mut jar = world.login("alice").await;
    world.wait(3000);
    let answer = world.send(post("/auth/refresh").jar(&jar)).await;
    assert_eq!((attributes(&answer, ACCESS).1, attributes(&answer, REFRESH).1), (Some(600), Some(600)));
    jar.keep(&answer);
    world.wait(600);
    assert_eq!(world.send(post("/auth/refresh").jar(&jar)).await.status, 401);
}
