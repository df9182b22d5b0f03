//! A token that was verified before is taken without another look at its signature, and judged like one that was not.
//!
//! What is kept, how much, and what a flood can do to it, stands beside the code (`src/auth/cache`). Here is what a request
//! may rely on: it is answered as if nothing were kept.
#![allow(clippy::unwrap_used, reason = "helpers outside the test functions fail their test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get as on_get};
use http::Request;
use jwt_sessions::auth::{Authenticated, JwtAuthLayer, RefusalKind, Require, Verifier};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use tower::ServiceExt;

#[path = "common/auth.rs"]
mod common;
use common::{Issuer, NOW, bearer, cookie, get, refusal, text, with};

async fn answer(app: &Router, request: Request<Body>) -> Result<String, RefusalKind> {
    let response = app.clone().oneshot(request).await.unwrap();
    match refusal(&response) {
        Some(kind) => Err(kind),
        None => Ok(text(response).await),
    }
}

/// The answers to the same request, before anything is known of its token and when it is kept.
async fn twice(app: &Router, path: &str, token: &str) -> [Result<String, RefusalKind>; 2] {
    let request = || get(path, &[("authorization", bearer(token))]);
    let (before, again) = (answer(app, request()).await, answer(app, request()).await);
    let kept = answer(app, request()).await;
    assert_eq!(again, kept);
    [before, kept]
}

#[tokio::test]
async fn how_old_an_authentication_is_is_judged_by_each_request() {
    let issuer = Issuer::new();
    let app = Router::new()
        .route("/", on_get(async || "passed").layer(Require::fresh(Duration::from_secs(30))))
        .route_layer(JwtAuthLayer::new(issuer.verifier()));
    let token = issuer.token(json!({ "auth_time": NOW }));
    assert_eq!(twice(&app, "/", &token).await, [Ok("passed".to_owned()), Ok("passed".to_owned())]);
    issuer.clock.advance(Duration::from_secs(31));
    assert_eq!(twice(&app, "/", &token).await, [const { Err(RefusalKind::StaleAuthentication) }; 2]);
}

#[tokio::test]
async fn a_guard_on_one_route_says_nothing_about_another() {
    let issuer = Issuer::new();
    let app = Router::new()
        .route("/read", on_get(async || "read").layer(Require::scope("read")))
        .route("/admin", on_get(async || "admin").layer(Require::scope("admin")))
        .route_layer(JwtAuthLayer::new(issuer.verifier()));
    let token = issuer.token(json!({ "scope": "read" }));
    for _ in 0..2 {
        assert_eq!(twice(&app, "/read", &token).await, [Ok("read".to_owned()), Ok("read".to_owned())]);
        assert_eq!(twice(&app, "/admin", &token).await, [const { Err(RefusalKind::InsufficientScope) }; 2]);
    }
}

#[derive(Deserialize)]
struct Plan {
    plan: String,
}

#[derive(Deserialize)]
struct Seats {
    seats: u32,
}

#[derive(Deserialize)]
struct Misfit {
    #[serde(rename = "no such member")]
    _none: String,
}

#[tokio::test]
async fn each_handler_finds_its_own_claims_in_a_known_token() {
    let issuer = Issuer::new();
    let app = Router::new()
        .route("/plan", on_get(async |user: Authenticated<Plan>| user.plan.clone()))
        .route("/seats", on_get(async |user: Authenticated<Seats>| user.seats.to_string()))
        .route("/misfit", on_get(async |_: Authenticated<Misfit>| "never"))
        .route_layer(JwtAuthLayer::new(issuer.verifier()));
    let (gold, tin) = (json!({ "plan": "gold", "seats": 5 }), json!({ "plan": "tin", "seats": 1 }));
    let (gold, tin) = (issuer.token(gold), issuer.token(tin));
    for _ in 0..2 {
        for (token, plan, seats) in [(&gold, "gold", "5"), (&tin, "tin", "1")] {
            assert_eq!(twice(&app, "/misfit", token).await, [const { Err(RefusalKind::InvalidToken) }; 2]);
            assert_eq!(twice(&app, "/plan", token).await, [Ok(plan.to_owned()), Ok(plan.to_owned())]);
            assert_eq!(twice(&app, "/seats", token).await, [Ok(seats.to_owned()), Ok(seats.to_owned())]);
        }
    }
}

