//! The verbs that lead to no end: now, load, list, and the confirmations.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::row::{self, int};
use crate::store::{Listed, Loaded, Seen};
use crate::token::{SessionId, Timestamp};

pub(super) async fn now(conn: &mut PgConnection) -> sqlx::Result<Timestamp> {
    sqlx::query(NOW).fetch_one(conn).await?.try_get(0).map(Timestamp::from_millis)
}

pub(super) async fn load(conn: &mut PgConnection, subject: &str, id: SessionId) -> sqlx::Result<Option<Loaded>> {
    let found = sqlx::query(LOAD).bind(subject.as_bytes()).bind(id.as_bytes().as_slice()).fetch_optional(conn).await?;
    found.as_ref().map(row::loaded).transpose()
}

pub(super) async fn list(conn: &mut PgConnection, subject: &str) -> sqlx::Result<Vec<Listed>> {
    let found = sqlx::query(LIST).bind(subject.as_bytes()).fetch_all(conn).await?;
    found.iter().map(row::listed).collect()
}

/// Those of `seen` that are orphans.
pub(super) async fn confirm(conn: &mut PgConnection, seen: &[Seen]) -> sqlx::Result<Vec<Seen>> {
    let mut orphans = Vec::new();
    for seen in seen.chunks(TOGETHER) {
        let subjects: Vec<_> = seen.iter().map(|seen| seen.subject.as_bytes()).collect();
        let ids: Vec<_> = seen.iter().map(|seen| seen.session.as_bytes().as_slice()).collect();
        let generations: Vec<_> = seen.iter().map(|seen| int(seen.generation)).collect();
        let found = sqlx::query(CONFIRM).bind(subjects).bind(ids).bind(generations).fetch_all(&mut *conn).await?;
        for record in found {
            let place = usize::try_from(record.try_get::<i64, _>(0)?).unwrap_or(0);
            orphans.extend(seen.get(place.wrapping_sub(1)).cloned());
        }
    }
    Ok(orphans)
}

/// How many confirmations share a statement at most: its rows stay locked until it ends.
const TOGETHER: usize = 1000;

const NOW: &str = concat!("SELECT ", now!());

const LOAD: &str = concat!("SELECT ", row!(), ", ", now!(), " AS now FROM jwt_sessions WHERE subject = $1 AND id = $2");

#[rustfmt::skip]
const LIST: &str = concat!(
    "WITH present AS MATERIALIZED (SELECT ", now!(), " AS now)
    SELECT ", row!(), ", now, user_agent, ip, label
    FROM jwt_sessions, present WHERE subject = $1 AND ", living!("now"), "
    ORDER BY rotated_at DESC, created_at DESC, id DESC"
);

// Rows are locked in the order of the key, here as everywhere: two statements never wait for one another.
#[rustfmt::skip]
const CONFIRM: &str = concat!(
    "WITH given AS MATERIALIZED (
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[])
            WITH ORDINALITY AS given (whose, which, newest, place)
    ), locked AS MATERIALIZED (
        SELECT subject AS whose, id AS which FROM jwt_sessions
        WHERE (subject, id, generation) IN (SELECT whose, which, newest FROM given) AND seen < generation
        ORDER BY subject, id FOR NO KEY UPDATE
    ), noted AS (
        UPDATE jwt_sessions SET seen = generation FROM locked
        WHERE subject = whose AND id = which AND ", living!(now!()), "
            AND (subject, id, generation) IN (SELECT whose, which, newest FROM given)
    )
    SELECT place FROM given JOIN jwt_sessions ON subject = whose AND id = which
    WHERE previous < newest AND newest < generation AND cut <= newest AND ", living!(now!())
);
