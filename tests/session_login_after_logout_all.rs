//! A login that is in flight during a logout everywhere does not survive it, and whoever logged out everywhere, or changed the
//! password, may log in again at once; whatever the clocks of the instances say.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, as the test itself would")]

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jwt_sessions::clock::Clock;
use jwt_sessions::store::MemoryStore;
use jwt_sessions::token::Timestamp;
use jwt_sessions::{Client, Grant, Keys, Opened, Sessions, accounts_elsewhere};
use serde_json::json;

use self::common::{Gate, NOW, World, post};

#[path = "common/world.rs"]
mod common;

/// Seconds that an instance's clock is behind the store's or ahead of it: what the crate allows for, and more.
const SKEWS: [i64; 7] = [-3600, -60, -1, 0, 1, 60, 3600];
const MILLISECOND: Duration = Duration::from_millis(1);

/// The clock of an instance that is so many seconds off.
fn off(skew: i64) -> Clock {
    Clock::manual(Timestamp::from_secs(NOW + skew))
}

#[tokio::test]
async fn a_login_in_flight_does_not_survive_and_the_next_one_succeeds() {
    for skew in SKEWS {
        let world = World::new();
        let held = world.login_by_body("alice").await;
        let (clock, gate) = (off(skew), Arc::new(Gate::default()));
        let other = Arc::new(world.beside(|builder| builder.clock(clock.clone())));
        let credentials = json!({"username": "alice", "password": "right"});

        world.people(|people| people.gate = Some(gate.clone()));
        let in_flight = tokio::spawn({
            let (other, credentials) = (other.clone(), credentials.clone());
            async move { other.send(post("/auth/login").json(credentials)).await }
        });
        gate.begun.notified().await;
        world.people(|people| people.gate = None);
        // In the very millisecond in which the credentials were read.
        assert_eq!(world.send(post("/auth/logout-all").token(&held.refresh)).await.status, 200);
        gate.go_on.notify_one();
        let answer = in_flight.await.unwrap();
        assert_eq!(answer.said(), (401, "invalid_credentials".into()), "{skew} s");

        world.clock.advance(MILLISECOND);
        clock.advance(MILLISECOND);
        let answer = other.send(post("/auth/login").json(credentials)).await;
        assert_eq!(answer.status, StatusCode::OK, "{skew} s: {}", answer.text);
    }
}

#[tokio::test]
async fn an_identification_counts_as_old_as_it_is() {
    for skew in SKEWS {
        let world = World::new();
        let clock = off(skew);
        let other = world.beside(|builder| builder.clock(clock.clone()));
        // By this instance's clock, and by one that agrees with the store's.
        let identified = [clock.now(), world.clock.now()];
        world.clock.advance(MILLISECOND);
        clock.advance(MILLISECOND);
        world.sessions.revoke_subject("alice", None).await.unwrap();
        world.clock.advance(MILLISECOND);
        clock.advance(MILLISECOND);
        for at in identified {
            let opened = other.sessions.open("alice", Client::default().identified_at(at)).await.unwrap();
            assert!(matches!(opened, Opened::BadCredentials), "{skew} s: {opened:?}");
        }
        let opened = other.sessions.open("alice", Client::default()).await.unwrap();
        assert!(matches!(opened, Opened::Tokens(_)), "{skew} s: {opened:?}");
        // With a clock that is not behind, also one that says when it was.
        if skew >= 0 {
            let opened = other.sessions.open("alice", Client::default().identified_at(clock.now())).await.unwrap();
            assert!(matches!(opened, Opened::Tokens(_)), "{skew} s: {opened:?}");
        }
    }
}

#[tokio::test]
async fn a_login_that_begins_after_the_answer_is_never_too_early() {
    let grant = async |_: String| Ok::<_, std::io::Error>(Some(Grant::new(json!({}))));
    let keys = Keys::secrets("access-secret-0123456789-abcdefghij", "refresh-secret-0123456789-abcdefghij").unwrap();
    let store = MemoryStore::new(Clock::system());
    let sessions = Sessions::builder(keys, store, accounts_elsewhere(grant)).issuer("id").build().unwrap();
    for _ in 0..20 {
        sessions.revoke_subject("alice", None).await.unwrap();
        let opened = sessions.open("alice", Client::default()).await.unwrap();
        assert!(matches!(opened, Opened::Tokens(_)), "{opened:?}");
    }
}
