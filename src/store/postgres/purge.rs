//! The walk of a purge. What makes a session dead is in no index, because rotations write it: a purge reads the whole table,
//! some blocks at a time, in the order in which they lie on the disk.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::row::{int, millis};
use crate::store::{NOTED_FOR, REVOKED_FOR};

/// A page of the walk.
pub(super) struct Page {
    pub(super) deleted: usize,
    /// The block at which the next page begins; none at the end of the table.
    pub(super) next: Option<i64>,
}

/// Deletes what is dead in some blocks from `start` on, at most `limit` sessions.
pub(super) async fn page(conn: &mut PgConnection, start: i64, limit: usize) -> sqlx::Result<Page> {
    let end = start.saturating_add(BLOCKS);
    let page = sqlx::query(PAGE)
        .bind(format!("({start},0)"))
        .bind(format!("({end},0)"))
        .bind(int(limit))
        .bind(millis(REVOKED_FOR))
        .fetch_one(conn)
        .await?;
    let deleted = usize::try_from(page.try_get::<i64, _>(0)?).unwrap_or(0);
    let blocks: i64 = page.try_get(1)?;
    // There may be more in these blocks.
    let next = if deleted >= limit { start } else { end };
    Ok(Page { deleted, next: (next < blocks).then_some(next) })
}

/// Deletes some of what is of no use any more beside the sessions.
pub(super) async fn forget(conn: &mut PgConnection) -> sqlx::Result<()> {
    loop {
        let entries = sqlx::query(FORGET_ENTRIES).bind(millis(KEPT_FOR)).bind(PAGE_ROWS).execute(&mut *conn).await?;
        if entries.rows_affected() < PAGE_ROWS.unsigned_abs() {
            break;
        }
    }
    sqlx::query(FORGET_NOTES).bind(millis(NOTED_FOR)).bind(10 * PAGE_ROWS).execute(conn).await.map(drop)
}

/// Four megabytes: a few milliseconds of reading.
const BLOCKS: i64 = 512;
const PAGE_ROWS: i64 = 1000;
/// A minute longer than anybody reads it.
const KEPT_FOR: std::time::Duration = std::time::Duration::from_secs(REVOKED_FOR.as_secs() + 60);

/// That a session is dead at `$now`.
#[rustfmt::skip]
macro_rules! dead {
    ($now:expr) => {
        concat!("(expires_at <= ", $now, " OR idle <= ", $now, " - rotated_at OR revoked_at < ", $now, " - $4)")
    };
}

// What is locked lives, or is being deleted by another.
#[rustfmt::skip]
const PAGE: &str = concat!(
    "WITH dead AS MATERIALIZED (
        SELECT subject AS whose, id AS which FROM jwt_sessions
        WHERE ctid >= $1::tid AND ctid < $2::tid AND ", dead!(now!()), "
        LIMIT $3 FOR UPDATE SKIP LOCKED
    ), deleted AS (
        DELETE FROM jwt_sessions USING dead WHERE subject = whose AND id = which AND ", dead!(now!()), "
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM deleted),
        (SELECT max(pg_relation_size(oid)) / current_setting('block_size')::bigint FROM (
            SELECT 'jwt_sessions'::regclass AS oid UNION ALL SELECT relid FROM pg_partition_tree('jwt_sessions')) AS parts)"
);

#[rustfmt::skip]
const FORGET_ENTRIES: &str = concat!(
    "DELETE FROM jwt_sessions_feed WHERE (xid, n) IN (
        SELECT xid, n FROM jwt_sessions_feed WHERE at < ", now!(), " - $1
        ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)"
);

#[rustfmt::skip]
const FORGET_NOTES: &str = concat!(
    "DELETE FROM jwt_sessions_subjects WHERE subject IN (
        SELECT subject FROM jwt_sessions_subjects WHERE not_before < ", now!(), " - $1
        LIMIT $2 FOR UPDATE SKIP LOCKED)"
);
