//! The cases of one algorithm that need no other crate: the ladder from nothing to ours.

use std::hint::black_box;
use std::sync::{Arc, Mutex};

use aws_lc_rs::{hmac, signature};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt_sessions::Sessions;
use jwt_sessions::clock::Clock;
use jwt_sessions::store::MemoryStore;
use tokio::runtime::Runtime;

use crate::alike::{Credential, UNCOUNTED, bearer, cookie, each, same};
use crate::apps::{self, Checks, Claims};
use crate::rounds::{Case, Effort, meter};
use crate::sessions::{Fed, sessions};
use crate::tokens::{Alg, Fresh, SECRET};

/// The first case, which the others are compared with.
pub const BARE: &str = "the bare route";
/// A layer that does nothing.
pub const IDLE: &str = "a layer that does nothing";
/// The least that middleware can do.
pub const EMPTY: &str = "an empty `from_fn` that inserts one extension";
/// The signature check and nothing else.
pub const RAW: &str = "the signature check alone (aws-lc-rs)";
/// The same where each signature is another one, as at first sight: the processor has learned the way through none of them.
pub const RAW_NEW: &str = "the signature check alone, each one new";
/// The signature check where ours does it: alone it has the processor's caches for itself.
pub const PLACED: &str = "a layer of nothing but the signature check";
/// The same where each signature is another one.
pub const PLACED_NEW: &str = "a layer of nothing but the signature check, each one new";
/// The library that most use.
pub const DECODE: &str = "`jsonwebtoken::decode` alone";
/// What most write.
pub const HAND: &str = "hand-written `from_fn` over jsonwebtoken";
/// The same where each token is another one.
pub const HAND_NEW: &str = "hand-written `from_fn` over jsonwebtoken, each token new";
/// The same with the claims asked for.
pub const HAND_ASKING: &str = "hand-written, the handler asks for the claims";
/// Ours, in the ordinary case.
pub const HIT: &str = "jwt-sessions, seen before";
/// Ours by cookie.
pub const HIT_COOKIE: &str = "jwt-sessions, seen before, by cookie";
/// Ours with the claims asked for.
pub const HIT_ASKING: &str = "jwt-sessions, seen before, the handler asks for the claims";
/// Ours among many ended sessions.
pub const HIT_ENDED: &str = "jwt-sessions, seen before, a million ended sessions";
/// Ours, each token new.
pub const FIRST: &str = "jwt-sessions, first sight";
/// The same where no token is kept for the next time.
pub const FIRST_UNKEPT: &str = "jwt-sessions, first sight, nothing kept";
/// The same token again, where none is kept: what the other layers have to do each time.
pub const UNKEPT: &str = "jwt-sessions, nothing kept, the same token";

/// The sessions that a run's verifiers belong to: watched, some with many ended ones.
pub struct Ladder {
    watched: Sessions<Fed>,
    crowded: Sessions<Fed>,
    forgetful: Sessions<Fed>,
}

impl Ladder {
    /// For that algorithm.
    pub fn new(alg: Alg, effort: Effort, runtime: &Runtime) -> Self {
        let ended = effort.pick(10_000, 1_000_000);
        runtime.block_on(async {
            let of = |ended| {
                let clock = Clock::system();
                sessions(alg.keys(), Fed::new(MemoryStore::new(clock.clone()), ended), clock)
            };
            let (watched, crowded) = (of(0).build().unwrap(), of(ended).build().unwrap());
            let forgetful = of(0).cached_tokens(0).build().unwrap();
            for sessions in [&watched, &crowded, &forgetful] {
                sessions.ready().await;
            }
            Self { watched, crowded, forgetful }
        })
    }

    /// The cases, the bare route first.
    pub fn cases<'a>(&self, alg: Alg, runtime: &'a Runtime) -> Vec<Case<'a>> {
        apps::choose_backend();
        let token = alg.token(1);
        let header = || bearer(&token);
        let verifier = || self.watched.verifier();
        vec![
            same(BARE, runtime, apps::bare(), header()),
            same(IDLE, runtime, apps::idle_layer(), header()),
            same(EMPTY, runtime, apps::empty_from_fn(), header()),
            raw(alg, &token),
            raw_new(alg),
            placed(alg, &token, runtime),
            placed_new(alg, runtime),
            decode(alg, &token),
            same(HAND, runtime, apps::hand_written(alg), header()),
            each(HAND_NEW, most(alg), runtime, apps::hand_written(alg), bearers(alg)),
            same(HAND_ASKING, runtime, apps::hand_written_asking(alg), header()),
            same(HIT, runtime, apps::ours(verifier()), header()),
            same(HIT_COOKIE, runtime, apps::ours(verifier()), cookie(&token)),
            same(HIT_ASKING, runtime, apps::ours_asking(verifier()), header()),
            same(HIT_ENDED, runtime, apps::ours(self.crowded.verifier()), header()),
            first(FIRST, alg, &self.watched, runtime),
            first(FIRST_UNKEPT, alg, &self.forgetful, runtime),
            same(UNKEPT, runtime, apps::ours(self.forgetful.verifier()), header()),
        ]
    }
}

