//! Locks, clocks, full pools and servers that are not there.

use std::error::Error as _;
use std::time::Duration;

use jwt_sessions::store::{PostgresStore, RevokeReason, SessionStore, StoreError, StoreErrorKind, Swapped, connect};
use sqlx::postgres::{PgPool, PgPoolOptions};

use super::servers::postgres::{PASSWORD, Postgres};
use super::servers::until;
use super::{fresh, number, open, rotation, session, wins, with};

/// All that an error says of itself.
fn words(error: &StoreError) -> String {
    let mut words = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        words += &format!(" {error} {error:?}");
        source = error.source();
    }
    words
}

/// Waits until somebody waits for a lock.
async fn somebody_waits(pool: &PgPool) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("somebody waits", async || (number(pool, waiting).await > 0).then_some(()).ok_or("nobody")).await;
}

/// Waits until the server's clock has passed that moment.
async fn pass(pool: &PgPool, moment: i64) {
    let clock = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    until("the moment passes", async || (number(pool, clock).await > moment).then_some(()).ok_or("not yet")).await;
}

/// A session that ends while a rotation of it waits for somebody's lock has ended; whatever the other did to the row.
#[tokio::test(flavor = "multi_thread")]
async fn time_is_read_after_the_wait_for_a_lock() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let holders = [
        "SELECT FROM jwt_sessions FOR UPDATE",
        "UPDATE jwt_sessions SET label = 'x'",
        "SELECT FROM jwt_sessions FOR SHARE",
    ];
    for (n, (holder, commits)) in holders.iter().flat_map(|sql| [(sql, true), (sql, false)]).enumerate() {
        let subject = format!("subject {n}");
        let short = with(session(1, &subject), |session| session.lifetime = Duration::from_millis(400));
        let long = session(2, &subject);
        open(&store, &long).await;
        open(&store, &short).await;
        let expires_at = store.load(&subject, short.id).await.unwrap().unwrap().row.expires_at;

        let mut holding = pool.begin().await.unwrap();
        sqlx::query(*holder).execute(&mut *holding).await.unwrap();
        let (one, other) = (store.clone(), store.clone());
        let (ended, living) = (short.clone(), long.clone());
        let late = tokio::spawn(async move { super::swap(&one, &ended, &rotation(1)).await });
        let living = tokio::spawn(async move { wins(&other, &living, &rotation(1)).await });
        somebody_waits(&pool).await;
        pass(&pool, expires_at.as_millis() + 100).await;
        if commits {
            holding.commit().await.unwrap()
        } else {
            holding.rollback().await.unwrap()
        }

        let Swapped::Lost(Some(found)) = late.await.unwrap() else { panic!("{holder}, {commits}: it won") };
        assert_eq!(found.row.generation, 1, "{holder}, {commits}");
        let won = living.await.unwrap();
        assert!(won.row.rotated_at > expires_at, "{holder}, {commits}: {won:?}");
        assert_eq!(won.now, won.row.rotated_at);
    }
}

#[tokio::test]
async fn the_clock_is_the_servers() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let clock = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let before = number(&pool, clock).await;
    let alice = session(1, "alice");
    open(&store, &alice).await;
    let won = wins(&store, &alice, &rotation(1)).await;
    let after = number(&pool, clock).await;
    let moments = [won.row.created_at, won.row.rotated_at, won.now].map(|at| at.as_millis());
    assert!(moments.is_sorted() && before <= moments[0] && moments[2] <= after, "{before} {moments:?} {after}");
    // A caller whose clock is centuries ahead.
    assert_eq!(won.row.auth_time, won.row.created_at);
}

#[tokio::test]
async fn a_full_pool_is_an_error_within_its_time_limit() {
    let server = Postgres::shared();
    let database = server.database("").await;
    let limit = Duration::from_millis(300);
    let options = PgPoolOptions::new().max_connections(1).acquire_timeout(limit);
    let pool = options.connect_lazy_with(server.options(&database));
    super::ready(server.pool(&database, 1)).await;
    let store = PostgresStore::new(pool.clone());
    // That limit is for a full pool: a connection that is made may take longer.
    let held = until("the pool's one connection", async || pool.acquire().await).await;
    let begun = tokio::time::Instant::now();
    let error = store.load("alice", session(1, "alice").id).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Timeout);
    assert!(begun.elapsed() < limit + Duration::from_secs(2));
    drop(held);
    let found = until("the store", async || store.load("alice", session(1, "alice").id).await).await;
    assert!(found.is_none());
}

