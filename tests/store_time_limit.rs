//! Whatever becomes of the store, there is an answer within the time that is set for it: for all that an operation asks of it
//! together. The accounts' own time is not counted, and not cut off.
//!
//! Time is tokio's own, which stands still while somebody works and jumps when all wait.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test, as the test itself would")]

use std::sync::Arc;
use std::time::Duration;

use jwt_sessions::Client;
use jwt_sessions::session::{SessionError, SessionErrorKind};
use serde_json::json;
use tokio::time::Instant;

use self::common::store::Mood;
use self::common::{Answer, Ask, Gate, Held, World, post};

#[path = "common/world.rs"]
mod common;

/// Between one call of a slow store, which takes two seconds, and two.
const LIMIT: Duration = Duration::from_secs(3);
const A_LITTLE: Duration = Duration::from_millis(100);
/// How long the accounts take to look at a password.
const ACCOUNTS: Duration = Duration::from_secs(60);

fn world() -> World {
    World::built(|builder| builder.store_timeout(LIMIT))
}

async fn timed(world: &World, ask: Ask) -> (Answer, Duration) {
    let begun = Instant::now();
    (world.send(ask).await, begun.elapsed())
}

fn in_time(took: Duration, what: &str) {
    assert!((LIMIT..LIMIT + A_LITTLE).contains(&took), "{what}: after {took:?}");
}

fn login(held: &Held) -> Ask {
    let body = json!({"username": "alice", "password": "right", "refresh_token": held.refresh});
    post("/auth/login?delivery=body").json(body)
}

fn reauthenticate(held: &Held) -> Ask {
    let body = json!({"username": "alice", "password": "right", "refresh_token": held.refresh});
    post("/auth/reauthenticate").json(body)
}

#[tokio::test(start_paused = true)]
async fn every_route_answers_503_within_the_limit() {
    let world = world();
    let (held, cookies) = (world.login_by_body("alice").await, world.login("alice").await);
    for mood in [Mood::Hanging, Mood::Slow] {
        world.store.is(mood);
        let asked = [
            ("logout", post("/auth/logout").token(&held.refresh)),
            ("logout with a cookie", post("/auth/logout").jar(&cookies)),
            ("logout by an access token", post("/auth/logout").bearer(&held.access)),
            ("logout-all", post("/auth/logout-all").token(&held.refresh)),
            ("login in place of a session", login(&held)),
            ("reauthenticate", reauthenticate(&held)),
        ];
        for (what, ask) in asked {
            let (answer, took) = timed(&world, ask).await;
            assert_eq!(answer.said(), (503, "temporarily_unavailable".into()), "{what}");
            assert!(answer.header("retry-after").is_some(), "{what}");
            in_time(took, what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_operation_of_an_application_fails_within_the_limit() {
    fn fails<T: std::fmt::Debug>(done: Result<T, SessionError>, begun: Instant, what: &str) {
        assert_eq!(done.unwrap_err().kind(), SessionErrorKind::Store, "{what}");
        in_time(begun.elapsed(), what);
    }
    let world = world();
    let held = world.login_by_body("alice").await;
    for mood in [Mood::Hanging, Mood::Slow] {
        world.store.is(mood);
        let begun = Instant::now();
        fails(world.sessions.open("alice", Client::default().replacing(&held.refresh)).await, begun, "open");
        let begun = Instant::now();
        fails(world.sessions.password_changed(&held.refresh).await, begun, "password_changed");
        let begun = Instant::now();
        let credentials = json!({"username": "alice", "password": "right"});
        fails(world.sessions.reauthenticate(&held.refresh, credentials).await, begun, "reauthenticate");
    }
}

#[tokio::test(start_paused = true)]
async fn the_accounts_take_as_long_as_they_take() {
    let world = Arc::new(world());
    for ask in [login, reauthenticate] {
        for mood in [Mood::Well, Mood::Slow] {
            let held = world.login_by_body("alice").await;
            let gate = Arc::new(Gate::default());
            world.people(|people| people.gate = Some(gate.clone()));
            world.store.is(mood);
            let (asking, ask) = (world.clone(), ask(&held));
            let asked = tokio::spawn(async move { timed(&asking, ask).await });
            gate.begun.notified().await;
            tokio::time::sleep(ACCOUNTS).await;
            gate.go_on.notify_one();
            let (answer, took) = asked.await.unwrap();
            world.people(|people| people.gate = None);
            world.store.is(Mood::Well);
            if mood == Mood::Slow {
                // The second call has what the first one left.
                assert_eq!(answer.status, 503, "{}", answer.text);
                in_time(took.checked_sub(ACCOUNTS).unwrap(), "with slow accounts");
            } else {
                assert_eq!(answer.status, 200, "{}", answer.text);
                assert!((ACCOUNTS..ACCOUNTS + A_LITTLE).contains(&took), "after {took:?}");
            }
        }
    }
}
