//! A server of MongoDB's protocol: MongoDB's own is in no Debian, so that this is `nx-27017`, which keeps its documents in
//! SQLite.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests, outside of any test function")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mongodb::bson::doc;
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use tempfile::TempDir;

use super::process::Process;
use super::{free_port, until};

/// A server of its own, gone with all its data when it is dropped.
pub(crate) struct Mongo {
    process: Option<Process>,
    port: u16,
    folder: TempDir,
}

impl Mongo {
    pub(crate) async fn start() -> Self {
        Self::start_ahead(Duration::ZERO).await
    }

    /// A server whose clock is ahead of this machine's.
    pub(crate) async fn start_ahead(ahead: Duration) -> Self {
        let mut mongo = Self { process: None, port: free_port(), folder: tempfile::tempdir().unwrap() };
        mongo.run(ahead);
        mongo.ready().await;
        mongo
    }

    fn run(&mut self, ahead: Duration) {
        let inside = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let (port, ahead) = (self.port.to_string(), ahead.as_secs().to_string());
        let args = [
            "-c",
            SERVE,
            &ahead,
            "--host",
            "127.0.0.1",
            "--port",
            &port,
            "--data-dir",
            &inside("data"),
            "--log-file",
            &inside("log"),
            "--pid-file",
            &inside("pid"),
        ];
        self.process = Some(Process::start(python().to_str().unwrap(), &args, &self.folder.path().join("out")));
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// Starts it again, with the data that it had.
    pub(crate) async fn start_again(&mut self) {
        self.run(Duration::ZERO);
        self.ready().await;
    }

    async fn ready(&self) {
        let database = self.client().await.database("admin");
        until("nx-27017", async || database.run_command(doc! { "ping": 1 }).await).await;
    }

    pub(crate) fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn options(&self) -> ClientOptions {
        ClientOptions::parse(format!("{}/?serverSelectionTimeoutMS=2000&maxPoolSize=32", self.url())).await.unwrap()
    }

    /// A client of its own: nothing is shared with another.
    pub(crate) async fn client(&self) -> Client {
        Client::with_options(self.options().await).unwrap()
    }

    /// A database of that name, through a client of its own.
    pub(crate) async fn database(&self, name: &str) -> Database {
        self.client().await.database(name)
    }

    pub(crate) fn process(&self) -> &Process {
        self.process.as_ref().unwrap()
    }
}

/// Serves with a clock that is so many seconds ahead.
const SERVE: &str = "
import sys, datetime
from nx_27017 import handler, nx_27017
ahead = datetime.timedelta(seconds=int(sys.argv.pop(1)))
class Ahead(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + ahead
handler.datetime = Ahead
sys.exit(nx_27017.main())
";

/// The Python that has the server, installed under `target` where that was not done yet.
fn python() -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools");
    fs::create_dir_all(&tools).unwrap();
    // Tests of several processes may come here at once; the lock ends with the process.
    let lock = File::create(tools.join("nx-27017.lock")).unwrap();
    lock.lock().unwrap();
    let folder = tools.join("nx-27017");
    if !folder.join("bin/nx-27017").exists() {
        run("python3", &["-m", "venv", "--clear", folder.to_str().unwrap()]);
        run(folder.join("bin/pip").to_str().unwrap(), &["install", "--quiet", "nx-27017==0.8.1"]);
    }
    folder.join("bin/python")
}

fn run(program: &str, args: &[&str]) {
    let done = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(done.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}
