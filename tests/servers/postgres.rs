//! A PostgreSQL server, and databases in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of tests, outside of any test function"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _};

use super::process::Process;
use super::{PATIENCE, Shared, free_port, is_root, tree, until};

/// A server whose data is gone with it.
pub(crate) struct Postgres {
    process: Option<Process>,
    folder: tempfile::TempDir,
    port: u16,
    databases: AtomicU32,
}

/// What the servers' superuser is let in by. Made up for these tests.
pub(crate) const PASSWORD: &str = "hunter2-of-the-tests";

static SHARED: Shared<Postgres> = Shared::new();

impl Postgres {
    /// The server that all tests of this process share.
    pub(crate) fn shared() -> Arc<Self> {
        SHARED.get(Self::start)
    }

    /// A server of one's own.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), PASSWORD).unwrap();
        if is_root() {
            // It refuses to be root's.
            run(Command::new("chown").args(["-R", "postgres:postgres"]).arg(folder.path()));
        }
        let (data, password) = (folder.path().join("data"), folder.path().join("password"));
        let mut initdb = as_its_user("initdb");
        initdb.arg("-D").arg(data).args(["-U", "root", "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256", "-N"]);
        run(initdb.arg("--pwfile").arg(password));
        let mut server = Self { process: None, folder, port: free_port(), databases: AtomicU32::new(0) };
        server.restart();
        server
    }

    /// Starts it again, or for the first time, on the same port.
    pub(crate) fn restart(&mut self) {
        let command = as_its_user("postgres");
        let mut args: Vec<_> = command.get_args().map(|arg| arg.to_str().unwrap().to_owned()).collect();
        args.extend(["-D".to_owned(), self.folder.path().join("data").to_str().unwrap().to_owned()]);
        for setting in SETTINGS {
            args.extend(["-c".to_owned(), (*setting).to_owned()]);
        }
        args.extend(["-c".to_owned(), format!("port={}", self.port)]);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        self.process = Some(Process::start(command.get_program().to_str().unwrap(), &args, &self.log()));
    }

    /// Ends it at once, as a power cut does.
    pub(crate) async fn crash(&mut self) {
        let process = self.process.take().unwrap();
        tree::kill_all(process.pid()).await;
        drop(process);
        // Of a process that is gone: another one may have its number by now.
        let pid = self.folder.path().join("data/postmaster.pid");
        let _ = fs::remove_file(pid);
    }

    pub(crate) fn process(&self) -> &Process {
        self.process.as_ref().unwrap()
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    pub(crate) fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new().host("127.0.0.1").port(self.port).username("root").password(PASSWORD).database(database)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://root:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection, once the server answers.
    pub(crate) async fn connect(&self, database: &str) -> PgConnection {
        until("PostgreSQL", async || PgConnection::connect_with(&self.options(database)).await).await
    }

    /// A new empty database; `how` is what follows its name.
    pub(crate) async fn database(&self, how: &str) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut admin = self.connect("postgres").await;
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name} {how}"))).execute(&mut admin).await.unwrap();
        name
    }

    pub(crate) fn pool(&self, database: &str, connections: u32) -> PgPool {
        PgPoolOptions::new().max_connections(connections).connect_lazy_with(self.options(database))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // With a moment to give its shared memory back, which a killed server leaves behind.
        let Some(process) = &self.process else { return };
        process.signal("QUIT");
        let (begun, pid) = (Instant::now(), self.folder.path().join("data/postmaster.pid"));
        while pid.exists() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Where a program of the server's is.
pub(crate) fn program(name: &str) -> PathBuf {
    programs().join(name)
}

/// A program of the server's, as the user that may run it.
fn as_its_user(name: &str) -> Command {
    let program = program(name);
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

/// Where the newest server's programs are: Debian keeps them off the path.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let number = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.filter(|path| path.join("bin/initdb").exists()).max_by_key(|path| number(path));
    newest.map_or_else(PathBuf::new, |newest| newest.join("bin"))
}

fn run(command: &mut Command) {
    let done = command.stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Durable as by default. Each database may turn the log of its statements on.
const SETTINGS: [&str; 5] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "log_line_prefix=[%d] ",
    "log_min_messages=warning",
];