/// Claims that count how often they are read.
struct Counted;

static READ: AtomicUsize = AtomicUsize::new(0);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer)?;
        READ.fetch_add(1, Ordering::Relaxed);
        Ok(Self)
    }
}

#[tokio::test]
async fn claims_are_read_once_for_all_requests_with_a_known_token() {
    let issuer = Issuer::new();
    // What comes the second time is kept.
    for (kept, expected) in [(100, 2), (0, 6)] {
        let verifier = issuer.builder().cached_tokens(kept).build().unwrap();
        let app = Router::new()
            .route("/", on_get(async |_: Authenticated<Counted>| "read"))
            .route_layer(JwtAuthLayer::new(verifier));
        let before = READ.load(Ordering::Relaxed);
        for _ in 0..2 {
            assert!(twice(&app, "/", &issuer.alice()).await.iter().all(Result::is_ok));
        }
        assert_eq!(READ.load(Ordering::Relaxed) - before, expected, "{kept}");
    }
}

/// Answers with who came, whatever the method.
fn who(verifier: Verifier) -> Router {
    let handler = any(async |user: Authenticated| user.subject().to_owned());
    Router::new().route("/", handler).route_layer(JwtAuthLayer::new(verifier))
}

#[tokio::test]
async fn another_site_gains_nothing_by_a_known_cookie() {
    let issuer = Issuer::new();
    let app = who(issuer.verifier());
    let token = issuer.alice();
    let post =
        |site: &str| with(Request::post("/"), &[("cookie", cookie(&token)), ("sec-fetch-site", site.to_owned())]);
    for _ in 0..2 {
        assert_eq!(answer(&app, post("same-origin")).await, Ok("alice".to_owned()));
        assert_eq!(answer(&app, post("cross-site")).await, Err(RefusalKind::Csrf));
    }
}

#[tokio::test]
async fn two_known_tokens_of_different_people_are_a_bad_request() {
    let issuer = Issuer::new();
    let app = who(issuer.verifier());
    let (alice, bob) = (issuer.alice(), issuer.token(json!({ "sub": "bob" })));
    let both = || get("/", &[("authorization", bearer(&alice)), ("cookie", cookie(&bob))]);
    assert_eq!(answer(&app, both()).await, Err(RefusalKind::InvalidRequest));
    assert_eq!(twice(&app, "/", &bob).await, [Ok("bob".to_owned()), Ok("bob".to_owned())]);
    assert_eq!(answer(&app, both()).await, Err(RefusalKind::InvalidRequest));
    // A bad one beside it is ignored, as ever.
    let beside = get("/", &[("authorization", bearer("a.b.c")), ("cookie", cookie(&bob))]);
    assert_eq!(answer(&app, beside).await, Ok("bob".to_owned()));
}

#[tokio::test]
async fn a_malformed_header_is_a_bad_request_also_beside_a_known_cookie() {
    let issuer = Issuer::new();
    for verifier in [issuer.verifier(), issuer.builder().cookie_first().build().unwrap()] {
        let app = who(verifier);
        let token = issuer.alice();
        assert_eq!(twice(&app, "/", &token).await, [Ok("alice".to_owned()), Ok("alice".to_owned())]);
        for malformed in
            ["Bearer a b".to_owned(), format!("Bearer {token}, Bearer {token}"), format!("Bearer \"{token}\"")]
        {
            let request = get("/", &[("authorization", malformed), ("cookie", cookie(&token))]);
            assert_eq!(answer(&app, request).await, Err(RefusalKind::InvalidRequest));
        }
    }
}

#[tokio::test]
async fn the_cookie_of_the_highest_generation_counts_also_when_all_are_known() {
    let issuer = Issuer::new();
    let generation = any(async |user: Authenticated| user.registered().generation.unwrap().to_string());
    let app = Router::new().route("/", generation).route_layer(JwtAuthLayer::new(issuer.verifier()));
    let (old, new) = (issuer.token(json!({ "gen": 2 })), issuer.token(json!({ "gen": 3 })));
    for line in [[&old, &new], [&new, &old]] {
        let both = || get("/", &[("cookie", format!("{}; {}", cookie(line[0]), cookie(line[1])))]);
        assert_eq!(answer(&app, both()).await, Ok("3".to_owned()));
        assert_eq!(answer(&app, both()).await, Ok("3".to_owned()));
    }
}
