//! Keys are refused when they are configured, or they work: from every form, for every algorithm.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, its helpers too")]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt_sessions::token::{
    Algorithm, KeyError, KeyErrorKind, KeySet, Policy, Signer, SigningKey, Timestamp, TokenErrorKind, VerifyingKey,
};
use serde_json::{Value, json};

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("keys/", $name))
    };
}

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuv";
const NOW: Timestamp = Timestamp::from_secs(1_000_000);
const CLAIMS: &str = r#"{"sub":"alice","exp":1000060}"#;

/// The private and the public PEM of an asymmetric algorithm.
fn pair(algorithm: Algorithm) -> (&'static str, &'static str) {
    match algorithm {
        Algorithm::ES256 => (file!("p256.pem"), file!("p256_public.pem")),
        Algorithm::ES384 => (file!("p384.pem"), file!("p384_public.pem")),
        Algorithm::EdDSA => (file!("ed25519.pem"), file!("ed25519_public.pem")),
        _ => (file!("rsa.pem"), file!("rsa_public.pem")),
    }
}

fn signing(algorithm: Algorithm) -> SigningKey {
    if algorithm.is_symmetric() {
        SigningKey::secret(algorithm, SECRET).unwrap()
    } else {
        SigningKey::pem(algorithm, pair(algorithm).0).unwrap()
    }
}

fn der(pem: &str) -> Vec<u8> {
    STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap()
}

/// The public JWK of a key, as the key set publishes it.
fn public_jwk(key: &SigningKey) -> Value {
    let set: Value = serde_json::from_str(&KeySet::new(key.clone()).public_jwks()).unwrap();
    set["keys"][0].clone()
}

fn works(signing: &SigningKey, verifying: VerifyingKey) -> Result<(), TokenErrorKind> {
    let token = Signer::new(signing.clone(), "at+jwt").sign(CLAIMS).unwrap();
    let keys = KeySet::verifying([verifying]).unwrap();
    Policy::new().verify(&token, &keys, NOW).map(|_| ()).map_err(|error| error.kind())
}

fn kind<T>(found: Result<T, KeyError>) -> Option<KeyErrorKind> {
    found.err().map(|error| error.kind())
}

#[test]
fn every_algorithm_works_from_every_form_of_its_key() {
    for algorithm in Algorithm::ALL {
        let (mut private, mut public) = (vec![("own half", signing(algorithm))], Vec::new());
        if algorithm.is_symmetric() {
            let jwk = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET)}).to_string();
            private.push(("jwk", SigningKey::jwk(algorithm, &jwk).unwrap()));
            public.push(("secret", VerifyingKey::secret(algorithm, SECRET).unwrap()));
            public.push(("jwk", VerifyingKey::jwk(algorithm, &jwk).unwrap()));
        } else {
            let (private_pem, public_pem) = pair(algorithm);
            private.push(("der", SigningKey::der(algorithm, der(private_pem)).unwrap()));
            public.push(("pem", VerifyingKey::pem(algorithm, public_pem).unwrap()));
            public.push(("der", VerifyingKey::der(algorithm, der(public_pem)).unwrap()));
            let jwk = public_jwk(&signing(algorithm)).to_string();
            public.push(("jwk", VerifyingKey::jwk(algorithm, &jwk).unwrap()));
        }
        if public_jwk(&signing(algorithm))["kty"] == "RSA" {
            private.push(("pkcs1", SigningKey::pem(algorithm, file!("rsa_pkcs1.pem")).unwrap()));
            public.push(("pkcs1", VerifyingKey::pem(algorithm, file!("rsa_public_pkcs1.pem")).unwrap()));
        }
        for (private_form, private) in &private {
            public.push(("own half", private.verifying().clone()));
            for (public_form, public) in &public {
                assert_eq!(private.key_id(), public.key_id(), "{algorithm} {private_form} {public_form}: one name");
                assert_eq!(works(private, public.clone()), Ok(()), "{algorithm} {private_form} {public_form}");
            }
        }
    }
}