/// How many new tokens a turn has at most: signing takes its time too, unmeasured.
fn most(alg: Alg) -> usize {
    if alg.ours.is_symmetric() { 1024 } else { 128 }
}

/// New tokens, in headers.
fn bearers(alg: Alg) -> impl FnMut(usize) -> Vec<Credential> {
    let mut tokens = Fresh::new(alg.signing_key());
    move |times| tokens.take(times).iter().map(|token| bearer(token)).collect()
}

/// Each token is new to a verifier that has been running for a while: no cache can know it.
fn first<'a>(name: &str, alg: Alg, sessions: &Sessions<Fed>, runtime: &'a Runtime) -> Case<'a> {
    let (app, sessions, mut bearers) = (apps::ours(sessions.verifier()), sessions.clone(), bearers(alg));
    each(name, most(alg), runtime, app, move |times| {
        // What waits to be confirmed is written now, so that the queue is never full.
        runtime.block_on(sessions.flush());
        bearers(times)
    })
}

fn raw<'a>(alg: Alg, token: &str) -> Case<'a> {
    let (check, parts) = (check(alg), parts(token));
    Case::new(RAW, move || check(black_box(&parts)))
}

fn raw_new<'a>(alg: Alg) -> Case<'a> {
    let (check, mut tokens) = (check(alg), Fresh::new(alg.signing_key()));
    Case::prepared(RAW_NEW, most(alg), move |times| {
        let parts: Vec<_> = tokens.take(UNCOUNTED + times).iter().map(|token| parts(token)).collect();
        let (uncounted, counted) = parts.split_at(UNCOUNTED);
        uncounted.iter().for_each(&check);
        let begun = meter();
        counted.iter().for_each(&check);
        meter() - begun
    })
}

fn placed<'a>(alg: Alg, token: &str, runtime: &'a Runtime) -> Case<'a> {
    let (check, parts) = (check(alg), parts(token));
    let app = apps::checking(move || check(black_box(&parts)));
    same(PLACED, runtime, app, bearer(token))
}

fn placed_new<'a>(alg: Alg, runtime: &'a Runtime) -> Case<'a> {
    let (check, next, mut tokens) =
        (check(alg), Arc::new(Mutex::new(Vec::new().into_iter())), Fresh::new(alg.signing_key()));
    let app = {
        let next = Arc::clone(&next);
        apps::checking(move || check(&next.lock().unwrap().next().unwrap()))
    };
    each(PLACED_NEW, most(alg), runtime, app, move |times| {
        let tokens = tokens.take(times);
        *next.lock().unwrap() = tokens.iter().map(|token| parts(token)).collect::<Vec<_>>().into_iter();
        tokens.iter().map(|token| bearer(token)).collect()
    })
}

/// What is signed, and the signature.
type Parts = (String, Vec<u8>);

fn parts(token: &str) -> Parts {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    (signed.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
}

fn check(alg: Alg) -> Box<dyn Fn(&Parts) + Send + Sync> {
    if alg.pem[1].is_empty() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        return Box::new(move |(signed, signature)| hmac::verify(&key, signed.as_bytes(), signature).unwrap());
    }
    let algorithm: &'static dyn signature::VerificationAlgorithm = match alg.theirs {
        jsonwebtoken::Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
        jsonwebtoken::Algorithm::EdDSA => &signature::ED25519,
        _ => &signature::RSA_PKCS1_2048_8192_SHA256,
    };
    let der = STANDARD.decode(alg.pem[1].lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
    let key = signature::ParsedPublicKey::new(algorithm, der).unwrap();
    Box::new(move |(signed, signature)| key.verify_sig(signed.as_bytes(), signature).unwrap())
}

fn decode<'a>(alg: Alg, token: &str) -> Case<'a> {
    let (checks, token) = (Checks::new(alg), token.to_owned());
    Case::new(DECODE, move || {
        black_box(jsonwebtoken::decode::<Claims>(black_box(&token), &checks.key, &checks.validation).unwrap());
    })
}
