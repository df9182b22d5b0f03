//! What the router refuses is told by the book, one row a kind. An application may answer in words of its own; reasons
//! and cookies stay as they are. And it mounts the router as it likes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers outside of any test function")]

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{Method, StatusCode};
use jwt_sessions::auth::RefusalKind;
use jwt_sessions::router::{RouterRefusal, RouterRefusalKind as Kind};
use jwt_sessions::session::{Denied, Event, Events, Opening};
use jwt_sessions::{SessionRoutes, Site, session_router};
use serde_json::{Value, json};
use tower::ServiceExt;

use self::common::store::Mood;
use self::common::{ACCESS, Answer, Ask, REFRESH, World, ask, post};
use self::table::TABLE;

#[path = "common/world.rs"]
mod common;
#[path = "refusals/router_table.rs"]
mod table;

fn own(refusal: &RouterRefusal) -> Response {
    (StatusCode::IM_A_TEAPOT, format!("own: {}", refusal.code())).into_response()
}

struct Closed;

impl Events for Closed {
    fn event(&self, _: &Event<'_>) {}

    fn before_open(&self, opening: &Opening<'_>) -> Result<(), Denied> {
        if opening.subject == "bob" { Err(Denied::new()) } else { Ok(()) }
    }
}

fn login(username: &str, password: &str) -> Ask {
    post("/auth/login").json(json!({"username": username, "password": password}))
}

/// A world, and a request that is refused there as that kind.
async fn refused_as(
    kind: Kind,
    route: impl FnOnce(SessionRoutes<common::store::Store>) -> SessionRoutes<common::store::Store>,
) -> (World, Ask) {
    let site = if kind == Kind::ForeignHost { "http://localhost:3000" } else { "https://app.example" };
    let world = World::with(|builder| builder.site(Site::new(site).unwrap()).events(Closed), route);
    if kind == Kind::ForeignHost {
        return (world, post("/auth/refresh").header("host", "evil.example"));
    }
    let jar = world.login("alice").await;
    let refresh = post("/auth/refresh").jar(&jar);
    let asking = match kind {
        Kind::MissingToken => post("/auth/refresh"),
        Kind::InvalidToken => post("/auth/refresh").header("cookie", format!("{REFRESH}=x")),
        Kind::SessionEnded => {
            world.sessions.revoke("alice", jar.session()).await.unwrap();
            refresh
        }
        Kind::InvalidCredentials => login("alice", "wrong").jar(&jar),
        Kind::AccessDenied => login("bob", "right").jar(&jar),
        Kind::Csrf => refresh.header("sec-fetch-site", "cross-site"),
        Kind::InvalidRequest => refresh.json(json!([])),
        Kind::NotFound => ask(Method::DELETE, "/auth/sessions/x").jar(&jar),
        Kind::MethodNotAllowed => ask(Method::GET, "/auth/refresh").jar(&jar),
        Kind::TryAgain => {
            assert_eq!(world.send(refresh).await.status, 200);
            world.wait(20);
            post("/auth/rotate").jar(&jar)
        }
        Kind::PayloadTooLarge => refresh.json(json!("x".repeat(16 * 1024))),
        Kind::UnsupportedMediaType => refresh.raw("x"),
        Kind::Unavailable => {
            world.store.is(Mood::Failing);
            refresh
        }
        Kind::ServerError => {
            world.people(|people| people.padding = 3000);
            refresh
        }
        other => panic!("no request is refused as {other:?}"),
    };
    (world, asking)
}

#[tokio::test]
async fn each_kind_has_one_status_challenge_and_body() {
    assert_eq!(TABLE.map(|row| row.kind), Kind::ALL);
    for row in TABLE {
        let kind = row.kind;
        let (world, asking) = refused_as(kind, |routes| routes).await;
        let answer = world.send(asking).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (row.status, row.body), "{kind:?}");
        assert_eq!(answer.header("www-authenticate").unwrap_or_default(), row.challenge, "{kind:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{kind:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{kind:?}");
        assert_eq!(answer.header("retry-after").unwrap_or_default(), row.retry_after, "{kind:?}");
        // The list of devices is behind the layer, which says by what its answers vary; nothing of the others is kept.
        let vary = if kind == Kind::NotFound { "Cookie, Authorization" } else { "" };
        assert_eq!(answer.header("vary").unwrap_or_default(), vary, "{kind:?}");
        // RFC 9110 section 15.5.6.
        let allow = if kind == Kind::MethodNotAllowed { "POST" } else { "" };
        assert_eq!(answer.header("allow").unwrap_or_default(), allow, "{kind:?}");
        assert_eq!(answer.kind(), Some(kind));
        assert_eq!((answer.clears(), answer.cookies().is_empty()), (row.clears, !row.clears), "{kind:?}");
        let body: Value = answer.json();
        assert_eq!(body["retryable"], !row.retry_after.is_empty(), "{kind:?}: what may be retried says when");
    }
}

#[tokio::test]
async fn in_the_applications_words_reasons_and_cookies_stay_with_every_kind() {
    for row in TABLE {
        let kind = row.kind;
        let (world, asking) = refused_as(kind, |routes| routes.refusals(own)).await;
        let answer = world.send_raw(asking).await;
        assert_eq!(answer.kind(), Some(kind));
        assert_eq!(answer.status, StatusCode::IM_A_TEAPOT, "{kind:?}");
        assert!(answer.text.starts_with("own: "), "{kind:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{kind:?}");
        assert_eq!((answer.clears(), answer.cookies().is_empty()), (row.clears, !row.clears), "{kind:?}");
    }
}

#[tokio::test]
async fn a_head_is_answered_without_a_body_and_with_the_reason() {
    let world = World::new();
    let jar = world.login("alice").await;
    let other_method = world.send(ask(Method::HEAD, "/auth/refresh").jar(&jar)).await;
    assert_eq!((other_method.status.as_u16(), other_method.kind()), (405, Some(Kind::MethodNotAllowed)));
    let nobody = world.send(ask(Method::HEAD, "/auth/sessions")).await;
    assert_eq!(nobody.access_refusal.as_ref().map(|refusal| refusal.kind()), Some(RefusalKind::MissingToken));
    assert_eq!(nobody.header("www-authenticate"), Some("Bearer realm=\"protected\""));
    world.store.is(Mood::Failing);
    let broken = world.send(ask(Method::HEAD, "/auth/sessions").jar(&jar)).await;
    assert_eq!((broken.status.as_u16(), broken.kind()), (503, Some(Kind::Unavailable)));
    for answer in [other_method, nobody, broken] {
        assert_eq!(answer.text, "");
    }
}

#[tokio::test]
async fn a_refusal_from_a_handler_of_the_applications_own_is_kept_by_no_cache() {
    for kind in Kind::ALL {
        let answer = Answer::of(RouterRefusal::from(kind).into_response()).await;
        assert_eq!((answer.kind(), answer.header("cache-control")), (Some(kind), Some("no-store")));
    }
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
