//! Making the tables. This server commits each statement that makes one at once: the steps can be repeated, and the row that
//! says that all were made comes last.

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::mysql::{MySqlConnection, MySqlPool};
use sqlx::{Connection, Executor};

use super::error::{broken, foreign, is_made_already, refused, timeout};
use crate::store::StoreError;

/// Makes what is not there.
pub(super) async fn migrate(pool: &MySqlPool) -> Result<(), StoreError> {
    // A connection that is not given back: what is set here is nobody else's, and the lock ends with it, whatever happens.
    let mut conn = pool.acquire().await.map_err(broken)?.detach();
    let migrated = on(&mut conn).await;
    // What was to be said is known by now.
    let _ = conn.close().await;
    migrated
}

async fn on(conn: &mut MySqlConnection) -> Result<(), StoreError> {
    // Where everything is made, nothing is needed but to read.
    if inspect(conn).await? == Found::Everything {
        return Ok(());
    }
    // A procedure keeps the modes that it was made in.
    conn.execute(MODES).await.map_err(broken)?;
    let locked: Option<i64> =
        sqlx::query(LOCK).fetch_one(&mut *conn).await.and_then(|row| row.try_get(0)).map_err(broken)?;
    if locked != Some(1) {
        return Err(timeout("another migration of this server does not end"));
    }
    if inspect(conn).await? == Found::Everything {
        return Ok(());
    }
    for step in [SESSIONS, SUBJECTS, FEED, META, DROP_SWAP, SWAP] {
        match conn.execute(step).await {
            // Another node of a cluster has locks of its own.
            Err(error) if is_made_already(&error) => {}
            Err(error) => return Err(broken(error)),
            Ok(_) => {}
        }
    }
    sqlx::query(INSERT_META).bind(VERSION).execute(&mut *conn).await.map_err(broken)?;
    match inspect(conn).await? {
        Found::Everything => Ok(()),
        Found::Less => Err(refused("tables were made, and are not to be seen: the user may lack a privilege")),
    }
}

#[derive(PartialEq, Eq)]
enum Found {
    /// All that this version needs.
    Everything,
    /// Nothing, or what a migration left that did not come to its end.
    Less,
}

/// Tells our tables from another program's and a newer version's. Reads only.
async fn inspect(conn: &mut MySqlConnection) -> Result<Found, StoreError> {
    let tables = tables(conn).await.map_err(broken)?;
    // Asked for first: the tables of a newer version may look different in every other way.
    let meta = tables.get(META_TABLE);
    let version: Option<i64> = if meta.is_some_and(|columns| columns.contains("version bigint")) {
        let row = sqlx::query(SELECT_VERSION).fetch_optional(&mut *conn).await.map_err(broken)?;
        row.map(|row| row.try_get(0)).transpose().map_err(broken)?
    } else {
        None
    };
    match version {
        Some(VERSION) | None => {}
        Some(newer) if newer > VERSION => {
            return Err(foreign(format!(
                "the tables were made by a newer version (schema {newer}, known is {VERSION})"
            )));
        }
        Some(_) => return Err(foreign(ANOTHERS)),
    }
    for (table, expected) in COLUMNS {
        match tables.get(*table) {
            Some(columns) if columns == expected => {}
            None => {}
            Some(_) => return Err(foreign(format!("{ANOTHERS}: {table}"))),
        }
    }
    let comment = sqlx::query(SELECT_SWAP).fetch_optional(&mut *conn).await.map_err(broken)?;
    let comment = comment.map(|row| word(&row, 0)).transpose().map_err(broken)?;
    if comment.as_deref().is_some_and(|comment| comment != OURS) {
        return Err(foreign("the database has a procedure of our name that this crate did not make"));
    }
    let is_complete = version.is_some() && tables.len() == COLUMNS.len() && comment.is_some();
    Ok(if is_complete { Found::Everything } else { Found::Less })
}

/// The columns of each table of our names: name, type and length.
async fn tables(conn: &mut MySqlConnection) -> sqlx::Result<BTreeMap<String, String>> {
    let mut tables = BTreeMap::<String, String>::new();
    for row in sqlx::query(SELECT_COLUMNS).fetch_all(conn).await? {
        let columns = tables.entry(word(&row, 0)?).or_default();
        if !columns.is_empty() {
            columns.push(',');
        }
        columns.push_str(&word(&row, 1)?);
    }
    Ok(tables)
}

/// The catalogue's words have another type in each server and version.
fn word(row: &sqlx::mysql::MySqlRow, index: usize) -> sqlx::Result<String> {
    let bytes: Vec<u8> = row.try_get_unchecked(index)?;
    Ok(String::from_utf8_lossy(&bytes).to_lowercase())
}

const VERSION: i64 = 1;
const OURS: &str = "jwt-sessions 1";
const ANOTHERS: &str = "the database has a table of our names that this crate did not make";
const META_TABLE: &str = "jwt_sessions_meta";

const SESSIONS: &str = include_str!("schema/sessions.sql");
const SUBJECTS: &str = include_str!("schema/subjects.sql");
const FEED: &str = include_str!("schema/feed.sql");
const META: &str = include_str!("schema/meta.sql");
const SWAP: &str = include_str!("schema/swap.sql");

const COLUMNS: &[(&str, &str)] = &[
    (META_TABLE, "only_row bigint,version bigint,revoked_before bigint"),
    (
        "jwt_sessions",
        "subject varbinary 1024,id binary 16,secret_hash binary 32,generation bigint,previous bigint,seen bigint,\
         cut bigint,rotated_at bigint,created_at bigint,auth_time bigint,idle bigint,expires_at bigint,\
         revoked_at bigint,revoke_reason varbinary 32,user_agent varbinary 1024,ip varbinary 45,label varbinary 1024",
    ),
    ("jwt_sessions_subjects", "subject varbinary 1024,not_before bigint"),
    ("jwt_sessions_feed", "n bigint,ended_at bigint,session_id binary 16,below bigint"),
];

// No quotes inside of another's: one server's mode may read double ones as names.
const MODES: &str = "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'";
const LOCK: &str = "SELECT GET_LOCK('jwt_sessions_migrate', 60)";
const DROP_SWAP: &str = "DROP PROCEDURE IF EXISTS jwt_sessions_swap_1";
const INSERT_META: &str = "INSERT IGNORE INTO jwt_sessions_meta (only_row, version) VALUES (1, ?)";
const SELECT_VERSION: &str = "SELECT version FROM jwt_sessions_meta WHERE only_row = 1";
const SELECT_SWAP: &str = "
    SELECT ROUTINE_COMMENT FROM information_schema.ROUTINES
    WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE = 'PROCEDURE' AND ROUTINE_NAME = 'jwt_sessions_swap_1'";
const SELECT_COLUMNS: &str = "
    SELECT TABLE_NAME, CONCAT(
        COLUMN_NAME, ' ', DATA_TYPE,
        CASE WHEN CHARACTER_MAXIMUM_LENGTH IS NULL THEN '' ELSE CONCAT(' ', CHARACTER_MAXIMUM_LENGTH) END)
    FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = DATABASE()
        AND TABLE_NAME IN ('jwt_sessions', 'jwt_sessions_meta', 'jwt_sessions_subjects', 'jwt_sessions_feed')
    ORDER BY TABLE_NAME, ORDINAL_POSITION";