#[tokio::test]
async fn no_error_names_an_address_or_a_secret() {
    let server = Postgres::shared();
    let (store, _) = fresh(&server).await;
    let alice = session(1, "alice-who-is-private");
    open(&store, &alice).await;
    let duplicate = store.create(&alice).await.unwrap_err();
    assert_eq!(duplicate.kind(), StoreErrorKind::Unavailable);
    let hex = "616c6963652d77686f"; // "alice-who", as the server shows it
    assert!(!words(&duplicate).contains("alice") && !words(&duplicate).contains(hex), "{}", words(&duplicate));

    let port = super::servers::free_port();
    let urls = [
        (server.url("nothing-here"), StoreErrorKind::Configuration),
        (server.url("postgres").replace(PASSWORD, "hunter2-is-wrong"), StoreErrorKind::Configuration),
        (format!("postgres://root:hunter2@127.0.0.1:{port}/app"), StoreErrorKind::Unavailable),
        ("postgres://root:hunter2@127.0.0.1:99999/app".to_owned(), StoreErrorKind::Configuration),
        ("postgres://root@127.0.0.1/app?pasword=hunter2".to_owned(), StoreErrorKind::Configuration),
        ("postgres://root@127.0.0.1/app?hunter2".to_owned(), StoreErrorKind::Configuration),
        ("postgres://root@127.0.0.1/app?sslmode=hunter2".to_owned(), StoreErrorKind::Configuration),
        ("postgres://root:hunter2@[127.0.0.1/app".to_owned(), StoreErrorKind::Configuration),
        ("postgresql:hunter2".to_owned(), StoreErrorKind::Configuration),
    ];
    for (url, kind) in urls {
        let error = connect(&url).await.unwrap_err();
        let words = words(&error);
        assert_eq!(error.kind(), kind, "{words}");
        assert!(
            !words.contains("hunter2") && !words.contains("postgres://") && !words.contains("127.0.0.1"),
            "{words}"
        );
    }
    let store = format!("{:?}", PostgresStore::new(server.pool("postgres", 1)));
    assert!(!store.contains("hunter2") && !store.contains("127.0.0.1"), "{store}");
}

/// The server ends every connection of the pool, as it does when it restarts.
#[tokio::test]
async fn it_goes_on_after_broken_connections() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let alice = session(1, "alice");
    open(&store, &alice).await;
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for generation in 1..5 {
        assert!(number(&pool, end).await > 0);
        wins(&store, &alice, &rotation(generation)).await;
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable_and_then_back() {
    let mut server = Postgres::start();
    server.connect("postgres").await;
    let alice = session(1, "alice");
    open(&super::ready(server.pool("postgres", 1)).await, &alice).await;
    let options = PgPoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(2));
    let store = PostgresStore::new(options.connect_lazy_with(server.options("postgres")));
    // With a connection that breaks.
    until("the store", async || store.load("alice", alice.id).await).await.unwrap();
    server.crash().await;
    let error = store.load("alice", alice.id).await.unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Timeout), "{}", words(&error));
    server.restart();
    let row = until("the store", async || store.load("alice", alice.id).await).await.unwrap().row;
    assert_eq!(row.generation, 1);
    wins(&store, &alice, &rotation(1)).await;
}

/// Polls a call until so much time has passed, and drops it.
async fn dropped_after<T>(micros: u64, call: impl Future<Output = T>) {
    let (begun, mut call) = (std::time::Instant::now(), std::pin::pin!(call));
    while begun.elapsed() < Duration::from_micros(micros) {
        let poll = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx).is_ready()));
        if poll.await {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// A caller that stops waiting, wherever that is, leaves a session that is whole, and a connection on which the next call is
/// committed when it is answered.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_dropped_leave_no_half_and_no_open_transaction() {
    let server = Postgres::shared();
    let (_, pool) = fresh(&server).await;
    let database: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&pool).await.unwrap();
    let options = PgPoolOptions::new().max_connections(1).test_before_acquire(false);
    let store = PostgresStore::new(options.connect_lazy_with(server.options(&database)));
    for n in 0..300 {
        let (subject, micros) = (format!("subject {n}"), n * 10);
        let one = with(session(2 * n, &subject), |session| session.limit = 1);
        let other = with(session(2 * n + 1, &subject), |session| session.limit = 1);
        let bystander = session(1000 + n, "bystander");
        open(&store, &one).await;
        open(&store, &bystander).await;
        match n % 3 {
            0 => dropped_after(micros, store.create(&other)).await,
            1 => dropped_after(micros, store.revoke_subject("nobody", None, RevokeReason::Logout)).await,
            _ => dropped_after(micros, store.revoke_all(super::Timestamp::default())).await,
        }
        // By the same connection, and seen by another.
        wins(&store, &bystander, &rotation(1)).await;
        let seen = PostgresStore::new(pool.clone()).load("bystander", bystander.id).await.unwrap().unwrap();
        assert_eq!(seen.row.generation, 2, "call {n}");
    }
    let half = "SELECT count(*) FROM (
        SELECT FROM jwt_sessions WHERE subject <> 'bystander'
        GROUP BY subject HAVING count(*) = 2 AND count(*) FILTER (WHERE revoke_reason = 'limit') = 0) AS half";
    assert_eq!(number(&pool, half).await, 0, "a create that is there has ended the one beyond the limit");
}
