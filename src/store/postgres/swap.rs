//! The compare-and-swap.

use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::Query;

use super::error::is_unreadable;
use super::read;
use super::row::{self, int, millis};
use crate::store::{Swap, Swapped};
use crate::token::{SecretHash, SessionId};

/// A swap of a row.
pub(super) struct Rotation {
    pub(super) subject: String,
    pub(super) id: SessionId,
    pub(super) secret_hash: SecretHash,
    pub(super) swap: Swap,
}

/// A swap that writes nothing to the feed.
pub(super) async fn rotate(conn: &mut PgConnection, rotation: &Rotation, relaxed: bool) -> sqlx::Result<Swapped> {
    let rotate = if relaxed { ROTATE_RELAXED } else { ROTATE };
    match one(bound(rotate, rotation).fetch_all(&mut *conn).await) {
        Err(error) if is_unreadable(&error) => behind_a_lock(conn, rotation).await,
        won => done(conn, rotation, won?).await,
    }
}

/// Any swap, behind a lock of its own.
pub(super) async fn behind_a_lock(conn: &mut PgConnection, rotation: &Rotation) -> sqlx::Result<Swapped> {
    let swap = &rotation.swap;
    let query = bound(SWAP, rotation).bind(int(swap.cut)).bind(swap.authenticated);
    let won = one(query.fetch_all(&mut *conn).await)?;
    done(conn, rotation, won).await
}

async fn done(conn: &mut PgConnection, rotation: &Rotation, won: Option<PgRow>) -> sqlx::Result<Swapped> {
    match won {
        Some(won) => Ok(Swapped::Won(row::loaded(&won)?)),
        // Another statement: what the first one saw is from before the winner's write.
        None => Ok(Swapped::Lost(read::load(conn, &rotation.subject, rotation.id).await?)),
    }
}

/// All rows are asked for, though there is one at most: only then the commit is waited for.
fn one(records: sqlx::Result<Vec<PgRow>>) -> sqlx::Result<Option<PgRow>> {
    records.map(|records| records.into_iter().next())
}

fn bound<'a>(sql: &'static str, rotation: &'a Rotation) -> Query<'a, Postgres, PgArguments> {
    let swap = &rotation.swap;
    sqlx::query(sql)
        .bind(rotation.subject.as_bytes())
        .bind(rotation.id.as_bytes().as_slice())
        .bind(rotation.secret_hash.as_bytes().as_slice())
        .bind(int(swap.expected.0))
        .bind(int(swap.expected.1))
        .bind(swap.unless_seen)
        .bind(swap.quiet_for.map(millis))
        .bind(int(swap.generation))
        .bind(int(swap.previous))
        .bind(int(swap.seen))
}

// PostgreSQL decides again, by the clock as it is then, on a row that it waited for, if that was written meanwhile. But not
// on one that was only locked, or whose writer gave up. The last column takes such a swap back: it is made again, behind a
// lock of its own. That every swap locks first would cost a third of them.
#[rustfmt::skip]
macro_rules! rotate {
    ($also:expr) => {
        concat!(
            "UPDATE jwt_sessions
            SET generation = $8, previous = $9, seen = GREATEST(seen, $10), rotated_at = ", now!(), "
            WHERE subject = $1 AND id = $2 AND ", fits!(now!(), "$3", "$4", "$5", "$6", "$7"), $also, "
            RETURNING ", row!(), ", rotated_at AS now,
                CASE WHEN ", now!(), " - rotated_at > 50 THEN ('waited since ' || rotated_at)::boolean END"
        )
    };
}

const ROTATE: &str = rotate!("");

// Of the row that is won alone: conditions are tried from left to right, and from the cheapest on.
const ROTATE_RELAXED: &str = rotate!(" AND set_config('synchronous_commit', 'off', TRUE) = 'off'");

#[rustfmt::skip]
const SWAP: &str = concat!(
    "WITH locked AS MATERIALIZED (
        SELECT subject AS whose, id AS which FROM jwt_sessions WHERE subject = $1 AND id = $2 FOR NO KEY UPDATE
    ), present AS MATERIALIZED (
        SELECT whose, which, ", now!(), " AS now FROM locked
    ), swapped AS (
        UPDATE jwt_sessions SET
            generation = $8,
            previous = $9,
            seen = GREATEST(seen, $10),
            cut = GREATEST(cut, $11),
            rotated_at = now,
            auth_time = CASE WHEN $12 THEN now ELSE auth_time END
        FROM present WHERE subject = whose AND id = which AND ", fits!("now", "$3", "$4", "$5", "$6", "$7"), "
        RETURNING ", row!(), ", now
    ), told AS (
        INSERT INTO jwt_sessions_feed (at, session, below) SELECT now, id, $11 FROM swapped WHERE $11 > 0
        RETURNING ", notify!(), "
    )
    SELECT * FROM swapped"
);
