//! What the verbs do to one session: each is decided by one command on one document.

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ReturnDocument;
use mongodb::{Collection, Cursor};

use super::collections::{COMMAND, Call, SESSIONS, primary};
use super::documents::{all_of, device, hash, id, int, living, millis, named, row};
use super::error::{broken, unavailable};
use super::feed;
use crate::store::{Listed, Loaded, RevokeReason, Row, Seen, StoreError, Swap, Swapped};
use crate::token::{SecretHash, SessionId, Timestamp};

pub(super) async fn load(at: &Call, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
    // First, because it is where the database is looked at for the first time.
    at.now().await?;
    let found = at.sessions.find_one(named(subject, id)).max_time(COMMAND).await.map_err(broken)?;
    let now = at.now().await?;
    found.map(|document| Ok(loaded(row(&document)?, now))).transpose()
}

pub(super) async fn swap(
    at: &Call,
    subject: &str,
    id: SessionId,
    secret_hash: &SecretHash,
    swap: &Swap,
) -> Result<Swapped, StoreError> {
    let now = at.now().await?;
    let mut demands = vec![
        named(subject, id),
        doc! { "secret_hash": hash(secret_hash) },
        doc! { "generation": int(swap.expected.0), "previous": int(swap.expected.1) },
        living(now),
    ];
    if swap.unless_seen {
        demands.push(doc! { "seen": { "$lt": int(swap.expected.0) } });
    }
    if let Some(quiet) = swap.quiet_for.filter(|_| swap.expected.0 != swap.expected.1) {
        demands.push(doc! { "rotated_at": { "$lt": now.as_millis().saturating_sub(millis(quiet)) } });
    }
    let mut set = doc! {
        "generation": int(swap.generation),
        "previous": int(swap.previous),
        "rotated_at": now.as_millis(),
    };
    if swap.authenticated {
        set.insert("auth_time", now.as_millis());
    }
    if swap.cut > 0 {
        set.insert("fed_at", now.as_millis());
    }
    let update = doc! { "$set": set, "$max": { "seen": int(swap.seen), "cut": int(swap.cut) } };
    let won = at.sessions.find_one_and_update(all_of(demands), update).return_document(ReturnDocument::After);
    let fed: &[_] = if swap.cut > 0 { &[id] } else { &[] };
    match feed::written(at, won.max_time(COMMAND).await, fed, now).await? {
        Some(won) => {
            feed::stamp_again(at, fed, now).await?;
            Ok(Swapped::Won(loaded(row(&won)?, now)))
        }
        None => Ok(Swapped::Lost(load(at, subject, id).await?)),
    }
}

/// Those of `seen` that are orphans.
pub(super) async fn confirm(at: &Call, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
    let mut orphans = Vec::new();
    for seen in seen.chunks(TOGETHER) {
        let now = at.now().await?;
        let ids: Vec<_> = seen.iter().map(|seen| seen.session.to_string()).collect();
        let found = at.sessions.find(doc! { "_id": { "$in": ids } }).batch_size(BATCH).max_time(COMMAND);
        let found = all(found.await.map_err(broken)?).await?;
        let mut rows = HashMap::with_capacity(found.len());
        for document in &found {
            rows.insert((id(document)?, document.get_str("subject").unwrap_or_default()), row(document)?);
        }
        let mut updates = Vec::new();
        for seen in seen {
            let living = rows.get(&(seen.session, seen.subject.as_str())).filter(|row| row.is_living(now));
            let Some(row) = living else { continue };
            let generation = seen.generation;
            if generation == row.generation && row.seen < generation {
                let mut newest = named(&seen.subject, seen.session);
                newest.insert("generation", int(generation));
                newest.insert("revoked_at", Bson::Null);
                updates.push(doc! { "q": newest, "u": { "$max": { "seen": int(generation) } } });
            }
            if row.previous < generation && generation < row.generation && row.cut <= generation {
                orphans.push(seen.clone());
            }
        }
        note(at, updates).await?;
    }
    Ok(orphans)
}

/// Many updates in one command, which a failover may lose: the only write that need not be durable.
async fn note(at: &Call, updates: Vec<Document>) -> Result<(), StoreError> {
    if updates.is_empty() {
        return Ok(());
    }
    let mut command = doc! { "update": SESSIONS, "updates": updates, "ordered": false, "writeConcern": { "w": 1 } };
    command.insert("maxTimeMS", millis(COMMAND));
    let done = at.database.run_command(command).selection_criteria(primary()).await.map_err(broken)?;
    match done.get_array("writeErrors") {
        Ok(errors) if !errors.is_empty() => Err(unavailable("what was seen could not be noted")),
        _ => Ok(()),
    }
}

pub(super) async fn revoke(at: &Call, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
    let now = at.now().await?;
    let ended = at.sessions.update_one(all_of([named(subject, id), living(now)]), end(reason, now));
    let ended = feed::written(at, ended.await, &[id], now).await?.modified_count > 0;
    if ended {
        feed::stamp_again(at, &[id], now).await?;
    }
    Ok(ended)
}

/// What ends a session, and appends that to the feed: in one document, so that neither is without the other.
pub(super) fn end(reason: RevokeReason, now: Timestamp) -> Document {
    let now = now.as_millis();
    doc! { "$set": { "revoked_at": now, "revoke_reason": reason.name(), "fed_at": now } }
}

pub(super) async fn list(at: &Call, subject: &str) -> Result<Vec<Listed>, StoreError> {
    at.now().await?;
    let found = at.sessions.find(doc! { "subject": subject, "revoked_at": null }).batch_size(BATCH).max_time(COMMAND);
    let found = all(found.await.map_err(broken)?).await?;
    let now = at.now().await?;
    let mut listed = Vec::with_capacity(found.len());
    for document in &found {
        let row = row(document)?;
        if row.is_living(now) {
            listed.push(Listed::new(row, device(document)));
        }
    }
    listed.sort_by_key(|listed| std::cmp::Reverse(age(&listed.row)));
    Ok(listed)
}

/// What the order of a subject's sessions is decided by: those rotated last are the largest.
pub(super) fn age(row: &Row) -> (Timestamp, Timestamp, SessionId) {
    (row.rotated_at, row.created_at, row.id)
}

pub(super) async fn all(mut cursor: Cursor<Document>) -> Result<Vec<Document>, StoreError> {
    let mut found = Vec::new();
    while cursor.advance().await.map_err(broken)? {
        found.push(cursor.deserialize_current().map_err(broken)?);
    }
    Ok(found)
}

/// The ids of what `filter` finds.
pub(super) async fn ids(of: &Collection<Document>, filter: Document) -> Result<Vec<SessionId>, StoreError> {
    let found = of.find(filter).projection(doc! { "_id": 1 }).batch_size(BATCH).max_time(COMMAND);
    all(found.await.map_err(broken)?).await?.iter().map(id).collect()
}

/// Two instances' measurements of one clock may differ by their errors: no row is from the future.
fn loaded(row: Row, now: Timestamp) -> Loaded {
    Loaded::new(row, now.max(row.rotated_at))
}

/// How many confirmations share a command.
const TOGETHER: usize = 1000;
/// How many documents come at once: more round trips than one are for those who have more sessions than this.
pub(super) const BATCH: u32 = 1000;
