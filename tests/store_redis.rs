//! What the Redis store promises beside the contract, against real servers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test, as the test itself would")]

#[path = "common/lateness.rs"]
mod lateness;
#[path = "servers/mod.rs"]
mod servers;
#[path = "store_redis/mod.rs"]
mod store_redis;

use std::error::Error;
use std::time::Duration;

use jwt_sessions::store::conformance::Suite;
use jwt_sessions::store::{Loaded, NewSession, RedisStore, SessionStore, Swap, Swapped};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};
use servers::redis::{Cluster, Redis, Watched};

const HOUR: Duration = Duration::from_secs(3600);
/// The year 2200: credentials that were read later than anything was ended.
const LATE: Timestamp = Timestamp::from_secs(7_258_118_400);

fn session(subject: &str, n: u32) -> NewSession {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    NewSession::new(SessionId::from_bytes(id), subject, SecretHash::from_bytes([7; 32]), HOUR, 2 * HOUR, LATE)
}

fn with<T>(mut value: T, set: impl FnOnce(&mut T)) -> T {
    set(&mut value);
    value
}

async fn ready(server: &Redis) -> RedisStore {
    let store = RedisStore::new(server.manager().await);
    store.migrate().await.unwrap();
    store
}

async fn swap(store: &RedisStore, session: &NewSession, swap: Swap) -> Swapped {
    store.swap(&session.subject, session.id, &session.secret_hash, &swap).await.unwrap()
}

async fn won(store: &RedisStore, session: &NewSession, with: Swap) -> Loaded {
    match swap(store, session, with).await {
        Swapped::Won(loaded) => loaded,
        lost => panic!("{lost:?}"),
    }
}

/// All that an error says to a log.
fn words(error: &dyn Error) -> String {
    let mut words = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        words += &format!(" {error} {error:?}");
        source = error.source();
    }
    words
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_of_a_store_is_kept() {
    let server = Redis::start(&[]).await;
    Suite::new(ready(&server).await).shared_with(ready(&server).await).alone().run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_of_a_store_is_kept_in_a_cluster() {
    let cluster = Cluster::start().await;
    let store = RedisStore::cluster(cluster.connection().await);
    store.migrate().await.unwrap();
    let other = RedisStore::cluster(cluster.connection().await);
    Suite::new(store).shared_with(other).alone().run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_of_a_store_is_kept_behind_a_sentinel() {
    let watched = Watched::start().await;
    let store = RedisStore::sentinel(watched.client());
    store.migrate().await.unwrap();
    let other = RedisStore::sentinel(watched.client());
    Suite::new(store).shared_with(other).alone().run().await;
}
