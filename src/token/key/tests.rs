use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::backend::{Parsed, sha256};
use super::jwk::{self, Jwk};
use super::material::Material;
use super::{KeySet, SigningKey, VerifyingKey};
use crate::token::algorithm::Algorithm;
use crate::token::error::KeyErrorKind;

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuv";

#[test]
fn the_backend_is_the_one_that_the_features_name() {
    let name = std::any::type_name::<Parsed>();
    if cfg!(feature = "aws-lc-rs") {
        assert!(name.contains("aws_lc"), "{name}");
        assert_eq!(Parsed::RSA_MAX_BITS, 8192);
    } else {
        assert!(name.contains("rust_crypto"), "{name}");
        assert_eq!(Parsed::RSA_MAX_BITS, 4096);
    }
}

#[test]
fn a_public_key_is_named_by_the_start_of_its_rfc_7638_thumbprint() {
    let rows = [
        (
            "RFC 7638 section 3.1",
            Algorithm::RS256,
            include_str!("../../../tests/keys/rfc7638_3_1.json"),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        ),
        (
            "RFC 8037 appendix A.3",
            Algorithm::EdDSA,
            include_str!("../../../tests/keys/rfc8037_a1.json"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ),
    ];
    for (name, algorithm, text, thumbprint) in rows {
        let material = Jwk::parse(text).unwrap().material(algorithm, "verify").unwrap();
        let digest = sha256(jwk::canonical(algorithm, &material).as_bytes()).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(digest), thumbprint, "{name}");
        let key = VerifyingKey::new(algorithm, material, None).unwrap();
        assert_eq!(key.key_id(), Some(&thumbprint[..16]), "{name}: 12 bytes are 16 characters");
    }
}

#[test]
fn a_secret_is_named_without_telling_it() {
    let name = |secret: &str| VerifyingKey::secret(Algorithm::HS256, secret).unwrap().key_id().unwrap().to_owned();
    assert_eq!(name(SECRET), name(SECRET), "every instance derives the same name");
    assert_ne!(name(SECRET), name(&SECRET[1..]));
    let plain = URL_SAFE_NO_PAD.encode(&sha256(SECRET.as_bytes()).unwrap()[..12]);
    assert_ne!(name(SECRET), plain, "a digest without a key could be tried against a word list elsewhere");
}

#[test]
fn ed25519_keys_of_small_order_are_refused() {
    // The y coordinates of the eight points whose order divides 8, and the two that stand for p and p + 1.
    let ys = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ];
    for y in ys {
        for sign in [0, 0x80] {
            let mut x = [0; 32];
            for (i, byte) in x.iter_mut().enumerate() {
                *byte = u8::from_str_radix(&y[2 * i..2 * i + 2], 16).unwrap();
            }
            x[31] |= sign;
            let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(x));
            let der = [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], &x].concat();
            for (form, refused) in
                [("jwk", VerifyingKey::jwk(Algorithm::EdDSA, &jwk)), ("der", VerifyingKey::der(Algorithm::EdDSA, der))]
            {
                assert_eq!(refused.unwrap_err().kind(), KeyErrorKind::Point, "{y} {sign} {form}");
            }
        }
    }
}

#[test]
fn rsa_numbers_that_cannot_be_trusted_are_refused() {
    let modulus = |bits: usize| {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] = 0xff >> ((8 - bits % 8) % 8);
        n
    };
    let mut even = modulus(2048);
    even[255] = 0xfe;
    let leading_zeros = [&[0, 0][..], &modulus(2048)].concat();
    let f4 = &[1, 0, 1][..];
    type Row<'a> = (&'a str, Vec<u8>, &'a [u8], Option<KeyErrorKind>);
    let rows: &[Row<'_>] = &[
        ("2048 bits", modulus(2048), f4, None),
        ("leading zeros", leading_zeros, &[0, 1, 0, 1], None),
        ("the largest modulus", modulus(Parsed::RSA_MAX_BITS), f4, None),
        ("the smallest exponent", modulus(2048), &[3], None),
        ("the largest exponent", modulus(2048), &[1, 0xff, 0xff, 0xff, 0xff], None),
        ("no modulus", vec![], f4, Some(KeyErrorKind::RsaSize)),
        ("2047 bits", modulus(2047), f4, Some(KeyErrorKind::RsaSize)),
        ("1024 bits in 256 bytes", [vec![0; 128], modulus(1024)].concat(), f4, Some(KeyErrorKind::RsaSize)),
        ("a bit too large", modulus(Parsed::RSA_MAX_BITS + 1), f4, Some(KeyErrorKind::RsaSize)),
        ("an even modulus", even, f4, Some(KeyErrorKind::Format)),
        ("no exponent", modulus(2048), &[], Some(KeyErrorKind::RsaExponent)),
        ("exponent 0", modulus(2048), &[0], Some(KeyErrorKind::RsaExponent)),
        ("exponent 1", modulus(2048), &[0, 1], Some(KeyErrorKind::RsaExponent)),
        ("exponent 2", modulus(2048), &[2], Some(KeyErrorKind::RsaExponent)),
        ("exponent 65536", modulus(2048), &[1, 0, 0], Some(KeyErrorKind::RsaExponent)),
        ("34 bits of exponent", modulus(2048), &[2, 0, 0, 0, 1], Some(KeyErrorKind::RsaExponent)),
        ("48 bits of exponent", modulus(2048), &[1, 0, 0, 0, 0, 1], Some(KeyErrorKind::RsaExponent)),
    ];
    for (name, n, e, expected) in rows {
        let found = Material::rsa(n, e).and_then(|material| VerifyingKey::new(Algorithm::PS256, material, None));
        assert_eq!(found.err().map(|error| error.kind()), *expected, "{name}");
    }
}

