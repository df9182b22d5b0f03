//! One file, two instances.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use jwt_sessions::clock::Clock;
use jwt_sessions::store::{AnyStore, SqliteStore};

use super::load::{Instance, Load, instance};
use super::servers::is_root;
use super::tally::Tally;

async fn instances(file: &Path, tally: &Arc<Tally>) -> Vec<Instance> {
    let mut instances = Vec::new();
    for _ in 0..2 {
        let store = SqliteStore::open(file, Clock::system()).await.unwrap();
        store.migrate().await.unwrap();
        instances.push(instance(AnyStore::new(store), tally));
    }
    instances
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    let tally = Arc::new(Tally::default());
    let mut load = Load::start("SQLite, a locked file", instances(&file, &tally).await, tally).await;
    load.surge().await;
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    load.fails(32).await;
    other.execute_batch("ROLLBACK").unwrap();
    load.recovers().await;
    load.ends().await;
}

/// Where the test below finds a disk that is soon full.
const SMALL_DISK: &str = "SMALL_DISK";

/// The disk is a real one, of 8 MB, in a namespace of mounts that ends with the process: this test runs the next one there.
#[test]
fn a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        "mount -t tmpfs -o size=8m none \"$1\" && exec \"$2\" --exact sqlite::on_a_small_disk --ignored --nocapture";
    let mut unshare = Command::new("unshare");
    unshare.arg("--mount");
    if !is_root() {
        unshare.arg("--map-root-user");
    }
    unshare.args(["sh", "-c", script, "sh"]).arg(folder.path()).arg(std::env::current_exe().unwrap());
    let ran = unshare.env(SMALL_DISK, folder.path()).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    print!("{said}");
    assert!(ran.status.success() && said.contains("1 passed"), "{complained}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it needs a small disk, which `a_full_disk` gives it"]
async fn on_a_small_disk() {
    let Some(folder) = std::env::var_os(SMALL_DISK) else { return };
    let (file, filler) = (Path::new(&folder).join("sessions.db"), Path::new(&folder).join("filler"));
    let tally = Arc::new(Tally::default());
    let mut load = Load::start("SQLite, a full disk", instances(&file, &tally).await, tally).await;
    load.gather().await;
    fill(&filler);
    load.release(0).await;
    load.fails(64).await;
    fs::remove_file(filler).unwrap();
    load.recovers().await;
    load.ends().await;
}

/// Takes all the room that is left.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [64 * 1024, 4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}
