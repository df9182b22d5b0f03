//! How long things are kept, and what a purge takes.

use std::time::Duration;

use jwt_sessions::store::{Created, NOTED_FOR, REVOKED_FOR, RevokeReason, SessionStore, StoreErrorKind, Swap};
use redis::cmd;

use super::setup::subject_key;
use crate::servers::redis::Redis;
use crate::{HOUR, ready, session, with, won};

const MARGIN: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_secs(30);

async fn kept_for(server: &Redis, key: &str) -> Duration {
    let millis: i64 = cmd("PTTL").arg(key).query_async(&mut server.connection().await).await.unwrap();
    Duration::from_millis(millis.try_into().unwrap())
}

#[tokio::test]
async fn redis_itself_drops_what_nobody_needs() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let about = |kept: Duration, expected: Duration| assert!(kept <= expected && kept + MOMENT > expected, "{kept:?}");
    let alice = session("alice", 1);
    store.create(&alice).await.unwrap();
    let key = subject_key(&server).await;
    about(kept_for(&server, &key).await, HOUR + MARGIN);

    // As if half an hour had passed.
    cmd("PEXPIRE").arg(&key).arg(30 * 60 * 1000).exec_async(&mut server.connection().await).await.unwrap();
    won(&store, &alice, Swap::new((1, 1), 2, 1)).await;
    about(kept_for(&server, &key).await, HOUR + HOUR / 8 + MARGIN);

    let week = with(session("alice", 2), |week| (week.idle, week.lifetime) = (168 * HOUR, 9 * 168 * HOUR));
    store.create(&week).await.unwrap();
    about(kept_for(&server, &key).await, 168 * HOUR + MARGIN);
    won(&store, &alice, Swap::new((2, 1), 3, 2)).await;
    about(kept_for(&server, &key).await, 168 * HOUR + MARGIN);
    store.revoke("alice", week.id, RevokeReason::Logout).await.unwrap();
    about(kept_for(&server, &key.replace(":u:", ":e:")).await, REVOKED_FOR + MARGIN);

    store.revoke_subject("alice", None, RevokeReason::LogoutAll).await.unwrap();
    about(kept_for(&server, &key).await, NOTED_FOR + MARGIN);
}

#[tokio::test]
async fn a_purge_goes_in_pages_and_leaves_nothing_behind() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let mut connection = server.connection().await;
    for n in 0..250 {
        let dead = with(session(&format!("subject {}", n / 5), n), |dead| dead.idle = Duration::from_millis(1));
        store.create(&dead).await.unwrap();
    }
    let living = session("living", 1);
    let Created::Opened { row, .. } = store.create(&living).await.unwrap() else { panic!() };
    while store.load("living", living.id).await.unwrap().unwrap().now <= row.created_at {}
    let mut pages = Vec::new();
    loop {
        pages.push(store.purge(100).await.unwrap());
        if pages.last() < Some(&100) {
            break;
        }
    }
    assert_eq!(pages, [100, 100, 50]);
    let keys: Vec<String> = cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert_eq!(keys.len(), 3, "the layout, the living and its index are left: {keys:?}");
    assert!(store.load("living", living.id).await.unwrap().is_some());
    assert_eq!(store.purge(100).await.unwrap(), 0);
    assert_eq!(store.purge(0).await.unwrap(), 0);
}

#[tokio::test]
async fn what_was_revoked_long_ago_goes_at_a_purge() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let mut connection = server.connection().await;
    let [old, late, living] = [1, 2, 3].map(|n| session("alice", n));
    for session in [&old, &late, &living] {
        store.create(session).await.unwrap();
    }
    let key = subject_key(&server).await.replace(":u:", ":e:");
    for session in [&old, &late] {
        store.revoke("alice", session.id, RevokeReason::Logout).await.unwrap();
    }
    assert_eq!(store.purge(10).await.unwrap(), 0, "they were revoked just now");
    // As if it had been more than an hour ago.
    let field = [b"h".as_slice(), old.id.as_bytes()].concat();
    let hot: Vec<u8> = cmd("HGET").arg(&key).arg(&field).query_async(&mut connection).await.unwrap();
    let at = f64::from_be_bytes(hot[40..48].try_into().unwrap()) - 3_661_000.0;
    let hot = [&hot[..40], &at.to_be_bytes(), &hot[48..]].concat();
    cmd("HSET").arg(&key).arg(&field).arg(hot).exec_async(&mut connection).await.unwrap();
    assert_eq!(store.purge(10).await.unwrap(), 1);
    assert!(store.load("alice", old.id).await.unwrap().is_none());
    assert!(store.load("alice", late.id).await.unwrap().unwrap().row.revoked.is_some());
    assert!(store.load("alice", living.id).await.unwrap().unwrap().row.revoked.is_none());
}

#[tokio::test]
async fn who_logs_in_and_out_all_day_takes_no_more_room_and_time_than_others() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let mut connection = server.connection().await;
    let alice = session("alice", u32::MAX);
    store.create(&alice).await.unwrap();
    let key = subject_key(&server).await;
    let mut usage =
        async || -> u64 { cmd("MEMORY").arg("USAGE").arg(&key).query_async(&mut connection).await.unwrap() };
    let before = usage().await;
    for n in 0..2500 {
        let session = session("alice", n);
        store.create(&session).await.unwrap();
        store.revoke("alice", session.id, RevokeReason::Logout).await.unwrap();
        let ended = store.load("alice", session.id).await.unwrap().unwrap();
        assert!(ended.row.revoked.is_some());
    }
    // What every call looks through.
    assert_eq!(usage().await, before);
    let fields: u64 =
        cmd("HLEN").arg(key.replace(":u:", ":e:")).query_async(&mut server.connection().await).await.unwrap();
    assert!(fields <= 2003, "{fields}");
    assert!(store.load("alice", alice.id).await.unwrap().unwrap().row.revoked.is_none());
}

#[tokio::test]
async fn a_full_server_refuses_logins_and_keeps_who_is_logged_in() {
    let server = Redis::start(&["--maxmemory-policy", "noeviction"]).await;
    let store = ready(&server).await;
    let alice = session("alice", 1);
    store.create(&alice).await.unwrap();
    store.load("alice", alice.id).await.unwrap();
    let mut connection = server.connection().await;
    cmd("CONFIG").arg("SET").arg("maxmemory").arg("1mb").exec_async(&mut connection).await.unwrap();
    assert_eq!(store.create(&session("bob", 2)).await.unwrap_err().kind(), StoreErrorKind::Full);
    cmd("CONFIG").arg("SET").arg("maxmemory").arg("0").exec_async(&mut connection).await.unwrap();
    won(&store, &alice, Swap::new((1, 1), 2, 1)).await;
}
