//! One file, two instances.

use std::sync::Arc;

use jwt_sessions::clock::Clock;
use jwt_sessions::store::{AnyStore, SqliteStore};

use super::load::{Load, instance};
use super::tally::Tally;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_logs_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    let tally = Arc::new(Tally::default());
    let mut instances = Vec::new();
    for _ in 0..2 {
        let store = SqliteStore::open(&file, Clock::system()).await.unwrap();
        store.migrate().await.unwrap();
        instances.push(instance(AnyStore::new(store), &tally));
    }
    let mut load = Load::start("SQLite, a locked file", instances, tally).await;
    load.goes_on(300).await;
    load.surge().await;
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    load.fails(32).await;
    other.execute_batch("ROLLBACK").unwrap();
    load.recovers().await;
    load.ends().await;
}
