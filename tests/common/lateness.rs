//! How late this process is, which a time limit must not blame on what is measured: on a busy machine all of it stands still
//! for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(5);

/// Measures from when it begins until it is dropped.
pub(crate) struct Lateness(Arc<Mutex<Beat>>);

struct Beat {
    begun: Instant,
    most: Duration,
}

impl Beat {
    fn late(&self) -> Duration {
        self.begun.elapsed().saturating_sub(PAUSE)
    }
}

impl Lateness {
    pub(crate) fn begin() -> Self {
        let beat = Arc::new(Mutex::new(Beat { begun: Instant::now(), most: Duration::ZERO }));
        let kept = Arc::downgrade(&beat);
        // A thread, and no task: what keeps the runtime busy is no excuse.
        thread::spawn(move || {
            loop {
                thread::sleep(PAUSE);
                let Some(beat) = kept.upgrade() else { return };
                let mut beat = beat.lock().unwrap_or_else(PoisonError::into_inner);
                *beat = Beat { begun: Instant::now(), most: beat.most.max(beat.late()) };
            }
        });
        Self(beat)
    }

    /// By how much a pause was longer than it should be, at most; also the one that is not over yet.
    pub(crate) fn most(&self) -> Duration {
        let beat = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        beat.most.max(beat.late())
    }
}
