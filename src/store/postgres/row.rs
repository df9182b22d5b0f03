use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::store::{Device, Listed, Loaded, Revocation, RevokeReason, Row};
use crate::token::{SecretHash, SessionId, Timestamp};

/// The columns of `row!()`, and after them `now`.
pub(super) fn loaded(record: &PgRow) -> sqlx::Result<Loaded> {
    Ok(Loaded::new(read(record)?, at(record, NOW)?))
}

/// The same, and after them `user_agent`, `ip` and `label`.
pub(super) fn listed(record: &PgRow) -> sqlx::Result<Listed> {
    let text =
        |index| record.try_get(index).map(|bytes: Option<Vec<u8>>| bytes.and_then(|b| String::from_utf8(b).ok()));
    let ip: Option<String> = record.try_get(NOW + 2)?;
    let device = Device { user_agent: text(NOW + 1)?, ip: ip.and_then(|ip| ip.parse().ok()), label: text(NOW + 3)? };
    Ok(Listed::new(read(record)?, device))
}

fn read(record: &PgRow) -> sqlx::Result<Row> {
    let revoked_at: Option<i64> = record.try_get(11)?;
    let reason: Option<&str> = record.try_get(12)?;
    Ok(Row {
        id: id(record, 0)?,
        secret_hash: SecretHash::from_bytes(bytes(record, 1)?),
        generation: count(record, 2)?,
        previous: count(record, 3)?,
        seen: count(record, 4)?,
        cut: count(record, 5)?,
        rotated_at: at(record, 6)?,
        created_at: at(record, 7)?,
        auth_time: at(record, 8)?,
        idle: Duration::from_millis(count(record, 9)?),
        expires_at: at(record, 10)?,
        revoked: revoked_at.map(|at| {
            // A reason that only a newer version knows: that it was ended matters more than why.
            let reason = reason.and_then(RevokeReason::from_name).unwrap_or(RevokeReason::Revoked);
            Revocation::new(Timestamp::from_millis(at), reason)
        }),
    })
}

pub(super) fn id(record: &PgRow, index: usize) -> sqlx::Result<SessionId> {
    bytes(record, index).map(SessionId::from_bytes)
}

pub(super) fn at(record: &PgRow, index: usize) -> sqlx::Result<Timestamp> {
    record.try_get(index).map(Timestamp::from_millis)
}

pub(super) fn count(record: &PgRow, index: usize) -> sqlx::Result<u64> {
    record.try_get(index).map(|count: i64| u64::try_from(count).unwrap_or(0))
}

fn bytes<const N: usize>(record: &PgRow, index: usize) -> sqlx::Result<[u8; N]> {
    let bytes: &[u8] = record.try_get(index)?;
    bytes.try_into().map_err(|wrong| sqlx::Error::ColumnDecode { index: index.to_string(), source: Box::new(wrong) })
}

/// A count as PostgreSQL keeps it. No session ever comes near the bound, so that none is equal to it.
pub(super) fn int<N: TryInto<i64>>(count: N) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

pub(super) fn millis(span: Duration) -> i64 {
    int(span.as_millis())
}

/// Where `now` stands behind the columns of a row.
const NOW: usize = 13;
