//! How far a reader of the feed has come.
//!
//! Entries are numbered when they are written, and seen when they are committed: a number may be missing below others that
//! were read. Every such hole is remembered and asked for again, so that an entry that is committed late is read, however
//! late: no clock decides that nothing will come. Numbers that were given to what was taken back stay missing; they are
//! forgotten after an hour, when an entry would be of no use, or, when there are many, after a minute.

use crate::store::{Cursor, REVOKED_FOR};
use crate::token::Timestamp;

/// The newest entry that was read, and the holes below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its number.
    pub(super) last: i64,
    /// When it was written: another entry of that number is of another history.
    pub(super) at: i64,
    holes: Vec<Hole>,
}

/// Numbers that were not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    from: i64,
    to: i64,
    /// When that was noticed.
    since: i64,
}

impl Place {
    /// Below every entry. Even the first that is found may not be the first that was written.
    pub(super) const fn start() -> Self {
        Self { last: 0, at: 0, holes: Vec::new() }
    }

    /// What a cursor says; none when it is not of this store.
    pub(super) fn read(cursor: &Cursor) -> Option<Self> {
        let numbers = cursor.as_bytes().strip_prefix(&[VERSION])?;
        let (numbers, rest) = numbers.as_chunks::<8>();
        let numbers: Vec<i64> = numbers.iter().map(|bytes| i64::from_be_bytes(*bytes)).collect();
        let (&[last, at], holes) = numbers.split_first_chunk::<2>()?;
        let (holes, odd) = holes.as_chunks::<3>();
        let is_whole = rest.is_empty() && odd.is_empty() && holes.len() <= HOLES && last > 0;
        let holes = holes.iter().map(|&[from, to, since]| Hole { from, to, since }).collect();
        is_whole.then_some(Self { last, at, holes })
    }

    pub(super) fn cursor(&self) -> Cursor {
        if self.last == 0 {
            return Cursor::default();
        }
        let holes = self.holes.iter().flat_map(|hole| [hole.from, hole.to, hole.since]);
        let numbers = [self.last, self.at].into_iter().chain(holes);
        let bytes: Vec<u8> = [VERSION].into_iter().chain(numbers.flat_map(i64::to_be_bytes)).collect();
        Cursor::new(bytes)
    }

    /// The first and last number of each hole.
    pub(super) fn holes(&self) -> impl Iterator<Item = (i64, i64)> {
        self.holes.iter().map(|hole| (hole.from, hole.to))
    }

    /// That the entry of this number, written at `at`, which is missing, was read after all. What is missing below it was given
    /// its number before, and is waited for from then: a hole of many that became one grows old from its lower end.
    pub(super) fn found(&mut self, n: i64, at: i64) {
        let split = |hole: &Hole| {
            if n < hole.from || hole.to < n {
                return [Some(*hole), None];
            }
            let below = Hole { to: n - 1, since: hole.since.min(at), ..*hole };
            let above = Hole { from: n + 1, ..*hole };
            [below, above].map(|hole| Some(hole).filter(|hole| hole.from <= hole.to))
        };
        self.holes = self.holes.iter().flat_map(split).flatten().collect();
    }

    /// That the entry of this number, written at `at`, is the next that was read. What lies between is missing since `since`.
    pub(super) fn next(&mut self, n: i64, at: i64, since: i64) {
        if n > self.last.saturating_add(1) {
            self.holes.push(Hole { from: self.last + 1, to: n - 1, since });
        }
        (self.last, self.at) = (n, at);
    }

    /// Forgets what nobody waits for any more, and what is too much to remember.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let age = |hole: &Hole| now.since(Timestamp::from_millis(hole.since));
        self.holes.retain(|hole| age(hole) <= REVOKED_FOR);
        while self.holes.len() > HOLES {
            let oldest = (0..self.holes.len()).min_by_key(|at| self.holes.get(*at).map(|hole| hole.since));
            match oldest.and_then(|at| self.holes.get(at).map(|hole| (at, age(hole)))) {
                Some((at, age)) if age > SURELY_COMMITTED => drop(self.holes.remove(at)),
                // Two become one, with what lies between: that is read again.
                _ => self.join(),
            }
        }
    }

    fn join(&mut self) {
        let pairs = self.holes.windows(2).enumerate();
        let apart = |pair: &[Hole]| match pair {
            [one, next] => next.from - one.to,
            _ => i64::MAX,
        };
        let Some((at, _)) = pairs.min_by_key(|(_, pair)| apart(pair)) else { return };
        let next = self.holes.remove(at + 1);
        if let Some(hole) = self.holes.get_mut(at) {
            (hole.to, hole.since) = (next.to, hole.since.max(next.since));
        }
    }
}

