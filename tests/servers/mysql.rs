//! A MariaDB server of one test, or of all tests of a process at once, each with a database of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of tests, outside of any test function"
)]

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::process::Process;
use super::{Shared, free_port, is_root, until};

static SHARED: Shared<MySql> = Shared::new();
static INSTALLING: Mutex<()> = Mutex::new(());
static DATABASES: AtomicU32 = AtomicU32::new(0);

pub(crate) struct MySql {
    process: Option<Process>,
    folder: TempDir,
    pub(crate) port: u16,
    zone: &'static str,
    options: &'static [&'static str],
}

impl MySql {
    /// One for all tests that run at the same time.
    pub(crate) fn shared() -> Arc<Self> {
        SHARED.get(|| Self::start("UTC", &[]))
    }

    /// One of its own, in a time zone, with more options.
    pub(crate) fn start(zone: &'static str, options: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = format!("--datadir={}", folder.path().join("data").display());
        let mut install = vec!["--no-defaults", &data, "--auth-root-authentication-method=normal", "--skip-test-db"];
        install.extend(is_root().then_some("--user=root"));
        let installed = {
            // One at a time: of two at once, one failed now and then.
            let _turn = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
            Command::new("mariadb-install-db").args(install).env("TMPDIR", folder.path()).output().unwrap()
        };
        let said = [installed.stdout, installed.stderr].concat();
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&said));
        let mut server = Self { process: None, folder, port: free_port(), zone, options };
        server.restart();
        server
    }

    /// Starts it again, after it was killed, with the same data at the same port.
    pub(crate) fn restart(&mut self) {
        drop(self.process.take());
        let folder = self.folder.path();
        let at = |option: &str, name: &str| format!("--{option}={}", folder.join(name).display());
        let port = format!("--port={}", self.port);
        let (data, socket, pid) = (at("datadir", "data"), at("socket", "s"), at("pid-file", "pid"));
        let zone = format!("TZ={}", self.zone);
        let mut args = vec![&zone, program(), "--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"];
        args.extend([port.as_str(), &data, &socket, &pid]);
        args.extend(["--innodb-buffer-pool-size=64M", "--max-connections=400"]);
        args.extend(is_root().then_some("--user=root"));
        args.extend(self.options);
        self.process = Some(Process::start("env", &args, &folder.join("log")));
    }

    pub(crate) fn process(&self) -> &Process {
        self.process.as_ref().unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Options that lead to a database of that name; none without a name.
    pub(crate) fn options(&self, database: &str) -> MySqlConnectOptions {
        let options = MySqlConnectOptions::new().host("127.0.0.1").port(self.port).username("root");
        if database.is_empty() { options } else { options.database(database) }
    }

    /// A connection of the test's own.
    pub(crate) async fn connection(&self, database: &str) -> MySqlConnection {
        let options = self.options(database);
        until("MariaDB", async || MySqlConnection::connect_with(&options).await).await
    }

    /// A new, empty database, and its name.
    pub(crate) async fn database(&self) -> String {
        let name = format!("app{}", DATABASES.fetch_add(1, Ordering::SeqCst));
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        self.connection("").await.execute(create).await.unwrap();
        name
    }

    /// A pool of that many connections, none of which is asked whether it lives.
    pub(crate) fn pool(&self, database: &str, connections: u32) -> MySqlPool {
        Self::pool_with(self.options(database), connections)
    }

    pub(crate) fn pool_with(options: MySqlConnectOptions, connections: u32) -> MySqlPool {
        MySqlPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(20))
            .test_before_acquire(false)
            .connect_lazy_with(options)
    }
}

/// Not in every user's path.
fn program() -> &'static str {
    let here = "/usr/sbin/mariadbd";
    if Path::new(here).exists() { here } else { "mariadbd" }
}

/// A way to a server that counts what the driver asks of it.
pub(crate) struct Counter {
    pub(crate) port: u16,
    commands: Arc<AtomicU32>,
    connections: Arc<AtomicU32>,
}

impl Counter {
    pub(crate) async fn before(server: &MySql) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, to) = (listener.local_addr().unwrap().port(), server.port);
        let (commands, connections) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
        let (count, opened) = (Arc::clone(&commands), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                let (server, count) = (TcpStream::connect(("127.0.0.1", to)).await.unwrap(), Arc::clone(&count));
                let (from_client, to_client) = client.into_split();
                let (mut from_server, to_server) = server.into_split();
                tokio::spawn(forward(from_client, to_server, count));
                tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut { to_client }).await });
            }
        });
        Self { port, commands, connections }
    }

    /// How many commands were sent since it was asked last: whatever a call waits for. The driver's pool asks each connection
    /// that it gets back whether it lives, when nobody waits any more: that is not counted.
    pub(crate) fn commands(&self) -> u32 {
        self.commands.swap(0, Ordering::SeqCst)
    }

    /// How many connections were opened since it was asked last.
    pub(crate) fn connections(&self) -> u32 {
        self.connections.swap(0, Ordering::SeqCst)
    }
}

const PING: u8 = 0x0e;

/// Each packet has a length and a number; a command begins with the number 0.
async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, count: Arc<AtomicU32>) -> std::io::Result<()> {
    loop {
        let mut packet = vec![0; 4];
        from.read_exact(&mut packet).await?;
        let length = packet[..3].iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
        packet.resize(4 + length, 0);
        from.read_exact(&mut packet[4..]).await?;
        let is_counted = packet[3] == 0 && packet.get(4) != Some(&PING);
        count.fetch_add(u32::from(is_counted), Ordering::SeqCst);
        to.write_all(&packet).await?;
    }
}
