//! What a verb costs the server.

use std::fs;

use jwt_sessions::store::{Cursor, PostgresStore, RevokeReason, Seen, SessionStore, Swap, Swapped};
use sqlx::Row as _;
use sqlx::postgres::PgPool;

use super::servers::postgres::Postgres;
use super::servers::sizes_of_calls;
use super::{fresh, open, ready, rotation, run, session, swap, wins, with};

/// A store in a database whose statements are in the log.
pub(crate) struct Logged {
    pub(crate) store: PostgresStore,
    server: std::sync::Arc<Postgres>,
    database: String,
}

impl Logged {
    pub(crate) async fn new() -> Self {
        let server = Postgres::shared();
        let database = server.database("").await;
        let pool = server.pool(&database, 1);
        run(&pool, format!("ALTER DATABASE {database} SET log_statement = 'all'")).await;
        pool.close().await;
        Self { store: ready(server.pool(&database, 4)).await, server, database }
    }

    /// How many statements the server was sent until now.
    pub(crate) fn statements(&self) -> usize {
        let log = fs::read_to_string(self.server.log()).unwrap();
        let ours = format!("[{}] LOG:  ", self.database);
        log.lines()
            .filter_map(|line| line.strip_prefix(&ours))
            .filter(|line| line.starts_with("execute") || line.starts_with("statement"))
            .count()
    }
}

#[tokio::test]
async fn a_call_is_small_enough_to_be_moved() {
    let store = PostgresStore::new(PgPool::connect_lazy("postgres://nobody@127.0.0.1/none").unwrap());
    let sizes = sizes_of_calls(&store);
    assert!(sizes.iter().all(|size| *size <= 1024), "{sizes:?}");
}

#[tokio::test]
async fn a_rotation_is_one_statement_however_old_the_session() {
    let logged = Logged::new().await;
    let alice = session(1, "alice");
    open(&logged.store, &alice).await;
    for generation in 1..200 {
        let before = logged.statements();
        wins(&logged.store, &alice, &rotation(generation)).await;
        assert_eq!(logged.statements() - before, 1, "generation {generation}");
    }
    let before = logged.statements();
    assert!(matches!(swap(&logged.store, &alice, &rotation(1)).await, Swapped::Lost(Some(_))));
    assert_eq!(logged.statements() - before, 2, "who loses asks for the row");
}

#[tokio::test]
async fn relaxed_rotations_and_cuts_are_one_statement() {
    let logged = Logged::new().await;
    let relaxed = logged.store.clone().relaxed_rotations();
    let alice = session(1, "alice");
    open(&relaxed, &alice).await;
    let before = logged.statements();
    wins(&relaxed, &alice, &rotation(1)).await;
    assert_eq!(logged.statements() - before, 1);
    let before = logged.statements();
    wins(
        &relaxed,
        &alice,
        &with(Swap::new((2, 1), 3, 3), |swap| {
            swap.cut = 3;
            swap.authenticated = true;
        }),
    )
    .await;
    assert_eq!(logged.statements() - before, 1, "its entry in the feed is written by the same statement");
}

#[tokio::test]
async fn every_other_verb_takes_few_statements() {
    let logged = Logged::new().await;
    let (store, alice) = (&logged.store, session(1, "alice"));
    let mut before = logged.statements();
    let mut took = || {
        let now = logged.statements();
        now - std::mem::replace(&mut before, now)
    };
    open(store, &alice).await;
    assert_eq!(took(), 4, "create: begin, lock, write, commit");
    store.load("alice", alice.id).await.unwrap();
    assert_eq!(took(), 1, "load");
    let seen: Vec<_> = (0..500).map(|n| Seen::new(format!("subject {n}"), alice.id, 1)).collect();
    store.confirm(&seen).await.unwrap();
    assert_eq!(took(), 1, "confirm, of however many");
    store.list("alice").await.unwrap();
    assert_eq!(took(), 1, "list");
    store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap();
    assert_eq!(took(), 1, "revoke");
    let feed = store.feed(&Cursor::default()).await.unwrap();
    took();
    store.feed(&feed.cursor).await.unwrap();
    assert_eq!(took(), 1, "feed");
    store.revoke_subject("alice", None, RevokeReason::LogoutAll).await.unwrap();
    assert_eq!(took(), 4, "revoke_subject: begin, lock, write, commit");
}

