//! What people may rely on when sessions are renewed, seen from outside: requests to the router, with a clock moved by hand.
//!
//! Honest clients, in `rotation_http/`: `window.rs` (the same token again, many at once, soon after one another), `lost.rs`
//! (answers that never came), `races.rs` (whatever happens at once), `restored.rs` (a store that went back in time), `keys.rs`
//! (new secrets), `clears.rs` (what costs no cookie). Others: `thieves.rs`. Ends: `ends.rs` (idle and absolute lives, and how long
//! access tokens live), `account.rs`, `rotate.rs`.
//!
//! Elsewhere, each in one place: in which channel a token is answered, and what is no token of ours, `router_refresh.rs`; logouts, also
//! one everywhere during a login, `router_logout.rs`; ending a device from the list, `router_devices.rs`; requests of other sites to every
//! route, `router_csrf.rs`; confirmations, and an orphan whose access token is in use, `confirmation.rs` and `sessions.rs`; clients that
//! hang up, `endings.rs`; what is told of each outcome, `outcomes.rs`; the same over sockets, with processes that are killed,
//! `demo_rotation.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside the test functions fail their test"
)]

#[path = "common/world.rs"]
mod common;
#[path = "common/recorded.rs"]
mod recorded;

#[path = "rotation_http/account.rs"]
mod account;
#[path = "rotation_http/clears.rs"]
mod clears;
#[path = "rotation_http/ends.rs"]
mod ends;
#[path = "rotation_http/keys.rs"]
mod keys;
#[path = "rotation_http/lost.rs"]
mod lost;
#[path = "rotation_http/races.rs"]
mod races;
#[path = "rotation_http/restored.rs"]
mod restored;
#[path = "rotation_http/rotate.rs"]
mod rotate;
#[path = "rotation_http/thieves.rs"]
mod thieves;
#[path = "rotation_http/window.rs"]
mod window;

use jwt_sessions::session::Outcome;

use self::common::{Answer, Held, Jar, World, post};

/// The window, in seconds.
const W: u64 = 30;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// What a browser with this jar is answered.
async fn refresh(world: &World, jar: &Jar) -> Answer {
    world.send(post("/auth/refresh").jar(jar)).await
}

/// A refresh that has to work; the jar keeps what it is given.
async fn renew(world: &World, jar: &mut Jar) -> Answer {
    let answer = refresh(world, jar).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    jar.keep(&answer);
    answer
}

/// The same without a jar: the token, and what came for it.
async fn renewed(world: &World, token: &str) -> Held {
    let answer = world.send(post("/auth/refresh").token(token)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.held()
}

/// Checks that the session is over, and that the browser hears so.
fn is_over(answer: &Answer, outcome: Outcome) {
    assert_eq!((answer.said(), answer.outcome), ((401, "session_ended".into()), Some(outcome)));
    assert!(answer.clears(), "{:?}", answer.cookies());
}
