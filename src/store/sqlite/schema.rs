use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::error::{broken, foreign};
use super::file;
use crate::store::StoreError;

/// What was found in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// None of our tables; perhaps an application's own.
    Nothing,
    /// Our tables, of the version that this crate writes.
    Ours,
}

/// Makes the tables if they are not there.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), StoreError> {
    file::wal(conn)?;
    // Whoever comes second finds the tables made.
    let step = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(broken)?;
    if inspect(&step)? == Found::Nothing {
        let tables: i64 = step.query_row(TABLES, [], |row| row.get(0)).map_err(broken)?;
        step.execute_batch(SCHEMA).map_err(broken)?;
        step.execute(INSERT_META, [VERSION]).map_err(broken)?;
        // A file that an application keeps its own tables in stays the application's.
        if tables == 0 {
            step.pragma_update(None, "application_id", APPLICATION).map_err(broken)?;
        }
    }
    step.commit().map_err(broken)
}

/// Tells our file from another program's, a newer version's and no database at all. Reads only.
///
/// # Errors
///
/// [`Foreign`](crate::store::StoreErrorKind::Foreign) when it is neither empty nor ours.
pub(super) fn inspect(conn: &Connection) -> Result<Found, StoreError> {
    let application: i64 = conn.query_row(APPLICATION_ID, [], |row| row.get(0)).map_err(broken)?;
    let ours: i64 = conn.query_row(OUR_TABLES, [], |row| row.get(0)).map_err(broken)?;
    if ours == 0 {
        return if application == 0 || application == APPLICATION {
            Ok(Found::Nothing)
        } else {
            Err(foreign(format!("the file is another program's database (application_id {application})")))
        };
    }
    // Asked for first: the tables of a newer version may look different in every other way.
    let version: Option<i64> = if columns(conn, "jwt_sessions_meta")?.contains("version INTEGER") {
        conn.query_row(SELECT_VERSION, [], |row| row.get(0)).optional().map_err(broken)?
    } else {
        None
    };
    match version {
        Some(VERSION) => {}
        Some(newer) if newer > VERSION => {
            return Err(foreign(format!(
                "the file was written by a newer version (schema {newer}, known is {VERSION})"
            )));
        }
        _ => return Err(foreign(ANOTHERS)),
    }
    for (table, expected) in COLUMNS {
        if columns(conn, table)? != *expected {
            return Err(foreign(ANOTHERS));
        }
    }
    Ok(Found::Ours)
}

fn columns(conn: &Connection, table: &str) -> Result<String, StoreError> {
    conn.query_row(TABLE_COLUMNS, [table], |row| row.get(0)).map_err(broken)
}

const VERSION: i64 = 1;
/// The bytes "JWTS", by which tools tell what file it is.
const APPLICATION: i64 = 0x4a57_5453;
const ANOTHERS: &str = "the file has tables of our names that this crate did not make";

const SCHEMA: &str = include_str!("schema.sql");
const COLUMNS: &[(&str, &str)] = &[
    ("jwt_sessions_meta", "only_row INTEGER,version INTEGER,revoked_before INTEGER"),
    (
        "jwt_sessions",
        "subject BLOB,id BLOB,secret_hash BLOB,generation INTEGER,previous INTEGER,seen INTEGER,cut INTEGER,\
         rotated_at INTEGER,created_at INTEGER,auth_time INTEGER,idle INTEGER,expires_at INTEGER,revoked_at INTEGER,\
         revoke_reason TEXT,user_agent TEXT,ip TEXT,label TEXT",
    ),
    ("jwt_sessions_subjects", "subject BLOB,not_before INTEGER"),
    ("jwt_sessions_feed", "n INTEGER,at INTEGER,session BLOB,below INTEGER"),
];

const APPLICATION_ID: &str = "PRAGMA application_id";
const TABLES: &str = "SELECT count(*) FROM sqlite_schema";
const OUR_TABLES: &str = "
    SELECT count(*) FROM sqlite_schema
    WHERE lower(name) IN ('jwt_sessions', 'jwt_sessions_meta', 'jwt_sessions_subjects', 'jwt_sessions_feed')";
const TABLE_COLUMNS: &str = "
    SELECT COALESCE(group_concat(name || ' ' || type, ','), '')
    FROM (SELECT name, type FROM pragma_table_info(?1) ORDER BY cid)";
const SELECT_VERSION: &str = "SELECT version FROM jwt_sessions_meta";
const INSERT_META: &str = "INSERT INTO jwt_sessions_meta (only_row, version) VALUES (1, ?1)";
