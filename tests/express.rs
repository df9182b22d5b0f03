//! Front ends of the widespread Express tutorial find the routes, cookies, answers and texts that they were written against.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside the test functions fail their test"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::routing::get;
use http::Method;
use jwt_sessions::router::{Delivery, ExpressRoutes, express_refusal};
use jwt_sessions::{Authenticated, JwtAuthLayer, Require, SessionRoutes, Site};
use serde_json::{Value, json};
use tower::ServiceExt;

use self::common::store::{Mood, Store};
use self::common::{Answer, Ask, Jar, World, ask, generation, payload, post, session_of};

#[path = "common/world.rs"]
mod common;

/// The service in the tutorial's place.
struct Service {
    world: World,
    app: Router,
}

impl Service {
    /// As dangerous as the tutorial.
    fn new() -> Self {
        Self::with(ExpressRoutes::dangerous_tokens_in_cookies_and_body)
    }

    fn with(set: impl FnOnce(ExpressRoutes<Store>) -> ExpressRoutes<Store>) -> Self {
        Self::routed(|routes| routes, set)
    }

    fn routed(
        route: impl FnOnce(SessionRoutes<Store>) -> SessionRoutes<Store>,
        set: impl FnOnce(ExpressRoutes<Store>) -> ExpressRoutes<Store>,
    ) -> Self {
        let site = Site::new("https://app.example").unwrap().express_cookies();
        let world =
            World::built(|builder| builder.site(site.trust("https://www.app.example").unwrap()).subject_claim("_id"));
        let sessions = world.sessions.clone();
        let layer = JwtAuthLayer::new(sessions.verifier()).refusals(express_refusal);
        let users = Router::new()
            .route("/current-user", get(async |user: Authenticated<Value>| user.subject().to_owned()))
            .route("/admin", get(async || ()).layer(Require::scope("admin")))
            .route_layer(layer)
            .merge(set(route(SessionRoutes::new(sessions)).express()).router());
        Self { world, app: Router::new().nest("/users", users) }
    }

    async fn send(&self, asking: Ask) -> Answer {
        let answer = Answer::of(self.app.clone().oneshot(asking.request()).await.unwrap()).await;
        if answer.status.is_success() && answer.text == "alice" {
            return answer;
        }
        let body = answer.json();
        assert_eq!(answer.members(), ["data", "message", "statusCode", "success"].map(String::from).into());
        assert_eq!(body["statusCode"], answer.status.as_u16());
        assert_eq!(body["success"], answer.status.is_success());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer
    }

    /// A page logs in: its jar, and what its script got.
    async fn login(&self, username: &str) -> (Jar, Value) {
        let answer = self.send(post("/users/login").json(json!({"username": username, "password": "right"}))).await;
        assert_eq!((answer.status.as_u16(), message(&answer)), (200, "User logged in successfully".into()));
        let mut jar = Jar::default();
        jar.keep(&answer);
        assert_eq!(jar.names(), ["accessToken", "refreshToken"]);
        (jar, answer.json()["data"].clone())
    }

    async fn knows(&self, asking: Ask) -> bool {
        self.send(asking).await.status == 200
    }
}

fn message(answer: &Answer) -> String {
    answer.json()["message"].as_str().unwrap().to_owned()
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), message(answer))
}

fn me() -> Ask {
    ask(Method::GET, "/users/current-user")
}

