//! What holds for everything that can be written into a token, and not only for examples of it.
//!
//! The cases are the same at every run: the seed is fixed, and no file remembers failures. `PROPTEST_RNG_SEED=7 PROPTEST_CASES=9999`
//! tries others; what they find becomes a named test of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside the test functions fail their test"
)]

use std::io;
use std::sync::LazyLock;

use jwt_sessions::auth::Verifier;
use jwt_sessions::clock::Clock;
use jwt_sessions::session::Refused;
use jwt_sessions::store::MemoryStore;
use jwt_sessions::token::{
    ACCESS_TYPE, Algorithm, KeyErrorKind, KeySet, Policy, Signer, SigningKey, Timestamp, TokenErrorKind,
};
use jwt_sessions::{Client, Grant, Keys, Opened, Refreshed, Sessions, Tokens, accounts_elsewhere};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Map, Number, Value, json};

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuv";
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
/// The names that an application's claims may not have.
const OURS: [&str; 11] = ["iss", "aud", "sub", "iat", "exp", "nbf", "jti", "sid", "gen", "auth_time", "scope"];

fn config(cases: u32) -> ProptestConfig {
    let set = |name: &str| std::env::var_os(name).is_some();
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if !set("PROPTEST_CASES") {
        config.cases = cases;
    }
    if !set("PROPTEST_RNG_SEED") {
        config.rng_seed = RngSeed::Fixed(0x5e55_1045);
    }
    config
}

/// One key of each algorithm, with a verifier for its tokens.
static ISSUERS: LazyLock<Vec<(Signer, Verifier)>> = LazyLock::new(|| {
    let issuer = |algorithm| {
        let key = match algorithm {
            Algorithm::ES256 => SigningKey::pem(algorithm, include_str!("keys/p256.pem")),
            Algorithm::ES384 => SigningKey::pem(algorithm, include_str!("keys/p384.pem")),
            Algorithm::EdDSA => SigningKey::pem(algorithm, include_str!("keys/ed25519.pem")),
            hmac if hmac.is_symmetric() => SigningKey::secret(algorithm, SECRET),
            _ => SigningKey::pem(algorithm, include_str!("keys/rsa.pem")),
        };
        let key = key.unwrap();
        let verifier = Verifier::builder(KeySet::new(key.clone())).issuer("iss").audience("aud");
        (Signer::new(key, ACCESS_TYPE), verifier.clock(Clock::manual(NOW)).build().unwrap())
    };
    Algorithm::ALL.into_iter().map(issuer).collect()
});

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<f64>().prop_filter_map("finite", Number::from_f64),
        prop_oneof![Just(-0.0), Just(f64::MAX), Just(f64::MIN_POSITIVE), Just(5e-324), Just(1e21)]
            .prop_filter_map("finite", Number::from_f64),
    ]
}

/// Any text: also empty, with control characters, from beyond the first plane.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number().prop_map(Value::Number),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..6).prop_map(|members| Map::from_iter(members).into()),
        ]
    })
}

/// An application's claims.
fn claims() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![4 => text(), 1 => "[a-z_]{1,12}"].prop_filter("ours", |name| !OURS.contains(&name.as_str()));
    prop::collection::btree_map(name, value(), 0..8).prop_map(Map::from_iter)
}

fn issuer() -> impl Strategy<Value = &'static (Signer, Verifier)> {
    (0..Algorithm::ALL.len()).prop_map(|index| &ISSUERS[index])
}

/// A payload with everything that the verifiers ask for.
fn whole(own: &Map<String, Value>, subject: &str, life: i64) -> String {
    let mut all = own.clone();
    let ours = json!({"iss": "iss", "aud": "aud", "sub": subject, "exp": NOW.as_secs() + life});
    all.extend(ours.as_object().unwrap().clone());
    Value::from(all).to_string()
}

/// As a reader of the text reads it: floats are printed exactly and read to the nearest neighbour.
fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn what_is_signed_is_accepted_with_the_same_claims(
        (signer, verifier) in issuer(), own in claims(), subject in text(), life in 1_i64..1_000_000_000,
    ) {
        let payload = whole(&own, &subject, life);
        let token = match signer.sign(&payload) {
            Ok(token) => token,
            Err(error) => {
                prop_assert!(error.kind() == KeyErrorKind::ClaimsTooLong && payload.len() > 5_000);
                return Ok(());
            }
        };
        let verified = verifier.verify(&token).unwrap();
        prop_assert_eq!(verified.registered().subject.as_deref(), Some(subject.as_str()));
        prop_assert_eq!(verified.registered().expires_at.as_secs(), NOW.as_secs() + life);
        prop_assert_eq!(verified.claims().as_str(), payload.as_str());
        let found = verified.read::<Map<String, Value>>().unwrap().into_parts().1;
        for (name, value) in read(&Value::from(own).to_string()).as_object().unwrap() {
            prop_assert_eq!(found.get(name), Some(value));
        }
    }

    #[test]
    fn a_single_bit_of_any_token_is_enough_to_refuse(
        (signer, verifier) in issuer(), own in claims(), place in any::<prop::sample::Index>(), bit in 0..7_u32,
    ) {
        let Ok(token) = signer.sign(&whole(&own, "alice", 60)) else { return Ok(()) };
        prop_assert!(verifier.verify(&token).is_ok());
        // The eighth bit makes it no text, which a verifier is never given.
        prop_assert!(verifier.verify(&flipped(&token, place.index(token.len()), bit)).is_err());
    }
}

