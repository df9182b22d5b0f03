//! What the SQLite store promises beyond the contract of every store: its file.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test, as the test itself would"
)]

use std::collections::BTreeMap;
use std::error::Error as _;
use std::future::poll_fn;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::task::Poll;
use std::time::{Duration, Instant};

use jwt_sessions::clock::Clock;
use jwt_sessions::store::{Created, NewSession, SessionStore, SqliteStore, StoreError, StoreErrorKind, Swap, Swapped};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};
use tokio::task::JoinSet;

const HASH: SecretHash = SecretHash::from_bytes([7; 32]);

fn id(n: u64) -> SessionId {
    SessionId::from_bytes(u128::from(n).to_be_bytes())
}

fn session(n: u64, subject: &str) -> NewSession {
    let (idle, life) = (Duration::from_secs(604_800), Duration::from_secs(7_776_000));
    NewSession::new(id(n), subject, HASH, idle, life, Clock::system().now())
}

async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, Clock::system()).await
}

async fn ready(path: &Path) -> SqliteStore {
    let store = open(path).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Every file of a folder, byte for byte.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.is_file()).map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

/// Opening is refused with `kind` and words, and no file of the folder changes, comes or goes.
async fn is_refused_untouched(path: &Path, kind: StoreErrorKind, words: &str) {
    let folder = path.parent().unwrap();
    let before = contents(folder);
    let Err(error) = open(path).await else { panic!("{path:?} was opened") };
    let source = error.source().unwrap().to_string();
    assert_eq!(error.kind(), kind, "{path:?}: {source}");
    assert!(source.contains(words), "{path:?}: {source}");
    let after = contents(folder);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{path:?}");
    assert!(before == after, "{path:?} was written");
}

/// A file of ours with 500 sessions, its log merged into it.
async fn filled(path: &Path) {
    let store = ready(path).await;
    let mut creating = JoinSet::new();
    for n in 0..500 {
        let store = store.clone();
        creating.spawn(async move { store.create(&session(n, &format!("subject {n}"))).await.unwrap() });
    }
    creating.join_all().await;
    closed(store, path).await;
}

/// Drops the last handle and waits for what comes of it.
async fn closed(store: SqliteStore, path: &Path) {
    drop(store);
    merged(path).await;
}

/// Waits until the threads of a store without handles have let go of the file.
async fn merged(path: &Path) {
    let merged = async {
        while path.with_extension("db-wal").exists() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), merged).await.is_ok(), "the log was never merged");
}

fn damage(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at..at + 2048].fill(0xa5);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    for contents in [&b"hello"[..], &[0; 4096], &[0xff; 100_000], b"SQLite format 3\0"] {
        std::fs::write(&path, contents).unwrap();
        is_refused_untouched(&path, StoreErrorKind::Foreign, "").await;
    }
}

#[tokio::test]
async fn a_store_that_is_closed_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..8).map(|n| folder.path().join(format!("{n}.db"))).collect();
    for n in 0..50 {
        let mut stores = Vec::new();
        for path in &paths {
            let store = ready(path).await;
            store.create(&session(n, "alice")).await.unwrap();
            stores.push(store);
        }
        // Many at once: their threads meet in every order.
        drop(stores);
        for path in &paths {
            merged(path).await;
        }
        assert!(contents(folder.path()).keys().eq(&paths));
    }
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    filled(&path).await;
    let whole = std::fs::read(&path).unwrap();
    closed(open(&path).await.unwrap(), &path).await;

    // Every page, the empty ones and the tables of notes too.
    for at in (4096..whole.len()).step_by(4096).chain([100, whole.len() - 2048]) {
        std::fs::write(&path, &whole).unwrap();
        damage(&path, at);
        is_refused_untouched(&path, StoreErrorKind::Foreign, "").await;
    }
    // SQLite takes a file of one byte for an empty one.
    for length in [2, 99, 4096, 5000, whole.len() / 2, whole.len() - 4096] {
        std::fs::write(&path, &whole[..length]).unwrap();
        is_refused_untouched(&path, StoreErrorKind::Foreign, "").await;
    }
}

