//! Login, sessions and protected routes. Set the variables as in `.env.example`, then `cargo run --example minimal`.

use axum::{Router, routing::get};
use jwt_sessions::*;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let settings = Settings::from_env()?;
    let store = settings.store().await?;
    let sessions = settings.builder(store, accounts(login, grant)).build()?;
    let app = Router::new()
        .route("/me", get(me))
        .route("/admin", get(async || "hello, admin").layer(Require::scope("admin")))
        .route_layer(JwtAuthLayer::new(sessions.verifier())) // routes added after this line are not protected
        .nest("/auth", session_router(sessions));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

#[derive(serde::Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct MyClaims {
    name: String,
}

/// Whose credentials these are: a table and a password hash in a real application.
async fn login(credentials: Credentials) -> Result<Option<String>, std::io::Error> {
    let known = credentials.username == "alice" && credentials.password == "correct horse battery staple";
    Ok(known.then_some(credentials.username))
}

/// What they may do: asked at login and at each refresh.
async fn grant(subject: String) -> Result<Option<Grant<MyClaims>>, std::io::Error> {
    Ok(Some(Grant::new(MyClaims { name: subject })))
}

/// Whoever is logged in, with the claims above: anybody else is refused before this is called.
async fn me(user: Authenticated<MyClaims>) -> String {
    format!("hello, {}", user.name)
}
