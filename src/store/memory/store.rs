use std::fmt;
use std::hash::RandomState;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::feed::Log;
use super::sessions::Key;
use super::shard::Shard;
use crate::clock::Clock;
use crate::store::{
    Created, Cursor, Ends, Feed, Listed, Loaded, NewSession, REVOKED_FOR, RevokeReason, Seen, SessionStore, StoreError,
    StoreErrorKind, Swap, Swapped,
};
use crate::token::{SecretHash, SessionId, Timestamp};

/// Sessions in this process's memory: the fastest store, and gone with the process.
///
/// It is bounded ([`capacity`](Self::capacity)). When it is full, what a purge would delete goes first; then new ones are refused
/// with [`StoreErrorKind::Full`]. A living session is never evicted, so that nobody can log others out by logging in often; nor is
/// one that was ended within the last hour, of which the other instances may still have to hear: put a limit before the login.
///
/// Sharded by subject, by a hash with a random key: all that is known of a subject stands under one lock, which no call
/// holds while it waits for anything. Cloning it shares the sessions.
///
/// ```
/// use std::time::Duration;
/// use jwt_sessions::{clock::Clock, store::{Created, MemoryStore, NewSession, SessionStore}};
/// use jwt_sessions::token::{SecretHash, SessionId};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = Clock::system();
/// let store = MemoryStore::new(clock.clone()).capacity(1);
/// let (week, hash) = (Duration::from_secs(604_800), SecretHash::from_bytes([7; 32]));
/// let session = |n| NewSession::new(SessionId::from_bytes([n; 16]), "alice", hash, week, 12 * week, clock.now());
///
/// assert!(matches!(store.create(&session(1)).await?, Created::Opened { .. }));
/// assert!(store.create(&session(2)).await.is_err(), "it is full of living sessions");
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct MemoryStore(Arc<Inner>);

struct Inner {
    clock: Clock,
    keyed: RandomState,
    shards: Box<[Mutex<Shard>; SHARDS]>,
    /// Rows in all shards, dead ones included.
    held: AtomicUsize,
    capacity: AtomicUsize,
    /// No row can be dropped before this moment (milliseconds): saves a full store the search.
    earliest: AtomicI64,
    making_room: Mutex<()>,
    /// Locked after a shard, never before one.
    feed: Mutex<Log>,
    /// The shard at which the next page of a purge begins.
    next_page: AtomicUsize,
}

impl MemoryStore {
    /// An empty store for a million sessions.
    pub fn new(clock: Clock) -> Self {
        let keyed = RandomState::new();
        Self(Arc::new(Inner {
            clock,
            shards: Box::new(std::array::from_fn(|_| Mutex::new(Shard::new(keyed.clone())))),
            keyed,
            held: AtomicUsize::new(0),
            capacity: AtomicUsize::new(DEFAULT_CAPACITY),
            earliest: AtomicI64::new(i64::MAX),
            making_room: Mutex::new(()),
            feed: Mutex::default(),
            next_page: AtomicUsize::new(0),
        }))
    }

    /// How many sessions it holds at most; ended ones count until they are dropped.
    ///
    /// The note that all sessions of a subject were ended is kept beside them for [`NOTED_FOR`](crate::store::NOTED_FOR) and does not
    /// count.
    pub fn capacity(self, sessions: usize) -> Self {
        self.0.capacity.store(sessions, Ordering::Relaxed);
        self
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("held", &self.0.held.load(Ordering::Relaxed))
            .field("capacity", &self.0.capacity.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

impl SessionStore for MemoryStore {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.0.clock.now())
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        if let Some(created) = self.0.try_create(session)? {
            return Ok(created);
        }
        self.0.make_room();
        self.0.try_create(session)?.ok_or_else(|| StoreError::new(StoreErrorKind::Full))
    }

    async fn load(&self, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        let (key, shard, now) = self.0.shard_of(subject);
        Ok(shard.row(&key, id).map(|row| Loaded::new(row, now)))
    }

    async fn swap(
        &self,
        subject: &str,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
    ) -> Result<Swapped, StoreError> {
        let (key, mut shard, now) = self.0.shard_of(subject);
        let swapped = shard.swap(&key, id, secret_hash, swap, now);
        if swap.cut > 0 && matches!(swapped, Swapped::Won(_)) {
            lock(&self.0.feed).append(Ends::Below(id, swap.cut), now);
        }
        Ok(swapped)
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        let is_orphan = |seen: &&Seen| {
            let (key, mut shard, now) = self.0.shard_of(&seen.subject);
            shard.confirm(&key, seen, now)
        };
        Ok(seen.iter().filter(is_orphan).cloned().collect())
    }

    async fn revoke(&self, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        let (key, mut shard, now) = self.0.shard_of(subject);
        let ended = shard.revoke(&key, id, reason, now);
        if ended {
            self.0.ended(&[id], now);
        }
        Ok(ended)
    }

    async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        let (key, mut shard, now) = self.0.shard_of(subject);
        let ended = shard.revoke_subject(&key, except, reason, now);
        self.0.ended(&ended, now);
        Ok(ended)
    }