#[tokio::test]
async fn another_programs_database_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let another = |name: &str, sql: &str| {
        let path = folder.path().join(name);
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        path
    };
    let foreign = another("id.db", "PRAGMA application_id = 252006673; CREATE TABLE notes (text)");
    is_refused_untouched(&foreign, StoreErrorKind::Foreign, "another program's database").await;
    let wal = another("wal.db", "PRAGMA journal_mode = WAL; PRAGMA application_id = 42; CREATE TABLE notes (text)");
    is_refused_untouched(&wal, StoreErrorKind::Foreign, "another program's database").await;
    let table = another("table.db", "CREATE TABLE jwt_sessions (id TEXT PRIMARY KEY, token TEXT)");
    is_refused_untouched(&table, StoreErrorKind::Foreign, "tables of our names").await;
    let case = another("case.db", "CREATE TABLE JWT_Sessions_Meta (version INTEGER, notes TEXT)");
    is_refused_untouched(&case, StoreErrorKind::Foreign, "tables of our names").await;

    // In use, with a log that is not merged yet.
    let conn = rusqlite::Connection::open(&wal).unwrap();
    conn.execute_batch("INSERT INTO notes VALUES ('mine')").unwrap();
    assert_eq!(open(&wal).await.unwrap_err().kind(), StoreErrorKind::Foreign);
    assert_eq!(conn.query_row("SELECT text FROM notes", [], |row| row.get::<_, String>(0)).unwrap(), "mine");
}

#[tokio::test]
async fn another_programs_database_with_a_log_left_by_a_crash_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live.db");
    let conn = rusqlite::Connection::open(&live).unwrap();
    let sql = "PRAGMA journal_mode = WAL; PRAGMA application_id = 42; CREATE TABLE notes (text)";
    conn.execute_batch(sql).unwrap();
    let crashed = tempfile::tempdir().unwrap();
    let path = crashed.path().join("crashed.db");
    std::fs::copy(&live, &path).unwrap();
    std::fs::copy(live.with_extension("db-wal"), path.with_extension("db-wal")).unwrap();
    let before = contents(crashed.path());
    assert_eq!(open(&path).await.unwrap_err().kind(), StoreErrorKind::Foreign);
    // Shared memory may come beside it: without it nobody can read a log.
    let after = contents(crashed.path());
    assert!(before.iter().all(|(file, contents)| after.get(file) == Some(contents)));
}

#[tokio::test]
async fn a_newer_versions_file_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    filled(&path).await;
    let newer = "
        UPDATE jwt_sessions_meta SET version = 7;
        ALTER TABLE jwt_sessions ADD COLUMN colour TEXT;
        ALTER TABLE jwt_sessions_meta ADD COLUMN mood TEXT";
    rusqlite::Connection::open(&path).unwrap().execute_batch(newer).unwrap();
    is_refused_untouched(&path, StoreErrorKind::Foreign, "newer version (schema 7").await;
}

#[tokio::test]
async fn a_path_that_cannot_be_opened_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = open(&folder.path().join("no/such/folder/sessions.db")).await.unwrap_err();
    assert_eq!(missing.kind(), StoreErrorKind::Unavailable);
    let directory = open(folder.path()).await.unwrap_err();
    assert_eq!(directory.kind(), StoreErrorKind::Unavailable);
    for no_file in ["", ":memory:"] {
        assert_eq!(open(Path::new(no_file)).await.unwrap_err().kind(), StoreErrorKind::Configuration);
    }
    assert!(contents(folder.path()).is_empty());
}

#[tokio::test]
async fn open_makes_no_tables_and_migrate_may_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let store = open(&path).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0, "open writes nothing");
    let error = store.create(&session(1, "alice")).await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("no such table"));

    store.migrate().await.unwrap();
    store.create(&session(1, "alice")).await.unwrap();
    store.migrate().await.unwrap();
    ready(&path).await;
    assert!(store.load("alice", id(1)).await.unwrap().is_some(), "a second migration keeps what is there");
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = ready(&folder.path().join("sessions.db")).await;
    store.create(&session(1, "alice")).await.unwrap();
    let files = contents(folder.path());
    assert_eq!(files.len(), 3, "the file, its log and its shared memory");
    for file in files.keys() {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn an_application_may_keep_its_own_tables_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let app = rusqlite::Connection::open(&path).unwrap();
    app.execute_batch("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine'); PRAGMA user_version = 12")
        .unwrap();
    let store = ready(&path).await;
    store.create(&session(1, "alice")).await.unwrap();

    let read = |sql: &str| app.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(read("PRAGMA user_version"), 12, "the application's version is its own");
    assert_eq!(read("PRAGMA application_id"), 0, "and so is its id");
    app.execute_batch("INSERT INTO notes VALUES ('more'); PRAGMA application_id = 42").unwrap();
    assert_eq!(read("SELECT count(*) FROM notes"), 2);
    ready(&path).await;
}

