//! Who is told of new entries by the server, and does not have to ask.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::streams::StreamReadReply;
use ::redis::{AsyncConnectionConfig, Client, RedisResult, cmd};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::keys;
use super::sentinel::Sentinel;

/// A connection of its own, which waits for entries: on one that is shared everybody would wait with it.
pub(super) struct Wake {
    server: Arc<Server>,
    notify: Arc<Notify>,
    listening: OnceLock<JoinHandle<()>>,
}

pub(super) enum Server {
    One(Client),
    Sentinel(Arc<Sentinel>),
}

impl Wake {
    pub(super) fn new(server: Server) -> Self {
        Self { server: Arc::new(server), notify: Arc::default(), listening: OnceLock::new() }
    }

    /// Listens from the first call on, until the store is dropped.
    pub(super) async fn woken(&self, partitions: u16) {
        self.listening.get_or_init(|| {
            let (server, notify) = (Arc::clone(&self.server), Arc::clone(&self.notify));
            tokio::spawn(async move {
                loop {
                    // Whatever it is that fails: the feed is read all the same, and here it is tried again.
                    if let Ok(connection) = server.connect().await {
                        let _ = listen(connection, partitions, &notify).await;
                    }
                    sleep(PAUSE).await;
                }
            })
        });
        self.notify.notified().await;
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.get() {
            listening.abort();
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

async fn listen(mut connection: MultiplexedConnection, partitions: u16, notify: &Notify) -> RedisResult<()> {
    let feeds: Vec<_> = (0..partitions).map(keys::feed).collect();
    let mut read = vec!["$".to_owned(); feeds.len()];
    // What was appended while nobody listened.
    notify.notify_one();
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
        notify.notify_one();
    }
}

const PAUSE: Duration = Duration::from_secs(1);
const WAIT: Duration = Duration::from_secs(20);
const PAGE: usize = 1000;
