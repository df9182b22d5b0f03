//! Whose clock decides, and when it is read.

use std::time::Duration;

use jwt_sessions::store::{MySqlStore, SessionStore, Swap, Swapped};
use jwt_sessions::token::Timestamp;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::{AssertSqlSafe, Executor};

use crate::servers::mysql::MySql;
use crate::servers::until;
use crate::{HASH, id, open, ready, session, swap};

/// A store whose server thinks that it is `now`.
async fn at(server: &MySql, database: &str, now: Timestamp) -> MySqlStore {
    let set = format!("SET SESSION timestamp = {now}");
    let pool = MySqlPoolOptions::new()
        .max_connections(1)
        .after_connect(move |conn, _| {
            let set = AssertSqlSafe(set.clone());
            Box::pin(async move { conn.execute(set).await.map(drop) })
        })
        // The driver would set every connection to UTC.
        .connect_lazy_with(server.options(database).timezone(None));
    MySqlStore::new(pool)
}

/// In a zone where one hour of October comes twice, and one of March never.
#[tokio::test]
async fn the_servers_clock_decides_and_is_right_when_clocks_are_changed() {
    let server = MySql::start("Europe/Berlin", &[]);
    let database = server.database().await;
    ready(&server, &database, 1).await;
    let moments = [
        // 2026-10-25, 02:30 summer time, and 02:30 an hour later.
        1_792_888_200_123,
        1_792_891_800_124,
        // 2026-03-29, 01:59:59.999 and 03:00.
        1_774_745_999_999,
        1_774_746_000_000,
        // 2038-01-19, the last that this server can be told.
        2_147_483_646_999,
    ];
    for (n, now) in moments.into_iter().enumerate() {
        let now = Timestamp::from_millis(now);
        let store = at(&server, &database, now).await;
        assert_eq!(store.now().await.unwrap(), now);
        let session = session(u128::try_from(n).unwrap(), "alice");
        assert_eq!(open(&store, &session).await.created_at, now);
        let Swapped::Won(won) = swap(&store, &session, Swap::new((1, 1), 2, 1)).await else { panic!("lost at {now}") };
        assert_eq!((won.now, won.row.rotated_at), (now, now));
        assert_eq!(store.load("alice", session.id).await.unwrap().unwrap().now, now);
    }
    // An hour apart, although the wall says the same.
    let store = at(&server, &database, Timestamp::from_millis(1_792_888_200_000)).await;
    let mut short = session(10, "bob");
    short.idle = Duration::from_secs(1800);
    open(&store, &short).await;
    let later = at(&server, &database, Timestamp::from_millis(1_792_891_800_000)).await;
    assert!(later.list("bob").await.unwrap().is_empty(), "idle for an hour");
    assert!(matches!(swap(&later, &short, Swap::new((1, 1), 2, 1)).await, Swapped::Lost(Some(_))));
}

/// What waited for a lock decides by the time at which it got it.
#[tokio::test(flavor = "multi_thread")]
async fn the_clock_is_read_after_the_wait_for_a_lock() {
    let server = MySql::shared();
    let database = server.database().await;
    let store = ready(&server, &database, 8).await;
    let mut dying = session(1, "alice");
    dying.idle = Duration::from_millis(1500);
    let dies = open(&store, &dying).await.idle_until();
    open(&store, &session(2, "alice")).await;
    let mut conn = server.connection(&database).await;
    conn.execute("START TRANSACTION; SELECT * FROM jwt_sessions WHERE subject = 'alice' FOR UPDATE").await.unwrap();
    let swapped = tokio::spawn({
        let store = store.clone();
        async move { store.swap("alice", id(1), &HASH, &Swap::new((1, 1), 2, 1)).await.unwrap() }
    });
    let ended = tokio::spawn({
        let store = store.clone();
        async move { store.revoke("alice", id(2), jwt_sessions::store::RevokeReason::Logout).await.unwrap() }
    });
    let created = tokio::spawn({
        let store = store.clone();
        async move { open(&store, &session(3, "alice")).await }
    });
    until("the session dies while all wait", async || {
        match store.load("alice", id(1)).await.unwrap().unwrap().now > dies {
            true => Ok(()),
            false => Err("it lives"),
        }
    })
    .await;
    conn.execute("COMMIT").await.unwrap();
    let Swapped::Lost(Some(lost)) = swapped.await.unwrap() else { panic!("a dead session was rotated") };
    assert!(lost.now > dies);
    assert!(ended.await.unwrap());
    let revoked = store.load("alice", id(2)).await.unwrap().unwrap().row.revoked.unwrap();
    assert!(revoked.at > dies);
    assert!(created.await.unwrap().created_at > dies);
}
