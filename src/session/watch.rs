use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::ended::Ended;
use super::worker::Job;
use crate::auth::{SessionWatch, Sight};
use crate::store::Seen;
use crate::token::{Registered, SessionId};

/// What the layer asks of the sessions at each request, without I/O: whether this one was ended or cut off here. The first
/// sight of a generation goes to the confirmation queue.
pub(crate) struct Watch {
    ended: Arc<Ended>,
    sights: mpsc::Sender<Job>,
    /// The last sights that the queue took, by a few bits of their names: a sight that is here is not sent again.
    taken: Box<[AtomicU64]>,
    lost: AtomicU64,
}

const SIGHTS: usize = 4096;

impl Watch {
    pub(crate) fn new(ended: Arc<Ended>, sights: mpsc::Sender<Job>) -> Self {
        Self { ended, sights, taken: (0..SIGHTS).map(|_| AtomicU64::new(0)).collect(), lost: AtomicU64::new(0) }
    }

    /// That a generation was seen in use. Lossy on purpose: where the queue is full it is forgotten and counted, and the
    /// next request tries again.
    pub(crate) fn saw(&self, subject: &str, session: SessionId, generation: u64) {
        let key = sight_key(session, generation);
        let slot = usize::try_from(key % SIGHTS as u64).ok().and_then(|index| self.taken.get(index));
        if slot.is_some_and(|slot| slot.load(Ordering::Relaxed) == key) {
            return;
        }
        match self.sights.try_send(Job::Seen(Seen::new(subject, session, generation))) {
            Ok(()) => {
                if let Some(slot) = slot {
                    slot.store(key, Ordering::Relaxed);
                }
            }
            Err(_) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn jobs(&self) -> &mpsc::Sender<Job> {
        &self.sights
    }

    /// How many sights the queue had no room for.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl SessionWatch for Watch {
    fn sight(&self, token: &Registered) -> Sight {
        // The verifier demands a subject alone; a token without the other two is of no session that could be living.
        let (Some(subject), Some(session), Some(generation)) = (&token.subject, token.session, token.generation) else {
            return Sight::Ended;
        };
        if self.ended.covers(session, generation, token.issued_at) {
            return Sight::Ended;
        }
        self.saw(subject, session, generation);
        Sight::Live
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("lost", &self.lost).finish_non_exhaustive()
    }
}

/// Eight of the id's random bytes, mixed with the generation; never 0, which an unused slot holds.
fn sight_key(session: SessionId, generation: u64) -> u64 {
    let random = session.as_bytes().iter().take(8).fold(0u64, |all, byte| all << 8 | u64::from(*byte));
    (random ^ generation.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1 << 63
}
