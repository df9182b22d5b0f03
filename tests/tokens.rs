//! What is signed is accepted and says the same; what was changed, or was meant for something else, is refused.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, its helpers too")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_sessions::token::{
    ACCESS_TYPE, Algorithm, KeyErrorKind, KeySet, OwnClaims, Policy, REFRESH_TYPE, SecretHash, SessionId,
    SessionSecret, Signer, SigningKey, Timestamp, TokenErrorKind, VerifyingKey,
};
use serde::Deserialize;
use serde_json::{Value, json};

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuv";
const NOW: Timestamp = Timestamp::from_secs(1_000_000);
const CLAIMS: &str = r#"{"sub":"alice","exp":1000060}"#;

fn signing(algorithm: Algorithm) -> SigningKey {
    match algorithm {
        Algorithm::ES256 => SigningKey::pem(algorithm, include_str!("keys/p256.pem")).unwrap(),
        Algorithm::ES384 => SigningKey::pem(algorithm, include_str!("keys/p384.pem")).unwrap(),
        Algorithm::EdDSA => SigningKey::pem(algorithm, include_str!("keys/ed25519.pem")).unwrap(),
        hmac if hmac.is_symmetric() => SigningKey::secret(algorithm, SECRET).unwrap(),
        _ => SigningKey::pem(algorithm, include_str!("keys/rsa.pem")).unwrap(),
    }
}

fn token(key: &SigningKey) -> String {
    Signer::new(key.clone(), ACCESS_TYPE).sign(CLAIMS).unwrap()
}

fn verdict(token: &str, keys: &KeySet) -> Result<(), TokenErrorKind> {
    Policy::new().verify(token, keys, NOW).map(|_| ()).map_err(|error| error.kind())
}

fn segments(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// A generator with a fixed seed: the same cases at every run (xorshift, period 2^64 - 1).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn text(&mut self) -> String {
        let letters = ['a', 'Z', '0', ' ', '.', '"', '\\', '\n', '\0', 'é', '漢', '🔑', '\u{202e}', '/', '-'];
        (0..self.below(12)).map(|_| letters[self.below(letters.len())]).collect()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 5 } else { 7 }) {
            0 => json!(self.text()),
            1 => json!(self.next() as i64),
            2 => json!(self.next().is_multiple_of(2)),
            3 => json!(self.next() as i32 as f64 / 8.0),
            4 => Value::Null,
            5 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => Value::Object(
                (0..self.below(4)).map(|i| (format!("{i}{}", self.text()), self.value(depth - 1))).collect(),
            ),
        }
    }
}

#[test]
fn what_is_signed_is_accepted_and_says_the_same() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for algorithm in Algorithm::ALL {
        let key = signing(algorithm);
        let (signer, keys) = (Signer::new(key.clone(), ACCESS_TYPE), KeySet::new(key));
        let rounds = if algorithm.is_symmetric() { 300 } else { 20 };
        for _ in 0..rounds {
            let (sub, iss, aud) = (numbers.text(), numbers.text(), numbers.text());
            let exp = 1_000_001 + numbers.below(1_000_000) as i64;
            let own: Vec<Value> = (0..numbers.below(4)).map(|_| numbers.value(3)).collect();
            let claims = json!({"sub": sub, "iss": iss, "aud": [aud, "x"], "exp": exp, "own": own});
            let token = signer.sign(&claims.to_string()).unwrap();
            let policy = Policy::new().issuer(iss).audience(aud).subject(sub.clone()).typ(ACCESS_TYPE);
            let verified = policy.verify(&token, &keys, NOW).unwrap();
            assert_eq!(verified.registered().subject.as_deref(), Some(&*sub), "{algorithm} {claims}");
            assert_eq!(verified.registered().expires_at, Timestamp::from_secs(exp), "{algorithm} {claims}");
            assert_eq!(verified.claims().as_str(), claims.to_string(), "{algorithm}");
            assert_eq!(verified.read::<Value>().unwrap().claims(), &claims, "{algorithm}");
        }
    }
}

#[test]
fn a_single_bit_is_enough_to_refuse() {
    for algorithm in Algorithm::ALL {
        let (key, keys) = (signing(algorithm), KeySet::new(signing(algorithm)));
        let token = token(&key);
        assert_eq!(verdict(&token, &keys), Ok(()));
        for place in 0..token.len() {
            // With the eighth it is no UTF-8, and never reaches the verification: that takes a `&str`.
            for bit in 0..7 {
                let mut bytes = token.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let changed = String::from_utf8(bytes).unwrap();
                assert!(verdict(&changed, &keys).is_err(), "{algorithm}: bit {bit} of byte {place}");
            }
        }
    }
}

