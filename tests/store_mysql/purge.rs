use jwt_sessions::store::{Created, RevokeReason, SessionStore};
use jwt_sessions::token::Timestamp;
use sqlx::{Executor, Row};

use crate::servers::mysql::MySql;
use crate::{open, ready, session};

async fn count(server: &MySql, database: &str, table: &str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    server.connection(database).await.fetch_one(count).await.unwrap().get(0)
}

#[tokio::test]
async fn the_dead_go_in_pages_and_what_was_told_of_them_with_them() {
    let server = MySql::shared();
    let database = server.database().await;
    let store = ready(&server, &database, 4).await;
    let mut conn = server.connection(&database).await;
    for n in 0..60 {
        open(&store, &session(n, &format!("dead {}", n % 7))).await;
    }
    open(&store, &session(100, "living")).await;
    store.revoke("dead 3", crate::id(3), RevokeReason::Logout).await.unwrap();
    store.revoke_subject("noted", None, RevokeReason::LogoutAll).await.unwrap();
    // A week later.
    conn.execute("UPDATE jwt_sessions SET rotated_at = rotated_at - 604800000 WHERE subject <> 'living'")
        .await
        .unwrap();
    // Forty seconds after it was of use, and twenty before it goes: the purges take their time, too.
    conn.execute("UPDATE jwt_sessions_feed SET ended_at = ended_at - 3700000").await.unwrap();

    let mut deleted = Vec::new();
    loop {
        let page = store.purge(25).await.unwrap();
        deleted.push(page);
        if page < 25 {
            break;
        }
    }
    assert_eq!(deleted, [25, 25, 10]);
    assert_eq!(count(&server, &database, "jwt_sessions").await, 1);
    assert_eq!(count(&server, &database, "jwt_sessions_feed").await, 1, "kept a minute longer than it is of use");
    assert_eq!(count(&server, &database, "jwt_sessions_subjects").await, 2, "the living one and the noted one");
    conn.execute("UPDATE jwt_sessions_feed SET ended_at = ended_at - 21000").await.unwrap();
    assert_eq!(store.purge(25).await.unwrap(), 0);
    assert_eq!(count(&server, &database, "jwt_sessions_feed").await, 0);

    // The note outlives the sessions, for 400 days.
    let mut late = session(1, "noted");
    late.credentials_read_at = Timestamp::from_secs(1);
    assert!(matches!(store.create(&late).await.unwrap(), Created::TooLate));
    conn.execute("UPDATE jwt_sessions_subjects SET not_before = not_before - 34560000001").await.unwrap();
    assert_eq!(store.purge(25).await.unwrap(), 0);
    assert_eq!(count(&server, &database, "jwt_sessions_subjects").await, 1);
}

/// More than a page of the walk, which a limit below it ends early.
#[tokio::test]
async fn a_purge_goes_on_where_the_last_one_ended() {
    let server = MySql::shared();
    let database = server.database().await;
    let store = ready(&server, &database, 4).await;
    let mut conn = server.connection(&database).await;
    conn.execute(
        "INSERT INTO jwt_sessions SELECT CONCAT('s', seq % 100), UNHEX(LPAD(HEX(seq), 32, '0')), UNHEX(REPEAT('07', 32)),
            1, 1, 0, 0, 1000, 1000, 1000, IF(seq % 3 = 0, 9223372036854775807, 5), 9223372036854775807, NULL, NULL, NULL,
            NULL, NULL
         FROM seq_1_to_3000",
    )
    .await
    .unwrap();
    let mut deleted = 0;
    loop {
        let page = store.purge(300).await.unwrap();
        deleted += page;
        if page < 300 {
            break;
        }
    }
    assert_eq!(deleted, 2000);
    assert_eq!(count(&server, &database, "jwt_sessions").await, 1000);
}

/// What a verb costs must not grow with the table: each statement finds its rows by the key.
#[tokio::test]
async fn nothing_reads_the_whole_table() {
    let server = MySql::shared();
    let database = server.database().await;
    let store = ready(&server, &database, 1).await;
    let mut conn = server.connection(&database).await;
    conn.execute(
        "INSERT INTO jwt_sessions SELECT CONCAT('s', seq), UNHEX(LPAD(HEX(seq), 32, '0')), UNHEX(REPEAT('07', 32)),
            1, 1, 0, 0, 4000000000000, 4000000000000, 1000, 9223372036854775807, 9223372036854775807, NULL, NULL, NULL,
            NULL, NULL
         FROM seq_1_to_20000; ANALYZE TABLE jwt_sessions",
    )
    .await
    .unwrap();
    let pool = server.pool(&database, 1);
    let store = {
        drop(store);
        jwt_sessions::store::MySqlStore::new(pool.clone())
    };
    let read = async || {
        let rows = "SELECT SUM(VARIABLE_VALUE) FROM information_schema.SESSION_STATUS
            WHERE VARIABLE_NAME IN ('HANDLER_READ_NEXT', 'HANDLER_READ_RND_NEXT', 'HANDLER_READ_FIRST')";
        pool.fetch_one(rows).await.unwrap().get::<f64, _>(0)
    };
    let seen: Vec<_> = (1..17_u128)
        .map(|n| jwt_sessions::store::Seen::new(format!("s{}", n * 1000), crate::id(n * 1000), 1))
        .collect();
    let one = session(5000, "s5000");
    read().await;
    let before = read().await;
    let idle = read().await - before;
    store.load("s5000", one.id).await.unwrap();
    crate::swap(&store, &one, jwt_sessions::store::Swap::new((1, 1), 2, 1)).await;
    store.list("s5000").await.unwrap();
    store.confirm(&seen).await.unwrap();
    open(&store, &session(20_001, "s5000")).await;
    store.revoke("s5000", one.id, RevokeReason::Logout).await.unwrap();
    store.revoke_subject("s5000", None, RevokeReason::Logout).await.unwrap();
    store.feed(&jwt_sessions::store::Cursor::default()).await.unwrap();
    let rows = read().await - before - 2.0 * idle;
    assert!(rows < 200.0, "{rows} rows were read in passing");
}
