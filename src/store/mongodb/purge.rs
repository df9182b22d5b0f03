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

/// What came of a page.
pub(super) struct Page {
    pub(super) deleted: usize,
    /// Behind which session the next page begins; none at the end.
    pub(super) next: Option<String>,
}

/// Deletes the dead of the page behind `start`, at most `limit` of them. No session's name is empty: that is the beginning.
pub(super) async fn page(at: &Call, start: &str, limit: usize) -> Result<Page, StoreError> {
    let now = at.now().await?;
    let fields = doc! { "expires_at": 1, "rotated_at": 1, "idle": 1, "revoked_at": 1, "fed_at": 1 };
    let found = at.sessions.find(doc! { "_id": { "$gt": start } }).sort(doc! { "_id": 1 }).projection(fields);
    let found = all(found.limit(PAGE).batch_size(PAGE as u32).await.map_err(broken)?).await?;
    let mut is_last = (found.len() as i64) < PAGE;
    let (mut dead, mut last) = (Vec::new(), None);
    for session in &found {
        let id = session.get_str("_id").map_err(|_| foreign("a session's `_id` is not what this crate writes"))?;
        last = Some(id.to_owned());
        if is_dead(session, now)? {
            dead.push(id.to_owned());
        }
        if dead.len() == limit {
            is_last = false;
            break;
        }
    }
    let deleted = if dead.is_empty() { 0 } else { delete(at, dead, now).await? };
    Ok(Page { deleted, next: last.filter(|_| !is_last) })
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

/// Forgets a page of the subjects whose notes outlived whatever they refuse, and of those of which there is only a version;
/// whether there are more.
pub(super) async fn forget(at: &Call) -> Result<bool, StoreError> {
    let over = doc! { "forget_at": { "$lt": at.now().await?.as_millis() }, "opening": null };
    let found = at.subjects.find(over.clone()).limit(PAGE).batch_size(PAGE as u32).projection(doc! { "_id": 1 });
    let found = all(found.await.map_err(broken)?).await?;
    let ids: Vec<_> = found.iter().filter_map(|subject| subject.get_str("_id").ok()).collect();
    if !ids.is_empty() {
        let those = all_of([doc! { "_id": { "$in": &ids } }, over]);
        at.subjects.delete_many(those).await.map_err(broken)?;
    }
    // What has another kind of name is nobody's subject, stays, and would be found for ever.
    Ok(!ids.is_empty() && found.len() as i64 == PAGE)
}

/// A session is kept while its entry in the feed is of use, and a minute for what clocks differ by.
fn fed_since(now: Timestamp) -> i64 {
    now.before(REVOKED_FOR + Duration::from_secs(60)).as_millis()
}

/// Documents that one step reads.
const PAGE: i64 = 1000;
