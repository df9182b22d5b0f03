use super::super::queue::Queue;
use super::super::{purge, statements};
use super::SqliteStore;
use crate::clock::Clock;
use crate::store::{NewSession, RevokeReason, Row, SessionStore, StoreErrorKind, Swap, Swapped};
use crate::token::{SecretHash, SessionId};
use std::time::Duration;

fn session(n: u8, user_agent: &str) -> NewSession {
    let (id, hash) = (SessionId::from_bytes([n; 16]), SecretHash::from_bytes([n; 32]));
    let hour = Duration::from_secs(3600);
    let mut session = NewSession::new(id, format!("subject {n}"), hash, hour, hour, Clock::system().now());
    session.device.user_agent = Some(user_agent.to_owned());
    session
}

async fn ready(folder: &tempfile::TempDir) -> SqliteStore {
    let store = SqliteStore::open(folder.path().join("sessions.db"), Clock::system()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Another process's transaction, behind which calls wait for one another.
struct Busy(rusqlite::Connection);

impl Busy {
    fn new(folder: &tempfile::TempDir) -> Self {
        let conn = rusqlite::Connection::open(folder.path().join("sessions.db")).unwrap();
        conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self(conn)
    }

    /// Ends it once every call that is awaited beside this stands in the queue.
    async fn end(self) {
        tokio::task::yield_now().await;
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

/// Lets the file grow by `pages` and no further, as a full disk does.
async fn fill_the_disk(writer: &Queue, pages: i64) {
    let limit = move |conn: &mut rusqlite::Connection| {
        let count: i64 = conn.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        conn.pragma_update_and_check(None, "max_page_count", count + pages, |_| Ok(())).unwrap();
        Ok(())
    };
    writer.call_alone(limit).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_an_error_of_the_calls_that_need_room_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = ready(&folder).await;
    store.create(&session(1, "small")).await.unwrap();
    fill_the_disk(&store.writer, 0).await;

    // All in one transaction: what runs into the full disk takes the whole of it back.
    let huge = "x".repeat(100_000);
    let (small, huge) = (session(2, "small"), session(3, &huge));
    let busy = Busy::new(&folder);
    let (before, full, after, ()) = tokio::join!(
        store.create(&small),
        store.create(&huge),
        store.revoke_subject("subject 1", None, RevokeReason::Logout),
        busy.end(),
    );
    before.unwrap();
    assert_eq!(full.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(after.unwrap(), [SessionId::from_bytes([1; 16])]);
    assert!(store.load("subject 2", small.id).await.unwrap().is_some());
    assert!(store.load("subject 3", huge.id).await.unwrap().is_none());

    fill_the_disk(&store.writer, 1000).await;
    store.create(&huge).await.unwrap();
}

#[tokio::test]
async fn a_file_that_became_read_only_is_an_error_per_call() {
    let folder = tempfile::tempdir().unwrap();
    let store = ready(&folder).await;
    store.create(&session(1, "small")).await.unwrap();
    let read_only = |on: bool| {
        move |conn: &mut rusqlite::Connection| {
            conn.pragma_update(None, "query_only", on).unwrap();
            Ok(())
        }
    };
    store.writer.call_alone(read_only(true)).await.unwrap();
    assert_eq!(store.create(&session(2, "small")).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert!(store.load("subject 1", SessionId::from_bytes([1; 16])).await.unwrap().is_some());
    store.writer.call_alone(read_only(false)).await.unwrap();
    store.create(&session(2, "small")).await.unwrap();
}

#[tokio::test]
async fn a_commit_that_fails_fails_every_call_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = ready(&folder).await;
    let deferred = |conn: &mut rusqlite::Connection| {
        // A constraint that is only looked at by the commit.
        let sql = "
            PRAGMA foreign_keys = ON;
            CREATE TABLE parent (id INTEGER PRIMARY KEY);
            CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)";
        conn.execute_batch(sql).unwrap();
        Ok(())
    };
    store.writer.call_alone(deferred).await.unwrap();
    let (first, orphan) = (session(1, "small"), "INSERT INTO child VALUES (1)");
    let busy = Busy::new(&folder);
    let (created, inserted, ()) =
        tokio::join!(store.create(&first), store.writer.call(move |conn, _| conn.execute(orphan, [])), busy.end());
    assert_eq!(created.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert!(inserted.is_err());
    assert!(store.load("subject 1", first.id).await.unwrap().is_none(), "what was not committed is not there");
    store.create(&first).await.unwrap();
}

#[tokio::test]
async fn the_threads_end_with_the_last_handle() {
    let folder = tempfile::tempdir().unwrap();
    let store = ready(&folder).await;
    let other = store.clone();
    drop(store);
    other.create(&session(1, "small")).await.unwrap();
    let log = folder.path().join("sessions.db-wal");
    assert!(log.exists());
    drop(other);
    // The last connection takes the log away.
    let taken = async {
        while log.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), taken).await.expect("the log stays");
}

#[tokio::test]
async fn a_rotation_writes_no_index_and_reads_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let store = ready(&folder).await;
    let plans = store.reader.call(|conn, _| {
        let mut plans = Vec::new();
        for sql in statements::BY_KEY.iter().chain(purge::BY_KEY) {
            let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let details =
                statement.raw_query().mapped(|row| row.get::<_, String>("detail")).collect::<Result<Vec<_>, _>>()?;
            plans.push((*sql, details.join("; ")));
        }
        let indices = "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite_autoindex%'";
        Ok((plans, conn.query_row(indices, [], |row| row.get::<_, i64>(0))?))
    });
    let (plans, indices) = plans.await.unwrap();
    assert_eq!(indices, 0);
    for (sql, plan) in plans {
        assert!(plan.contains("PRIMARY KEY") && !plan.contains("SCAN jwt_sessions"), "{sql}\n{plan}");
    }
}

#[tokio::test]
async fn a_reason_that_is_not_known_yet_still_ends_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let store = ready(&folder).await;
    let session = session(1, "small");
    store.create(&session).await.unwrap();
    let later = "UPDATE jwt_sessions SET revoked_at = 1, revoke_reason = 'moonrise'";
    store.writer.call(move |conn, _| conn.execute(later, [])).await.unwrap();
    let loaded = store.load("subject 1", session.id).await.unwrap().unwrap();
    assert!(!Row::is_living(&loaded.row, loaded.now));
}

/// How the writes of a measurement reach the disk.
#[derive(Clone, Copy)]
struct Way {
    synchronous: &'static str,
    /// Each in a transaction of its own, as a store without this one's queue has it.
    one_by_one: bool,
}

/// Rotations a second of so many clients, each with a session of its own.
async fn rotations(store: &SqliteStore, one_by_one: bool, clients: u8, from: u64, each: u64) -> f64 {
    let start = std::time::Instant::now();
    let clients = (0..clients).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let session = session(n, "");
            for generation in from..from + each {
                let swap = Swap::new((generation, generation.max(2) - 1), generation + 1, generation);
                let won = if one_by_one {
                    let (subject, id, hash) = (session.subject.clone(), session.id, session.secret_hash);
                    let alone = move |conn: &mut rusqlite::Connection| {
                        let now = Clock::system().now();
                        Ok(statements::swap(conn, &subject, id, &hash, &swap, now).unwrap())
                    };
                    store.writer.call_alone(alone).await
                } else {
                    store.swap(&session.subject, session.id, &session.secret_hash, &swap).await
                };
                assert!(matches!(won, Ok(Swapped::Won(_))));
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let writes = clients.len() as f64 * each as f64;
    for client in clients {
        client.await.unwrap();
    }
    writes / start.elapsed().as_secs_f64()
}

/// `cargo test --release --lib full_durability -- --ignored --nocapture`, with the folder for temporary files on the disk in
/// question. With shared commits and full durability against what is usual without: one commit each.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, for a release build and a quiet machine"]
#[allow(clippy::print_stdout, reason = "a measurement is read")]
async fn full_durability_is_as_fast_as_none_with_one_commit_each() {
    let way = |synchronous, one_by_one| Way { synchronous, one_by_one };
    let ways = [way("FULL", false), way("NORMAL", true), way("OFF", true), way("OFF", false)];
    for clients in [1, 8, 32, 64, 128, 255] {
        let mut stores = Vec::new();
        for way in ways {
            let folder = tempfile::tempdir().unwrap();
            let store = ready(&folder).await;
            let set = move |conn: &mut rusqlite::Connection| {
                conn.pragma_update(None, "synchronous", way.synchronous).unwrap();
                Ok(())
            };
            store.writer.call_alone(set).await.unwrap();
            for n in 0..clients {
                store.create(&session(n, "")).await.unwrap();
            }
            stores.push((folder, store, way, Vec::new()));
        }
        let each = (6400 / u64::from(clients)).min(400);
        for round in 0..9 {
            for (_, store, way, rates) in &mut stores {
                rates.push(rotations(store, way.one_by_one, clients, 1 + round * each, each).await);
            }
        }
        let median = |rates: &mut Vec<f64>| {
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        };
        let rates: Vec<_> = stores.iter_mut().map(|(_, _, _, rates)| median(rates)).collect();
        let [normal, off, shared] = [1, 2, 3].map(|other: usize| rates[0] / rates[other]);
        println!(
            "{clients} clients: {:.0}/s, {normal:.2} of NORMAL and {off:.2} of OFF with one commit each, {shared:.2} of OFF with \
             shared ones",
            rates[0]
        );
    }
}