#[test]
fn a_single_bit_of_a_signature_is_enough_to_refuse() {
    for algorithm in Algorithm::ALL {
        let (key, keys) = (signing(algorithm), KeySet::new(signing(algorithm)));
        let token = token(&key);
        let [header, payload, signature] = segments(&token);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let signed = |bytes: &[u8]| verdict(&format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(bytes)), &keys);
        assert_eq!(signed(&signature), Ok(()));
        for bit in 0..signature.len() * 8 {
            let mut changed = signature.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(signed(&changed), Err(TokenErrorKind::Signature), "{algorithm}: bit {bit}");
        }
        for length in 0..signature.len() {
            assert_eq!(signed(&signature[..length]), Err(TokenErrorKind::Signature), "{algorithm}: {length} bytes");
        }
        for more in [&[0][..], &[0; 64], &signature] {
            let (behind, before) = ([&signature, more].concat(), [more, &signature].concat());
            assert_eq!(signed(&behind), Err(TokenErrorKind::Signature), "{algorithm}: {} more", more.len());
            assert_eq!(signed(&before), Err(TokenErrorKind::Signature), "{algorithm}: {} before", more.len());
        }
        assert_eq!(signed(&vec![0; signature.len()]), Err(TokenErrorKind::Signature), "{algorithm}: zeros");
        assert_eq!(signed(&vec![0xff; signature.len()]), Err(TokenErrorKind::Signature), "{algorithm}: ones");
    }
}

#[test]
fn a_signature_is_good_for_its_own_token_alone() {
    let (key, keys) = (signing(Algorithm::EdDSA), KeySet::new(signing(Algorithm::EdDSA)));
    let signer = Signer::new(key, ACCESS_TYPE);
    let (one, two) = (signer.sign(CLAIMS).unwrap(), signer.sign(&CLAIMS.replace("alice", "root")).unwrap());
    let ([header, _, signature], [_, payload, _]) = (segments(&one), segments(&two));
    assert_eq!(verdict(&format!("{header}.{payload}.{signature}"), &keys), Err(TokenErrorKind::Signature));
}

#[test]
fn an_ecdsa_signature_in_der_is_refused() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384] {
        let (key, keys) = (signing(algorithm), KeySet::new(signing(algorithm)));
        let token = token(&key);
        let [header, payload, signature] = segments(&token);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let (r, s) = signature.split_at(signature.len() / 2);
        let integer = |number: &[u8]| [&[2, number.len() as u8 + 1, 0][..], number].concat();
        let body = [integer(r), integer(s)].concat();
        let der = [&[0x30, body.len() as u8][..], &body].concat();
        let changed = format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(der));
        assert_eq!(verdict(&changed, &keys), Err(TokenErrorKind::Signature), "{algorithm}");
    }
}

/// A token with any header, and an HMAC under any secret: what an attacker can make.
fn forged(header: &Value, secret: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(CLAIMS));
    let backend = &jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
    let key = jsonwebtoken::EncodingKey::from_secret(secret);
    let signer = (backend.signer_factory)(&jsonwebtoken::Algorithm::HS256, &key).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signer.try_sign(message.as_bytes()).unwrap()))
}

#[test]
fn a_public_key_is_no_secret() {
    let pem = include_str!("keys/rsa_public.pem");
    let public = VerifyingKey::pem(Algorithm::RS256, pem).unwrap();
    let kid = public.key_id().unwrap().to_owned();
    let alone = KeySet::verifying([public.clone()]).unwrap();
    let beside = alone.clone().and(VerifyingKey::secret(Algorithm::HS256, SECRET).unwrap()).unwrap();
    let jwks = alone.public_jwks();
    for (name, secret) in [("pem", pem), ("pem, trimmed", pem.trim()), ("jwks", &jwks)] {
        let named = forged(&json!({"alg": "HS256", "kid": kid}), secret.as_bytes());
        let nameless = forged(&json!({"alg": "HS256"}), secret.as_bytes());
        assert_eq!(verdict(&named, &alone), Err(TokenErrorKind::Algorithm), "{name}");
        assert_eq!(verdict(&nameless, &alone), Err(TokenErrorKind::Algorithm), "{name}");
        // Even where HS256 is allowed: the key of that name is pinned to RS256.
        assert_eq!(verdict(&named, &beside), Err(TokenErrorKind::UnknownKey), "{name}");
        assert_eq!(verdict(&nameless, &beside), Err(TokenErrorKind::Signature), "{name}");
    }
}

#[test]
fn a_key_that_comes_with_the_token_is_never_looked_at() {
    let keys = KeySet::new(SigningKey::secret(Algorithm::HS256, SECRET).unwrap().kid("one"));
    let jwk = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode("attacker"), "kid": "one"});
    for (name, header) in [
        ("jwk", json!({"alg": "HS256", "jwk": jwk})),
        ("jwk with our name", json!({"alg": "HS256", "kid": "one", "jwk": jwk})),
        ("jku", json!({"alg": "HS256", "kid": "one", "jku": "http://127.0.0.1/jwks.json"})),
        ("x5c", json!({"alg": "HS256", "x5c": [URL_SAFE_NO_PAD.encode("attacker")], "x5u": "http://127.0.0.1/"})),
    ] {
        assert_eq!(verdict(&forged(&header, b"attacker"), &keys), Err(TokenErrorKind::Signature), "{name}");
        assert_eq!(verdict(&forged(&header, SECRET.as_bytes()), &keys), Ok(()), "{name}, signed by us");
    }
    for empty in [&b""[..], b"\0"] {
        assert_eq!(verdict(&forged(&json!({"alg": "HS256"}), empty), &keys), Err(TokenErrorKind::Signature));
    }
}

