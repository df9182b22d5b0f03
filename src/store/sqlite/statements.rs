//! What each verb does on a connection. Every function runs inside a transaction, or is a single statement.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row as Record, named_params, params};
use std::time::Duration;

use super::feed;
use crate::store::{
    Created, Device, Ends, Listed, Loaded, NewSession, Revocation, RevokeReason, Row, Seen, Swap, Swapped,
};
use crate::token::{SecretHash, SessionId, Timestamp};

pub(super) fn create(conn: &Connection, session: &NewSession, now: Timestamp) -> rusqlite::Result<Created> {
    let subject = session.subject.as_bytes();
    let read = session.credentials_read_at.as_millis();
    if conn.prepare_cached(IS_TOO_LATE)?.query_row(params![subject, read], |row| row.get(0))? {
        return Ok(Created::TooLate);
    }
    let others = int(session.limit).saturating_sub(1).max(0);
    let reason = RevokeReason::Limit.name();
    let ended = ids(&mut conn.prepare_cached(END_BEYOND_LIMIT)?, params![subject, now.as_millis(), reason, others])?;
    feed::append_ended(conn, &ended, now)?;
    let row = Row::opened(session, now);
    conn.prepare_cached(INSERT)?.execute(named_params! {
        ":subject": subject,
        ":id": row.id.as_bytes(),
        ":secret_hash": row.secret_hash.as_bytes(),
        ":now": now.as_millis(),
        ":auth_time": row.auth_time.as_millis(),
        ":idle": millis(row.idle),
        ":expires_at": row.expires_at.as_millis(),
        ":user_agent": session.device.user_agent,
        ":ip": session.device.ip.map(|ip| ip.to_string()),
        ":label": session.device.label,
    })?;
    Ok(Created::Opened { row, ended })
}

pub(super) fn load(conn: &Connection, subject: &str, id: SessionId) -> rusqlite::Result<Option<Row>> {
    conn.prepare_cached(SELECT)?.query_row(params![subject.as_bytes(), id.as_bytes()], row).optional()
}

pub(super) fn swap(
    conn: &Connection,
    subject: &str,
    id: SessionId,
    secret_hash: &SecretHash,
    swap: &Swap,
    now: Timestamp,
) -> rusqlite::Result<Swapped> {
    let won = conn
        .prepare_cached(SWAP)?
        .query_row(
            named_params! {
                ":subject": subject.as_bytes(),
                ":id": id.as_bytes(),
                ":secret_hash": secret_hash.as_bytes(),
                ":now": now.as_millis(),
                ":expected_generation": int(swap.expected.0),
                ":expected_previous": int(swap.expected.1),
                ":unless_seen": swap.unless_seen,
                ":quiet_for": swap.quiet_for.map(millis),
                ":generation": int(swap.generation),
                ":previous": int(swap.previous),
                ":seen": int(swap.seen),
                ":cut": int(swap.cut),
                ":authenticated": swap.authenticated,
            },
            row,
        )
        .optional()?;
    match won {
        Some(row) => {
            if swap.cut > 0 {
                feed::append(conn, Ends::Below(id, swap.cut), now)?;
            }
            Ok(Swapped::Won(Loaded::new(row, now)))
        }
        None => Ok(Swapped::Lost(load(conn, subject, id)?.map(|row| Loaded::new(row, now)))),
    }
}

/// Those of `seen` that are orphans.
pub(super) fn confirm(conn: &Connection, seen: &[Seen], now: Timestamp) -> rusqlite::Result<Vec<Seen>> {
    let mut orphans = Vec::new();
    for seen in seen {
        let Some(row) = load(conn, &seen.subject, seen.session)?.filter(|row| row.is_living(now)) else { continue };
        let generation = seen.generation;
        if generation == row.generation && row.seen < generation {
            conn.prepare_cached(CONFIRM)?.execute(params![seen.subject.as_bytes(), seen.session.as_bytes()])?;
        }
        if row.previous < generation && generation < row.generation && row.cut <= generation {
            orphans.push(seen.clone());
        }
    }
    Ok(orphans)
}

