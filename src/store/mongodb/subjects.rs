//! What the verbs do to all sessions of a subject. Why logins and logouts agree: see [`openings`](super::openings).

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use mongodb::options::ReturnDocument;

use super::collections::{COMMAND, Call, majority};
use super::documents::{all_of, living, optional, row};
use super::error::{broken, is_duplicate, unavailable};
use super::feed;
use super::openings::{carry_out, carry_out_anothers, is_refused, opening};
use super::schema::SCHEMA;
use super::sessions::{BATCH, age, all, end, ids};
use crate::store::{Created, NOTED_FOR, NewSession, RevokeReason, Row, StoreError};
use crate::token::{SessionId, Timestamp};

pub(super) async fn create(at: &Call, session: &NewSession) -> Result<Created, StoreError> {
    let subject = session.subject.as_str();
    for _ in 0..TRIES {
        let now = at.now().await?;
        let state = at.subjects.find_one(doc! { "_id": subject }).max_time(COMMAND).await.map_err(broken)?;
        if let Some(other) = state.as_ref().and_then(|state| state.get_document("opening").ok()) {
            carry_out_anothers(at, subject, other, None).await?;
            continue;
        }
        let note = state.as_ref().and_then(|state| optional(state, "not_before"));
        let read_at = session.credentials_read_at.as_millis();
        if note.is_some_and(|note| note >= read_at) || is_refused(at, read_at).await? {
            return Ok(Created::TooLate);
        }
        let room = room(at, session, now).await?;
        let opening = opening(session, &room, now);
        if !begin(at, subject, state.as_ref(), &opening, now).await? {
            continue;
        }
        return Ok(match carry_out(at, subject, &opening).await? {
            Some(ended) => Created::Opened { row: Row::opened(session, now), ended },
            None => Created::TooLate,
        });
    }
    Err(unavailable("too many logins of one subject at once"))
}

/// Writes the opening down if nothing has happened to the subject since `state` was read; whether it did.
async fn begin(
    at: &Call,
    subject: &str,
    state: Option<&Document>,
    opening: &Document,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (version, forget_at) = (ObjectId::new().to_hex(), now.as_millis().saturating_add(FORGET_AFTER));
    let Some(state) = state else {
        let first = doc! { "_id": subject, "version": version, "forget_at": forget_at, "opening": opening };
        return match at.subjects.insert_one(first).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(broken(error)),
        };
    };
    let as_read = doc! { "_id": subject, "version": state.get_str("version").unwrap_or_default(), "opening": null };
    let update = doc! { "$set": { "version": version, "opening": opening }, "$max": { "forget_at": forget_at } };
    Ok(at.subjects.update_one(as_read, update).await.map_err(broken)?.matched_count > 0)
}

/// Those that must make room: all but the newest, of which the new session is one.
async fn room(at: &Call, session: &NewSession, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
    let same = at.sessions.find_one(doc! { "_id": session.id.to_string() }).max_time(COMMAND);
    if same.await.map_err(broken)?.is_some() {
        return Err(unavailable("there is a session of this id already"));
    }
    let found =
        at.sessions.find(doc! { "subject": &session.subject, "revoked_at": null }).batch_size(BATCH).max_time(COMMAND);
    let mut others = Vec::new();
    for document in &all(found.await.map_err(broken)?).await? {
        others.push(row(document)?);
    }
    others.retain(|row| row.is_living(now));
    others.sort_by_key(|row| std::cmp::Reverse(age(row)));
    Ok(others.iter().skip(session.limit.saturating_sub(1)).map(|row| row.id).collect())
}

