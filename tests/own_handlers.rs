//! Handlers of the application's own get the same cookies as the router: after a login elsewhere, after a changed password.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers outside of any test function")]

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{FromRef, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use http::{HeaderMap, Request, StatusCode};
use jwt_sessions::clock::Clock;
use jwt_sessions::router::{RouterRefusal, TokenCookies, refresh_cookie};
use jwt_sessions::store::MemoryStore;
use jwt_sessions::{
    Authenticated, Client, Grant, JwtAuthLayer, Keys, Opened, Refreshed, Sessions, Site, accounts_elsewhere,
};
use serde_json::{Value, json};
use tower::ServiceExt;

#[derive(Clone)]
struct App(Sessions<MemoryStore>);

impl FromRef<App> for Sessions<MemoryStore> {
    fn from_ref(app: &App) -> Self {
        app.0.clone()
    }
}

type Store = State<Sessions<MemoryStore>>;

async fn callback(State(sessions): Store) -> Result<Response, RouterRefusal> {
    match sessions.open("alice", Client::default()).await? {
        Opened::Tokens(tokens) => Ok((TokenCookies::new(&sessions, &tokens)?, "welcome").into_response()),
        other => panic!("{other:?}"),
    }
}

async fn password(State(sessions): Store, _: Authenticated, headers: HeaderMap) -> Result<Response, RouterRefusal> {
    let Some(token) = refresh_cookie(&sessions, &headers)? else {
        return Ok(StatusCode::UNAUTHORIZED.into_response());
    };
    match sessions.password_changed(&token).await? {
        Refreshed::Tokens(tokens) => Ok((TokenCookies::new(&sessions, &tokens)?, "changed").into_response()),
        Refreshed::Refused(refused) if refused.clears_cookies() => {
            Ok((TokenCookies::cleared(&sessions), Json(refused.to_string())).into_response())
        }
        Refreshed::Refused(refused) => Ok((StatusCode::CONFLICT, Json(refused.to_string())).into_response()),
    }
}

fn app() -> Router {
    let keys = Keys::secrets("an-access-secret-of-at-least-32-bytes", "one-more-refresh-secret-of-32-bytes").unwrap();
    let grant = async |_: String| -> Result<Option<Grant<Value>>, Infallible> { Ok(Some(Grant::new(json!({})))) };
    let sessions = Sessions::builder(keys, MemoryStore::new(Clock::system()), accounts_elsewhere(grant))
        .site(Site::new("https://app.example").unwrap())
        .build()
        .unwrap();
    Router::new()
        .route("/me", get(async |user: Authenticated| user.subject().to_owned()))
        .route("/password", post(password))
        .route_layer(JwtAuthLayer::new(sessions.verifier()))
        .route("/callback", get(callback))
        .with_state(App(sessions))
}

/// Sends a request with a jar's cookies, and answers the status and the jar as the response leaves it.
async fn send(app: &Router, request: http::request::Builder, jar: &str) -> (StatusCode, String) {
    let request = request.header(COOKIE, jar).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let set: Vec<_> = response.headers().get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
    if !set.is_empty() {
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert!(set.iter().all(|cookie| cookie.contains("HttpOnly") && cookie.contains("Secure")), "{set:?}");
    }
    let pairs: Vec<_> = set.iter().map(|cookie| cookie.split(';').next().unwrap()).collect();
    let jar = if pairs.is_empty() { jar.to_owned() } else { pairs.join("; ") };
    (response.status(), jar)
}

#[tokio::test]
async fn somebody_who_logged_in_elsewhere_gets_both_cookies() {
    let app = app();
    let (status, jar) = send(&app, Request::get("/callback"), "").await;
    assert_eq!(status, 200);
    assert!(jar.starts_with("__Host-Http-access=") && jar.contains("; __Host-Http-refresh="), "{jar}");
    assert_eq!(send(&app, Request::get("/me"), &jar).await.0, 200);
}

#[tokio::test]
async fn a_changed_password_leaves_this_client_logged_in_and_no_other() {
    let app = app();
    let (_, here) = send(&app, Request::get("/callback"), "").await;
    let (_, there) = send(&app, Request::get("/callback"), "").await;
    let (status, now) = send(&app, Request::post("/password"), &here).await;
    assert_eq!(status, 200);
    assert_eq!(send(&app, Request::get("/me"), &now).await.0, 200);
    assert_eq!(send(&app, Request::get("/me"), &here).await.0, 401, "what was before is cut off");
    assert_eq!(send(&app, Request::get("/me"), &there).await.0, 401, "the other device is logged out");
}

#[tokio::test]
async fn another_site_changes_no_password() {
    let app = app();
    let (_, jar) = send(&app, Request::get("/callback"), "").await;
    let (status, _) = send(&app, Request::post("/password").header("sec-fetch-site", "cross-site"), &jar).await;
    assert_eq!(status, 403);
    assert_eq!(send(&app, Request::get("/me"), &jar).await.0, 200);
}

#[tokio::test]
async fn whoever_lost_a_race_takes_no_cookie() {
    let app = app();
    let (_, before) = send(&app, Request::get("/callback"), "").await;
    let (_, after) = send(&app, Request::post("/password"), &before).await;
    // The refresh token of a request that was on its way.
    let (access, refresh) = (after.split("; ").next().unwrap(), before.split("; ").nth(1).unwrap());
    let late = format!("{access}; {refresh}");
    assert_eq!(send(&app, Request::post("/password"), &late).await, (StatusCode::CONFLICT, late));
    assert_eq!(send(&app, Request::get("/me"), &after).await.0, 200);
}
