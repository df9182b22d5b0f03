use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::session::Sessions;
use crate::store::SessionStore;

/// `GET /.well-known/jwks.json`: the public keys of access tokens (RFC 7517 section 5), cacheable for five minutes; an empty
/// set for HMAC.
///
/// Merge it at the root and not under a mount (RFC 8615 section 3).
pub fn jwks_router<S: SessionStore, T: Clone + Send + Sync + 'static>(sessions: &Sessions<S>) -> Router<T> {
    let headers = [(CONTENT_TYPE, "application/jwk-set+json"), (CACHE_CONTROL, "public, max-age=300")];
    let body = bytes::Bytes::copy_from_slice(sessions.public_jwks().as_bytes());
    Router::new().route("/.well-known/jwks.json", get(async move || (headers, body).into_response()))
}
