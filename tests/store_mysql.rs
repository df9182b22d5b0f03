//! The store over MySQL and MariaDB, against a real MariaDB: the contract of every store, and what only this one promises.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test, as the test itself would"
)]

#[path = "servers/mod.rs"]
mod servers;

use jwt_sessions::store::conformance::Suite;
use jwt_sessions::store::{MySqlStore, SessionStore};
use servers::mysql::MySql;

async fn ready(server: &MySql, database: &str, connections: u32) -> MySqlStore {
    let store = MySqlStore::new(server.pool(database, connections));
    store.migrate().await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_is_kept() {
    let server = MySql::shared();
    let database = server.database().await;
    Suite::new(ready(&server, &database, 16).await).alone().run().await;
}

/// Two instances of an application, each with a pool of its own.
#[tokio::test(flavor = "multi_thread")]
async fn two_instances_keep_the_contract_as_one() {
    let server = MySql::shared();
    let database = server.database().await;
    let (one, other) = (ready(&server, &database, 8).await, ready(&server, &database, 8).await);
    Suite::new(one).shared_with(other).alone().run().await;
}
