//! The only place that reads the time.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::token::Timestamp;

/// Where the present moment comes from: the system, or a test's own hand.
///
/// Cloning a clock that is set by hand shares it.
#[derive(Clone, Default)]
pub struct Clock(Source);

#[derive(Clone, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<Manual>),
}

struct Manual {
    now: AtomicI64,
    /// How far it was ever moved forward.
    moved: AtomicU64,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is told to move: no test needs to sleep.
    ///
    /// ```
    /// use std::time::Duration;
    /// use jwt_sessions::{clock::Clock, token::Timestamp};
    ///
    /// let clock = Clock::manual(Timestamp::from_secs(1_000));
    /// clock.advance(Duration::from_secs(60));
    /// assert_eq!(clock.now(), Timestamp::from_secs(1_060));
    /// ```
    pub fn manual(now: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(Manual { now: AtomicI64::new(now.as_millis()), moved: AtomicU64::new(0) })))
    }

    /// Moves a manual clock forward; the system's clock moves by itself and is left alone.
    pub fn advance(&self, span: Duration) {
        self.set(self.now().after(span));
    }

    /// Sets a manual clock, backward too; the system's clock is left alone.
    pub fn set(&self, now: Timestamp) {
        if let Source::Manual(manual) = &self.0 {
            let before = Timestamp::from_millis(manual.now.swap(now.as_millis(), Ordering::SeqCst));
            manual.moved.fetch_add(millis(now.since(before)), Ordering::SeqCst);
        }
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                // A system clock before 1970 is broken; the epoch then makes every token with an `iat` "issued in the future".
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Source::Manual(manual) => Timestamp::from_millis(manual.now.load(Ordering::SeqCst)),
        }
    }

    /// Hardly after the present moment and, while the kernel ticks, not before it; known in a fraction of the time: one `TICK` after
    /// the kernel's last, where there is that to be had. Not for what is written, nor for what a moment decides.
    pub(crate) fn about_now(&self) -> Timestamp {
        match &self.0 {
            #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
            Source::System => {
                use nix::sys::time::TimeSpec;
                use nix::time::{ClockId, clock_gettime};

                let millis =
                    |tick: TimeSpec| tick.tv_sec().saturating_mul(1000).saturating_add(tick.tv_nsec() / 1_000_000);
                let tick = clock_gettime(ClockId::CLOCK_REALTIME_COARSE).map(|tick| millis(tick).max(0));
                tick.map_or_else(|_| self.now(), |tick| Timestamp::from_millis(tick).after(TICK))
            }
            _ => self.now(),
        }
    }

    /// How long it has run: time that nobody sets back or forward by adjusting the clock.
    pub(crate) fn uptime(&self) -> Duration {
        match &self.0 {
            Source::System => START.elapsed(),
            Source::Manual(manual) => Duration::from_millis(manual.moved.load(Ordering::SeqCst)),
        }
    }
}

/// A kernel ticks at least so often while it has anything to do.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const TICK: Duration = Duration::from_millis(10);

/// When this process first asked how long it runs.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Source::System => f.write_str("Clock(system)"),
            Source::Manual(_) => write!(f, "Clock({})", self.now()),
        }
    }
}
