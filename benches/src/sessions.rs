//! Sessions as an application has them, over a store in memory.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jwt_sessions::clock::Clock;
use jwt_sessions::store::{
    Created, Cursor, Ends, Entry, Feed, Listed, Loaded, MemoryStore, NewSession, RevokeReason, Seen, SessionStore,
    StoreError, Swap, Swapped,
};
use jwt_sessions::token::{Algorithm, KeySet, SecretHash, SessionId, SigningKey, Timestamp};
use jwt_sessions::{Grant, Keys, Sessions, SessionsBuilder, Site, accounts_elsewhere};

use crate::tokens::{AUDIENCE, ISSUER, REFRESH_SECRET, session};

/// Sessions over a store, with these access keys, that know everybody.
pub fn sessions<S: SessionStore>(access: KeySet, store: S, clock: Clock) -> SessionsBuilder<S> {
    let refresh = KeySet::new(SigningKey::secret(Algorithm::HS256, REFRESH_SECRET).unwrap());
    let keys = Keys::new(access, refresh).unwrap();
    let site = Site::new("https://app.example").unwrap();
    Sessions::builder(keys, store, accounts_elsewhere(grant)).issuer(ISSUER).audience(AUDIENCE).site(site).clock(clock)
}

#[derive(serde::Serialize)]
struct Profile {
    name: &'static str,
}

async fn grant(_subject: String) -> Result<Option<Grant<Profile>>, io::Error> {
    Ok(Some(Grant::new(Profile { name: "a name of some length" }).scope("read").scope("write")))
}

/// A memory store that counts what is asked of it, and says at its feed's beginning that so many sessions ended elsewhere.
#[derive(Clone)]
pub struct Fed {
    store: MemoryStore,
    calls: Arc<AtomicU64>,
    ended: Arc<Mutex<VecDeque<u64>>>,
}

impl Fed {
    /// Over `store`; `ended` sessions are over.
    pub fn new(store: MemoryStore, ended: u64) -> Self {
        let pages = (0..ended.div_ceil(PAGE)).map(|page| (ended - page * PAGE).min(PAGE)).collect();
        Self { store, calls: Arc::default(), ended: Arc::new(Mutex::new(pages)) }
    }

    /// How often the store was asked about a session.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn counted(&self) -> &MemoryStore {
        self.calls.fetch_add(1, Ordering::Relaxed);
        &self.store
    }
}

/// The number of the first session that is over: those of the tokens are smaller.
pub const FIRST_ENDED: u64 = 1 << 40;

impl SessionStore for Fed {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.store.now().await
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        self.counted().create(session).await
    }

    async fn load(&self, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        self.counted().load(subject, id).await
    }

    async fn swap(
        &self,
        subject: &str,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
    ) -> Result<Swapped, StoreError> {
        self.counted().swap(subject, id, secret_hash, swap).await
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        self.counted().confirm(seen).await
    }

    async fn revoke(&self, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        self.counted().revoke(subject, id, reason).await
    }

    async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.counted().revoke_subject(subject, except, reason).await
    }

    async fn list(&self, subject: &str) -> Result<Vec<Listed>, StoreError> {
        self.counted().list(subject).await
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        self.store.purge(limit).await
    }

    async fn revoke_all(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.counted().revoke_all(before).await
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = ended.pop_front() else {
            return Ok(Feed::new(Vec::new(), cursor.clone(), false));
        };
        let from = FIRST_ENDED + ended.len() as u64 * PAGE;
        let over = |number| Entry::new(Ends::Session(session(number)), Duration::from_secs(number % 3600));
        Ok(Feed::new((from..from + count).map(over).collect(), Cursor::default(), true))
    }
}

const PAGE: u64 = 10_000;
