//! What one instance ends, the others refuse within a second, without asking the store at any request.
//!
//! Time is tokio's own, which stands still while somebody works and jumps when all wait.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers outside of any test function fail their test")]

use std::time::Duration;

use http::Method;
use jwt_sessions::Refreshed;
use jwt_sessions::session::{FeedState, SessionsBuilder, Stance};
use tokio::time::Instant;

use self::common::store::{Mood, Store};
use self::common::{Held, World, ask, post, session_of};
use self::lines::Lines;

#[path = "common/world.rs"]
mod common;
#[path = "common/lines.rs"]
mod lines;

const SECOND: Duration = Duration::from_secs(1);

async fn status(world: &World, held: &Held) -> u16 {
    world.send(ask(Method::GET, "/me").bearer(&held.access)).await.status.as_u16()
}

/// How long it takes until these tokens are refused there.
async fn refused_after(world: &World, held: &Held) -> Duration {
    let begun = Instant::now();
    while status(world, held).await != 401 {
        assert!(begun.elapsed() < 60 * SECOND, "they are never refused");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

fn refusing(builder: SessionsBuilder<Store>) -> SessionsBuilder<Store> {
    builder.stance(Stance::Refuse)
}

fn as_it_is(builder: SessionsBuilder<Store>) -> SessionsBuilder<Store> {
    builder
}

/// Waits until an instance says so of itself; its clock goes on meanwhile.
async fn comes_to(world: &World, state: FeedState) {
    let begun = Instant::now();
    while world.sessions.feed_state() != state {
        assert!(begun.elapsed() < 60 * SECOND, "it stays {:?}", world.sessions.feed_state());
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.clock.advance(Duration::from_millis(100));
    }
}

#[tokio::test(start_paused = true)]
async fn however_a_session_is_ended_every_instance_refuses_it_within_a_second() {
    let a = World::new();
    let (b, c) = (a.beside(as_it_is), a.beside(as_it_is));
    for how in ["logout", "logout-all", "device", "application", "password", "rotate", "reuse", "all"] {
        let held = a.login_by_body("alice").await;
        let session = session_of(&held.refresh);
        for world in [&a, &b, &c] {
            assert_eq!(status(world, &held).await, 200, "{how}");
        }
        match how {
            "logout" | "logout-all" | "rotate" => {
                let answer = a.send(post(format!("/auth/{how}")).token(&held.refresh)).await;
                assert_eq!(answer.status, 200, "{how}: {}", answer.text);
            }
            "device" => {
                let path = format!("/auth/sessions/{session}");
                assert_eq!(a.send(ask(Method::DELETE, path).bearer(&held.access)).await.status, 204);
            }
            "application" => assert!(a.sessions.revoke("alice", session).await.unwrap()),
            "password" => {
                let changed = a.sessions.password_changed(&held.refresh).await.unwrap();
                assert!(matches!(changed, Refreshed::Tokens(_)), "{changed:?}");
            }
            "reuse" => {
                let next = a.send(post("/auth/refresh").token(&held.refresh)).await.held();
                a.wait(3600);
                a.send(post("/auth/refresh").token(&next.refresh)).await.held();
                assert_eq!(a.send(post("/auth/refresh").token(&held.refresh)).await.status, 401);
            }
            _ => {
                a.sessions.revoke_all(a.clock.now()).await.unwrap();
            }
        }
        for world in [&a, &b, &c] {
            let after = refused_after(world, &held).await;
            assert!(after < SECOND, "{how}: after {after:?}");
        }
        assert_eq!(status(&a, &held).await, 401);
        // A login of the same second as `revoke_all` is one that it may speak of.
        a.wait(2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_rotation_made_is_taken_everywhere_and_what_it_cut_nowhere() {
    let a = World::new();
    let b = a.beside(as_it_is);
    let first = a.login_by_body("alice").await;
    let second = a.send(post("/auth/rotate").token(&first.refresh)).await.held();
    assert!(refused_after(&b, &first).await < SECOND);
    assert_eq!(status(&b, &second).await, 200);
    assert_eq!(status(&b, &first).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_made_room_for_another_is_refused_everywhere() {
    let a = World::built(|builder| builder.session_limit(1));
    let b = a.beside(as_it_is);
    let first = a.login_by_body("alice").await;
    let second = a.login_by_body("alice").await;
    assert!(refused_after(&b, &first).await < SECOND);
    assert_eq!(status(&b, &second).await, 200);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_ready_knows_what_was_ended_before_it_came() {
    let a = World::new();
    let mut all = Vec::new();
    for _ in 0..30 {
        all.push(a.login_by_body("alice").await);
    }
    for held in &all {
        a.sessions.revoke("alice", session_of(&held.refresh)).await.unwrap();
    }
    let other = a.login_by_body("bob").await;
    let late = a.beside(as_it_is);
    assert_eq!(late.sessions.feed_state(), FeedState::Loading);
    late.sessions.ready().await;
    assert_eq!(late.sessions.feed_state(), FeedState::Current);
    for held in &all {
        assert_eq!(status(&late, held).await, 401);
    }
    assert_eq!(status(&late, &other).await, 200);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_the_layer_serves_and_then_catches_up() {
    let a = World::new();
    let b = a.beside(as_it_is);
    let other = a.login_by_body("alice").await;
    b.sessions.ready().await;
    for mood in [Mood::Failing, Mood::Hanging, Mood::Panicking] {
        let ended = a.login_by_body("alice").await;
        b.store.is(mood);
        comes_to(&b, FeedState::Behind).await;
        a.sessions.revoke("alice", session_of(&ended.refresh)).await.unwrap();
        assert_eq!(status(&b, &ended).await, 200, "nobody has heard of it");
        assert_eq!(status(&b, &other).await, 200, "no request waits for the store");
        b.store.is(Mood::Well);
        // A panic may have ended the background tasks. A call that hangs is given up after the time that is set for it.
        b.sessions.ready().await;
        comes_to(&b, FeedState::Current).await;
        assert_eq!(status(&b, &ended).await, 401);
        assert_eq!(status(&b, &other).await, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_only_verifies_hears_again_after_a_panic_of_its_store() {
    let a = World::new();
    let b = a.beside(as_it_is);
    let (held, seen) = (a.login_by_body("alice").await, a.login_by_body("alice").await);
    b.sessions.ready().await;
    b.store.is(Mood::Panicking);
    // What is seen is to be confirmed, and the task that confirms comes to its end.
    assert_eq!(status(&b, &seen).await, 200);
    tokio::time::sleep(2 * SECOND).await;
    b.store.is(Mood::Well);
    a.sessions.revoke("alice", session_of(&held.refresh)).await.unwrap();
    assert!(refused_after(&b, &held).await < 3 * SECOND, "nobody has called it but the layer");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_not_heard_is_a_warning_once_until_it_is() {
    let (lines, _kept) = Lines::here();
    let world = World::new();
    for times in 1..3 {
        world.store.is(Mood::Failing);
        comes_to(&world, if times == 1 { FeedState::Loading } else { FeedState::Behind }).await;
        tokio::time::sleep(10 * SECOND).await;
        world.store.is(Mood::Well);
        world.sessions.ready().await;
        comes_to(&world, FeedState::Current).await;
        let said = lines.take();
        assert_eq!(said.matches("WARN").count(), 1, "{said}");
        assert_eq!(said.matches("what other instances end is heard again").count(), 1, "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_as_old_as_its_question() {
    let a = World::new();
    let b = a.beside(refusing);
    b.sessions.ready().await;
    // Each call takes two seconds, in which others end sessions.
    b.store.is(Mood::Slow);
    comes_to(&b, FeedState::Behind).await;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        b.clock.advance(Duration::from_millis(100));
        assert_eq!(b.sessions.feed_state(), FeedState::Behind);
    }
    b.store.is(Mood::Well);
    comes_to(&b, FeedState::Current).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_logs_out_of_an_instance_that_must_know_and_does_not_is_logged_out() {
    let a = World::new();
    let b = a.beside(refusing);
    b.sessions.ready().await;
    let held = a.login_by_body("alice").await;
    b.clock.advance(2 * SECOND);
    assert_eq!(status(&b, &held).await, 503);
    // The store is asked.
    assert_eq!(b.send(post("/auth/logout").bearer(&held.access)).await.status, 200);
    assert!(!a.lives("alice", session_of(&held.refresh)).await);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_must_know_refuses_with_503_until_it_does() {
    let a = World::new();
    let held = a.login_by_body("alice").await;
    let b = a.beside(refusing);
    b.store.is(Mood::Failing);
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(b.sessions.feed_state(), FeedState::Loading);
    let answer = b.send(ask(Method::GET, "/me").bearer(&held.access)).await;
    assert_eq!(answer.said(), (503, "temporarily_unavailable".into()));
    assert!(answer.header("retry-after").is_some());
    b.store.is(Mood::Well);
    b.sessions.ready().await;
    assert_eq!(status(&b, &held).await, 200);

    b.store.is(Mood::Failing);
    b.clock.advance(SECOND);
    assert_eq!(status(&b, &held).await, 200, "a second without an answer is none too many");
    b.clock.advance(Duration::from_millis(1));
    assert_eq!(status(&b, &held).await, 503);
    assert_eq!(b.sessions.feed_state(), FeedState::Behind);
    a.sessions.revoke("alice", session_of(&held.refresh)).await.unwrap();
    b.store.is(Mood::Well);
    comes_to(&b, FeedState::Current).await;
    assert_eq!(status(&b, &held).await, 401);
    // Without a token there is nothing that could have been ended.
    assert_eq!(b.send(ask(Method::GET, "/me")).await.said(), (401, "missing_token".into()));
}

#[tokio::test(start_paused = true)]
async fn nobody_follows_the_feed_for_sessions_that_are_gone() {
    let a = World::new();
    let store = a.store.clone();
    let b = a.beside(as_it_is);
    b.sessions.ready().await;
    let held_by = b.store.clone();
    drop(b);
    for _ in 0..1000 {
        if held_by.holders() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(held_by.holders(), 1, "the background tasks end with the last handle");
    assert!(store.holders() > 1);
}

#[tokio::test(start_paused = true)]
async fn ending_all_takes_as_long_as_the_store_needs() {
    let a = World::built(|builder| builder.store_timeout(SECOND));
    let held = a.login_by_body("alice").await;
    a.wait(1);
    // Two seconds a call.
    a.store.is(Mood::Slow);
    assert_eq!(a.sessions.revoke_all(a.clock.now()).await.unwrap(), 1);
    assert_eq!(status(&a, &held).await, 401);
}
