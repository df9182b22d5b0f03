//! The application's pool, from which no connection is lost to a server that says nothing more.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool, Postgres};
use sqlx::{Connection as _, Transaction};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::sql::BEGIN;
use crate::store::{StoreError, StoreErrorKind};

#[derive(Clone)]
pub(super) struct Pool(pub(super) PgPool);

impl Pool {
    pub(super) async fn acquire(&self) -> sqlx::Result<Conn> {
        self.0.acquire().await.map(|conn| Conn { conn, is_whole: true })
    }

    /// Whether a connection is to be tested before it is used again.
    pub(super) fn tests(&self) -> bool {
        self.0.options().get_test_before_acquire()
    }

    /// Whether all connections that there may be are in use.
    pub(super) fn is_dry(&self) -> bool {
        self.0.num_idle() == 0 && self.0.size() >= self.0.options().get_max_connections()
    }
}

/// A connection of the pool, given back when it is dropped.
///
/// The driver asks each connection that it is given back whether it lives, and waits for the answer without end: where the
/// server is gone without a word, the pool would run dry. Here that has an end, and then the connection is closed.
pub(super) struct Conn {
    conn: PoolConnection<Postgres>,
    /// Whether it is in no transaction.
    is_whole: bool,
}

impl Conn {
    /// Begins a transaction. Until [`ended`](Self::ended) is said, the connection is closed and not given back: the driver
    /// does not know of a transaction whose beginning was dropped half-way.
    pub(super) async fn begin(&mut self) -> sqlx::Result<Transaction<'_, Postgres>> {
        self.is_whole = false;
        self.conn.begin_with(BEGIN).await
    }

    /// The transaction was committed or rolled back.
    pub(super) fn ended(&mut self) {
        self.is_whole = true;
    }

    /// Closes the connection.
    pub(super) fn close(mut self) {
        self.is_whole = false;
    }
}

impl Deref for Conn {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.conn
    }
}

impl DerefMut for Conn {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.conn
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        // What the driver does itself, but as a future that can be given up: then the connection is closed, and its place is free.
        let back = self.conn.return_to_pool();
        if let (true, Ok(runtime)) = (self.is_whole, Handle::try_current()) {
            runtime.spawn(timeout(PATIENCE, back));
        }
    }
}

/// Gives up what takes longer than any caller waits: the server is gone without a word.
///
/// On the heap: the driver's futures are kilobytes, and would be moved along with whatever waits for them, all the way up to the
/// request's handler.
pub(super) fn limited<T>(
    work: impl Future<Output = Result<T, StoreError>> + Send,
) -> impl Future<Output = Result<T, StoreError>> + Send {
    let work = Box::pin(work);
    async { timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Timeout))) }
}

/// Long enough for a statement whose caller is gone to get its lock: a server finishes it even when the connection is closed.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