#[test]
fn the_algorithm_of_a_pem_is_found() {
    for (pem, algorithm) in [
        (file!("ed25519.pem"), Algorithm::EdDSA),
        (file!("p256.pem"), Algorithm::ES256),
        (file!("p384.pem"), Algorithm::ES384),
        (file!("rsa.pem"), Algorithm::RS256),
        (file!("rsa_pkcs1.pem"), Algorithm::RS256),
    ] {
        assert_eq!(SigningKey::detect_pem(pem).unwrap().algorithm(), algorithm);
    }
    assert_eq!(kind(SigningKey::detect_pem(file!("rsa1024.pem"))), Some(KeyErrorKind::RsaSize), "its own reason");
    for wrong in [file!("x25519.pem"), file!("secp256k1.pem"), file!("rsa_public.pem"), file!("ed25519_encrypted.pem")]
    {
        assert_eq!(kind(SigningKey::detect_pem(wrong)), Some(KeyErrorKind::Format), "{wrong}");
    }
}

#[test]
fn private_keys_that_cannot_sign_are_refused() {
    use Algorithm::{ES256, ES384, EdDSA, HS256, PS256, RS256};
    use KeyErrorKind::{Format, Mismatch, RsaSize};
    let two = [file!("p256.pem"), file!("p256_next.pem")].concat();
    let rows = [
        ("1024 bits", RS256, file!("rsa1024.pem"), RsaSize),
        ("P-256 for ES384", ES384, file!("p256.pem"), Mismatch),
        ("P-384 for ES256", ES256, file!("p384.pem"), Mismatch),
        ("secp256k1 for ES256", ES256, file!("secp256k1.pem"), Mismatch),
        ("EC for RSA", PS256, file!("p256.pem"), Format),
        ("RSA for EC", ES256, file!("rsa.pem"), Format),
        ("RSA for Ed25519", EdDSA, file!("rsa.pem"), Format),
        ("X25519 for Ed25519", EdDSA, file!("x25519.pem"), Format),
        ("Ed25519 for HMAC", HS256, file!("ed25519.pem"), Mismatch),
        ("SEC 1, not PKCS#8", ES256, file!("p256_sec1.pem"), Format),
        ("encrypted", EdDSA, file!("ed25519_encrypted.pem"), Format),
        ("a public RSA key", RS256, file!("rsa_public.pem"), Format),
        ("a public PKCS#1 key", RS256, file!("rsa_public_pkcs1.pem"), Format),
        ("a public EC key", ES256, file!("p256_public.pem"), Format),
        ("a public Ed25519 key", EdDSA, file!("ed25519_public.pem"), Format),
        ("a certificate", RS256, file!("rsa_certificate.pem"), Format),
        ("two keys", ES256, &two, Format),
        ("an empty file", ES256, "", Format),
        ("no PEM", ES256, "hello", Format),
        ("an empty block", ES256, "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", Format),
        ("a wrong public half", EdDSA, file!("ed25519_v2_wrong_public.pem"), Format),
    ];
    for (name, algorithm, pem, expected) in rows {
        assert_eq!(kind(SigningKey::pem(algorithm, pem)), Some(expected), "{name}");
    }
    for garbage in [&b""[..], b"\x30", &[0xff; 100]] {
        for algorithm in [RS256, ES256, EdDSA] {
            assert_eq!(kind(SigningKey::der(algorithm, garbage)), Some(Format), "{algorithm} {garbage:x?}");
        }
    }
}

#[test]
fn an_ed25519_key_in_pkcs8_version_2_is_the_same_key() {
    let key = SigningKey::pem(Algorithm::EdDSA, file!("ed25519_v2.pem")).unwrap();
    assert_eq!(works(&key, signing(Algorithm::EdDSA).verifying().clone()), Ok(()));
}

