//! Sessions: counts, times, round trips.

use std::time::Duration;

use jwt_sessions::store::{Created, RevokeReason, Seen, SessionStore, StoreErrorKind, Swap, Swapped};
use jwt_sessions::token::{SessionId, Timestamp};
use redis::cmd;

use super::setup::subject_key;
use crate::servers::redis::Redis;
use crate::{HOUR, ready, session, swap, with, won};

#[tokio::test]
async fn counts_of_64_bits_are_exact() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let alice = session("alice", 1);
    store.create(&alice).await.unwrap();
    // Neighbours that are one number to a double.
    let mut last = (1, 1);
    for generation in [(1 << 53) + 1, (1 << 63) + 1, u64::MAX - 1, u64::MAX] {
        let next = with(Swap::new(last, generation, generation - 1), |swap| {
            (swap.seen, swap.cut) = (generation - 1, generation - 2);
        });
        let row = won(&store, &alice, next).await.row;
        assert_eq!((row.generation, row.previous), (generation, generation - 1));
        assert_eq!((row.seen, row.cut), (generation - 1, generation - 2));
        last = (generation, generation - 1);
        for near in [(generation - 1, generation - 1), (generation, generation), (generation, generation - 2)] {
            let lost = swap(&store, &alice, Swap::new(near, 1, 1)).await;
            assert!(matches!(lost, Swapped::Lost(Some(found)) if (found.row.generation, found.row.previous) == last));
        }
        // Seen is one below the generation.
        let unseen = with(Swap::new(last, generation, generation - 1), |swap| swap.unless_seen = true);
        assert_eq!(won(&store, &alice, unseen).await.row.seen, generation - 1);
        assert!(store.confirm(&[Seen::new("alice", alice.id, generation)]).await.unwrap().is_empty());
        assert!(
            matches!(swap(&store, &alice, unseen).await, Swapped::Lost(Some(found)) if found.row.seen == generation)
        );
    }
}

#[tokio::test]
async fn spans_without_end_are_shortened_and_no_session_is_lost_by_them() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let endless = with(session("alice", 1), |one| (one.idle, one.lifetime) = (Duration::MAX, Duration::MAX));
    let Created::Opened { row, .. } = store.create(&endless).await.unwrap() else { panic!() };
    assert!(row.expires_at.since(row.created_at) > 100_000 * 365 * 24 * HOUR);
    assert!(won(&store, &endless, Swap::new((1, 1), 2, 1)).await.row.is_living(row.created_at));
    let ancient = with(session("alice", 2), |one| {
        (one.auth_time, one.limit) = (Timestamp::from_millis(i64::MIN), usize::MAX);
    });
    assert!(matches!(store.create(&ancient).await.unwrap(), Created::Opened { .. }));
    assert_eq!(store.list("alice").await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_time_is_the_servers() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let mut connection = server.connection().await;
    let mut present = async || {
        let (seconds, micros): (i64, i64) = cmd("TIME").query_async(&mut connection).await.unwrap();
        Timestamp::from_millis(seconds * 1000 + micros / 1000)
    };
    let before = present().await;
    let alice = session("alice", 1);
    let Created::Opened { row, .. } = store.create(&alice).await.unwrap() else { panic!() };
    let swapped = won(&store, &alice, Swap::new((1, 1), 2, 1)).await;
    let loaded = store.load("alice", alice.id).await.unwrap().unwrap();
    let times = [before, row.created_at, swapped.now, loaded.now, present().await];
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(swapped.row.rotated_at, swapped.now);
}

