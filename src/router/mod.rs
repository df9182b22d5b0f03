//! The companion router: the axum routes, cookies and wire formats of a session's life.
//!
//! | route (under the mount) | in | out |
//! |---|---|---|
//! | `POST /login` | credentials of the application's type, JSON or form | a new session; 401 for unknown user and bad password alike |
//! | `POST /refresh` | the refresh token: cookie, else `refresh_token` in a JSON or form body | a new access token, and a new refresh token when it is time |
//! | `POST /rotate` | the same | both new, everything earlier cut off |
//! | `POST /reauthenticate` | the refresh token, and the same subject's credentials | as `/rotate`, with `auth_time` set |
//! | `POST /logout` | a refresh token of the session, or a valid access token | `{}` |
//! | `POST /logout-all` | the same, and `{"keep_current": true}` or nothing | `{}` |
//! | `GET /sessions` | a valid access token | `{"sessions": [{"id", "current", "created_at", "last_used_at", "user_agent", "ip", "label"}]}`; times in seconds since the Unix epoch |
//! | `DELETE /sessions/{id}` | a valid access token | 204; 404 for an unknown id or another's |
//!
//! The first four answer tokens as `{"access_token", "token_type": "Bearer", "expires_in", "refresh_token"}`, or without the two
//! tokens where these go into cookies. `expires_in` is how many seconds the access token lives; `refresh_token` is the one that
//! was presented where it was not replaced: a client stores it only where it differs from the one it sent, as of two answers the
//! older may arrive last. Every success but the 204 is 200. The error codes are listed with [`RouterRefusalKind`], and those of
//! access tokens, on `/sessions`, with [`RefusalKind`](crate::auth::RefusalKind).
//!
//! 1. A token answers in the channel it came by: cookies stay in cookies, out of reach of scripts, and body clients get the
//!    body of RFC 6749 section 5.1. `POST /login?delivery=body` asks for the body.
//! 2. Cookies are `HttpOnly`, `Path=/`, `Secure` over https, `SameSite=Lax` for access and `Strict` for refresh tokens. They
//!    are cleared only where the session is surely over for whoever sent them, and at a logout; never on a lost race, a
//!    refused origin or a broken store.
//! 3. Every unsafe request without a `Bearer` header and without a token in its body, and a login also with one, is asked by
//!    [`tower_http::csrf`] whether it may be another site's.
//! 4. Refusals are `{"error", "error_description", "retryable"}` with fixed texts ([`RouterRefusal`]); a store that is down
//!    is 503 with `Retry-After`, and the presented token stays good.
//! 5. Everything here is `Cache-Control: no-store`; only the [`jwks_router`] is cacheable.
//! 6. What became of a refresh token ([`Outcome`](crate::session::Outcome)) is in the response's extensions, for your own layers,
//!    and never in what is sent unless [`dangerous_outcome_header`](SessionRoutes::dangerous_outcome_header) is on.
//!
//! # Deployment
//!
//! The address of clients in the list of devices is known only to a server started with
//! `app.into_make_service_with_connect_info::<SocketAddr>()`; behind proxies, say how many of them are yours
//! ([`SessionRoutes::trusted_proxies`]). Limit the rate of `/login`,
//! `/reauthenticate` (which tells a right password from a wrong one, too) and `/refresh` with a Tower layer of your choice.
//!
//! Mount it under any prefix with `nest`, or at the root with `merge`. Unknown paths are the application's own 404.

mod answer;
mod body;
mod client;
mod context;
mod cookies;
mod express;
mod host;
mod jwks;
mod login;
mod logout;
mod outcome;
mod own;
mod presented;
mod refresh;
mod refusal;
mod routes;
mod sessions;

pub use self::context::Delivery;
pub use self::express::{ExpressRoutes, express_refusal};
pub use self::jwks::jwks_router;
pub use self::own::{TokenCookies, refresh_cookie};
pub use self::refusal::{RouterRefusal, RouterRefusalKind};
pub use self::routes::{SessionRoutes, session_router};
