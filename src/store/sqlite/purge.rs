//! The walk of a purge. What makes a session dead is in no index, because rotations write it: a purge reads the whole table,
//! page by page on the reading connection, and asks the writer only to delete what it found.

use rusqlite::{Connection, params};

use super::statements::int;
use crate::store::{NOTED_FOR, REVOKED_FOR};
use crate::token::Timestamp;

/// Where a session stands in the table's order; by default before every session.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    subject: Vec<u8>,
    id: Vec<u8>,
}

/// A page of a walk through the table.
pub(super) struct Page {
    /// Those on it that may be deleted, at most as many as were asked for.
    pub(super) dead: Vec<Place>,
    /// Where the next page begins; none at the end of the table.
    pub(super) next: Option<Place>,
}

/// Reads the page after `start`.
pub(super) fn page(conn: &Connection, start: &Place, limit: usize, now: Timestamp) -> rusqlite::Result<Page> {
    let mut statement = conn.prepare_cached(PAGE)?;
    let (now, long_ago) = (now.as_millis(), now.before(REVOKED_FOR).as_millis());
    let mut records = statement.query(params![start.subject, start.id, now, long_ago, int(PAGE_ROWS)])?;
    let (mut dead, mut last, mut rows) = (Vec::new(), None, 0);
    while let Some(record) = records.next()? {
        let place = Place { subject: record.get(0)?, id: record.get(1)? };
        rows += 1;
        if record.get(2)? {
            dead.push(place.clone());
        }
        last = Some(place);
        if dead.len() == limit {
            return Ok(Page { dead, next: last });
        }
    }
    Ok(Page { dead, next: last.filter(|_| rows == PAGE_ROWS) })
}

/// Deletes those that are still dead, and answers how many.
pub(super) fn delete(conn: &Connection, dead: &[Place], now: Timestamp) -> rusqlite::Result<usize> {
    let (now, long_ago) = (now.as_millis(), now.before(REVOKED_FOR).as_millis());
    let mut statement = conn.prepare_cached(DELETE)?;
    dead.iter().map(|place| statement.execute(params![place.subject, place.id, now, long_ago])).sum()
}

/// Forgets the notes that outlived whatever they refuse.
pub(super) fn forget(conn: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    conn.prepare_cached(FORGET)?.execute([now.before(NOTED_FOR).as_millis()]).map(drop)
}

/// Rows that one step of a purge reads: a few milliseconds, after which other readers have their turn.
const PAGE_ROWS: usize = 1024;

const PAGE: &str = "
    SELECT subject, id, expires_at <= ?3 OR rotated_at + idle <= ?3 OR COALESCE(revoked_at < ?4, FALSE)
    FROM jwt_sessions WHERE (subject, id) > (?1, ?2) ORDER BY subject, id LIMIT ?5";

const DELETE: &str = "
    DELETE FROM jwt_sessions
    WHERE subject = ?1 AND id = ?2
        AND (expires_at <= ?3 OR rotated_at + idle <= ?3 OR revoked_at < ?4)";

const FORGET: &str = "DELETE FROM jwt_sessions_subjects WHERE not_before < ?1";

/// The statements that must find their rows by the key.
#[cfg(test)]
pub(super) const BY_KEY: &[&str] = &[PAGE, DELETE];
