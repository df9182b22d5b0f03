//! Guards let pass who has what they demand, and nobody else.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::routing::get as on_get;
use http::{Request, Response, StatusCode};
use jwt_sessions::auth::{JwtAuthLayer, RefusalKind, Require};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt, service_fn};

#[path = "common/auth.rs"]
mod common;
use common::{Issuer, bearer, get, refusal};

async fn judge(require: Require, members: Option<Value>) -> Option<RefusalKind> {
    let issuer = Issuer::new();
    let app = Router::new()
        .route("/", on_get(async || "passed").layer(require))
        .route_layer(JwtAuthLayer::new(issuer.verifier()).optional());
    let headers = members.map(|members| ("authorization", bearer(issuer.token(members))));
    let response = app.oneshot(get("/", &Vec::from_iter(headers))).await.unwrap();
    let kind = refusal(&response);
    assert_eq!(response.status() == StatusCode::OK, kind.is_none());
    kind
}

#[tokio::test]
async fn scopes_are_compared_whole() {
    let lacking = Some(RefusalKind::InsufficientScope);
    let nothing: [&str; 0] = [];
    for (require, scope, expected) in [
        (Require::scope("admin"), "admin", None),
        (Require::scope("admin"), "read admin write", None),
        (Require::scope("admin"), "administrator", lacking),
        (Require::scope("admin"), "Admin", lacking),
        (Require::scope("admin"), "", lacking),
        (Require::all(["a", "b"]), "b c a", None),
        (Require::all(["a", "b"]), "a", lacking),
        (Require::any(["a", "b"]), "b", None),
        (Require::any(["a", "b"]), "c", lacking),
        (Require::any(nothing), "a", lacking),
        // What is no scope, nobody has.
        (Require::scope(""), "a", lacking),
        (Require::scope("a b"), "a b", lacking),
    ] {
        let name = format!("{require:?} {scope:?}");
        assert_eq!(judge(require, Some(json!({"scope": scope}))).await, expected, "{name}");
    }
    for ill_typed in [json!({"scope": ["admin"]}), json!({"scope": {"admin": true}}), json!({})] {
        assert_eq!(judge(Require::scope("admin"), Some(ill_typed)).await, lacking);
    }
}

#[tokio::test]
async fn nobody_is_401() {
    for require in [
        Require::scope("admin"),
        Require::all(["a"]),
        Require::any(["a"]),
        Require::fresh(Duration::MAX),
        Require::when(|_| true),
    ] {
        let name = format!("{require:?}");
        assert_eq!(judge(require, None).await, Some(RefusalKind::MissingToken), "{name}");
    }
}

#[tokio::test]
async fn a_recent_authentication_can_be_demanded() {
    let stale = Some(RefusalKind::StaleAuthentication);
    for (auth_time, expected) in [
        (json!(common::NOW), None),
        (json!(common::NOW - 300), None),
        (json!(common::NOW - 301), stale),
        // Another machine's clock may be a little ahead.
        (json!(common::NOW + 5), None),
        (json!(common::NOW + 60), None),
        // A moment that is yet to come would be recent for good: milliseconds, say.
        (json!(common::NOW + 61), stale),
        (json!(common::NOW * 1000), stale),
        (json!(1e300), stale),
        (json!("now"), stale),
        (Value::Null, stale),
    ] {
        let require = Require::fresh(Duration::from_secs(300));
        assert_eq!(judge(require, Some(json!({"auth_time": auth_time}))).await, expected, "{auth_time}");
    }
}

#[tokio::test]
async fn a_closure_can_decide() {
    let only_alice = || Require::when(|token| token.subject.as_deref() == Some("alice"));
    assert_eq!(judge(only_alice(), Some(json!({}))).await, None);
    assert_eq!(judge(only_alice(), Some(json!({"sub": "bob"}))).await, Some(RefusalKind::Forbidden));
}

#[tokio::test]
async fn guards_stand_before_any_service() {
    let issuer = Issuer::new();
    let service = || {
        ServiceBuilder::new()
            .layer(JwtAuthLayer::new(issuer.verifier()))
            .layer(Require::scope("admin"))
            .service(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new("passed".to_owned()))))
    };
    let request = |scope: &str| {
        let token = issuer.token(json!({"scope": scope}));
        Request::get("/").header("authorization", bearer(token)).body(()).unwrap()
    };
    assert_eq!(service().oneshot(request("admin")).await.unwrap().body(), "passed");
    assert_eq!(service().oneshot(request("read")).await.unwrap().status(), StatusCode::FORBIDDEN);
}
