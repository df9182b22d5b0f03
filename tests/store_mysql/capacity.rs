//! What it carries on this machine: `cargo test --release --features mysql --test store_mysql -- --ignored --nocapture`.

use std::process::Command;
use std::time::{Duration, Instant};

use jwt_sessions::store::{Cursor, MySqlStore, SessionStore, Swap, Swapped};
use sqlx::{AssertSqlSafe, Executor, Row};
use tokio::task::JoinSet;

use crate::servers::mysql::MySql;
use crate::{HASH, id, ready, session};

const ROUND: Duration = Duration::from_secs(4);
/// Each way in turn, so often: the machine has other work, too.
const ROUNDS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures, and takes minutes"]
async fn capacity() {
    let server = MySql::start("UTC", &[]);
    let database = server.database().await;
    ready(&server, &database, 1).await;
    for clients in [1, 8, 32] {
        let store = MySqlStore::new(server.pool(&database, clients));
        for n in 0..clients {
            store.create(&session(n.into(), &format!("client {n}"))).await.unwrap();
        }
        let [mut by_store, mut by_pool, mut by_connection, mut by_slap] = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            let rate = through_the_store(&store, clients).await;
            by_store.push(rate);
            by_pool.push(through_the_driver(&server, &database, clients, true).await);
            by_connection.push(through_the_driver(&server, &database, clients, false).await);
            by_slap.push(through_slap(&server, &database, clients, rate));
        }
        let rates = [by_store, by_pool, by_connection, by_slap].map(median);
        eprintln!(
            "{clients} clients: rotations/s of the store, the driver's pool, a connection each, mariadb-slap: {rates:?}"
        );
        server.connection(&database).await.execute("DELETE FROM jwt_sessions").await.unwrap();
    }
    let store = MySqlStore::new(server.pool(&database, 4));
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

fn median(mut rates: Vec<u64>) -> u64 {
    rates.sort_unstable();
    rates[rates.len() / 2]
}

async fn through_the_store(store: &MySqlStore, clients: u32) -> u64 {
    let mut tasks = JoinSet::new();
    let until = Instant::now() + ROUND;
    for n in 0..clients {
        let store = store.clone();
        tasks.spawn(async move {
            let (subject, mut done) = (format!("client {n}"), 0_u64);
            // One that may be made again and again.
            let again = Swap::new((1, 1), 1, 1);
            while Instant::now() < until {
                let swapped = store.swap(&subject, id(n.into()), &HASH, &again).await.unwrap();
                assert!(matches!(swapped, Swapped::Won(_)));
                done += 1;
            }
            done
        });
    }
    tasks.join_all().await.into_iter().sum::<u64>() / ROUND.as_secs()
}

/// The same call without the store: by the driver's pool, or on one connection for each client.
async fn through_the_driver(server: &MySql, database: &str, clients: u32, is_pooled: bool) -> u64 {
    let mut tasks = JoinSet::new();
    let pool = server.pool(database, clients);
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(pool.acquire().await.unwrap());
    }
    let until = Instant::now() + ROUND;
    for (n, mut conn) in (0_u32..).zip(connections) {
        let pool = pool.clone();
        tasks.spawn(async move {
            let (subject, mut done) = (format!("client {n}"), 0_u64);
            while Instant::now() < until {
                if is_pooled {
                    drop(conn);
                    conn = pool.acquire().await.unwrap();
                }
                let call = sqlx::query("CALL jwt_sessions_swap_1(?, ?, ?, 1, 1, 0, NULL, 1, 1, 0, 0, 0)");
                let call = call.bind(subject.as_bytes()).bind(id(n.into()).as_bytes().to_vec());
                assert_eq!(call.bind(&HASH.as_bytes()[..]).fetch_all(&mut *conn).await.unwrap().len(), 1);
                done += 1;
            }
            done
        });
    }
    tasks.join_all().await.into_iter().sum::<u64>() / ROUND.as_secs()
}

/// The same call by a program in C, for as long as the store took.
fn through_slap(server: &MySql, database: &str, clients: u32, rate: u64) -> u64 {
    let number = rate.max(1) * ROUND.as_secs();
    let hash = "07".repeat(32);
    // Connections have numbers in a row: each has a session of its own.
    let who = format!("MOD(CONNECTION_ID(), {clients})");
    let query = format!(
        "CALL jwt_sessions_swap_1(CONCAT('client ', {who}), UNHEX(LPAD(HEX({who}), 32, '0')), UNHEX('{hash}'), \
         1, 1, 0, NULL, 1, 1, 0, 0, 0)"
    );
    let args = [
        "--no-defaults".to_owned(),
        "--host=127.0.0.1".to_owned(),
        format!("--port={}", server.port()),
        "--user=root".to_owned(),
        "--no-drop".to_owned(),
        format!("--create-schema={database}"),
        format!("--concurrency={clients}"),
        format!("--number-of-queries={number}"),
        format!("--query={query}"),
        // Its own statements end otherwise.
        "--delimiter=;".to_owned(),
    ];
    let slap = Command::new("mariadb-slap").args(args).output().unwrap();
    let said = String::from_utf8_lossy(&slap.stdout);
    let seconds =
        said.lines().find_map(|line| line.trim().strip_prefix("Average number of seconds to run all queries: "));
    let seconds =
        seconds.and_then(|line| line.split_whitespace().next()).and_then(|seconds| seconds.parse::<f64>().ok());
    let seconds = seconds.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&slap.stderr)));
    (number as f64 / seconds) as u64
}