pub(super) async fn revoke_subject(
    at: &Call,
    subject: &str,
    except: Option<SessionId>,
    reason: RevokeReason,
) -> Result<Vec<SessionId>, StoreError> {
    // As the server says it now, as it does to logins: an estimate could be before one that is in flight. Nor before what
    // others were told.
    let now = at.asked_now().await?.max(at.now().await?);
    let noted = note(at, subject, now).await?;
    if let Ok(opening) = noted.get_document("opening") {
        carry_out_anothers(at, subject, opening, except).await?;
    }
    let mut found = ids(&at.sessions, doc! { "subject": subject, "revoked_at": null }).await?;
    found.retain(|id| Some(*id) != except);
    if found.is_empty() {
        return Ok(found);
    }
    // Not all that was found may be living, or still be; what was ended by this call is known by its name.
    let by = ObjectId::new().to_hex();
    let those = doc! { "_id": { "$in": texts(&found) }, "subject": subject };
    let mut end = end(reason, now);
    if let Ok(set) = end.get_document_mut("$set") {
        set.insert("ended_by", &by);
    }
    let done = at.sessions.update_many(all_of([those, living(now)]), end).await;
    let done = feed::written(at, done, &found, now).await?;
    if done.modified_count < found.len() as u64 {
        found = ids(&at.sessions, doc! { "_id": { "$in": texts(&found) }, "subject": subject, "ended_by": by }).await?;
    }
    feed::stamp_again(at, &found, now).await?;
    Ok(found)
}

/// Writes down that logins whose credentials were read up to now are refused. A clock that was set back never takes back a
/// refusal.
async fn note(at: &Call, subject: &str, now: Timestamp) -> Result<Document, StoreError> {
    let update = doc! {
        "$max": { "not_before": now.as_millis(), "forget_at": now.after(NOTED_FOR).as_millis() },
        "$set": { "version": ObjectId::new().to_hex() },
    };
    for _ in 0..TRIES {
        let noted = at.subjects.find_one_and_update(doc! { "_id": subject }, update.clone()).upsert(true);
        match noted.return_document(ReturnDocument::After).max_time(COMMAND).await {
            Ok(Some(noted)) => return Ok(noted),
            Ok(None) => return Err(unavailable("the end of all sessions could not be noted")),
            // Two that insert it at once: the other one did.
            Err(error) if is_duplicate(&error) => {}
            Err(error) => return Err(broken(error)),
        }
    }
    Err(unavailable("too many logouts of one subject at once"))
}

pub(super) async fn revoke_all(at: &Call, before: Timestamp) -> Result<u64, StoreError> {
    let now = at.now().await?;
    stamp_all(at, before).await?;
    let those = all_of([doc! { "created_at": { "$lt": before.as_millis() } }, living(now)]);
    let end = doc! { "$set": { "revoked_at": now.as_millis(), "revoke_reason": RevokeReason::Revoked.name() } };
    let ended = at.sessions.update_many(those, end).write_concern(majority());
    let ended = ended.await.map_err(broken)?.modified_count;
    // A session that was refreshed before its turn came has a token that is younger than the entry.
    stamp_all(at, before).await?;
    Ok(ended)
}

/// Refuses logins from before, and appends to the feed that all tokens have ended.
async fn stamp_all(at: &Call, before: Timestamp) -> Result<(), StoreError> {
    loop {
        let now = at.now_for_the_rest().await?;
        let update = doc! {
            "$max": { "revoked_before": before.as_millis(), "all_at": now.as_millis() },
            "$inc": { "all_count": 1_i64 },
        };
        let done = at.meta.update_one(doc! { "_id": SCHEMA }, update).await.map_err(broken)?;
        if done.matched_count == 0 {
            return Err(unavailable("the end of all sessions could not be noted"));
        }
        if !feed::is_late(at, now).await? {
            return Ok(());
        }
    }
}

fn texts(ids: &[SessionId]) -> Vec<String> {
    ids.iter().map(SessionId::to_string).collect()
}

/// How often a login decides again that others were quicker than.
const TRIES: u32 = 1000;
/// Milliseconds: a day, after which no login is under way that could miss the document.
const FORGET_AFTER: i64 = 24 * 3600 * 1000;
