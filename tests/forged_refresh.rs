//! A forged, foreign or expired refresh token is refused by what stands in it: neither the store nor the accounts are asked, so
//! that a flood of them costs each at most a signature check.
//!
//! What one costs is a measurement, for a quiet machine:
//!
//! ```text
//! cargo test --release --test forged_refresh -- --ignored --nocapture
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers outside the test functions fail their test; a measurement is read"
)]

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_sessions::session::Refused;
use jwt_sessions::token::{ACCESS_TYPE, Algorithm, REFRESH_TYPE, Signer, SigningKey, TokenErrorKind};
use jwt_sessions::{Refreshed, Tokens};
use serde_json::{Value, json};

use self::common::store::Mood;
use self::common::{ACCESS_SECRET, REFRESH, REFRESH_SECRET, World, payload, post};

#[path = "common/world.rs"]
mod common;

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 8192;

fn key(secret: &str) -> SigningKey {
    SigningKey::secret(Algorithm::HS256, secret).unwrap()
}

fn signed(key: SigningKey, typ: &str, payload: &Value) -> String {
    Signer::new(key, typ).sign(&payload.to_string()).unwrap()
}

/// The token with another header, its signature made anew: only the issuer could.
fn headed(header: &Value, token: &str) -> String {
    let middle = token.split('.').nth(1).unwrap();
    let message = format!("{}.{middle}", URL_SAFE_NO_PAD.encode(header.to_string()));
    let signature = hmac(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hmac(message: &[u8]) -> Vec<u8> {
    use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
    let secret = jsonwebtoken::EncodingKey::from_secret(REFRESH_SECRET.as_bytes());
    (DEFAULT_PROVIDER.signer_factory)(&jsonwebtoken::Algorithm::HS256, &secret).unwrap().try_sign(message).unwrap()
}

/// What is wrong with it, the token, and why it is refused.
type Forged = (&'static str, String, TokenErrorKind);

/// Every way in which a token can fail, made of a good one.
fn forged(good: &Tokens) -> Vec<Forged> {
    use TokenErrorKind as Kind;
    let (token, ours, claims) = (good.refresh_token(), key(REFRESH_SECRET), payload(good.refresh_token()));
    let kid = ours.key_id().unwrap().to_owned();
    let other = || key("another-secret-0123456789-abcdefghij");
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        signed(ours.clone(), REFRESH_TYPE, &claims)
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        signed(ours.clone(), REFRESH_TYPE, &claims)
    };
    let header = |change: Value| {
        let mut header = json!({"alg": "HS256", "typ": REFRESH_TYPE, "kid": kid});
        header.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        headed(&header, token)
    };
    let (signed_part, signature) = token.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let long = |length: usize| {
        let head = &token[..=token.find('.').unwrap()];
        format!("{head}{}.{signature}", "A".repeat((length - head.len() - signature.len() - 1) & !3))
    };
    vec![
        ("one letter of the signature", format!("{signed_part}.{flipped}{}", &signature[1..]), Kind::Signature),
        ("another key under our name", signed(other().kid(&kid), REFRESH_TYPE, &claims), Kind::Signature),
        ("another key", signed(other(), REFRESH_TYPE, &claims), Kind::UnknownKey),
        ("the key of access tokens", signed(key(ACCESS_SECRET), REFRESH_TYPE, &claims), Kind::UnknownKey),
        ("the type of access tokens", signed(ours.clone(), ACCESS_TYPE, &claims), Kind::Type),
        ("an access token", good.access_token().to_owned(), Kind::Type),
        ("no algorithm", header(json!({"alg": "none"})), Kind::Algorithm),
        ("an extension", header(json!({"crit": ["exp"]})), Kind::Critical),
        ("a payload that is not encoded", header(json!({"b64": false})), Kind::Unencoded),
        ("another audience", with("aud", json!("https://app.example")), Kind::Audience),
        ("another issuer", with("iss", json!("https://elsewhere.example")), Kind::Issuer),
        ("expired for a minute", with("exp", json!(common::NOW - 60)), Kind::Expired),
        ("no secret", without("sec"), Kind::ClaimType),
        ("no session", without("sid"), Kind::MissingClaim),
        ("no subject", without("sub"), Kind::MissingClaim),
        ("garbage", "garbage".into(), Kind::Malformed),
        ("four segments", format!("{token}.{signature}"), Kind::Malformed),
        ("as long as can be", long(LONGEST), Kind::Signature),
        ("longer", long(LONGEST + 8), Kind::TooLong),
    ]
}

/// An application with a session, its store and its accounts broken from now on: whoever asks them gets an error.
async fn world() -> (World, Tokens) {
    let world = World::new();
    let jar = world.login("alice").await;
    let Refreshed::Tokens(good) = world.sessions.refresh(jar.get(REFRESH)).await.unwrap() else { panic!() };
    world.wait(91);
    world.store.is(Mood::Failing);
    (world, good)
}

#[tokio::test]
async fn a_forged_token_is_refused_without_the_store_and_the_accounts() {
    let (world, good) = world().await;
    for broken in [false, true] {
        world.people(|people| people.broken = broken);
        assert!(world.sessions.refresh(good.refresh_token()).await.is_err(), "a good one asks both");
    }
    for (what, token, kind) in forged(&good) {
        for refused in [world.sessions.refresh(&token).await, world.sessions.rotate(&token).await] {
            match refused {
                Ok(Refreshed::Refused(Refused::Invalid(refused))) => assert_eq!(refused, kind, "{what}"),
                other => panic!("{what}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn the_same_over_http_from_a_cookie_and_from_a_body() {
    let (world, good) = world().await;
    world.people(|people| people.broken = true);
    assert_eq!(world.send(post("/auth/refresh").token(good.refresh_token())).await.status, 503);
    for (what, token, _) in forged(&good) {
        let cookie = format!("{REFRESH}={token}");
        for path in ["/auth/refresh", "/auth/rotate", "/auth/logout"] {
            for asking in [post(path).token(&token), post(path).header("cookie", &cookie)] {
                let answer = world.send(asking).await;
                if path == "/auth/logout" {
                    assert_eq!(answer.status, 200, "{what}: {}", answer.text);
                    continue;
                }
                assert_eq!(answer.said(), (401, "invalid_token".to_owned()), "{path} with {what}");
                assert!(answer.cookies().is_empty(), "{path} with {what}");
            }
        }
    }
}

/// A refusal is a fifth of a refresh at most, though the store is this process's memory; a flood of the longest tokens, which are
/// twenty times as long as good ones, no more than a refresh each.
#[tokio::test]
#[ignore = "a measurement, for a release build"]
async fn a_forged_token_costs_a_fraction_of_a_refresh() {
    const ROUNDS: usize = 21;
    const EACH: u32 = 500;
    let world = World::new();
    let mut token = world.login("alice").await.get(REFRESH).to_owned();
    let Refreshed::Tokens(good) = world.sessions.refresh(&token).await.unwrap() else { panic!() };
    let forged = forged(&good);
    let mut refreshes = Vec::new();
    let mut refusals = vec![Vec::new(); forged.len()];
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..EACH {
            world.wait(91);
            let Refreshed::Tokens(next) = world.sessions.refresh(&token).await.unwrap() else { panic!() };
            assert!(next.refresh_token_is_new());
            token = next.refresh_token().to_owned();
        }
        refreshes.push(start.elapsed() / EACH);
        for ((_, token, _), times) in forged.iter().zip(&mut refusals) {
            let start = Instant::now();
            for _ in 0..EACH {
                assert!(matches!(world.sessions.refresh(token).await, Ok(Refreshed::Refused(_))));
            }
            times.push(start.elapsed() / EACH);
        }
    }
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let refresh = median(refreshes);
    println!("{:6} ns  a refresh", refresh.as_nanos());
    for ((what, token, _), times) in forged.iter().zip(refusals) {
        let refusal = median(times);
        println!("{:6} ns  {what}", refusal.as_nanos());
        let most = if token.len() > 1000 { refresh } else { refresh / 5 };
        assert!(refusal <= most, "{what}: {refusal:?}, and a refresh {refresh:?}");
    }
}
