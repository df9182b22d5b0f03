use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use crate::clock::Clock;
use crate::token::{SessionId, Timestamp};

/// The sessions that were ended or cut off by this process, so that their access tokens are refused at once and not when they
/// expire. An entry is kept until every access token that it speaks of has expired.
pub(crate) struct Ended {
    sessions: RwLock<HashMap<SessionId, Entry>>,
    /// How many entries there are, so that in the ordinary case no lock is taken.
    entries: AtomicUsize,
    /// Access tokens issued before this moment are refused, whatever their session: milliseconds.
    issued_before: AtomicI64,
    keep: Duration,
    clock: Clock,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Generations below this are refused; the largest number where the session ended.
    below: u64,
    until: Timestamp,
}

impl Ended {
    pub(crate) fn new(clock: Clock, access_life: Duration) -> Self {
        Self {
            sessions: RwLock::default(),
            entries: AtomicUsize::new(0),
            issued_before: AtomicI64::new(i64::MIN),
            keep: access_life.max(Duration::from_secs(3600)) + Duration::from_secs(60),
            clock,
        }
    }

    /// Every access token of the session is refused from now on.
    pub(crate) fn end(&self, session: SessionId) {
        self.note(session, u64::MAX);
    }

    /// Access tokens of generations below `generation` are refused from now on.
    pub(crate) fn cut(&self, session: SessionId, generation: u64) {
        self.note(session, generation);
    }

    /// Every access token issued up to now is refused from now on.
    pub(crate) fn end_all(&self) {
        // A token says its second of issue, rounded down.
        let next_second = self.clock.now().as_secs().saturating_add(1);
        self.issued_before.fetch_max(Timestamp::from_secs(next_second).as_millis(), Ordering::Release);
    }

    /// Forgets what no access token can speak of any more.
    pub(crate) fn forget(&self) {
        let now = self.clock.now();
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, entry| entry.until > now);
        self.entries.store(sessions.len(), Ordering::Release);
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
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&session).is_some_and(|entry| generation < entry.below)
    }

    fn note(&self, session: SessionId, below: u64) {
        let until = self.clock.now().after(self.keep);
        // A panic while the lock was held leaves a map that is whole: each change is one call.
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        let entry = sessions.entry(session).or_insert(Entry { below, until });
        entry.below = entry.below.max(below);
        entry.until = entry.until.max(until);
        self.entries.store(sessions.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(900);

    fn ended() -> (Clock, Ended, SessionId) {
        let clock = Clock::manual(Timestamp::from_secs(1_000_000));
        (clock.clone(), Ended::new(clock, LIFE), SessionId::from_bytes([7; 16]))
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
        assert!(!ended.covers(SessionId::from_bytes([8; 16]), 1, now));
    }

    #[test]
    fn an_entry_outlives_every_access_token_it_speaks_of() {
        let (clock, ended, session) = ended();
        ended.end(session);
        clock.advance(LIFE + Duration::from_secs(60));
        ended.forget();
        assert!(ended.covers(session, 1, Some(clock.now())));
        clock.advance(Duration::from_secs(3600));
        ended.forget();
        assert!(!ended.covers(session, 1, Some(clock.now())));
    }

    #[test]
    fn ending_all_refuses_what_was_issued_up_to_now() {
        let (clock, ended, session) = ended();
        let before = Some(clock.now());
        ended.end_all();
        assert!(ended.covers(session, 1, before));
        clock.advance(Duration::from_secs(1));
        assert!(!ended.covers(session, 1, Some(clock.now())));
    }
}
