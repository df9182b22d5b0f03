//! The real servers behind the stores: each test starts what it needs on a free port, with its data in a temporary folder.
//!
//! A server that cannot be started fails the test. `tests/run.sh` installs them.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests, outside of any test function")]

#[cfg(feature = "mongodb")]
pub(crate) mod mongodb;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
pub(crate) mod process;
#[cfg(feature = "redis")]
pub(crate) mod redis;
pub(crate) mod tree;

use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use jwt_sessions::store::{NewSession, RevokeReason, SessionStore, Swap};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};

/// How long a server may take to answer for the first time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A port of the loopback interface that nobody listens at.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether this process is root's: some servers refuse to be.
pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

/// What waits for a call of that store, in bytes. A driver's futures are thousands, and would be moved with whatever waits for them.
pub(crate) fn sizes_of_calls(store: &impl SessionStore) -> [usize; 5] {
    let (id, hash) = (SessionId::from_bytes([1; 16]), SecretHash::from_bytes([7; 32]));
    let new = NewSession::new(id, "alice", hash, PATIENCE, PATIENCE, Timestamp::from_secs(0));
    [
        size_of_val(&store.load("alice", id)),
        size_of_val(&store.swap("alice", id, &hash, &Swap::new((1, 1), 2, 1))),
        size_of_val(&store.create(&new)),
        size_of_val(&store.revoke("alice", id, RevokeReason::Logout)),
        size_of_val(&store.list("alice")),
    ]
}

/// Asks again until there is an answer; fails with the last error when that takes too long.
pub(crate) async fn until<T, E: std::fmt::Debug>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, E>) -> T {
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) if begun.elapsed() > PATIENCE => panic!("{what}: {error:?}"),
            // A server that starts says so to nobody.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// One server for all tests of a process that run at the same time: it ends with the last of them.
pub(crate) struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The server, started by `start` where there is none.
    pub(crate) fn get(&self, start: impl FnOnce() -> T) -> Arc<T> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let started = Arc::new(start());
            *shared = Arc::downgrade(&started);
            started
        })
    }
}
