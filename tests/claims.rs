//! Handlers get the claims they name, and only of those whom the layer has let pass.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{FromRequestParts, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get as on_get;
use http::StatusCode;
use jwt_sessions::auth::{Authenticated, JwtAuthLayer, Refusal, RefusalKind, Require, authenticated};
use jwt_sessions::token::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use tower::ServiceExt;

#[path = "common/auth.rs"]
mod common;
use common::{Issuer, bearer, get, refusal, session, text};

#[derive(Deserialize)]
struct Plan {
    plan: String,
}

async fn ask(issuer: &Issuer, app: Router, members: Value) -> Response {
    let app = app.route_layer(JwtAuthLayer::new(issuer.verifier()).optional());
    app.oneshot(get("/", &[("authorization", bearer(issuer.token(members)))])).await.unwrap()
}

#[tokio::test]
async fn a_handler_names_the_claims_it_wants() {
    async fn handler(user: Authenticated<Plan>) -> String {
        assert_eq!(user.session_id(), Some(session(1)));
        assert_eq!(user.auth_time(), Some(Timestamp::from_secs(5)));
        assert_eq!(user.expires_at(), Timestamp::from_secs(common::NOW + 60));
        assert_eq!(user.scopes().collect::<Vec<_>>(), ["read", "write"]);
        assert!(user.has_scope("write") && !user.has_scope("wr"));
        assert_eq!(user.registered().generation, Some(1));
        assert_eq!(user.plan, user.claims().plan);
        format!("{} {}", user.subject(), user.plan)
    }
    let members = json!({"plan": "gold", "scope": "read write", "auth_time": 5});
    let response = ask(&Issuer::new(), Router::new().route("/", on_get(handler)), members).await;
    assert_eq!(text(response).await, "alice gold");
}

#[tokio::test]
async fn claims_are_parsed_once_a_request_and_shared() {
    static PARSED: AtomicUsize = AtomicUsize::new(0);
    struct Counted(String);
    impl<'de> Deserialize<'de> for Counted {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            PARSED.fetch_add(1, Ordering::SeqCst);
            Plan::deserialize(deserializer).map(|own| Self(own.plan))
        }
    }
    // Who asks for no claims leaves their place to who does.
    async fn before(_: Authenticated, user: Authenticated<Counted>, request: Request, next: Next) -> Response {
        assert_eq!(user.0, "gold");
        next.run(request).await
    }
    async fn handler(one: Authenticated<Counted>, two: Authenticated<Counted>, other: Authenticated<Plan>) -> String {
        assert!(std::ptr::eq(one.claims(), two.claims()));
        format!("{} {} {}", one.0, two.0, other.plan)
    }
    let app = Router::new().route("/", on_get(handler).layer(from_fn(before)));
    let response = ask(&Issuer::new(), app, json!({"plan": "gold"})).await;
    assert_eq!(text(response).await, "gold gold gold");
    assert_eq!(PARSED.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn option_is_none_only_when_nothing_was_sent() {
    async fn handler(user: Option<Authenticated<Plan>>) -> String {
        user.map_or("nobody".to_owned(), |user| user.plan.clone())
    }
    let issuer = Issuer::new();
    let app = Router::new().route("/", on_get(handler));
    let alone = app.clone().route_layer(JwtAuthLayer::new(issuer.verifier()).optional());
    assert_eq!(text(alone.oneshot(get("/", &[])).await.unwrap()).await, "nobody");
    assert_eq!(text(ask(&issuer, app.clone(), json!({"plan": "gold"})).await).await, "gold");
    let misfit = ask(&issuer, app, json!({"plan": 4711})).await;
    assert_eq!(refusal(&misfit), Some(RefusalKind::InvalidToken));
}

#[tokio::test]
async fn claims_that_do_not_fit_are_401_and_tell_nothing() {
    let app = Router::new().route("/", on_get(async |user: Authenticated<Plan>| user.plan.clone()));
    for members in [json!({}), json!({"plan": ["planted"]}), json!({"plan": {"a": "planted"}})] {
        let response = ask(&Issuer::new(), app.clone(), members).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
        let body = text(response).await;
        assert!(body.contains(r#""error":"invalid_token""#) && !body.contains("planted"), "{body}");
    }
}

#[tokio::test]
async fn without_a_layer_it_is_500_with_a_fixed_text() {
    let issuer = Issuer::new();
    let app = Router::new()
        .route("/inside", on_get(async |_: Authenticated| "x"))
        .route_layer(JwtAuthLayer::new(issuer.verifier()))
        .route("/me", on_get(async |_: Authenticated| "x"))
        .route("/feed", on_get(async |_: Option<Authenticated>| "x"))
        .route("/admin", on_get(async || "x").layer(Require::scope("admin")));
    for path in ["/me", "/feed", "/admin"] {
        let request = get(path, &[("authorization", bearer(issuer.alice()))]);
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert_eq!(refusal(&response), Some(RefusalKind::MissingLayer), "{path}");
        let body = text(response).await;
        assert!(body.contains("the server is not configured properly") && !body.contains("Layer"), "{body}");
    }
}

#[tokio::test]
async fn an_extractor_of_ones_own_can_build_on_it() {
    struct Gold;
    impl<S: Send + Sync> FromRequestParts<S> for Gold {
        type Rejection = Refusal;
        async fn from_request_parts(parts: &mut http::request::Parts, _: &S) -> Result<Self, Refusal> {
            let user = authenticated::<Plan>(&parts.extensions)?;
            assert_eq!(user.map(|user| user.plan.clone()).as_deref(), Some("gold"));
            Ok(Self)
        }
    }
    async fn handler(_: Gold) -> impl IntoResponse {
        StatusCode::NO_CONTENT
    }
    let app = Router::new().route("/", on_get(handler));
    assert_eq!(ask(&Issuer::new(), app.clone(), json!({"plan": "gold"})).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(ask(&Issuer::new(), app, json!({})).await.status(), StatusCode::UNAUTHORIZED);
}
