use std::time::Duration;

use sqlx::Row as _;
use sqlx::mysql::{MySqlConnection, MySqlRow};

use super::holes::{HOLES, Place};
use super::row::{bytes, present, sixteen};
use super::work::Work;
use crate::store::{Cursor, Ends, Entry, Feed, REVOKED_FOR};
use crate::token::{SessionId, Timestamp};

pub(super) struct Read(pub(super) Cursor);

impl Work for Read {
    type Answer = Feed;

    async fn run(&self, conn: &mut MySqlConnection) -> sqlx::Result<Feed> {
        let mut place = Place::read(&self.0);
        let mut found = Vec::new();
        if let Some(place) = &place {
            found = entries(sqlx::query(TAIL).bind(place.last).bind(LIMIT).fetch_all(&mut *conn).await?)?;
        }
        // The entry that was read last comes first. If it does not, it was purged for its age, or the store was put back.
        let is_same = |place: &Place| found.first().is_some_and(|first| (first.n, first.at) == (place.last, place.at));
        if !place.as_ref().is_some_and(is_same) {
            place = None;
            found = entries(sqlx::query(START).bind(LIMIT).fetch_all(&mut *conn).await?)?;
        }
        let Some(now) = found.first().map(|first| first.now) else {
            return Ok(Feed::new(Vec::new(), Cursor::default(), false));
        };
        let is_start = place.is_none();
        let mut place = place.unwrap_or(Place::start());
        let more = found.len() > PAGE;
        found.truncate(PAGE);
        let mut late = Vec::new();
        if place.holes().next().is_some() {
            let ranges = place.holes().chain(std::iter::repeat((0, 0))).take(HOLES);
            let query = ranges.fold(sqlx::query(LATE), |query, (from, to)| query.bind(from).bind(to));
            late = entries(query.bind(LIMIT).fetch_all(conn).await?)?;
            late.iter().for_each(|entry| place.found(entry.n, entry.at));
        }
        for entry in found.iter().filter(|entry| entry.n > place.last).collect::<Vec<_>>() {
            // What is missing among old entries is as old as they are.
            place.next(entry.n, entry.at, if is_start || more { entry.at.min(now) } else { now });
        }
        place.forget(Timestamp::from_millis(now));
        let skipped = usize::from(!is_start);
        let read = late.iter().chain(found.iter().skip(skipped)).map(Numbered::entry);
        let entries = read.filter(|entry| entry.age <= REVOKED_FOR).collect();
        Ok(Feed::new(entries, place.cursor(), more))
    }
}

/// Deletes the oldest of what is of no use any more; whether there may be more.
pub(super) struct Forget;

impl Work for Forget {
    type Answer = bool;

    const PATIENCE: Duration = Duration::from_secs(60);

    async fn run(&self, conn: &mut MySqlConnection) -> sqlx::Result<bool> {
        let deleted = sqlx::query(FORGET).execute(conn).await?.rows_affected();
        Ok(deleted == FORGET_ROWS)
    }
}

struct Numbered {
    n: i64,
    at: i64,
    now: i64,
    ends: Ends,
}

impl Numbered {
    fn entry(&self) -> Entry {
        Entry::new(self.ends, Timestamp::from_millis(self.now).since(Timestamp::from_millis(self.at)))
    }
}

fn entries(records: Vec<MySqlRow>) -> sqlx::Result<Vec<Numbered>> {
    let entry = |record: &MySqlRow| {
        let session: Option<&[u8]> = record.try_get(2)?;
        let below: Option<i64> = record.try_get(3)?;
        let ends = match (session, below) {
            (None, _) => Ends::All,
            (Some(_), None) => Ends::Session(SessionId::from_bytes(bytes(record, 2)?)),
            (Some(_), Some(below)) => {
                Ends::Below(SessionId::from_bytes(bytes(record, 2)?), u64::try_from(below).unwrap_or(0))
            }
        };
        Ok(Numbered { n: record.try_get(0)?, at: record.try_get(1)?, now: record.try_get(4)?, ends })
    };
    records.iter().map(entry).collect()
}

/// How many entries a page has at most, beside those that were committed late.
const PAGE: usize = 10_000;
/// One more than a page, which tells that there is more.
const LIMIT: i64 = 10_001;
const FORGET_ROWS: u64 = 1000;

const TAIL: &str = concat!(
    "SELECT n, ended_at, session_id, below, ",
    present!(),
    " FROM jwt_sessions_feed WHERE n >= ? ORDER BY n LIMIT ?"
);

const START: &str = concat!(
    "SELECT n, ended_at, session_id, below, ",
    present!(),
    " FROM jwt_sessions_feed WHERE ended_at >= ",
    present!(),
    " - 3660000 ORDER BY n LIMIT ?"
);

const LATE: &str = concat!(
    "SELECT n, ended_at, session_id, below, ",
    present!(),
    " FROM jwt_sessions_feed WHERE ",
    sixteen!("(n BETWEEN ? AND ?)"),
    " ORDER BY n DESC LIMIT ?"
);

const FORGET: &str =
    concat!("DELETE FROM jwt_sessions_feed WHERE ended_at < ", present!(), " - 3720000 ORDER BY ended_at LIMIT 1000");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spans_in_the_statements_are_the_contracts() {
        assert!(START.contains(&format!(" - {} ", REVOKED_FOR.as_millis())));
        assert!(FORGET.contains(&format!(" - {} ", REVOKED_FOR.as_millis() + 60_000)));
        assert!(FORGET.ends_with(&format!(" {FORGET_ROWS}")));
    }
}
