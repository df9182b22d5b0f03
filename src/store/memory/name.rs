use std::hash::BuildHasher;

use super::bytes::{Reader, put};

/// A subject as it is kept and compared: half as long where it is written in hexadecimal digits, as ids mostly are.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    Text(&'a [u8]),
    /// An even number of lower-case digits.
    Hex([u8; LONGEST], usize),
    /// 32 of them with hyphens as RFC 9562 puts them.
    Uuid([u8; 16]),
}

impl<'a> Name<'a> {
    /// There is one name for one subject, and one subject for one name.
    pub(super) fn new(subject: &'a str) -> Self {
        let text = subject.as_bytes();
        if let Some(uuid) = uuid(text) {
            return Self::Uuid(uuid);
        }
        let mut bytes = [0; LONGEST];
        match hex(text, &mut bytes) {
            Some(length) => Self::Hex(bytes, length),
            None => Self::Text(text),
        }
    }

    pub(super) fn hash(&self, keyed: &impl BuildHasher) -> u64 {
        keyed.hash_one((self.form(), self.bytes()))
    }

    /// Writes it, and a bit beside it.
    pub(super) fn put(&self, into: &mut Vec<u8>, beside: bool) {
        // That a UUID has 16 bytes need not be said: it is one byte less for each of them.
        let length = if matches!(self, Self::Uuid(_)) { 0 } else { self.bytes().len() };
        put(into, (length as u128) << 3 | u128::from(beside) << 2 | u128::from(self.form()));
        into.extend_from_slice(self.bytes());
    }

    /// What [`put`](Self::put) wrote.
    pub(super) fn read(reader: &mut Reader<'a>) -> Option<(Self, bool)> {
        let head = reader.length()?;
        let (form, beside, length) = (head & 3, head & 4 != 0, head >> 3);
        let name = match form {
            TEXT => Self::Text(reader.bytes(length)?),
            HEX => {
                let mut bytes = [0; LONGEST];
                bytes.get_mut(..length)?.copy_from_slice(reader.bytes(length)?);
                Self::Hex(bytes, length)
            }
            _ => Self::Uuid(reader.array()?),
        };
        Some((name, beside))
    }

    fn form(&self) -> u8 {
        (match self {
            Self::Text(_) => TEXT,
            Self::Hex(..) => HEX,
            Self::Uuid(_) => UUID,
        }) as u8
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text,
            Self::Hex(bytes, length) => bytes.get(..*length).unwrap_or_default(),
            Self::Uuid(bytes) => bytes,
        }
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.form() == other.form() && self.bytes() == other.bytes()
    }
}

fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut digits = [0; 32];
    let mut rest = digits.as_mut_slice();
    let mut parts = text.split(|byte| *byte == b'-');
    for length in [8, 4, 4, 4, 12] {
        let part = parts.next().filter(|part| part.len() == length)?;
        let (here, after) = rest.split_at_mut_checked(length)?;
        here.copy_from_slice(part);
        rest = after;
    }
    let mut bytes = [0; 16];
    hex(&digits, &mut bytes).map(|_| bytes)
}

/// How many bytes the digits make.
fn hex(digits: &[u8], into: &mut [u8]) -> Option<usize> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() || pairs.len() > into.len() {
        return None;
    }
    for ([high, low], byte) in pairs.iter().zip(into) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(pairs.len())
}

/// Upper-case digits would be read as the same subject, which they are not.
const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Bytes of a name in digits: a digest of 256 bits.
const LONGEST: usize = 32;

const TEXT: usize = 0;
const HEX: usize = 1;
const UUID: usize = 2;
