use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mongodb::bson::Document;
use mongodb::options::{
    Acknowledgment, CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Collection, Database};
use tokio::sync::{OwnedMutexGuard, Semaphore};
use tokio::time::Instant;

use super::clock::ServerClock;
use super::schema;
use crate::store::{StoreError, StoreErrorKind};
use crate::token::Timestamp;

/// The collections, and what the clones of a store share. What they promise does not depend on the application's defaults:
/// a write is on the disks of a majority before it is answered, and reads see what the writing server has. Where there is no
/// majority, or a server is stuck, a write or a read is an error in time: or it would keep its slot and its connection.
pub(super) struct Collections {
    pub(super) database: Database,
    /// One document a session.
    pub(super) sessions: Collection<Document>,
    /// When a subject's sessions were all ended, and the session that is being opened.
    pub(super) subjects: Collection<Document>,
    /// One document: the version, and when all sessions were ended.
    pub(super) meta: Collection<Document>,
    pub(super) clock: Arc<ServerClock>,
    /// How many calls may be under way.
    pub(super) slots: Arc<Semaphore>,
    is_checked: AtomicBool,
    /// Behind which session the next page of a purge begins. Whoever purges has it for as long as somebody waits for it.
    pub(super) purged_to: tokio::sync::Mutex<String>,
    turns: Vec<Arc<tokio::sync::Mutex<()>>>,
}

impl Collections {
    pub(super) fn new(database: Database) -> Self {
        let mut in_time = majority();
        in_time.w_timeout = Some(COMMAND);
        let options = CollectionOptions::builder()
            .selection_criteria(primary())
            .read_concern(ReadConcern::local())
            .write_concern(in_time)
            .build();
        let collection = |name| database.collection_with_options(name, options.clone());
        Self {
            sessions: collection(SESSIONS),
            subjects: collection(SUBJECTS),
            meta: collection(META),
            clock: Arc::new(ServerClock::new(database.clone())),
            slots: Arc::new(Semaphore::new(UNDER_WAY)),
            is_checked: AtomicBool::new(false),
            purged_to: tokio::sync::Mutex::default(),
            turns: std::iter::repeat_with(Arc::default).take(TURNS).collect(),
            database,
        }
    }

    /// This process's logins of one subject wait for one another here, where it costs less than to lose to one another there.
    pub(super) async fn turn(&self, subject: &str) -> Option<OwnedMutexGuard<()>> {
        let mut hasher = DefaultHasher::new();
        subject.hash(&mut hasher);
        let turn = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0);
        match self.turns.get(turn) {
            Some(turn) => Some(Arc::clone(turn).lock_owned().await),
            None => None,
        }
    }
}

/// What a call works with, and how long somebody waits for it.
pub(super) struct Call {
    at: Arc<Collections>,
    until: Instant,
}

impl Call {
    pub(super) fn new(at: &Arc<Collections>, limit: Duration) -> Self {
        Self { at: Arc::clone(at), until: Instant::now() + limit }
    }

    /// The store's present, which each decision begins with: none is made that nobody waits for any more. The first time, it is
    /// looked whether the collections are ours.
    pub(super) async fn now(&self) -> Result<Timestamp, StoreError> {
        self.checked().await?;
        let now = self.clock.now(self.until).await?;
        if Instant::now() > self.until {
            return Err(StoreError::new(StoreErrorKind::Timeout));
        }
        Ok(now)
    }

    async fn checked(&self) -> Result<(), StoreError> {
        if !self.is_checked.load(Ordering::Relaxed) {
            schema::check(self).await?;
            self.is_checked.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The store's present as the server has just said it, for what must not be off by what a measurement may be off: whether a
    /// login was in flight during a logout of all.
    pub(super) async fn asked_now(&self) -> Result<Timestamp, StoreError> {
        self.checked().await?;
        self.clock.measure().await
    }

    /// The store's present, for what belongs to a decision that was made.
    pub(super) async fn now_for_the_rest(&self) -> Result<Timestamp, StoreError> {
        self.clock.now(Instant::now() + REST).await
    }
}

impl Deref for Call {
    type Target = Collections;

    fn deref(&self) -> &Collections {
        &self.at
    }
}

/// In the journals of a majority. Without a limit of its own: for a write of many documents, which take their time to get there.
pub(super) fn majority() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build()
}

/// The server that takes the writes.
pub(super) fn primary() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::Primary)
}

pub(super) const SESSIONS: &str = "jwt_sessions";
pub(super) const SUBJECTS: &str = "jwt_sessions_subjects";
pub(super) const META: &str = "jwt_sessions_meta";
/// How long the server works at one read or rotation, and how long a write waits for a majority.
pub(super) const COMMAND: Duration = Duration::from_secs(5);
const UNDER_WAY: usize = 1024;
const REST: Duration = Duration::from_secs(60);
const TURNS: usize = 64;
