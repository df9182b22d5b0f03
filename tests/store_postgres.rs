//! What the PostgreSQL store promises, on a real server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test, as the test itself would"
)]

#[path = "store_postgres/capacity.rs"]
mod capacity;
#[path = "store_postgres/durability.rs"]
mod durability;
#[path = "store_postgres/failures.rs"]
mod failures;
#[path = "store_postgres/feed.rs"]
mod feed;
#[path = "store_postgres/frozen.rs"]
mod frozen;
#[path = "store_postgres/gathered.rs"]
mod gathered;
#[path = "faults/proxy.rs"]
mod proxy;
#[path = "store_postgres/purge.rs"]
mod purge;
#[path = "store_postgres/schema.rs"]
mod schema;
#[path = "servers/mod.rs"]
mod servers;
#[path = "store_postgres/statements.rs"]
mod statements;
#[path = "store_postgres/wakeup.rs"]
mod wakeup;

use std::time::Duration;

use jwt_sessions::store::conformance::Suite;
use jwt_sessions::store::{Created, Loaded, NewSession, PostgresStore, SessionStore, Swap, Swapped, connect};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};
use servers::postgres::Postgres;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;

const HASH: SecretHash = SecretHash::from_bytes([7; 32]);
const HOUR: Duration = Duration::from_secs(3600);
/// The year 2200: later than anything was ended.
const LATER: Timestamp = Timestamp::from_secs(7_258_118_400);

fn session(n: u64, subject: &str) -> NewSession {
    NewSession::new(SessionId::from_bytes(u128::from(n).to_be_bytes()), subject, HASH, HOUR, 24 * HOUR, LATER)
}

async fn ready(pool: PgPool) -> PostgresStore {
    let store = PostgresStore::new(pool);
    store.migrate().await.unwrap();
    store
}

/// A store in a database of its own, and a pool for looking at that from outside.
async fn fresh(server: &Postgres) -> (PostgresStore, PgPool) {
    let database = server.database("").await;
    (ready(server.pool(&database, 10)).await, server.pool(&database, 4))
}

async fn open(store: &PostgresStore, session: &NewSession) {
    assert!(matches!(store.create(session).await.unwrap(), Created::Opened { .. }));
}

async fn swap(store: &PostgresStore, session: &NewSession, swap: &Swap) -> Swapped {
    store.swap(&session.subject, session.id, &session.secret_hash, swap).await.unwrap()
}

async fn wins(store: &PostgresStore, session: &NewSession, expected: &Swap) -> Loaded {
    match swap(store, session, expected).await {
        Swapped::Won(won) => won,
        lost => panic!("{lost:?}"),
    }
}

/// The same, but for what `change` does to it.
fn with<T>(mut value: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut value);
    value
}

/// The rotation from `generation`.
fn rotation(generation: u64) -> Swap {
    Swap::new((generation, generation.saturating_sub(1).max(1)), generation + 1, generation)
}

async fn run(pool: &PgPool, sql: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(pool).await.unwrap();
}

async fn number(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let server = Postgres::shared();
    let (store, _) = fresh(&server).await;
    Suite::new(store).alone().run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_keep_the_contract() {
    let server = Postgres::shared();
    let database = server.database("").await;
    let (one, other) = (ready(server.pool(&database, 10)).await, ready(server.pool(&database, 10)).await);
    Suite::new(one).shared_with(other).alone().run().await;
}

#[tokio::test]
async fn relaxed_rotations_keep_the_contract() {
    let server = Postgres::shared();
    let (store, _) = fresh(&server).await;
    Suite::new(store.relaxed_rotations()).alone().run().await;
}

/// A default that an application chose for its own transactions.
#[tokio::test(flavor = "multi_thread")]
async fn stricter_transactions_keep_the_contract() {
    let server = Postgres::shared();
    let database = server.database("").await;
    let pool = server.pool(&database, 10);
    run(&pool, format!("ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'")).await;
    pool.close().await;
    Suite::new(ready(server.pool(&database, 10)).await).alone().run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_encoding_keeps_the_contract() {
    let server = Postgres::shared();
    let database = server.database("TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'").await;
    Suite::new(ready(server.pool(&database, 10)).await).alone().run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_chosen_by_url_keeps_the_contract() {
    let server = Postgres::shared();
    let database = server.database("").await;
    let store = connect(&server.url(&database)).await.unwrap();
    store.migrate().await.unwrap();
    Suite::new(store).shared_with(connect(&server.url(&database)).await.unwrap()).alone().run().await;
}
