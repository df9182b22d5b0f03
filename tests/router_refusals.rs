//! An application may answer in words of its own; reasons and cookies stay as they are. And it mounts the router as it likes.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{Method, StatusCode};
use jwt_sessions::auth::RefusalKind;
use jwt_sessions::router::{RouterRefusal, RouterRefusalKind};
use jwt_sessions::{SessionRoutes, session_router};
use serde_json::json;
use tower::ServiceExt;

use self::common::store::Mood;
use self::common::{ACCESS, Answer, REFRESH, World, ask, post};

#[path = "common/world.rs"]
mod common;

fn own(refusal: &RouterRefusal) -> Response {
    (StatusCode::IM_A_TEAPOT, format!("own: {}", refusal.code())).into_response()
}

#[tokio::test]
async fn words_are_replaced_and_reasons_are_kept() {
    let world = World::routed(|routes| routes.refusals(own));
    let jar = world.login("alice").await;
    let wrong = json!({"username": "alice", "password": "wrong"});
    for (asking, kind) in [
        (post("/auth/refresh"), RouterRefusalKind::MissingToken),
        (post("/auth/refresh").token("x"), RouterRefusalKind::InvalidToken),
        (post("/auth/login").json(wrong), RouterRefusalKind::InvalidCredentials),
        (post("/auth/login").json(json!([])), RouterRefusalKind::InvalidRequest),
        (post("/auth/login").raw("x"), RouterRefusalKind::UnsupportedMediaType),
        (post("/auth/logout").jar(&jar).header("sec-fetch-site", "cross-site"), RouterRefusalKind::Csrf),
        (ask(Method::GET, "/auth/login"), RouterRefusalKind::MethodNotAllowed),
        (ask(Method::DELETE, "/auth/sessions/x").jar(&jar), RouterRefusalKind::NotFound),
    ] {
        let answer = world.send_raw(asking).await;
        assert_eq!(answer.kind(), Some(kind));
        assert_eq!(answer.status, StatusCode::IM_A_TEAPOT, "{kind:?}");
        assert!(answer.text.starts_with("own: "), "{kind:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{kind:?}");
        assert!(answer.cookies().is_empty(), "{kind:?}");
    }
    world.store.is(Mood::Failing);
    let answer = world.send_raw(post("/auth/refresh").jar(&jar)).await;
    assert_eq!((answer.kind(), answer.cookies().len()), (Some(RouterRefusalKind::Unavailable), 0));
}

#[tokio::test]
async fn cookies_are_cleared_by_the_rules_whatever_the_words() {
    let world = World::routed(|routes| routes.refusals(own));
    let jar = world.login("alice").await;
    world.sessions.revoke("alice", jar.session()).await.unwrap();
    let answer = world.send_raw(post("/auth/refresh").jar(&jar)).await;
    assert_eq!(answer.kind(), Some(RouterRefusalKind::SessionEnded));
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::IM_A_TEAPOT, "own: session_ended"));
    assert!(answer.clears());
}

#[tokio::test]
async fn refusals_of_access_tokens_are_replaced_too() {
    let world = World::routed(|routes| {
        routes
            .recent_authentication(Duration::from_secs(60))
            .access_refusals(|refusal| (StatusCode::IM_A_TEAPOT, format!("own: {}", refusal.code())).into_response())
    });
    let (jar, other) = (world.login("alice").await, world.login("alice").await);
    world.wait(61);
    let stale = ask(Method::DELETE, format!("/auth/sessions/{}", other.session())).jar(&jar);
    for (asking, kind) in [
        (ask(Method::GET, "/auth/sessions"), RefusalKind::MissingToken),
        (ask(Method::GET, "/auth/sessions").bearer("x.y.z"), RefusalKind::InvalidToken),
        (stale, RefusalKind::StaleAuthentication),
    ] {
        let answer = world.send_raw(asking).await;
        assert_eq!(answer.access_refusal.as_ref().map(|refusal| refusal.kind()), Some(kind));
        assert!(answer.status == StatusCode::IM_A_TEAPOT && answer.text.starts_with("own: "), "{kind:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert!(world.lives("alice", other.session()).await);
}

#[derive(Clone)]
struct AppState(&'static str);

async fn said(app: &Router, path: &str, world: &World) -> u16 {
    let jar = world.login("alice").await;
    let asking = post(path).header("cookie", format!("{REFRESH}={}; {ACCESS}=x", jar.get(REFRESH)));
    Answer::of(app.clone().oneshot(asking.request()).await.unwrap()).await.status.as_u16()
}

#[tokio::test]
async fn it_mounts_under_any_prefix_and_beside_any_state() {
    let world = World::new();
    let sessions = || world.sessions.clone();
    // As the README writes it: nothing to annotate.
    let plain = Router::new().nest("/auth", session_router(sessions()));
    let deep = Router::new().nest("/api", Router::new().nest("/v1/auth", session_router(sessions())));
    let stateful = Router::new()
        .route("/", get(async |State(state): State<AppState>| state.0))
        .nest("/api/v1/auth", session_router(sessions()))
        .with_state(AppState("state"));
    let set = Router::new().nest("/{tenant}/auth", SessionRoutes::new(sessions()).without_ip().router());
    let merged =
        Router::new().merge(session_router(sessions())).fallback(async || (StatusCode::NOT_FOUND, "the application's"));
    for (app, path) in
        [(&plain, "/auth"), (&deep, "/api/v1/auth"), (&stateful, "/api/v1/auth"), (&set, "/blue/auth"), (&merged, "")]
    {
        assert_eq!(said(app, &format!("{path}/refresh"), &world).await, 200, "{path}");
        assert_eq!(said(app, &format!("{path}/nowhere"), &world).await, 404, "{path}");
        let jar = world.login("alice").await;
        let end = ask(Method::DELETE, format!("{path}/sessions/{}", jar.session())).jar(&jar);
        assert_eq!(app.clone().oneshot(end.request()).await.unwrap().status(), 204, "{path}");
    }
    let own = Answer::of(merged.oneshot(ask(Method::GET, "/nowhere").request()).await.unwrap()).await;
    assert_eq!(own.text, "the application's");
}
