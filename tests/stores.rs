//! Every store of this crate keeps the contract of `SessionStore`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test, as the test itself would"
)]

use std::time::Duration;

use jwt_sessions::clock::Clock;
use jwt_sessions::store::conformance::Suite;
use jwt_sessions::store::{
    AnyStore, Created, Cursor, Feed, Listed, Loaded, MemoryStore, NewSession, RevokeReason, Seen, SessionStore,
    SqliteStore, StoreError, StoreErrorKind, Swap, Swapped, connect,
};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};

fn noon() -> Clock {
    Clock::manual(Timestamp::from_secs(1_700_000_000))
}

async fn sqlite(folder: &tempfile::TempDir, clock: &Clock) -> SqliteStore {
    let store = SqliteStore::open(folder.path().join("sessions.db"), clock.clone()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_the_contract() {
    let clock = noon();
    Suite::new(MemoryStore::new(clock.clone())).with_clock(clock).alone().run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_the_contract_by_the_systems_clock() {
    Suite::new(MemoryStore::new(Clock::system())).alone().run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), noon());
    Suite::new(sqlite(&folder, &clock).await).with_clock(clock).alone().run().await;
}

#[tokio::test]
async fn sqlite_keeps_the_contract_on_one_thread_by_the_systems_clock() {
    let folder = tempfile::tempdir().unwrap();
    Suite::new(sqlite(&folder, &Clock::system()).await).alone().run().await;
}

/// As two processes behind one balancer have it: each call goes to another handle, and what one ended the other reads.
#[tokio::test(flavor = "multi_thread")]
async fn two_handles_on_one_file_keep_the_contract() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), noon());
    let handles = Alternating::new(sqlite(&folder, &clock).await, sqlite(&folder, &clock).await);
    let other = Alternating::new(sqlite(&folder, &clock).await, sqlite(&folder, &clock).await);
    Suite::new(handles).shared_with(other).with_clock(clock).alone().run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_chosen_by_url_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("by url #1 %20.db");
    Suite::new(connect("memory:").await.unwrap()).run().await;
    Suite::new(connect(&format!("sqlite:{}", file.display())).await.unwrap()).run().await;
    assert!(file.exists(), "the name after `sqlite:` is the file's name");
    let clock = noon();
    Suite::new(AnyStore::new(MemoryStore::new(clock.clone()))).with_clock(clock).alone().run().await;
}

#[tokio::test]
async fn an_unusable_url_is_refused_without_being_repeated() {
    let urls = [
        "",
        "hunter2",
        "hunter2:x",
        "memory:hunter2",
        "sqlite:",
        "sqlite::memory:",
        "sqlite://hunter2?mode=memory",
        "postgres://root:hunter2@localhost/app?hunter2",
        "MySQL://root:hunter2@localhost/app",
        "rediss://:hunter2@localhost",
        "mongodb+srv://root:hunter2@localhost",
    ];
    // A build with the driver would ask whoever listens on this machine: that store's own test tries its URLs.
    let has_driver = |url: &str| {
        cfg!(feature = "mysql") && url.starts_with("MySQL:")
            || cfg!(feature = "redis") && url.starts_with("rediss:")
            || cfg!(feature = "mongodb") && url.starts_with("mongodb")
    };
    for url in urls.into_iter().filter(|url| !has_driver(url)) {
        let error = connect(url).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Configuration, "{url}");
        let source = std::error::Error::source(&error).unwrap();
        let text = format!("{error} {error:?} {source}");
        assert!(!text.contains("hunter2") && !text.contains("localhost"), "{url}: {text}");
    }
}

fn session(n: u8, subject: &str, idle: Duration) -> NewSession {
    let (id, hash) = (SessionId::from_bytes([n; 16]), SecretHash::from_bytes([n; 32]));
    NewSession::new(id, subject, hash, idle, Duration::from_secs(36_000), Timestamp::from_secs(1_700_000_000))
}