#[test]
fn access_and_refresh_tokens_never_stand_in_for_one_another() {
    // One key, one issuer, one audience: the type alone is enough to refuse.
    let key = signing(Algorithm::HS256);
    let keys = KeySet::new(key.clone());
    for (typ, other) in [(ACCESS_TYPE, REFRESH_TYPE), (REFRESH_TYPE, ACCESS_TYPE)] {
        let token = Signer::new(key.clone(), typ).sign(CLAIMS).unwrap();
        assert!(Policy::new().typ(typ).verify(&token, &keys, NOW).is_ok());
        let refused = Policy::new().typ(other).verify(&token, &keys, NOW).unwrap_err();
        assert_eq!(refused.kind(), TokenErrorKind::Type);
    }
}

#[test]
fn claims_are_read_into_the_applications_type_or_refused() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct Own {
        role: String,
    }
    let key = signing(Algorithm::HS256);
    let read = |claims: &str| {
        let token = Signer::new(key.clone(), ACCESS_TYPE).sign(claims).unwrap();
        let verified = Policy::new().verify(&token, &KeySet::new(key.clone()), NOW).unwrap();
        verified.read::<Own>().map(|verified| verified.into_parts().1).map_err(|error| error.kind())
    };
    assert_eq!(read(r#"{"exp":1000060,"role":"editor"}"#), Ok(Own { role: "editor".into() }));
    assert_eq!(read(r#"{"exp":1000060}"#), Err(TokenErrorKind::ClaimType));
    assert_eq!(read(r#"{"exp":1000060,"role":1}"#), Err(TokenErrorKind::ClaimType));
}

#[test]
fn a_token_that_nobody_would_take_is_not_signed() {
    let signer = Signer::new(signing(Algorithm::HS256), ACCESS_TYPE);
    let claims = |filling: usize| json!({"exp": 1_000_060, "x": "x".repeat(filling)}).to_string();
    assert_eq!(signer.sign(&claims(6200)).unwrap_err().kind(), KeyErrorKind::ClaimsTooLong);
    let long = signer.sign(&claims(5900)).unwrap();
    assert_eq!(verdict(&long, &KeySet::new(signing(Algorithm::HS256))), Ok(()));
}

#[test]
fn nothing_that_is_secret_is_ever_formatted() {
    let planted = "PLANTED-0123456789-abcdefghijklmnopqrstuvwxyz";
    let hmac = SigningKey::secret(Algorithm::HS256, planted).unwrap();
    let jwk = include_str!("keys/rfc8037_a1.json");
    let pair = SigningKey::jwk(Algorithm::EdDSA, jwk).unwrap();
    let keys = KeySet::new(hmac.clone()).and(pair.verifying().clone()).unwrap();
    let signer = Signer::new(hmac.clone(), ACCESS_TYPE);
    let token = signer.sign(&json!({"exp": 1_000_060, "x": planted}).to_string()).unwrap();
    let verified = Policy::new().verify(&token, &keys, NOW).unwrap();
    let session_secret = SessionSecret::from_bytes(*b"PLANTED-01234567");
    let refused = Policy::new().verify(planted, &keys, NOW).unwrap_err();
    let bad_key = SigningKey::pem(Algorithm::EdDSA, planted).unwrap_err();
    let shown = [
        format!("{hmac:?} {:?} {pair:?} {:?}", hmac.verifying(), pair.verifying()),
        format!("{keys:?} {signer:?} {:#?}", keys),
        format!("{:?} {verified:?} {:#?}", verified.claims(), verified),
        format!("{:?} {:?}", verified.clone().into_parts(), verified.read::<Value>().unwrap()),
        format!("{:?}", OwnClaims::new(&json!({"x": planted})).unwrap()),
        format!("{session_secret:?} {:?}", session_secret.hash().unwrap()),
        format!("{:?} {:#?}", SecretHash::from_bytes(*b"PLANTED-0123456789abcdefghijklmn"), session_secret),
        format!("{refused:?} {refused} {bad_key:?} {bad_key}"),
        format!("{:?} {:?} {:?}", SessionId::from_bytes([0; 16]), NOW, Policy::new()),
    ];
    let bytes = |text: &str| format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned();
    let private = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let hidden = [
        "PLANTED".to_owned(),
        bytes("PLANTED"),
        URL_SAFE_NO_PAD.encode(&planted[..9]),
        "nWGxne_9".to_owned(),
        format!("{:?}", &private[..6]).trim_matches(['[', ']']).to_owned(),
        token[token.len() - 20..].to_owned(),
    ];
    for text in shown {
        for secret in &hidden {
            assert!(!text.contains(secret.as_str()), "{secret} in {text}");
        }
    }
}
