//! How a verb gets a connection, and what becomes of it when the caller stops waiting.

use std::future::Future;
use std::time::Duration;

use sqlx::mysql::{MySql, MySqlConnection, MySqlPool};
use sqlx::pool::PoolConnection;
use sqlx::{Connection, Transaction};

use super::error::{broken, is_deadlock, timeout, unavailable};
use crate::store::StoreError;

/// What a verb does on a connection. It may be run again after a deadlock, which left nothing of it.
pub(super) trait Work: Send + Sync + 'static {
    type Answer: Send + 'static;

    /// How long it may take.
    const PATIENCE: Duration = PATIENCE;

    fn run(&self, conn: &mut MySqlConnection) -> impl Future<Output = sqlx::Result<Self::Answer>> + Send;
}

/// Runs `work` on a connection of the pool. A caller that stops waiting while it waits for a connection leaves nothing;
/// later the work goes on without it.
///
/// A call of this driver that is dropped half-way leaves a connection that has lost count of its answers. Its pool finds out
/// by asking it once more, for which it waits without end where the server is gone: the application's pool would run dry.
pub(super) async fn call<W: Work>(pool: &MySqlPool, work: W) -> Result<W::Answer, StoreError> {
    // On the heap: the driver's future is kilobytes, and would be moved along with whatever waits for it.
    let conn = Box::pin(pool.acquire()).await.map_err(broken)?;
    match tokio::spawn(finish(conn, work)).await {
        Ok(done) => done,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(unavailable("the runtime is shutting down")),
        },
    }
}

async fn finish<W: Work>(mut conn: PoolConnection<MySql>, work: W) -> Result<W::Answer, StoreError> {
    match tokio::time::timeout(W::PATIENCE, retried(&mut conn, &work)).await {
        Ok(done) => {
            give_back(conn);
            done.map_err(broken)
        }
        Err(_) => {
            drop(conn.detach());
            Err(timeout("the server did not answer"))
        }
    }
}

/// What the driver does when a connection is dropped, with an end: it asks each one that it is given back whether it lives, and
/// waits for the answer for as long as that takes.
fn give_back(mut conn: PoolConnection<MySql>) {
    tokio::spawn(tokio::time::timeout(PATIENCE, conn.return_to_pool()));
}

async fn retried<W: Work>(conn: &mut MySqlConnection, work: &W) -> sqlx::Result<W::Answer> {
    for _ in 1..TRIES {
        match work.run(conn).await {
            Err(error) if is_deadlock(&error) => {}
            done => return done,
        }
    }
    work.run(conn).await
}

/// Begins a transaction in which every statement sees what was committed before it, and no lock is on what is not there:
/// two logins of neighbouring subjects would otherwise wait for one another.
pub(super) async fn begin(conn: &mut MySqlConnection) -> sqlx::Result<Transaction<'_, MySql>> {
    conn.begin_with(BEGIN).await
}

/// Whoever called gave up long before: the server is gone without a word, and so is the connection.
const PATIENCE: Duration = Duration::from_secs(15);

const TRIES: u32 = 5;

const BEGIN: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION";
