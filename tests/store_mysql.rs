//! The store over MySQL and MariaDB, against a real MariaDB: the contract of every store, and what only this one promises.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test, as the test itself would"
)]

#[path = "store_mysql/calls.rs"]
mod calls;
#[path = "store_mysql/capacity.rs"]
mod capacity;
#[path = "store_mysql/contract.rs"]
mod contract;
#[path = "store_mysql/faults.rs"]
mod faults;
#[path = "store_mysql/feed.rs"]
mod feed;
#[path = "common/lateness.rs"]
mod lateness;
#[path = "store_mysql/migrate.rs"]
mod migrate;
#[path = "faults/proxy.rs"]
mod proxy;
#[path = "store_mysql/purge.rs"]
mod purge;
#[path = "servers/mod.rs"]
mod servers;
#[path = "store_mysql/time.rs"]
mod time;
#[path = "store_mysql/url.rs"]
mod url;

use std::error::Error;
use std::time::Duration;

use jwt_sessions::store::{Created, MySqlStore, NewSession, Row, SessionStore, StoreError, Swap, Swapped};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};
use servers::mysql::MySql;

const HASH: SecretHash = SecretHash::from_bytes([7; 32]);
/// Later than anything: no login is too late.
const READ_AT: Timestamp = Timestamp::from_secs(7_258_118_400);

async fn ready(server: &MySql, database: &str, connections: u32) -> MySqlStore {
    let store = MySqlStore::new(server.pool(database, connections));
    store.migrate().await.unwrap();
    store
}

fn id(n: u128) -> SessionId {
    SessionId::from_bytes(n.to_be_bytes())
}

fn session(n: u128, subject: &str) -> NewSession {
    let (idle, life) = (Duration::from_secs(604_800), Duration::from_secs(7_776_000));
    NewSession::new(id(n), subject, HASH, idle, life, READ_AT)
}

async fn open(store: &MySqlStore, session: &NewSession) -> Row {
    match store.create(session).await.unwrap() {
        Created::Opened { row, .. } => row,
        other => panic!("{other:?}"),
    }
}

async fn swap(store: &MySqlStore, session: &NewSession, swap: Swap) -> Swapped {
    store.swap(&session.subject, session.id, &HASH, &swap).await.unwrap()
}

/// All that an error says, to logs too.
fn words(error: &StoreError) -> String {
    let (mut words, mut source) = (format!("{error} {error:?}"), error.source());
    while let Some(error) = source {
        words += &format!(" {error} {error:?}");
        source = error.source();
    }
    words
}