#[test]
fn secrets_that_are_prefixes_of_one_another_count_as_the_same() {
    let key = |secret: &str| VerifyingKey::secret(Algorithm::HS256, secret).unwrap();
    assert!(key(SECRET).same_secret(&key(SECRET)));
    assert!(key(SECRET).same_secret(&key(&SECRET[..40])));
    assert!(key(&SECRET[..40]).same_secret(&key(SECRET)));
    assert!(!key(SECRET).same_secret(&key(&SECRET[1..])));
}

/// Each byte of a key file altered, and the file cut short anywhere: refused or taken, but never a panic.
#[test]
fn damaged_key_files_never_panic() {
    let files = [
        (Algorithm::EdDSA, include_str!("../../../tests/keys/ed25519.pem"), 1),
        (Algorithm::EdDSA, include_str!("../../../tests/keys/ed25519_v2.pem"), 1),
        (Algorithm::EdDSA, include_str!("../../../tests/keys/ed25519_public.pem"), 1),
        (Algorithm::ES256, include_str!("../../../tests/keys/p256.pem"), 1),
        (Algorithm::ES256, include_str!("../../../tests/keys/p256_public.pem"), 1),
        (Algorithm::ES384, include_str!("../../../tests/keys/p384.pem"), 3),
        (Algorithm::RS256, include_str!("../../../tests/keys/rsa_public.pem"), 3),
        (Algorithm::RS256, include_str!("../../../tests/keys/rsa.pem"), 41),
    ];
    for (algorithm, pem, step) in files {
        let der = STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
        for i in (0..der.len()).filter(|i| *i < 40 || i % step == 0) {
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = der.clone();
                damaged[i] ^= change;
                let _ = SigningKey::der(algorithm, &damaged);
                let _ = VerifyingKey::der(algorithm, &damaged);
            }
            assert!(SigningKey::der(algorithm, &der[..i]).is_err(), "{algorithm} cut at {i}");
            assert!(VerifyingKey::der(algorithm, &der[..i]).is_err(), "{algorithm} cut at {i}");
        }
    }
}

#[test]
fn a_token_finds_its_key_by_kid_or_as_the_only_one() {
    let key = |algorithm, kid: &str| VerifyingKey::secret(algorithm, SECRET).unwrap().kid(kid);
    let set = KeySet::verifying([key(Algorithm::HS256, "a"), key(Algorithm::HS256, "b"), key(Algorithm::HS384, "a")])
        .unwrap();
    let found = |algorithm, kid| set.find(algorithm, kid).map(|key| (key.algorithm(), key.key_id()));
    assert_eq!(found(Algorithm::HS256, Some("a")), Some((Algorithm::HS256, Some("a"))));
    assert_eq!(found(Algorithm::HS256, Some("b")), Some((Algorithm::HS256, Some("b"))));
    assert_eq!(found(Algorithm::HS384, Some("a")), Some((Algorithm::HS384, Some("a"))));
    assert_eq!(found(Algorithm::HS384, None), Some((Algorithm::HS384, Some("a"))), "the only one");
    assert_eq!(found(Algorithm::HS256, None), None, "one of two");
    assert_eq!(found(Algorithm::HS384, Some("b")), None, "another algorithm's name");
    assert_eq!(found(Algorithm::HS512, Some("a")), None);
    assert_eq!(found(Algorithm::HS256, Some("")), None);
}
