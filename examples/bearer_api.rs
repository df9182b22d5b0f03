//! A resource server: it verifies access tokens that another service issued, and has no sessions, store or cookies.
//!
//! Set one of `PUBLIC_KEY_FILE` (PEM), `JWKS_FILE` (a JWK Set) and `ACCESS_TOKEN_SECRET` (shared with the issuer, which lets
//! this service issue tokens as well: prefer a public key), and `ISSUER` and `AUDIENCE` as the issuer has them. Then
//! `cargo run --example bearer_api`.
//!
//! A session that ends at the issuer ends here when its access token expires: keep access tokens short-lived.

use std::env;

use axum::{Router, routing::get};
use jwt_sessions::token::{Algorithm, KeySet, VerifyingKey};
use jwt_sessions::{Authenticated, JwtAuthLayer, Require, Verifier};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What this service needs of the issuer's claims. Members that it does not name are left alone.
#[derive(serde::Deserialize)]
struct Customer {
    plan: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Issuer and audience are demanded of each token: one that was meant for another service is no good here.
    let verifier = Verifier::builder(keys()?).issuer(variable("ISSUER")?).audience(variable("AUDIENCE")?).build()?;
    let app = Router::new()
        .route("/plan", get(plan))
        .route("/reports", get(async || "the reports\n").layer(Require::scope("reports:read")))
        .route_layer(JwtAuthLayer::new(verifier))
        // Added after the layer, so open to everybody.
        .route("/health", get(async || "ok\n"));
    let address = env::var("BIND_ADDR").unwrap_or_else(|_| String::from("127.0.0.1:3001"));
    let listener = tokio::net::TcpListener::bind(&address).await?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn plan(user: Authenticated<Customer>) -> String {
    format!("{} has plan {}\n", user.subject(), user.plan.as_deref().unwrap_or("free"))
}

/// The issuer's keys. Each is pinned to one algorithm, so that a public key never passes for a secret.
fn keys() -> Result<KeySet, BoxError> {
    if let Ok(file) = env::var("PUBLIC_KEY_FILE") {
        // The algorithm follows from the key: EdDSA, ES256, ES384 or RS256. Tokens name their key (`kid`) by its thumbprint,
        // which this key gets, too; for an issuer with other names there is `VerifyingKey::kid`.
        return Ok(KeySet::verifying([VerifyingKey::detect_pem(std::fs::read(file)?)?])?);
    }
    if let Ok(file) = env::var("JWKS_FILE") {
        // What the issuer publishes at /.well-known/jwks.json, fetched by what deploys this service. Keys whose entries do
        // not say their algorithm get the one of this list that fits.
        let accepted = [Algorithm::EdDSA, Algorithm::ES256, Algorithm::ES384, Algorithm::RS256];
        return Ok(KeySet::jwks(&std::fs::read_to_string(file)?, &accepted)?);
    }
    let secret = variable("ACCESS_TOKEN_SECRET")?;
    Ok(KeySet::verifying([VerifyingKey::secret(Algorithm::HS256, secret)?])?)
}

fn variable(name: &str) -> Result<String, BoxError> {
    env::var(name).map_err(|_| format!("{name} is not set").into())
}
