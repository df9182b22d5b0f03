//! Rotating JWT sessions for axum and Tower.
//!
//! A user logs in and gets two tokens: a short-lived **access token** that opens protected routes, and a long-lived **refresh
//! token** that is good for nothing but new access tokens. [`JwtAuthLayer`] takes the access token from a cookie or the
//! `Authorization` header, verifies it strictly and attaches typed claims to the request. [`session_router`] logs in,
//! refreshes, rotates, lists and ends sessions, over a store that starts as one file.
//!
//! ```no_run
#![doc = include_str!("../examples/minimal.rs")]
//! ```
//!
//! # Where to read on
//!
//! | module | what |
//! |---|---|
//! | [`settings`] | every variable of the environment |
//! | [`auth`] | the layer, its guards and extractors; a resource server needs nothing else |
//! | [`router`] | the routes, cookies and wire formats |
//! | [`session`] | the sessions without HTTP: open, refresh, rotate, revoke, list |
//! | [`store`] | where sessions live, and the contract for a store of your own |
//! | [`token`] | signing and strict verification, pure |
//! | [`site`], [`clock`] | where the application is served; what time it is |
//!
//! The crate's `DESIGN.md` has the rotation table and the argument for each default, `docs/rfc-requirements.md` the MUSTs of the
//! RFCs and where each is enforced, `docs/migrating-from-express.md` the way from the widespread Express tutorial.
//!
//! # Features
//!
//! | feature | default | what |
//! |---|---|---|
//! | `axum` | yes | extractors and the router |
//! | `aws-lc-rs` | yes | cryptography by AWS-LC; used where both backends are on |
//! | `rust-crypto` | | cryptography by the RustCrypto project, without a C compiler |
//! | `sqlite` | | the embedded store, one file |
//! | `postgres` | | the store for PostgreSQL, over your `sqlx` pool |
//! | `mysql` | | the store for MySQL and MariaDB, over your `sqlx` pool |
//! | `redis` | | the store for Redis: one server, Sentinel or Cluster |
//! | `mongodb` | | the store for MongoDB, over your client of the official driver |
//! | `metrics` | | counters through the `metrics` facade |
//! | `conformance` | | the suite that every store passes |
//!
//! One of the two backends, `aws-lc-rs` and `rust-crypto`, must be on. `postgres` and `mysql` need Rust 1.94, as `sqlx` does.

pub mod auth;
pub mod clock;
#[cfg(feature = "axum")]
pub mod router;
pub mod session;
pub mod settings;
pub mod site;
pub mod store;
pub mod token;

pub use self::auth::{Authenticated, JwtAuthLayer, Require, Verifier};
#[cfg(feature = "axum")]
pub use self::router::{SessionRoutes, jwks_router, session_router};
pub use self::session::{
    Accounts, Client, Grant, Keys, Login, NoLogin, Opened, Refreshed, Rotation, Sessions, SessionsBuilder, Tokens,
    accounts, accounts_elsewhere,
};
pub use self::settings::Settings;
pub use self::site::Site;

// The README's examples compile like any other.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
