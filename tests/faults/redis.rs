//! Two instances over a Redis server, and over the replica that takes its place.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ::redis::aio::{ConnectionManager, ConnectionManagerConfig};
use ::redis::{Client, cmd};
use jwt_sessions::store::{AnyStore, RedisStore, SessionStore};

use super::load::{Instance, Load, STORE_TIMEOUT, instance};
use super::proxy::Proxy;
use super::servers::redis::Redis;
use super::servers::until;
use super::tally::Tally;

/// Two instances, each with a connection of its own to that port.
async fn instances(port: u16, tally: &Arc<Tally>) -> Vec<Instance> {
    let mut instances = Vec::new();
    for _ in 0..2 {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(STORE_TIMEOUT))
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_millis(50));
        let client = Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
        let store = RedisStore::new(ConnectionManager::new_with_config(client, config).await.unwrap());
        SessionStore::migrate(&store).await.unwrap();
        instances.push(instance(AnyStore::new(store), tally));
    }
    instances
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_killed_and_started_again_with_what_it_kept() {
    let mut server = Redis::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let tally = Arc::new(Tally::default());
    let mut load = Load::start("Redis, kill -9 and restart", instances(server.port, &tally).await, tally).await;
    load.surge().await;
    server.kill();
    load.fails(32).await;
    server.restart().await;
    load.recovers().await;
    load.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_cut_after_the_write_and_before_the_answer() {
    let server = Redis::start(&[]).await;
    let proxy = Proxy::start(server.port, b"won").await;
    let tally = Arc::new(Tally::default());
    let mut load = Load::start("Redis, cut after the write", instances(proxy.port, &tally).await, tally.clone()).await;
    load.surge().await;
    // One connection carries the answers of all who wait.
    proxy.lose(4);
    load.until("lost answers", || proxy.losses_left() == 0).await;
    load.recovers().await;
    for _ in 0..10 {
        load.storm().await;
        load.goes_on(20).await;
        proxy.cut();
    }
    load.recovers().await;
    let retried = ["replayed", "bridged", "reissued"].map(|name| tally.heard(name)).iter().sum::<u64>();
    assert!(retried >= 4, "{retried} lost answers were asked for again");
    load.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_frozen_for_longer_than_the_timeout() {
    let server = Redis::start(&[]).await;
    let tally = Arc::new(Tally::default());
    let mut load = Load::start("Redis, SIGSTOP", instances(server.port, &tally).await, tally).await;
    load.surge().await;
    server.process().freeze();
    tokio::time::sleep(STORE_TIMEOUT + Duration::from_secs(2)).await;
    load.fails(64).await;
    server.process().thaw();
    load.recovers().await;
    load.ends().await;
}

/// The last rotations are lost, and the clients' own tokens prove that they were made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_replica_that_lagged_is_promoted() {
    let mut master = Redis::start(&[]).await;
    let (link, front) = (Proxy::start(master.port, b"").await, Proxy::start(master.port, b"").await);
    let replica = Redis::start(&["--replicaof", &format!("127.0.0.1 {}", link.port)]).await;
    let tally = Arc::new(Tally::default());
    let instances = instances(front.port, &tally).await;
    let mut load = Load::forgetful("Redis, a lagging replica promoted", instances, tally.clone()).await;
    load.gather().await;
    until("the replica", async || caught_up(&master, &replica).await).await;
    link.hold_back(true);
    load.release(32).await;
    // Nobody rotates twice before three windows are over: that would be two lost writes of one session.
    master.kill();
    front.shut();
    link.shut();
    cmd("REPLICAOF").arg("NO").arg("ONE").exec_async(&mut replica.connection().await).await.unwrap();
    front.lead_to(replica.port);
    load.recovers().await;
    let forwarded = tally.heard("fast_forwarded");
    assert!(forwarded >= 16, "{forwarded} of 32 lost rotations were proved");
    load.ends().await;
}

/// Whether nothing that was written is still on its way.
async fn caught_up(master: &Redis, replica: &Redis) -> Result<(), String> {
    let mut offsets = Vec::new();
    for (server, name) in [(replica, "slave_repl_offset:"), (master, "master_repl_offset:")] {
        let info: String = cmd("INFO").arg("replication").query_async(&mut server.connection().await).await.unwrap();
        let offset =
            info.lines().find_map(|line| line.strip_prefix(name)).and_then(|offset| offset.trim().parse().ok());
        offsets.push(offset.unwrap_or(0_u64));
    }
    if offsets[0] > 0 && offsets[0] == offsets[1] { Ok(()) } else { Err(format!("{offsets:?}")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_kept_nothing_ends_the_sessions_and_goes_on() {
    let mut server = Redis::start(&[]).await;
    let tally = Arc::new(Tally::default());
    let instances = instances(server.port, &tally).await;
    let mut load = Load::forgetful("Redis, back and empty", instances, tally.clone()).await;
    load.goes_on(100).await;
    load.storm().await;
    tally.loses_sessions.store(true, Ordering::Release);
    server.kill();
    load.fails(32).await;
    server.restart().await;
    load.recovers().await;
    let ended = tally.heard("unknown");
    assert!(ended >= 32, "{ended} clients heard that their sessions are gone");
    load.ends().await;
}
