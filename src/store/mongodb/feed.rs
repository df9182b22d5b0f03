//! The feed. Its entries stand in the documents of the sessions themselves, so that none is ended without its entry or the
//! other way round: `fed_at` is when it was ended or cut, and only such sessions are in that index.
//!
//! A moment is written by whoever ends a session, and is read a little later than it was: a reader goes back by [`LATE`] each
//! time, which covers what a write may take and what the instances' measurements of the server's clock differ by. A write that
//! took longer than half of that is stamped again when it is there.

use std::time::Duration;

use mongodb::bson::{Document, doc};

use super::collections::Call;
use super::documents::{id, number, optional};
use super::error::broken;
use super::schema::SCHEMA;
use crate::store::{Cursor, Ends, Entry, Feed, REVOKED_FOR, StoreError};
use crate::token::{SessionId, Timestamp};

/// A page from `cursor` on. Pages end between two milliseconds, so that a moment says where the next one begins.
pub(super) async fn read(at: &Call, cursor: &Cursor) -> Result<Feed, StoreError> {
    let now = at.now().await?;
    let place = Place::read(cursor, now);
    let start = place.start.max(now.before(REVOKED_FOR));

    let mut entries = Vec::new();
    let meta = at.meta.find_one(doc! { "_id": SCHEMA }).await.map_err(broken)?;
    let all_at = meta.as_ref().and_then(|meta| optional(meta, "all_at")).map(Timestamp::from_millis);
    entries.extend(all_at.filter(|all_at| *all_at >= start).map(|all_at| Entry::new(Ends::All, now.since(all_at))));

    let found = at.sessions.find(doc! { "fed_at": { "$gte": start.as_millis() } });
    let found = found.sort(doc! { "fed_at": 1 }).projection(doc! { "fed_at": 1, "cut": 1, "revoked_at": 1 });
    let mut found = found.batch_size(BATCH).await.map_err(broken)?;
    let mut last = start;
    while found.advance().await.map_err(broken)? {
        let document = found.deserialize_current().map_err(broken)?;
        let fed_at = Timestamp::from_millis(number(&document, "fed_at")?);
        if entries.len() >= PAGE && fed_at > last {
            return Ok(Feed::new(entries, Place { start: fed_at, ..place }.cursor(), true));
        }
        last = fed_at;
        entries.push(Entry::new(ends(&document)?, now.since(fed_at)));
    }
    Ok(Feed::new(entries, Cursor::new(place.begun.as_millis().to_be_bytes()), false))
}

/// Where a reader is.
#[derive(Clone, Copy)]
struct Place {
    /// When it began: what was committed since may say that it was a little earlier, and is read the next time.
    begun: Timestamp,
    /// What it has not read yet.
    start: Timestamp,
}

impl Place {
    fn read(cursor: &Cursor, now: Timestamp) -> Self {
        let moment = |bytes: &[u8]| bytes.try_into().ok().map(i64::from_be_bytes).map(Timestamp::from_millis);
        let (begun, rest) = cursor.as_bytes().split_at_checked(8).unwrap_or_default();
        // A server that was restored, or whose clock was set back, is behind what was read of it.
        let begun = moment(begun).filter(|begun| *begun <= now.after(LATE));
        match (begun, moment(rest)) {
            // In the middle of a read nothing is read twice.
            (Some(begun), Some(start)) => Self { begun, start },
            (Some(begun), None) if rest.is_empty() => Self { begun: now, start: begun.min(now).before(LATE) },
            _ => Self { begun: now, start: Timestamp::from_millis(i64::MIN) },
        }
    }

    fn cursor(self) -> Cursor {
        Cursor::new([self.begun, self.start].map(|moment| moment.as_millis().to_be_bytes()).concat())
    }
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

/// Moves these entries up, if they are late.
pub(super) async fn stamp_again(at: &Call, ended: &[SessionId], since: Timestamp) -> Result<(), StoreError> {
    if ended.is_empty() || !is_late(at, since).await? {
        return Ok(());
    }
    let ids: Vec<_> = ended.iter().map(SessionId::to_string).collect();
    let update = doc! { "$max": { "fed_at": at.now_for_the_rest().await?.as_millis() } };
    at.sessions.update_many(doc! { "_id": { "$in": ids } }, update).await.map_err(broken).map(drop)
}

/// How late an entry may be there.
const LATE: Duration = Duration::from_secs(10);
const PAGE: usize = 10_000;
const BATCH: u32 = 1000;
