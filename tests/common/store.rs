//! A store that can be told to break: in memory unless it is said otherwise.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests, outside of any test function")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jwt_sessions::clock::Clock;
use jwt_sessions::store::{
    AnyStore, Created, Cursor, Feed, Listed, Loaded, MemoryStore, NewSession, RevokeReason, Seen, SessionStore,
    StoreError, StoreErrorKind, Swap, Swapped,
};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};
use tokio::sync::Notify;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// Every call fails.
    Failing,
    /// No call is ever answered.
    Hanging,
    /// Each call takes two seconds.
    Slow,
    /// All but the end of a session.
    Unending,
    /// However much is deleted, there is more.
    Littered,
    /// It has a bug.
    Panicking,
}

#[derive(Clone)]
pub(crate) struct Store {
    inner: Arc<Mutex<AnyStore>>,
    mood: Arc<Mutex<Mood>>,
    /// The sessions as they were created, for a store that is set back.
    created: Arc<Mutex<Vec<NewSession>>>,
    /// What was confirmed, batch by batch.
    batches: Arc<Mutex<Vec<Vec<Seen>>>>,
    confirmed: Arc<Notify>,
    clock: Clock,
}

impl Store {
    pub(crate) fn new(clock: Clock) -> Self {
        let memory = AnyStore::new(MemoryStore::new(clock.clone()));
        Self::on(memory, clock)
    }

    pub(crate) fn on(store: AnyStore, clock: Clock) -> Self {
        let inner = Arc::new(Mutex::new(store));
        let mood = Arc::new(Mutex::new(Mood::Well));
        Self { inner, mood, created: Arc::default(), batches: Arc::default(), confirmed: Arc::default(), clock }
    }

    /// Another instance's way to the same sessions, which breaks by itself.
    pub(crate) fn beside(&self) -> Self {
        Self { mood: Arc::new(Mutex::new(Mood::Well)), ..self.clone() }
    }

    pub(crate) fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// As if it had been restored from a backup made just after the last login: every rotation since is lost.
    /// Answers what it was, for a store that catches up.
    pub(crate) async fn restore(&self) -> AnyStore {
        let created = self.created.lock().unwrap().clone();
        let before = MemoryStore::new(self.clock.clone());
        for session in created {
            before.create(&session).await.unwrap();
        }
        self.replace(AnyStore::new(before))
    }

    /// Has another store in its place from now on, and answers the one before.
    pub(crate) fn replace(&self, store: AnyStore) -> AnyStore {
        std::mem::replace(&mut self.inner.lock().unwrap(), store)
    }

    /// What was confirmed since this was last asked, in batches; waits for the first, but not for ever.
    pub(crate) async fn batches(&self) -> Vec<Vec<Seen>> {
        tokio::time::timeout(Duration::from_secs(30), self.confirmed.notified()).await.unwrap();
        self.batches_so_far()
    }

    /// The same without waiting.
    pub(crate) fn batches_so_far(&self) -> Vec<Vec<Seen>> {
        std::mem::take(&mut self.batches.lock().unwrap())
    }

    /// How many hold this store.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.mood)
    }

    async fn asked(&self) -> Result<AnyStore, StoreError> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Well | Mood::Unending | Mood::Littered => Ok(self.inner.lock().unwrap().clone()),
            Mood::Failing => {
                Err(StoreError::new(StoreErrorKind::Unavailable).because("postgres://planted:secret@db refused"))
            }
            Mood::Hanging => std::future::pending().await,
            Mood::Slow => {
                tokio::time::sleep(Duration::from_secs(2)).await;
                Ok(self.inner.lock().unwrap().clone())
            }
            Mood::Panicking => panic!("planted: a store of the application's own"),
        }
    }
}

impl SessionStore for Store {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.asked().await?.now().await
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        let store = self.asked().await?;
        self.created.lock().unwrap().push(session.clone());
        store.create(session).await
    }

    async fn load(&self, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        self.asked().await?.load(subject, id).await
    }

    async fn swap(
        &self,
        subject: &str,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
    ) -> Result<Swapped, StoreError> {
        self.asked().await?.swap(subject, id, secret_hash, swap).await
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        let orphans = self.asked().await?.confirm(seen).await?;
        self.batches.lock().unwrap().push(seen.to_vec());
        self.confirmed.notify_one();
        Ok(orphans)
    }

    async fn revoke(&self, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        let store = self.asked().await?;
        if *self.mood.lock().unwrap() == Mood::Unending {
            return Err(StoreError::new(StoreErrorKind::Unavailable));
        }
        store.revoke(subject, id, reason).await
    }

    async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.asked().await?.revoke_subject(subject, except, reason).await
    }

    async fn list(&self, subject: &str) -> Result<Vec<Listed>, StoreError> {
        self.asked().await?.list(subject).await
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        let deleted = self.asked().await?.purge(limit).await?;
        Ok(if *self.mood.lock().unwrap() == Mood::Littered { limit } else { deleted })
    }

    async fn revoke_all(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.asked().await?.revoke_all(before).await
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        self.asked().await?.feed(cursor).await
    }
}
