use std::error::Error as StdError;

use sqlx::mysql::MySqlDatabaseError;

use crate::store::{StoreError, StoreErrorKind};

/// What the driver's error means to a caller. It stays the source, unless it repeats what was written.
pub(super) fn broken(error: sqlx::Error) -> StoreError {
    let kind = match &error {
        sqlx::Error::PoolTimedOut => StoreErrorKind::Timeout,
        _ => number(&error).map_or(StoreErrorKind::Unavailable, kind),
    };
    match number(&error) {
        // Its text has the key in it, and with it the subject.
        Some(DUPLICATE) => unavailable("the subject has a session of this id already"),
        _ => StoreError::new(kind).because(error),
    }
}

/// Whether the server took back the whole transaction so that another could go on: it may be tried again.
pub(super) fn is_deadlock(error: &sqlx::Error) -> bool {
    // 1213: deadlock, also a conflict between the nodes of a cluster; 1020: the row has changed since it was read.
    matches!(number(error), Some(1213 | 1020))
}

pub(super) fn is_made_already(error: &sqlx::Error) -> bool {
    // A table, a routine.
    matches!(number(error), Some(1050 | 1304))
}

pub(super) fn unavailable(why: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable).because(why)
}

pub(super) fn timeout(why: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Timeout).because(why)
}

pub(super) fn foreign(why: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Foreign).because(why)
}

pub(super) fn refused(why: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Configuration).because(why)
}

fn number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?;
    error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

fn kind(number: u16) -> StoreErrorKind {
    match number {
        // A lock that is waited for, a statement's own limit of MySQL's and of MariaDB's.
        1205 | 3024 | 1969 => StoreErrorKind::Timeout,
        // Access denied, to a database, a server, a table, a routine or a statement; no database chosen, or no such one; no
        // such table or routine, which `migrate` makes.
        1044..=1046 | 1049 | 1142 | 1146 | 1227 | 1305 | 1370 => StoreErrorKind::Configuration,
        _ => StoreErrorKind::Unavailable,
    }
}

const DUPLICATE: u16 = 1062;
