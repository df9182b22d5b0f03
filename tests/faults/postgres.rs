//! Two instances, each with a pool of its own, over one PostgreSQL server.

use std::sync::Arc;
use std::time::Duration;

use jwt_sessions::store::{AnyStore, PostgresStore};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::load::{Instance, Load, STORE_TIMEOUT, instance};
use super::proxy::Proxy;
use super::servers::postgres::Postgres;
use super::servers::tree::{send, signal_all};
use super::servers::until;
use super::tally::Tally;

struct World {
    server: Postgres,
    database: String,
    pools: Vec<PgPool>,
    tally: Arc<Tally>,
}

impl World {
    async fn new() -> (Self, Vec<Instance>) {
        let server = Postgres::start();
        let database = server.database("").await;
        let options = server.options(&database);
        Self::over(server, database, options).await
    }

    async fn over(server: Postgres, database: String, options: PgConnectOptions) -> (Self, Vec<Instance>) {
        let tally = Arc::new(Tally::default());
        let (mut pools, mut instances) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let pool = PgPoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(STORE_TIMEOUT)
                .connect_lazy_with(options.clone());
            let store = PostgresStore::new(pool.clone());
            store.migrate().await.unwrap();
            pools.push(pool);
            instances.push(instance(AnyStore::new(store), &tally));
        }
        (Self { server, database, pools, tally }, instances)
    }

    fn pid(&self) -> u32 {
        self.server.process().pid()
    }

    /// Waits until somebody waits for a lock.
    async fn somebody_waits(&self) {
        let mut connection = self.server.connect(&self.database).await;
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let asked = async || match sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut connection).await.unwrap() {
            0 => Err("nobody"),
            _ => Ok(()),
        };
        until("who waits for a lock", asked).await;
    }

    /// Says it to the server on a connection of its own.
    async fn say(&self, statements: &[&str]) {
        let mut connection = self.server.connect("postgres").await;
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe(*statement)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed_and_started_again() {
    let (mut world, instances) = World::new().await;
    let mut load = Load::start("PostgreSQL, kill -9 and restart", instances, world.tally.clone()).await;
    load.surge().await;
    world.server.crash().await;
    load.fails(32).await;
    world.server.restart();
    drop(world.server.connect(&world.database).await);
    load.recovers().await;
    load.ends().await;
}

/// As the kernel does when memory runs out: the server ends all connections, and recovers by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_of_postgres_killed() {
    let (world, instances) = World::new().await;
    let mut load = Load::start("PostgreSQL, kill -9 of one connection's process", instances, world.tally.clone()).await;
    load.gather().await;
    let mut connection: PgConnection = world.server.connect(&world.database).await;
    let victim: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
    // The victim keeps rotations from being done: by themselves they may all be over before it is gone.
    sqlx::raw_sql("BEGIN; LOCK TABLE jwt_sessions IN SHARE ROW EXCLUSIVE MODE").execute(&mut connection).await.unwrap();
    load.shared.gate.open();
    world.somebody_waits().await;
    send("KILL", &[u32::try_from(victim).unwrap()]);
    load.fails(1).await;
    load.recovers().await;
    load.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_cut_after_the_write_and_before_the_answer() {
    let server = Postgres::start();
    let database = server.database("").await;
    let options = server.options(&database);
    let proxy = Proxy::start(options.get_port(), b"UPDATE 1\0").await;
    let (world, instances) = World::over(server, database, options.port(proxy.port)).await;
    let mut load = Load::start("PostgreSQL, cut after the write", instances, world.tally.clone()).await;
    load.surge().await;
    proxy.lose(20);
    load.until("lost answers", || proxy.losses_left() == 0).await;
    load.recovers().await;
    // And all at once, whatever they are in the middle of.
    for _ in 0..10 {
        load.storm().await;
        load.goes_on(20).await;
        proxy.cut();
    }
    load.recovers().await;
    let retried = ["replayed", "bridged", "reissued"].map(|name| world.tally.heard(name)).iter().sum::<u64>();
    assert!(retried >= 20, "{retried} of 20 lost answers were asked for again");
    load.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_frozen_for_longer_than_the_timeout() {
    let (world, instances) = World::new().await;
    let mut load = Load::start("PostgreSQL, SIGSTOP", instances, world.tally.clone()).await;
    load.surge().await;
    signal_all("STOP", world.pid());
    tokio::time::sleep(STORE_TIMEOUT + Duration::from_secs(2)).await;
    load.fails(64).await;
    signal_all("CONT", world.pid());
    load.recovers().await;
    load.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_pool_of_postgres_connections() {
    let (world, instances) = World::new().await;
    let mut load = Load::start("PostgreSQL, a full pool", instances, world.tally.clone()).await;
    load.surge().await;
    let mut held = Vec::new();
    for pool in &world.pools {
        for _ in 0..CONNECTIONS {
            held.push(loop {
                // In the queue with all the others.
                if let Ok(connection) = pool.acquire().await {
                    break connection;
                }
            });
        }
    }
    load.fails(64).await;
    drop(held);
    load.recovers().await;
    load.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_that_only_reads() {
    let (world, instances) = World::new().await;
    let mut load = Load::start("PostgreSQL, read-only", instances, world.tally.clone()).await;
    load.surge().await;
    world.say(&["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"]).await;
    load.fails(64).await;
    let writes = ["SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only"];
    world.say(&[writes[0], writes[1], "SELECT pg_reload_conf()"]).await;
    load.recovers().await;
    load.ends().await;
}

const CONNECTIONS: u32 = 8;
