use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::PgPool;
use tokio::sync::watch;

use super::error::{retried, whole};
use super::gathered::Rotations;
use super::listener::Listener;
use super::pool::{Conn, Pool, limited};
use super::purge::{self, Page};
use super::swap::{self, Rotation};
use super::{create, ends, feed, read, schema};
use crate::clock::Clock;
use crate::store::gather::Gather;
use crate::store::round::Round;
use crate::store::{
    Created, Cursor, Feed, Listed, Loaded, NewSession, RevokeReason, Seen, SessionStore, StoreError, Swap, Swapped,
};
use crate::token::{SecretHash, SessionId, Timestamp};

/// Sessions in a PostgreSQL database, which many instances share: version 14 or newer.
///
/// It takes the application's own pool. Its tables begin with `jwt_sessions` and lie in the first schema of the search path;
/// [`migrate`](Self::migrate) makes them. Times are the server's clock.
///
/// ```no_run
/// use jwt_sessions::store::PostgresStore;
/// use sqlx::postgres::PgPoolOptions;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = PgPoolOptions::new()
///     .acquire_timeout(std::time::Duration::from_secs(5))
///     .connect("postgres://app@db.internal/app")
///     .await?;
/// let store = PostgresStore::new(pool);
/// store.migrate().await?;
/// # Ok(()) }
/// ```
///
/// # Durability
///
/// Whatever a call answered is as durable as the database's `synchronous_commit` says, `on` if nobody changed it.
/// [`relaxed_rotations`](Self::relaxed_rotations) lets rotations, and nothing else, be answered earlier.
///
/// # Deployment
///
/// - A rotation is one statement, one round trip, and a HOT update: no index is written, and pages keep room for it. `create`
///   and [`revoke_subject`](SessionStore::revoke_subject) are transactions, which wait for those of the same subject.
/// - Rotations that come while a statement of several is under way share the next one, up to 200. Nobody waits for company. A
///   row that another transaction has is left out and waited for on a connection of its own; where a statement is refused, each
///   half is tried without the other. So one or two connections carry most rotations, however many wait.
/// - What is not answered within 15 s is an error, and its connection is closed instead of given back: a host that vanishes
///   without a word costs no place in the pool. The server may still be waiting for a lock for it; a `lock_timeout` below that, or
///   `client_connection_check_interval`, ends that too. Where the network is gone and the server is not, the server ends a
///   transaction that was under way, with its locks, 5 s after it had been asked last: `idle_in_transaction_session_timeout`,
///   which each transaction sets for itself. Of several logins of one subject that were cut off, each has its turn of that. Nor may
///   an application stand still for so long within a transaction: it is an error, and nothing of it was written.
///   [`revoke_all`](SessionStore::revoke_all) has no limit for an answer.
/// - sqlx tests each connection that it takes from a pool, which is a second round trip: `test_before_acquire(false)` turns that
///   off. The default `acquire_timeout` is 30 s, longer than the 5 s that a session's caller waits.
/// - sqlx 0.9 hands out a connection with an open transaction after somebody's `begin` was dropped half-way, and what is written
///   on it is not committed. This store never drops one; an application that shares its pool must not either (its handlers are
///   dropped when a client hangs up), or gives the store a pool of its own.
/// - Live revocation listens (`LISTEN jwt_sessions_feed`) on one connection more, made with the pool's options. Where that
///   cannot be, as behind a pooler that hands connections on by transaction, revocations are found by polling, twice a second.
/// - Such a pooler must also know prepared statements (PgBouncer 1.21), or sqlx's `statement_cache_capacity(0)` is set.
/// - All writes go to one primary. The clock must not be far off when a standby takes over: ages are counted by it.
/// - TLS is sqlx's own feature, to be turned on in the application's `Cargo.toml`: `sqlx = { features = ["tls-rustls"] }`.
/// - [`revoke_all`](SessionStore::revoke_all) is no single step: logins are refused first, then the sessions are ended in pages
///   of a thousand, for which nobody else waits long. When it fails on its way, call it again.
pub struct PostgresStore {
    inner: Arc<Inner>,
    rotations: Gather<Rotations>,
    relaxed: bool,
    /// The last wake-up that this handle told of.
    told: AtomicU64,
}

struct Inner {
    pool: Pool,
    /// The block at which the next page of a purge begins.
    purged_to: AtomicI64,
    /// Counts the wake-ups of all listeners that there were.
    wake: watch::Sender<u64>,
    listener: Mutex<Option<Listener>>,
}

impl PostgresStore {
    /// A store over this pool. It asks the server for nothing.
    pub fn new(pool: PgPool) -> Self {
        let (purged_to, wake, listener) = (AtomicI64::new(0), watch::Sender::new(0), Mutex::new(None));
        let pool = Pool(pool);
        let rotations = gather(&pool, false);
        let inner = Inner { pool, purged_to, wake, listener };
        Self { inner: Arc::new(inner), rotations, relaxed: false, told: AtomicU64::new(0) }
    }