#[test]
fn public_keys_that_cannot_verify_are_refused() {
    use Algorithm::{ES256, ES384, EdDSA, HS256, RS256};
    use KeyErrorKind::{Format, Mismatch, Point, RsaSize};
    let certificate_first = [file!("rsa_certificate.pem"), file!("rsa_public.pem")].concat();
    let private_first = [file!("rsa.pem"), file!("rsa_public.pem")].concat();
    let rows = [
        ("1024 bits", RS256, file!("rsa1024_public.pem"), RsaSize),
        ("P-256 for ES384", ES384, file!("p256_public.pem"), Mismatch),
        ("P-384 for ES256", ES256, file!("p384_public.pem"), Mismatch),
        ("secp256k1, as long as P-256", ES256, file!("secp256k1_public.pem"), Point),
        ("EC for RSA", RS256, file!("p256_public.pem"), Format),
        ("RSA for Ed25519", EdDSA, file!("rsa_public.pem"), Format),
        ("RSA for HMAC", HS256, file!("rsa_public.pem"), Mismatch),
        ("a private RSA key", RS256, file!("rsa.pem"), Format),
        ("a private PKCS#1 key", RS256, file!("rsa_pkcs1.pem"), Format),
        ("a private EC key", ES256, file!("p256.pem"), Format),
        ("a private Ed25519 key", EdDSA, file!("ed25519.pem"), Format),
        ("an RSA certificate", RS256, file!("rsa_certificate.pem"), Format),
        ("an EC certificate", ES256, file!("p256_certificate.pem"), Format),
        ("a certificate before the key", RS256, &certificate_first, Format),
        ("the private key before it", RS256, &private_first, Format),
        ("an empty file", ES256, "", Format),
    ];
    for (name, algorithm, pem, expected) in rows {
        assert_eq!(kind(VerifyingKey::pem(algorithm, pem)), Some(expected), "{name}");
    }
}

#[test]
fn weak_secrets_are_refused() {
    use Algorithm::{HS256, HS384, HS512};
    use KeyErrorKind::{Mismatch, PemAsSecret, TooShort, Weak};
    let below_text = format!("\u{feff}# key\n{}", file!("rsa_public.pem"));
    let rows = [
        ("empty", HS256, "", Some(TooShort)),
        ("31 bytes", HS256, &SECRET[..31], Some(TooShort)),
        ("32 bytes", HS256, &SECRET[..32], None),
        ("47 bytes", HS384, &SECRET[..47], Some(TooShort)),
        ("48 bytes", HS384, &SECRET[..48], None),
        ("63 bytes", HS512, &SECRET[..63], Some(TooShort)),
        ("64 bytes", HS512, &SECRET[..64], None),
        ("one letter", HS256, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Some(Weak)),
        ("7 different bytes", HS256, "abcdefgabcdefgabcdefgabcdefgabcdefgabcdefg", Some(Weak)),
        ("8 different bytes", HS256, "abcdefghabcdefghabcdefghabcdefghabcdefgh", None),
        ("a public key", HS256, file!("rsa_public.pem"), Some(PemAsSecret)),
        ("a private key", HS512, file!("p256.pem"), Some(PemAsSecret)),
        ("a key behind a byte order mark and a comment", HS256, &below_text, Some(PemAsSecret)),
        ("for RSA", Algorithm::RS256, SECRET, Some(Mismatch)),
    ];
    for (name, algorithm, secret, expected) in rows {
        assert_eq!(kind(SigningKey::secret(algorithm, secret)), expected, "{name}");
        assert_eq!(kind(VerifyingKey::secret(algorithm, secret)), expected, "{name}");
        if algorithm.is_symmetric() {
            let jwk = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(secret)}).to_string();
            assert_eq!(kind(VerifyingKey::jwk(algorithm, &jwk)), expected, "{name} as JWK");
        }
    }
}

/// `base` with some members set; null takes one away.
fn with(base: &Value, changes: Value) -> String {
    let mut jwk = base.clone();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(jwk.as_object_mut().unwrap().remove(name)),
            value => jwk[name] = value.clone(),
        }
    }
    jwk.to_string()
}

/// A public key by the bytes of its y: the first, those between, the last.
fn ed25519(first: u8, between: u8, last: u8) -> [u8; 32] {
    let mut y = [between; 32];
    (y[0], y[31]) = (first, last);
    y
}

