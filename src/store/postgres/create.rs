//! Logins: one of a subject at a time, so that the limit holds, and none while all sessions are ended.

use sqlx::Row as _;

use super::error::{is_duplicate, retried};
use super::pool::{Conn, Pool};
use super::row::{at, int, millis};
use crate::store::{Created, NewSession, Row, StoreError, StoreErrorKind};
use crate::token::SessionId;

pub(super) async fn create(pool: Pool, session: NewSession) -> Result<Created, StoreError> {
    let created = retried(|| async {
        let mut conn = pool.acquire().await?;
        match attempt(&mut conn, &session).await {
            Err(error) if is_duplicate(&error) => Ok(None),
            created => created.map(Some),
        }
    });
    // Without its source: the server's words name the subject.
    let duplicate = || StoreError::new(StoreErrorKind::Unavailable).because("a session of this id exists");
    created.await?.ok_or_else(duplicate)
}

async fn attempt(conn: &mut Conn, session: &NewSession) -> sqlx::Result<Created> {
    let (subject, device) = (session.subject.as_bytes(), &session.device);
    let mut step = conn.begin().await?;
    sqlx::query(LOCK).bind(subject).execute(&mut *step).await?;
    let created = sqlx::query(CREATE)
        .bind(subject)
        .bind(session.id.as_bytes().as_slice())
        .bind(session.secret_hash.as_bytes().as_slice())
        .bind(session.credentials_read_at.as_millis())
        .bind(int(session.limit).saturating_sub(1).max(0))
        .bind(millis(session.idle))
        .bind(millis(session.lifetime))
        .bind(session.auth_time.as_millis())
        .bind(device.user_agent.as_ref().map(String::as_bytes))
        .bind(device.ip.map(|ip| ip.to_string()))
        .bind(device.label.as_ref().map(String::as_bytes))
        .fetch_one(&mut *step)
        .await?;
    if created.try_get(1)? {
        step.rollback().await?;
        conn.ended();
        return Ok(Created::TooLate);
    }
    step.commit().await?;
    conn.ended();
    let ended: Vec<[u8; 16]> = created.try_get(2)?;
    let ended = ended.into_iter().map(SessionId::from_bytes).collect();
    Ok(Created::Opened { row: Row::opened(session, at(&created, 0)?), ended })
}

const LOCK: &str = concat!("SELECT ", lock_all!("_shared"), ", ", lock_subject!());

// All that might be ended are locked first, so that what is decided is decided on the rows as they then are; only where there
// are so many, which is rare.
#[rustfmt::skip]
const CREATE: &str = concat!(
    "WITH locked AS MATERIALIZED (
        SELECT id AS which, rotated_at, created_at, expires_at, idle, revoked_at FROM jwt_sessions
        WHERE subject = $1 AND revoked_at IS NULL
            AND (SELECT count(*) > $5 FROM jwt_sessions WHERE subject = $1 AND revoked_at IS NULL)
        ORDER BY id FOR NO KEY UPDATE
    ), present AS MATERIALIZED (
        SELECT ", now!(), " AS now,
            EXISTS (SELECT FROM jwt_sessions_subjects WHERE subject = $1 AND not_before >= $4)
                OR EXISTS (SELECT FROM jwt_sessions_meta WHERE revoked_before > $4) AS is_late
        FROM (SELECT count(*) FROM locked) AS waited
    ), beyond AS MATERIALIZED (
        SELECT which, now FROM locked, present WHERE NOT is_late AND ", living!("now"), "
        ORDER BY rotated_at DESC, created_at DESC, which DESC OFFSET $5
    ), ended AS (
        UPDATE jwt_sessions SET revoked_at = now, revoke_reason = 'limit' FROM beyond
        WHERE subject = $1 AND id = which
        RETURNING id, now
    ), told AS (
        INSERT INTO jwt_sessions_feed (at, session) SELECT now, id FROM ended RETURNING ", notify!(), "
    ), opened AS (
        INSERT INTO jwt_sessions (
            subject, id, secret_hash, generation, previous, seen, cut, rotated_at, created_at, auth_time, idle, expires_at,
            user_agent, ip, label)
        SELECT $1, $2, $3, 1, 1, 0, 0, now, now, LEAST($8, now), $6, now + LEAST($7, 9223372036854775807 - now), $9, $10, $11
        FROM present WHERE NOT is_late
    )
    SELECT now, is_late, ARRAY(SELECT id FROM ended) FROM present"
);
