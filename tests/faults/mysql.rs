//! Two instances, each with a pool of its own, over one MariaDB server.

use std::sync::Arc;
use std::time::Duration;

use jwt_sessions::store::{AnyStore, MySqlStore, SessionStore};
use sqlx::mysql::MySqlPoolOptions;

use super::load::{Instance, Load, STORE_TIMEOUT, instance};
use super::servers::mysql::MySql;
use super::tally::Tally;

async fn instances(server: &MySql, tally: &Arc<Tally>) -> Vec<Instance> {
    let database = server.database().await;
    let mut instances = Vec::new();
    for _ in 0..2 {
        let pool = MySqlPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(STORE_TIMEOUT)
            .connect_lazy_with(server.options(&database));
        let store = MySqlStore::new(pool);
        store.migrate().await.unwrap();
        instances.push(instance(AnyStore::new(store), tally));
    }
    instances
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_killed_and_started_again() {
    let mut server = MySql::start("UTC", &[]);
    let tally = Arc::new(Tally::default());
    let mut load = Load::start("MariaDB, kill -9 and restart", instances(&server, &tally).await, tally).await;
    load.surge().await;
    server.kill();
    load.fails(32).await;
    server.restart();
    drop(server.connection("").await);
    load.recovers().await;
    load.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_frozen_for_longer_than_the_timeout() {
    let server = MySql::start("UTC", &[]);
    let tally = Arc::new(Tally::default());
    let mut load = Load::start("MariaDB, SIGSTOP", instances(&server, &tally).await, tally).await;
    load.surge().await;
    server.process().freeze();
    tokio::time::sleep(STORE_TIMEOUT + Duration::from_secs(2)).await;
    load.fails(64).await;
    server.process().thaw();
    load.recovers().await;
    load.ends().await;
}
