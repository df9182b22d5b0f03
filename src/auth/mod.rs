//! A Tower layer that takes requests by their access token and attaches typed claims to them.
//!
//! 1. Looked at are `Authorization: Bearer` and the access cookie of the [`Site`](crate::site::Site), byte by byte; never
//!    the query string. An `Authorization` of another scheme counts as absent, a `Bearer` without a well-formed credential
//!    is 400.
//! 2. Every candidate is verified, and what fails beside a valid one is ignored. Of one session, the header counts before
//!    the cookie, and of several cookies the one of the highest generation. Valid tokens of two sessions or subjects are
//!    400, five cookies of the one name too.
//! 3. An unsafe request by cookie, or the handshake of a WebSocket, is asked by [`tower_http::csrf`] whether it may be another
//!    site's.
//! 4. A [`SessionWatch`] is asked whether the session still lives.
//! 5. Who passes is marked in the request's extensions. [`Authenticated<T>`](Authenticated) names the claims' type;
//!    `Option<Authenticated<T>>` is `None` only when no credential was sent, or to a preflight (7). [`Require`] demands scopes,
//!    a recent authentication, or what a closure says.
//! 6. In development mode only requests for this machine are served ([`Verifier::serves`]), the others are 400.
//! 7. [`optional`](JwtAuthLayer::optional) lets requests without a credential pass, too; a bad token is refused all the same. A CORS
//!    preflight (`OPTIONS` with `Origin` and `Access-Control-Request-Method`) passes as such a request, whatever credential
//!    it has, also where one is demanded: browsers send none along, and anybody can make one. Let a CORS layer answer it, and
//!    let nothing inside act on `OPTIONS` without a [`Require`] or an extractor: no `any(handler)`, no proxy.
//! 8. A [`Refusal`] is a response, never an error: by RFC 6750, or in the application's words
//!    ([`refusals`](JwtAuthLayer::refusals)), and always in the response's extensions.
//! 9. Every response gets `Vary: Cookie, Authorization`, and `Cache-Control: private` if it has none.
//!
//! The request path is synchronous, so that every service and body will do: it needs to be neither `Clone` nor `Send`.
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode};
//! use jwt_sessions::auth::{Authenticated, JwtAuthLayer, Require, Verifier};
//! use jwt_sessions::token::{ACCESS_TYPE, Algorithm, KeySet, Signer, SigningKey};
//! use tower::ServiceExt;
//!
//! #[derive(serde::Deserialize)]
//! struct MyClaims {
//!     plan: String,
//! }
//!
//! async fn me(user: Authenticated<MyClaims>) -> String {
//!     format!("{} has plan {}", user.subject(), user.plan)
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SigningKey::secret(Algorithm::HS256, "0123456789abcdefghijklmnopqrstuv")?;
//! let verifier = Verifier::builder(KeySet::new(key.clone())).issuer("id").audience("api").build()?;
//! let app: Router = Router::new()
//!     .route("/me", get(me))
//!     .route("/admin", get(async || "hello, admin").layer(Require::scope("admin")))
//!     .route_layer(JwtAuthLayer::new(verifier));
//!
//! let token = Signer::new(key, ACCESS_TYPE)
//!     .sign(r#"{"iss":"id","aud":"api","sub":"alice","exp":4102444800,"plan":"gold"}"#)?;
//! let request = |path: &str| Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty());
//!
//! let response = app.clone().oneshot(request("/me")?).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//!
//! // A valid token without the scope.
//! let response = app.clone().oneshot(request("/admin")?).await?;
//! assert_eq!(response.status(), StatusCode::FORBIDDEN);
//!
//! // No token: refused, with a challenge that has no error code.
//! let response = app.oneshot(Request::get("/me").body(Body::empty())?).await?;
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="protected""#);
//! # Ok(())
//! # }
//! ```
//!
//! # What is kept
//!
//! A verifier keeps the tokens that it has verified, with what they say, so that the next request with one costs no signature
//! check, whatever the algorithm: at most 10,000 of them and 10 MiB, whichever comes first, unless
//! [`cached_tokens`](VerifierBuilder::cached_tokens) says otherwise, and none with 0. The application's claims, parsed once, are
//! shared by all these requests. What they take is not counted: a `serde_json::Value` may be many times its text.
//!
//! - Kept is only a token that was verified, when it comes the second time, of at most 4 KiB. It is found again by a keyed hash, and then compared whole, in constant
//!   time: no other token passes for it.
//! - Each request is judged by its own moment: `exp`, `nbf` and `iat` are compared again, the session watch is asked, and guards
//!   look at scopes and ages anew. A clock that was set back by more than a minute empties it.
//! - One verifier's tokens are nothing to another. Keys and policy of a verifier never change: whoever takes a key away builds
//!   another verifier, which knows nothing yet.
//! - A token that comes once takes no place, and no more does garbage. Who floods it with valid tokens, each several times, may
//!   push others out: that costs them a signature check, and no memory and no answer.
//! - Whoever reads the process's memory finds tokens there that are still good, as he finds the keys. They are wiped when they are
//!   evicted or come again after their end; until their place is needed, claims of people who logged out may lie there, too.
//!
//! # Deployment
//!
//! Use axum's `route_layer`, not `layer`: with `layer` an unknown path is 401 and not 404. **Routes that are added after it
//! are not protected.** An extractor or a guard on such a route answers 500 and says so in the log; a handler that asks for
//! neither is simply open.
//!
//! The check against other sites believes the `Host`, `Origin` and `Sec-Fetch-Site` that reach it: proxies must pass them on
//! unchanged ([`tower_http::csrf`], *Deployment caveat*).
//!
//! A verifier without a watch, on a resource server say, takes a token until it expires, also when its session has ended.

mod builder;
mod cache;
mod credentials;
mod csrf;
mod error;
mod extract;
mod future;
mod host;
mod layer;
mod mark;
mod refusal;
mod require;
mod response;
mod service;
mod verifier;
mod watch;

#[cfg(feature = "axum")]
mod axum;

pub use self::builder::VerifierBuilder;
pub use self::error::{VerifierError, VerifierErrorKind};
pub use self::extract::{Authenticated, authenticated};
pub use self::future::{RequireFuture, ResponseFuture};
pub use self::layer::JwtAuthLayer;
pub use self::refusal::{Refusal, RefusalKind};
pub use self::require::{Require, Required};
pub use self::response::{DefaultResponseForRefusal, ResponseForRefusal};
pub use self::service::JwtAuth;
pub use self::verifier::Verifier;
pub use self::watch::{Noted, SessionWatch, Sight};

// The router looks for its cookie in the same way, and refuses access tokens in the same words.
#[cfg(feature = "axum")]
pub(crate) use self::credentials::{MOST_COOKIES, named as cookies_named};
#[cfg(feature = "axum")]
pub(crate) use self::future::write as write_refusal;
