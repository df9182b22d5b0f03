//! The background task: what may wait is done here, never on a request's path.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::core::Core;
use super::sights::Sights;
use crate::store::{Seen, SessionStore};
use crate::token::SessionId;

/// What the task is told.
pub(crate) enum Job {
    /// A generation was seen in use.
    Seen(Seen),
    /// Write what is held, and say so.
    Flush(oneshot::Sender<()>),
}

/// What the task works on. It is given back where the task ends before its sessions.
pub(crate) struct Work {
    jobs: mpsc::Receiver<Job>,
    /// Seen and not confirmed yet, each once, with its subject.
    held: HashMap<(SessionId, u64), String>,
    /// Confirmed to be in use although they were taken for lost, and their sessions not ended yet. A store that has ended one
    /// without answering confirms no orphan of it again.
    orphans: HashMap<(SessionId, u64), String>,
    sights: Arc<Sights>,
    /// Whether the store took the last ones: that it does not is said once.
    is_heard: bool,
}

/// How many sights wait at most in the queue, and how many are held at most.
pub(crate) const QUEUE: usize = 4096;
/// How many sights are confirmed by one call: what waits after an outage must not take longer than one may.
const BATCH: usize = 256;
/// How long sights are gathered into a batch.
const GATHER: Duration = Duration::from_secs(1);
/// How often what is over is deleted.
const PURGE: Duration = Duration::from_secs(300);
/// How many sessions a purge deletes in one step.
const PAGE: usize = 1000;
/// How long others have their turn between two steps: the store's users, and sights, which must not wait for the last one.
const TURN: Duration = Duration::from_millis(50);

/// Runs until every handle is gone, and writes what it holds before it ends.
pub(crate) async fn run<S: SessionStore>(core: Arc<Core<S>>, work: &mut Work) {
    let mut write_at = Instant::now() + GATHER;
    let mut purge_at = Instant::now() + PURGE;
    let mut forget_at = purge_at;
    loop {
        let wake = if work.is_done() { purge_at } else { write_at.min(purge_at) };
        match tokio::time::timeout_at(wake, work.jobs.recv()).await {
            Ok(Some(Job::Seen(seen))) => {
                if work.is_done() {
                    write_at = Instant::now() + GATHER;
                }
                if work.hold(seen) {
                    write_at = Instant::now();
                }
            }
            Ok(Some(Job::Flush(done))) => {
                work.write(&core).await;
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
            Ok(None) => {
                work.write(&core).await;
                work.lose_all();
                return;
            }
            Err(_) => {}
        }
        let now = Instant::now();
        if now >= write_at && !work.is_done() {
            work.write(&core).await;
            write_at = Instant::now() + GATHER;
        }
        if now >= purge_at {
            // Also while a long purge goes on.
            if now >= forget_at {
                forget_at = now + PURGE;
                core.ended.forget();
                // A store that has lost a confirmation hears it again, and so does one whose orphan ends no session.
                work.sights.forget();
            }
            let purging = purge_page(&core).await;
            purge_at = Instant::now() + if purging { TURN } else { PURGE };
        }
    }
}

impl Work {
    pub(crate) fn new(jobs: mpsc::Receiver<Job>, sights: Arc<Sights>) -> Self {
        Self { jobs, held: HashMap::new(), orphans: HashMap::new(), sights, is_heard: true }
    }

    fn is_done(&self) -> bool {
        self.held.is_empty() && self.orphans.is_empty()
    }

    /// Keeps a sight for the next batch, or loses it where there are too many. Whether there is no room from now on.
    fn hold(&mut self, seen: Seen) -> bool {
        let key = (seen.session, seen.generation);
        if self.held.contains_key(&key) {
            return false;
        }
        if self.held.len() + self.orphans.len() >= QUEUE {
            self.sights.lose(seen.session, seen.generation);
            return false;
        }
        self.held.insert(key, seen.subject);
        self.held.len() + self.orphans.len() == QUEUE
    }

    /// Writes what is held, batch by batch. What is in one is held until it is written and acted on, also when the store fails or
    /// the runtime ends in between: whoever sent it does not send it again, and unconfirmed, a stolen predecessor passes for the
    /// owner of a lost answer.
    async fn write<S: SessionStore>(&mut self, core: &Arc<Core<S>>) {
        for batch in listed(&self.held).chunks(BATCH) {
            match core.timed(core.store.confirm(batch)).await {
                Ok(orphans) => {
                    let found = orphans.into_iter().map(|orphan| ((orphan.session, orphan.generation), orphan.subject));
                    self.orphans.extend(found);
                    for seen in batch {
                        self.held.remove(&(seen.session, seen.generation));
                    }
                    self.is_heard = true;
                }
                Err(error) => {
                    let (error, sights) = (&error as &dyn StdError, self.held.len());
                    if std::mem::replace(&mut self.is_heard, false) {
                        tracing::warn!(
                            error,
                            sights,
                            "what was seen in use is not confirmed: the session store failed"
                        );
                    } else {
                        tracing::debug!(error, sights, "sights were not confirmed");
                    }
                    break;
                }
            }
        }
        for orphan in listed(&self.orphans) {
            if core.orphan_seen(&orphan).await {
                self.orphans.remove(&(orphan.session, orphan.generation));
            }
        }
    }

    /// Gives up what could not be written.
    pub(crate) fn lose_all(&mut self) {
        if !self.is_done() {
            tracing::warn!(sights = self.held.len(), orphans = self.orphans.len(), "sights were never confirmed");
        }
        for ((session, generation), _) in self.held.drain().chain(self.orphans.drain()) {
            self.sights.lose(session, generation);
        }
    }
}

fn listed(sights: &HashMap<(SessionId, u64), String>) -> Vec<Seen> {
    sights.iter().map(|((session, generation), subject)| Seen::new(subject.as_str(), *session, *generation)).collect()
}

/// One step of a purge; whether there is more to delete.
async fn purge_page<S: SessionStore>(core: &Core<S>) -> bool {
    match core.timed(core.store.purge(PAGE)).await {
        Ok(deleted) => deleted == PAGE,
        Err(error) => {
            tracing::debug!(error = &error as &dyn StdError, "the purge failed");
            false
        }
    }
}
