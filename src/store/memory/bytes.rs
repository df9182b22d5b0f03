use std::time::Duration;

/// Writes a number of any size, short where it is small: seven bits a byte, the lowest first (LEB128).
pub(super) fn put(into: &mut Vec<u8>, mut number: u128) {
    while number > 0x7f {
        into.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// How a number that may be below zero is written: 0, -1, 1, -2 … are 0, 1, 2, 3 …
pub(super) fn zigzag(number: i64) -> u64 {
    (number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned()
}

/// Writes a span as it was meant, as a number of days, hours, minutes or seconds: 90 days take two bytes.
pub(super) fn put_span(into: &mut Vec<u8>, span: Duration) {
    let secs = span.as_secs();
    let unit = UNITS.iter().enumerate().find(|(_, unit)| span.subsec_nanos() == 0 && secs.is_multiple_of(**unit));
    let (unit, count) = unit.map_or((NANOSECONDS, span.as_nanos()), |(at, unit)| (at as u128, u128::from(secs / unit)));
    put(into, count << 3 | unit);
}

/// What is left to read. Nothing comes where the bytes are not what they should be.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            number |= part << shift;
            if byte & 0x80 == 0 {
                // The last byte of the longest has one bit to give.
                return (part << shift >> shift == part).then_some(number);
            }
        }
        None
    }

    /// A number that may be too large for a [`number`](Self::number).
    pub(super) fn wide(&mut self) -> Option<u128> {
        let mut number = 0;
        for shift in (0..u128::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u128::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn length(&mut self) -> Option<usize> {
        self.number()?.try_into().ok()
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        self.number().map(unzigzag)
    }

    pub(super) fn span(&mut self) -> Option<Duration> {
        let number = self.wide()?;
        let (unit, count) = (number & 7, number >> 3);
        if unit == NANOSECONDS {
            let (secs, nanos) = (count / NANOSECONDS_A_SECOND, count % NANOSECONDS_A_SECOND);
            return Some(Duration::new(secs.try_into().ok()?, nanos.try_into().ok()?));
        }
        let secs = u64::try_from(count).ok()?.checked_mul(*UNITS.get(usize::try_from(unit).ok()?)?)?;
        Some(Duration::from_secs(secs))
    }
}

pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ (number & 1).cast_signed().wrapping_neg()
}

/// In seconds: a day, an hour, a minute, a second.
const UNITS: [u64; 4] = [86_400, 3600, 60, 1];
/// What comes after them.
const NANOSECONDS: u128 = UNITS.len() as u128;
const NANOSECONDS_A_SECOND: u128 = 1_000_000_000;
