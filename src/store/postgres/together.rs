//! The statement of many rotations.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::row::{self, int, millis};
use super::swap::Rotation;
use crate::store::Swapped;

/// What came of each; nothing where another transaction has the row, or there is none. No session may be there twice.
pub(super) async fn together<'a>(
    conn: &mut PgConnection,
    rotations: impl ExactSizeIterator<Item = &'a Rotation> + Clone,
    relaxed: bool,
) -> sqlx::Result<Vec<Option<Swapped>>> {
    let mut swapped = vec![None; rotations.len()];
    let swaps = rotations.clone().map(|rotation| &rotation.swap);
    let records = sqlx::query(if relaxed { ROTATE_RELAXED } else { ROTATE })
        .bind(rotations.clone().map(|rotation| rotation.subject.as_bytes()).collect::<Vec<_>>())
        .bind(rotations.clone().map(|rotation| rotation.id.as_bytes().as_slice()).collect::<Vec<_>>())
        .bind(rotations.map(|rotation| rotation.secret_hash.as_bytes().as_slice()).collect::<Vec<_>>())
        .bind(swaps.clone().map(|swap| int(swap.expected.0)).collect::<Vec<_>>())
        .bind(swaps.clone().map(|swap| int(swap.expected.1)).collect::<Vec<_>>())
        .bind(swaps.clone().map(|swap| swap.unless_seen).collect::<Vec<_>>())
        .bind(swaps.clone().map(|swap| swap.quiet_for.map(millis)).collect::<Vec<_>>())
        .bind(swaps.clone().map(|swap| int(swap.generation)).collect::<Vec<_>>())
        .bind(swaps.clone().map(|swap| int(swap.previous)).collect::<Vec<_>>())
        .bind(swaps.map(|swap| int(swap.seen)).collect::<Vec<_>>())
        .fetch_all(conn)
        .await?;
    for record in &records {
        let (place, found) = (row::count(record, PLACE)?, row::loaded(record)?);
        let place = usize::try_from(place).unwrap_or(0);
        if let Some(swapped) = swapped.get_mut(place.wrapping_sub(1)) {
            *swapped = Some(if record.try_get(WON)? { Swapped::Won(found) } else { Swapped::Lost(Some(found)) });
        }
    }
    Ok(swapped)
}

/// Where these stand behind the columns of a row and `now`.
const PLACE: usize = 14;
const WON: usize = 15;

// Rows that another transaction has are left out and not waited for, so that nobody is held up by another's row, and no two
// of these ever wait for one another. All that are left are then this statement's own: what it found is what it writes on.
#[rustfmt::skip]
macro_rules! rotate {
    ($also:expr) => {
        concat!(
            "WITH given AS MATERIALIZED (
                SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[], $6::boolean[],
                        $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
                    WITH ORDINALITY AS given (whose, which, hash, expected, expected_previous, unless_seen, quiet_for,
                        new, new_previous, new_seen, place)
            ), locked AS MATERIALIZED (
                SELECT given.*, ", row!(), " FROM given JOIN jwt_sessions ON subject = whose AND id = which
                FOR NO KEY UPDATE OF jwt_sessions SKIP LOCKED
            ), present AS MATERIALIZED (
                SELECT ", now!(), " AS now FROM (SELECT count(*) FROM locked) AS locked", $also, "
            ), decided AS MATERIALIZED (
                SELECT *, ", fits!("now", "hash", "expected", "expected_previous", "unless_seen", "quiet_for"), " AS won
                FROM locked, present
            ), rotated AS (
                UPDATE jwt_sessions
                SET generation = new, previous = new_previous, seen = GREATEST(seen, new_seen), rotated_at = now
                FROM (SELECT whose, which, new, new_previous, new_seen, now, place FROM decided WHERE won) AS won
                WHERE subject = whose AND id = which
                RETURNING ", row!(), ", now, place
            )
            SELECT *, TRUE FROM rotated
            UNION ALL SELECT ", row!(), ", now, place, FALSE FROM decided WHERE NOT won"
        )
    };
}

const ROTATE: &str = rotate!("");
const ROTATE_RELAXED: &str = rotate!(" WHERE set_config('synchronous_commit', 'off', TRUE) = 'off'");
