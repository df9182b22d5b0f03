//! The walk of a purge. What makes a session dead is in no index, because rotations write it: a purge reads the collection in
//! the order of its ids, page by page, and deletes what it found if it still is so.

use std::time::Duration;

use mongodb::bson::{Document, doc};

use super::collections::Call;
use super::documents::{all_of, idle_until, number, optional};
use super::error::{broken, foreign};
use super::sessions::all;
use crate::store::{REVOKED_FOR, StoreError};
use crate::token::Timestamp;

pub(super) async fn purge(at: &Call, limit: usize) -> Result<usize, StoreError> {
    let start = at.purged_to();
    let (mut place, mut deleted, mut wrapped) = (start.clone(), 0_usize, start.is_none());
    while deleted < limit {
        let now = at.now().await?;
        let page = page(at, place.as_deref(), limit - deleted, now).await?;
        if !page.dead.is_empty() {
            deleted += delete(at, page.dead, now).await?;
        }
        let is_round = if page.next.is_some() {
            wrapped && start.is_some() && page.next >= start
        } else {
            std::mem::replace(&mut wrapped, true)
        };
        place = page.next;
        at.set_purged_to(place.clone());
        if is_round {
            forget(at, now).await?;
            break;
        }
    }
    Ok(deleted)
}

struct Page {
    /// Those on it that may be deleted, at most as many as were asked for.
    dead: Vec<String>,
    /// Behind which session the next page begins; none at the end.
    next: Option<String>,
}

async fn page(at: &Call, after: Option<&str>, limit: usize, now: Timestamp) -> Result<Page, StoreError> {
    let filter = after.map_or_else(Document::new, |after| doc! { "_id": { "$gt": after } });
    let fields = doc! { "expires_at": 1, "rotated_at": 1, "idle": 1, "revoked_at": 1, "fed_at": 1 };
    let found = at.sessions.find(filter).sort(doc! { "_id": 1 }).limit(PAGE).batch_size(PAGE as u32).projection(fields);
    let found = all(found.await.map_err(broken)?).await?;
    let is_full = found.len() as i64 == PAGE;
    let (mut dead, mut last) = (Vec::new(), None);
    for session in &found {
        let id = session.get_str("_id").map_err(|_| foreign("a session's `_id` is not what this crate writes"))?;
        last = Some(id.to_owned());
        if is_dead(session, now)? {
            dead.push(id.to_owned());
        }
        if dead.len() == limit {
            return Ok(Page { dead, next: last });
        }
    }
    Ok(Page { dead, next: last.filter(|_| is_full) })
}

fn is_dead(session: &Document, now: Timestamp) -> Result<bool, StoreError> {
    let now_millis = now.as_millis();
    let is_idle = number(session, "rotated_at")?.saturating_add(number(session, "idle")?) <= now_millis;
    let is_expired = number(session, "expires_at")? <= now_millis;
    let is_long_over = optional(session, "revoked_at").is_some_and(|at| at < now.before(REVOKED_FOR).as_millis());
    let is_fed = optional(session, "fed_at").is_some_and(|at| at >= fed_since(now));
    Ok((is_idle || is_expired || is_long_over) && !is_fed)
}

/// Deletes those that are still dead, and answers how many.
async fn delete(at: &Call, dead: Vec<String>, now: Timestamp) -> Result<usize, StoreError> {
    let still = all_of([
        doc! { "_id": { "$in": dead } },
        doc! { "$or": [
            { "expires_at": { "$lte": now.as_millis() } },
            { "revoked_at": { "$lt": now.before(REVOKED_FOR).as_millis() } },
            { "$expr": { "$lte": [idle_until(), now.as_millis()] } },
        ] },
        doc! { "$or": [{ "fed_at": null }, { "fed_at": { "$lt": fed_since(now) } }] },
    ]);
    let deleted = at.sessions.delete_many(still).await.map_err(broken)?.deleted_count;
    Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
}

/// Forgets the subjects whose notes outlived whatever they refuse, and those of which there is only a version.
async fn forget(at: &Call, now: Timestamp) -> Result<(), StoreError> {
    let over = doc! { "forget_at": { "$lt": now.as_millis() }, "opening": null };
    loop {
        let found = at.subjects.find(over.clone()).limit(PAGE).batch_size(PAGE as u32).projection(doc! { "_id": 1 });
        let found = all(found.await.map_err(broken)?).await?;
        let is_full = found.len() as i64 == PAGE;
        let ids: Vec<_> = found.iter().filter_map(|subject| subject.get_str("_id").ok()).collect();
        if !ids.is_empty() {
            let those = all_of([doc! { "_id": { "$in": ids } }, over.clone()]);
            at.subjects.delete_many(those).await.map_err(broken)?;
        }
        if !is_full {
            return Ok(());
        }
    }
}

/// A session is kept while its entry in the feed is of use, and a minute for what clocks differ by.
fn fed_since(now: Timestamp) -> i64 {
    now.before(REVOKED_FOR + Duration::from_secs(60)).as_millis()
}

/// Documents that one step reads.
const PAGE: i64 = 1000;