fn text(data: &Value, name: &str) -> String {
    data[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned()
}

#[tokio::test]
async fn a_login_delivers_the_user_and_the_tokens_in_cookies_and_body() {
    let service = Service::new();
    let (jar, data) = service.login("alice").await;
    assert_eq!(data["user"], json!({"_id": "alice", "name": "alice", "padding": ""}));
    for name in ["accessToken", "refreshToken"] {
        assert_eq!(data[name], jar.get(name));
        assert_eq!(payload(jar.get(name))["_id"], "alice", "{name}");
        assert_eq!(payload(jar.get(name)).get("sub"), None, "{name}");
    }
    assert!(service.knows(me().jar(&jar)).await);
    assert!(service.knows(me().bearer(jar.get("accessToken"))).await);
}

#[tokio::test]
async fn the_envelope_is_byte_for_byte_the_tutorials() {
    let service = Service::new();
    let (jar, data) = service.login("alice").await;
    let answer = service.send(post("/users/logout").jar(&jar)).await;
    assert_eq!(answer.text, r#"{"statusCode":200,"data":{},"message":"User logged out","success":true}"#);
    let answer = service.send(post("/users/refresh-token")).await;
    assert_eq!(answer.text, r#"{"statusCode":401,"data":null,"message":"Unauthorized request","success":false}"#);
    drop(data);
}

#[tokio::test]
async fn the_user_is_what_the_application_says() {
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = broken.clone();
    let find = move |subject: String| {
        let user = (subject == "alice").then(|| json!({"_id": subject, "avatar": "a.png"}));
        let breaks = breaks.load(Ordering::Relaxed);
        async move { if breaks { Err(std::io::Error::other("planted: no such table")) } else { Ok(user) } }
    };
    let service = Service::with(|routes| routes.user(find).dangerous_tokens_in_cookies_and_body());
    let (jar, data) = service.login("alice").await;
    assert_eq!(data["user"], json!({"_id": "alice", "avatar": "a.png"}));
    let refreshed = service.send(post("/users/refresh-token").jar(&jar)).await;
    assert_eq!(refreshed.json()["data"]["user"], data["user"]);
    assert_eq!(service.login("bob").await.1["user"], Value::Null);

    broken.store(true, Ordering::Relaxed);
    // A refresh token that was replaced is not kept from its owner.
    service.world.wait(91);
    let refreshed = service.send(post("/users/refresh-token").jar(&jar)).await;
    assert_eq!((refreshed.status.as_u16(), &refreshed.json()["data"]["user"]), (200, &Value::Null));
    // Nobody has the tokens of a login that was not answered: its session is not left behind.
    let asking = post("/users/login").json(json!({"username": "broken", "password": "right"}));
    let answer = service.send(asking).await;
    assert_eq!(said(&answer), (503, "the service is temporarily unavailable".into()));
    assert!(answer.cookies().is_empty() && service.world.sessions.list("broken").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_refresh_takes_the_cookie_or_the_body() {
    let service = Service::new();
    let (mut jar, data) = service.login("alice").await;
    let token = text(&data, "refreshToken");
    let empty = || post("/users/refresh-token");
    for asking in [
        empty().jar(&jar),
        empty().jar(&jar).json(json!({})),
        empty().jar(&jar).header("content-type", "application/json"),
        empty().json(json!({"refreshToken": token})),
        empty().jar(&jar).json(json!({"refreshToken": token})),
        // What a fault of the tutorial has left in many jars.
        empty().header("cookie", "refreshToken=undefined").json(json!({"refreshToken": token})),
    ] {
        let answer = service.send(asking).await;
        assert_eq!(said(&answer), (200, "Access token refreshed".into()));
        jar.keep(&answer);
        let data = &answer.json()["data"];
        assert_eq!(data["accessToken"], jar.get("accessToken"));
        assert_eq!(data["refreshToken"], jar.get("refreshToken"));
        assert!(service.knows(me().jar(&jar)).await);
    }
}

#[tokio::test]
async fn a_login_ends_the_session_of_the_token_that_came_along_wherever_it_is() {
    let service = Service::new();
    let lives = async |token: &String| service.world.lives("alice", session_of(token)).await;
    for cookie in [None, Some("refreshToken=undefined")] {
        let (_, data) = service.login("alice").await;
        let token = text(&data, "refreshToken");
        let body = json!({"username": "alice", "password": "right", "refreshToken": token});
        let asking = post("/users/login").json(body);
        let asking = cookie.map_or(asking.clone(), |cookie| asking.header("cookie", cookie));
        assert!(lives(&token).await);
        assert_eq!(service.send(asking).await.status, 200);
        assert!(!lives(&token).await, "{cookie:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_logs_nobody_out() {
    let service = Service::new();
    let (mut jar, _) = service.login("alice").await;
    for loss in 1..4 {
        // Nobody keeps it, and all that was noted of it is written.
        assert_eq!(service.send(post("/users/refresh-token").jar(&jar)).await.status, 200);
        service.world.sessions.flush().await;
        service.world.wait(3600);
        let answer = service.send(post("/users/refresh-token").jar(&jar)).await;
        assert_eq!(said(&answer), (200, "Access token refreshed".into()), "loss {loss}");
        jar.keep(&answer);
        assert!(service.knows(me().jar(&jar)).await);
        service.world.sessions.flush().await;
        service.world.wait(3600);
    }
}

#[tokio::test]
async fn the_newer_token_of_a_session_counts_wherever_it_is() {
    let service = Service::new();
    let (jar, _) = service.login("alice").await;
    let mut newer = jar.clone();
    newer.keep(&service.send(post("/users/refresh-token").jar(&jar)).await);
    // Long after, when the older one alone would be a theft.
    for newer_in_body in [true, false] {
        service.world.wait(91);
        let (cookies, body) = if newer_in_body { (&jar, &newer) } else { (&newer, &jar) };
        let body = json!({"refreshToken": body.get("refreshToken")});
        let answer = service.send(post("/users/refresh-token").jar(cookies).json(body)).await;
        assert_eq!(said(&answer), (200, "Access token refreshed".into()));
        newer.keep(&answer);
    }
}

#[tokio::test]
async fn of_two_sessions_the_cookies_counts() {
    let service = Service::new();
    let (one, _) = service.login("alice").await;
    let (two, _) = service.login("alice").await;
    let asking = post("/users/refresh-token").jar(&one).json(json!({"refreshToken": two.get("refreshToken")}));
    let answer = service.send(asking).await;
    let token = text(&answer.json()["data"], "refreshToken");
    assert_eq!(session_of(&token), session_of(one.get("refreshToken")));
    // Two cookies are somebody's doing.
    let both = format!("refreshToken={}; refreshToken={}", one.get("refreshToken"), two.get("refreshToken"));
    let answer = service.send(post("/users/refresh-token").header("cookie", both)).await;
    assert_eq!(answer.status, 400);
    assert!(answer.cookies().is_empty());
}

#[tokio::test]
async fn another_site_neither_logs_in_nor_refreshes_nor_logs_out() {
    let service = Service::new();
    let (jar, data) = service.login("alice").await;
    let body = json!({"refreshToken": text(&data, "refreshToken")});
    for asking in [
        post("/users/login").json(json!({"username": "mallory", "password": "right"})),
        // Its own token: the answer would put its session into the victim's jar.
        post("/users/refresh-token").json(body.clone()),
        post("/users/refresh-token").jar(&jar),
        post("/users/logout").jar(&jar),
        post("/users/logout").jar(&jar).json(body.clone()),
    ] {
        let asking = asking.header("origin", "https://evil.example").header("sec-fetch-site", "cross-site");
        let answer = service.send(asking).await;
        assert_eq!(said(&answer), (403, "the request may come from another site".into()));
        assert!(answer.cookies().is_empty());
    }
    // The front end's own origin may.
    let asking = post("/users/refresh-token").jar(&jar).json(body).header("origin", "https://www.app.example");
    assert_eq!(service.send(asking.header("sec-fetch-site", "same-site")).await.status, 200);
}

#[tokio::test]
async fn a_logout_ends_the_session_and_takes_the_cookies_away() {
    let service = Service::new();
    for way in 0..4 {
        let (jar, data) = service.login("alice").await;
        let token = json!({"refreshToken": text(&data, "refreshToken")});
        let asking = match way {
            0 => post("/users/logout").jar(&jar),
            1 => post("/users/logout").jar(&jar).json(json!({})),
            2 => post("/users/logout").jar(&jar).json(token.clone()),
            _ => post("/users/logout").bearer(jar.get("accessToken")),
        };
        let answer = service.send(asking).await;
        assert_eq!(said(&answer), (200, "User logged out".into()));
        assert_eq!(answer.cookies().len(), if way == 3 { 0 } else { 2 });
        assert!(!service.knows(me().bearer(jar.get("accessToken"))).await, "at once");
        let answer = service.send(post("/users/refresh-token").json(token)).await;
        assert_eq!(said(&answer), (401, "Refresh token is expired or used".into()));
    }
}

#[tokio::test]
async fn every_refusal_of_a_refresh_token_has_the_tutorials_text() {
    let service = Service::new();
    let refresh = |token: &str| post("/users/refresh-token").header("cookie", format!("refreshToken={token}"));
    let (jar, _) = service.login("alice").await;
    let token = jar.get("refreshToken").to_owned();

    let answer = service.send(post("/users/refresh-token")).await;
    assert_eq!(said(&answer), (401, "Unauthorized request".into()));
    for bad in ["undefined", "null", "a.b.c", &token[1..], jar.get("accessToken")] {
        let answer = service.send(refresh(bad)).await;
        assert_eq!(said(&answer), (401, "Invalid refresh token".into()), "{bad}");
        assert!(answer.cookies().is_empty());
        assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="session", error="invalid_token""#));
    }

    // Used: its successor has been replaced.
    let mut next = jar.clone();
    for _ in 0..2 {
        service.world.wait(91);
        next.keep(&service.send(post("/users/refresh-token").jar(&next)).await);
    }
    assert_eq!(generation(next.get("refreshToken")), 3);
    let answer = service.send(refresh(&token)).await;
    assert_eq!(said(&answer), (401, "Refresh token is expired or used".into()));
    assert_eq!(answer.cookies().len(), 2, "taken away");

    // Expired, by the store's idle life and by its own time.
    let (jar, _) = service.login("alice").await;
    for days in [8, 90] {
        service.world.wait(days * 24 * 3600);
        let answer = service.send(post("/users/refresh-token").jar(&jar)).await;
        assert_eq!(said(&answer), (401, "Refresh token is expired or used".into()), "after {days} days more");
    }

    let (jar, _) = service.login("alice").await;
    service.world.store.is(Mood::Failing);
    let answer = service.send(post("/users/refresh-token").jar(&jar)).await;
    assert_eq!(said(&answer), (503, "the service is temporarily unavailable".into()));
    assert!(answer.headers.contains_key("retry-after") && answer.cookies().is_empty());
}

#[tokio::test]
async fn a_login_is_refused_in_one_text() {
    let service = Service::new();
    for (body, expected) in [
        (json!({"username": "alice", "password": "wrong"}), (401, "Invalid user credentials")),
        (json!({"username": "nobody", "password": "right"}), (401, "Invalid user credentials")),
        (json!({"password": "right"}), (400, "the request is malformed or contradicts itself")),
        (
            json!({"username": {"$ne": null}, "password": "right"}),
            (400, "the request is malformed or contradicts itself"),
        ),
    ] {
        let answer = service.send(post("/users/login").json(body)).await;
        assert_eq!(said(&answer), (expected.0, expected.1.into()));
        assert!(answer.cookies().is_empty());
    }
    let answer = service.send(ask(Method::GET, "/users/login")).await;
    assert_eq!(answer.status, 405);
}

#[tokio::test]
async fn the_layer_refuses_in_the_tutorials_words() {
    let service = Service::new();
    let (jar, _) = service.login("alice").await;
    assert_eq!(said(&service.send(me()).await), (401, "Unauthorized request".into()));
    assert_eq!(said(&service.send(me().bearer("a.b.c")).await), (401, "Invalid Access Token".into()));
    let admin = ask(Method::GET, "/users/admin").jar(&jar);
    let answer = service.send(admin).await;
    assert_eq!(answer.status, 403);
    assert!(answer.access_refusal.is_some(), "the reason stays in the extensions");
    service.world.wait(3600);
    let answer = service.send(me().jar(&jar)).await;
    assert_eq!(said(&answer), (401, "jwt expired".into()));
    assert!(answer.header("www-authenticate").unwrap().contains(r#"error="invalid_token""#));
    let (jar, _) = service.login("alice").await;
    service.send(post("/users/logout").jar(&jar)).await;
    assert_eq!(said(&service.send(me().jar(&jar)).await), (401, "Invalid Access Token".into()));
}

#[tokio::test]
async fn unless_it_is_asked_for_tokens_are_in_one_place_alone() {
    let service = Service::with(|routes| routes);
    let (mut jar, data) = service.login("alice").await;
    assert_eq!(data, json!({"user": {"_id": "alice", "name": "alice", "padding": ""}}));
    let answer = service.send(post("/users/refresh-token").jar(&jar)).await;
    assert_eq!(answer.json()["data"], data);
    jar.keep(&answer);
    assert!(service.knows(me().jar(&jar)).await);

    let asking = post("/users/login?delivery=body").json(json!({"username": "alice", "password": "right"}));
    let answer = service.send(asking).await;
    assert!(answer.cookies().is_empty());
    let token = text(&answer.json()["data"], "refreshToken");
    let answer = service.send(post("/users/refresh-token").json(json!({"refreshToken": token}))).await;
    assert_eq!(said(&answer), (200, "Access token refreshed".into()));
    assert!(answer.cookies().is_empty());
    assert!(answer.json()["data"]["accessToken"].is_string());
}

#[tokio::test]
async fn a_delivery_that_was_decided_stays_decided() {
    for (delivery, in_cookies) in [(Delivery::Cookies, true), (Delivery::Body, false)] {
        let service =
            Service::routed(|routes| routes.delivery(delivery), ExpressRoutes::dangerous_tokens_in_cookies_and_body);
        let asking = post("/users/login").json(json!({"username": "alice", "password": "right"}));
        let answer = service.send(asking).await;
        assert_eq!(answer.cookies().is_empty(), !in_cookies, "{delivery:?}");
        assert_eq!(answer.json()["data"]["accessToken"].is_null(), in_cookies, "{delivery:?}");
    }
}
