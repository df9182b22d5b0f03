//! The background task: what may wait is done here, never on a request's path.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::core::Core;
use crate::store::{Seen, SessionStore};
use crate::token::SessionId;

/// What the task is told.
pub(crate) enum Job {
    /// A generation was seen in use.
    Seen(Seen),
    /// Write what is held, and say so.
    Flush(oneshot::Sender<()>),
}

/// How many sights wait at most.
pub(crate) const QUEUE: usize = 4096;
/// How long sights are gathered into a batch.
const GATHER: Duration = Duration::from_secs(1);
/// How often what is over is deleted.
const PURGE: Duration = Duration::from_secs(300);
/// How many sessions a purge deletes in one step, so that others get a turn between.
const PAGE: usize = 1000;

/// Runs until every handle is gone, and writes what it holds before it ends.
pub(crate) async fn run<S: SessionStore>(core: Arc<Core<S>>, jobs: &mut mpsc::Receiver<Job>) {
    let mut held = HashMap::new();
    let mut write_at = Instant::now() + GATHER;
    let mut purge_at = Instant::now() + PURGE;
    loop {
        let wake = if held.is_empty() { purge_at } else { write_at.min(purge_at) };
        match tokio::time::timeout_at(wake, jobs.recv()).await {
            Ok(Some(Job::Seen(seen))) => {
                if held.is_empty() {
                    write_at = Instant::now() + GATHER;
                }
                held.insert((seen.session, seen.generation), seen.subject);
            }
            Ok(Some(Job::Flush(done))) => {
                write(&core, &mut held).await;
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
            Ok(None) => {
                write(&core, &mut held).await;
                return;
            }
            Err(_) => {}
        }
        let now = Instant::now();
        if now >= write_at && !held.is_empty() {
            write(&core, &mut held).await;
            write_at = Instant::now() + GATHER;
        }
        if now >= purge_at {
            purge(&core).await;
            purge_at = Instant::now() + PURGE;
        }
    }
}

async fn write<S: SessionStore>(core: &Arc<Core<S>>, held: &mut HashMap<(SessionId, u64), String>) {
    if held.is_empty() {
        return;
    }
    let batch: Vec<_> =
        held.drain().map(|((session, generation), subject)| Seen::new(subject, session, generation)).collect();
    match core.timed(core.store.confirm(&batch)).await {
        Ok(orphans) => {
            for orphan in orphans {
                core.orphan_seen(&orphan).await;
            }
        }
        // Kept for the next batch: whoever sent them does not send them again, and unconfirmed, a stolen predecessor passes
        // for the owner of a lost answer. Too many are lost: the next rotation of the session says the same by itself.
        Err(error) => {
            tracing::debug!(error = &error as &dyn StdError, sights = batch.len(), "sights were not confirmed");
            if batch.len() <= QUEUE {
                held.extend(batch.into_iter().map(|seen| ((seen.session, seen.generation), seen.subject)));
            }
        }
    }
}

async fn purge<S: SessionStore>(core: &Core<S>) {
    core.ended.forget();
    loop {
        match core.timed(core.store.purge(PAGE)).await {
            Ok(deleted) if deleted == PAGE => tokio::task::yield_now().await,
            Ok(_) => return,
            Err(error) => {
                tracing::debug!(error = &error as &dyn StdError, "the purge failed");
                return;
            }
        }
    }
}
