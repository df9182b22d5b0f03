//! The examples of RFC 7515 appendix A, RFC 7520 section 4 and RFC 8037 appendix A: what is a JWT is taken, and of the rest
//! each is refused where it should be.
//!
//! Only three of them have claims. The other payloads are prose: their signature is good when nothing but the claims is
//! refused, which are looked at behind it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, its helpers too")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_sessions::token::{Algorithm, KeySet, Policy, Timestamp, TokenErrorKind};
use serde_json::{Value, json};

const FILES: [(&str, &str); 3] = [
    ("RFC 7515", include_str!("vectors/rfc/rfc7515.json")),
    ("RFC 7520", include_str!("vectors/rfc/rfc7520.json")),
    ("RFC 8037", include_str!("vectors/rfc/rfc8037.json")),
];

/// The compact examples that are refused before or at their signature, and why that is right.
const REFUSED: [(&str, TokenErrorKind, &str); 4] = [
    ("RFC 7515 A.4", TokenErrorKind::Algorithm, "ES512 on P-521 is not supported"),
    ("RFC 7515 A.5", TokenErrorKind::Algorithm, "`none` is no algorithm here (RFC 8725 section 3.2)"),
    ("RFC 7520 4.3", TokenErrorKind::Algorithm, "ES512 on P-521 is not supported"),
    ("RFC 7520 4.5", TokenErrorKind::Signature, "detached content: the payload does not come with the token"),
];

/// A second before the three JWTs expire.
const BEFORE: Timestamp = Timestamp::from_secs(1_300_819_379);

fn examples() -> Vec<(String, Value)> {
    let examples = FILES.into_iter().flat_map(|(rfc, text)| {
        let mut file: Value = serde_json::from_str(text).unwrap();
        let examples: Vec<Value> = serde_json::from_value(file["examples"].take()).unwrap();
        examples.into_iter().map(move |example| (format!("{rfc} {}", example["section"].as_str().unwrap()), example))
    });
    examples.collect()
}

fn example(name: &str) -> Value {
    examples().into_iter().find(|(one, _)| one == name).unwrap().1
}

/// The public half of an example's key.
fn public(key: &Value) -> Value {
    let mut key: Value = match key.as_str() {
        None => key.clone(),
        Some("rfc7515_a1.json") => serde_json::from_str(include_str!("keys/rfc7515_a1.json")).unwrap(),
        Some("rfc7515_a2.json") => serde_json::from_str(include_str!("keys/rfc7515_a2.json")).unwrap(),
        Some("rfc7515_a3.json") => serde_json::from_str(include_str!("keys/rfc7515_a3.json")).unwrap(),
        Some("rfc8037_a1.json") => serde_json::from_str(include_str!("keys/rfc8037_a1.json")).unwrap(),
        Some(other) => unreachable!("{other}"),
    };
    key.as_object_mut().unwrap().retain(|name, _| !["d", "p", "q", "dp", "dq", "qi"].contains(&name.as_str()));
    key
}

/// The example's keys, for the algorithm that its compact form names; without a key where that is not supported.
fn keys(example: &Value, token: &str) -> KeySet {
    let header = token.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    match Algorithm::from_name(header["alg"].as_str().unwrap()) {
        None => KeySet::empty(),
        Some(algorithm) => {
            let keys: Vec<Value> = example["keys"].as_array().unwrap().iter().map(public).collect();
            KeySet::jwks(&json!({ "keys": keys }).to_string(), &[algorithm]).unwrap()
        }
    }
}

fn verdict(token: &str, keys: &KeySet, now: Timestamp) -> Result<(), TokenErrorKind> {
    let policy = Policy::new().algorithms(Algorithm::ALL);
    policy.verify(token, keys, now).map(|_| ()).map_err(|error| error.kind())
}

#[test]
fn the_compact_examples_are_taken_or_refused_for_a_reason() {
    let (mut taken, mut signed, mut refused) = (0, 0, 0);
    for (name, example) in examples() {
        let Some(token) = example["compact"].as_str() else { continue };
        let found = verdict(token, &keys(&example, token), BEFORE);
        if let Some((_, expected, why)) = REFUSED.iter().find(|(one, ..)| *one == name) {
            assert_eq!(found, Err(*expected), "{name}: {why}");
            refused += 1;
        } else if ["RFC 7515 A.1", "RFC 7515 A.2", "RFC 7515 A.3"].contains(&name.as_str()) {
            assert_eq!(found, Ok(()), "{name}");
            taken += 1;
        } else {
            assert_eq!(found, Err(TokenErrorKind::Claims), "{name}: the payload is prose");
            signed += 1;
        }
    }
    assert_eq!((taken, signed, refused), (3, 4, REFUSED.len()));
}

#[test]
fn the_json_serializations_are_no_tokens() {
    // RFC 7519 section 1: a JWT is always in the compact serialization. RFC 7515 A.6 and A.7 and RFC 7520 4.6 to 4.8 have no
    // other form.
    let mut refused = 0;
    for (name, example) in examples() {
        for form in ["json", "json_flat"] {
            let Some(json) = example.get(form) else { continue };
            for text in [json.to_string(), serde_json::to_string_pretty(json).unwrap()] {
                assert_eq!(verdict(&text, &KeySet::empty(), BEFORE), Err(TokenErrorKind::Malformed), "{name} {form}");
            }
            refused += 1;
        }
    }
    assert_eq!(refused, 17);
}

#[test]
fn the_jwts_of_rfc_7515_say_who_and_until_when() {
    for section in ["A.1", "A.2", "A.3"] {
        let example = example(&format!("RFC 7515 {section}"));
        let token = example["compact"].as_str().unwrap();
        let keys = keys(&example, token);
        let verified = Policy::new().issuer("joe").verify(token, &keys, BEFORE).unwrap();
        let claims = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
        assert_eq!(verified.claims().as_str(), claims, "{section}");
        let next = BEFORE.after(std::time::Duration::from_secs(1));
        assert_eq!(verdict(token, &keys, next), Err(TokenErrorKind::Expired), "{section}");
        let other = Policy::new().issuer("jim").verify(token, &keys, BEFORE).unwrap_err();
        assert_eq!(other.kind(), TokenErrorKind::Issuer, "{section}");
    }
}

#[test]
fn detached_content_that_is_put_back_is_signed() {
    let example = example("RFC 7520 4.5");
    let token = example["compact"].as_str().unwrap();
    let payload = URL_SAFE_NO_PAD.encode(example["detached_payload"].as_str().unwrap());
    let whole = token.replace("..", &format!(".{payload}."));
    assert_eq!(verdict(&whole, &keys(&example, token), BEFORE), Err(TokenErrorKind::Claims));
}
