use std::net::IpAddr;
use std::time::Duration;

use super::bytes::{Reader, put, put_span, unzigzag, zigzag};
use super::name::Name;
use super::user_agent::{abbreviated, whole};
use crate::store::{Device, Revocation, RevokeReason, Row};
use crate::token::{SecretHash, SessionId, Timestamp};

/// A session as the memory store keeps it: some 85 bytes instead of the 150 of a [`Row`], and every value comes back exactly.
///
/// Subject, id, the secret's hash, the device where there is one, and then the numbers, each as long as it needs to be:
/// what usually is one thing (the previous generation is the one before) takes no room but a bit that says so.
pub(super) struct Packed<'a> {
    pub(super) name: Name<'a>,
    pub(super) id: SessionId,
    secret_hash: SecretHash,
    /// Empty without one.
    device: &'a [u8],
    numbers: &'a [u8],
}

impl<'a> Packed<'a> {
    /// What is in `bytes`; what comes behind it is not looked at.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (name, has_device) = Name::read(&mut reader)?;
        let (id, secret_hash) = (SessionId::from_bytes(reader.array()?), SecretHash::from_bytes(reader.array()?));
        let length = if has_device { reader.length()? } else { 0 };
        let device = reader.bytes(length)?;
        Some(Self { name, id, secret_hash, device, numbers: reader.0 })
    }

    pub(super) fn row(&self) -> Option<Row> {
        let mut reader = Reader(self.numbers);
        let created_at = reader.signed()?;
        let rotated_at = created_at.wrapping_add(reader.signed()?);
        let auth_time = created_at.wrapping_sub(reader.signed()?);
        let idle = reader.span()?;
        let lifetime = u64::try_from(reader.span()?.as_millis()).ok()?;
        let generation = reader.number()?;
        let usual = reader.byte()?;
        let mut older = |back: u8| match back & WRITTEN {
            WRITTEN => reader.number(),
            back => Some(generation.wrapping_sub(back.into())),
        };
        let (previous, seen) = (older(usual)?, older(usual >> 2)?);
        let cut = if usual & CUT == 0 { 0 } else { reader.number()? };
        let revoked = if usual & REVOKED == 0 { None } else { Some(read_revocation(&mut reader, rotated_at)?) };
        Some(Row {
            id: self.id,
            secret_hash: self.secret_hash,
            generation,
            previous,
            seen,
            cut,
            rotated_at: Timestamp::from_millis(rotated_at),
            created_at: Timestamp::from_millis(created_at),
            auth_time: Timestamp::from_millis(auth_time),
            idle,
            expires_at: Timestamp::from_millis(created_at.wrapping_add(lifetime.cast_signed())),
            revoked,
        })
    }

    pub(super) fn device(&self) -> Option<Device> {
        let mut reader = Reader(self.device);
        if self.device.is_empty() {
            return Some(Device::default());
        }
        let has = reader.byte()?;
        let mut text = |bit: u8| match has & bit {
            0 => Some(None),
            _ => reader.length().and_then(|length| reader.bytes(length)).map(Some),
        };
        let user_agent = match text(USER_AGENT)? {
            Some(short) => Some(whole(short)?),
            None => None,
        };
        let label = match text(LABEL)? {
            Some(label) => Some(std::str::from_utf8(label).ok()?.to_owned()),
            None => None,
        };
        let ip = match has & (IPV4 | IPV6) {
            0 => None,
            IPV4 => Some(IpAddr::from(reader.array::<4>()?)),
            _ => Some(IpAddr::from(reader.array::<16>()?)),
        };
        Some(Device { user_agent, ip, label })
    }

    /// The same session with another row of its id and secret.
    pub(super) fn with(&self, row: &Row) -> Vec<u8> {
        packed(&self.name, row, self.device)
    }
}

/// A session of that subject as bytes.
pub(super) fn pack(name: &Name<'_>, row: &Row, device: &Device) -> Vec<u8> {
    packed(name, row, &pack_device(device))
}

