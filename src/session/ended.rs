use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use crate::clock::Clock;
use crate::store::{Ends, Entry, REVOKED_FOR};
use crate::token::{SessionId, Timestamp};

/// The sessions that were ended or cut off, here or by another instance, so that their access tokens are refused at once and
/// not when they expire. An entry is kept until every access token that it speaks of has expired.
///
/// It is asked at every request. Sorted lists and not a map: 20 bytes an entry and no room left free, so that a million of
/// them take less than 24 MB, in [`SHARDS`] parts, so that an entry moves some thousand others and not all.
pub(crate) struct Ended {
    shards: Box<[RwLock<Vec<Ending>>; SHARDS]>,
    /// How many entries there are, so that in the ordinary case no lock is taken.
    entries: AtomicUsize,
    /// Access tokens issued before this moment are refused, whatever their session: milliseconds.
    issued_before: AtomicI64,
    clock: Clock,
}

/// What is known of one session.
#[derive(Clone, Copy)]
struct Ending {
    /// The id but for its first byte, which says the shard.
    id: [u8; 15],
    /// The minute, modulo 256, from which on this is of no use.
    until: u8,
    /// Generations below this are refused: [`ENDED`] where the session ended.
    below: u32,
}

impl Ended {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            shards: Box::new(std::array::from_fn(|_| RwLock::default())),
            entries: AtomicUsize::new(0),
            issued_before: AtomicI64::new(i64::MIN),
            clock,
        }
    }

    /// Every access token of the session is refused from now on.
    pub(crate) fn end(&self, session: SessionId) {
        self.note(&Entry::new(Ends::Session(session), Duration::ZERO));
    }

    /// Access tokens of generations below `generation` are refused from now on.
    pub(crate) fn cut(&self, session: SessionId, generation: u64) {
        self.note(&Entry::new(Ends::Below(session, generation), Duration::ZERO));
    }

    /// Every access token issued up to now is refused from now on.
    pub(crate) fn end_all(&self) {
        self.note(&Entry::new(Ends::All, Duration::ZERO));
    }

    /// Takes over what the store says. How long an entry is of use is counted from here by this process's own time; entries of
    /// one session merge to the larger.
    pub(crate) fn note(&self, entry: &Entry) {
        let (session, below) = match entry.ends {
            Ends::Session(session) => (session, ENDED),
            // No session is rotated four thousand million times: such a number is nobody's, and fails closed.
            Ends::Below(session, below) => (session, u32::try_from(below).unwrap_or(ENDED)),
            Ends::All => {
                // A token says its second of issue, rounded down.
                let next_second = self.clock.now().before(entry.age).as_secs().saturating_add(1);
                self.issued_before.fetch_max(Timestamp::from_secs(next_second).as_millis(), Ordering::Release);
                return;
            }
        };
        let (shard, id) = self.shard(session);
        let until = minute(self.clock.uptime() + REVOKED_FOR.saturating_sub(entry.age)).wrapping_add(1);
        let mut shard = write(shard);
        match shard.binary_search_by(|noted| noted.id.cmp(&id)) {
            Ok(at) => {
                if let Some(noted) = shard.get_mut(at) {
                    noted.below = noted.below.max(below);
                    if is_later(until, noted.until) {
                        noted.until = until;
                    }
                }
            }
            Err(at) => {
                // Little at a time: doubling would leave half of the memory unused.
                if shard.len() == shard.capacity() {
                    let more = (shard.len() / 16).max(4);
                    shard.reserve_exact(more);
                }
                shard.insert(at, Ending { id, until, below });
                self.entries.fetch_add(1, Ordering::Release);
            }
        }
    }

    /// Forgets what no access token can speak of any more.
    pub(crate) fn forget(&self) {
        let now = minute(self.clock.uptime());
        for shard in self.shards.iter() {
            let mut shard = write(shard);
            let before = shard.len();
            shard.retain(|noted| is_later(noted.until, now));
            self.entries.fetch_sub(before - shard.len(), Ordering::Release);
            if shard.len() < shard.capacity() / 2 {
                shard.shrink_to_fit();
            }
        }
    }

    /// Whether a token of that generation, issued then, is refused.
    pub(crate) fn covers(&self, session: SessionId, generation: u64, issued_at: Option<Timestamp>) -> bool {
        let issued_at = issued_at.map_or(i64::MIN, Timestamp::as_millis);
        if issued_at < self.issued_before.load(Ordering::Acquire) {
            return true;
        }
        if self.entries.load(Ordering::Acquire) == 0 {
            return false;
        }
        let (shard, id) = self.shard(session);
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        let found = shard.binary_search_by(|noted| noted.id.cmp(&id)).ok();
        found
            .and_then(|at| shard.get(at))
            .is_some_and(|noted| noted.below == ENDED || generation < u64::from(noted.below))
    }

    #[allow(clippy::indexing_slicing, reason = "a byte is smaller than the number of shards")]
    fn shard(&self, session: SessionId) -> (&RwLock<Vec<Ending>>, [u8; 15]) {
        let [first, rest @ ..] = *session.as_bytes();
        (&self.shards[usize::from(first)], rest)
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended").field("entries", &self.entries.load(Ordering::Relaxed)).finish_non_exhaustive()
    }
}