pub(super) fn revoke(
    conn: &Connection,
    subject: &str,
    id: SessionId,
    reason: RevokeReason,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let ended = conn.prepare_cached(REVOKE)?.execute(params![
        subject.as_bytes(),
        id.as_bytes(),
        now.as_millis(),
        reason.name()
    ])?;
    if ended == 1 {
        feed::append(conn, Ends::Session(id), now)?;
    }
    Ok(ended == 1)
}

pub(super) fn revoke_subject(
    conn: &Connection,
    subject: &str,
    except: Option<SessionId>,
    reason: RevokeReason,
    now: Timestamp,
) -> rusqlite::Result<Vec<SessionId>> {
    let subject = subject.as_bytes();
    conn.prepare_cached(NOTE_SUBJECT)?.execute(params![subject, now.as_millis()])?;
    let except = except.as_ref().map(SessionId::as_bytes);
    let revoke = params![subject, now.as_millis(), reason.name(), except];
    let ended = ids(&mut conn.prepare_cached(REVOKE_SUBJECT)?, revoke)?;
    feed::append_ended(conn, &ended, now)?;
    Ok(ended)
}

/// The sessions of a subject that were not ended, the dead ones included: the caller knows the time.
pub(super) fn list(conn: &Connection, subject: &str) -> rusqlite::Result<Vec<Listed>> {
    let mut statement = conn.prepare_cached(LIST)?;
    let listed = statement.query_map([subject.as_bytes()], |record| {
        let ip: Option<String> = record.get("ip")?;
        let device = Device {
            user_agent: record.get("user_agent")?,
            ip: ip.and_then(|ip| ip.parse().ok()),
            label: record.get("label")?,
        };
        Ok(Listed::new(row(record)?, device))
    })?;
    listed.collect()
}

pub(super) fn revoke_all(conn: &Connection, before: Timestamp, now: Timestamp) -> rusqlite::Result<u64> {
    conn.prepare_cached(NOTE_ALL)?.execute([before.as_millis()])?;
    let reason = RevokeReason::Revoked.name();
    let ended = conn.prepare_cached(REVOKE_ALL)?.execute(params![before.as_millis(), now.as_millis(), reason])?;
    feed::append(conn, Ends::All, now)?;
    Ok(u64::try_from(ended).unwrap_or(u64::MAX))
}

fn row(record: &Record<'_>) -> rusqlite::Result<Row> {
    let at = |name| record.get(name).map(Timestamp::from_millis);
    let count = |name| record.get(name).map(|count: i64| u64::try_from(count).unwrap_or(0));
    let (revoked_at, reason): (Option<i64>, Option<String>) = (record.get("revoked_at")?, record.get("revoke_reason")?);
    Ok(Row {
        id: SessionId::from_bytes(record.get("id")?),
        secret_hash: SecretHash::from_bytes(record.get("secret_hash")?),
        generation: count("generation")?,
        previous: count("previous")?,
        seen: count("seen")?,
        cut: count("cut")?,
        rotated_at: at("rotated_at")?,
        created_at: at("created_at")?,
        auth_time: at("auth_time")?,
        idle: Duration::from_millis(count("idle")?),
        expires_at: at("expires_at")?,
        revoked: revoked_at.map(|at| {
            // A reason that only a newer version knows: that it was ended matters more than why.
            let reason = reason.as_deref().and_then(RevokeReason::from_name).unwrap_or(RevokeReason::Revoked);
            Revocation::new(Timestamp::from_millis(at), reason)
        }),
    })
}

fn ids(statement: &mut CachedStatement<'_>, params: impl rusqlite::Params) -> rusqlite::Result<Vec<SessionId>> {
    statement.query_map(params, |record| record.get(0).map(SessionId::from_bytes))?.collect()
}

/// A count as SQLite keeps it. No session ever comes near the bound, so that none is equal to it.
pub(super) fn int<N: TryInto<i64>>(count: N) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

