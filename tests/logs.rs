//! Logs name kinds, ids, types and members, and never a value.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers outside the test functions fail their test")]

use axum::Router;
use axum::routing::get as on_get;
use http::Request;
use jwt_sessions::auth::{Authenticated, JwtAuthLayer, Require};
use serde_json::json;
use tower::ServiceExt;

#[path = "common/auth.rs"]
mod common;
#[path = "common/lines.rs"]
mod lines;
use common::{Issuer, bearer, cookie, get, session, with};
use lines::Lines;

/// All that is logged while these requests are answered, one after the other.
async fn logged(app: Router, requests: Vec<Request<axum::body::Body>>) -> String {
    let (lines, _guard) = Lines::here();
    for request in requests {
        app.clone().oneshot(request).await.unwrap();
    }
    lines.take()
}

#[derive(serde::Deserialize)]
struct Plan {
    #[serde(rename = "plan")]
    _plan: String,
}

#[tokio::test]
async fn a_refusal_is_one_event_with_its_kind_and_ids() {
    let issuer = Issuer::new();
    let app = Router::new()
        .route("/admin", on_get(async || "x").layer(Require::scope("admin")))
        .route_layer(JwtAuthLayer::new(issuer.verifier()));
    let lines = logged(app.clone(), vec![get("/admin", &[("authorization", bearer("a.b.c"))])]).await;
    assert_eq!(lines.matches("request refused").count(), 1, "{lines}");
    assert!(lines.contains("DEBUG") && lines.contains("invalid_token") && lines.contains("malformed"), "{lines}");
    let lines = logged(app, vec![get("/admin", &[("authorization", bearer(issuer.alice()))])]).await;
    assert_eq!(lines.matches("request refused").count(), 1, "{lines}");
    assert!(lines.contains("insufficient_scope") && lines.contains(&session(1).to_string()), "{lines}");
}

#[tokio::test]
async fn claims_that_do_not_fit_are_named_by_type_and_member() {
    let issuer = Issuer::new();
    let app = Router::new()
        .route("/", on_get(async |_: Authenticated<Plan>| "x"))
        .route_layer(JwtAuthLayer::new(issuer.verifier()));
    let lines = logged(app, vec![get("/", &[("authorization", bearer(issuer.alice()))])]).await;
    let warning = lines.lines().find(|line| line.contains("WARN")).unwrap();
    assert!(warning.contains("logs::Plan") && warning.contains(r#"member="plan""#), "{warning}");
}

#[tokio::test]
async fn a_missing_layer_is_an_error_that_says_what_to_do() {
    let app = Router::new().route("/", on_get(async |_: Authenticated| "x"));
    let lines = logged(app, vec![get("/", &[])]).await;
    let error = lines.lines().find(|line| line.contains("ERROR")).unwrap();
    assert!(error.contains(".route_layer(JwtAuthLayer::new(verifier))"), "{error}");
}

#[tokio::test]
async fn no_value_is_ever_logged() {
    let issuer = Issuer::new();
    let app = Router::new()
        .route("/", on_get(async |_: Authenticated<Plan>| "x").post(async || "x"))
        .route("/admin", on_get(async || "x").layer(Require::scope("admin")))
        .route_layer(JwtAuthLayer::new(issuer.verifier()));
    let misfit = issuer.token(json!({"plan": {"planted": "planted"}, "sub": "planted"}));
    let expired = issuer.token(json!({"exp": 1}));
    let other = issuer.token(json!({"sid": session(2).to_string()}));
    let forged = [("cookie", cookie(&misfit)), ("sec-fetch-site", "cross-site".to_owned())];
    let lines = logged(
        app,
        vec![
            get("/", &[("authorization", bearer(&misfit))]),
            get("/", &[("cookie", cookie(&expired))]),
            get("/", &[("cookie", format!("{}; {}", cookie(&misfit), cookie(&other)))]),
            get("/", &[("authorization", bearer("planted planted"))]),
            get("/", &[("cookie", cookie("planted"))]),
            get("/admin", &[("authorization", bearer(&misfit))]),
            with(Request::post("/"), &forged),
        ],
    )
    .await;
    assert!(lines.matches("request refused").count() == 7, "{lines}");
    assert!(!lines.contains("planted"), "{lines}");
    for token in [misfit, expired, other] {
        assert!(token.split('.').all(|segment| !lines.contains(segment)), "{lines}");
    }
}
