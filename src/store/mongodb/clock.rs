//! The server's clock. An ordinary update cannot ask for the time, so that its distance from this process's own monotonic
//! clock is measured, and measured again. That clock stands still where the machine is suspended, which this machine's own
//! clock tells.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::doc;
use tokio::time::Instant;
use tokio::time::timeout_at;

use super::collections::primary;
use super::error::{broken, foreign};
use crate::clock::Clock;
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
    /// When that was asked for.
    asked: Option<Moment>,
    /// How often something went wrong: another server may have taken over.
    doubts: u64,
    /// How often it had when `span` was asked for.
    doubts_then: u64,
    /// The latest moment that was told, in milliseconds.
    told: i64,
}

/// What this process's clocks said at the same time.
#[derive(Clone, Copy)]
struct Moment {
    at: Instant,
    wall: Timestamp,
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
        let begun = Instant::now();
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
                // What was asked since then will do, whatever came into doubt meanwhile: or all who wait would ask, in turn.
                let is_asked = self.known().asked.is_some_and(|asked| asked.at >= begun);
                if !is_asked && self.age().is_none_or(|age| age > FRESH) {
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
        self.known().age(Moment::now())
    }

    /// What the server says of its clock: no later than it is when this is answered, no earlier than when it was asked.
    pub(super) async fn measure(&self) -> Result<Timestamp, StoreError> {
        let (asked, doubts) = (Moment::now(), self.known().doubts);
        let ask = self.database.run_command(doc! { "hello": 1 }).selection_criteria(primary());
        let said = ask.await.map_err(broken)?;
        let received = Instant::now();
        let said = said.get_datetime("localTime").map_err(|_| foreign("the server does not say what time it is"))?;
        let measured = Span::measured(said.timestamp_millis(), asked.at, received);
        let now = Timestamp::from_millis(said.timestamp_millis());
        let mut known = self.known();
        // Somebody else's answer came later and was noted first.
        if known.span.is_some_and(|span| span.at > received) {
            return Ok(now);
        }
        known.learn(measured, asked, doubts);
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

impl Known {
    /// How old the measurement is; none where there is none that holds.
    fn age(&self, now: Moment) -> Option<Duration> {
        let holds = self.doubts == self.doubts_then && self.asked.is_some_and(|asked| asked.is_even_with(now));
        self.span.filter(|_| holds).map(|span| now.at.duration_since(span.at))
    }

    /// Takes over a measurement that was asked for when there were so many doubts: one that came up in the meantime is not
    /// answered by it.
    fn learn(&mut self, measured: Span, asked: Moment, doubts: u64) {
        // Two measurements of one clock agree, and know more together. Where they do not, it was set, or is another's.
        let before = self.span.filter(|_| self.asked.is_some_and(|before| before.is_even_with(asked)));
        let both = before.and_then(|span| span.later(measured.at).and(measured));
        self.span = Some(both.unwrap_or(measured));
        self.asked = Some(asked);
        self.doubts_then = doubts;
    }
}

impl Moment {
    fn now() -> Self {
        Self { at: Instant::now(), wall: Clock::system().now() }
    }

    /// Whether both clocks have moved as far since: if not, this machine was suspended, or its clock was set.
    fn is_even_with(self, later: Self) -> bool {
        let passed = micros(later.at.duration_since(self.at)) / 1000;
        let moved = later.wall.as_millis().saturating_sub(self.wall.as_millis());
        moved.abs_diff(passed) <= SUSPENDED
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
/// Milliseconds that this process's clocks may differ by: what adjusts a clock is slower.
const SUSPENDED: u64 = 1000;

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
    fn what_was_measured_before_a_suspension_or_a_doubt_holds_no_longer() {
        let start = Instant::now();
        let moment = |at, wall: i64| Moment {
            at: start + Duration::from_millis(at),
            wall: Timestamp::from_millis(1_000_000 + wall),
        };
        let measured = |at: Moment| Span::measured(at.wall.as_millis(), at.at, at.at);
        let mut known = Known::default();
        assert_eq!(known.age(moment(0, 0)), None);
        known.learn(measured(moment(0, 0)), moment(0, 0), 0);
        assert_eq!(known.age(moment(9_000, 9_900)), Some(Duration::from_secs(9)), "a clock may be adjusted");
        for wall in [10_100, 100_000, 7_900, -5_000] {
            assert_eq!(known.age(moment(9_000, wall)), None, "{wall}");
        }
        // And it has no part in the next one: a second of suspension is less than what an old one may be off.
        let late = Moment { at: start + Duration::from_secs(4000), ..moment(0, 4_001_500) };
        known.learn(measured(late), late, 0);
        assert_eq!(known.span, Some(measured(late)));
        assert_eq!(known.age(late), Some(Duration::ZERO));

        known.doubts = 2;
        assert_eq!(known.age(late), None);
        known.learn(measured(late), late, 1);
        assert_eq!(known.age(late), None, "it was asked for before the second doubt");
        known.learn(measured(late), late, 2);
        assert_eq!(known.age(late), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_known_wears_off() {
        let start = Instant::now();
        let span = Span::measured(0, start, start).later(start + Duration::from_secs(20));
        assert_eq!((span.earliest, span.latest), (19_990_000, 20_011_000));
    }
}
