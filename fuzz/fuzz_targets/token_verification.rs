//! `Policy::verify` against the oracle, to the kind of the refusal. The first three bytes choose the policy and how the token
//! is made; where it is signed, by a right key, so that every step behind the signature is reached.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use jwt_sessions::token::{KeySet, Policy, Timestamp};
use jwt_sessions_fuzz::oracle::{Rules, Verdict, judge};
use jwt_sessions_fuzz::requests::{AUDIENCE, ISSUER};
use jwt_sessions_fuzz::signer::{self, NOW};
use libfuzzer_sys::{Corpus, fuzz_target};

static KEYS: LazyLock<KeySet> = LazyLock::new(signer::keys);

fuzz_target!(|data: &[u8]| -> Corpus {
    let [rules, making, key, rest @ ..] = data else { return Corpus::Reject };
    let Some(token) = made(*making, usize::from(key & 3), rest) else { return Corpus::Reject };
    let (rules, policy) = chosen(*rules);
    let answer = policy.verify(&token, &KEYS, Timestamp::from_secs(NOW));
    let expected = judge(&token, &rules);
    match (&answer, &expected) {
        (_, Verdict::TooClose) => {}
        (Ok(verified), Verdict::Accepted { subject, session }) => {
            let registered = verified.registered();
            assert_eq!(registered.subject, *subject, "{token}");
            assert_eq!(registered.session.map(|id| id.as_bytes().to_vec()), *session, "{token}");
        }
        (Err(error), Verdict::Refused(kind)) => assert_eq!(error.kind().name(), *kind, "{token}"),
        _ => panic!("{answer:?} where {expected:?} is right: {token}"),
    }
    if let Ok(verified) = answer {
        // What was taken is a token that reads the same to another reader.
        let payload: serde_json::Value = serde_json::from_str(verified.claims().as_str()).expect("a JSON object");
        assert_eq!(payload.get("sub").and_then(|sub| sub.as_str()), verified.registered().subject.as_deref());
        // And one that its expiry ends.
        let expires_at = verified.registered().expires_at;
        let later = expires_at.after(Duration::from_secs(60)).max(Timestamp::from_secs(NOW));
        let saturated = expires_at == Timestamp::from_millis(i64::MAX) || later == Timestamp::from_millis(i64::MAX);
        assert!(saturated || policy.verify(&token, &KEYS, later).is_err(), "{token}");
    }
    Corpus::Keep
});

fn made(making: u8, key: usize, rest: &[u8]) -> Option<String> {
    let header = [
        r#"{"alg":"HS256","typ":"at+jwt","kid":"a"}"#,
        r#"{"alg":"HS256","typ":"at+jwt","kid":"b"}"#,
        r#"{"alg":"HS384","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt"}"#,
    ][key];
    let payload = format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"alice","sid":"AAAAAAAAAAAAAAAAAAAAAA","gen":1,"exp":{}}}"#,
        NOW + 60
    );
    Some(match making % 5 {
        0 => std::str::from_utf8(rest).ok()?.to_owned(),
        1 => {
            let (header, payload) = rest.split_at(rest.iter().position(|byte| *byte == b'\n')?);
            signer::token(key, header, &payload[1..])
        }
        2 => signer::token(key, header.as_bytes(), rest),
        3 => signer::token(key, rest, payload.as_bytes()),
        // A right one, then changed: three bytes each say where and to what.
        _ => {
            let mut token = signer::token(key, header.as_bytes(), payload.as_bytes()).into_bytes();
            for change in rest.chunks_exact(3) {
                let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % (token.len() + 1);
                match change[2] {
                    0 => drop((place < token.len()).then(|| token.remove(place))),
                    byte @ 1..0x80 if place < token.len() => token[place] = byte,
                    byte => token.insert(place, byte & 0x7f),
                }
                if token.is_empty() {
                    break;
                }
            }
            String::from_utf8(token).ok()?
        }
    })
}

fn chosen(bits: u8) -> (Rules, Policy) {
    let mut rules = Rules { now: NOW as f64, ..Rules::default() };
    let mut policy = Policy::new();
    if bits & 1 > 0 {
        rules.typ = Some("at+jwt");
        policy = policy.typ("at+JWT");
    }
    if bits & 2 > 0 {
        rules.issuer = Some(ISSUER);
        policy = policy.issuer(ISSUER);
    }
    if bits & 4 > 0 {
        rules.audience = Some(AUDIENCE);
        policy = policy.audience(AUDIENCE);
    }
    match bits >> 3 & 3 {
        1 => {
            rules.any_subject = true;
            policy = policy.any_subject();
        }
        2 => {
            rules.subject = Some("alice");
            policy = policy.subject("alice");
        }
        _ => {}
    }
    if bits & 32 > 0 {
        rules.session = true;
        policy = policy.session();
    }
    if bits & 64 > 0 {
        rules.leeway = 60.0;
        policy = policy.leeway(Duration::from_secs(60)).expect("60 seconds are allowed");
    }
    (rules, policy)
}
