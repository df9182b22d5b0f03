//! What jsonwebtoken 11.1 lets through, and what happens here: a test a trap. `known_traps_http.rs` has those of cookies and
//! headers.
//!
//! Two of its traps need a file of their own. Both of its backends on, or none, make its first signature panic, and
//! `Jwk::thumbprint`, `from_encoding_key` and `from_decoding_key` with it: `both_backends.rs`. Its verifiers and signers cross
//! no thread: `auto_traits.rs` has what does here.
//!
//! It was not caught by `none` in any spelling, algorithm confusion, edge values of ECDSA and EdDSA, RSA padding, injection by
//! `kid` and embedded keys, loose base64url, segment counts and flipped bits; here these are in `tokens.rs`, `wycheproof.rs` and
//! the unit tests of `token::verify`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, its helpers too")]

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt_sessions::token::{
    Algorithm, KeyError, KeyErrorKind, KeySet, Policy, Signer, SigningKey, Timestamp, TokenErrorKind, VerifyingKey,
};
use serde::Deserialize;
use serde_json::{Value, json};

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuv";
const NOW: Timestamp = Timestamp::from_secs(1_000_000);
const HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt"}"#;
const CLAIMS: &str = r#"{"iss":"https://id.example","aud":"api","sub":"alice","exp":1000060}"#;

/// Any header and payload, with a good signature: what a careless issuer makes.
fn signed(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let backend = &jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let signer = (backend.signer_factory)(&jsonwebtoken::Algorithm::HS256, &key).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signer.try_sign(message.as_bytes()).unwrap()))
}

fn keys() -> KeySet {
    KeySet::verifying([VerifyingKey::secret(Algorithm::HS256, SECRET).unwrap()]).unwrap()
}

fn policy() -> Policy {
    Policy::new().issuer("https://id.example").audience("api").any_subject().typ("at+jwt")
}

fn verdict(policy: &Policy, token: &str) -> Result<(), TokenErrorKind> {
    policy.verify(token, &keys(), NOW).map(|_| ()).map_err(|error| error.kind())
}

fn of_header(header: &str) -> Result<(), TokenErrorKind> {
    verdict(&policy(), &signed(header, CLAIMS))
}

fn of_claims(claims: impl AsRef<[u8]>) -> Result<(), TokenErrorKind> {
    verdict(&policy(), &signed(HEADER, claims))
}

