//! RSA moduli that some smart cards and security chips made from 2012 to 2017, and that can be factored (CVE-2017-15361,
//! "ROCA"): whoever has the public key then makes the private one.

/// Whether a big-endian modulus has the form of these: both of its primes, and so itself, are powers of 65537 modulo every
/// small prime. Of the moduli made otherwise, one in 240 million has it by chance.
pub(super) fn is_factorable(modulus: &[u8]) -> bool {
    SMALL_PRIMES.iter().all(|prime| {
        let remainder = modulus.iter().fold(0, |remainder, byte| (remainder * 256 + u32::from(*byte)) % prime);
        is_power_of_65537(remainder, *prime)
    })
}

fn is_power_of_65537(number: u32, prime: u32) -> bool {
    let powers = std::iter::successors(Some(1), |power| Some(power * (65_537 % prime) % prime));
    // As many as there are remainders: they repeat from then on.
    powers.take(prime as usize).any(|power| power == number)
}

/// Those that divide the number which these primes were made from, whatever their length.
const SMALL_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_65537_are_told_from_other_numbers() {
        // Modulo 11 it is 10, whose powers are 1 and 10.
        let powers: Vec<u32> = (0..11).filter(|number| is_power_of_65537(*number, 11)).collect();
        assert_eq!(powers, [1, 10]);
        assert!(is_factorable(&[1]) && is_factorable(&65_537_u32.to_be_bytes()));
        assert!(is_factorable(&(65_537_u128 * 65_537 * 65_537).to_be_bytes()));
        assert!(!is_factorable(&[0]) && !is_factorable(&[2]) && !is_factorable(&[0xff; 256]));
    }
}