#[test]
fn public_jwks_say_what_they_are_for() {
    use Algorithm::{ES256, EdDSA, HS256, PS256, RS256};
    use KeyErrorKind::{Format, Mismatch, Point, Private, RsaExponent, RsaSize, TooShort, Use};
    let [rsa, ec, ed] = [RS256, ES256, EdDSA].map(|algorithm| public_jwk(&signing(algorithm)));
    let oct = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET)});
    let n1024 = "rS23wWwutSS2FNtEfmqKbrVL7sqmTGvXJLzcnKAgNco1nTaBoevqVhrsONOtEYnVo89gMcEbNlPr0U-5LCz5hhNIUaM4ikZNZR41w4yJnZeX9Ei9xwYIFZIL29M12onCJrgZoMAdNSLvr_JEw1oiwSYLzkcJbW5Fne9KZZFlZUk";
    let x = ec["x"].as_str().unwrap();
    let rows = [
        ("as it is published", RS256, with(&rsa, json!({})), None),
        ("without alg, use and kid", RS256, with(&rsa, json!({"alg": null, "use": null, "kid": null})), None),
        ("key_ops with verify", RS256, with(&rsa, json!({"key_ops": ["sign", "verify"]})), None),
        ("unknown members", RS256, with(&rsa, json!({"x5t": 1, "more": {"a": []}})), None),
        ("another alg", PS256, with(&rsa, json!({})), Some(Mismatch)),
        ("alg none", RS256, with(&rsa, json!({"alg": "none"})), Some(Mismatch)),
        ("alg no string", RS256, with(&rsa, json!({"alg": ["RS256"]})), Some(Format)),
        ("for encryption", RS256, with(&rsa, json!({"use": "enc"})), Some(Use)),
        ("use no string", RS256, with(&rsa, json!({"use": 1})), Some(Format)),
        ("key_ops without verify", RS256, with(&rsa, json!({"key_ops": ["encrypt", "wrapKey"]})), Some(Use)),
        ("key_ops to sign", RS256, with(&rsa, json!({"key_ops": ["sign"]})), Some(Use)),
        ("no key_ops", RS256, with(&rsa, json!({"key_ops": []})), Some(Use)),
        ("key_ops no array", RS256, with(&rsa, json!({"key_ops": "verify"})), Some(Format)),
        ("key_ops no strings", RS256, with(&rsa, json!({"key_ops": ["verify", 1]})), Some(Format)),
        ("key_ops twice", RS256, with(&rsa, json!({"key_ops": ["verify", "verify"]})), Some(Format)),
        ("kid no string", RS256, with(&rsa, json!({"kid": 1})), Some(Format)),
        ("no kty", RS256, with(&rsa, json!({"kty": null})), Some(Format)),
        ("an unknown kty", RS256, with(&rsa, json!({"kty": "rsa"})), Some(Mismatch)),
        ("another kty", RS256, with(&oct, json!({"alg": "RS256"})), Some(Mismatch)),
        ("RSA for HMAC", HS256, with(&rsa, json!({"alg": null})), Some(Mismatch)),
        ("a short modulus", RS256, with(&rsa, json!({"n": n1024})), Some(RsaSize)),
        ("exponent 1", RS256, with(&rsa, json!({"e": "AQ"})), Some(RsaExponent)),
        ("an even exponent", RS256, with(&rsa, json!({"e": "AQAA"})), Some(RsaExponent)),
        ("no exponent", RS256, with(&rsa, json!({"e": null})), Some(Format)),
        ("padding", RS256, with(&rsa, json!({"e": "AQAB="})), Some(Format)),
        ("trailing bits", RS256, with(&rsa, json!({"e": "AR"})), Some(Format)),
        ("the standard alphabet", ES256, with(&ec, json!({"x": "+/".repeat(21) + "A"})), Some(Format)),
        ("a point off the curve", ES256, with(&ec, json!({"y": x})), Some(Point)),
        ("no point", ES256, with(&ec, json!({"x": "A".repeat(43), "y": "A".repeat(43)})), Some(Point)),
        ("a short coordinate", ES256, with(&ec, json!({"x": &x[..40]})), Some(Mismatch)),
        ("another crv", ES256, with(&ec, json!({"crv": "P-384"})), Some(Mismatch)),
        ("secp256k1", ES256, with(&ec, json!({"crv": "secp256k1"})), Some(Mismatch)),
        ("no crv", ES256, with(&ec, json!({"crv": null})), Some(Format)),
        ("P-256 for ES384", Algorithm::ES384, with(&ec, json!({"alg": null})), Some(Mismatch)),
        ("X25519", EdDSA, with(&ed, json!({"crv": "X25519"})), Some(Mismatch)),
        ("Ed448", EdDSA, with(&ed, json!({"crv": "Ed448"})), Some(Mismatch)),
        ("31 bytes", EdDSA, with(&ed, json!({"x": URL_SAFE_NO_PAD.encode([9; 31])})), Some(Mismatch)),
        ("33 bytes", EdDSA, with(&ed, json!({"x": URL_SAFE_NO_PAD.encode([9; 33])})), Some(Mismatch)),
        ("no bytes", EdDSA, with(&ed, json!({"x": ""})), Some(Mismatch)),
        ("small order", EdDSA, with(&ed, json!({"x": URL_SAFE_NO_PAD.encode([0; 32])})), Some(Point)),
        ("a point off Ed25519", EdDSA, with(&ed, json!({"x": URL_SAFE_NO_PAD.encode(ed25519(2, 0, 0))})), Some(Point)),
        (
            "an y above p",
            EdDSA,
            with(&ed, json!({"x": URL_SAFE_NO_PAD.encode(ed25519(0xf6, 0xff, 0x7f))})),
            Some(Point),
        ),
        ("a secret", HS256, with(&oct, json!({})), None),
        ("no secret", HS256, with(&oct, json!({"k": ""})), Some(TooShort)),
        ("no text", HS256, with(&oct, json!({"k": 1})), Some(Format)),
        ("a private RSA key", RS256, file!("rfc7515_a2.json").into(), Some(Private)),
        ("a private EC key", ES256, file!("rfc7515_a3.json").into(), Some(Private)),
        ("a private Ed25519 key", EdDSA, file!("rfc8037_a1.json").into(), Some(Private)),
        ("no object", RS256, "[]".into(), Some(Format)),
        ("no JSON", RS256, "".into(), Some(Format)),
        ("a member twice", HS256, r#"{"kty":"oct","kty":"oct"}"#.into(), Some(Format)),
    ];
    for (name, algorithm, jwk, expected) in rows {
        assert_eq!(kind(VerifyingKey::jwk(algorithm, &jwk)), expected, "{name}: {jwk}");
    }
    assert_eq!(VerifyingKey::jwk(RS256, &with(&rsa, json!({"kid": "one"}))).unwrap().key_id(), Some("one"));
}

