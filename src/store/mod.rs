//! Stores: where sessions live.
//!
//! A store never sees a usable token: only ids, generations and hashes come here. [`memory`](MemoryStore) keeps sessions in
//! this process, `SqliteStore` in one file; `PostgresStore`, `MySqlStore`, `RedisStore` and `MongoStore` where many instances
//! share them, each with the feature of its name. [`connect`] picks by URL. A store of your own implements [`SessionStore`] and
//! passes the suite of the module `conformance` (feature of the same name).

mod any;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connect;
mod error;
mod feed;
#[cfg(feature = "postgres")]
mod gather;
mod memory;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql", feature = "mongodb"))]
mod round;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::future::Future;

pub use self::any::AnyStore;
pub use self::connect::connect;
pub use self::error::{StoreError, StoreErrorKind};
pub use self::feed::{Cursor, Ends, Entry, Feed};
pub use self::memory::MemoryStore;
#[cfg(feature = "mongodb")]
pub use self::mongodb::MongoStore;
#[cfg(feature = "mysql")]
pub use self::mysql::MySqlStore;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresStore;
pub use self::record::{
    Created, Device, Listed, Loaded, NewSession, Revocation, RevokeReason, Row, Seen, Swap, Swapped,
};
#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
use crate::token::{SecretHash, SessionId, Timestamp};

