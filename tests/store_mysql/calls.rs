//! What a call costs, and what becomes of it when nobody waits or nobody answers.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use jwt_sessions::store::{Cursor, MySqlStore, RevokeReason, Seen, SessionStore, StoreErrorKind, Swap, Swapped};
use sqlx::Executor;
use sqlx::mysql::{MySqlPool, MySqlPoolOptions};
use tokio::task::JoinSet;

use crate::servers::mysql::{Counter, MySql};
use crate::servers::{sizes_of_calls, until};
use crate::{HASH, id, open, ready, session, swap, words};

#[tokio::test]
async fn a_call_is_small_enough_to_be_moved() {
    let store = MySqlStore::new(MySqlPool::connect_lazy("mysql://nobody@127.0.0.1/none").unwrap());
    let sizes = sizes_of_calls(&store);
    assert!(sizes.iter().all(|size| *size <= 1024), "{sizes:?}");
}

#[tokio::test]
async fn a_rotation_is_one_round_trip() {
    let server = MySql::shared();
    let database = server.database().await;
    let counter = Counter::before(&server).await;
    let store = MySqlStore::new(MySql::pool_with(server.options(&database).port(counter.port), 1));
    store.migrate().await.unwrap();
    let (one, other) = (session(1, "alice"), session(2, "alice"));
    open(&store, &one).await;
    open(&store, &other).await;
    // Once of each, so that the statements are prepared.
    swap(&store, &other, Swap::new((1, 1), 2, 1)).await;
    store.load("alice", other.id).await.unwrap();
    store.confirm(&[Seen::new("alice", other.id, 2)]).await.unwrap();
    store.revoke("alice", other.id, RevokeReason::Logout).await.unwrap();
    let cursor = store.feed(&Cursor::default()).await.unwrap().cursor;
    let cursor = store.feed(&cursor).await.unwrap().cursor;
    counter.commands();

    for generation in 1..50 {
        let mut rotation = Swap::new((generation, generation.max(2) - 1), generation + 1, generation);
        rotation.seen = generation;
        assert!(matches!(swap(&store, &one, rotation).await, Swapped::Won(_)));
        assert_eq!(counter.commands(), 1, "rotation {generation}");
    }
    assert!(matches!(swap(&store, &one, Swap::new((1, 1), 2, 1)).await, Swapped::Lost(Some(_))));
    assert_eq!(counter.commands(), 1, "a lost swap");
    assert!(matches!(swap(&store, &session(9, "alice"), Swap::new((1, 1), 2, 1)).await, Swapped::Lost(None)));
    assert_eq!(counter.commands(), 1, "a swap of no session");
    assert!(store.load("alice", one.id).await.unwrap().is_some());
    assert_eq!(counter.commands(), 1, "a load");
    store.now().await.unwrap();
    counter.commands();
    store.now().await.unwrap();
    assert_eq!(counter.commands(), 1, "the store's clock, before each login");
    assert_eq!(store.feed(&cursor).await.unwrap().entries, []);
    assert_eq!(counter.commands(), 1, "a feed without anything new");
    let mut cut = Swap::new((50, 49), 51, 51);
    cut.cut = 51;
    assert!(matches!(swap(&store, &one, cut).await, Swapped::Won(_)));
    assert_eq!(counter.commands(), 1, "a cut, with its entry in the feed");
    assert_eq!(store.feed(&cursor).await.unwrap().entries.len(), 1);
    counter.commands();
    store.confirm(&[Seen::new("alice", one.id, 51)]).await.unwrap();
    assert_eq!(counter.commands(), 2, "a confirmation");
}

#[tokio::test]
async fn a_pool_without_a_free_connection_is_an_error_in_time() {
    let server = MySql::shared();
    let database = server.database().await;
    ready(&server, &database, 1).await;
    let pool = MySqlPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_millis(200))
        .connect_lazy_with(server.options(&database));
    let store = MySqlStore::new(pool.clone());
    // That limit is for a full pool: a connection that is made may take longer.
    let held = until("the pool's one connection", async || pool.acquire().await).await;
    let begun = Instant::now();
    let error = store.load("alice", id(1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Timeout);
    assert!(begun.elapsed() < Duration::from_secs(5));
    drop(held);
    assert!(until("the store", async || store.load("alice", id(1)).await).await.is_none());
}

