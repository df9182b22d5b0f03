//! Who waits for the feed is woken.

use std::time::Duration;

use jwt_sessions::store::{Cursor, PostgresStore, RevokeReason, SessionStore, Swap};
use sqlx::postgres::PgPool;

use super::servers::postgres::Postgres;
use super::servers::until;
use super::{fresh, number, open, run, session, wins, with};

/// Far less than the half second after which the feed is read all the same; far more than a wake-up takes.
const SOON: Duration = Duration::from_secs(20);

/// By what a connection asked last. A listener that heard nothing for long asks for 1, and nobody else here does.
const LISTENING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')";

async fn listeners_are(pool: &PgPool, expected: i64) {
    let count = async || match number(pool, LISTENING).await {
        count if count == expected => Ok(()),
        other => Err(other),
    };
    until("as many listeners as there should be", count).await;
}

async fn is_woken(store: &PostgresStore) {
    tokio::time::timeout(SOON, store.woken()).await.expect("woken");
}

/// Waits until there is nothing more to be woken for: what was told of before comes first.
async fn calm(store: &PostgresStore, pool: &PgPool) {
    // The first one is for having begun to listen.
    is_woken(store).await;
    listeners_are(pool, 1).await;
    quiet(store).await;
}

/// Waits until what was told of is told, to the last.
async fn quiet(store: &PostgresStore) {
    while tokio::time::timeout(Duration::from_millis(500), store.woken()).await.is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_ended_wakes_the_other_instances() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let other = PostgresStore::new(pool.clone());
    let alice = with(session(1, "alice"), |session| session.limit = 3);
    open(&store, &alice).await;
    calm(&other, &pool).await;

    wins(&store, &alice, &with(Swap::new((1, 1), 2, 2), |swap| swap.cut = 2)).await;
    is_woken(&other).await;
    store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap();
    is_woken(&other).await;
    open(&store, &session(2, "alice")).await;
    store.revoke_subject("alice", None, RevokeReason::LogoutAll).await.unwrap();
    is_woken(&other).await;
    for n in 3..6 {
        open(&store, &with(session(n, "alice"), |session| session.limit = 3)).await;
    }
    open(&store, &with(session(6, "alice"), |session| session.limit = 3)).await;
    is_woken(&other).await;
    store.revoke_all(super::LATER).await.unwrap();
    is_woken(&other).await;
    // It tells of itself before its first page and behind its last.
    quiet(&other).await;
    let ended = other.feed(&Cursor::default()).await.unwrap().entries;
    assert_eq!(ended.len(), 6, "all, twice");

    // What ends nothing wakes nobody.
    let bob = session(7, "bob");
    open(&store, &bob).await;
    wins(&store, &bob, &Swap::new((1, 1), 2, 1)).await;
    assert!(!store.revoke("nobody", bob.id, RevokeReason::Logout).await.unwrap());
    assert!(tokio::time::timeout(Duration::from_millis(300), other.woken()).await.is_err());
}

/// What came while nobody waited is told to who waits next; a call that was dropped took nothing with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_wake_up_is_not_lost_between_two_calls() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let (one, other) = (store.clone(), store.clone());
    calm(&one, &pool).await;
    calm(&other, &pool).await;
    let alice = session(1, "alice");
    open(&store, &alice).await;
    assert!(tokio::time::timeout(Duration::from_millis(10), one.woken()).await.is_err());
    store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap();
    is_woken(&one).await;
    is_woken(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_broken_connection_it_wakes_once_and_listens_on() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    calm(&store, &pool).await;
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')";
    assert_eq!(number(&pool, end).await, 1);
    calm(&store, &pool).await;
    let alice = session(1, "alice");
    open(&store, &alice).await;
    store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap();
    is_woken(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listener_ends_with_the_last_handle_and_takes_no_place_in_the_pool() {
    let server = Postgres::shared();
    let (_, looking) = fresh(&server).await;
    let database: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&looking).await.unwrap();
    let pool = server.pool(&database, 1);
    let store = PostgresStore::new(pool.clone());
    let other = store.clone();
    calm(&store, &looking).await;
    assert!(store.load("alice", session(1, "alice").id).await.unwrap().is_none(), "the pool's one place is free");
    assert_eq!(number(&looking, LISTENING).await, 1);
    drop(store);
    assert!(other.load("alice", session(1, "alice").id).await.unwrap().is_none());
    assert_eq!(number(&looking, LISTENING).await, 1);
    drop(other);
    let connections = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND (query LIKE 'LISTEN%' OR query LIKE 'UNLISTEN%' OR query = 'SELECT 1')";
    until("the connection to end", async || match number(&looking, connections).await {
        0 => Ok(()),
        left => Err(left),
    })
    .await;
}

/// A runtime that ends takes its listener with it; the next starts another.
#[test]
fn a_listener_may_outlive_no_runtime() {
    let server = Postgres::shared();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (store, database) = first.block_on(async {
        let database = server.database("").await;
        let store = super::ready(server.pool(&database, 2)).await;
        is_woken(&store).await;
        (store, database)
    });
    drop(first);
    runtime().block_on(async {
        let pool = server.pool(&database, 2);
        let woken = tokio::time::timeout(SOON, store.woken());
        let (woken, ()) = tokio::join!(woken, run(&pool, "NOTIFY jwt_sessions_feed"));
        woken.expect("woken");
    });
}
