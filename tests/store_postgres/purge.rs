//! What is deleted, and how.

use jwt_sessions::store::{Cursor, RevokeReason, SessionStore};

use super::servers::postgres::Postgres;
use super::{Created, Timestamp, fresh, number, open, run, session, with};

/// More than one page of a walk through the table, with the dead among the living.
#[tokio::test]
async fn a_purge_walks_the_whole_table_in_pages() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    run(
        &pool,
        "INSERT INTO jwt_sessions
         SELECT 1, 1, 0, 0, x, x, x, CASE WHEN i % 3 = 0 THEN 0 ELSE 3600000 END, x + 86400000, NULL,
             decode(lpad(to_hex(i), 32, '0'), 'hex'), decode(repeat('07', 32), 'hex'), convert_to('s' || i, 'UTF8')
         FROM generate_series(1, 60000) AS i, (SELECT (extract(epoch FROM now()) * 1000)::bigint AS x) AS present",
    )
    .await;
    let pages = number(&pool, "SELECT pg_relation_size('jwt_sessions') / 8192").await;
    assert!(pages > 2 * 512, "{pages} blocks");
    assert_eq!(store.purge(7000).await.unwrap(), 7000);
    // Another instance begins at the beginning.
    assert_eq!(store.purge(7000).await.unwrap(), 7000);
    assert_eq!(store.purge(7000).await.unwrap(), 6000);
    assert_eq!(store.purge(7000).await.unwrap(), 0);
    assert_eq!(number(&pool, "SELECT count(*) FROM jwt_sessions").await, 40_000);
    // What dies behind the walk is found by the next.
    run(&pool, "UPDATE jwt_sessions SET expires_at = 0 WHERE id < decode('00000000000000000000000000001000', 'hex')")
        .await;
    let dead = number(&pool, "SELECT count(*) FROM jwt_sessions WHERE expires_at = 0").await;
    assert_eq!(store.purge(100_000).await.unwrap(), usize::try_from(dead).unwrap());
}

#[tokio::test]
async fn what_was_revoked_long_ago_is_deleted_and_its_entries_too() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let (alice, bob) = (session(1, "alice"), session(2, "bob"));
    open(&store, &alice).await;
    open(&store, &bob).await;
    store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap();
    store.revoke_subject("bob", None, RevokeReason::LogoutAll).await.unwrap();
    let age = async |seconds: i64| {
        run(
            &pool,
            format!(
                "UPDATE jwt_sessions SET revoked_at = revoked_at - {seconds}000;
                 UPDATE jwt_sessions_feed SET at = at - {seconds}000;
                 UPDATE jwt_sessions_subjects SET not_before = not_before - {seconds}000"
            ),
        )
        .await;
    };
    age(3650).await;
    assert_eq!(store.purge(10).await.unwrap(), 0);
    assert_eq!(store.feed(&Cursor::default()).await.unwrap().entries.len(), 2);
    age(20).await;
    assert_eq!(store.feed(&Cursor::default()).await.unwrap().entries.len(), 0, "it is of no use any more");
    assert_eq!(store.purge(10).await.unwrap(), 2);
    assert_eq!(number(&pool, "SELECT count(*) FROM jwt_sessions_feed").await, 2, "a minute longer");
    age(60).await;
    run(&pool, "INSERT INTO jwt_sessions_feed (at) SELECT i FROM generate_series(1, 2500) AS i").await;
    assert_eq!(store.purge(10).await.unwrap(), 0);
    assert_eq!(number(&pool, "SELECT count(*) FROM jwt_sessions_feed").await, 0);

    let late = with(session(3, "bob"), |session| session.credentials_read_at = Timestamp::default());
    assert!(matches!(store.create(&late).await.unwrap(), Created::TooLate), "the note is kept");
    age(400 * 24 * 3600).await;
    store.purge(10).await.unwrap();
    assert_eq!(number(&pool, "SELECT count(*) FROM jwt_sessions_subjects").await, 0, "for 400 days");
}