/// The claims with one of another value.
fn claims_with(name: &str, value: &str) -> String {
    let mut claims: Value = serde_json::from_str(CLAIMS).unwrap();
    claims.as_object_mut().unwrap().remove(name);
    claims.to_string().replacen('{', &format!(r#"{{"{name}":{value},"#), 1)
}

fn kind<T>(found: Result<T, KeyError>) -> Option<KeyErrorKind> {
    found.err().map(|error| error.kind())
}

#[test]
fn a_header_with_crit_is_refused_whatever_it_says() {
    for crit in ["[]", "null", r#"["exp"]"#, r#"["b64"]"#, "false", "{}"] {
        let header = format!(r#"{{"alg":"HS256","typ":"at+jwt","exp":1,"crit":{crit}}}"#);
        assert_eq!(of_header(&header), Err(TokenErrorKind::Critical), "{crit}");
    }
}

#[test]
fn a_header_with_b64_other_than_true_is_refused() {
    for b64 in ["false", "null", "0", r#""false""#] {
        let header = format!(r#"{{"alg":"HS256","typ":"at+jwt","b64":{b64}}}"#);
        assert_eq!(of_header(&header), Err(TokenErrorKind::Unencoded), "{b64}");
    }
    assert_eq!(of_header(r#"{"alg":"HS256","typ":"at+jwt","b64":true}"#), Ok(()));
}

#[test]
fn alg_is_a_string_or_refused() {
    for alg in [r#"{"HS256":null}"#, r#"["HS256"]"#, "null", "0", r#"{"HS256":{}}"#] {
        let header = format!(r#"{{"alg":{alg},"typ":"at+jwt"}}"#);
        assert_eq!(of_header(&header), Err(TokenErrorKind::Header), "{alg}");
    }
}

#[test]
fn exp_is_the_first_moment_that_is_refused_and_is_never_rounded_up() {
    let of_exp = |exp: &str| of_claims(claims_with("exp", exp));
    for past in ["1000000", "1000000.0", "999999.999", "999999.5", "-1", "0"] {
        assert_eq!(of_exp(past), Err(TokenErrorKind::Expired), "{past}");
    }
    for future in ["1000001", "1000000.001", "1000000.4"] {
        assert_eq!(of_exp(future), Ok(()), "{future}");
    }
}

#[test]
fn the_leeway_is_zero_unless_it_is_set_and_never_overflows() {
    assert_eq!(of_claims(claims_with("exp", "999999")), Err(TokenErrorKind::Expired));
    assert_eq!(kind(Policy::new().leeway(Duration::from_secs(61))), Some(KeyErrorKind::Leeway));
    for leeway in [Duration::from_secs(2_000_000), Duration::from_secs(u64::MAX), Duration::MAX] {
        let lenient = policy().dangerous_leeway(leeway);
        assert_eq!(verdict(&lenient, &signed(HEADER, claims_with("exp", "1"))), Ok(()), "{leeway:?}");
    }
}

#[test]
fn nbf_and_iat_are_compared_unasked() {
    assert_eq!(of_claims(claims_with("nbf", "1000001")), Err(TokenErrorKind::NotYetValid));
    assert_eq!(of_claims(claims_with("nbf", "1000000")), Ok(()));
    assert_eq!(of_claims(claims_with("iat", "1000061")), Err(TokenErrorKind::IssuedInFuture));
    assert_eq!(of_claims(claims_with("iat", "1000060")), Ok(()));
}

#[test]
fn a_claim_that_is_named_must_be_there() {
    for name in ["iss", "aud", "sub", "exp"] {
        let mut claims: Value = serde_json::from_str(CLAIMS).unwrap();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(of_claims(claims.to_string()), Err(TokenErrorKind::MissingClaim), "{name}");
    }
    assert_eq!(verdict(&policy().session(), &signed(HEADER, CLAIMS)), Err(TokenErrorKind::MissingClaim), "sid, gen");
    assert_eq!(of_header(r#"{"alg":"HS256"}"#), Err(TokenErrorKind::Type), "typ");
    assert_eq!(of_claims(claims_with("aud", "[]")), Err(TokenErrorKind::Audience));
}

#[test]
fn a_claim_of_another_type_is_not_an_absent_one() {
    let ours = r#"["https://id.example"]"#;
    for (name, value) in [
        ("iss", "42"),
        ("iss", "{}"),
        ("iss", "null"),
        ("iss", ours),
        ("aud", "42"),
        ("aud", "{}"),
        ("aud", "null"),
        ("aud", r#"["api",42]"#),
        ("aud", r#"[["api"]]"#),
        ("sub", "42"),
        ("sub", r#"["alice"]"#),
        ("iat", r#""1000000""#),
        ("iat", "true"),
        ("jti", "42"),
        ("jti", "null"),
        ("nbf", r#""0""#),
        ("exp", r#""1000060""#),
    ] {
        assert_eq!(of_claims(claims_with(name, value)), Err(TokenErrorKind::ClaimType), "{name}: {value}");
        // Also where nobody compares it.
        let anything = verdict(&Policy::new(), &signed(HEADER, claims_with(name, value)));
        assert_eq!(anything, Err(TokenErrorKind::ClaimType), "{name}: {value}");
    }
}

#[test]
fn a_payload_is_an_object_in_utf_8_of_bounded_depth() {
    let deep = |open: &str, close: &str| claims_with("x", &(open.repeat(1000) + "1" + &close.repeat(1000)));
    for (name, payload) in [
        ("an array in the order of a struct", br#"["https://id.example","api","alice",1000060]"#.to_vec()),
        ("no UTF-8 in a claim nobody reads", [&CLAIMS.as_bytes()[..CLAIMS.len() - 1], b",\"x\":\"\xff\"}"].concat()),
        ("deep arrays", deep("[", "]").into_bytes()),
        ("deep objects", deep("{\"x\":", "}").into_bytes()),
    ] {
        assert_eq!(of_claims(payload), Err(TokenErrorKind::Claims), "{name}");
    }
}

#[test]
fn typ_is_compared_without_letter_case_and_media_type_prefix() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert_eq!(of_header(&json!({"alg": "HS256", "typ": typ}).to_string()), Ok(()), "{typ}");
    }
    for typ in ["JWT", "rt+jwt", "", "at+jwt ", "text/at+jwt", "application/application/at+jwt"] {
        let found = of_header(&json!({"alg": "HS256", "typ": typ}).to_string());
        assert_eq!(found, Err(TokenErrorKind::Type), "{typ}");
    }
    assert_eq!(of_header(r#"{"alg":"HS256","typ":["at+jwt"]}"#), Err(TokenErrorKind::Header));
}

#[test]
fn a_secret_is_as_long_as_its_hash_and_no_pem() {
    for (algorithm, length) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        for short in [0, 1, length - 1] {
            let found = VerifyingKey::secret(algorithm, &SECRET[..short]);
            assert_eq!(kind(found), Some(KeyErrorKind::TooShort), "{algorithm}: {short}");
        }
        assert!(VerifyingKey::secret(algorithm, &SECRET[..length]).is_ok(), "{algorithm}");
        let pem = include_str!("keys/rsa_public.pem");
        for text in [pem.to_owned(), pem.trim().to_owned(), format!("\n  {pem}")] {
            assert_eq!(kind(VerifyingKey::secret(algorithm, text)), Some(KeyErrorKind::PemAsSecret), "{algorithm}");
        }
    }
}

/// The public JWK of a key, with some members changed.
fn jwk(algorithm: Algorithm, pem: &str, changes: Value) -> String {
    let set = KeySet::new(SigningKey::pem(algorithm, pem).unwrap()).public_jwks();
    let mut jwk = serde_json::from_str::<Value>(&set).unwrap()["keys"][0].take();
    for (name, value) in changes.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk.to_string()
}

#[test]
fn what_a_jwk_says_of_itself_counts() {
    let rsa = |changes| jwk(Algorithm::RS256, include_str!("keys/rsa.pem"), changes);
    let ec = |changes| jwk(Algorithm::ES256, include_str!("keys/p256.pem"), changes);
    let rows = [
        ("alg", VerifyingKey::jwk(Algorithm::PS256, &rsa(json!({}))), KeyErrorKind::Mismatch),
        ("use", VerifyingKey::jwk(Algorithm::RS256, &rsa(json!({"use": "enc"}))), KeyErrorKind::Use),
        ("key_ops", VerifyingKey::jwk(Algorithm::RS256, &rsa(json!({"key_ops": ["encrypt"]}))), KeyErrorKind::Use),
        ("crv", VerifyingKey::jwk(Algorithm::ES256, &ec(json!({"crv": "P-384"}))), KeyErrorKind::Mismatch),
        ("crv", VerifyingKey::jwk(Algorithm::ES256, &ec(json!({"crv": "secp256k1"}))), KeyErrorKind::Mismatch),
        ("kty", VerifyingKey::jwk(Algorithm::ES256, &ec(json!({"kty": "OKP"}))), KeyErrorKind::Mismatch),
    ];
    for (name, found, expected) in rows {
        assert_eq!(kind(found), Some(expected), "{name}");
    }
}

#[test]
fn a_public_key_under_which_anything_verifies_is_refused() {
    // The neutral element of Ed25519, and a point of order 2.
    for y in [1, 0xec] {
        let mut x = if y == 1 { [0; 32] } else { [0xff; 32] };
        x[0] = y;
        x[31] &= 0x7f;
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(x)}).to_string();
        assert_eq!(kind(VerifyingKey::jwk(Algorithm::EdDSA, &jwk)), Some(KeyErrorKind::Point), "{y}");
    }
    // With an exponent of 1 every message is its own signature.
    let rsa = jwk(Algorithm::RS256, include_str!("keys/rsa.pem"), json!({"e": "AQ"}));
    assert_eq!(kind(VerifyingKey::jwk(Algorithm::RS256, &rsa)), Some(KeyErrorKind::RsaExponent));
}

#[test]
fn keys_of_a_wrong_size_are_refused_when_they_are_configured_and_nothing_panics() {
    let rsa = |bytes: usize| {
        let n = URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
        VerifyingKey::jwk(Algorithm::RS256, &json!({"kty": "RSA", "n": n, "e": "AQAB"}).to_string())
    };
    assert_eq!(kind(rsa(255)), Some(KeyErrorKind::RsaSize), "2040 bits");
    assert_eq!((kind(rsa(256)), kind(rsa(512))), (None, None), "2048 and 4096 bits: both backends verify them");
    assert_eq!(kind(rsa(1025)), Some(KeyErrorKind::RsaSize), "8200 bits: no backend verifies them");
    let small = include_str!("keys/rsa1024_public.pem");
    assert_eq!(kind(VerifyingKey::pem(Algorithm::RS256, small)), Some(KeyErrorKind::RsaSize));
    for bytes in [0, 1, 31, 33, 57] {
        let x = URL_SAFE_NO_PAD.encode(vec![9; bytes]);
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x}).to_string();
        assert_eq!(kind(VerifyingKey::jwk(Algorithm::EdDSA, &jwk)), Some(KeyErrorKind::Mismatch), "{bytes} bytes");
    }
}

#[test]
fn a_key_that_was_taken_signs_whatever_its_form() {
    let der =
        |pem: &str| STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
    for (name, key) in [
        ("RSA, PKCS#8 in DER", SigningKey::der(Algorithm::RS256, der(include_str!("keys/rsa.pem")))),
        ("RSA, PKCS#1 in PEM", SigningKey::pem(Algorithm::PS256, include_str!("keys/rsa_pkcs1.pem"))),
        ("Ed25519, PKCS#8 version 2", SigningKey::pem(Algorithm::EdDSA, include_str!("keys/ed25519_v2.pem"))),
        ("Ed25519, version 2 in DER", SigningKey::der(Algorithm::EdDSA, der(include_str!("keys/ed25519_v2.pem")))),
    ] {
        let key = key.unwrap();
        let token = Signer::new(key.clone(), "at+jwt").sign(CLAIMS).unwrap();
        assert!(policy().verify(&token, &KeySet::new(key), NOW).is_ok(), "{name}");
    }
}

#[test]
fn a_list_of_algorithms_of_several_families_takes_tokens_of_each() {
    let list = [Algorithm::HS256, Algorithm::EdDSA, Algorithm::ES256];
    let signing = [
        SigningKey::secret(Algorithm::HS256, SECRET).unwrap(),
        SigningKey::pem(Algorithm::EdDSA, include_str!("keys/ed25519.pem")).unwrap(),
        SigningKey::pem(Algorithm::ES256, include_str!("keys/p256.pem")).unwrap(),
    ];
    let keys = KeySet::verifying(signing.iter().map(|key| key.verifying().clone())).unwrap();
    for key in signing {
        let token = Signer::new(key.clone(), "at+jwt").sign(CLAIMS).unwrap();
        assert!(policy().algorithms(list).verify(&token, &keys, NOW).is_ok(), "{}", key.algorithm());
    }
}

#[test]
fn an_expired_token_is_expired_whatever_else_it_says() {
    #[derive(Debug, Deserialize)]
    struct Own {
        #[expect(dead_code, reason = "only whether it can be read is asked")]
        role: String,
    }
    let token = signed(HEADER, r#"{"iss":"https://id.example","aud":"api","sub":"alice","exp":1000060,"role":42}"#);
    let read = |now: i64| {
        let verified = policy().verify(&token, &keys(), Timestamp::from_secs(now)).map_err(|error| error.kind())?;
        verified.read::<Own>().map(|_| ()).map_err(|error| error.kind())
    };
    assert_eq!(read(1_000_060), Err(TokenErrorKind::Expired));
    assert_eq!(read(1_000_059), Err(TokenErrorKind::ClaimType));
}
