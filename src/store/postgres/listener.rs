use std::convert::Infallible;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{Executor as _, PgPool};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// A task that listens for what is appended to the feed, on a connection of its own. It ends with this.
pub(super) struct Listener(AbortHandle);

impl Listener {
    /// Starts the task on the runtime that this is called in. It counts up at each wake-up.
    pub(super) fn start(options: PgConnectOptions, wake: watch::Sender<u64>) -> Self {
        Self(tokio::spawn(listen(options, wake)).abort_handle())
    }

    /// Not when its runtime is gone.
    pub(super) fn is_alive(&self) -> bool {
        !self.0.is_finished()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn listen(options: PgConnectOptions, wake: watch::Sender<u64>) {
    // A pool of one, because that is what the driver's listener takes; it never holds a place in the application's.
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).connect_lazy_with(options);
    let mut pause = SHORT_PAUSE;
    loop {
        let Err(error) = follow(&pool, &wake, &mut pause).await;
        tracing::debug!(%error, "the feed's wake-up is broken; it is polled until that is mended");
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(LONG_PAUSE);
    }
}

async fn follow(pool: &PgPool, wake: &watch::Sender<u64>, pause: &mut Duration) -> Result<Infallible, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    *pause = SHORT_PAUSE;
    loop {
        // Once when it begins, too, and when it is back after a broken connection: something may have been missed.
        wake.send_modify(|count| *count += 1);
        told(&mut listener).await?;
    }
}

/// Comes back with the next notification, or after the connection was made anew.
async fn told(listener: &mut PgListener) -> sqlx::Result<()> {
    loop {
        if let Ok(told) = tokio::time::timeout(TESTED_AFTER, listener.try_recv()).await {
            return told.map(drop);
        }
        let test = tokio::time::timeout(PATIENCE, listener.execute("SELECT 1"));
        test.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
    }
}

const CHANNEL: &str = "jwt_sessions_feed";
const SHORT_PAUSE: Duration = Duration::from_millis(100);
const LONG_PAUSE: Duration = Duration::from_secs(5);
/// A connection that breaks without a word is found by asking.
const TESTED_AFTER: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(5);
