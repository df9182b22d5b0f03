//! Redis: one server, a master with a replica and a sentinel, or a Cluster of three.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests, outside of any test function")]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, cmd};
use tempfile::TempDir;

use super::process::Process;
use super::{PATIENCE, free_port, until};

/// A server that keeps nothing on disk unless its options say so.
pub(crate) struct Redis {
    pub(crate) port: u16,
    options: Vec<String>,
    folder: TempDir,
    process: Option<Process>,
}

impl Redis {
    pub(crate) async fn start(options: &[&str]) -> Self {
        loop {
            if let Some(server) = Self::start_at(free_port(), options).await {
                return server;
            }
        }
    }

    /// None when somebody else has taken the port in the meantime.
    async fn start_at(port: u16, options: &[&str]) -> Option<Self> {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self { port, options, folder: tempfile::tempdir().unwrap(), process: None };
        server.run();
        server.ready().await.then_some(server)
    }

    /// Starts it again after it was killed, with what it kept.
    pub(crate) async fn restart(&mut self) {
        self.run();
        assert!(self.ready().await, "its port was taken while it was away");
    }

    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    pub(crate) fn process(&self) -> &Process {
        self.process.as_ref().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn client(&self) -> Client {
        Client::open(self.url()).unwrap()
    }

    /// As an application connects: it gives up soon, and connects again soon.
    pub(crate) async fn manager(&self) -> ConnectionManager {
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(Duration::from_secs(2)))
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_millis(50));
        ConnectionManager::new_with_config(self.client(), config).await.unwrap()
    }

    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        self.client().get_multiplexed_async_connection_with_config(&patient()).await.unwrap()
    }

    /// For what tests no time limit: the driver's own, half a second, is little where servers and tests share a processor.
    pub(crate) async fn patient_manager(&self) -> ConnectionManager {
        let config =
            ConnectionManagerConfig::new().set_response_timeout(Some(PATIENCE)).set_connection_timeout(Some(PATIENCE));
        ConnectionManager::new_with_config(self.client(), config).await.unwrap()
    }

    /// How often the server ran each command, from `INFO commandstats`.
    pub(crate) async fn calls(&self) -> std::collections::HashMap<String, u64> {
        let info: String = cmd("INFO").arg("commandstats").query_async(&mut self.connection().await).await.unwrap();
        let calls = info.lines().filter_map(|line| {
            let (name, numbers) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), numbers.split(',').next()?.parse().ok()?))
        });
        calls.collect()
    }

    fn run(&mut self) {
        let (port, folder) = (self.port.to_string(), self.folder.path().to_str().unwrap().to_owned());
        let mut args = vec![
            "--bind",
            "127.0.0.1",
            "--port",
            &port,
            "--dir",
            &folder,
            "--save",
            "",
            "--repl-diskless-sync-delay",
            "0",
        ];
        args.extend(self.options.iter().map(String::as_str));
        self.process = Some(Process::start("redis-server", &args, &self.log()));
    }

    /// Waits until it answers; false when its port is another's.
    async fn ready(&self) -> bool {
        let client = self.client();
        until("redis-server", async || {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            if log.contains("Address already in use") {
                return Ok(false);
            }
            let mut connection = client.get_multiplexed_async_connection().await?;
            match cmd("PING").exec_async(&mut connection).await {
                // It answers, if only to those who know the password.
                Err(error) if error.code() != Some("NOAUTH") => Err(error),
                _ => Ok(true),
            }
        })
        .await
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// Three masters that share the slots.
pub(crate) struct Cluster(pub(crate) Vec<Redis>);

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(more: &[&str]) -> Self {
        let mut nodes = Vec::new();
        while nodes.len() < 3 {
            // Each listens at its port plus 10,000, too.
            let port = free_port();
            if (11_000..50_000).contains(&port) {
                let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
                nodes.extend(Redis::start_at(port, &[&options, more].concat()).await);
            }
        }
        let mut args = vec!["--cluster".to_owned(), "create".to_owned()];
        args.extend(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)));
        args.push("--cluster-yes".to_owned());
        let created = Command::new("redis-cli").args(&args).output().unwrap();
        assert!(created.status.success(), "{created:?}");
        for node in &nodes {
            until("the cluster", async || {
                let info: String = cmd("CLUSTER").arg("INFO").query_async(&mut node.connection().await).await.unwrap();
                if info.contains("cluster_state:ok") { Ok(()) } else { Err(info) }
            })
            .await;
        }
        Self(nodes)
    }

    pub(crate) async fn connection(&self) -> ClusterConnection {
        let builder = ClusterClientBuilder::new(self.0.iter().map(Redis::url))
            .connection_timeout(Duration::from_secs(1))
            .response_timeout(Duration::from_secs(2));
        builder.build().unwrap().get_async_connection().await.unwrap()
    }
}

/// A master, its replica and a sentinel that promotes it alone.
pub(crate) struct Watched {
    pub(crate) master: Redis,
    pub(crate) replica: Redis,
    sentinel: (u16, Process, TempDir),
}

impl Watched {
    pub(crate) async fn start() -> Self {
        let master = Redis::start(&[]).await;
        let replica = replica_of(&master).await;
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let config = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor sessions 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds sessions 1000\nsentinel failover-timeout sessions 2000\n",
            master.port
        );
        std::fs::write(&config, text).unwrap();
        let log = folder.path().join("log");
        let process = Process::start("redis-server", &[config.to_str().unwrap(), "--sentinel"], &log);
        let watched = Self { master, replica, sentinel: (port, process, folder) };
        let client = Client::open(watched.sentinel_url()).unwrap();
        until("the sentinel", async || {
            let mut connection = client.get_multiplexed_async_connection().await.map_err(|error| error.to_string())?;
            let replicas = cmd("SENTINEL").arg("REPLICAS").arg("sessions").query_async(&mut connection).await;
            let replicas: Vec<redis::Value> = replicas.map_err(|error| error.to_string())?;
            if replicas.len() == 1 { Ok(()) } else { Err("it has not found the replica".to_owned()) }
        })
        .await;
        watched
    }

    pub(crate) fn client(&self) -> SentinelClient {
        let (name, kind) = ("sessions".to_owned(), SentinelServerType::Master);
        SentinelClient::build(vec![self.sentinel_url()], name, None, kind).unwrap()
    }

    /// Hands over to the replica, as for maintenance.
    pub(crate) async fn fail_over(&self) {
        let client = Client::open(self.sentinel_url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection_with_config(&patient()).await.unwrap();
        until("the failover", async || {
            cmd("SENTINEL").arg("FAILOVER").arg("sessions").exec_async(&mut connection).await
        })
        .await;
    }

    fn sentinel_url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.sentinel.0)
    }
}

/// As a test connects for itself.
fn patient() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE)).set_connection_timeout(Some(PATIENCE))
}

/// A replica that has caught up.
pub(crate) async fn replica_of(master: &Redis) -> Redis {
    let replica = Redis::start(&["--replicaof", &format!("127.0.0.1 {}", master.port)]).await;
    until("the replica", async || {
        let info: String = cmd("INFO").arg("replication").query_async(&mut replica.connection().await).await.unwrap();
        if info.contains("master_link_status:up") { Ok(()) } else { Err(info) }
    })
    .await;
    replica
}
