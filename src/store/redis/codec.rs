//! What the scripts are told, and what they answer. The layout is told in `scripts/prelude.lua`.

use std::time::Duration;

use super::error::damaged;
use crate::store::{Device, Listed, Loaded, Revocation, RevokeReason, Row, StoreError};
use crate::token::{SecretHash, SessionId, Timestamp};

/// What most scripts answer: strings of bytes.
pub(super) type Reply = Vec<Vec<u8>>;

/// A row and the present.
pub(super) fn loaded(id: SessionId, now: &[u8], hot: &[u8], cold: &[u8]) -> Result<Loaded, StoreError> {
    let now = std::str::from_utf8(now).ok().and_then(|now| now.parse().ok()).map(Timestamp::from_millis);
    Ok(Loaded::new(row(id, hot, cold)?, now.ok_or_else(damaged)?))
}

pub(super) fn row(id: SessionId, hot: &[u8], cold: &[u8]) -> Result<Row, StoreError> {
    read(id, hot, cold).ok_or_else(damaged)
}

fn read(id: SessionId, hot: &[u8], cold: &[u8]) -> Option<Row> {
    let (mut hot, mut cold) = (Bytes(hot), Bytes(cold));
    let row = Row {
        id,
        generation: hot.count()?,
        previous: hot.count()?,
        seen: hot.count()?,
        cut: hot.count()?,
        rotated_at: hot.moment()?,
        revoked: None,
        secret_hash: SecretHash::from_bytes(cold.take()?),
        created_at: cold.moment()?,
        idle: Duration::from_millis(u64::try_from(cold.moment()?.as_millis()).ok()?),
        expires_at: cold.moment()?,
        auth_time: cold.moment()?,
    };
    if hot.0.is_empty() {
        return Some(row);
    }
    let at = hot.moment()?;
    // A reason that only a newer version knows: that it was ended matters more than why.
    let reason = std::str::from_utf8(hot.0).ok().and_then(RevokeReason::from_name).unwrap_or(RevokeReason::Revoked);
    Some(Row { revoked: Some(Revocation::new(at, reason)), ..row })
}

/// Those of a list: id, both fields and device, one after the other.
pub(super) fn listed(reply: &Reply) -> Result<Vec<Listed>, StoreError> {
    let (sessions, _) = reply.as_chunks::<4>();
    let listed = sessions.iter().map(|[id, hot, cold, shown]| {
        let row = row(session_id(id)?, hot, cold)?;
        Ok(Listed::new(row, read_device(shown).ok_or_else(damaged)?))
    });
    listed.collect()
}

pub(super) fn session_id(bytes: &[u8]) -> Result<SessionId, StoreError> {
    bytes.try_into().map(SessionId::from_bytes).map_err(|_| damaged())
}

/// User agent, address and label, each with its length before it; nothing when there is none of them.
pub(super) fn device(device: &Device) -> Vec<u8> {
    let mut bytes = Vec::new();
    if *device == Device::default() {
        return bytes;
    }
    let ip = device.ip.map(|ip| ip.to_string());
    for text in [&device.user_agent, &ip, &device.label] {
        let Some(text) = text else {
            bytes.extend(ABSENT.to_be_bytes());
            continue;
        };
        bytes.extend(u32::try_from(text.len()).unwrap_or(ABSENT).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

fn read_device(bytes: &[u8]) -> Option<Device> {
    if bytes.is_empty() {
        return Some(Device::default());
    }
    let mut bytes = Bytes(bytes);
    let (user_agent, ip, label) = (bytes.text()?, bytes.text()?, bytes.text()?);
    Some(Device { user_agent, ip: ip.and_then(|ip| ip.parse().ok()), label })
}

/// A moment as a script takes it. Its numbers are exact up to 2^53, the year 287396.
pub(super) fn moment(at: Timestamp) -> i64 {
    at.as_millis().clamp(-LIMIT, LIMIT)
}

pub(super) fn span(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(LIMIT).min(LIMIT)
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn count(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn moment(&mut self) -> Option<Timestamp> {
        // Whole numbers below 2^53, which a double holds exactly.
        self.take().map(|bytes| Timestamp::from_millis(f64::from_be_bytes(bytes) as i64))
    }

    /// Nothing in it is no text; an absent one is none.
    fn text(&mut self) -> Option<Option<String>> {
        let length = u32::from_be_bytes(self.take()?);
        if length == ABSENT {
            return Some(None);
        }
        let (text, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(Some(String::from_utf8(text.to_vec()).ok()?))
    }
}

const ABSENT: u32 = u32::MAX;
const LIMIT: i64 = 1 << 52;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_is_not_known_yet_still_ends_a_session() {
        let mut hot = [0; 40].to_vec();
        hot.extend(5.0_f64.to_be_bytes());
        hot.extend(b"moonrise");
        let row = row(SessionId::from_bytes([1; 16]), &hot, &[0; 64]).unwrap();
        assert_eq!(row.revoked, Some(Revocation::new(Timestamp::from_millis(5), RevokeReason::Revoked)));
    }

    #[test]
    fn what_is_not_ours_is_no_row() {
        let id = SessionId::from_bytes([1; 16]);
        for (hot, cold) in [(39, 64), (40, 63), (41, 64), (0, 0)] {
            assert!(row(id, &[0; 64][..hot], &[0; 64][..cold]).is_err(), "{hot} {cold}");
        }
        assert!(read_device(b"abc").is_none());
    }
}
