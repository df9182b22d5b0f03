use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::error::{broken, code, foreign};
use super::pool::Pool;
use crate::store::StoreError;

/// What was found in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// None of our tables.
    Nothing,
    /// Our tables, of the version that this crate writes.
    Ours,
}

/// Makes the tables if they are not there.
pub(super) async fn migrate(pool: &Pool) -> Result<(), StoreError> {
    // Looked at first without a lock: at all starts but one nothing is to be done, also by a role that may make no tables.
    let mut conn = pool.acquire().await.map_err(broken)?;
    if inspect(&mut conn).await? == Found::Ours {
        return Ok(());
    }
    let mut step = conn.begin().await.map_err(broken)?;
    sqlx::query(LOCK).execute(&mut *step).await.map_err(broken)?;
    // Whoever comes second finds the tables made.
    if inspect(&mut step).await? == Found::Nothing {
        sqlx::raw_sql(SCHEMA).execute(&mut *step).await.map_err(|error| match code(&error).as_deref() {
            // Something that is no table has one of our names.
            Some("42P07" | "42710" | "23505") => foreign(ANOTHERS),
            _ => broken(error),
        })?;
        sqlx::query(INSERT_META).bind(VERSION).execute(&mut *step).await.map_err(broken)?;
    }
    step.commit().await.map_err(broken)?;
    conn.ended();
    Ok(())
}

/// Tells our tables from another program's and a newer version's. Reads only.
///
/// # Errors
///
/// [`Foreign`](crate::store::StoreErrorKind::Foreign) when they are neither absent nor ours.
async fn inspect(conn: &mut PgConnection) -> Result<Found, StoreError> {
    let tables: Vec<_> = COLUMNS.iter().map(|(table, _)| *table).collect();
    let found = sqlx::query(TABLE_COLUMNS).bind(tables).fetch_all(&mut *conn).await.map_err(broken)?;
    if found.is_empty() {
        return Ok(Found::Nothing);
    }
    let mut columns = Vec::new();
    for record in &found {
        let get = |index| record.try_get::<String, _>(index).map_err(broken);
        columns.push((get(0)?, get(1)?));
    }
    let of = |table: &str| columns.iter().find(|(found, _)| found == table).map(|(_, columns)| columns.as_str());
    // Asked for first: the tables of a newer version may look different in every other way.
    let version: Option<i32> = if of(META).is_some_and(|columns| columns.contains("version integer")) {
        let version = sqlx::query_scalar(SELECT_VERSION).fetch_optional(conn).await;
        version.map_err(broken)?
    } else {
        None
    };
    match version {
        Some(VERSION) => {}
        Some(newer) if newer > VERSION => {
            return Err(foreign(format!(
                "the tables were made by a newer version (schema {newer}, known is {VERSION})"
            )));
        }
        _ => return Err(foreign(ANOTHERS)),
    }
    if COLUMNS.iter().any(|(table, expected)| of(table) != Some(*expected)) {
        return Err(foreign(ANOTHERS));
    }
    Ok(Found::Ours)
}

const VERSION: i32 = 1;
const ANOTHERS: &str = "the database has something of our tables' names that this crate did not make";
const META: &str = "jwt_sessions_meta";

const SCHEMA: &str = include_str!("schema.sql");
const COLUMNS: &[(&str, &str)] = &[
    (META, "only_row boolean,version integer,revoked_before bigint"),
    (
        "jwt_sessions",
        "generation bigint,previous bigint,seen bigint,cut bigint,rotated_at bigint,created_at bigint,auth_time bigint,\
         idle bigint,expires_at bigint,revoked_at bigint,id bytea,secret_hash bytea,subject bytea,revoke_reason text,\
         ip text,user_agent bytea,label bytea",
    ),
    ("jwt_sessions_subjects", "subject bytea,not_before bigint"),
    ("jwt_sessions_feed", "xid xid8,n bigint,at bigint,session bytea,below bigint"),
    ("jwt_sessions_epoch", "only_row boolean,epoch bigint"),
];

const LOCK: &str = concat!("SELECT ", lock_all!(""));
/// What each name stands for on the search path, as every other statement will find it.
const TABLE_COLUMNS: &str = "
    SELECT name, COALESCE((
        SELECT string_agg(attname || ' ' || format_type(atttypid, NULL), ',' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = to_regclass(name) AND attnum > 0 AND NOT attisdropped), '')
    FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL";
const SELECT_VERSION: &str = "SELECT version FROM jwt_sessions_meta";
const INSERT_META: &str = "INSERT INTO jwt_sessions_meta (only_row, version) VALUES (TRUE, $1)";
