//! The applications: one route that answers a text, and what stands before it.

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use http::StatusCode;
use http::header::AUTHORIZATION;
use jsonwebtoken::{DecodingKey, Validation};
use jwt_sessions::{Authenticated, JwtAuthLayer, Verifier};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tower::layer::util::Identity;
use tower::util::MapRequestLayer;

use crate::alike::PATH;
use crate::tokens::{AUDIENCE, Alg, ISSUER, SECRET};

/// The claims of the token, for those that want them named.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// Subject.
    pub sub: String,
    /// Issued at.
    pub iat: u64,
    /// Expires at.
    pub exp: u64,
    /// Scopes.
    pub scope: String,
}

/// The application's own claim.
#[derive(Deserialize)]
struct Profile {
    name: String,
}

/// The route alone.
pub fn bare() -> Router {
    served(Router::new().route(PATH, get(async || TEXT)))
}

/// As `axum::serve` has it: handlers and layers are made into services once, and not at each request.
pub fn served(app: Router) -> Router {
    app.with_state(())
}

/// A layer that does nothing: what axum takes for any.
pub fn idle_layer() -> Router {
    bare().route_layer(Identity::new())
}

/// A layer that does `check` at each request, and nothing else.
pub fn checking(check: impl Fn() + Send + Sync + 'static) -> Router {
    let check = Arc::new(check);
    bare().route_layer(MapRequestLayer::new(move |request: Request| {
        check();
        request
    }))
}

/// The least that a middleware function can do.
pub fn empty_from_fn() -> Router {
    #[derive(Clone)]
    struct Passed;
    async fn pass(mut request: Request, next: Next) -> Response {
        request.extensions_mut().insert(Passed);
        next.run(request).await
    }
    bare().route_layer(from_fn(pass))
}

/// What one writes by hand over `jsonwebtoken`: the header's token, issuer and audience checked, claims in an extension.
pub fn hand_written(alg: Alg) -> Router {
    bare().route_layer(from_fn_with_state(Arc::new(Checks::new(alg)), check))
}

/// The same with a handler that has the claims.
pub fn hand_written_asking(alg: Alg) -> Router {
    async fn me(Extension(claims): Extension<Claims>) -> &'static str {
        if claims.sub.is_empty() { "" } else { TEXT }
    }
    served(Router::new().route(PATH, get(me))).route_layer(from_fn_with_state(Arc::new(Checks::new(alg)), check))
}

/// Ours.
pub fn ours(verifier: Verifier) -> Router {
    bare().route_layer(JwtAuthLayer::new(verifier))
}

/// Ours, with a handler that asks for the application's claims.
pub fn ours_asking(verifier: Verifier) -> Router {
    async fn me(user: Authenticated<Profile>) -> &'static str {
        if user.name.is_empty() { "" } else { TEXT }
    }
    served(Router::new().route(PATH, get(me))).route_layer(JwtAuthLayer::new(verifier))
}

/// What `jsonwebtoken` needs, made once.
pub struct Checks {
    /// The key.
    pub key: DecodingKey,
    /// What is checked: issuer, audience and expiry, without leeway.
    pub validation: Validation,
}

impl Checks {
    /// Those of an algorithm.
    pub fn new(alg: Alg) -> Self {
        let public = alg.pem[1].as_bytes();
        let key = match alg.theirs {
            jsonwebtoken::Algorithm::HS256 => DecodingKey::from_secret(SECRET.as_bytes()),
            jsonwebtoken::Algorithm::ES256 => DecodingKey::from_ec_pem(public).unwrap(),
            jsonwebtoken::Algorithm::EdDSA => DecodingKey::from_ed_pem(public).unwrap(),
            _ => DecodingKey::from_rsa_pem(public).unwrap(),
        };
        let mut validation = Validation::new(alg.theirs);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.leeway = 0;
        Self { key, validation }
    }
}

async fn check(State(checks): State<Arc<Checks>>, mut request: Request, next: Next) -> Result<Response, StatusCode> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or(StatusCode::UNAUTHORIZED)?;
    let decoded = jsonwebtoken::decode::<Claims>(token, &checks.key, &checks.validation);
    let claims = decoded.map_err(|_| StatusCode::UNAUTHORIZED)?.claims;
    request.extensions_mut().insert(claims);
    Ok(next.run(request).await)
}

/// Chooses AWS-LC where a build has both backends: the faster one, and the one that is ours.
pub fn choose_backend() {
    // Where it was chosen before, it is this one.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

/// What the route answers.
pub const TEXT: &str = "hello";