fn packed(name: &Name<'_>, row: &Row, device: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL_LENGTH + device.len());
    name.put(&mut bytes, !device.is_empty());
    bytes.extend_from_slice(row.id.as_bytes());
    bytes.extend_from_slice(row.secret_hash.as_bytes());
    if !device.is_empty() {
        put(&mut bytes, device.len() as u128);
        bytes.extend_from_slice(device);
    }
    let [created_at, rotated_at, auth_time, expires_at] =
        [row.created_at, row.rotated_at, row.auth_time, row.expires_at].map(Timestamp::as_millis);
    put(&mut bytes, zigzag(created_at).into());
    put(&mut bytes, zigzag(rotated_at.wrapping_sub(created_at)).into());
    put(&mut bytes, zigzag(created_at.wrapping_sub(auth_time)).into());
    put_span(&mut bytes, row.idle);
    put_span(&mut bytes, Duration::from_millis(expires_at.wrapping_sub(created_at).cast_unsigned()));
    put(&mut bytes, row.generation.into());
    let back = |older| u8::try_from(row.generation.wrapping_sub(older)).unwrap_or(WRITTEN).min(WRITTEN);
    let (previous, seen) = (back(row.previous), back(row.seen));
    let cut = if row.cut == 0 { 0 } else { CUT };
    let revoked = if row.revoked.is_none() { 0 } else { REVOKED };
    bytes.push(previous | seen << 2 | cut | revoked);
    for (written, number) in [(previous == WRITTEN, row.previous), (seen == WRITTEN, row.seen), (cut == CUT, row.cut)] {
        if written {
            put(&mut bytes, number.into());
        }
    }
    if let Some(revoked) = row.revoked {
        // One that were not listed would not be read again, and its session refused.
        let reason = RevokeReason::ALL.iter().position(|reason| *reason == revoked.reason).unwrap_or(15);
        let after = zigzag(revoked.at.as_millis().wrapping_sub(rotated_at));
        put(&mut bytes, u128::from(after) << 4 | reason as u128);
    }
    bytes
}

fn read_revocation(reader: &mut Reader<'_>, rotated_at: i64) -> Option<Revocation> {
    let number = reader.wide()?;
    let reason = RevokeReason::ALL.get(usize::try_from(number & 15).ok()?)?;
    let after = unzigzag(u64::try_from(number >> 4).ok()?);
    Some(Revocation::new(Timestamp::from_millis(rotated_at.wrapping_add(after)), *reason))
}

/// Nothing where there is nothing to show.
fn pack_device(device: &Device) -> Vec<u8> {
    if *device == Device::default() {
        return Vec::new();
    }
    let mut bytes = vec![0];
    let mut has = 0;
    let mut text = |bit: u8, text: Option<&[u8]>| {
        if let Some(text) = text {
            has |= bit;
            put(&mut bytes, text.len() as u128);
            bytes.extend_from_slice(text);
        }
    };
    text(USER_AGENT, device.user_agent.as_deref().map(abbreviated).as_deref());
    text(LABEL, device.label.as_deref().map(str::as_bytes));
    match device.ip {
        None => {}
        Some(IpAddr::V4(ip)) => {
            has |= IPV4;
            bytes.extend_from_slice(&ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            has |= IPV6;
            bytes.extend_from_slice(&ip.octets());
        }
    }
    if let Some(first) = bytes.first_mut() {
        *first = has;
    }
    bytes
}

/// What most sessions need at most.
const USUAL_LENGTH: usize = 104;

/// In the two bits that say how far a generation is behind the newest: it is written out.
const WRITTEN: u8 = 3;
const CUT: u8 = 1 << 4;
const REVOKED: u8 = 1 << 5;

const USER_AGENT: u8 = 1;
const LABEL: u8 = 2;
const IPV4: u8 = 4;
const IPV6: u8 = 8;

#[cfg(test)]
mod tests;
