//! What ends sessions. Each end is written to the feed in the same transaction.

use sqlx::postgres::PgConnection;

use super::pool::Conn;
use super::row;
use crate::store::RevokeReason;
use crate::token::{SessionId, Timestamp};

pub(super) async fn revoke(
    conn: &mut PgConnection,
    subject: &str,
    id: SessionId,
    reason: RevokeReason,
) -> sqlx::Result<bool> {
    let ended = sqlx::query(REVOKE)
        .bind(subject.as_bytes())
        .bind(id.as_bytes().as_slice())
        .bind(reason.name())
        .fetch_all(conn)
        .await?;
    Ok(!ended.is_empty())
}

pub(super) async fn revoke_subject(
    conn: &mut Conn,
    subject: &str,
    except: Option<SessionId>,
    reason: RevokeReason,
) -> sqlx::Result<Vec<SessionId>> {
    let subject = subject.as_bytes();
    let mut step = conn.begin().await?;
    sqlx::query(LOCK_SUBJECT).bind(subject).execute(&mut *step).await?;
    let ended = sqlx::query(REVOKE_SUBJECT)
        .bind(subject)
        .bind(except.as_ref().map(|id| id.as_bytes().as_slice()))
        .bind(reason.name())
        .fetch_all(&mut *step)
        .await?;
    step.commit().await?;
    conn.ended();
    ended.iter().map(|record| row::id(record, 0)).collect()
}

pub(super) async fn revoke_all(conn: &mut Conn, before: Timestamp) -> sqlx::Result<u64> {
    let mut step = conn.begin().await?;
    sqlx::query(LOCK_ALL).execute(&mut *step).await?;
    sqlx::query(NOTE_ALL).bind(before.as_millis()).execute(&mut *step).await?;
    let reason = RevokeReason::Revoked.name();
    let ended = sqlx::query(REVOKE_ALL).bind(before.as_millis()).bind(reason).execute(&mut *step).await?;
    sqlx::query(TELL_ALL).execute(&mut *step).await?;
    step.commit().await?;
    conn.ended();
    Ok(ended.rows_affected())
}

#[rustfmt::skip]
const REVOKE: &str = concat!(
    "WITH locked AS MATERIALIZED (
        SELECT subject AS whose, id AS which FROM jwt_sessions WHERE subject = $1 AND id = $2 FOR NO KEY UPDATE
    ), present AS MATERIALIZED (
        SELECT whose, which, ", now!(), " AS now FROM locked
    ), ended AS (
        UPDATE jwt_sessions SET revoked_at = now, revoke_reason = $3 FROM present
        WHERE subject = whose AND id = which AND ", living!("now"), "
        RETURNING id, now
    ), told AS (
        INSERT INTO jwt_sessions_feed (at, session) SELECT now, id FROM ended RETURNING ", notify!(), "
    )
    SELECT id FROM ended"
);

const LOCK_SUBJECT: &str = concat!("SELECT ", lock_subject!());

// A clock that was set back never takes back a refusal.
#[rustfmt::skip]
const REVOKE_SUBJECT: &str = concat!(
    "WITH locked AS MATERIALIZED (
        SELECT id FROM jwt_sessions WHERE subject = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2
        ORDER BY id FOR NO KEY UPDATE
    ), present AS MATERIALIZED (
        SELECT ", now!(), " AS now FROM (SELECT count(*) FROM locked) AS waited
    ), noted AS (
        INSERT INTO jwt_sessions_subjects AS noted (subject, not_before) SELECT $1, now FROM present
        ON CONFLICT (subject) DO UPDATE SET not_before = GREATEST(noted.not_before, excluded.not_before)
    ), ended AS (
        UPDATE jwt_sessions SET revoked_at = now, revoke_reason = $3 FROM present
        WHERE subject = $1 AND id IS DISTINCT FROM $2 AND ", living!("now"), "
        RETURNING id, now
    ), told AS (
        INSERT INTO jwt_sessions_feed (at, session) SELECT now, id FROM ended RETURNING ", notify!(), "
    )
    SELECT id FROM ended"
);

const LOCK_ALL: &str = concat!("SELECT ", lock_all!(""));

const NOTE_ALL: &str = "
    UPDATE jwt_sessions_meta SET revoked_before = GREATEST(revoked_before, $1)";

#[rustfmt::skip]
const REVOKE_ALL: &str = concat!(
    "WITH present AS MATERIALIZED (SELECT ", now!(), " AS now)
    UPDATE jwt_sessions SET revoked_at = now, revoke_reason = $2 FROM present
    WHERE created_at < $1 AND ", living!("now")
);

// The moment after the last rotation that went through: tokens that were issued until then are the ones to refuse.
#[rustfmt::skip]
const TELL_ALL: &str = concat!(
    "WITH told AS (INSERT INTO jwt_sessions_feed (at) SELECT ", now!(), " RETURNING 1) SELECT ", notify!(), " FROM told"
);
