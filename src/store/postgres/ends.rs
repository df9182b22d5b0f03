//! What ends sessions. Each end is written to the feed in the same transaction.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::error::retried;
use super::pool::{Conn, Pool};
use super::row;
use crate::store::{RevokeReason, StoreError};
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

/// In pages, each on whatever connection is free: in one statement, every rotation and confirmation of a row that is done would wait
/// for all that are still to be done, and hold a connection meanwhile.
pub(super) async fn revoke_all(pool: &Pool, before: Timestamp) -> Result<u64, StoreError> {
    // First the logins: what is opened from now on is not of before.
    retried(|| async { refuse_logins(&mut pool.acquire().await?, before).await }).await?;
    let (mut ended, mut next) = (0_u64, Some((Vec::new(), Vec::new())));
    while let Some(after) = &next {
        let page = retried(|| async { revoke_page(&mut *pool.acquire().await?, before, after).await }).await?;
        ended = ended.saturating_add(page.as_ref().map_or(0, |(ended, _)| *ended));
        next = page.map(|(_, last)| last);
    }
    // Again, for what was issued to a session before the walk came to it.
    retried(|| async { tell_all(&mut *pool.acquire().await?).await }).await?;
    Ok(ended)
}

async fn refuse_logins(conn: &mut Conn, before: Timestamp) -> sqlx::Result<()> {
    let mut step = conn.begin().await?;
    sqlx::query(LOCK_ALL).execute(&mut *step).await?;
    sqlx::query(NOTE_ALL).bind(before.as_millis()).execute(&mut *step).await?;
    tell_all(&mut step).await?;
    step.commit().await?;
    conn.ended();
    Ok(())
}

async fn tell_all(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(TELL_ALL).execute(conn).await.map(|_| ())
}

/// Where a page ends: a subject and an id.
type Place = (Vec<u8>, Vec<u8>);

/// Ends the sessions of the page that begins after a place, and answers how many, and where the page ends; none where there is none.
async fn revoke_page(
    conn: &mut PgConnection,
    before: Timestamp,
    (subject, id): &Place,
) -> sqlx::Result<Option<(u64, Place)>> {
    let page = sqlx::query(REVOKE_PAGE)
        .bind(before.as_millis())
        .bind(RevokeReason::Revoked.name())
        .bind(subject)
        .bind(id)
        .bind(PAGE)
        .fetch_optional(conn)
        .await?;
    let Some(page) = page else { return Ok(None) };
    let ended: i64 = page.try_get("ended")?;
    Ok(Some((u64::try_from(ended).unwrap_or(0), (page.try_get("whose")?, page.try_get("which")?))))
}

/// How many rows are locked at once.
const PAGE: i64 = 1000;

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

// Rows are locked in the order of the key, here as everywhere.
#[rustfmt::skip]
const REVOKE_PAGE: &str = concat!(
    "WITH page AS MATERIALIZED (
        SELECT subject AS whose, id AS which FROM jwt_sessions
        WHERE (subject, id) > ($3, $4) AND created_at < $1 AND revoked_at IS NULL
        ORDER BY subject, id LIMIT $5 FOR NO KEY UPDATE
    ), present AS MATERIALIZED (
        SELECT ", now!(), " AS now FROM (SELECT count(*) FROM page) AS waited
    ), ended AS (
        UPDATE jwt_sessions SET revoked_at = now, revoke_reason = $2 FROM page, present
        WHERE subject = whose AND id = which AND ", living!("now"), "
        RETURNING 1
    )
    SELECT whose, which, (SELECT count(*) FROM ended) AS ended FROM page ORDER BY whose DESC, which DESC LIMIT 1"
);

// The moment after the last rotation that went through: tokens that were issued until then are the ones to refuse.
#[rustfmt::skip]
const TELL_ALL: &str = concat!(
    "WITH told AS (INSERT INTO jwt_sessions_feed (at) SELECT ", now!(), " RETURNING 1) SELECT ", notify!(), " FROM told"
);