    /// Lets rotations commit with `synchronous_commit = off`: they do not wait for the disk or a standby. A crash may lose
    /// those of the last moment (three times `wal_writer_delay`, 0.6 s), which honest clients do not notice: their next
    /// token proves that it was issued. Logins, cuts and revocations are never relaxed.
    #[must_use]
    pub fn relaxed_rotations(mut self) -> Self {
        self.relaxed = true;
        self.rotations = gather(self.pool(), true);
        self
    }

    /// Makes the tables, if they are not there. May be called at every start, also by many instances at once, and writes
    /// nothing where they are: then the role needs no right to make tables.
    ///
    /// # Errors
    ///
    /// [`Foreign`](crate::store::StoreErrorKind::Foreign) when the names are taken by something that this crate did not make,
    /// or by a newer version's tables, which are then left as they are; or when the store breaks.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let pool = self.pool().clone();
        whole(async move { schema::migrate(&pool).await }).await
    }

    fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    async fn conn(&self) -> sqlx::Result<Conn> {
        self.pool().acquire().await
    }

    /// Starts the listener, if there is none.
    fn listen(&self) {
        let mut listener = self.inner.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if !listener.as_ref().is_some_and(Listener::is_alive) {
            let options = self.pool().0.connect_options();
            *listener = Some(Listener::start((*options).clone(), self.inner.wake.clone()));
        }
    }
}

impl Clone for PostgresStore {
    fn clone(&self) -> Self {
        let told = AtomicU64::new(self.told.load(Ordering::Relaxed));
        let (inner, rotations) = (Arc::clone(&self.inner), self.rotations.clone());
        Self { inner, rotations, relaxed: self.relaxed, told }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("relaxed", &self.relaxed).finish_non_exhaustive()
    }
}

impl SessionStore for PostgresStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        Self::migrate(self).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        limited(retried(|| async { read::now(&mut *self.conn().await?).await })).await
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        whole(limited(create::create(self.pool().clone(), session.clone()))).await
    }

    async fn load(&self, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        limited(retried(|| async { read::load(&mut *self.conn().await?, subject, id).await })).await
    }

    async fn swap(
        &self,
        subject: &str,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
    ) -> Result<Swapped, StoreError> {
        let rotation = Rotation { subject: subject.to_owned(), id, secret_hash: *secret_hash, swap: *swap };
        if swap.cut == 0 && !swap.authenticated {
            return self.rotations.call(rotation).await;
        }
        limited(retried(|| async { swap::behind_a_lock(&mut *self.conn().await?, &rotation).await })).await
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        limited(retried(|| async { read::confirm(&mut *self.conn().await?, seen).await })).await
    }

    async fn revoke(&self, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        limited(retried(|| async { ends::revoke(&mut *self.conn().await?, subject, id, reason).await })).await
    }

    async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        let (pool, subject) = (self.pool().clone(), subject.to_owned());
        let end = async move {
            let end = || async { ends::revoke_subject(&mut pool.acquire().await?, &subject, except, reason).await };
            limited(retried(end)).await
        };
        whole(end).await
    }

    async fn list(&self, subject: &str) -> Result<Vec<Listed>, StoreError> {
        limited(retried(|| async { read::list(&mut *self.conn().await?, subject).await })).await
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        let (mut at, mut deleted) = (self.inner.purged_to.load(Ordering::Relaxed), 0_usize);
        let mut round = Round::from(at);
        while deleted < limit {
            let page = retried(|| async { purge::page(&mut *self.conn().await?, at, limit - deleted).await });
            let page = limited(page).await?;
            let Page { deleted: dead, next } = page;
            deleted += dead;
            at = next.unwrap_or(0);
            self.inner.purged_to.store(at, Ordering::Relaxed);
            // At the end of the table, not of a round: of a large one no call sees a whole round.
            if next.is_none() {
                limited(retried(|| async { purge::forget(&mut *self.conn().await?).await })).await?;
            }
            if round.is_over(next.as_ref()) {
                break;
            }
        }
        Ok(deleted)
    }

    async fn revoke_all(&self, before: Timestamp) -> Result<u64, StoreError> {
        let pool = self.pool().clone();
        whole(async move { ends::revoke_all(&pool, before).await }).await
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        limited(feed::read(self.pool(), cursor)).await
    }

    async fn woken(&self) {
        let told = self.told.load(Ordering::Relaxed);
        let mut wakes = self.inner.wake.subscribe();
        self.listen();
        // Never an error: this store keeps the other end.
        if let Ok(count) = wakes.wait_for(|count| *count > told).await {
            self.told.store(*count, Ordering::Relaxed);
        }
    }
}

fn gather(pool: &Pool, relaxed: bool) -> Gather<Rotations> {
    Gather::new(Rotations { pool: pool.clone(), relaxed }, Clock::system())
}