/// A request that is given up must not leave its answer to the next one, which may be another person's.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_waits_for_leaves_the_connection_whole() {
    let server = MySql::shared();
    let database = server.database().await;
    let store = ready(&server, &database, 4).await;
    for n in 0..8 {
        open(&store, &session(n, &format!("subject {n}"))).await;
    }
    let counter = Counter::before(&server).await;
    // Each round with a connection whose statements are not prepared yet, and given up one step later than the last.
    for steps in 0..24 {
        let pool = MySql::pool_with(server.options(&database).port(counter.port), 1);
        drop(pool.acquire().await.unwrap());
        let store = MySqlStore::new(pool);
        {
            let mut dropped = pin!(store.list("subject 0"));
            for _ in 0..steps {
                if dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
        for n in 1..8 {
            let subject = format!("subject {n}");
            let listed = store.list(&subject).await.unwrap();
            assert_eq!(listed.iter().map(|listed| listed.row.id).collect::<Vec<_>>(), [id(n)], "after {steps} steps");
            assert_eq!(store.load(&subject, id(n)).await.unwrap().unwrap().row.id, id(n));
        }
        assert_eq!(counter.connections(), 1, "after {steps} steps");
    }
}

/// First logins of subjects that stand side by side in the table do not wait for one another in a circle.
#[tokio::test(flavor = "multi_thread")]
async fn many_new_subjects_log_in_at_once() {
    let server = MySql::shared();
    let database = server.database().await;
    let store = ready(&server, &database, 32).await;
    for round in 0..5_u128 {
        let mut logins = JoinSet::new();
        for n in 0..64 {
            let store = store.clone();
            logins.spawn(async move { store.create(&session(n, &format!("new-{round}-{n}"))).await.map(drop) });
        }
        while let Some(login) = logins.join_next().await {
            login.unwrap().unwrap();
        }
    }
}

/// Who loses a deadlock, which the server decides, tries again.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_tried_again() {
    let server = MySql::shared();
    let database = server.database().await;
    let store = ready(&server, &database, 4).await;
    let (one, other) = (session(1, "alice"), session(2, "bob"));
    open(&store, &one).await;
    open(&store, &other).await;
    let mut conn = server.connection(&database).await;
    // The other transaction is the heavier one, so that the store's is taken back.
    conn.execute("CREATE TABLE heavy (n BIGINT)").await.unwrap();
    conn.execute("START TRANSACTION; INSERT INTO heavy VALUES (1), (2), (3), (4), (5), (6), (7), (8)").await.unwrap();
    conn.execute("UPDATE jwt_sessions SET seen = 0, cut = -0 WHERE subject = 'bob'").await.unwrap();
    conn.execute("SELECT * FROM jwt_sessions WHERE subject = 'bob' FOR UPDATE").await.unwrap();
    let everything = tokio::spawn({
        let store = store.clone();
        async move { store.revoke_all(crate::READ_AT).await }
    });
    until("the store waits for bob", async || {
        // Not INNODB_TRX, which shows the same again to whoever asks more often than every 100 ms.
        let waits = sqlx::query(
            "SELECT 1 FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND INFO LIKE 'UPDATE jwt_sessions SET rev%'",
        );
        waits.fetch_one(&mut server.connection(&database).await).await
    })
    .await;
    conn.execute("SELECT * FROM jwt_sessions WHERE subject = 'alice' FOR UPDATE").await.unwrap();
    conn.execute("COMMIT").await.unwrap();
    assert_eq!(everything.await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn an_error_says_nothing_of_whom_it_was_about() {
    let server = MySql::shared();
    let database = server.database().await;
    let store = ready(&server, &database, 2).await;
    let session = session(1, "alice@example.com");
    open(&store, &session).await;
    let error = store.create(&session).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(!words(&error).contains("alice"), "{}", words(&error));

    let long = "x".repeat(1025);
    for error in [
        store.create(&crate::session(2, &long)).await.unwrap_err(),
        store.revoke_subject(&long, None, RevokeReason::Logout).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), StoreErrorKind::Configuration);
    }
    let missing = MySqlStore::new(server.pool(&server.database().await, 1));
    assert_eq!(format!("{missing:?}"), "MySqlStore { .. }");
    let error = missing.swap("alice", id(1), &HASH, &Swap::new((1, 1), 2, 1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Configuration, "the tables were not made: {}", words(&error));
    let error = missing.create(&session).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Configuration, "the tables were not made: {}", words(&error));
}

/// The procedure's own way out of its transaction is not taken then.
#[tokio::test]
async fn a_rotation_that_the_server_gives_up_leaves_no_transaction_open() {
    let server = MySql::start("UTC", &[]);
    let database = server.database().await;
    let (mut beside, mut root) = (server.connection(&database).await, server.connection(&database).await);
    root.execute("SET GLOBAL max_statement_time = 1").await.unwrap();
    let store = ready(&server, &database, 1).await;
    let alice = session(1, "alice");
    open(&store, &alice).await;
    beside.execute("BEGIN").await.unwrap();
    beside.execute("SELECT * FROM jwt_sessions FOR UPDATE").await.unwrap();
    let given_up = store.swap("alice", id(1), &HASH, &Swap::new((1, 1), 2, 1)).await.unwrap_err();
    assert_eq!(given_up.kind(), StoreErrorKind::Timeout);
    beside.execute("ROLLBACK").await.unwrap();
    let open = "SELECT trx_id FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()";
    assert_eq!(root.fetch_all(open).await.unwrap().len(), 0);
    assert!(store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap());
}
