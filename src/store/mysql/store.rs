use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::mysql::MySqlPool;

use super::confirm::Confirm;
use super::create::Create;
use super::error::refused;
use super::purge::{self, Place};
use super::read::{List, Load};
use super::revoke::{Revoke, RevokeAll, RevokeSubject};
use super::swap::Exchange;
use super::work::call;
use super::{feed, schema};
use crate::store::{
    Created, Cursor, Feed, Listed, Loaded, NewSession, RevokeReason, Seen, SessionStore, StoreError, Swap, Swapped,
};
use crate::token::{SecretHash, SessionId, Timestamp};

/// Sessions in MySQL 8 or MariaDB 10.6 and newer, over the application's own pool; many instances may share them.
#[derive(Clone)]
pub struct MySqlStore {
    pool: MySqlPool,
    /// Where the next pages of a purge begin.
    purged_to: Arc<Mutex<Purged>>,
}

#[derive(Clone, Default)]
struct Purged {
    sessions: Place,
    subjects: Vec<u8>,
}

impl MySqlStore {
    /// The store in the database that the pool's connections use. Asks nothing yet;
    /// [`migrate`](SessionStore::migrate) makes the tables.
    pub fn new(pool: MySqlPool) -> Self {
        Self { pool, purged_to: Arc::default() }
    }

    fn purged_to(&self) -> Purged {
        self.purged_to.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_purged_to(&self, set: impl FnOnce(&mut Purged)) {
        set(&mut self.purged_to.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What is in no page of the sessions: old entries of the feed, and subjects without any session.
    async fn tidy(&self) -> Result<(), StoreError> {
        for _ in 0..TIDY_PAGES {
            if !call(&self.pool, feed::Forget).await? {
                break;
            }
        }
        for _ in 0..TIDY_PAGES {
            let next = call(&self.pool, purge::Subjects { start: self.purged_to().subjects }).await?;
            let is_end = next.is_none();
            self.set_purged_to(|purged| purged.subjects = next.unwrap_or_default());
            if is_end {
                break;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for MySqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MySqlStore").finish_non_exhaustive()
    }
}

impl SessionStore for MySqlStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        schema::migrate(&self.pool).await
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        let session = session.clone();
        fits(&session.subject)?;
        call(&self.pool, Create(session)).await
    }

    async fn load(&self, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        call(&self.pool, Load { subject: subject.to_owned(), id }).await
    }

    async fn swap(
        &self,
        subject: &str,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
    ) -> Result<Swapped, StoreError> {
        let exchange = Exchange { subject: subject.to_owned(), id, secret_hash: *secret_hash, swap: *swap };
        call(&self.pool, exchange).await
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        if seen.is_empty() {
            return Ok(Vec::new());
        }
        call(&self.pool, Confirm(seen.to_vec())).await
    }

    async fn revoke(&self, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        call(&self.pool, Revoke { subject: subject.to_owned(), id, reason }).await
    }

    async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        fits(subject)?;
        call(&self.pool, RevokeSubject { subject: subject.to_owned(), except, reason }).await
    }

    async fn list(&self, subject: &str) -> Result<Vec<Listed>, StoreError> {
        call(&self.pool, List { subject: subject.to_owned() }).await
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        let start = self.purged_to().sessions;
        let (mut at, mut deleted, mut wrapped) = (start.clone(), 0_usize, start == Place::default());
        while deleted < limit {
            let page = call(&self.pool, purge::Sessions { start: at, limit: limit - deleted }).await?;
            deleted += page.deleted;
            let is_round = match &page.next {
                Some(next) => wrapped && start != Place::default() && *next >= start,
                None => std::mem::replace(&mut wrapped, true),
            };
            at = page.next.unwrap_or_default();
            self.set_purged_to(|purged| purged.sessions = at.clone());
            if is_round {
                self.tidy().await?;
                break;
            }
        }
        Ok(deleted)
    }

    async fn revoke_all(&self, before: Timestamp) -> Result<u64, StoreError> {
        call(&self.pool, RevokeAll { before }).await
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        call(&self.pool, feed::Read(cursor.clone())).await
    }
}

/// A server that is not strict would cut off the end of a subject, and take two for one.
fn fits(subject: &str) -> Result<(), StoreError> {
    if subject.len() > 1024 {
        return Err(refused("a subject has at most 1,024 bytes"));
    }
    Ok(())
}

/// How many pages of each that are not sessions a purge deletes at most.
const TIDY_PAGES: usize = 64;
