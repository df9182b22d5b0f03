//! What the PostgreSQL store promises, on a real server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test, as the test itself would"
)]

#[path = "servers/mod.rs"]
mod servers;

use jwt_sessions::store::conformance::Suite;
use jwt_sessions::store::{PostgresStore, connect};
use servers::postgres::Postgres;

async fn ready(server: &Postgres, database: &str) -> PostgresStore {
    let store = PostgresStore::new(server.pool(database, 10));
    store.migrate().await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let server = Postgres::shared();
    let database = server.database("").await;
    Suite::new(ready(&server, &database).await).alone().run().await;
}
