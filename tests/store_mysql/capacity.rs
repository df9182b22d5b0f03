//! What it carries on this machine: `cargo test --features mysql --test store_mysql -- --ignored --nocapture`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jwt_sessions::store::{Cursor, MySqlStore, SessionStore, Swap, Swapped};
use sqlx::{AssertSqlSafe, Executor, Row};
use tokio::task::JoinSet;

use crate::servers::mysql::MySql;
use crate::{HASH, id, ready, session};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures, and takes a minute"]
async fn capacity() {
    let server = MySql::start("UTC", &[]);
    let database = server.database().await;
    ready(&server, &database, 1).await;
    for clients in [1, 8, 32, 128] {
        let store = MySqlStore::new(server.pool(&database, clients.min(32)));
        let (done, mut tasks) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
        let until = Instant::now() + Duration::from_secs(5);
        for n in 0..clients {
            let (n, store, done) = (u128::from(clients * 1000 + n), store.clone(), Arc::clone(&done));
            tasks.spawn(async move {
                let subject = format!("client {n}");
                store.create(&session(n, &subject)).await.unwrap();
                for generation in 1.. {
                    let swap = Swap::new((generation, (generation - 1).max(1)), generation + 1, generation);
                    let swapped = store.swap(&subject, id(n), &HASH, &swap).await.unwrap();
                    assert!(matches!(swapped, Swapped::Won(_)));
                    done.fetch_add(1, Ordering::Relaxed);
                    if Instant::now() > until {
                        break;
                    }
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        eprintln!("{clients} clients: {} rotations/s", done.load(Ordering::Relaxed) / 5);
    }
    let store = MySqlStore::new(server.pool(&database, 4));
    store.revoke("client 1000", id(1000), jwt_sessions::store::RevokeReason::Logout).await.unwrap();
    let cursor = store.feed(&Cursor::default()).await.unwrap().cursor;
    let begun = Instant::now();
    for _ in 0..2000 {
        store.feed(&cursor).await.unwrap();
    }
    eprintln!("a feed without anything new: {:?}", begun.elapsed() / 2000);

    let mut conn = server.connection(&database).await;
    conn.execute(
        "INSERT INTO jwt_sessions SELECT SHA1(seq), UNHEX(MD5(seq)), UNHEX(SHA2(seq, 256)), 9, 8, 8, 0,
            4000000000000, 4000000000000, 4000000000000, 604800000, 4000000000000, NULL, NULL,
            'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
            '203.0.113.195', NULL
         FROM seq_1_to_100000;
         INSERT INTO jwt_sessions_subjects (subject) SELECT subject FROM jwt_sessions WHERE subject NOT LIKE 'client%';
         ANALYZE TABLE jwt_sessions, jwt_sessions_subjects",
    )
    .await
    .unwrap();
    let sizes = "SELECT TABLE_NAME, DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = ";
    for row in conn.fetch_all(AssertSqlSafe(format!("{sizes} '{database}'"))).await.unwrap() {
        eprintln!("{}: {} bytes for a hundred thousand", row.get::<String, _>(0), row.get::<u64, _>(1));
    }
    let begun = Instant::now();
    let deleted = store.purge(1000).await.unwrap();
    eprintln!("a purge of a hundred thousand sessions that deletes {deleted}: {:?}", begun.elapsed());
}
