//! Rows as the statements answer them, and what statements have in common.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::mysql::MySqlRow;

use crate::store::{Loaded, Revocation, RevokeReason, Row};
use crate::token::{SecretHash, SessionId, Timestamp};

/// The store's present, when the statement begins: after the lock that an earlier statement of the same transaction waited
/// for. UTC, so that no summer time makes an hour happen twice, whatever zone the connection is set to.
macro_rules! present {
    () => {
        "(TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000)"
    };
}

/// What [`loaded`] reads, in its order.
macro_rules! columns {
    () => {
        concat!(
            crate::store::mysql::row::present!(),
            ", id, secret_hash, generation, previous, seen, cut, rotated_at, created_at, auth_time, idle, expires_at, \
             revoked_at, revoke_reason "
        )
    };
}

/// The same words sixteen times: a batch has one statement, whatever its size, and its last element fills it up.
macro_rules! sixteen {
    ($one:literal) => {
        concat!(
            $one, " OR ", $one, " OR ", $one, " OR ", $one, " OR ", $one, " OR ", $one, " OR ", $one, " OR ", $one,
            " OR ", $one, " OR ", $one, " OR ", $one, " OR ", $one, " OR ", $one, " OR ", $one, " OR ", $one, " OR ",
            $one
        )
    };
}

pub(super) use {columns, present, sixteen};

/// How many [`sixteen`] are.
pub(super) const BATCH: usize = 16;

/// How many columns [`loaded`] reads.
pub(super) const COLUMNS: usize = 14;

pub(super) fn loaded(record: &MySqlRow) -> sqlx::Result<Loaded> {
    let at = |index: usize| record.try_get(index).map(Timestamp::from_millis);
    let count = |index: usize| record.try_get(index).map(|count: i64| u64::try_from(count).unwrap_or(0));
    let revoked_at: Option<i64> = record.try_get(12)?;
    let row = Row {
        id: SessionId::from_bytes(bytes(record, 1)?),
        secret_hash: SecretHash::from_bytes(bytes(record, 2)?),
        generation: count(3)?,
        previous: count(4)?,
        seen: count(5)?,
        cut: count(6)?,
        rotated_at: at(7)?,
        created_at: at(8)?,
        auth_time: at(9)?,
        idle: Duration::from_millis(count(10)?),
        expires_at: at(11)?,
        revoked: match revoked_at {
            Some(at) => {
                // A reason that only a newer version knows: that it was ended matters more than why.
                let reason = text(record, 13)?.as_deref().and_then(RevokeReason::from_name);
                let reason = reason.unwrap_or(RevokeReason::Revoked);
                Some(Revocation::new(Timestamp::from_millis(at), reason))
            }
            None => None,
        },
    };
    Ok(Loaded::new(row, at(0)?))
}

pub(super) fn bytes<const N: usize>(record: &MySqlRow, index: usize) -> sqlx::Result<[u8; N]> {
    let bytes: &[u8] = record.try_get(index)?;
    bytes.try_into().map_err(|error| sqlx::Error::ColumnDecode { index: index.to_string(), source: Box::new(error) })
}

pub(super) fn text(record: &MySqlRow, index: usize) -> sqlx::Result<Option<String>> {
    let bytes: Option<&[u8]> = record.try_get(index)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}

/// A count as this server keeps it. No session ever comes near the bound, so that none is equal to it.
pub(super) fn int<N: TryInto<i64>>(count: N) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

pub(super) fn millis(span: Duration) -> i64 {
    int(span.as_millis())
}