#[test]
fn the_private_jwks_of_the_rfcs_sign() {
    // What the RFCs signed with them is in `rfc_examples.rs`.
    for (name, algorithm, jwk) in [
        ("RFC 7515 A.1", Algorithm::HS256, file!("rfc7515_a1.json")),
        ("RFC 7515 A.2", Algorithm::RS256, file!("rfc7515_a2.json")),
        ("RFC 7515 A.3", Algorithm::ES256, file!("rfc7515_a3.json")),
        ("RFC 8037 A.1", Algorithm::EdDSA, file!("rfc8037_a1.json")),
    ] {
        let key = SigningKey::jwk(algorithm, jwk).unwrap();
        assert_eq!(works(&key, key.verifying().clone()), Ok(()), "{name}");
    }
    let p384 = SigningKey::jwk(Algorithm::ES384, file!("p384.json")).unwrap();
    assert_eq!(works(&p384, signing(Algorithm::ES384).verifying().clone()), Ok(()), "the same key as its PEM");
}

#[test]
fn private_jwks_whose_halves_differ_are_refused() {
    use Algorithm::{ES256, ES384, EdDSA, HS256, PS512, RS256};
    use KeyErrorKind::{Format, Mismatch, SelfTest, Use};
    let [oct, rsa, ec, ed, p384] = [
        file!("rfc7515_a1.json"),
        file!("rfc7515_a2.json"),
        file!("rfc7515_a3.json"),
        file!("rfc8037_a1.json"),
        file!("p384.json"),
    ]
    .map(|text| serde_json::from_str::<Value>(text).unwrap());
    let other_ec = public_jwk(&signing(ES256));
    let other_ed = public_jwk(&signing(EdDSA));
    let other_rsa = public_jwk(&signing(RS256));
    let rows = [
        ("PS512 from the same key", PS512, with(&rsa, json!({"alg": "PS512", "use": "sig"})), None),
        ("key_ops with sign", ES256, with(&ec, json!({"key_ops": ["sign"]})), None),
        ("key_ops without sign", ES256, with(&ec, json!({"key_ops": ["verify"]})), Some(Use)),
        ("for encryption", HS256, with(&oct, json!({"use": "enc"})), Some(Use)),
        ("another alg", RS256, with(&rsa, json!({"alg": "RS512"})), Some(Mismatch)),
        ("another curve", ES384, with(&ec, json!({})), Some(Mismatch)),
        ("another's point", ES256, with(&ec, json!({"x": other_ec["x"], "y": other_ec["y"]})), Some(SelfTest)),
        ("another's x", EdDSA, with(&ed, json!({"x": other_ed["x"]})), Some(SelfTest)),
        ("no x", EdDSA, with(&ed, json!({"x": null})), Some(Format)),
        ("no d in EC", ES256, with(&ec, json!({"d": null})), Some(Format)),
        ("no d in OKP", EdDSA, with(&ed, json!({"d": null})), Some(Format)),
        ("no d in RSA", RS256, with(&rsa, json!({"d": null})), Some(Format)),
        ("d too short", ES256, with(&ec, json!({"d": URL_SAFE_NO_PAD.encode([1; 31])})), Some(Mismatch)),
        ("d too long", EdDSA, with(&ed, json!({"d": URL_SAFE_NO_PAD.encode([1; 33])})), Some(Mismatch)),
        ("d is zero", ES256, with(&ec, json!({"d": URL_SAFE_NO_PAD.encode([0; 32])})), Some(Mismatch)),
        ("d above the order", ES384, with(&p384, json!({"d": URL_SAFE_NO_PAD.encode([0xff; 48])})), Some(Mismatch)),
        ("d no text", ES256, with(&ec, json!({"d": 1})), Some(Format)),
        ("another's modulus", RS256, with(&rsa, json!({"n": other_rsa["n"]})), Some(Format)),
        ("another's d", RS256, with(&rsa, json!({"d": rsa["p"]})), Some(Format)),
        ("no prime of it", RS256, with(&rsa, json!({"p": rsa["dp"]})), Some(Format)),
        ("no primes", RS256, with(&rsa, json!({"p": null, "q": null})), Some(Format)),
        ("three primes", RS256, with(&rsa, json!({"oth": [{"r": "Aw", "d": "Aw", "t": "Aw"}]})), Some(Format)),
        ("a public key", RS256, other_rsa.to_string(), Some(Format)),
    ];
    for (name, algorithm, jwk, expected) in rows {
        assert_eq!(kind(SigningKey::jwk(algorithm, &jwk)), expected, "{name}");
    }
    let named = SigningKey::jwk(EdDSA, &with(&ed, json!({"kid": "mine"}))).unwrap();
    assert_eq!(named.key_id(), Some("mine"));
}