fn flipped(token: &str, place: usize, bit: u32) -> String {
    let mut bytes = token.as_bytes().to_vec();
    bytes[place] ^= 1 << bit;
    String::from_utf8(bytes).unwrap()
}

/// Sessions whose accounts vouch for everybody, with these claims.
fn sessions(own: Map<String, Value>) -> Sessions<MemoryStore> {
    let grant = move |_: String| {
        let own = own.clone();
        async move { Ok::<_, io::Error>(Some(Grant::new(own))) }
    };
    let clock = Clock::manual(NOW);
    let keys = Keys::secrets(format!("access-{SECRET}"), format!("refresh-{SECRET}")).unwrap();
    let builder = Sessions::builder(keys, MemoryStore::new(clock.clone()), accounts_elsewhere(grant));
    builder.issuer("iss").clock(clock).build().unwrap()
}

/// Who a session's access token is for, with all of its claims.
fn claims_of(sessions: &Sessions<MemoryStore>, tokens: &Tokens) -> (String, Value) {
    let verified = sessions.verifier().verify(tokens.access_token()).unwrap();
    (verified.registered().subject.clone().unwrap(), read(verified.claims().as_str()))
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn a_session_carries_its_subject_and_claims_through_every_refresh(own in claims(), subject in text(), times in 1..4_usize) {
        run(async {
            let sessions = sessions(own.clone());
            let opened = sessions.open(subject.as_str(), Client::default()).await;
            let mut tokens = match opened {
                Ok(Opened::Tokens(tokens)) => tokens,
                // Too much for a token, or nobody.
                Err(_) => {
                    let long = Value::from(own).to_string().len() > 4_000;
                    prop_assert!(long || subject.is_empty() || subject.contains('\0'));
                    return Ok(());
                }
                other => panic!("{other:?}"),
            };
            let session = tokens.session_id();
            for time in 0..times {
                let (found, claims) = claims_of(&sessions, &tokens);
                prop_assert_eq!(&found, &subject);
                prop_assert_eq!(tokens.subject(), subject.as_str());
                prop_assert_eq!(tokens.session_id(), session);
                for (name, value) in read(&Value::from(own.clone()).to_string()).as_object().unwrap() {
                    prop_assert_eq!(claims.get(name), Some(value));
                }
                prop_assert_eq!(&claims["gen"], &json!(time + 1));
                tokens = match sessions.rotate(tokens.refresh_token()).await {
                    Ok(Refreshed::Tokens(tokens)) => tokens,
                    other => panic!("{other:?}"),
                };
                prop_assert!(tokens.refresh_token_is_new());
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_single_bit_of_a_refresh_token_is_enough_to_refuse(
        subject in "[^\0]{1,20}", place in any::<prop::sample::Index>(), bit in 0..7_u32,
    ) {
        run(async {
            let sessions = sessions(Map::new());
            let Ok(Opened::Tokens(tokens)) = sessions.open(subject.as_str(), Client::default()).await else { panic!() };
            let changed = flipped(tokens.refresh_token(), place.index(tokens.refresh_token().len()), bit);
            let answer = sessions.refresh(&changed).await.unwrap();
            prop_assert!(matches!(answer, Refreshed::Refused(Refused::Invalid(_))), "{:?}", answer);
            // And it has harmed nothing.
            let answer = sessions.refresh(tokens.refresh_token()).await.unwrap();
            prop_assert!(matches!(answer, Refreshed::Tokens(_)), "{:?}", answer);
            Ok(())
        })?;
    }

    #[test]
    fn nothing_that_was_not_signed_is_accepted(junk in text(), header in value(), payload in value(), signature in any::<[u8; 32]>()) {
        use base64::Engine as _;
        let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let (header, payload) = (header.to_string(), payload.to_string());
        let keys = KeySet::new(SigningKey::secret(Algorithm::HS256, SECRET).unwrap());
        let made = format!("{}.{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()), encode(&signature));
        let good = format!("{}.{}.{}", encode(br#"{"alg":"HS256"}"#), encode(payload.as_bytes()), encode(&signature));
        prop_assert!(Policy::new().verify(&junk, &keys, NOW).is_err());
        prop_assert!(Policy::new().verify(&made, &keys, NOW).is_err());
        let refused = Policy::new().verify(&good, &keys, NOW).unwrap_err();
        prop_assert_eq!(refused.kind(), TokenErrorKind::Signature);
    }
}
