use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::sync::oneshot;

use super::error::unavailable;
use super::purge::{self, Page, Place};
use super::queue::Queue;
use super::{feed, file, schema, statements, writer};
use crate::clock::Clock;
use crate::store::round::Round;
use crate::store::{
    Created, Cursor, Feed, Listed, Loaded, NewSession, RevokeReason, Seen, SessionStore, StoreError, Swap, Swapped,
};
use crate::token::{SecretHash, SessionId, Timestamp};

/// Sessions in one SQLite file, which several processes of one machine may share.
///
/// Whatever a call answered survives the process and the power: the file keeps a write-ahead log, and every commit waits for
/// the disk. Calls that come at the same time share a commit. One thread owns the connection that writes, another the one
/// that reads; both end with the last clone of the store, and the last thing they do is to merge the log into the file.
///
/// ```
/// use jwt_sessions::{clock::Clock, store::SqliteStore};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("sessions.db");
/// let store = SqliteStore::open(file, Clock::system()).await?;
/// store.migrate().await?;
/// # Ok(()) }
/// ```
///
/// # Deployment
///
/// The file must be on a disk of this machine: a write-ahead log does not work over a network. Beside it SQLite keeps
/// `-wal` and `-shm`, which belong to it; a copy is made with `VACUUM INTO` or SQLite's backup, not with `cp`. Times are
/// this machine's clock.
#[derive(Clone)]
pub struct SqliteStore {
    writer: Queue,
    reader: Queue,
    clock: Clock,
    /// Where the next page of a purge begins.
    purged_to: Arc<Mutex<Place>>,
}

impl SqliteStore {
    /// Opens the file at `path`, or makes an empty one that only its owner can read. It writes nothing to it: the tables are
    /// made by [`migrate`](Self::migrate).
    ///
    /// A file may hold an application's own tables beside the sessions. A file of up to 256 MiB is checked for damage first.
    ///
    /// # Errors
    ///
    /// [`Foreign`](crate::store::StoreErrorKind::Foreign) when the file is damaged, no database, another program's, or of a
    /// newer version of this crate; it is then left exactly as it was.
    /// [`Unavailable`](crate::store::StoreErrorKind::Unavailable) when it cannot be opened;
    /// [`Configuration`](crate::store::StoreErrorKind::Configuration) when the path names no file, such as `:memory:`.
    pub async fn open(path: impl AsRef<Path>, clock: Clock) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let (opened, is_open) = oneshot::channel();
        let (reading, has_read) = mpsc::channel::<Infallible>();
        let time = clock.clone();
        let writer = Queue::serve("sessions-write", move |orders| {
            // If the caller is gone, so are its queues, and this thread ends at once.
            match file::open(&path) {
                Ok((mut write, read)) => {
                    let _ = opened.send(Ok(read));
                    writer::write(&mut write, &time, &orders);
                    // Whoever closes a file last merges its log into it. Of two that close at once, none is the last.
                    let _ = has_read.recv();
                }
                Err(error) => drop(opened.send(Err(error))),
            }
        })?;
        let mut read = is_open.await.unwrap_or_else(|_| Err(unavailable("the store's thread is gone")))?;
        let time = clock.clone();
        let reader = Queue::serve("sessions-read", move |orders| {
            writer::read(&mut read, &time, &orders);
            drop(read);
            drop(reading);
        })?;
        Ok(Self { writer, reader, clock, purged_to: Arc::default() })
    }

    /// Makes the tables, if they are not there. May be called at every start, also by many processes at once.
    ///
    /// # Errors
    ///
    /// When the file has become another program's in the meantime, or cannot be written.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.writer.call_alone(schema::migrate).await
    }

    fn purged_to(&self) -> Place {
        self.purged_to.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_purged_to(&self, place: Place) {
        *self.purged_to.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SessionStore for SqliteStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        Self::migrate(self).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.clock.now())
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        let session = session.clone();
        self.writer.call(move |conn, now| statements::create(conn, &session, now)).await
    }

    async fn load(&self, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        let (subject, clock) = (subject.to_owned(), self.clock.clone());
        let load = move |conn: &_, _| {
            let row = statements::load(conn, &subject, id)?;
            Ok(row.map(|row| Loaded::new(row, clock.now())))
        };
        self.reader.call(load).await
    }

    async fn swap(
        &self,
        subject: &str,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
    ) -> Result<Swapped, StoreError> {
        let (subject, secret_hash, swap) = (subject.to_owned(), *secret_hash, *swap);
        self.writer.call(move |conn, now| statements::swap(conn, &subject, id, &secret_hash, &swap, now)).await
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        let seen = seen.to_vec();
        self.writer.call(move |conn, now| statements::confirm(conn, &seen, now)).await
    }

    async fn revoke(&self, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        let subject = subject.to_owned();
        self.writer.call(move |conn, now| statements::revoke(conn, &subject, id, reason, now)).await
    }

    async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        let subject = subject.to_owned();
        self.writer.call(move |conn, now| statements::revoke_subject(conn, &subject, except, reason, now)).await
    }

    async fn list(&self, subject: &str) -> Result<Vec<Listed>, StoreError> {
        let subject = subject.to_owned();
        let mut listed = self.reader.call(move |conn, _| statements::list(conn, &subject)).await?;
        let now = self.clock.now();
        listed.retain(|listed| listed.row.is_living(now));
        Ok(listed)
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        let (mut at, mut deleted) = (self.purged_to(), 0_usize);
        let mut round = Round::from(at.clone());
        while deleted < limit {
            let (clock, rest) = (self.clock.clone(), limit - deleted);
            let Page { dead, next } =
                self.reader.call(move |conn, _| purge::page(conn, &at, rest, clock.now())).await?;
            if !dead.is_empty() {
                deleted += self.writer.call(move |conn, now| purge::delete(conn, &dead, now)).await?;
            }
            let (is_end, is_over) = (next.is_none(), round.is_over(next.as_ref()));
            at = next.unwrap_or_default();
            self.set_purged_to(at.clone());
            // At the end of the table, not of a round: of a large one no call sees a whole round.
            if is_end {
                self.writer.call(purge::forget).await?;
                while self.writer.call(feed::forget).await? {}
            }
            if is_over {
                break;
            }
        }
        Ok(deleted)
    }

    async fn revoke_all(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.writer.call(move |conn, now| statements::revoke_all(conn, before, now)).await
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        let cursor = cursor.clone();
        self.reader.call(move |conn, now| feed::read(conn, &cursor, now)).await
    }
}

#[cfg(test)]
mod tests;
