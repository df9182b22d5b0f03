use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::mysql::MySqlPool;

use super::confirm::Confirm;
use super::create::Create;
use super::error::refused;
use super::purge::{self, Place};
use super::read::{List, Load, Now};
use super::revoke::{Revoke, RevokeAll, RevokeSubject};
use super::swap::Exchange;
use super::work::call;
use super::{feed, schema};
use crate::store::round::Round;
use crate::store::{
    Created, Cursor, Feed, Listed, Loaded, NewSession, RevokeReason, Seen, SessionStore, StoreError, Swap, Swapped,
};
use crate::token::{SecretHash, SessionId, Timestamp};

/// Sessions in MariaDB or MySQL, over the application's own pool; many instances may share them.
///
/// Written for MariaDB from 10.6 on and MySQL from 8.0 on, in what both understand; it was run against MariaDB 10.11. MySQL
/// itself was not run.
///
/// ```no_run
/// use jwt_sessions::store::{MySqlStore, SessionStore};
/// use sqlx::mysql::MySqlPoolOptions;
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = MySqlPoolOptions::new()
///     .test_before_acquire(false)
///     .connect("mysql://app:password@db.example/app?ssl-mode=VERIFY_IDENTITY")
///     .await?;
/// let store = MySqlStore::new(pool);
/// store.migrate().await?;
/// # Ok(()) }
/// ```
///
/// 1. A rotation is one `CALL`, one round trip: the procedure waits for the row, reads the clock, compares and writes, and
///    answers the row after the commit. So are a lost swap, a cut with its entry in the feed, and a read.
/// 2. Every other write is one transaction under READ COMMITTED, whatever the connections are set to. One that loses a
///    deadlock is tried again, up to five times.
/// 3. The server's clock decides, in UTC and after any wait for a lock; the session's time zone, SQL modes and characters
///    make no difference.
/// 4. A call that the caller stops waiting for goes on to its end; after 15 seconds without an answer its connection is
///    closed and not given back.
///
/// # What it needs from the server
///
/// [`migrate`](SessionStore::migrate) makes the tables `jwt_sessions`, `jwt_sessions_meta`, `jwt_sessions_subjects` and
/// `jwt_sessions_feed` and the procedure `jwt_sessions_swap_1`, in the database that the pool's connections use: it needs
/// CREATE, INDEX, CREATE ROUTINE and ALTER ROUTINE. Once they are there, it only reads, and SELECT, INSERT, UPDATE, DELETE
/// and EXECUTE are enough. A dump has the procedure only with `--routines`; where it is missing, `migrate` makes it again.
///
/// InnoDB with pages of 8 KiB or more; a binary log, if there is one, in the format ROW or MIXED (both servers' default).
///
/// # Deployment
///
/// - **Durability** is the server's: `innodb_flush_log_at_trx_commit = 1` (the default), and `sync_binlog = 1` where a
///   replica may be promoted. With less, or with a replica that lags, a crash may take back logouts; a lost rotation is
///   made good by the client's next token.
/// - **One server writes.** Replicas are for its failure, not for reading. In a cluster whose nodes all write (Galera, group
///   replication) all instances must use the same node: what one transaction only locks is not seen by the other nodes, and
///   a login could survive a logout of all sessions.
/// - **The pool**: sqlx asks every connection whether it lives before it is used, unless
///   `test_before_acquire(false)` is set: a second round trip. Its `acquire_timeout`, 30 seconds unless set, should be below
///   five, and a `SET SESSION innodb_lock_wait_timeout = 4` for each connection ends waits that nobody waits for any more.
///   [`connect`](crate::store::connect) sets all three. The connections must have `autocommit` on, as they have by default.
/// - **Encryption** is the driver's feature: turn on one of sqlx's `tls-*` features in the application, and ask for it with
///   `ssl-mode=VERIFY_IDENTITY`; the driver's default takes what the server offers, also nothing.
/// - **[`revoke_all`](SessionStore::revoke_all)** is one transaction over all sessions, and logins wait for its end.
/// - **The feed** is read by its numbers. One that is missing is asked for again until it is there, so that what is committed
///   late is read however late; only when more than 16 are missing at once, those are given up of which a minute has gone by.
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

    async fn now(&self) -> Result<Timestamp, StoreError> {
        call(&self.pool, Now).await
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
        let (mut at, mut deleted) = (self.purged_to().sessions, 0_usize);
        let mut round = Round::from(at.clone());
        while deleted < limit {
            let page = call(&self.pool, purge::Sessions { start: at, limit: limit - deleted }).await?;
            deleted += page.deleted;
            let (is_end, is_over) = (page.next.is_none(), round.is_over(page.next.as_ref()));
            at = page.next.unwrap_or_default();
            self.set_purged_to(|purged| purged.sessions = at.clone());
            // At the end of the table, not of a round: of a large one no call sees a whole round.
            if is_end {
                self.tidy().await?;
            }
            if is_over {
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
