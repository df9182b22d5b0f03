//! Who is told of new entries by the server, and does not have to ask.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::streams::StreamReadReply;
use ::redis::{AsyncConnectionConfig, Client, RedisResult, cmd};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::keys;
use super::sentinel::Sentinel;

/// A connection of its own, which waits for entries: on one that is shared everybody would wait with it.
pub(super) struct Wake {
    shared: Arc<Shared>,
    /// The last wake-up that this handle told of: each has a reader of its own.
    told: AtomicU64,
}

pub(super) enum Server {
    One(Client),
    Sentinel(Arc<Sentinel>),
}

struct Shared {
    server: Arc<Server>,
    /// Counts the wake-ups of all listeners that there were.
    count: watch::Sender<u64>,
    listener: Mutex<Option<AbortHandle>>,
}

impl Wake {
    pub(super) fn new(server: Server) -> Self {
        let shared = Shared { server: Arc::new(server), count: watch::Sender::new(0), listener: Mutex::new(None) };
        Self { shared: Arc::new(shared), told: AtomicU64::new(0) }
    }

    /// Listens from the first call on, until the last handle is dropped.
    pub(super) async fn woken(&self, partitions: u16) {
        let told = self.told.load(Ordering::Relaxed);
        let mut count = self.shared.count.subscribe();
        self.shared.listen(partitions);
        // Never an error: this keeps the other end.
        if let Ok(count) = count.wait_for(|count| *count > told).await {
            self.told.store(*count, Ordering::Relaxed);
        }
    }
}

impl Clone for Wake {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), told: AtomicU64::new(self.told.load(Ordering::Relaxed)) }
    }
}

impl Shared {
    /// Starts the listener on the runtime that this is called in, if there is none: the last one may have ended with its
    /// runtime.
    fn listen(&self, partitions: u16) {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if listener.as_ref().is_some_and(|listener| !listener.is_finished()) {
            return;
        }
        let (server, count) = (Arc::clone(&self.server), self.count.clone());
        let listens = tokio::spawn(async move {
            loop {
                // Whatever it is that fails: the feed is read all the same, and here it is tried again.
                if let Ok(connection) = server.connect().await {
                    let _ = listen(connection, partitions, &count).await;
                }
                sleep(PAUSE).await;
            }
        });
        *listener = Some(listens.abort_handle());
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let listener = self.listener.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = listener {
            listener.abort();
        }
    }
}

impl Server {
    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        // It is meant to wait for its answers.
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(PAUSE)).set_response_timeout(None);
        match self {
            Self::One(client) => Box::pin(client.get_multiplexed_async_connection_with_config(&config)).await,
            Self::Sentinel(sentinel) => sentinel.connect(&config).await,
        }
    }
}

async fn listen(mut connection: MultiplexedConnection, partitions: u16, count: &watch::Sender<u64>) -> RedisResult<()> {
    let feeds: Vec<_> = (0..partitions).map(keys::feed).collect();
    let mut read = vec!["$".to_owned(); feeds.len()];
    // What was appended while nobody listened.
    count.send_modify(|count| *count += 1);
    loop {
        let mut wait = cmd("XREAD");
        wait.arg("COUNT").arg(PAGE).arg("BLOCK").arg(WAIT.as_millis() as u64).arg("STREAMS").arg(&feeds).arg(&read);
        let appended: Option<StreamReadReply> = match timeout(WAIT + PAUSE, wait.query_async(&mut connection)).await {
            Ok(answer) => answer?,
            // A server that is gone does not say so.
            Err(_) => return Ok(()),
        };
        let Some(appended) = appended else { continue };
        for feed in appended.keys {
            let place = feeds.iter().position(|key| *key == feed.key).and_then(|at| read.get_mut(at));
            if let (Some(read), Some(last)) = (place, feed.ids.last()) {
                read.clone_from(&last.id);
            }
        }
        count.send_modify(|count| *count += 1);
    }
}

const PAUSE: Duration = Duration::from_secs(1);
const WAIT: Duration = Duration::from_secs(20);
const PAGE: usize = 1000;