/// A panic while the lock was held leaves a list that is whole: each change is one call.
fn write(shard: &RwLock<Vec<Ending>>) -> RwLockWriteGuard<'_, Vec<Ending>> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

/// The minute of an uptime, modulo 256. No entry is kept for half as long, so that it is always known which of two is later.
#[allow(clippy::cast_possible_truncation, reason = "modulo 256 is what is wanted")]
const fn minute(uptime: Duration) -> u8 {
    (uptime.as_secs() / 60) as u8
}

const fn is_later(one: u8, other: u8) -> bool {
    matches!(one.wrapping_sub(other), 1..=127)
}

/// One for each first byte of an id.
const SHARDS: usize = 256;
/// In place of a generation: the session has none that is honoured.
const ENDED: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(3600);

    fn ended() -> (Clock, Ended, SessionId) {
        let clock = Clock::manual(Timestamp::from_secs(1_000_000));
        (clock.clone(), Ended::new(clock), SessionId::from_bytes([7; 16]))
    }

    fn nth(n: u64) -> SessionId {
        // Spread as random ids are.
        SessionId::from_bytes((u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes())
    }

    #[test]
    fn a_cut_refuses_what_is_older_and_an_end_refuses_all() {
        let (clock, ended, session) = ended();
        let now = Some(clock.now());
        assert!(!ended.covers(session, 1, now));
        ended.cut(session, 3);
        assert!(ended.covers(session, 2, now));
        assert!(!ended.covers(session, 3, now));
        ended.end(session);
        ended.cut(session, 5);
        assert!(ended.covers(session, 1_000, now), "entries of one session merge to the larger");
        assert!(ended.covers(session, u64::MAX, now), "an end has no generation above it");
        assert!(!ended.covers(SessionId::from_bytes([8; 16]), 1, now));
        let other = SessionId::from_bytes(std::array::from_fn(|byte| if byte == 0 { 8 } else { 7 }));
        assert!(!ended.covers(other, 1, now), "an id is compared whole");
    }

    #[test]
    fn an_entry_outlives_every_access_token_it_speaks_of() {
        for started in [0, 3_599, 200 * 60 + 59, 255 * 60 + 1] {
            let (clock, ended, session) = ended();
            clock.advance(Duration::from_secs(started));
            ended.end(session);
            clock.advance(LIFE + Duration::from_secs(60));
            ended.forget();
            assert!(ended.covers(session, 1, Some(clock.now())), "{started}");
            clock.advance(Duration::from_secs(121));
            ended.forget();
            assert!(!ended.covers(session, 1, Some(clock.now())), "{started}");
        }
    }

    #[test]
    fn a_clock_that_is_set_does_not_end_an_entry_before_its_time() {
        let (clock, ended, session) = ended();
        ended.end(session);
        clock.set(clock.now().before(Duration::from_secs(86_400)));
        clock.advance(Duration::from_secs(60));
        ended.forget();
        assert!(ended.covers(session, 1, Some(clock.now())));
        clock.advance(LIFE + Duration::from_secs(121));
        ended.forget();
        assert!(!ended.covers(session, 1, Some(clock.now())), "the day that was set back is not waited for");
    }

    #[test]
    fn what_is_heard_late_is_kept_for_the_rest_of_its_time() {
        let (clock, ended, session) = ended();
        ended.note(&Entry::new(Ends::Session(session), LIFE));
        clock.advance(Duration::from_secs(60));
        ended.forget();
        assert!(ended.covers(session, 1, Some(clock.now())));
        // Heard again, and then once more from the beginning of the feed: what was said first is not forgotten sooner.
        ended.end(session);
        ended.note(&Entry::new(Ends::Below(session, 2), LIFE));
        clock.advance(LIFE);
        ended.forget();
        assert!(ended.covers(session, 9, Some(clock.now())));
    }

    #[test]
    fn ending_all_refuses_what_was_issued_up_to_now() {
        let (clock, ended, session) = ended();
        let before = Some(clock.now());
        ended.end_all();
        assert!(ended.covers(session, 1, before));
        clock.advance(Duration::from_secs(1));
        let now = Some(clock.now());
        assert!(!ended.covers(session, 1, now));
        ended.note(&Entry::new(Ends::All, Duration::from_secs(30)));
        assert!(!ended.covers(session, 1, now), "what was issued after it is not meant");
    }

    #[test]
    fn a_million_entries_fit_into_24_megabytes() {
        let (clock, ended, _) = ended();
        for n in 0..1_000_000 {
            ended.end(nth(n));
        }
        let lists = ended.shards.iter().map(|shard| write(shard).capacity() * size_of::<Ending>()).sum::<usize>();
        let whole = lists + size_of_val(&*ended.shards);
        assert_eq!(size_of::<Ending>(), 20);
        assert!(whole <= 24_000_000, "{whole} bytes");
        let now = Some(clock.now());
        assert!((0..1_000_000).all(|n| ended.covers(nth(n), 1, now)));
        assert!((1_000_000..1_100_000).all(|n| !ended.covers(nth(n), 1, now)));
        clock.advance(2 * LIFE);
        ended.forget();
        let kept = ended.shards.iter().map(|shard| write(shard).capacity()).sum::<usize>();
        assert_eq!(kept, 0, "what is forgotten takes no memory");
    }
}
