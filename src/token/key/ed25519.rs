//! Which 32 bytes are an Ed25519 public key that can be trusted: neither backend says so of all of them when a key is
//! configured, but takes the key and then refuses, or worse takes, each token.

/// Whether the bytes are the canonical form of a point of the curve (RFC 8032 section 5.1.3) whose order does not divide 8.
pub(super) fn is_safe_point(bytes: &[u8; 32]) -> bool {
    // The sign of x: for each y of the curve, both are points.
    let mut y = *bytes;
    y[31] &= 0x7f;
    is_reduced(&y) && is_on_curve(&y) && !SMALL_ORDER.contains(&y)
}

/// Whether y is below p = 2^255 - 19.
fn is_reduced(y: &[u8; 32]) -> bool {
    y[0] < 0xed || y[31] != 0x7f || y.iter().skip(1).take(30).any(|byte| *byte != 0xff)
}

/// Whether there is an x with -x² + y² = 1 + d x² y², which is (y² - 1) / (d y² + 1): a square, and so is the product of the
/// two, as Euler's criterion tells.
fn is_on_curve(y: &[u8; 32]) -> bool {
    let mut limbs = [0; 4];
    for (limb, bytes) in limbs.iter_mut().zip(y.chunks_exact(8)) {
        *limb = bytes.iter().rev().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
    }
    let squared = product(&limbs, &limbs);
    let denominator = sum(&product(&squared, &D), &ONE);
    let ratio = product(&sum(&squared, &MINUS_ONE), &denominator);
    let criterion = HALF_OF_P.iter().rev().flat_map(|limb| (0..64).rev().map(move |bit| limb >> bit & 1));
    let criterion = criterion.fold(ONE, |power, bit| {
        let power = product(&power, &power);
        if bit == 1 { product(&power, &ratio) } else { power }
    });
    ONES.contains(&criterion)
}

/// A number modulo p, any of those below 2^256 that stand for it, lowest limb first. Nothing here is secret: it need not
/// take the same time for all.
type Number = [u64; 4];

fn product(a: &Number, b: &Number) -> Number {
    let mut wide = [0; 8];
    for (shift, a) in a.iter().enumerate() {
        let mut carry = 0;
        for (out, b) in wide.iter_mut().skip(shift).zip(b.iter().chain([&0])) {
            carry += u128::from(*a) * u128::from(*b) + u128::from(*out);
            *out = carry as u64;
            carry >>= 64;
        }
    }
    let (low, high) = wide.split_at(4);
    let mut out = [0; 4];
    let mut carry = 0;
    for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
        carry += u128::from(*low) + 38 * u128::from(*high);
        *out = carry as u64;
        carry >>= 64;
    }
    folded(out, carry)
}

fn sum(a: &Number, b: &Number) -> Number {
    let mut out = [0; 4];
    let mut carry = 0;
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        carry += u128::from(*a) + u128::from(*b);
        *out = carry as u64;
        carry >>= 64;
    }
    folded(out, carry)
}

/// Adds what is above 2^256, which is 38 modulo p.
fn folded(mut number: Number, mut above: u128) -> Number {
    while above > 0 {
        above *= 38;
        for limb in &mut number {
            above += u128::from(*limb);
            *limb = above as u64;
            above >>= 64;
        }
    }
    number
}

const ONE: Number = [1, 0, 0, 0];
/// 1, p + 1 and 2p + 1.
const ONES: [Number; 3] =
    [ONE, [u64::MAX - 17, u64::MAX, u64::MAX, u64::MAX >> 1], [u64::MAX - 36, u64::MAX, u64::MAX, u64::MAX]];
const MINUS_ONE: Number = [u64::MAX - 19, u64::MAX, u64::MAX, u64::MAX >> 1];
/// (p - 1) / 2.
const HALF_OF_P: Number = [u64::MAX - 9, u64::MAX, u64::MAX, u64::MAX >> 2];
/// -121665 / 121666.
const D: Number = [0x75eb_4dca_1359_78a3, 0x0070_0a4d_4141_d8ab, 0x8cc7_4079_7779_e898, 0x5203_6cee_2b6f_fe73];

/// The y of the points whose order divides 8: forged signatures verify under such a key (RFC 8032 section 5.1.7 leaves the
/// check to the application).
const SMALL_ORDER: [[u8; 32]; 5] = [
    filled(0x00, 0x00, 0x00),
    filled(0x01, 0x00, 0x00),
    filled(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn filled(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut y = [middle; 32];
    y[0] = first;
    y[31] = last;
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The y from 2 and from p - 20 on that have an x, found with Python's integers.
    const SMALL: [u8; 25] =
        [3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 19, 21, 23, 24, 25, 26, 27, 28, 29, 30, 32, 33, 35, 37, 39];
    const BELOW_P: [u8; 26] =
        [21, 23, 24, 25, 26, 27, 28, 29, 30, 32, 33, 35, 37, 39, 40, 42, 43, 44, 48, 51, 52, 54, 55, 56, 57, 58];

    #[test]
    fn points_are_told_from_other_numbers() {
        let small: Vec<u8> = (2..40).filter(|first| is_safe_point(&filled(*first, 0, 0))).collect();
        assert_eq!(small, SMALL);
        let large: Vec<u8> = (20..60).filter(|below| is_safe_point(&filled(0xed - below, 0xff, 0x7f))).collect();
        assert_eq!(large, BELOW_P);
    }

    #[test]
    fn either_sign_of_x_is_a_point_and_p_is_no_y() {
        let four = filled(4, 0, 0);
        let mut other = four;
        other[31] |= 0x80;
        assert!(is_safe_point(&four) && is_safe_point(&other));
        // y + p for each y that has one below 2^255.
        assert!((0xed..=0xff).all(|first| !is_safe_point(&filled(first, 0xff, 0x7f))));
        assert!((0xed..=0xff).all(|first| !is_safe_point(&filled(first, 0xff, 0xff))));
    }

    /// RFC 8032 section 7.1.
    #[test]
    fn the_keys_of_the_rfc_are_points() {
        for key in [
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
        ] {
            let mut bytes = [0; 32];
            for (byte, digits) in bytes.iter_mut().zip(key.as_bytes().chunks(2)) {
                *byte = u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
            }
            assert!(is_safe_point(&bytes), "{key}");
        }
    }
}