#[test]
fn a_set_has_no_two_keys_that_a_token_could_mean() {
    let key = |algorithm, kid: &str| VerifyingKey::secret(algorithm, SECRET).unwrap().kid(kid);
    let nameless = |algorithm| VerifyingKey::secret(algorithm, SECRET).unwrap().without_kid();
    let (hs256, hs384) = (Algorithm::HS256, Algorithm::HS384);
    let rows: Vec<(&str, Vec<VerifyingKey>, Option<KeyErrorKind>)> = vec![
        ("no key", vec![], Some(KeyErrorKind::Empty)),
        ("two names", vec![key(hs256, "a"), key(hs256, "b")], None),
        ("one name, two algorithms", vec![key(hs256, "a"), key(hs384, "a")], None),
        ("one name", vec![key(hs256, "a"), key(hs256, "b"), key(hs256, "a")], Some(KeyErrorKind::Duplicate)),
        ("no names", vec![nameless(hs256), nameless(hs256)], Some(KeyErrorKind::Duplicate)),
        ("one without a name", vec![key(hs256, "a"), nameless(hs256)], Some(KeyErrorKind::Duplicate)),
        ("no names, two algorithms", vec![nameless(hs256), nameless(hs384)], None),
    ];
    for (name, keys, expected) in rows {
        assert_eq!(kind(KeySet::verifying(keys)), expected, "{name}");
    }
    let set = KeySet::new(SigningKey::secret(hs256, SECRET).unwrap());
    assert_eq!(kind(set.and(VerifyingKey::secret(hs256, SECRET).unwrap())), Some(KeyErrorKind::Duplicate));
}

