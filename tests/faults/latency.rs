//! How long it takes until a session that was ended on one instance is refused on two others, while clients are at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jwt_sessions::clock::Clock;
use jwt_sessions::store::{AnyStore, PostgresStore, RedisStore, SqliteStore};
use jwt_sessions::{Client, Opened};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::lateness::Lateness;
use super::load::{Instance, Load, instance};
use super::servers::postgres::Postgres;
use super::servers::redis::Redis;
use super::tally::Tally;

/// How many are ended where it is only asserted.
const SOME: usize = 100;
const MANY: usize = 1_000;
/// How many end at a time.
const AT_ONCE: usize = 8;
const BOUND: Duration = Duration::from_secs(1);

/// Each a store that an instance of its own would have.
type Stores = Vec<AnyStore>;

async fn measured(name: &'static str, stores: Stores, revocations: usize) {
    let tally = Arc::new(Tally::default());
    let instances: Vec<_> = stores.into_iter().map(|store| instance(store, &tally)).collect();
    // Where it is only asserted, others may need the processors, too.
    let pace = if revocations == MANY { 1 } else { 5 };
    let load = Load::paced(name, instances.clone(), tally.clone(), pace).await;
    let lateness = Lateness::begin();
    let (left, mut tasks) = (Arc::new(AtomicUsize::new(revocations)), JoinSet::new());
    for task in 0..AT_ONCE {
        let (left, instances) = (left.clone(), instances.clone());
        tasks.spawn(async move {
            let mut took = Vec::new();
            while left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok() {
                took.push(refused_after(&instances, &format!("ended-{task}")).await);
                // Not in step with whoever polls.
                sleep(Duration::from_millis(7 * (took.len() as u64 % 30))).await;
            }
            took
        });
    }
    let mut took = tasks.join_all().await.concat();
    let late = lateness.most();
    let beats = load.beats();
    load.ends().await;
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!(
        "  {name}: {} revocations, refused on both others after p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms ({beats} refreshes)",
        took.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    assert_eq!(took.len(), revocations);
    assert!(took.iter().all(|took| *took < BOUND + late), "{name}: {took:?}, and late by {late:?}");
}

/// From the answer of the instance that ended it until the last of the others refuses the access token.
async fn refused_after(instances: &[Instance], subject: &str) -> Duration {
    let (here, others) = instances.split_first().unwrap();
    let Opened::Tokens(tokens) = here.open(subject, Client::default()).await.unwrap() else { panic!("no session") };
    for other in others {
        assert!(other.verifier().verify(tokens.access_token()).is_ok());
    }
    assert!(here.revoke(subject, tokens.session_id()).await.unwrap());
    let answered = Instant::now();
    for other in others {
        while other.verifier().verify(tokens.access_token()).is_ok() {
            assert!(answered.elapsed() < 20 * BOUND, "it is never refused");
            sleep(Duration::from_millis(1)).await;
        }
    }
    answered.elapsed()
}

async fn sqlite(revocations: usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut stores = Stores::new();
    for _ in 0..3 {
        let store = SqliteStore::open(folder.path().join("sessions.db"), Clock::system()).await.unwrap();
        store.migrate().await.unwrap();
        stores.push(AnyStore::new(store));
    }
    measured("SQLite, revocations", stores, revocations).await;
}

async fn postgres(revocations: usize) {
    let server = Postgres::start();
    let database = server.database("").await;
    let mut stores = Stores::new();
    for _ in 0..3 {
        let store = PostgresStore::new(server.pool(&database, 8));
        store.migrate().await.unwrap();
        stores.push(AnyStore::new(store));
    }
    measured("PostgreSQL, revocations", stores, revocations).await;
}

async fn redis(revocations: usize) {
    let server = Redis::start(&[]).await;
    let mut stores = Stores::new();
    for _ in 0..3 {
        let store = RedisStore::new(server.patient_manager().await).wake_by(server.client());
        store.migrate().await.unwrap();
        stores.push(AnyStore::new(store));
    }
    measured("Redis, revocations", stores, revocations).await;
}

#[cfg(feature = "mysql")]
async fn mysql(revocations: usize) {
    let server = super::servers::mysql::MySql::start("UTC", &[]);
    let database = server.database().await;
    let mut stores = Stores::new();
    for _ in 0..3 {
        let store = AnyStore::new(jwt_sessions::store::MySqlStore::new(server.pool(&database, 8)));
        store.migrate().await.unwrap();
        stores.push(store);
    }
    measured("MariaDB, revocations", stores, revocations).await;
}

/// Few and slowly, and only by hand: what stands in for the server takes most of a processor.
#[cfg(feature = "mongodb")]
async fn mongodb() {
    let server = super::servers::mongodb::Mongo::start().await;
    let mut stores = Stores::new();
    for _ in 0..3 {
        let store = AnyStore::new(jwt_sessions::store::MongoStore::new(server.database("sessions").await));
        store.migrate().await.unwrap();
        stores.push(store);
    }
    measured("MongoDB's protocol over SQLite, revocations", stores, SOME).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_ends_sessions_everywhere_within_a_second() {
    sqlite(SOME).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_ends_sessions_everywhere_within_a_second() {
    postgres(SOME).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_ends_sessions_everywhere_within_a_second() {
    redis(SOME).await;
}

#[cfg(feature = "mysql")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_ends_sessions_everywhere_within_a_second() {
    mysql(SOME).await;
}

/// By hand: `cargo test --release --features postgres,mysql,redis,mongodb --test faults -- --ignored
/// --nocapture latency`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of some minutes"]
async fn live_revocation_latency() {
    sqlite(MANY).await;
    postgres(MANY).await;
    redis(MANY).await;
    #[cfg(feature = "mysql")]
    mysql(MANY).await;
    #[cfg(feature = "mongodb")]
    mongodb().await;
}