/// The contract of a session store.
///
/// Few verbs, each atomic. Implement them with `async fn`; the module `conformance` tells whether they are right.
///
/// - **What must be atomic**: every verb but [`now`](Self::now), [`list`](Self::list), [`purge`](Self::purge) and
///   [`revoke_all`](Self::revoke_all). Two calls of [`swap`](Self::swap) for one row that expect the same never both win.
/// - **What must be durable** when the call returns: everything but [`confirm`](Self::confirm), and a `swap` whose `cut` is
///   0, which a failover may lose once: the client's next token proves that it was made.
/// - **What `now` means**: the store's own clock, read at the moment of the decision and after any wait for a lock, in
///   milliseconds. A store that several processes share decides with one clock.
/// - **What is secret**: nothing here opens anything. Subjects, addresses and user agents are personal data.
/// - **Subjects** are 1 to 1,024 bytes without U+0000, compared byte for byte: no collation, no trimming. A session is found
///   by its id *and* subject; with another's subject it does not exist.
/// - **Errors** mean that the store broke ([`StoreError`]); what was not found is an answer. After an error the caller must
///   assume that a write may have happened.
/// - **Dropped calls**: the caller may stop waiting at any moment. The write then happens whole or not at all.
pub trait SessionStore: Send + Sync + 'static {
    /// Makes the tables, or whatever sessions are kept in, where they are not there yet: explicit, because an application may
    /// not be allowed to, and may be called at every start, also by many processes at once. Nothing, unless a store says so.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Foreign`] when something of the same name is there that this crate did not make, or a newer version
    /// of it did: it is left alone; when the store breaks.
    fn migrate(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// The store's present, which [`create`](Self::create) compares with that of a logout everywhere. It is asked before a
    /// person's credentials are read: instances' own clocks may say what they like.
    ///
    /// Read after the call began, by the clock that the other verbs decide with. A moment answered before
    /// [`revoke_subject`](Self::revoke_subject) was called is refused by `create`; one answered two milliseconds after it came
    /// back, is not. Where sessions lie in several places with clocks of their own, it is the earliest of those that can be
    /// asked: nobody knows yet whose credentials they will be.
    ///
    /// # Errors
    ///
    /// When the store breaks.
    fn now(&self) -> impl Future<Output = Result<Timestamp, StoreError>> + Send;

    /// Opens a session: [`Row::opened`] at the store's present.
    ///
    /// In the same step, when the subject then has more than `limit` living sessions, the others that were rotated longest
    /// ago are revoked with [`RevokeReason::Limit`]. Refused as [`Created::TooLate`] when
    /// [`revoke_subject`](Self::revoke_subject) ran at `credentials_read_at` or later, or [`revoke_all`](Self::revoke_all)
    /// named a later moment. [`now`](Self::now) has said when that was.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Full`] from a bounded store that only holds living sessions; when the subject has a session of this
    /// id already, which is left as it is; or when the store breaks.
    fn create(&self, session: &NewSession) -> impl Future<Output = Result<Created, StoreError>> + Send;

    /// The session of that id and subject, whatever its state; none when there is no such row.
    ///
    /// # Errors
    ///
    /// When the store breaks.
    fn load(&self, subject: &str, id: SessionId) -> impl Future<Output = Result<Option<Loaded>, StoreError>> + Send;

    /// The compare-and-swap of a rotation: [`Swap::apply`] in one atomic step, also demanding that the row has this subject
    /// and secret hash. A loser gets the row as it is after the winner's write.
    ///
    /// # Errors
    ///
    /// When the store breaks.
    fn swap(
        &self,
        subject: &str,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
    ) -> impl Future<Output = Result<Swapped, StoreError>> + Send;

    /// Notes generations that were seen in use, many at once: `seen` becomes `generation` where they are equal. Answers those
    /// that are orphans: `previous < seen < generation` and `cut <= seen` in a living session. Everything else is ignored.
    ///
    /// # Errors
    ///
    /// When the store breaks; what was noted before is kept.
    fn confirm(&self, seen: &[Seen]) -> impl Future<Output = Result<Vec<Seen>, StoreError>> + Send;

    /// Ends a session; whether it was living until now. The first reason stays.
    ///
    /// # Errors
    ///
    /// When the store breaks.
    fn revoke(
        &self,
        subject: &str,
        id: SessionId,
        reason: RevokeReason,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends all living sessions of a subject, or all but one, and answers which. Logins whose credentials were read up to now
    /// are refused from now on, for [`NOTED_FOR`] at least, also where no session was living.
    ///
    /// # Errors
    ///
    /// When the store breaks.
    fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> impl Future<Output = Result<Vec<SessionId>, StoreError>> + Send;

    /// The living sessions of a subject, those rotated last first.
    ///
    /// # Errors
    ///
    /// When the store breaks.
    fn list(&self, subject: &str) -> impl Future<Output = Result<Vec<Listed>, StoreError>> + Send;

    /// Deletes at most `limit` sessions that are expired, idle for too long, or were revoked more than [`REVOKED_FOR`] ago,
    /// and answers how many. Called again until it answers less than `limit`.
    ///
    /// # Errors
    ///
    /// When the store breaks.
    fn purge(&self, limit: usize) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Ends all living sessions of all subjects that were opened before `before`, with [`RevokeReason::Revoked`], and answers
    /// how many; refuses logins whose credentials were read before then. For operators: a store restored from a backup, a
    /// leaked key.
    ///
    /// It may be done in steps, the logins first.
    ///
    /// # Errors
    ///
    /// When the store breaks: some sessions may have been ended, and the call is to be made again.
    fn revoke_all(&self, before: Timestamp) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// What was ended or cut lately, from `cursor` on: a page, and where the next one begins.
    ///
    /// In the same step in which it is done, each of these appends to the feed: a session that is ended, one
    /// [`Ends::Session`]; a swap that wins with a `cut` above 0, one [`Ends::Below`]; [`revoke_all`](Self::revoke_all), one
    /// [`Ends::All`], or one behind its first step and one behind its last. Whatever was committed before this call is read, if it is of use ([`REVOKED_FOR`]) and was not read
    /// before `cursor`, also when others that began later were committed, and read, before it. Entries may come twice. A
    /// cursor that the store does not understand, or that is ahead of it because a copy was restored, is the beginning.
    ///
    /// Where sessions lie in several places, those that answer do not wait for one that is away: the page is
    /// [`partial`](Feed::partial), and an instance that reads no other one is [`Behind`](crate::session::FeedState::Behind).
    ///
    /// Many instances ask this twice a second: where nothing happened, it costs next to nothing.
    ///
    /// # Errors
    ///
    /// When the store breaks.
    fn feed(&self, cursor: &Cursor) -> impl Future<Output = Result<Feed, StoreError>> + Send;

    /// Comes back when there may be something new in the [`feed`](Self::feed); never, unless the store can tell.
    ///
    /// It is a wake-up and carries nothing: the feed is read twice a second all the same.
    fn woken(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// How long a revoked session is kept, so that its end can still be told from never having been, and an entry of the feed is
/// of use: one hour and one minute, the longest life of an access token and what clocks may differ by.
pub const REVOKED_FOR: std::time::Duration = std::time::Duration::from_secs(3660);

/// How long a store remembers that all sessions of a subject were ended: 400 days. Nobody's credentials of longer ago open a
/// session, so that a login at another system, however long its token lives, never survives a logout everywhere.
pub const NOTED_FOR: std::time::Duration = std::time::Duration::from_secs(400 * 24 * 3600);
