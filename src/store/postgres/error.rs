use std::error::Error as StdError;
use std::sync::Arc;

use sqlx::Error;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::store::{StoreError, StoreErrorKind};

/// What the driver's error means to a caller. It stays the source.
pub(super) fn broken(error: Error) -> StoreError {
    StoreError::new(kind(&error)).because(error)
}

/// The same for each of many calls that it befell together.
pub(super) fn broken_for_all(error: Error) -> impl Fn() -> StoreError {
    let error = Arc::new(error);
    move || StoreError::new(kind(&error)).because(Arc::clone(&error))
}

fn kind(error: &Error) -> StoreErrorKind {
    match error {
        Error::PoolTimedOut => StoreErrorKind::Timeout,
        Error::Configuration(_) => StoreErrorKind::Configuration,
        Error::ColumnNotFound(_) | Error::ColumnIndexOutOfBounds { .. } | Error::ColumnDecode { .. } => {
            StoreErrorKind::Foreign
        }
        Error::Database(_) => match code(error).as_deref() {
            // Cancelled by `statement_timeout`, `lock_timeout` or `idle_in_transaction_session_timeout`.
            Some("57014" | "55P03" | "25P03") => StoreErrorKind::Timeout,
            // No such user, password or database; no such table, because nobody called `migrate`.
            Some("28000" | "28P01" | "3D000" | "42P01") => StoreErrorKind::Configuration,
            _ => StoreErrorKind::Unavailable,
        },
        _ => StoreErrorKind::Unavailable,
    }
}

/// The server's code for what went wrong (`SQLSTATE`).
pub(super) fn code(error: &Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned())
}

/// Whether nothing was written because of what somebody else wrote at the same time: a deadlock, or, where the database's
/// default is stricter than `READ COMMITTED`, a conflict.
pub(super) fn is_conflict(error: &Error) -> bool {
    matches!(code(error).as_deref(), Some("40001" | "40P01"))
}

/// Whether the server refused a statement, and nothing of it was written; not where it ended the connection, perhaps after the
/// commit.
pub(super) fn is_refused(error: &Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(|error| error.severity() == PgSeverity::Error)
}

/// Whether the server could not read what it was given as the type it was meant to be.
pub(super) fn is_unreadable(error: &Error) -> bool {
    matches!(code(error).as_deref(), Some("22P02" | "22003" | "22023"))
}

pub(super) fn is_duplicate(error: &Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

pub(super) fn foreign(why: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Foreign).because(why)
}

/// Tries again what met a conflict.
pub(super) async fn retried<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 1..TRIES {
        match attempt().await {
            Err(error) if is_conflict(&error) => {}
            done => return done.map_err(broken),
        }
    }
    attempt().await.map_err(broken)
}

/// Has work done to its end, whether or not the caller still waits: sqlx 0.9 gives a connection back to the pool with its
/// transaction open when it is dropped while that begins, and whatever is written on it next is then never committed.
pub(super) async fn whole<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|error| Err(StoreError::new(StoreErrorKind::Unavailable).because(error)))
}

/// Of many who conflict, one wins each time; the others then find that they lost.
const TRIES: usize = 5;
