//! What waits for the disk.

use jwt_sessions::store::{RevokeReason, SessionStore, Swap, Swapped};

use super::servers::postgres::Postgres;
use super::{LATER, number, open, ready, rotation, run, session, swap, wins, with};

/// Bytes of the log that are not on the disk.
const UNWRITTEN: &str = "SELECT (pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn())::bigint";

#[tokio::test]
async fn relaxed_rotations_alone_do_not_wait_for_the_disk() {
    // Of its own: nobody else's commit brings the log to the disk.
    let server = Postgres::start();
    server.connect("postgres").await;
    let pool = server.pool("postgres", 2);
    run(&pool, "ALTER SYSTEM SET wal_writer_delay = '10s'").await;
    run(&pool, "ALTER SYSTEM SET autovacuum = off").await;
    run(&pool, "SELECT pg_reload_conf()").await;
    let store = ready(server.pool("postgres", 2)).await;
    let relaxed = store.clone().relaxed_rotations();
    let alice = session(1, "alice");
    open(&relaxed, &alice).await;
    assert_eq!(number(&pool, UNWRITTEN).await, 0, "create");

    let mut unwritten = 0;
    for generation in 1..20 {
        wins(&relaxed, &alice, &rotation(generation)).await;
        unwritten += i32::from(number(&pool, UNWRITTEN).await > 0);
    }
    // Whatever else the server writes may take some along.
    assert!(unwritten > 10, "{unwritten} of 19");
    wins(&store, &alice, &rotation(20)).await;
    assert_eq!(number(&pool, UNWRITTEN).await, 0, "a rotation that is not relaxed");
    wins(&relaxed, &alice, &rotation(21)).await;
    wins(&relaxed, &alice, &with(Swap::new((22, 21), 23, 23), |swap| swap.cut = 23)).await;
    assert_eq!(number(&pool, UNWRITTEN).await, 0, "a cut");
    wins(&relaxed, &alice, &Swap::new((23, 23), 24, 23)).await;
    store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap();
    assert_eq!(number(&pool, UNWRITTEN).await, 0, "an end");
}

#[tokio::test]
async fn relaxing_is_over_with_the_rotation() {
    let server = Postgres::shared();
    let database = server.database("").await;
    let pool = server.pool(&database, 1);
    let store = ready(pool.clone()).await.relaxed_rotations();
    let alice = session(1, "alice");
    open(&store, &alice).await;
    wins(&store, &alice, &rotation(1)).await;
    let after: String =
        sqlx::query_scalar("SELECT current_setting('synchronous_commit')").fetch_one(&pool).await.unwrap();
    assert_eq!(after, "on", "on the connection that it used");
}

#[tokio::test]
async fn what_was_answered_survives_a_crash() {
    let mut server = Postgres::start();
    server.connect("postgres").await;
    let store = ready(server.pool("postgres", 4)).await;
    let sessions: Vec<_> = (0..20).map(|n| session(n, &format!("subject {n}"))).collect();
    for session in &sessions {
        open(&store, session).await;
        wins(&store, session, &rotation(1)).await;
    }
    store.revoke("subject 0", sessions[0].id, RevokeReason::Logout).await.unwrap();
    store.revoke_subject("subject 1", None, RevokeReason::LogoutAll).await.unwrap();
    server.crash().await;
    server.restart();
    server.connect("postgres").await;

    let store = ready(server.pool("postgres", 4)).await;
    for (n, session) in sessions.iter().enumerate() {
        let row = store.load(&session.subject, session.id).await.unwrap().unwrap().row;
        assert_eq!((row.generation, row.previous), (2, 1));
        assert_eq!(row.revoked.is_some(), n < 2);
    }
    let late = with(session(50, "subject 1"), |session| session.credentials_read_at = super::Timestamp::default());
    assert!(matches!(store.create(&late).await.unwrap(), super::Created::TooLate));
    assert!(matches!(swap(&store, &sessions[0], &rotation(2)).await, Swapped::Lost(Some(_))));
    assert_eq!(late.auth_time, LATER);
}
