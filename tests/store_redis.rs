//! What the Redis store promises beside the contract, against real servers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test, as the test itself would")]

#[path = "servers/mod.rs"]
mod servers;

use std::time::Duration;

use jwt_sessions::store::conformance::Suite;
use jwt_sessions::store::{NewSession, RedisStore};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};
use servers::redis::{Cluster, Redis};

const HOUR: Duration = Duration::from_secs(3600);
/// The year 2200: credentials that were read later than anything was ended.
const LATE: Timestamp = Timestamp::from_secs(7_258_118_400);

fn session(subject: &str, n: u32) -> NewSession {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    NewSession::new(SessionId::from_bytes(id), subject, SecretHash::from_bytes([7; 32]), HOUR, HOUR, LATE)
}

async fn ready(server: &Redis) -> RedisStore {
    let store = RedisStore::new(server.manager().await);
    store.migrate().await.unwrap();
    store
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
