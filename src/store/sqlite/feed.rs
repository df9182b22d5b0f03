//! The feed. One process writes at a time, and a number is given in the writer's turn: their order is that of the commits.

use rusqlite::{Connection, OptionalExtension, params};

use super::statements::int;
use crate::store::{Cursor, Ends, Entry, Feed, REVOKED_FOR};
use crate::token::{SessionId, Timestamp};

/// Adds that these sessions were ended.
pub(super) fn append_ended(conn: &Connection, ended: &[SessionId], now: Timestamp) -> rusqlite::Result<()> {
    ended.iter().try_for_each(|session| append(conn, Ends::Session(*session), now))
}

pub(super) fn append(conn: &Connection, ends: Ends, now: Timestamp) -> rusqlite::Result<()> {
    let (session, below) = match ends {
        Ends::Session(session) => (Some(session), None),
        Ends::Below(session, below) => (Some(session), Some(int(below))),
        Ends::All => (None, None),
    };
    let session = session.as_ref().map(SessionId::as_bytes);
    conn.prepare_cached(APPEND)?.execute(params![now.as_millis(), session, below]).map(drop)
}

/// A page from `cursor` on.
pub(super) fn read(conn: &Connection, cursor: &Cursor, now: Timestamp) -> rusqlite::Result<Feed> {
    let last: i64 = conn.prepare_cached(LAST)?.query_row([], |record| record.get(0)).optional()?.unwrap_or(0);
    let read = cursor.as_bytes().try_into().map_or(0, i64::from_be_bytes);
    // A file that was put back is behind what was read of the one before.
    let read = if read > last { 0 } else { read };
    let mut statement = conn.prepare_cached(READ)?;
    let mut records = statement.query(params![read, now.before(REVOKED_FOR).as_millis(), int(PAGE)])?;
    let (mut entries, mut end) = (Vec::new(), last);
    while let Some(record) = records.next()? {
        end = record.get(0)?;
        let (session, below): (Option<[u8; 16]>, Option<i64>) = (record.get(2)?, record.get(3)?);
        let ends = match (session.map(SessionId::from_bytes), below) {
            (None, _) => Ends::All,
            (Some(session), None) => Ends::Session(session),
            (Some(session), Some(below)) => Ends::Below(session, u64::try_from(below).unwrap_or(0)),
        };
        entries.push(Entry::new(ends, now.since(Timestamp::from_millis(record.get(1)?))));
    }
    let more = entries.len() == PAGE;
    let end = if more { end } else { end.max(last) };
    Ok(Feed::new(entries, Cursor::new(end.to_be_bytes()), more))
}

/// Deletes the oldest of what is of no use any more; whether there may be more.
pub(super) fn forget(conn: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    let deleted = conn.prepare_cached(FORGET)?.execute(params![now.before(2 * REVOKED_FOR).as_millis(), int(PAGE)])?;
    Ok(deleted == PAGE)
}

/// How many entries are read or deleted in one step.
const PAGE: usize = 4096;

const APPEND: &str = "INSERT INTO jwt_sessions_feed (at, session, below) VALUES (?1, ?2, ?3)";

const LAST: &str = "SELECT seq FROM sqlite_sequence WHERE name = 'jwt_sessions_feed'";

const READ: &str = "
    SELECT n, at, session, below FROM jwt_sessions_feed WHERE n > ?1 AND at > ?2 ORDER BY n LIMIT ?3";

const FORGET: &str = "
    DELETE FROM jwt_sessions_feed
    WHERE at < ?1 AND n IN (SELECT n FROM jwt_sessions_feed ORDER BY n LIMIT ?2)";
