//! What the MongoDB store promises beside the contract, against a server of MongoDB's protocol.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside of the test functions fail their test"
)]

#[path = "store_mongodb/commands.rs"]
mod commands;
#[path = "store_mongodb/failures.rs"]
mod failures;
#[path = "store_mongodb/feed.rs"]
mod feed;
#[path = "store_mongodb/purge.rs"]
mod purge;
#[path = "servers/mod.rs"]
mod servers;
#[path = "store_mongodb/start.rs"]
mod start;
#[path = "store_mongodb/undone.rs"]
mod undone;

use std::error::Error as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jwt_sessions::store::conformance::Suite;
use jwt_sessions::store::{
    Created, Cursor, Ends, MongoStore, NewSession, Row, SessionStore, StoreError, Swap, Swapped,
};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};

use crate::servers::mongodb::Mongo;

/// A store that is ready for use, through a client of its own, and patient: other tests run on the same machine.
async fn store(mongo: &Mongo, database: &str) -> MongoStore {
    let store = MongoStore::new(mongo.database(database).await).time_limit(Duration::from_secs(60));
    store.migrate().await.unwrap();
    store
}

fn session(n: u16, subject: &str) -> NewSession {
    let mut id = [7; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    let (id, hash) = (SessionId::from_bytes(id), SecretHash::from_bytes([9; 32]));
    let hour = Duration::from_secs(3600);
    NewSession::new(id, subject, hash, hour, 2 * hour, Timestamp::from_secs(7_258_118_400))
}

/// A session that leaves no room for another.
fn only(n: u16, subject: &str) -> NewSession {
    let mut only = session(n, subject);
    only.limit = 1;
    only
}

/// A swap that cuts off everything before.
fn cutting(expected: (u64, u64), generation: u64) -> Swap {
    let mut swap = Swap::new(expected, generation, generation);
    swap.cut = generation;
    swap
}

async fn open(store: &MongoStore, session: &NewSession) -> (Row, Vec<SessionId>) {
    match store.create(session).await.unwrap() {
        Created::Opened { row, ended } => (row, ended),
        other => panic!("{other:?}"),
    }
}

async fn swap(store: &MongoStore, session: &NewSession, swap: &Swap) -> Swapped {
    store.swap(&session.subject, session.id, &session.secret_hash, swap).await.unwrap()
}

async fn read(store: &MongoStore, mut cursor: Cursor) -> (Vec<Ends>, Cursor) {
    let mut ends = Vec::new();
    loop {
        let page = store.feed(&cursor).await.unwrap();
        ends.extend(page.entries.iter().map(|entry| entry.ends));
        cursor = page.cursor;
        if !page.more {
            return (ends, cursor);
        }
    }
}

fn system_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn chain(error: &StoreError) -> String {
    let (mut text, mut source) = (format!("{error} {error:?}"), error.source());
    while let Some(error) = source {
        text += &format!(" {error} {error:?}");
        source = error.source();
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_contract() {
    let mongo = Mongo::start().await;
    Suite::new(store(&mongo, "suite").await).alone().run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_behave_as_one() {
    let mongo = Mongo::start().await;
    let (one, other) = (store(&mongo, "shared").await, store(&mongo, "shared").await);
    let suite = Suite::new(one).shared_with(other);
    suite.one_swap_wins().await;
    suite.ended_is_ended_during_a_race().await;
    suite.the_limit_holds_in_a_race().await;
    suite.a_login_and_a_logout_of_all_agree().await;
    suite.what_is_ended_is_in_the_feed().await;
    suite.a_reader_misses_nothing_in_a_race().await;
}
