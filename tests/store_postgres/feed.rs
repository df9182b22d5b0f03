//! The feed: nothing is missed, whenever it was committed and whatever became of the server.

use jwt_sessions::store::{Cursor, Ends, PostgresStore, RevokeReason, SessionStore, Swap};
use sqlx::postgres::PgPool;

use super::servers::postgres::Postgres;
use super::{fresh, open, ready, run, session, wins, with};

/// Everything from `cursor` on, which becomes where it ends.
async fn read(store: &PostgresStore, cursor: &mut Cursor) -> Vec<Ends> {
    let mut read = Vec::new();
    loop {
        let feed = store.feed(cursor).await.unwrap();
        read.extend(feed.entries.iter().map(|entry| entry.ends));
        *cursor = feed.cursor;
        if !feed.more {
            return read;
        }
    }
}

/// An entry whose transaction is open.
async fn begun(pool: &PgPool, below: i32) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut step = pool.begin().await.unwrap();
    let append = "INSERT INTO jwt_sessions_feed (at, session, below)
        SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, decode(repeat('ab', 16), 'hex'), $1";
    sqlx::query(append).bind(below).execute(&mut *step).await.unwrap();
    step
}

fn below(n: u64) -> Ends {
    Ends::Below(jwt_sessions::token::SessionId::from_bytes([0xab; 16]), n)
}

#[tokio::test]
async fn an_entry_that_is_committed_late_is_not_missed_and_none_is_told_twice() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let mut cursor = Cursor::default();
    let early = begun(&pool, 1).await;
    let gives_up = begun(&pool, 2).await;
    let later = begun(&pool, 3).await;
    later.commit().await.unwrap();
    assert_eq!(read(&store, &mut cursor).await, [below(3)]);
    // However long the other stays open.
    for n in 4..8 {
        begun(&pool, n).await.commit().await.unwrap();
        let n = u64::try_from(n).unwrap();
        assert_eq!(read(&store, &mut cursor).await, [below(n)]);
        assert_eq!(read(&store, &mut cursor).await, []);
    }
    gives_up.rollback().await.unwrap();
    early.commit().await.unwrap();
    assert_eq!(read(&store, &mut cursor).await, [below(1)]);
    assert_eq!(read(&store, &mut cursor).await, []);
}

#[tokio::test]
async fn while_a_transaction_stays_open_nobody_looks_again_at_what_was_read() {
    let server = Postgres::shared();
    let (_, pool) = fresh(&server).await;
    let early = begun(&pool, 1).await;
    // A transaction each, as ends are.
    let many = "DO $$ BEGIN
        FOR i IN 1..5000 LOOP
            INSERT INTO jwt_sessions_feed (at, session)
            VALUES ((extract(epoch FROM clock_timestamp()) * 1000)::bigint, decode(lpad(to_hex(i), 32, '0'), 'hex'));
            SET LOCAL synchronous_commit = off;
            COMMIT;
        END LOOP;
    END $$";
    run(&pool, many).await;
    run(&pool, "ANALYZE jwt_sessions_feed").await;
    let database: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&pool).await.unwrap();
    // One connection, whose counts are flushed.
    let one = server.pool(&database, 1);
    let looked_at = async || {
        run(&one, "SELECT pg_stat_force_next_flush()").await;
        let tuples = "SELECT (sum(seq_tup_read) + sum(idx_tup_fetch))::bigint, count(pg_stat_clear_snapshot())
            FROM pg_stat_user_tables WHERE relname = 'jwt_sessions_feed'";
        sqlx::query_scalar::<_, i64>(tuples).fetch_one(&one).await.unwrap()
    };
    let store = PostgresStore::new(one.clone());
    let mut cursor = Cursor::default();
    assert_eq!(read(&store, &mut cursor).await.len(), 5000);
    let before = looked_at().await;
    // More often than the server takes to plan it once and for all.
    for _ in 0..20 {
        assert_eq!(read(&store, &mut cursor).await, []);
    }
    let after = looked_at().await;
    assert!(after - before < 100, "{} rows", after - before);
    early.commit().await.unwrap();
    assert_eq!(read(&store, &mut cursor).await, [below(1)]);
}

