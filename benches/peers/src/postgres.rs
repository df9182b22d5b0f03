//! A PostgreSQL server of this run, durable as it is by default, gone with all its data when it is dropped.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::serving::{SECOND, on_core};

/// The server.
pub struct Postgres {
    keeper: Child,
    port: u16,
}

impl Postgres {
    /// Starts one with its data in `folder`.
    pub fn start(folder: &Path) -> Self {
        let folder = folder.join("postgres");
        fs::create_dir(&folder).unwrap();
        let (data, password) = (folder.join("data"), folder.join("password"));
        fs::write(&password, PASSWORD).unwrap();
        if is_root() {
            run(Command::new("chown").args(["-R", "postgres:postgres"]).arg(&folder));
            // The folder above is this user's alone.
            run(Command::new("chmod").arg("o+x").arg(folder.parent().unwrap()));
        }
        let mut initdb = as_its_user("initdb");
        initdb.arg("-D").arg(&data).args(["-U", "bench", "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256"]);
        run(initdb.arg("--pwfile").arg(&password));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = as_its_user("postgres");
        let settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100"];
        server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        server.args(settings.iter().flat_map(|setting| ["-c", setting]));
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER]).arg(folder.join("log")).arg(server.get_program()).args(server.get_args());
        let postgres = Self { keeper: keeper.stdin(Stdio::piped()).spawn().unwrap(), port };
        let begun = Instant::now();
        while !postgres.psql("postgres", "SELECT 1") {
            assert!(begun.elapsed() < Duration::from_secs(60), "PostgreSQL does not answer");
            sleep(Duration::from_millis(100));
        }
        postgres
    }

    /// A new database, as a URL.
    pub fn database(&self, name: &str) -> String {
        assert!(self.psql("postgres", &format!("CREATE DATABASE {name}")));
        self.url(name)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://bench:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    fn psql(&self, database: &str, statement: &str) -> bool {
        let mut psql = Command::new(programs().join("psql"));
        psql.args(["-q", "-c", statement]).arg(self.url(database));
        psql.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Starts the server, and ends it when its own input ends: that is also when the benchmark is killed. It is asked to end at once:
/// a server that is killed leaves shared memory behind.
const KEEPER: &str = r#""$@" </dev/null >>"$0" 2>&1 & read -r _; kill -QUIT $!; wait $!"#;

/// A program of the server's, on the core that it shares with wrk, as the user that may run it: it refuses to be root's.
fn as_its_user(program: &str) -> Command {
    let program = programs().join(program);
    if !is_root() {
        return on_core(SECOND, &program);
    }
    let mut command = on_core(SECOND, Path::new("setpriv"));
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
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

const PASSWORD: &str = "of-a-throw-away-server";
