use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mongodb::Database;
use tokio::time::timeout;

use super::collections::{Call, Collections};
use super::error::unavailable;
use super::{feed, purge, schema, sessions, subjects};
use crate::store::round::Round;
use crate::store::{
    Created, Cursor, Feed, Listed, Loaded, NewSession, RevokeReason, Seen, SessionStore, StoreError, StoreErrorKind,
    Swap, Swapped,
};
use crate::token::{SecretHash, SessionId, Timestamp};

/// Sessions in a MongoDB database, over the application's own client.
///
/// It is made for MongoDB 5.0 and later, a replica set or a single server. It was run against `nx-27017` 0.8.1, which speaks
/// MongoDB's protocol over SQLite: **MongoDB's own server was not run**, so that what follows about majorities and elections
/// is by its documentation.
///
/// 1. What happens to one session is one atomic command on its document; no transactions are needed. A rotation that wins is
///    one `findAndModify`, one round trip; one that loses reads the row in a second. A login takes eight commands after the
///    one for the clock, and two more where another session must make room: it is written down whole before the first of them, so that it is made whole.
///    Logging out everywhere refuses earlier logins in one step, and ends the sessions one after the other: where that breaks
///    off, it is an error, some have ended, and the call is to be made again.
/// 2. Whatever the client's defaults are, reads go to the server that takes the writes, and a write is answered when it is in
///    the journals of a majority; only [`confirm`](SessionStore::confirm) waits for one server alone. A write that has no
///    majority within 5 seconds is an error, although it may get there, and so is a read or a rotation that the server works
///    at for longer; only ending all sessions of all subjects, a purge, and making indexes take as long as it takes.
/// 3. `now` is that server's clock. An update cannot ask for it, so that `hello` is asked every 30 seconds, and after
///    errors and a suspension of this machine, how far it is from this process's monotonic clock. It is wrong by at most half
///    the round trip of the best measurement of late and a part in two thousand of the time since (15 ms after 30 seconds),
///    and is read when a command is sent: a command that waits (for a connection, for a server that stands still) is decided
///    by the moment before. Whether a login was in flight during a logout everywhere is not left to that: both ask anew.
/// 4. Subjects are compared byte for byte: the collections have no collation.
/// 5. The feed is an index over the sessions that were ended or cut, which is written in the same document as the end itself.
///    A reader goes back by 10 seconds each time. That all sessions were ended is counted, and told once to each reader.
///
/// ```no_run
/// use jwt_sessions::store::MongoStore;
/// use mongodb::Client;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::with_uri_str("mongodb://db1,db2,db3/?replicaSet=rs0").await?;
/// let store = MongoStore::new(client.database("app"));
/// store.migrate().await?;
/// # Ok(()) }
/// ```
///
/// # Deployment
///
/// - The collections are `jwt_sessions`, `jwt_sessions_subjects` and `jwt_sessions_meta`, beside an application's own. The
///   user needs the role `readWrite` on the database.
/// - On a single server, and where a majority is lost, nothing can be promised about a failover: use a replica set of three.
///   After an election the clock may be another one; `w: majority` keeps what was answered.
/// - The servers' clocks must be kept by NTP: within a few seconds of one another, or entries of the feed are missed for the
///   time of an election. Behind several `mongos` the clock is that of whichever answers.
/// - Sharded: `jwt_sessions` by `{ subject: "hashed" }`, `jwt_sessions_subjects` by `{ _id: "hashed" }`.
/// - One document of about 300 bytes a session, and one of about 100 a subject that logged in since yesterday or logged out
///   everywhere within 400 days. Nothing is deleted by the server itself: call `purge`.
/// - The client's pool (`maxPoolSize`, 10 where nothing is said) bounds what is under way; a call that gets no connection
///   within the [time limit](Self::time_limit) fails. The command still waits for one, because the driver knows no limit for
///   that, and a command to a server that fell silent waits until the system gives up the connection. 1,024 calls can be under
///   way at once, these included, and the others wait for one of them to end.
#[derive(Clone)]
pub struct MongoStore {
    at: Arc<Collections>,
    time_limit: Duration,
}

impl MongoStore {
    /// A store in this database. Nothing is asked or written yet: the indexes are made by [`migrate`](Self::migrate).
    pub fn new(database: Database) -> Self {
        Self { at: Arc::new(Collections::new(database)), time_limit: Duration::from_secs(5) }
    }