    async fn list(&self, subject: &str) -> Result<Vec<Listed>, StoreError> {
        let (key, shard, now) = self.0.shard_of(subject);
        Ok(shard.list(&key, now))
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        Ok(self.0.purge(limit))
    }

    async fn revoke_all(&self, before: Timestamp) -> Result<u64, StoreError> {
        // All locks at once, always in this order: a login sees either nothing of it or all.
        let mut shards: Vec<_> = self.0.shards.iter().map(lock).collect();
        let now = self.0.clock.now();
        let ended = shards.iter_mut().map(|shard| shard.revoke_all(before, now)).sum();
        self.0.droppable_at(now.after(REVOKED_FOR));
        lock(&self.0.feed).append(Ends::All, now);
        Ok(ended)
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        let feed = lock(&self.0.feed);
        Ok(feed.read(cursor, self.0.clock.now()))
    }
}

impl Inner {
    /// The subject's shard, and the present after the wait for its lock.
    #[allow(clippy::indexing_slicing, reason = "a remainder is smaller than what it was divided by")]
    fn shard_of<'a>(&self, subject: &'a str) -> (Key<'a>, MutexGuard<'_, Shard>, Timestamp) {
        let key = Key::new(subject, &self.keyed);
        // By other bits than those that find a place within the shard.
        let shard = lock(&self.shards[(key.hash >> 32) as usize % SHARDS]);
        let now = self.clock.now();
        (key, shard, now)
    }

    /// Nothing when the store is full.
    fn try_create(&self, session: &NewSession) -> Result<Option<Created>, StoreError> {
        let (key, mut shard, now) = self.shard_of(&session.subject);
        if shard.is_too_late(session) {
            return Ok(Some(Created::TooLate));
        }
        if shard.row(&key, session.id).is_some() {
            return Err(StoreError::new(StoreErrorKind::Unavailable).because("a session of this id exists"));
        }
        let capacity = self.capacity.load(Ordering::Relaxed);
        let reserve = |held: usize| (held < capacity).then_some(held.saturating_add(1));
        if self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve).is_err() {
            return Ok(None);
        }
        let Some((row, ended)) = shard.open(&key, session, now) else {
            self.held.fetch_sub(1, Ordering::Relaxed);
            return Ok(None);
        };
        self.droppable_at(row.expires_at.min(row.idle_until()));
        self.ended(&ended, now);
        Ok(Some(Created::Opened { row, ended }))
    }

    /// Drops every dead row of a full store.
    fn make_room(&self) {
        // One at a time: who waited finds the room that the other made.
        let _turn = lock(&self.making_room);
        let now = self.clock.now();
        if self.earliest.load(Ordering::Relaxed) > now.as_millis() {
            return;
        }
        // Set before the walk: whatever is opened or ended during it lowers it again.
        self.earliest.store(i64::MAX, Ordering::Relaxed);
        for shard in self.shards.iter() {
            let mut shard = lock(shard);
            self.held.fetch_sub(shard.sweep(now, usize::MAX), Ordering::Relaxed);
            self.droppable_at(shard.earliest_drop());
        }
    }

    fn purge(&self, limit: usize) -> usize {
        let mut dropped = 0;
        for _ in 0..SHARDS {
            // A page begins where the last one stopped: a purge does not walk the same shards again for each page.
            let index = self.next_page.load(Ordering::Relaxed) % SHARDS;
            let Some(shard) = self.shards.get(index) else { break };
            dropped += {
                let mut shard = lock(shard);
                let dropped = shard.sweep(self.clock.now(), limit.saturating_sub(dropped));
                self.held.fetch_sub(dropped, Ordering::Relaxed);
                dropped
            };
            if dropped >= limit {
                break;
            }
            self.next_page.store(index + 1, Ordering::Relaxed);
        }
        dropped
    }

    /// Notes sessions that were ended while their shard is locked.
    fn ended(&self, ended: &[SessionId], now: Timestamp) {
        if !ended.is_empty() {
            self.droppable_at(now.after(REVOKED_FOR));
            lock(&self.feed).append_ended(ended, now);
        }
    }

    fn droppable_at(&self, at: Timestamp) {
        self.earliest.fetch_min(at.as_millis(), Ordering::Relaxed);
    }
}

/// No code panics under these locks; if some did, what it left is a row as whole as before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Many more than there are cores, so that two subjects rarely wait for one another.
const SHARDS: usize = 64;
const DEFAULT_CAPACITY: usize = 1_000_000;
