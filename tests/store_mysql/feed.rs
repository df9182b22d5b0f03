use jwt_sessions::store::{Cursor, Ends, Feed, MySqlStore, RevokeReason, SessionStore};
use sqlx::{AssertSqlSafe, Executor};

use crate::servers::mysql::MySql;
use crate::{id, open, ready, session};

/// The same as a revocation does, in a transaction that the test holds in its hands.
const BEGIN: &str = "START TRANSACTION; INSERT INTO jwt_sessions_feed (ended_at, session_id)
    VALUES (FLOOR(UNIX_TIMESTAMP(SYSDATE(3)) * 1000), X'000000000000000000000000000000FF')";

async fn end(store: &MySqlStore, n: u128) {
    let session = session(n, "alice");
    open(store, &session).await;
    assert!(store.revoke("alice", session.id, RevokeReason::Logout).await.unwrap());
}

/// Everything from a cursor on.
async fn read(store: &MySqlStore, cursor: &Cursor) -> (Vec<Ends>, Cursor) {
    let (mut ends, mut cursor) = (Vec::new(), cursor.clone());
    loop {
        let Feed { entries, cursor: next, more, .. } = store.feed(&cursor).await.unwrap();
        ends.extend(entries.iter().map(|entry| entry.ends));
        cursor = next;
        if !more {
            return (ends, cursor);
        }
    }
}

fn ended(n: u128) -> Ends {
    Ends::Session(id(n))
}

#[tokio::test]
async fn what_is_committed_late_is_read() {
    let server = MySql::shared();
    // Even the first that a reader ever sees may not be the first that was written.
    for earlier in [false, true] {
        let database = server.database().await;
        let store = ready(&server, &database, 4).await;
        let mut cursor = Cursor::default();
        if earlier {
            end(&store, 1).await;
            cursor = read(&store, &cursor).await.1;
        }
        let mut late = server.connection(&database).await;
        late.execute(BEGIN).await.unwrap();
        for n in 10..40 {
            end(&store, n).await;
        }
        let (ends, cursor) = read(&store, &cursor).await;
        assert_eq!(ends, (10..40).map(ended).collect::<Vec<_>>());
        let (ends, cursor) = read(&store, &cursor).await;
        assert_eq!(ends, [], "what was read is not read again while an entry is missing");
        // Two polls, two sorts of them, or three seconds later: no clock decides.
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        end(&store, 40).await;
        let (ends, cursor) = read(&store, &cursor).await;
        assert_eq!(ends, [ended(40)]);
        late.execute("COMMIT").await.unwrap();
        let (ends, cursor) = read(&store, &cursor).await;
        assert_eq!(ends, [ended(0xff)], "committed late");
        assert_eq!(read(&store, &cursor).await.0, [], "once");
    }
}

#[tokio::test]
async fn what_is_taken_back_disturbs_nobody() {
    let server = MySql::shared();
    let database = server.database().await;
    let store = ready(&server, &database, 4).await;
    let mut conn = server.connection(&database).await;
    let mut cursor = Cursor::default();
    for n in 1..100 {
        conn.execute(BEGIN).await.unwrap();
        conn.execute("ROLLBACK").await.unwrap();
        end(&store, n).await;
        let (ends, next) = read(&store, &cursor).await;
        assert!(ends.contains(&ended(n)), "{n}");
        assert!(next.as_bytes().len() < 500);
        cursor = next;
    }
}

#[tokio::test]
async fn a_store_that_was_put_back_is_read_from_the_beginning() {
    let server = MySql::shared();
    let database = server.database().await;
    let store = ready(&server, &database, 4).await;
    for n in 1..4 {
        end(&store, n).await;
    }
    let (_, cursor) = read(&store, &Cursor::default()).await;
    let mut conn = server.connection(&database).await;
    conn.execute("TRUNCATE TABLE jwt_sessions_feed").await.unwrap();
    assert_eq!(read(&store, &cursor).await.0, []);
    // The copy was one entry behind, and has gone on: its numbers are those that were read, and more.
    for n in 11..16 {
        end(&store, n).await;
    }
    let (ends, _) = read(&store, &cursor).await;
    assert_eq!(ends, (11..16).map(ended).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_long_feed_is_read_in_pages_and_old_entries_are_not() {
    let server = MySql::shared();
    let database = server.database().await;
    let store = ready(&server, &database, 4).await;
    let mut conn = server.connection(&database).await;
    let fill = |rows: u32, age: u32| {
        AssertSqlSafe(format!(
            "INSERT INTO jwt_sessions_feed (ended_at, session_id)
             SELECT FLOOR(UNIX_TIMESTAMP(SYSDATE(3)) * 1000) - {age}, UNHEX(LPAD(HEX(seq), 32, '0')) FROM seq_1_to_{rows}"
        ))
    };
    conn.execute(fill(1000, 3_661_000)).await.unwrap();
    conn.execute(fill(25_000, 3_600_000)).await.unwrap();
    let (mut pages, mut read, mut cursor) = (0, Vec::new(), Cursor::default());
    loop {
        let page = store.feed(&cursor).await.unwrap();
        assert!(page.entries.len() <= 10_000);
        pages += 1;
        read.extend(page.entries.iter().map(|entry| entry.ends));
        cursor = page.cursor;
        if !page.more {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert!(read == (1..=25_000).map(ended).collect::<Vec<_>>());
    end(&store, 30_000).await;
    let page = store.feed(&cursor).await.unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.ends).collect::<Vec<_>>(), [ended(30_000)]);
    assert!(!page.more);
}