    /// How long a call may take before it fails with [`Timeout`](StoreErrorKind::Timeout), the wait for one of the client's
    /// connections included; 5 seconds where nothing is said. What is under way is carried out all the same.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Makes the collections' indexes, if they are not there. May be called at every start, also by many processes at once.
    ///
    /// # Errors
    ///
    /// [`Foreign`](StoreErrorKind::Foreign) when a collection of these names holds what this crate did not write, or a newer
    /// version of it did; it is then left as it was. Or when the server cannot be reached.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.run(MIGRATION, |at| async move { schema::migrate(&at).await }).await
    }

    /// Runs `work` to its end, whether or not the caller waits for it: the driver's own state suffers where its calls are
    /// dropped half-way, and a verb of several steps would be left half done.
    async fn run<T, F>(&self, limit: Duration, work: impl FnOnce(Call) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.run_after(std::future::ready(()), limit, work).await
    }

    /// The same when `turn` has come, which is kept until the work ends.
    async fn run_after<T, F, G: Send + 'static>(
        &self,
        turn: impl Future<Output = G> + Send,
        limit: Duration,
        work: impl FnOnce(Call) -> F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let (slots, work) = (Arc::clone(&self.at.slots), work(Call::new(&self.at, limit)));
        let mut is_begun = false;
        let done = timeout(limit, async {
            // Not begun before its turn: those who stopped waiting by then cost nothing. And that first: or those who wait
            // for one another would have the slots of all others. Who has a slot waits for no turn.
            let turn = turn.await;
            let slot = slots.acquire_owned().await.map_err(|_| unavailable("the store is closed"))?;
            is_begun = true;
            let work = tokio::spawn(async move {
                let _held = (turn, slot);
                work.await
            });
            work.await.unwrap_or_else(|error| Err(unavailable(error)))
        });
        let done = done.await.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Timeout)));
        // A call that never got to the server says nothing about it.
        if let Err(error) = &done
            && is_begun
            && matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Timeout)
        {
            self.at.clock.doubt();
        }
        done
    }
}

impl fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoStore").finish_non_exhaustive()
    }
}

impl SessionStore for MongoStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        Self::migrate(self).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.run(self.time_limit, move |at| async move { at.asked_now().await }).await
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        let turn = self.at.turn(&session.subject);
        let session = session.clone();
        self.run_after(turn, self.time_limit, move |at| async move { subjects::create(&at, &session).await }).await
    }

    async fn load(&self, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        let subject = subject.to_owned();
        self.run(self.time_limit, move |at| async move { sessions::load(&at, &subject, id).await }).await
    }

    async fn swap(
        &self,
        subject: &str,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
    ) -> Result<Swapped, StoreError> {
        let (subject, hash, swap) = (subject.to_owned(), *secret_hash, *swap);
        self.run(self.time_limit, move |at| async move { sessions::swap(&at, &subject, id, &hash, &swap).await }).await
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        let seen = seen.to_vec();
        self.run(self.time_limit, move |at| async move { sessions::confirm(&at, &seen).await }).await
    }

    async fn revoke(&self, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        let subject = subject.to_owned();
        self.run(self.time_limit, move |at| async move { sessions::revoke(&at, &subject, id, reason).await }).await
    }

    async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        let subject = subject.to_owned();
        self.run(
            self.time_limit,
            move |at| async move { subjects::revoke_subject(&at, &subject, except, reason).await },
        )
        .await
    }

    async fn list(&self, subject: &str) -> Result<Vec<Listed>, StoreError> {
        let subject = subject.to_owned();
        self.run(self.time_limit, move |at| async move { sessions::list(&at, &subject).await }).await
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        // One after the other, or each would read and delete what the other does. The walk ends with whoever waits for it, and
        // not with the collection: a page that is under way is all that goes on.
        let mut purged_to = self.at.purged_to.lock().await;
        let (mut round, mut deleted) = (Round::from(purged_to.clone()), 0_usize);
        while deleted < limit {
            let (start, rest) = (purged_to.clone(), limit - deleted);
            let page = self.run(PAGE, move |at| async move { purge::page(&at, &start, rest).await }).await?;
            deleted += page.deleted;
            let (is_end, is_over) = (page.next.is_none(), round.is_over(page.next.as_ref()));
            *purged_to = page.next.unwrap_or_default();
            // At the end of the collection, not of a round: of a large one no call sees a whole round.
            if is_end {
                while self.run(PAGE, |at| async move { purge::forget(&at).await }).await? {}
            }
            if is_over {
                break;
            }
        }
        Ok(deleted)
    }

    async fn revoke_all(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.run(WHOLE_COLLECTION, move |at| async move { subjects::revoke_all(&at, before).await }).await
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        let cursor = cursor.clone();
        self.run(self.time_limit, move |at| async move { feed::read(&at, &cursor).await }).await
    }
}

/// Indexes may be made on a collection that has documents already.
const MIGRATION: Duration = Duration::from_secs(600);
/// Of a purge, which nobody waits for but a background task.
const PAGE: Duration = Duration::from_secs(60);
/// What writes every session takes as long as there are sessions.
const WHOLE_COLLECTION: Duration = Duration::from_secs(3600);