#[tokio::test]
async fn every_verb_of_a_subject_is_one_command() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let (alice, bob) = (session("alice", 1), session("alice", 2));
    let rotate = Swap::new((1, 1), 2, 1);
    // Known to the server from here on.
    store.create(&alice).await.unwrap();
    store.load("alice", alice.id).await.unwrap();
    swap(&store, &bob, rotate).await;
    store.confirm(&[Seen::new("alice", alice.id, 1)]).await.unwrap();
    store.revoke("alice", bob.id, RevokeReason::Logout).await.unwrap();
    store.list("alice").await.unwrap();
    store.revoke_subject("bob", None, RevokeReason::LogoutAll).await.unwrap();
    store.feed(&Default::default()).await.unwrap();

    let before = server.calls().await;
    store.create(&bob).await.unwrap();
    won(&store, &alice, rotate).await;
    swap(&store, &alice, rotate).await;
    store.load("alice", alice.id).await.unwrap();
    store.confirm(&[Seen::new("alice", alice.id, 2), Seen::new("alice", bob.id, 1)]).await.unwrap();
    store.revoke("alice", bob.id, RevokeReason::Logout).await.unwrap();
    store.list("alice").await.unwrap();
    store.revoke_subject("alice", None, RevokeReason::LogoutAll).await.unwrap();
    store.feed(&Default::default()).await.unwrap();
    let after = server.calls().await;
    let made = |name: &str| after.get(name).unwrap_or(&0) - before.get(name).unwrap_or(&0);
    assert_eq!((made("evalsha"), made("eval"), made("script|load")), (9, 0, 0));
    // Nobody else asked anything.
    assert_eq!(made("multi") + made("watch") + made("get") - made("get"), 0);
}

#[tokio::test]
async fn a_session_does_not_grow_with_its_age() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let mut connection = server.connection().await;
    let alice = session("alice", 1);
    store.create(&alice).await.unwrap();
    let key = subject_key(&server).await;
    let mut usage: Vec<u64> = Vec::new();
    for generation in 1..=1000 {
        won(&store, &alice, Swap::new((generation, generation.max(2) - 1), generation + 1, generation)).await;
        usage.push(cmd("MEMORY").arg("USAGE").arg(&key).query_async(&mut connection).await.unwrap());
    }
    assert_eq!(usage.first(), usage.last());
    let keys: u64 = cmd("DBSIZE").query_async(&mut connection).await.unwrap();
    assert_eq!(keys, 3, "the layout, the subject and the index of its partition");
}

#[tokio::test]
async fn two_subjects_with_one_digest_are_never_taken_for_one_another() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let alice = session("alice", 1);
    store.create(&alice).await.unwrap();
    // As if mallory had found a subject whose digest is alice's.
    let key = subject_key(&server).await;
    cmd("HSET").arg(&key).arg("s").arg("mallory").exec_async(&mut server.connection().await).await.unwrap();
    assert!(store.load("alice", alice.id).await.unwrap().is_none());
    assert!(matches!(swap(&store, &alice, Swap::new((1, 1), 2, 1)).await, Swapped::Lost(None)));
    assert!(!store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap());
    assert!(store.list("alice").await.unwrap().is_empty());
    assert!(store.confirm(&[Seen::new("alice", alice.id, 1)]).await.unwrap().is_empty());
    assert_eq!(store.create(&session("alice", 2)).await.unwrap_err().kind(), StoreErrorKind::Foreign);
    let refused = store.revoke_subject("alice", None, RevokeReason::LogoutAll).await;
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Foreign);
    // Nothing was written to it, either.
    cmd("HSET").arg(&key).arg("s").arg("alice").exec_async(&mut server.connection().await).await.unwrap();
    let row = store.load("alice", alice.id).await.unwrap().unwrap().row;
    assert_eq!((row.generation, row.seen, row.revoked), (1, 0, None));
    assert_eq!(store.list("alice").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_told_them_again() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let alice = session("alice", 1);
    store.create(&alice).await.unwrap();
    won(&store, &alice, Swap::new((1, 1), 2, 1)).await;
    cmd("SCRIPT").arg("FLUSH").exec_async(&mut server.connection().await).await.unwrap();
    won(&store, &alice, Swap::new((2, 1), 3, 2)).await;
    let seen: Vec<_> = (0..500).map(|n| Seen::new(format!("subject {n}"), SessionId::from_bytes([3; 16]), 3)).collect();
    assert!(store.confirm(&seen).await.unwrap().is_empty(), "also those of a batch that goes to all partitions");
}