/// Rows updated, and rows updated without touching an index.
pub(crate) async fn updates(pool: &PgPool) -> (i64, i64) {
    let record = sqlx::query(
        "SELECT n_tup_upd, n_tup_hot_upd, pg_stat_clear_snapshot()
         FROM pg_stat_user_tables WHERE relname = 'jwt_sessions'",
    );
    let record = record.fetch_one(pool).await.unwrap();
    (record.get(0), record.get(1))
}

/// A server of one's own on which nothing happens by itself: old versions of rows stay while anybody looks, also somebody in
/// another database, and autovacuum when it analyses.
pub(crate) async fn undisturbed() -> Postgres {
    let server = Postgres::start();
    let mut admin = server.connect("postgres").await;
    for sql in ["ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()"] {
        sqlx::raw_sql(sql).execute(&mut admin).await.unwrap();
    }
    server
}

#[tokio::test]
async fn a_rotation_writes_no_index() {
    let server = undisturbed().await;
    let database = server.database("").await;
    // One connection, so that it is the one whose counts are flushed.
    let pool = server.pool(&database, 1);
    let store = ready(pool.clone()).await;
    let sessions: Vec<_> = (0..300).map(|n| session(n, &format!("subject {n}"))).collect();
    for session in &sessions {
        open(&store, session).await;
    }
    // Five times over: more versions than the pages have room for, so that the old ones must make room for the new.
    for generation in 1..=5 {
        for session in &sessions {
            wins(&store, session, &rotation(generation)).await;
        }
    }
    for session in &sessions[..100] {
        wins(&store, session, &with(Swap::new((6, 5), 7, 7), |swap| swap.cut = 7)).await;
        store.confirm(&[Seen::new(&session.subject, session.id, 7)]).await.unwrap();
    }
    run(&pool, "SELECT pg_stat_force_next_flush()").await;
    let (updated, hot) = updates(&pool).await;
    assert_eq!(updated, 5 * 300 + 200);
    assert_eq!(hot, updated);
}

#[tokio::test]
async fn no_verb_but_the_purge_reads_the_whole_table() {
    let server = Postgres::shared();
    let (_, pool) = fresh(&server).await;
    run(
        &pool,
        "INSERT INTO jwt_sessions
         SELECT 1, 1, 0, 0, x, x, x, 3600000, x + 86400000, NULL, decode(lpad(to_hex(i), 32, '0'), 'hex'),
             decode(repeat('07', 32), 'hex'), convert_to('subject ' || i % 50000, 'UTF8')
         FROM generate_series(1, 100000) AS i, (SELECT (extract(epoch FROM now()) * 1000)::bigint AS x) AS present;
         INSERT INTO jwt_sessions_subjects SELECT convert_to('other ' || i, 'UTF8'), 1 FROM generate_series(1, 20000) AS i;
         ANALYZE",
    )
    .await;
    let database: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&pool).await.unwrap();
    // Again one connection; each verb often enough for the server to plan it once and for all.
    let pool = server.pool(&database, 1);
    run(&pool, "SELECT pg_stat_force_next_flush()").await;
    let scans = "SELECT sum(seq_scan)::bigint, sum(seq_tup_read)::bigint, count(pg_stat_clear_snapshot())
        FROM pg_stat_user_tables WHERE relname IN ('jwt_sessions', 'jwt_sessions_subjects')";
    let before: i64 = sqlx::query_scalar(scans).fetch_one(&pool).await.unwrap();
    let store = PostgresStore::new(pool.clone());
    for n in 1..=12 {
        let known = session(n, &format!("subject {n}"));
        wins(&store, &known, &rotation(1)).await;
        wins(&store, &known, &with(Swap::new((2, 1), 3, 3), |swap| swap.cut = 3)).await;
        let new = with(session(200_000 + n, &known.subject), |session| session.limit = 2);
        open(&store, &new).await;
        let seen: Vec<_> = (0..100).map(|n| Seen::new(format!("subject {n}"), session(n, "").id, 1)).collect();
        store.confirm(&seen).await.unwrap();
        store.list(&known.subject).await.unwrap();
        store.load(&known.subject, known.id).await.unwrap();
        store.revoke(&known.subject, new.id, RevokeReason::Logout).await.unwrap();
        store.revoke_subject(&known.subject, Some(known.id), RevokeReason::LogoutAll).await.unwrap();
        store.feed(&Cursor::default()).await.unwrap();
    }
    run(&pool, "SELECT pg_stat_force_next_flush()").await;
    let after: i64 = sqlx::query_scalar(scans).fetch_one(&pool).await.unwrap();
    assert_eq!(after, before);
}