/// The commits in a write-ahead log: frames whose header says how long the database is after them.
fn commits(path: &Path) -> usize {
    let log = std::fs::read(path.with_extension("db-wal")).unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    let salts = &log[16..24];
    let frames = log[32..].chunks_exact(24 + page).filter(|frame| &frame[8..16] == salts);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn concurrent_writes_share_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let store = ready(&path).await;
    store.create(&session(0, "alice")).await.unwrap();
    let before = commits(&path);
    for n in 1..4 {
        store.create(&session(n, "alice")).await.unwrap();
    }
    assert_eq!(commits(&path) - before, 3, "writes that are made one after the other are committed one by one");

    // While another process writes, 100 calls come together; one of them is wrong.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let creating = (3..103).map(|n| {
        let (store, session) = (store.clone(), session(n, "alice"));
        Box::pin(async move { store.create(&session).await.is_ok() })
    });
    let mut creating: Vec<_> = creating.collect();
    // Each begins, and so stands in the queue.
    poll_fn(|context| {
        assert!(creating.iter_mut().all(|call| call.as_mut().poll(context).is_pending()));
        Poll::Ready(())
    })
    .await;
    let before = commits(&path);
    other.execute_batch("ROLLBACK").unwrap();
    let mut opened = Vec::new();
    for call in creating {
        opened.push(call.await);
    }
    assert_eq!(commits(&path) - before, 1, "what waited shares one commit");
    assert!(!opened[0], "the one whose id exists fails");
    assert!(opened[1..].iter().all(|opened| *opened), "and no other because of it");
    for n in 0..103 {
        assert!(store.load("alice", id(n)).await.unwrap().is_some(), "{n}");
    }
}

#[tokio::test]
async fn a_call_nobody_waits_for_is_not_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let store = ready(&path).await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let first = tokio::spawn({
        let store = store.clone();
        async move { store.create(&session(1, "alice")).await }
    });
    let dropped = tokio::spawn({
        let store = store.clone();
        async move { store.create(&session(2, "alice")).await }
    });
    tokio::task::yield_now().await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    other.execute_batch("ROLLBACK").unwrap();
    assert!(matches!(first.await.unwrap().unwrap(), Created::Opened { .. }));
    store.create(&session(3, "alice")).await.unwrap();
    assert!(store.load("alice", id(2)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_store_that_does_not_keep_up_says_so_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let store = ready(&path).await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut creating = JoinSet::new();
    for n in 0..2000 {
        let store = store.clone();
        creating.spawn(async move { store.create(&session(n, &format!("subject {n}"))).await });
    }
    let refused = creating.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    assert!(store.load("alice", id(1)).await.unwrap().is_none(), "what reads does not wait for what writes");
    other.execute_batch("ROLLBACK").unwrap();
    let opened = creating.join_all().await.into_iter().filter(Result::is_ok).count();
    assert!(opened >= 1000, "what waits in the queue is done: {opened}");
}

#[tokio::test]
async fn the_present_is_read_after_the_wait_for_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let clock = Clock::manual(Timestamp::from_secs(1_700_000_000));
    let store = SqliteStore::open(&path, clock.clone()).await.unwrap();
    store.migrate().await.unwrap();
    let mut session = session(1, "alice");
    session.idle = Duration::from_secs(60);
    store.create(&session).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.swap("alice", id(1), &HASH, &Swap::new((1, 1), 2, 1)).await.unwrap() }
    });
    tokio::task::yield_now().await;
    // The session goes idle while the call waits.
    clock.advance(Duration::from_secs(60));
    other.execute_batch("ROLLBACK").unwrap();
    let Swapped::Lost(Some(lost)) = waiting.await.unwrap() else { panic!("a session came back from the dead") };
    assert_eq!(lost.now, clock.now());
}

#[tokio::test]
async fn a_purge_walks_through_a_large_table() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Clock::system().now());
    let store = SqliteStore::open(folder.path().join("sessions.db"), clock.clone()).await.unwrap();
    store.migrate().await.unwrap();
    for page in 0..5 {
        let mut creating = JoinSet::new();
        for n in page * 700..(page + 1) * 700 {
            let (store, mut session) = (store.clone(), session(n, &format!("subject {n}")));
            // One in seven stays.
            session.idle = Duration::from_secs(if n % 7 == 0 { 600 } else { 60 });
            creating.spawn(async move { store.create(&session).await.unwrap() });
        }
        creating.join_all().await;
    }
    clock.advance(Duration::from_secs(60));
    let mut deleted = Vec::new();
    while deleted.last().is_none_or(|last| *last == 800) {
        deleted.push(store.purge(800).await.unwrap());
    }
    assert_eq!(deleted, [800, 800, 800, 600]);
    assert_eq!(store.purge(800).await.unwrap(), 0);
    for n in 0..3500 {
        assert_eq!(store.load(&format!("subject {n}"), id(n)).await.unwrap().is_some(), n % 7 == 0, "{n}");
    }
    // The next round begins where the last one ended, and finds what died before that place.
    clock.advance(Duration::from_secs(600));
    assert_eq!(store.purge(1000).await.unwrap(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_may_start_at_once() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let mut starting = JoinSet::new();
        for n in 0..10 {
            let path = path.clone();
            starting.spawn(async move {
                let store = ready(&path).await;
                store.create(&session(n, "alice")).await.unwrap();
                store
            });
        }
        let stores = starting.join_all().await;
        assert_eq!(stores[0].list("alice").await.unwrap().len(), 10);
    }
}

