//! A service in the place of the widespread Express tutorial's: its front ends run against it unchanged, and who is logged in
//! stays logged in. What changes is in `docs/migrating-from-express.md`.
//!
//! Set the variables as in `.env.example`, then `cargo run --example express`. Besides: `FRONT_END_ORIGIN`, where the front end
//! is served if that is another origin, and `LEGACY_REFRESH_TOKEN_SECRET` with `LEGACY_REFRESH_TOKEN`, the old system's secret
//! and the refresh token that it has stored for the one user.

use std::env;
use std::sync::{LazyLock, Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method};
use axum::{Json, Router, routing::get};
use jwt_sessions::router::express_refusal;
use jwt_sessions::session::{LegacySecret, LegacyTokens};
use jwt_sessions::{Authenticated, Grant, JwtAuthLayer, SessionRoutes, Settings, accounts};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_http::cors::CorsLayer;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_env_filter("warn").with_writer(std::io::stderr).init();
    let settings = Settings::from_env()?;
    let store = settings.store().await?;
    store.migrate().await?;
    // The front end's origin may send unsafe requests with cookies, and read the answers. Nobody else's may.
    let front_end = env::var("FRONT_END_ORIGIN").ok();
    let site = settings.site().clone().express_cookies();
    let site = front_end.iter().try_fold(site, |site, origin| site.trust(origin))?;

    let mut builder = settings.builder(store, accounts(login, grant)).site(site).subject_claim("_id");
    if let Ok(secret) = env::var("LEGACY_REFRESH_TOKEN_SECRET") {
        // Tutorials have short secrets. The whole token is compared in `vouch`.
        let secret = LegacySecret::dangerous_weak(secret)?;
        builder = builder.legacy_refresh_tokens(LegacyTokens::new(secret, vouch, forget));
    }
    let sessions = builder.build()?;

    let users = Router::new()
        .route("/current-user", get(current_user))
        .route_layer(JwtAuthLayer::new(sessions.verifier()).refusals(express_refusal))
        .merge(
            // As dangerous as the tutorial, for front ends that read tokens from the body. Leave the second line out if yours
            // needs no more than its cookies.
            SessionRoutes::new(sessions).express().user(user).dangerous_tokens_in_cookies_and_body().router(),
        );
    let mut app = Router::new().nest("/api/v1/users", users);
    if let Some(origin) = front_end {
        let cors = CorsLayer::new().allow_origin(origin.parse::<HeaderValue>()?).allow_credentials(true);
        app = app.layer(cors.allow_methods([Method::GET, Method::POST]).allow_headers([CONTENT_TYPE, AUTHORIZATION]));
    }
    let listener = tokio::net::TcpListener::bind(env::var("BIND_ADDR").as_deref().unwrap_or("127.0.0.1:3000")).await?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// What the tutorial's front ends send: one of the two names.
#[derive(Deserialize)]
struct Credentials {
    email: Option<String>,
    username: Option<String>,
    password: String,
}

/// What the tutorial puts into an access token, beside `_id`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    email: String,
    username: String,
    full_name: String,
}

/// The one user: a table in a real application.
const ID: &str = "65a1b2c3d4e5f60718293a4b";
const USERNAME: &str = "alice";
const EMAIL: &str = "alice@example.com";
const FULL_NAME: &str = "Alice Example";
/// The column in which the old system has kept a refresh token.
static REFRESH_TOKEN: LazyLock<Mutex<Option<String>>> =
    LazyLock::new(|| Mutex::new(env::var("LEGACY_REFRESH_TOKEN").ok()));
/// Made at start: a real application keeps it with the user. For an unknown user, too, some hash is checked, so that both
/// take the same time.
static PASSWORD_HASH: LazyLock<Result<String, String>> = LazyLock::new(|| {
    let hash = Argon2::default().hash_password(b"correct horse battery staple");
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
});

async fn login(credentials: Credentials) -> Result<Option<String>, BoxError> {
    let known = credentials.email.as_deref() == Some(EMAIL) || credentials.username.as_deref() == Some(USERNAME);
    // Not on the threads that serve requests: it takes some ten milliseconds.
    let right = tokio::task::spawn_blocking(move || {
        let hash = PASSWORD_HASH.as_deref().map_err(Clone::clone)?;
        let hash = PasswordHash::new(hash).map_err(|error| error.to_string())?;
        Ok::<_, String>(Argon2::default().verify_password(credentials.password.as_bytes(), &hash).is_ok())
    });
    let right = right.await??;
    Ok((known && right).then(|| ID.to_owned()))
}

async fn grant(subject: String) -> Result<Option<Grant<Claims>>, BoxError> {
    let claims = Claims { email: EMAIL.into(), username: USERNAME.into(), full_name: FULL_NAME.into() };
    Ok((subject == ID).then(|| Grant::new(claims)))
}

/// The tutorial's document of the user, without the password and the refresh token.
async fn user(subject: String) -> Result<Option<Value>, BoxError> {
    Ok((subject == ID).then(|| {
        json!({
            "_id": ID, "username": USERNAME, "email": EMAIL, "fullName": FULL_NAME,
            "avatar": "https://img.example/alice.png", "coverImage": "", "watchHistory": [],
            "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z", "__v": 0,
        })
    }))
}

/// `SELECT EXISTS (SELECT FROM users WHERE id = $1 AND refresh_token = $2)`
async fn vouch(subject: String, token: String) -> Result<bool, BoxError> {
    let kept = REFRESH_TOKEN.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(subject == ID && kept.as_deref() == Some(token.as_str()))
}

/// `UPDATE users SET refresh_token = NULL WHERE id = $1 AND refresh_token = $2`
async fn forget(subject: String, token: String) -> Result<(), BoxError> {
    let mut kept = REFRESH_TOKEN.lock().unwrap_or_else(PoisonError::into_inner);
    kept.take_if(|kept| subject == ID && *kept == token);
    Ok(())
}

async fn current_user(user: Authenticated<Claims>) -> Json<Value> {
    Json(json!({
        "statusCode": 200,
        "data": {"_id": user.subject(), "email": user.email, "username": user.username, "fullName": user.full_name},
        "message": "current user fetched successfully",
        "success": true,
    }))
}
