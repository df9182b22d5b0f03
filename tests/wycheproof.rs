//! Project Wycheproof's vectors for JSON Web Signatures and Keys: whoever forges gets nowhere, whoever does not is understood.
//!
//! No payload among them is a JSON object, so that the whole verification refuses every one of them, the valid ones too. What
//! tells them apart is where: a valid one comes as far as its claims, which is behind the signature, an invalid one does not.
//! The sets for encryption (`json_web_encryption`, `json_web_crypto`) do not apply: this crate has no JWE.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, its helpers too")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_sessions::token::{Algorithm, KeyErrorKind, KeySet, Policy, Timestamp, TokenErrorKind};
use serde_json::{Value, json};
use wycheproof_ng_kdf_jose::json_web::{TestGroup, TestName, TestSet};

/// Where a vector was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Keys(KeyErrorKind),
    Token(TokenErrorKind),
}

/// Its key was found and its signature is good: only the payload is refused, which is no JSON object.
const SIGNED: Refused = Refused::Token(TokenErrorKind::Claims);

/// Nothing is wrong with it but the signature.
const UNSIGNED: Refused = Refused::Token(TokenErrorKind::Signature);

/// The vectors whose published result is not what happens here: the number, what happens, and why.
type Excused = [(usize, Refused, &'static str)];

const SIGNATURES: &Excused = &[
    (
        346,
        PINNED,
        "PS384 under a key that says PS256: a key verifies by its own algorithm alone (RFC 8725 section 3.1)",
    ),
    (347, FOREIGN, "ES512 on P-521 is not supported; its key says `ES521`, which is no algorithm"),
    (350, PINNED, "as 346"),
    (351, FOREIGN, "as 347"),
    (367, UNSIGNED, "the text of 357, which is valid: the padding that it is about was lost"),
    (370, UNSIGNED, "as 367"),
    (372, MALFORMED, "`?` in the header is no base64url, and RFC 7515 section 2 leaves no room for other characters"),
    (373, MALFORMED, "as 372, in the payload"),
];

/// The secret of this group is 32 zero bytes, which no key may be. Its texts are judged under another secret of that name:
/// whatever is wrong with them is seen before the signature, so that a good one comes as far as that.
const ZERO_SECRET: &str = "base64";

const KEYS: &Excused = &[(
    1,
    SIGNED,
    "secrets beside public keys: best practice to the set's author, not a rule of an RFC, and harmless where each key is \
     pinned to one algorithm; a service that changes from HS256 to a key pair needs both for a while",
)];

const PINNED: Refused = Refused::Token(TokenErrorKind::UnknownKey);
const FOREIGN: Refused = Refused::Token(TokenErrorKind::Algorithm);
const MALFORMED: Refused = Refused::Token(TokenErrorKind::Malformed);

#[derive(Debug, Default, PartialEq)]
struct Counts {
    valid: usize,
    invalid: usize,
    excused: usize,
    /// Judged under another secret, by their form alone.
    form_alone: usize,
}

fn jwks(group: &TestGroup) -> Value {
    // A secret has no public half.
    let keys = group.public_key.as_ref().or(group.private_key.as_ref()).unwrap();
    if keys.get("keys").is_some() { keys.clone() } else { json!({ "keys": [keys] }) }
}

fn refused(jwks: &Value, token: &str) -> Refused {
    let keys = match KeySet::jwks(&jwks.to_string(), &Algorithm::ALL) {
        Ok(keys) => keys,
        // Its keys are for something else.
        Err(error) if error.kind() == KeyErrorKind::Empty => KeySet::empty(),
        Err(error) => return Refused::Keys(error.kind()),
    };
    let policy = Policy::new().algorithms(Algorithm::ALL);
    Refused::Token(policy.verify(token, &keys, Timestamp::from_secs(0)).unwrap_err().kind())
}

fn run(set: TestName, excused: &Excused) -> Counts {
    let set = TestSet::load(set).unwrap();
    let mut counts = Counts::default();
    for group in &set.test_groups {
        let mut jwks = jwks(group);
        let form_alone = group.group_comment == ZERO_SECRET;
        if form_alone {
            assert_eq!(refused(&jwks, ""), Refused::Keys(KeyErrorKind::Weak));
            jwks["keys"][0]["k"] = json!(URL_SAFE_NO_PAD.encode("0123456789abcdefghijklmnopqrstuv"));
        }
        let good = if form_alone { UNSIGNED } else { SIGNED };
        for test in &group.tests {
            let number = test.tc_id;
            let found = refused(&jwks, test.jws.as_ref().unwrap().as_str().unwrap());
            counts.form_alone += usize::from(form_alone);
            if let Some((_, expected, why)) = excused.iter().find(|(excused, ..)| *excused == number) {
                assert_eq!(found, *expected, "{number}: {why}");
                assert_eq!(found == good, test.result.must_fail(), "{number} needs no excuse");
                counts.excused += 1;
            } else if test.result.must_fail() {
                assert_ne!(found, good, "{number}: {} {}", group.group_comment, test.comment);
                counts.invalid += 1;
            } else {
                assert_eq!(found, good, "{number}: {} {}", group.group_comment, test.comment);
                counts.valid += 1;
            }
        }
    }
    assert_eq!(counts.excused, excused.len(), "an excuse for a vector that does not exist");
    assert_eq!(counts.valid + counts.invalid + counts.excused, set.number_of_tests);
    counts
}

#[test]
fn signatures_of_wycheproof_are_told_apart() {
    assert_eq!(
        run(TestName::JsonWebSignature, SIGNATURES),
        Counts { valid: 40, invalid: 353, excused: 8, form_alone: 21 }
    );
}

#[test]
fn keys_of_wycheproof_are_told_apart() {
    assert_eq!(run(TestName::JsonWebKey, KEYS), Counts { valid: 5, invalid: 20, excused: 1, form_alone: 0 });
}

#[test]
fn the_excused_vectors_are_what_their_excuse_says() {
    let set = TestSet::load(TestName::JsonWebSignature).unwrap();
    let text = |number| {
        let test = set.test_groups.iter().flat_map(|group| &group.tests).find(|test| test.tc_id == number).unwrap();
        test.jws.as_ref().unwrap().as_str().unwrap()
    };
    for same in [367, 370] {
        assert_eq!(text(same), text(357), "{same}");
    }
    for other in [372, 373] {
        assert_eq!(text(other).replacen('?', "", 1), text(357), "{other}: the valid token and one character more");
    }
}
