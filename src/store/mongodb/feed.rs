//! The feed. Its entries stand in the documents of the sessions themselves, so that none is ended without its entry or the
//! other way round: `fed_at` is when it was ended or cut, and only such sessions are in that index.
//!
//! A moment is written by whoever ends a session, and is read a little later than it was: a reader goes back by [`LATE`] each
//! time, which covers what a write may take and what the instances' measurements of the server's clock differ by. A write that
//! took longer than half of that is stamped again when it is there. That all sessions were ended is in no session: how often
//! it was is counted, and a reader knows of which one it was told.

use std::time::Duration;

use mongodb::bson::{Document, doc};

use super::collections::{COMMAND, Call};
use super::documents::{id, number, optional};
use super::error::{broken, is_unconfirmed};
use super::schema::SCHEMA;
use crate::store::{Cursor, Ends, Entry, Feed, REVOKED_FOR, StoreError};
use crate::token::{SessionId, Timestamp};

/// A page from `cursor` on. Pages end between two milliseconds, so that a moment says where the next one begins.
pub(super) async fn read(at: &Call, cursor: &Cursor) -> Result<Feed, StoreError> {
    let now = at.now().await?;
    let place = Place::read(cursor, now);
    let start = place.start.max(now.before(REVOKED_FOR));

    let mut entries = Vec::new();
    let meta = at.meta.find_one(doc! { "_id": SCHEMA }).max_time(COMMAND).await.map_err(broken)?;
    let all = meta.as_ref().and_then(EndOfAll::read);
    // Each is told once: behind a clock that was set back, its moment is ahead of every reader for as long as that takes.
    let news = all.filter(|all| all.at >= now.before(REVOKED_FOR) && Some(*all) != place.all);
    entries.extend(news.map(|all| Entry::new(Ends::All, now.since(all.at))));

    let found = at.sessions.find(doc! { "fed_at": { "$gte": start.as_millis() } });
    let found = found.sort(doc! { "fed_at": 1 }).projection(doc! { "fed_at": 1, "cut": 1, "revoked_at": 1 });
    let mut found = found.batch_size(BATCH).max_time(COMMAND).await.map_err(broken)?;
    let mut last = start;
    while found.advance().await.map_err(broken)? {
        let document = found.deserialize_current().map_err(broken)?;
        let fed_at = Timestamp::from_millis(number(&document, "fed_at")?);
        if entries.len() >= PAGE && fed_at > last {
            return Ok(Feed::new(entries, cursor_at(place.begun, all, Some(fed_at)), true));
        }
        last = fed_at;
        entries.push(Entry::new(ends(&document)?, now.since(fed_at)));
    }
    Ok(Feed::new(entries, cursor_at(place.begun, all, None), false))
}

/// The last end of all sessions.
#[derive(Clone, Copy, PartialEq)]
struct EndOfAll {
    at: Timestamp,
    /// How many there were: what tells one from another where the moment does not move, because the clock was set back.
    count: i64,
}

impl EndOfAll {
    fn read(meta: &Document) -> Option<Self> {
        let at = Timestamp::from_millis(optional(meta, "all_at")?);
        Some(Self { at, count: optional(meta, "all_count").unwrap_or(0) })
    }
}

/// Where a reader is.
struct Place {
    /// When it began: what was committed since may say that it was a little earlier, and is read the next time.
    begun: Timestamp,
    /// What it has not read yet.
    start: Timestamp,
    /// What it was told of.
    all: Option<EndOfAll>,
}

impl Place {
    fn read(cursor: &Cursor, now: Timestamp) -> Self {
        let numbers = cursor.as_bytes().chunks(8).map(|bytes| bytes.try_into().ok().map(i64::from_be_bytes));
        let numbers: Option<Vec<_>> = numbers.collect();
        let (begun, all, start) = match numbers.as_deref() {
            Some([begun, at, count]) => (begun, (at, count), None),
            Some([begun, at, count, start]) => (begun, (at, count), Some(Timestamp::from_millis(*start))),
            _ => return Self::beginning(now),
        };
        let begun = Timestamp::from_millis(*begun);
        // A server that was restored, or whose clock was set back, is behind what was read of it.
        if begun > now.after(LATE) {
            return Self::beginning(now);
        }
        let all = Some(EndOfAll { at: Timestamp::from_millis(*all.0), count: *all.1 });
        match start {
            // In the middle of a read nothing is read twice.
            Some(start) => Self { begun, start, all },
            None => Self { begun: now, start: begun.min(now).before(LATE), all },
        }
    }

    const fn beginning(now: Timestamp) -> Self {
        Self { begun: now, start: Timestamp::from_millis(i64::MIN), all: None }
    }
}

/// Says where the next page begins: none where this was the last one.
fn cursor_at(begun: Timestamp, all: Option<EndOfAll>, start: Option<Timestamp>) -> Cursor {
    let (at, count) = all.map_or((i64::MIN, 0), |all| (all.at.as_millis(), all.count));
    let numbers = [begun.as_millis(), at, count].into_iter().chain(start.map(Timestamp::as_millis));
    Cursor::new(numbers.flat_map(i64::to_be_bytes).collect::<Vec<_>>())
}

fn ends(document: &Document) -> Result<Ends, StoreError> {
    let session = id(document)?;
    if optional(document, "revoked_at").is_some() {
        return Ok(Ends::Session(session));
    }
    Ok(Ends::Below(session, number(document, "cut").map(|cut| u64::try_from(cut).unwrap_or(0))?))
}

/// Whether readers may have gone on beyond entries that say `since` and were only just written.
pub(super) async fn is_late(at: &Call, since: Timestamp) -> Result<bool, StoreError> {
    Ok(at.now_for_the_rest().await?.since(since) > LATE / 2)
}

/// What came of a write of entries. One that was not with a majority in time is there all the same, and late by that: it is moved
/// up before its caller hears of an error, who does nothing more.
pub(super) async fn written<T>(
    at: &Call,
    done: mongodb::error::Result<T>,
    entries: &[SessionId],
    since: Timestamp,
) -> Result<T, StoreError> {
    if done.as_ref().is_err_and(is_unconfirmed) {
        // This waits for the majority as well, and what comes of it is the same.
        let _ = stamp_again(at, entries, since).await;
    }
    done.map_err(broken)
}

/// Moves these entries up, if they are late.
pub(super) async fn stamp_again(at: &Call, ended: &[SessionId], since: Timestamp) -> Result<(), StoreError> {
    if ended.is_empty() || !is_late(at, since).await? {
        return Ok(());
    }
    let ids: Vec<_> = ended.iter().map(SessionId::to_string).collect();
    let update = doc! { "$max": { "fed_at": at.now_for_the_rest().await?.as_millis() } };
    let entries = doc! { "_id": { "$in": ids }, "fed_at": { "$exists": true } };
    at.sessions.update_many(entries, update).await.map_err(broken).map(drop)
}

/// How late an entry may be there.
const LATE: Duration = Duration::from_secs(10);
const PAGE: usize = 10_000;
const BATCH: u32 = 1000;
