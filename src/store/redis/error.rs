use std::error::Error as StdError;

use ::redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::store::{StoreError, StoreErrorKind};

/// What the driver's error means to a caller. It stays the source.
pub(super) fn broken(error: RedisError) -> StoreError {
    StoreError::new(kind(&error)).because(error)
}

fn kind(error: &RedisError) -> StoreErrorKind {
    // Before version 7 the first word of an error inside of a script stands in the middle.
    let says = |word: &str| error.code() == Some(word) || error.detail().is_some_and(|detail| detail.contains(word));
    match error.kind() {
        _ if error.is_timeout() => StoreErrorKind::Timeout,
        ErrorKind::InvalidClientConfig | ErrorKind::AuthenticationFailed => StoreErrorKind::Configuration,
        // A node of a Cluster that was taken for a server of its own.
        ErrorKind::Server(ServerErrorKind::Moved) => StoreErrorKind::Configuration,
        _ if says("OOM") => StoreErrorKind::Full,
        _ if says("WRONGTYPE") || says("JWTFOREIGN") => StoreErrorKind::Foreign,
        _ => StoreErrorKind::Unavailable,
    }
}

pub(super) fn foreign(why: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Foreign).because(why)
}

/// What a key of ours holds is not what a script of ours wrote.
pub(super) fn damaged() -> StoreError {
    foreign("a key with the name of ours holds something else")
}
