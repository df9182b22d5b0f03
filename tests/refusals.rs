//! The application's words reach every refusal: the layer's, the extractors' and the guards'.

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get as on_get;
use http::{Response, StatusCode};
use jwt_sessions::auth::{Authenticated, JwtAuthLayer, Refusal, RefusalKind, Require};
use tower::ServiceExt;

#[path = "common/auth.rs"]
mod common;
use common::{Issuer, bearer, get, refusal, text};

#[derive(serde::Deserialize)]
struct Plan {
    plan: String,
}

fn routes() -> Router {
    Router::new()
        .route("/", on_get(async || "hello"))
        .route("/me", on_get(async |_: Authenticated| "hello"))
        .route("/plan", on_get(async |user: Authenticated<Plan>| user.plan.clone()))
        .route("/admin", on_get(async || "hello").layer(Require::scope("admin")))
}

#[tokio::test]
async fn refusals_of_layer_extractors_and_guards_are_in_the_applications_words() {
    let issuer = Issuer::new();
    let words = |refusal: &Refusal| {
        let challenge = refusal.challenge().is_some_and(|value| value.to_str().unwrap().contains(r#"realm="test""#));
        Response::builder()
            .status(418)
            .header("x-realm", challenge.to_string())
            .body(Body::from(refusal.code()))
            .unwrap()
    };
    let strict = routes().route_layer(JwtAuthLayer::new(issuer.verifier()).refusals(words));
    let optional = routes().route_layer(JwtAuthLayer::new(issuer.verifier()).optional().refusals(words));
    let alice = || vec![("authorization", bearer(issuer.alice()))];
    for (app, path, headers, kind, code) in [
        (&strict, "/", vec![], RefusalKind::MissingToken, "missing_token"),
        (&strict, "/", vec![("authorization", bearer("a.b.c"))], RefusalKind::InvalidToken, "invalid_token"),
        (&optional, "/me", vec![], RefusalKind::MissingToken, "missing_token"),
        (&optional, "/admin", vec![], RefusalKind::MissingToken, "missing_token"),
        (&strict, "/plan", alice(), RefusalKind::InvalidToken, "invalid_token"),
        (&strict, "/admin", alice(), RefusalKind::InsufficientScope, "insufficient_scope"),
    ] {
        let response = app.clone().oneshot(get(path, &headers)).await.unwrap();
        assert_eq!(response.status(), StatusCode::IM_A_TEAPOT, "{path}");
        assert_eq!(refusal(&response), Some(kind), "{path}");
        assert_eq!(response.headers()["x-realm"], "true");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(text(response).await, code);
    }
    // What passes is not touched.
    let passed = strict.oneshot(get("/", &alice())).await.unwrap();
    assert_eq!((passed.status(), refusal(&passed)), (StatusCode::OK, None));
}

#[tokio::test]
async fn a_page_can_be_sent_to_its_login() {
    let issuer = Issuer::new();
    let words = |refusal: &Refusal| match refusal.kind() {
        RefusalKind::MissingToken => Redirect::to("/login").into_response(),
        _ => refusal.response(),
    };
    let app = routes().route_layer(JwtAuthLayer::new(issuer.verifier()).refusals(words));
    let nobody = app.clone().oneshot(get("/", &[])).await.unwrap();
    assert_eq!(nobody.status(), StatusCode::SEE_OTHER);
    assert_eq!(nobody.headers()["location"], "/login");
    assert_eq!(nobody.headers()["cache-control"], "no-store");
    let bad = app.oneshot(get("/", &[("authorization", bearer("a.b.c"))])).await.unwrap();
    assert_eq!(bad.status(), StatusCode::UNAUTHORIZED);
    assert!(text(bad).await.contains("invalid_token"));
}

#[tokio::test]
async fn the_innermost_layer_has_the_last_word() {
    let issuer = Issuer::new();
    let inner = JwtAuthLayer::new(issuer.verifier()).refusals(|_| Response::new(Body::from("inner")));
    let outer = JwtAuthLayer::new(issuer.verifier()).optional().refusals(|_| Response::new(Body::from("outer")));
    let app = routes().route_layer(inner).route_layer(outer);
    assert_eq!(text(app.clone().oneshot(get("/", &[])).await.unwrap()).await, "inner");
    let bad = get("/", &[("authorization", bearer("a.b.c"))]);
    assert_eq!(text(app.oneshot(bad).await.unwrap()).await, "outer");
}

#[tokio::test]
async fn extractors_and_guards_get_the_layers_realm() {
    let issuer = Issuer::new();
    let app = routes().route_layer(JwtAuthLayer::new(issuer.verifier()).optional());
    let nobody = app.clone().oneshot(get("/me", &[])).await.unwrap();
    assert_eq!(nobody.headers()["www-authenticate"], r#"Bearer realm="test""#);
    let lacking = app.oneshot(get("/admin", &[("authorization", bearer(issuer.alice()))])).await.unwrap();
    let challenge = lacking.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with(r#"Bearer realm="test", error="insufficient_scope""#), "{challenge}");
    assert!(challenge.ends_with(r#"scope="admin""#), "{challenge}");
}