/// Starts this test program again as another process that runs `child` below.
fn start(path: &Path, mode: &str) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env("SQLITE_TEST_FILE", path)
        .env("SQLITE_TEST_MODE", mode)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    (child, lines)
}

/// Calls again when the wait for the lock was too long: nothing was written then.
async fn patiently<T>(patience: Duration, call: impl AsyncFn() -> Result<T, StoreError>) -> T {
    let begun = Instant::now();
    loop {
        match call().await {
            Err(error) if error.kind() == StoreErrorKind::Timeout && begun.elapsed() < patience => {}
            answer => return answer.unwrap(),
        }
    }
}

/// The other process: no test of its own.
#[test]
#[ignore = "started by the tests below, as another process"]
#[allow(clippy::print_stdout, reason = "how it talks to the test that started it")]
fn child() {
    let (Some(path), Ok(mode)) = (std::env::var_os("SQLITE_TEST_FILE"), std::env::var("SQLITE_TEST_MODE")) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // Whose turn it is, SQLite leaves to chance: of those who race, one may wait longer than a call does. None else.
        let patience = Duration::from_secs(if mode == "race" { 60 } else { 0 });
        let store = patiently(patience, async || open(Path::new(&path)).await).await;
        patiently(patience, async || store.migrate().await).await;
        println!("\nready");
        if mode == "migrate" {
            return;
        }
        let mut won = 0;
        for generation in 1..u64::MAX {
            if mode == "race" && generation > 200 {
                break;
            }
            let swap = Swap::new((generation, generation), generation + 1, generation + 1);
            let swapped = patiently(patience, async || store.swap("alice", id(1), &HASH, &swap).await).await;
            won += u64::from(matches!(swapped, Swapped::Won(_)));
            if mode == "write" {
                // Printed after the answer: what is printed must be there after a kill.
                println!("acknowledged {}", generation + 1);
            }
        }
        println!("won {won}");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_a_file_and_one_of_them_wins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let store = ready(&path).await;
    store.create(&session(1, "alice")).await.unwrap();
    let children: Vec<_> = (0..3).map(|_| start(&path, "race")).collect();
    let mut won = 0;
    for (mut child, lines) in children {
        let line = lines.filter_map(|line| line.strip_prefix("won ").map(str::to_owned)).last().unwrap();
        won += line.parse::<u64>().unwrap();
        assert!(child.wait().unwrap().success());
    }
    let row = store.load("alice", id(1)).await.unwrap().unwrap().row;
    assert_eq!(row.generation, 201);
    assert_eq!(won, 200, "every generation was made by exactly one process");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_processes_may_start_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let children: Vec<_> = (0..10).map(|_| start(&path, "migrate")).collect();
    for (mut child, lines) in children {
        assert!(lines.collect::<Vec<_>>().contains(&"ready".to_owned()));
        assert!(child.wait().unwrap().success());
    }
    ready(&path).await.create(&session(1, "alice")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let store = ready(&path).await;
    store.create(&session(1, "alice")).await.unwrap();
    closed(store, &path).await;
    let mut generation = 1;
    // Each child goes on from the beginning, and loses until it comes to where the last one was killed.
    for round in 1..=3_u64 {
        let (mut child, lines) = start(&path, "write");
        for line in lines {
            let Some(acknowledged) = line.strip_prefix("acknowledged ") else { continue };
            generation = generation.max(acknowledged.parse::<u64>().unwrap());
            if generation >= 150 * round {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let row = ready(&path).await.load("alice", id(1)).await.unwrap().unwrap().row;
        assert!(row.generation >= generation, "{} was answered, {} is left", generation, row.generation);
        assert_eq!((row.previous, row.revoked), (row.generation, None));
    }
}
