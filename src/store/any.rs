use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{
    Created, Cursor, Feed, Listed, Loaded, NewSession, RevokeReason, Seen, SessionStore, StoreError, Swap, Swapped,
};
use crate::token::{SecretHash, SessionId, Timestamp};

/// A store whose kind is decided at run time, from a URL or by the application. It boxes one future a call.
///
/// Cloning it shares the store.
#[derive(Clone)]
pub struct AnyStore(Arc<dyn Erased>);

impl AnyStore {
    /// Takes any store, a user's own as well.
    pub fn new(store: impl SessionStore) -> Self {
        Self(Arc::new(store))
    }

    /// Makes the tables of a store that has any: [`SessionStore::migrate`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.0.migrate().await
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyStore(..)")
    }
}

impl SessionStore for AnyStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        self.0.migrate().await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.0.now().await
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        self.0.create(session).await
    }

    async fn load(&self, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        self.0.load(subject, id).await
    }

    async fn swap(
        &self,
        subject: &str,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
    ) -> Result<Swapped, StoreError> {
        self.0.swap(subject, id, secret_hash, swap).await
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        self.0.confirm(seen).await
    }

    async fn revoke(&self, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        self.0.revoke(subject, id, reason).await
    }

    async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.0.revoke_subject(subject, except, reason).await
    }

    async fn list(&self, subject: &str) -> Result<Vec<Listed>, StoreError> {
        self.0.list(subject).await
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        self.0.purge(limit).await
    }

    async fn revoke_all(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.0.revoke_all(before).await
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        self.0.feed(cursor).await
    }

    async fn woken(&self) {
        self.0.woken().await;
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The verbs of [`SessionStore`] with their futures boxed, so that they can be called through a pointer.
trait Erased: Send + Sync {
    fn migrate(&self) -> Boxed<'_, ()>;
    fn now(&self) -> Boxed<'_, Timestamp>;
    fn create<'a>(&'a self, session: &'a NewSession) -> Boxed<'a, Created>;
    fn load<'a>(&'a self, subject: &'a str, id: SessionId) -> Boxed<'a, Option<Loaded>>;
    fn swap<'a>(&'a self, subject: &'a str, id: SessionId, hash: &'a SecretHash, swap: &'a Swap) -> Boxed<'a, Swapped>;
    fn confirm<'a>(&'a self, seen: &'a [Seen]) -> Boxed<'a, Vec<Seen>>;
    fn revoke<'a>(&'a self, subject: &'a str, id: SessionId, reason: RevokeReason) -> Boxed<'a, bool>;
    fn revoke_subject<'a>(
        &'a self,
        subject: &'a str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Boxed<'a, Vec<SessionId>>;
    fn list<'a>(&'a self, subject: &'a str) -> Boxed<'a, Vec<Listed>>;
    fn purge(&self, limit: usize) -> Boxed<'_, usize>;
    fn revoke_all(&self, before: Timestamp) -> Boxed<'_, u64>;
    fn feed<'a>(&'a self, cursor: &'a Cursor) -> Boxed<'a, Feed>;
    fn woken(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl<S: SessionStore> Erased for S {
    fn migrate(&self) -> Boxed<'_, ()> {
        Box::pin(SessionStore::migrate(self))
    }

    fn now(&self) -> Boxed<'_, Timestamp> {
        Box::pin(SessionStore::now(self))
    }

    fn create<'a>(&'a self, session: &'a NewSession) -> Boxed<'a, Created> {
        Box::pin(SessionStore::create(self, session))
    }

    fn load<'a>(&'a self, subject: &'a str, id: SessionId) -> Boxed<'a, Option<Loaded>> {
        Box::pin(SessionStore::load(self, subject, id))
    }

    fn swap<'a>(&'a self, subject: &'a str, id: SessionId, hash: &'a SecretHash, swap: &'a Swap) -> Boxed<'a, Swapped> {
        Box::pin(SessionStore::swap(self, subject, id, hash, swap))
    }

    fn confirm<'a>(&'a self, seen: &'a [Seen]) -> Boxed<'a, Vec<Seen>> {
        Box::pin(SessionStore::confirm(self, seen))
    }

    fn revoke<'a>(&'a self, subject: &'a str, id: SessionId, reason: RevokeReason) -> Boxed<'a, bool> {
        Box::pin(SessionStore::revoke(self, subject, id, reason))
    }

    fn revoke_subject<'a>(
        &'a self,
        subject: &'a str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Boxed<'a, Vec<SessionId>> {
        Box::pin(SessionStore::revoke_subject(self, subject, except, reason))
    }

    fn list<'a>(&'a self, subject: &'a str) -> Boxed<'a, Vec<Listed>> {
        Box::pin(SessionStore::list(self, subject))
    }

    fn purge(&self, limit: usize) -> Boxed<'_, usize> {
        Box::pin(SessionStore::purge(self, limit))
    }

    fn revoke_all(&self, before: Timestamp) -> Boxed<'_, u64> {
        Box::pin(SessionStore::revoke_all(self, before))
    }

    fn feed<'a>(&'a self, cursor: &'a Cursor) -> Boxed<'a, Feed> {
        Box::pin(SessionStore::feed(self, cursor))
    }

    fn woken(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(SessionStore::woken(self))
    }
}
