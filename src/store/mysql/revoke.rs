use std::time::Duration;

use sqlx::mysql::MySqlConnection;

use super::create::{lock_sessions, lock_subject, noted, tell};
use super::row::present;
use super::work::{Work, begin};
use crate::store::RevokeReason;
use crate::token::{SessionId, Timestamp};

pub(super) struct Revoke {
    pub(super) subject: String,
    pub(super) id: SessionId,
    pub(super) reason: RevokeReason,
}

impl Work for Revoke {
    type Answer = bool;

    async fn run(&self, conn: &mut MySqlConnection) -> sqlx::Result<bool> {
        let (subject, id) = (self.subject.as_bytes(), self.id.as_bytes().as_slice());
        let mut step = begin(conn).await?;
        // Waits for the row; the next statement's present is after the wait.
        sqlx::query(LOCK).bind(subject).bind(id).fetch_optional(&mut *step).await?;
        let revoke = sqlx::query(REVOKE).bind(self.reason.name().as_bytes()).bind(subject).bind(id);
        let ended = revoke.execute(&mut *step).await?.rows_affected() == 1;
        if ended {
            sqlx::query(TELL_ONE).bind(subject).bind(id).execute(&mut *step).await?;
        }
        step.commit().await?;
        Ok(ended)
    }
}

pub(super) struct RevokeSubject {
    pub(super) subject: String,
    pub(super) except: Option<SessionId>,
    pub(super) reason: RevokeReason,
}

impl Work for RevokeSubject {
    type Answer = Vec<SessionId>;

    async fn run(&self, conn: &mut MySqlConnection) -> sqlx::Result<Vec<SessionId>> {
        let subject = self.subject.as_bytes();
        let mut step = begin(conn).await?;
        lock_subject(&mut step, subject).await?;
        let rows = lock_sessions(&mut step, subject).await?;
        let (now, _) = noted(&mut step, subject).await?;
        let living = rows.iter().filter(|row| row.is_living(now) && Some(row.id) != self.except);
        let ended: Vec<SessionId> = living.map(|row| row.id).collect();
        sqlx::query(NOTE).bind(now.as_millis()).bind(now.as_millis()).bind(subject).execute(&mut *step).await?;
        if !ended.is_empty() {
            let revoke = sqlx::query(REVOKE_SUBJECT)
                .bind(now.as_millis())
                .bind(self.reason.name().as_bytes())
                .bind(subject)
                .bind(now.as_millis())
                .bind(now.as_millis())
                // No id is empty.
                .bind(self.except.as_ref().map_or(&[][..], |except| except.as_bytes()));
            revoke.execute(&mut *step).await?;
            tell(&mut step, subject, now).await?;
        }
        step.commit().await?;
        Ok(ended)
    }
}

pub(super) struct RevokeAll {
    pub(super) before: Timestamp,
}

impl Work for RevokeAll {
    type Answer = u64;

    /// It walks through all sessions there are.
    const PATIENCE: Duration = Duration::from_secs(3600);

    async fn run(&self, conn: &mut MySqlConnection) -> sqlx::Result<u64> {
        let before = self.before.as_millis();
        let mut step = begin(conn).await?;
        // Waits for logins under way, and lets the next ones wait.
        sqlx::query(NOTE_ALL).bind(before).bind(before).execute(&mut *step).await?;
        let revoke = sqlx::query(REVOKE_ALL).bind(RevokeReason::Revoked.name().as_bytes()).bind(before);
        let ended = revoke.execute(&mut *step).await?.rows_affected();
        // At the present after all waits: no token of what was ended was issued later.
        sqlx::query(TELL_ALL).execute(&mut *step).await?;
        step.commit().await?;
        Ok(ended)
    }
}

const LOCK: &str = "SELECT 1 FROM jwt_sessions WHERE subject = ? AND id = ? FOR UPDATE";

const REVOKE: &str = concat!(
    "UPDATE jwt_sessions SET revoked_at = ",
    present!(),
    ", revoke_reason = ? WHERE subject = ? AND id = ? AND revoked_at IS NULL AND expires_at > ",
    present!(),
    " AND ",
    present!(),
    " - rotated_at < idle"
);

const TELL_ONE: &str = "
    INSERT INTO jwt_sessions_feed (ended_at, session_id)
    SELECT revoked_at, id FROM jwt_sessions WHERE subject = ? AND id = ?";

// A clock that was set back never takes back a refusal.
const NOTE: &str =
    "UPDATE jwt_sessions_subjects SET not_before = GREATEST(COALESCE(not_before, ?), ?) WHERE subject = ?";

const REVOKE_SUBJECT: &str = "
    UPDATE jwt_sessions SET revoked_at = ?, revoke_reason = ?
    WHERE subject = ? AND revoked_at IS NULL AND expires_at > ? AND ? - rotated_at < idle AND id <> ?";

const NOTE_ALL: &str =
    "UPDATE jwt_sessions_meta SET revoked_before = GREATEST(COALESCE(revoked_before, ?), ?) WHERE only_row = 1";

const REVOKE_ALL: &str = concat!(
    "UPDATE jwt_sessions SET revoked_at = ",
    present!(),
    ", revoke_reason = ? WHERE revoked_at IS NULL AND created_at < ? AND expires_at > ",
    present!(),
    " AND ",
    present!(),
    " - rotated_at < idle"
);

const TELL_ALL: &str = concat!("INSERT INTO jwt_sessions_feed (ended_at) VALUES (", present!(), ")");