/// How many holes are remembered one by one.
pub(super) const HOLES: usize = 16;

/// How long an entry is waited for at least, from when a later one was read. Its transaction ends with it.
const SURELY_COMMITTED: std::time::Duration = std::time::Duration::from_secs(60);

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(place: &mut Place, numbers: &[i64], now: i64) {
        numbers.iter().for_each(|n| place.next(*n, now, now));
        place.forget(Timestamp::from_millis(now));
    }

    fn missing(place: &Place) -> Vec<(i64, i64)> {
        place.holes().collect()
    }

    #[test]
    fn what_is_missing_is_asked_for_until_it_is_found() {
        let mut place = Place::start();
        read(&mut place, &[3, 4, 9], 1000);
        assert_eq!(missing(&place), [(1, 2), (5, 8)]);
        for n in [6, 1, 6] {
            place.found(n, 1000);
        }
        assert_eq!(missing(&place), [(2, 2), (5, 5), (7, 8)]);
        assert_eq!(Place::read(&place.cursor()), Some(place.clone()));
        for n in [2, 5, 7, 8] {
            place.found(n, 1000);
        }
        assert_eq!(missing(&place), []);
        assert_eq!(Place::read(&place.cursor()), Some(place));
    }

    #[test]
    fn what_is_missing_is_forgotten_when_it_would_be_of_no_use() {
        let mut place = Place::start();
        read(&mut place, &[2], 1000);
        place.forget(Timestamp::from_millis(1000 + 3_660_000));
        assert_eq!(missing(&place), [(1, 1)]);
        place.forget(Timestamp::from_millis(1001 + 3_660_000));
        assert_eq!(missing(&place), []);
    }

    #[test]
    fn of_many_the_young_are_kept_and_the_old_forgotten() {
        let mut place = Place::start();
        let odd: Vec<i64> = (1..=20).map(|n| 2 * n).collect();
        read(&mut place, &odd, 1000);
        assert_eq!(place.holes.len(), HOLES);
        for n in (1..40).step_by(2) {
            assert!(missing(&place).iter().any(|(from, to)| (*from..=*to).contains(&n)), "{n}");
        }
        // A minute later they make room for what is missing now.
        read(&mut place, &[50, 60], 62_000);
        assert_eq!(place.holes.len(), HOLES);
        assert_eq!(missing(&place).last(), Some(&(51, 59)));
        assert_eq!(Place::read(&place.cursor()), Some(place));
    }

    #[test]
    fn numbers_that_are_never_given_do_not_pile_up() {
        // Every second one, a hundred each ten seconds: more holes than are remembered one by one.
        let mut place = Place::start();
        for batch in 0..30 {
            let now = 1000 + batch * 10_000;
            let written = |n: i64| 1000 + (n / 2 - 1) / 100 * 10_000;
            let asked: Vec<_> = place.holes().collect();
            for n in (2..=place.last).step_by(2).filter(|n| asked.iter().any(|(from, to)| (*from..=*to).contains(n))) {
                place.found(n, written(n));
            }
            (1..=100).for_each(|n| place.next(200 * batch + 2 * n, now, now));
            place.forget(Timestamp::from_millis(now));
        }
        let oldest = missing(&place).first().map(|(from, _)| *from);
        assert!(oldest.is_some_and(|from| from > place.last - 8 * 200), "{:?} of {}", missing(&place), place.last);
    }

    #[test]
    fn what_this_store_did_not_write_is_no_place() {
        for strange in [&b""[..], &[1], &[1; 9], &[1; 18], &[0xff; 200], &[0; 17], &[1; 1 + 8 * 4], &[1; 1 + 8 * 53]] {
            assert_eq!(Place::read(&Cursor::new(strange)), None, "{strange:?}");
        }
    }
}
