//! The server's clock. An ordinary update cannot ask for the time, so that its distance from this process's own monotonic
//! clock is measured, and measured again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::doc;
use tokio::time::Instant;
use tokio::time::timeout_at;

use super::collections::primary;
use super::error::{broken, foreign};
use crate::store::{StoreError, StoreErrorKind};
use crate::token::Timestamp;

/// The clock of the server that takes the writes.
///
/// It is off by half of what is not known: at most half the round trip of the best measurement, and what two clocks drift
/// apart until the next one.
pub(super) struct ServerClock {
    database: Database,
    known: Mutex<Known>,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    span: Option<Span>,
    /// How often something went wrong: another server may have taken over.
    doubts: u64,
    /// How often it had when `span` was asked for.
    doubts_then: u64,
    /// The latest moment that was told, in milliseconds.
    told: i64,
}

/// Between which two moments the server's clock was at `at`, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    at: Instant,
    earliest: i64,
    latest: i64,
}

impl ServerClock {
    pub(super) fn new(database: Database) -> Self {
        Self { database, known: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// The server's present. Costs a round trip where none was measured within minutes, or a call has failed since; nobody
    /// waits for another's beyond `until`.
    pub(super) async fn now(self: &Arc<Self>, until: Instant) -> Result<Timestamp, StoreError> {
        match self.age() {
            Some(age) if age <= FRESH => {}
            Some(age) if age <= USABLE => {
                let clock = Arc::clone(self);
                tokio::spawn(async move {
                    if let Ok(_turn) = clock.asking.try_lock() {
                        // What is known goes on until it is too old, and then the error is somebody's.
                        let _ = clock.measure().await;
                    }
                });
            }
            _ => {
                let turn = timeout_at(until, self.asking.lock()).await;
                let _turn = turn.map_err(|_| StoreError::new(StoreErrorKind::Timeout))?;
                if self.age().is_none_or(|age| age > FRESH) {
                    self.measure().await?;
                }
            }
        }
        Ok(self.tell())
    }

    /// Measures again before the next decision.
    pub(super) fn doubt(&self) {
        let mut known = self.known();
        known.doubts = known.doubts.wrapping_add(1);
    }

    fn age(&self) -> Option<Duration> {
        let known = self.known();
        known.span.filter(|_| known.doubts == known.doubts_then).map(|span| span.at.elapsed())
    }

    /// What the server says of its clock: no later than it is when this is answered, no earlier than when it was asked.
    pub(super) async fn measure(&self) -> Result<Timestamp, StoreError> {
        let (sent, doubts) = (Instant::now(), self.known().doubts);
        let ask = self.database.run_command(doc! { "hello": 1 }).selection_criteria(primary());
        let said = ask.await.map_err(broken)?;
        let received = Instant::now();
        let said = said.get_datetime("localTime").map_err(|_| foreign("the server does not say what time it is"))?;
        let measured = Span::measured(said.timestamp_millis(), sent, received);
        let now = Timestamp::from_millis(said.timestamp_millis());
        let mut known = self.known();
        // Somebody else's answer came later and was noted first.
        if known.span.is_some_and(|span| span.at > received) {
            return Ok(now);
        }
        // Two measurements of one clock agree, and know more together. Where they do not, it was set, or is another's.
        let both = known.span.and_then(|span| span.later(received).and(measured));
        known.span = Some(both.unwrap_or(measured));
        // A doubt that came up in the meantime is not answered by what was asked before.
        known.doubts_then = doubts;
        Ok(now)
    }

    fn tell(&self) -> Timestamp {
        let mut known = self.known();
        let now = known.span.map_or(0, |span| span.later(Instant::now()).middle().div_euclid(1000));
        // A better measurement does not turn back what was told; a server whose clock was set back does.
        if now > known.told || known.told - now > SET_BACK {
            known.told = now;
        }
        Timestamp::from_millis(known.told)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Span {
    /// The server read its clock, to the millisecond below, at some moment between the two.
    fn measured(millis: i64, sent: Instant, received: Instant) -> Self {
        let earliest = millis.saturating_mul(1000);
        let latest = earliest.saturating_add(1000).saturating_add(micros(received.duration_since(sent)));
        Self { at: received, earliest, latest }
    }

    /// The same clock at a later moment, and what it may have drifted until then.
    fn later(self, at: Instant) -> Self {
        let passed = micros(at.duration_since(self.at));
        let drift = passed / DRIFT;
        let earliest = self.earliest.saturating_add(passed - drift);
        Self { at, earliest, latest: self.latest.saturating_add(passed + drift) }
    }

    /// Where both are true, if they can be.
    fn and(self, other: Self) -> Option<Self> {
        let (earliest, latest) = (self.earliest.max(other.earliest), self.latest.min(other.latest));
        (earliest <= latest).then_some(Self { at: other.at, earliest, latest })
    }

    fn middle(self) -> i64 {
        self.earliest.midpoint(self.latest)
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4)
}

const FRESH: Duration = Duration::from_secs(30);
const USABLE: Duration = Duration::from_secs(300);
/// One part in two thousand: ten times what ordinary clocks drift.
const DRIFT: i64 = 2000;
/// Milliseconds that the clock rather stands still for than go back.
const SET_BACK: i64 = 5000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_measurements_know_more_than_one() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let slow = Span::measured(50_000, at(0), at(400));
        assert_eq!(slow.latest - slow.earliest, 401_000);
        let quick = Span::measured(50_900, at(1000), at(1002));
        let both = slow.later(at(1002)).and(quick).unwrap();
        assert!(both.earliest >= 50_900_000 && both.latest <= 50_903_000, "{both:?}");
        assert!((50_900_000..50_903_000).contains(&both.middle()));
        // And a worse one afterwards takes nothing away.
        let worse = Span::measured(51_000, at(1003), at(1900));
        let both = both.later(at(1900)).and(worse).unwrap();
        assert!(both.latest - both.earliest < 5000, "{both:?}");
    }

    #[test]
    fn a_clock_that_was_set_is_believed() {
        let start = Instant::now();
        let before = Span::measured(50_000, start, start);
        let after = Span::measured(20_000, start, start);
        assert_eq!(before.and(after), None);
    }

    #[test]
    fn what_is_known_wears_off() {
        let start = Instant::now();
        let span = Span::measured(0, start, start).later(start + Duration::from_secs(20));
        assert_eq!((span.earliest, span.latest), (19_990_000, 20_011_000));
    }
}
