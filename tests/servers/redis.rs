//! Redis: one server, a master with a replica and a sentinel, or a Cluster of three.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests, outside of any test function")]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{Client, cmd};
use tempfile::TempDir;

use super::process::Process;
use super::{free_port, until};

/// A server that keeps nothing on disk unless its options say so.
pub(crate) struct Redis {
    pub(crate) port: u16,
    options: Vec<String>,
    folder: TempDir,
    process: Option<Process>,
}

impl Redis {
    pub(crate) async fn start(options: &[&str]) -> Self {
        Self::start_at(free_port(), options).await
    }

    pub(crate) async fn start_at(port: u16, options: &[&str]) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self { port, options, folder: tempfile::tempdir().unwrap(), process: None };
        server.run();
        server.ready().await;
        server
    }

    /// Starts it again after it was killed, with what it kept.
    pub(crate) async fn restart(&mut self) {
        self.run();
        self.ready().await;
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
        self.client().get_multiplexed_async_connection().await.unwrap()
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
        let mut args = vec!["--bind", "127.0.0.1", "--port", &port, "--dir", &folder, "--save", ""];
        args.extend(self.options.iter().map(String::as_str));
        self.process = Some(Process::start("redis-server", &args, &self.log()));
    }

    async fn ready(&self) {
        let client = self.client();
        until("redis-server", async || {
            let mut connection = client.get_multiplexed_async_connection().await?;
            cmd("PING").exec_async(&mut connection).await
        })
        .await;
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// Three masters that share the slots.
pub(crate) struct Cluster(pub(crate) Vec<Redis>);

impl Cluster {
    pub(crate) async fn start() -> Self {
        let mut nodes = Vec::new();
        while nodes.len() < 3 {
            // Each listens at its port plus 10,000, too.
            let port = free_port();
            if (11_000..50_000).contains(&port) {
                let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
                nodes.push(Redis::start_at(port, &options).await);
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
