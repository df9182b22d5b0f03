use std::error::Error as StdError;
use std::io;

use mongodb::error::{Error, ErrorKind, WriteFailure};

use crate::store::{StoreError, StoreErrorKind};

/// What the driver's error means to a caller. It stays the source: it names servers, but neither URL nor password.
pub(super) fn broken(error: Error) -> StoreError {
    let kind = match error.kind.as_ref() {
        ErrorKind::Io(io) if io.kind() == io::ErrorKind::TimedOut => StoreErrorKind::Timeout,
        ErrorKind::Command(command) if command.code == MAX_TIME_EXPIRED => StoreErrorKind::Timeout,
        _ if is_unconfirmed(&error) => StoreErrorKind::Timeout,
        ErrorKind::Command(command) if NOT_OURS.contains(&command.code) => StoreErrorKind::Foreign,
        ErrorKind::BsonDeserialization(_) => StoreErrorKind::Foreign,
        ErrorKind::InvalidArgument { .. } | ErrorKind::InvalidTlsConfig { .. } => StoreErrorKind::Configuration,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind).because(error)
}

/// Whether a write is there, but was not with a majority in time.
pub(super) fn is_unconfirmed(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Write(WriteFailure::WriteConcernError(late)) if LATE.contains(&late.code))
}

/// Whether a document of this `_id` is there already.
pub(super) fn is_duplicate(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(write)) => write.code == DUPLICATE_KEY,
        ErrorKind::Command(command) => command.code == DUPLICATE_KEY,
        _ => false,
    }
}

pub(super) fn unavailable(why: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable).because(why)
}

pub(super) fn foreign(why: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Foreign).because(why)
}

const DUPLICATE_KEY: i32 = 11_000;
const MAX_TIME_EXPIRED: i32 = 50;
/// Written, but not by a majority in time.
const LATE: [i32; 2] = [MAX_TIME_EXPIRED, 64];
/// An index of that name, or on these fields, is another one; a view, which takes neither documents nor indexes.
const NOT_OURS: [i32; 3] = [85, 86, 166];