fn millis(span: Duration) -> i64 {
    int(span.as_millis())
}

const IS_TOO_LATE: &str = "
    SELECT EXISTS (SELECT 1 FROM jwt_sessions_subjects WHERE subject = ?1 AND not_before >= ?2)
        OR EXISTS (SELECT 1 FROM jwt_sessions_meta WHERE revoked_before > ?2)";

const END_BEYOND_LIMIT: &str = "
    UPDATE jwt_sessions SET revoked_at = ?2, revoke_reason = ?3
    WHERE subject = ?1 AND id IN (
        SELECT id FROM jwt_sessions
        WHERE subject = ?1 AND revoked_at IS NULL AND expires_at > ?2 AND rotated_at + idle > ?2
        ORDER BY rotated_at DESC, created_at DESC, id DESC
        LIMIT -1 OFFSET ?4)
    RETURNING id";

const INSERT: &str = "
    INSERT INTO jwt_sessions (
        subject, id, secret_hash, generation, previous, seen, cut, rotated_at, created_at, auth_time, idle, expires_at,
        user_agent, ip, label)
    VALUES (
        :subject, :id, :secret_hash, 1, 1, 0, 0, :now, :now, :auth_time, :idle, :expires_at,
        :user_agent, :ip, :label)";

const SELECT: &str = "SELECT * FROM jwt_sessions WHERE subject = ?1 AND id = ?2";

const SWAP: &str = "
    UPDATE jwt_sessions SET
        generation = :generation,
        previous = :previous,
        seen = max(seen, :seen),
        cut = max(cut, :cut),
        rotated_at = :now,
        auth_time = CASE WHEN :authenticated THEN :now ELSE auth_time END
    WHERE subject = :subject AND id = :id AND secret_hash = :secret_hash
        AND revoked_at IS NULL AND expires_at > :now AND rotated_at + idle > :now
        AND generation = :expected_generation AND previous = :expected_previous
        AND (NOT :unless_seen OR seen < generation)
        AND (:quiet_for IS NULL OR previous = generation OR :now - rotated_at > :quiet_for)
    RETURNING *";

const CONFIRM: &str = "UPDATE jwt_sessions SET seen = generation WHERE subject = ?1 AND id = ?2";

const REVOKE: &str = "
    UPDATE jwt_sessions SET revoked_at = ?3, revoke_reason = ?4
    WHERE subject = ?1 AND id = ?2 AND revoked_at IS NULL AND expires_at > ?3 AND rotated_at + idle > ?3";

// A clock that was set back never takes back a refusal.
const NOTE_SUBJECT: &str = "
    INSERT INTO jwt_sessions_subjects (subject, not_before) VALUES (?1, ?2)
    ON CONFLICT (subject) DO UPDATE SET not_before = max(not_before, excluded.not_before)";

const REVOKE_SUBJECT: &str = "
    UPDATE jwt_sessions SET revoked_at = ?2, revoke_reason = ?3
    WHERE subject = ?1 AND id IS NOT ?4
        AND revoked_at IS NULL AND expires_at > ?2 AND rotated_at + idle > ?2
    RETURNING id";

const LIST: &str = "
    SELECT * FROM jwt_sessions WHERE subject = ?1 AND revoked_at IS NULL
    ORDER BY rotated_at DESC, created_at DESC, id DESC";

const NOTE_ALL: &str = "
    UPDATE jwt_sessions_meta SET revoked_before = max(COALESCE(revoked_before, ?1), ?1)";

const REVOKE_ALL: &str = "
    UPDATE jwt_sessions SET revoked_at = ?2, revoke_reason = ?3
    WHERE revoked_at IS NULL AND expires_at > ?2 AND rotated_at + idle > ?2 AND created_at < ?1";

/// The statements that must find their rows by the key.
#[cfg(test)]
pub(super) const BY_KEY: &[&str] = &[END_BEYOND_LIMIT, SELECT, SWAP, CONFIRM, REVOKE, REVOKE_SUBJECT, LIST];
