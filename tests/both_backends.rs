//! Some other crate of an application's tree turned jsonwebtoken's other backend on: its process-wide default panics then,
//! and nothing here notices. A file of its own, because that default belongs to the process.
#![cfg(feature = "aws-lc-rs")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, its helpers too")]

use jwt_sessions::token::{ACCESS_TYPE, Algorithm, KeySet, Policy, SessionSecret, Signer, SigningKey, Timestamp};

fn signing(algorithm: Algorithm) -> SigningKey {
    match algorithm {
        Algorithm::ES256 => SigningKey::jwk(algorithm, include_str!("keys/rfc7515_a3.json")).unwrap(),
        Algorithm::ES384 => SigningKey::pem(algorithm, include_str!("keys/p384.pem")).unwrap(),
        Algorithm::EdDSA => SigningKey::jwk(algorithm, include_str!("keys/rfc8037_a1.json")).unwrap(),
        hmac if hmac.is_symmetric() => SigningKey::jwk(algorithm, include_str!("keys/rfc7515_a1.json")).unwrap(),
        _ => SigningKey::pem(algorithm, include_str!("keys/rsa.pem")).unwrap(),
    }
}

#[test]
fn the_process_wide_default_is_never_used() {
    let now = Timestamp::from_secs(1_000_000);
    for algorithm in Algorithm::ALL {
        let key = signing(algorithm);
        assert!(key.key_id().is_some(), "the thumbprint");
        let token = Signer::new(key.clone(), ACCESS_TYPE).sign(r#"{"exp":1000060}"#).unwrap();
        let keys = KeySet::new(key);
        assert!(Policy::new().verify(&token, &keys, now).is_ok(), "{algorithm}");
        let published = keys.public_jwks();
        if !algorithm.is_symmetric() {
            let read = KeySet::jwks(&published, &[algorithm]).unwrap();
            assert!(Policy::new().verify(&token, &read, now).is_ok(), "{algorithm}");
        }
    }
    SessionSecret::from_bytes([1; 16]).hash().unwrap();

    // The default does panic in this process: had it been used above, this test would not have come so far.
    let panicked = std::panic::catch_unwind(|| {
        let key = jsonwebtoken::EncodingKey::from_secret(&[1; 32]);
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &serde_json::json!({}), &key)
    });
    assert!(panicked.is_err(), "jsonwebtoken has one backend only: this test shows nothing");
}
