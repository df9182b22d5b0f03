//! The same route behind other published layers: same token, same claims checked, each set up as its documentation says.
//!
//! Where a crate lets its user choose, it has the faster way: AWS-LC under jsonwebtoken, keys that are given and not fetched.

mod aliri;
mod bearer;
mod gate;
mod login;
pub mod postgres;
pub mod serving;

use jwt_sessions_benches::Case;
use jwt_sessions_benches::apps::choose_backend;
use jwt_sessions_benches::tokens::Alg;
use tokio::runtime::Runtime;

pub use self::aliri::app as aliri_axum;
pub use self::bearer::axum_jwt_auth;

/// What is compared: `(crate, what it needs to be said about it)`.
pub const NOTES: [(&str, &str); 6] = [
    ("jwt-authorizer", "on axum 0.7, which its answers are made of; beside it the bare route of axum 0.7"),
    ("axum-jwt-auth", "an extractor: the handler asks for the claims"),
    ("tower-oauth2-resource-server", "its HS256 token names its key, which it demands"),
    ("aliri_axum", "the handler's guard demands a scope; it has no EdDSA"),
    ("axum-gate", "a token of its own form, with the account in it"),
    ("axum-login", "no token: an opaque cookie, looked up in tower-sessions' memory store, and the user in a map"),
];

/// The other layers, for one algorithm. A layer that does not know it is left out.
pub fn cases(alg: Alg, runtime: &Runtime) -> Vec<Case<'_>> {
    choose_backends();
    let mut cases = bearer::cases(alg, runtime);
    cases.extend(aliri::case(alg, runtime));
    cases.extend(gate::case(alg, runtime));
    cases.extend(login::case(alg, runtime));
    cases
}

/// AWS-LC for every version of jsonwebtoken that can have it.
pub fn choose_backends() {
    choose_backend();
    // Where it was chosen before, it is this one.
    let _ = jsonwebtoken10::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

/// The keys of an algorithm as a JWK Set; `kid` names a secret.
fn jwks(alg: Alg, kid: &str) -> String {
    use base64::Engine;
    if !alg.ours.is_symmetric() {
        return alg.keys().public_jwks();
    }
    let secret = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(jwt_sessions_benches::tokens::SECRET);
    serde_json::json!({ "keys": [{ "kty": "oct", "k": secret, "alg": alg.name, "kid": kid }] }).to_string()
}
