//! The few lines of DER (ITU-T X.690) that RSA keys need: the public numbers are read, private keys are written.

use zeroize::Zeroizing;

/// The modulus and the exponent of a PKCS#1 key, public or private (RFC 8017 appendix A.1), with DER's leading zeros.
pub(super) fn rsa_public_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut numbers, rest) = element(SEQUENCE, der)?;
    if !rest.is_empty() {
        return None;
    }
    // A private key begins with its version, a public key with its modulus.
    if let [INTEGER, 1, 0, private @ ..] = numbers {
        numbers = private;
    }
    let (n, rest) = element(INTEGER, numbers)?;
    let (e, _) = element(INTEGER, rest)?;
    Some((n, e))
}

/// A PKCS#1 `RSAPrivateKey` of two primes, from its eight numbers in their order: n, e, d, p, q, dp, dq, qi.
pub(super) fn rsa_private_key(numbers: [&[u8]; 8]) -> Zeroizing<Vec<u8>> {
    let room = numbers.iter().map(|number| number.len() + 8).sum::<usize>() + 16;
    // Allocated once: a vector that grows leaves its secrets behind.
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    write(&mut body, INTEGER, &[0]);
    for number in numbers {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let number = number.get(zeros..).unwrap_or_default();
        // Two's complement: a number whose first bit is set needs a zero before it, and so does nothing at all.
        let sign: &[u8] = if number.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
        write(&mut body, INTEGER, &Zeroizing::new([sign, number].concat()));
    }
    let mut der = Zeroizing::new(Vec::with_capacity(room));
    write(&mut der, SEQUENCE, &body);
    der
}

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;

fn write(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    match content.len() {
        short @ ..=0x7f => out.push(short as u8),
        long => {
            let length = long.to_be_bytes();
            let zeros = length.iter().take_while(|byte| **byte == 0).count();
            out.push(0x80 | (length.len() - zeros) as u8);
            out.extend(length.iter().skip(zeros));
        }
    }
    out.extend_from_slice(content);
}

/// The content of the element of that tag at the start of `der`, and what follows it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ ..=0x7f => (usize::from(short), rest),
        // No key that is taken here has four gigabytes; an indefinite length (0x80) is no DER.
        long @ 0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (*found == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_were_written_are_read_back() {
        for length in [1, 127, 128, 255, 256, 1024] {
            let (n, e) = (vec![0x81; length], [0x01, 0x00, 0x01]);
            let der = rsa_private_key([&n, &e, &[], &[0], &[0, 0x7f], &[0x80], &n, &e]);
            let (read_n, read_e) = rsa_public_numbers(&der).unwrap();
            assert_eq!((read_n, read_e), ([&[0], &*n].concat().as_slice(), e.as_slice()), "{length}");
        }
        assert_eq!(
            *rsa_private_key([&[], &[0], &[0, 1], &[0x7f], &[0x80], &[1], &[1], &[1]]),
            [0x30, 28, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 1, 2, 1, 0x7f, 2, 2, 0, 0x80, 2, 1, 1, 2, 1, 1, 2, 1, 1]
        );
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for wrong in [
            &[][..],
            &[0x30],
            &[0x30, 0x80],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x03, 2, 1, 5],
            &[0x30, 0x06, 2, 1, 5, 2, 1, 3, 0],
            &[0x31, 0x06, 2, 1, 5, 2, 1, 3],
            &[0x30, 0x06, 2, 1, 5, 3, 1, 3],
            &[0x30, 0x06, 2, 1, 5, 2, 9, 3],
        ] {
            assert_eq!(rsa_public_numbers(wrong), None, "{wrong:x?}");
        }
    }
}
