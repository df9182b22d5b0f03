use std::sync::atomic::{AtomicU64, Ordering};

use crate::token::SessionId;

/// Which sights went to the confirmation queue last, and how many were lost on the way. The background task has it too, which
/// must not hold the queue itself: it ends when nobody else does.
pub(crate) struct Sights {
    /// By a few bits of their names: a sight that is here is not sent again.
    sent: Box<[AtomicU64]>,
    /// Changes when anything that was sent is to be sent again; never 0, which is noted of a token that was not seen yet.
    round: AtomicU64,
    lost: AtomicU64,
}

const SLOTS: usize = 4096;

impl Sights {
    pub(crate) fn new() -> Self {
        let sent = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { sent, round: AtomicU64::new(1), lost: AtomicU64::new(0) }
    }

    /// In which round this is: what was sent in an earlier one may have been lost since, or is to be sent once more.
    pub(super) fn round(&self) -> u64 {
        self.round.load(Ordering::Acquire)
    }

    /// Whether it is to be sent; from now on it counts as sent.
    pub(super) fn is_first(&self, session: SessionId, generation: u64) -> bool {
        let (key, slot) = self.slot(session, generation);
        // Read first: the second sight and all that follow write to no memory that others share.
        if slot.is_some_and(|slot| slot.load(Ordering::Relaxed) == key) {
            return false;
        }
        if let Some(slot) = slot {
            slot.store(key, Ordering::Relaxed);
        }
        true
    }

    /// That there was no room for it: the next request of the session sends it again.
    pub(super) fn lose(&self, session: SessionId, generation: u64) {
        let (key, slot) = self.slot(session, generation);
        if let Some(slot) = slot {
            // Another one may have taken the place by now.
            let _ = slot.compare_exchange(key, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
        self.round.fetch_add(1, Ordering::Release);
        self.lost.fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        metrics::counter!("jwt_sessions_lost_sights_total").increment(1);
    }

    /// Everything that is in use is sent once more.
    pub(super) fn forget(&self) {
        self.sent.iter().for_each(|slot| slot.store(0, Ordering::Relaxed));
        self.round.fetch_add(1, Ordering::Release);
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Eight of the id's random bytes, mixed with the generation; never 0, which an unused slot holds.
    fn slot(&self, session: SessionId, generation: u64) -> (u64, Option<&AtomicU64>) {
        let random = session.as_bytes().iter().take(8).fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        let key = (random ^ generation.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1 << 63;
        (key, usize::try_from(key % SLOTS as u64).ok().and_then(|index| self.sent.get(index)))
    }
}
