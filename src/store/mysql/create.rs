use sqlx::Row as _;
use sqlx::Transaction;
use sqlx::mysql::{MySql, MySqlConnection};

use super::row::{columns, loaded, millis, present};
use super::work::{Work, begin};
use crate::store::{Created, NewSession, RevokeReason, Row};
use crate::token::{SessionId, Timestamp};

pub(super) struct Create(pub(super) NewSession);

impl Work for Create {
    type Answer = Created;

    async fn run(&self, conn: &mut MySqlConnection) -> sqlx::Result<Created> {
        let (session, subject) = (&self.0, self.0.subject.as_bytes());
        let mut step = begin(conn).await?;
        // Locked in this order by everybody: the bound of all, the subject, its sessions.
        let bound: Option<i64> = sqlx::query(LOCK_BOUND).fetch_one(&mut *step).await?.try_get(0)?;
        lock_subject(&mut step, subject).await?;
        let rows = lock_sessions(&mut step, subject).await?;
        let (now, not_before) = noted(&mut step, subject).await?;
        let read = session.credentials_read_at.as_millis();
        if not_before.is_some_and(|ended| ended >= read) || bound.is_some_and(|before| before > read) {
            step.rollback().await?;
            return Ok(Created::TooLate);
        }
        let others = session.limit.saturating_sub(1);
        let ended = rows.iter().filter(|row| row.is_living(now)).skip(others).map(|row| row.id);
        let ended: Vec<SessionId> = ended.collect();
        for id in &ended {
            let end = sqlx::query(END).bind(now.as_millis()).bind(RevokeReason::Limit.name().as_bytes());
            end.bind(subject).bind(id.as_bytes().as_slice()).execute(&mut *step).await?;
        }
        let row = Row::opened(session, now);
        let device = &session.device;
        let insert = sqlx::query(INSERT)
            .bind(subject)
            .bind(row.id.as_bytes().as_slice())
            .bind(row.secret_hash.as_bytes().as_slice())
            .bind(now.as_millis())
            .bind(now.as_millis())
            .bind(row.auth_time.as_millis())
            .bind(millis(row.idle))
            .bind(row.expires_at.as_millis())
            .bind(device.user_agent.as_ref().map(String::as_bytes))
            .bind(device.ip.map(|ip| ip.to_string().into_bytes()))
            .bind(device.label.as_ref().map(String::as_bytes));
        insert.execute(&mut *step).await?;
        if !ended.is_empty() {
            tell(&mut step, subject, now).await?;
        }
        step.commit().await?;
        Ok(Created::Opened { row, ended })
    }
}

/// Waits for whoever opens or ends sessions of this subject, and makes others wait. The row is made if there is none: what is
/// not there cannot be locked.
pub(super) async fn lock_subject(step: &mut Transaction<'_, MySql>, subject: &[u8]) -> sqlx::Result<()> {
    sqlx::query(LOCK_SUBJECT).bind(subject).execute(&mut **step).await.map(drop)
}

/// The subject's sessions that were not revoked, those rotated last first, which nobody else now changes.
pub(super) async fn lock_sessions(step: &mut Transaction<'_, MySql>, subject: &[u8]) -> sqlx::Result<Vec<Row>> {
    let records = sqlx::query(LOCK_SESSIONS).bind(subject).fetch_all(&mut **step).await?;
    records.iter().map(|record| loaded(record).map(|loaded| loaded.row)).collect()
}

/// The present, after all waits, and when the subject's sessions were last ended.
pub(super) async fn noted(step: &mut Transaction<'_, MySql>, subject: &[u8]) -> sqlx::Result<(Timestamp, Option<i64>)> {
    let record = sqlx::query(NOTED).bind(subject).fetch_one(&mut **step).await?;
    Ok((Timestamp::from_millis(record.try_get(0)?), record.try_get(1)?))
}

/// Appends what was ended at `at` to the feed. The last statement of its transaction: readers look for entries that are
/// committed late, but not for ever.
pub(super) async fn tell(step: &mut Transaction<'_, MySql>, subject: &[u8], at: Timestamp) -> sqlx::Result<()> {
    sqlx::query(TELL).bind(subject).bind(at.as_millis()).execute(&mut **step).await.map(drop)
}

const LOCK_BOUND: &str = "SELECT revoked_before FROM jwt_sessions_meta WHERE only_row = 1 LOCK IN SHARE MODE";

const LOCK_SUBJECT: &str =
    "INSERT INTO jwt_sessions_subjects (subject) VALUES (?) ON DUPLICATE KEY UPDATE not_before = not_before";

const LOCK_SESSIONS: &str = concat!(
    "SELECT ",
    columns!(),
    "FROM jwt_sessions WHERE subject = ? AND revoked_at IS NULL \
     ORDER BY rotated_at DESC, created_at DESC, id DESC FOR UPDATE"
);

const NOTED: &str = concat!("SELECT ", present!(), ", not_before FROM jwt_sessions_subjects WHERE subject = ?");

const END: &str = "UPDATE jwt_sessions SET revoked_at = ?, revoke_reason = ? WHERE subject = ? AND id = ?";

const INSERT: &str = "
    INSERT INTO jwt_sessions (
        subject, id, secret_hash, generation, previous, seen, cut, rotated_at, created_at, auth_time, idle, expires_at,
        user_agent, ip, label)
    VALUES (?, ?, ?, 1, 1, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?)";

// Also what another call ended in that millisecond: an entry may come again.
const TELL: &str = "
    INSERT INTO jwt_sessions_feed (ended_at, session_id)
    SELECT revoked_at, id FROM jwt_sessions WHERE subject = ? AND revoked_at = ?";