#[tokio::test]
async fn a_full_memory_drops_the_dead_and_never_the_living() {
    let clock = noon();
    let store = MemoryStore::new(clock.clone()).capacity(3);
    let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
    store.create(&session(1, "alice", minute)).await.unwrap();
    store.create(&session(2, "bob", 10 * hour)).await.unwrap();
    store.create(&session(3, "carol", 10 * hour)).await.unwrap();

    let full = store.create(&session(4, "dave", hour)).await.unwrap_err();
    assert_eq!(full.kind(), StoreErrorKind::Full);
    assert!(store.load("dave", SessionId::from_bytes([4; 16])).await.unwrap().is_none());

    // A rotation renews the session that would have been dropped first.
    clock.advance(minute - Duration::from_millis(1));
    let hash = SecretHash::from_bytes([1; 32]);
    let swapped = store.swap("alice", SessionId::from_bytes([1; 16]), &hash, &Swap::new((1, 1), 2, 1)).await.unwrap();
    assert!(matches!(swapped, Swapped::Won(_)));
    clock.advance(Duration::from_millis(1));
    assert_eq!(store.create(&session(4, "dave", hour)).await.unwrap_err().kind(), StoreErrorKind::Full);

    // Idle for too long: it makes room for one, and for one alone.
    clock.advance(minute);
    assert!(matches!(store.create(&session(4, "dave", hour)).await.unwrap(), Created::Opened { .. }));
    assert_eq!(store.create(&session(5, "erin", hour)).await.unwrap_err().kind(), StoreErrorKind::Full);

    // Revoked: it makes room after an hour and a minute, when nobody asks any more why it ended.
    store.revoke("bob", SessionId::from_bytes([2; 16]), RevokeReason::Logout).await.unwrap();
    assert_eq!(store.create(&session(5, "erin", hour)).await.unwrap_err().kind(), StoreErrorKind::Full);
    store
        .swap("dave", SessionId::from_bytes([4; 16]), &SecretHash::from_bytes([4; 32]), &Swap::new((1, 1), 2, 1))
        .await
        .unwrap();
    clock.advance(Duration::from_secs(3661));
    assert!(matches!(store.create(&session(5, "erin", hour)).await.unwrap(), Created::Opened { .. }));
    assert!(store.load("bob", SessionId::from_bytes([2; 16])).await.unwrap().is_none());
    assert!(store.load("carol", SessionId::from_bytes([3; 16])).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_purged_makes_room() {
    let clock = noon();
    let store = MemoryStore::new(clock.clone()).capacity(10);
    for n in 0..10 {
        store.create(&session(n, &format!("subject {n}"), Duration::from_secs(60))).await.unwrap();
    }
    clock.advance(Duration::from_secs(60));
    assert_eq!(store.purge(4).await.unwrap(), 4);
    assert_eq!(store.purge(4).await.unwrap(), 4);
    assert_eq!(store.purge(4).await.unwrap(), 2);
    for n in 0..10 {
        store.create(&session(n, "alice", Duration::from_secs(60))).await.unwrap();
    }
    assert_eq!(
        store.create(&session(10, "alice", Duration::from_secs(60))).await.unwrap_err().kind(),
        StoreErrorKind::Full
    );
}

struct Alternating {
    handles: [SqliteStore; 2],
    turn: std::sync::atomic::AtomicUsize,
}

impl Alternating {
    fn new(one: SqliteStore, other: SqliteStore) -> Self {
        Self { handles: [one, other], turn: std::sync::atomic::AtomicUsize::new(0) }
    }

    fn next(&self) -> &SqliteStore {
        &self.handles[self.turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2]
    }
}

impl SessionStore for Alternating {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.next().now().await
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        self.next().create(session).await
    }

    async fn load(&self, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        self.next().load(subject, id).await
    }

    async fn swap(&self, subject: &str, id: SessionId, hash: &SecretHash, swap: &Swap) -> Result<Swapped, StoreError> {
        self.next().swap(subject, id, hash, swap).await
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        self.next().confirm(seen).await
    }

    async fn revoke(&self, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        self.next().revoke(subject, id, reason).await
    }

    async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.next().revoke_subject(subject, except, reason).await
    }

    async fn list(&self, subject: &str) -> Result<Vec<Listed>, StoreError> {
        self.next().list(subject).await
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        self.next().purge(limit).await
    }

    async fn revoke_all(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.next().revoke_all(before).await
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        self.next().feed(cursor).await
    }
}