#[test]
fn a_jwk_set_says_what_its_text_says() {
    // serde_json reads such a member as what its text says, where the feature `raw_value` is on, as it is in these tests.
    let key = r#"{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#;
    assert!(KeySet::jwks(&format!(r#"{{"keys":[{key}]}}"#), &[Algorithm::HS256]).is_ok());
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let raw = |text: &str| format!(r#"{{"$serde_json::private::RawValue":{}}}"#, quoted(text));
    for text in [
        raw(&format!(r#"{{"keys":[{key}]}}"#)),
        format!(r#"{{"keys":{}}}"#, raw(&format!("[{key}]"))),
        format!(r#"{{"keys":[{}]}}"#, raw(key)),
        format!(r#"{{"keys":[{}]}}"#, key.replace(r#""oct""#, &raw(r#""oct""#))),
    ] {
        assert_eq!(KeySet::jwks(&text, &[Algorithm::HS256]).unwrap_err().kind(), KeyErrorKind::Format, "{text}");
    }
}

#[test]
fn a_jwk_set_is_read_without_what_it_has_for_others() {
    use Algorithm::{ES256, EdDSA, PS256, RS256};
    let [rsa, ec, ed] = [RS256, ES256, EdDSA].map(|algorithm| public_jwk(&signing(algorithm)));
    let bare = |jwk: &Value| serde_json::from_str::<Value>(&with(jwk, json!({"alg": null}))).unwrap();
    let other: Vec<Value> = [
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}),
        json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": ec["x"], "y": ec["y"]}),
        json!({"kty": "OKP", "crv": "X25519", "x": ed["x"], "key_ops": ["deriveBits"]}),
        json!({"kty": "RSA", "use": "enc", "n": "AQ", "e": "AQ"}),
        json!({"kty": "RSA", "alg": "RSA-OAEP", "n": rsa["n"], "e": "AQAB"}),
        json!({"kty": "RSA", "key_ops": ["wrapKey"], "n": rsa["n"], "e": "AQAB"}),
    ]
    .to_vec();
    let set = |keys: &[Value]| json!({ "keys": keys, "more": 1 }).to_string();
    let mixed = [&other[..], &[rsa.clone(), bare(&ec), ed.clone()]].concat();
    let keys = KeySet::jwks(&set(&mixed), &[RS256, ES256, EdDSA]).unwrap();
    let found: Vec<_> = keys.verifying_keys().iter().map(|key| (key.algorithm(), key.key_id())).collect();
    let own = [RS256, ES256, EdDSA].map(|algorithm| (algorithm, signing(algorithm)));
    assert_eq!(found, own.iter().map(|(algorithm, key)| (*algorithm, key.key_id())).collect::<Vec<_>>());
    for (algorithm, key) in own {
        let token = Signer::new(key, "at+jwt").sign(CLAIMS).unwrap();
        assert!(Policy::new().verify(&token, &keys, NOW).is_ok(), "{algorithm}");
    }

    use KeyErrorKind::{Ambiguous, Duplicate, Empty, Format, Mismatch, Private, RsaExponent};
    let private: Value = serde_json::from_str(file!("rfc8037_a1.json")).unwrap();
    let weak: Value = serde_json::from_str(&with(&rsa, json!({"e": "AQ"}))).unwrap();
    let ec_as_rsa: Value = serde_json::from_str(&with(&ec, json!({"alg": "RS256"}))).unwrap();
    let short = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([9; 31])});
    let rows = [
        ("nothing but others' keys", set(&other), Empty),
        ("no keys", set(&[]), Empty),
        ("RS256 or PS256?", set(&[bare(&rsa)]), Ambiguous),
        ("one name twice", set(&[rsa.clone(), rsa.clone()]), Duplicate),
        ("a weak key", set(&[ed.clone(), weak]), RsaExponent),
        ("a private key", set(&[private]), Private),
        ("its alg belongs to another type", set(&[ec_as_rsa]), Mismatch),
        ("31 bytes of Ed25519", set(&[rsa.clone(), short]), Mismatch),
        ("no object as key", set(&[ed.clone(), json!(1)]), Format),
        ("keys no array", json!({"keys": {}}).to_string(), Format),
        ("no keys member", "{}".into(), Format),
        ("a bare key", ed.to_string(), Format),
        ("no JSON", "x".into(), Format),
        ("a member twice", r#"{"keys":[],"keys":[]}"#.into(), Format),
    ];
    for (name, text, expected) in rows {
        assert_eq!(kind(KeySet::jwks(&text, &[RS256, PS256, EdDSA])), Some(expected), "{name}");
    }
    let twice = KeySet::jwks(&set(&[bare(&rsa)]), &[PS256, EdDSA, PS256]).unwrap();
    assert_eq!(twice.verifying_keys()[0].algorithm(), PS256, "the list names it twice: still one algorithm");
    let empty = KeySet::empty();
    let token = Signer::new(signing(EdDSA), "at+jwt").sign(CLAIMS).unwrap();
    let refused = |policy: Policy, keys: &KeySet| policy.verify(&token, keys, NOW).unwrap_err().kind();
    assert_eq!(refused(Policy::new(), &empty), TokenErrorKind::Algorithm);
    assert_eq!(refused(Policy::new().algorithms([EdDSA]), &empty), TokenErrorKind::UnknownKey);
    assert!(Policy::new().verify(&token, &empty.and(signing(EdDSA).verifying().clone()).unwrap(), NOW).is_ok());
}

#[test]
fn what_a_set_publishes_is_public() {
    let mut set = KeySet::new(signing(Algorithm::EdDSA));
    for algorithm in [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::ES384] {
        set = set.and(signing(algorithm).verifying().clone()).unwrap();
    }
    let published: Value = serde_json::from_str(&set.public_jwks()).unwrap();
    let keys = published["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 4, "the secret is not among them");
    for key in keys {
        let names: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        let public = ["alg", "crv", "e", "kid", "kty", "n", "use", "x", "y"];
        assert!(names.iter().all(|name| public.contains(name)), "{names:?}");
        assert_eq!(key["use"], "sig");
    }
    let read = KeySet::jwks(&set.public_jwks(), &Algorithm::ALL).unwrap();
    assert_eq!(read.verifying_keys().len(), 4, "and is read back");
    let secret = KeySet::new(signing(Algorithm::HS256));
    assert_eq!(secret.public_jwks(), r#"{"keys":[]}"#);
}

#[test]
fn a_key_is_rotated_without_logging_anyone_out() {
    let old = SigningKey::pem(Algorithm::ES256, file!("p256.pem")).unwrap();
    let new = SigningKey::pem(Algorithm::ES256, file!("p256_next.pem")).unwrap();
    let deployed = KeySet::new(old.clone()).and(new.verifying().clone()).unwrap();
    let switched = KeySet::new(new.clone()).and(old.verifying().clone()).unwrap();
    let token = |key: &SigningKey| Signer::new(key.clone(), "at+jwt").sign(CLAIMS).unwrap();
    let verdict = |set: &KeySet, token: &str| Policy::new().verify(token, set, NOW).map(|_| ()).map_err(|e| e.kind());
    for set in [&deployed, &switched] {
        assert_eq!(verdict(set, &token(&old)), Ok(()));
        assert_eq!(verdict(set, &token(&new)), Ok(()));
        // Nobody can say which of the two it means.
        assert_eq!(verdict(set, &token(&old.clone().without_kid())), Err(TokenErrorKind::UnknownKey));
        assert_eq!(verdict(set, &token(&old.clone().kid("gone"))), Err(TokenErrorKind::UnknownKey));
        // The other's name on it: the key that is named verifies, and no other is tried.
        let other = new.key_id().unwrap();
        assert_eq!(verdict(set, &token(&old.clone().kid(other))), Err(TokenErrorKind::Signature));
    }
    let alone = KeySet::new(old.clone());
    assert_eq!(verdict(&alone, &token(&old.clone().without_kid())), Ok(()), "the only key of its algorithm");
    assert_eq!(verdict(&alone, &token(&new)), Err(TokenErrorKind::UnknownKey));
    assert_eq!(switched.signing_key().and_then(SigningKey::key_id), new.key_id());
}