#[tokio::test]
async fn what_is_committed_behind_a_walk_is_read_by_the_next() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let mut cursor = Cursor::default();
    begun(&pool, 1).await.commit().await.unwrap();
    assert_eq!(read(&store, &mut cursor).await, [below(1)]);
    let behind = begun(&pool, 2).await;
    let many = "INSERT INTO jwt_sessions_feed (at, session, below)
        SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, decode(repeat('ab', 16), 'hex'), 1000 + i
        FROM generate_series(1, 25000) AS i";
    run(&pool, many).await;

    let first = store.feed(&cursor).await.unwrap();
    assert!(first.more && first.entries.len() == 10_000);
    assert_eq!(first.entries[0].ends, below(1001));
    behind.commit().await.unwrap();
    let second = store.feed(&first.cursor).await.unwrap();
    assert!(second.more && second.entries.len() == 10_000);
    assert_eq!(second.entries[0].ends, below(11_001));
    // A page may be asked for again.
    assert_eq!(store.feed(&first.cursor).await.unwrap().entries.len(), 10_000);
    let third = store.feed(&second.cursor).await.unwrap();
    assert!(!third.more && third.entries.len() == 5000);
    let mut cursor = third.cursor;
    assert_eq!(read(&store, &mut cursor).await, [below(2)]);
    assert_eq!(read(&store, &mut cursor).await, []);
    assert_eq!(read(&store, &mut Cursor::default()).await.len(), 25_002);
}

#[tokio::test]
async fn a_cursor_that_is_ahead_or_of_another_server_is_the_beginning() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let alice = session(1, "alice");
    open(&store, &alice).await;
    store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap();
    let mut cursor = Cursor::default();
    let ended = [Ends::Session(alice.id)];
    assert_eq!(read(&store, &mut cursor).await, ended);
    assert_eq!(read(&store, &mut cursor).await, []);

    let text = String::from_utf8(cursor.as_bytes().to_vec()).unwrap();
    let (epoch, snapshot) = text.split_once(' ').unwrap();
    let epoch: i64 = epoch.parse().unwrap();
    let xmax: u64 = snapshot.split(':').nth(1).unwrap().parse().unwrap();
    let ahead = xmax + 1_000_000;
    let strange = [
        format!("{epoch} {ahead}:{ahead}:"),
        format!("{epoch} {snapshot} {ahead}:{ahead}: {ahead} 1 1"),
        format!("{} {snapshot}", epoch + 1),
        format!("{epoch} 5:3:"),
        format!("{epoch} 99999999999999999999999:99999999999999999999999:"),
        format!("{epoch} '"),
        format!("{epoch} "),
        format!("{epoch}"),
        String::new(),
    ];
    for strange in strange {
        let read = read(&store, &mut Cursor::new(strange.as_bytes())).await;
        assert_eq!(read, ended, "{strange:?}");
    }
    // A promoted standby has an empty table there, and so has a restored backup.
    run(&pool, "TRUNCATE jwt_sessions_epoch").await;
    assert_eq!(read(&store, &mut cursor).await, ended);
    assert_eq!(read(&store, &mut cursor).await, []);
}

#[tokio::test]
async fn after_a_crash_a_reader_begins_anew() {
    let mut server = Postgres::start();
    server.connect("postgres").await;
    let store = ready(server.pool("postgres", 4)).await;
    let alice = session(1, "alice");
    open(&store, &alice).await;
    wins(&store, &alice, &with(Swap::new((1, 1), 2, 2), |swap| swap.cut = 2)).await;
    let mut cursor = Cursor::default();
    assert_eq!(read(&store, &mut cursor).await, [Ends::Below(alice.id, 2)]);
    assert_eq!(read(&store, &mut cursor).await, []);
    server.crash().await;
    server.restart();
    server.connect("postgres").await;
    let store = ready(server.pool("postgres", 4)).await;
    assert_eq!(read(&store, &mut cursor).await, [Ends::Below(alice.id, 2)]);
    assert_eq!(read(&store, &mut cursor).await, []);
}

#[tokio::test]
async fn all_are_ended_by_an_entry_before_the_first_and_one_behind_the_last() {
    let server = Postgres::shared();
    let (store, _) = fresh(&server).await;
    for n in 0..5 {
        open(&store, &session(n, &format!("subject {n}"))).await;
    }
    let mut cursor = Cursor::default();
    assert_eq!(store.revoke_all(super::LATER).await.unwrap(), 5);
    assert_eq!(read(&store, &mut cursor).await, [Ends::All, Ends::All]);
}
