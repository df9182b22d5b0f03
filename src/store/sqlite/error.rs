use std::error::Error as StdError;

use rusqlite::ErrorCode;

use crate::store::{StoreError, StoreErrorKind};

/// What the driver's error means to a caller. It stays the source.
pub(super) fn broken(error: rusqlite::Error) -> StoreError {
    StoreError::new(kind(&error)).because(error)
}

pub(super) fn kind(error: &rusqlite::Error) -> StoreErrorKind {
    match error.sqlite_error_code() {
        // The busy timeout has passed by then.
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreErrorKind::Timeout,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreErrorKind::Foreign,
        _ => StoreErrorKind::Unavailable,
    }
}

pub(super) fn unavailable(why: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable).because(why)
}

pub(super) fn foreign(why: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Foreign).because(why)
}
