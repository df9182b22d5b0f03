//! What other instances ended: the store's feed is followed, so that the layer can be asked without it.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::core::Core;
use crate::clock::Clock;
use crate::store::{Cursor, SessionStore};

/// What the layer does while this instance may not know what others have ended: until it has read the store's feed for the first
/// time, and when the store has not answered for more than a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stance {
    /// Access tokens are taken. A session that was ended elsewhere is honoured until its access token expires or the
    /// store answers again, whichever comes first.
    #[default]
    Serve,
    /// Requests are refused with 503 and may be sent again. While the store is away, so is the application.
    Refuse,
}

/// Whether this instance knows what others have ended; for a readiness probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeedState {
    /// It has not read the store's feed yet.
    Loading,
    /// What the store knew a second ago, it knows.
    Current,
    /// It may not: the store has not answered for longer, or takes longer to answer; or a part of it alone has, as of a Cluster with
    /// a shard that is away. What that part has ended is known.
    Behind,
}

/// When the feed was last heard.
pub(crate) struct Heard {
    clock: Clock,
    stance: Stance,
    is_loaded: watch::Sender<bool>,
    /// Milliseconds of uptime.
    at: AtomicU64,
}

impl Heard {
    pub(crate) fn new(clock: Clock, stance: Stance) -> Self {
        Self { clock, stance, is_loaded: watch::Sender::new(false), at: AtomicU64::new(0) }
    }

    pub(crate) fn state(&self) -> FeedState {
        if !*self.is_loaded.borrow() {
            return FeedState::Loading;
        }
        let heard = Duration::from_millis(self.at.load(Ordering::Acquire));
        if self.clock.uptime().saturating_sub(heard) > SILENCE { FeedState::Behind } else { FeedState::Current }
    }

    /// Whether the layer may go by what is known.
    pub(crate) fn may_serve(&self) -> bool {
        self.stance == Stance::Serve || self.state() == FeedState::Current
    }

    /// Waits until the feed was read once.
    pub(crate) async fn loaded(&self) {
        // An error says that the sender is gone, which is here.
        let _ = self.is_loaded.subscribe().wait_for(|is_loaded| *is_loaded).await;
    }

    /// Everything up to a moment of uptime.
    fn heard(&self, at: Duration) {
        self.at.store(u64::try_from(at.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
        self.is_loaded.send_if_modified(|is_loaded| !std::mem::replace(is_loaded, true));
    }
}

/// Follows the feed until it is dropped, also after a panic of the application's store.
pub(crate) async fn follow<S: SessionStore>(core: Arc<Core<S>>) {
    loop {
        let mut following = JoinSet::new();
        following.spawn(read_on(Arc::clone(&core)));
        following.join_next().await;
        tokio::time::sleep(SILENCE).await;
    }
}

async fn read_on<S: SessionStore>(core: Arc<Core<S>>) {
    let mut cursor = Cursor::default();
    // Said once, and not twice a second until somebody mends it.
    let mut is_heard = true;
    // An answer is as old as its question, and one of several pages as the first of them.
    let mut asked = core.clock.uptime();
    loop {
        let begun = Instant::now();
        match core.timed(core.store.feed(&cursor)).await {
            Ok(feed) => {
                if !std::mem::replace(&mut is_heard, true) {
                    tracing::info!("what other instances end is heard again");
                }
                feed.entries.iter().for_each(|entry| core.ended.note(entry));
                cursor = feed.cursor;
                if feed.more {
                    continue;
                }
                if feed.partial {
                    tracing::debug!("a part of the feed was not read");
                } else {
                    core.heard.heard(asked);
                }
            }
            Err(error) if std::mem::replace(&mut is_heard, false) => {
                tracing::warn!(
                    error = &error as &dyn StdError,
                    "what other instances end is not heard: the session store failed"
                );
            }
            Err(error) => tracing::debug!(error = &error as &dyn StdError, "the feed was not read"),
        }
        if tokio::time::timeout_at(begun + POLL, core.store.woken()).await.is_ok() {
            // What is ended at the same moment is read at once.
            tokio::time::sleep(GATHER).await;
        }
        asked = core.clock.uptime();
    }
}

/// How often the feed is read where nobody wakes its reader.
const POLL: Duration = Duration::from_millis(500);
/// How long a reader that was woken waits for more.
const GATHER: Duration = Duration::from_millis(10);
/// After how long without an answer this instance may be behind.
const SILENCE: Duration = Duration::from_secs(1);
