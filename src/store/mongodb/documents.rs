//! Sessions as documents, and what is demanded of them.

use std::time::Duration;

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};

use super::error::foreign;
use crate::store::{Device, NewSession, Revocation, RevokeReason, Row, StoreError};
use crate::token::{SecretHash, SessionId, Timestamp};

/// The document of a session opened at `now`. What it has not (an end, a label) is not in it.
pub(super) fn opened(session: &NewSession, now: Timestamp) -> Document {
    let row = Row::opened(session, now);
    let mut document = doc! {
        "_id": row.id.to_string(),
        "subject": &session.subject,
        "secret_hash": hash(&row.secret_hash),
        "generation": int(row.generation),
        "previous": int(row.previous),
        "seen": int(row.seen),
        "cut": int(row.cut),
        "rotated_at": row.rotated_at.as_millis(),
        "created_at": row.created_at.as_millis(),
        "auth_time": row.auth_time.as_millis(),
        "idle": millis(row.idle),
        "expires_at": row.expires_at.as_millis(),
    };
    let device = &session.device;
    let texts = [("user_agent", device.user_agent.clone()), ("label", device.label.clone())];
    for (field, text) in texts.into_iter().chain([("ip", device.ip.map(|ip| ip.to_string()))]) {
        if let Some(text) = text {
            document.insert(field, text);
        }
    }
    document
}

pub(super) fn row(document: &Document) -> Result<Row, StoreError> {
    let at = |field| number(document, field).map(Timestamp::from_millis);
    let count = |field| number(document, field).map(|count| u64::try_from(count).unwrap_or(0));
    Ok(Row {
        id: id(document)?,
        secret_hash: SecretHash::from_bytes(bytes(document, "secret_hash")?),
        generation: count("generation")?,
        previous: count("previous")?,
        seen: count("seen")?,
        cut: count("cut")?,
        rotated_at: at("rotated_at")?,
        created_at: at("created_at")?,
        auth_time: at("auth_time")?,
        idle: Duration::from_millis(count("idle")?),
        expires_at: at("expires_at")?,
        revoked: optional(document, "revoked_at").map(|at| {
            // A reason that only a newer version knows: that it was ended matters more than why.
            let reason = document.get_str("revoke_reason").ok().and_then(RevokeReason::from_name);
            Revocation::new(Timestamp::from_millis(at), reason.unwrap_or(RevokeReason::Revoked))
        }),
    })
}

pub(super) fn device(document: &Document) -> Device {
    let text = |field| document.get_str(field).ok().map(str::to_owned);
    Device { user_agent: text("user_agent"), ip: text("ip").and_then(|ip| ip.parse().ok()), label: text("label") }
}

pub(super) fn id(document: &Document) -> Result<SessionId, StoreError> {
    document.get_str("_id").ok().and_then(SessionId::parse).ok_or_else(|| not_ours("_id"))
}

/// A number that must be there.
pub(super) fn number(document: &Document, field: &str) -> Result<i64, StoreError> {
    optional(document, field).ok_or_else(|| not_ours(field))
}

/// A number that may not be there. Some servers give small ones back in 32 bits.
pub(super) fn optional(document: &Document, field: &str) -> Option<i64> {
    match document.get(field) {
        Some(Bson::Int64(number)) => Some(*number),
        Some(Bson::Int32(number)) => Some(i64::from(*number)),
        _ => None,
    }
}

fn bytes<const N: usize>(document: &Document, field: &str) -> Result<[u8; N], StoreError> {
    let bytes = document.get_binary_generic(field).ok();
    bytes.and_then(|bytes| bytes.as_slice().try_into().ok()).ok_or_else(|| not_ours(field))
}

pub(super) fn hash(hash: &SecretHash) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: hash.as_bytes().to_vec() }
}

/// A count as a document keeps it. No session ever comes near the bound, so that none is equal to it.
pub(super) fn int<N: TryInto<i64>>(count: N) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

pub(super) fn millis(span: Duration) -> i64 {
    int(span.as_millis())
}

/// The session of that id, if it is that subject's.
pub(super) fn named(subject: &str, id: SessionId) -> Document {
    doc! { "_id": id.to_string(), "subject": subject }
}

/// The session lives at `now`.
pub(super) fn living(now: Timestamp) -> Document {
    let now = now.as_millis();
    all_of([
        doc! { "revoked_at": null },
        doc! { "expires_at": { "$gt": now } },
        doc! { "$expr": { "$gt": [idle_until(), now] } },
    ])
}

/// When a session ends unless it is rotated before.
pub(super) fn idle_until() -> Document {
    doc! { "$add": ["$rotated_at", "$idle"] }
}

/// Every one of these. Written out, because there are servers of this protocol that forget what stands beside an `$expr`.
pub(super) fn all_of(conditions: impl IntoIterator<Item = Document>) -> Document {
    doc! { "$and": conditions.into_iter().collect::<Vec<_>>() }
}

fn not_ours(field: &str) -> StoreError {
    foreign(format!("a session's `{field}` is not what this crate writes"))
}
