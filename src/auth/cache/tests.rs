use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::auth::{Noted, RefusalKind, SessionWatch, Sight, Verifier, VerifierBuilder};
use crate::clock::Clock;
use crate::token::{ACCESS_TYPE, Algorithm, KeySet, Registered, Signer, SigningKey, TokenErrorKind};

mod floods;
mod times;

const NOW: i64 = 1_700_000_000;

struct Issuer {
    key: SigningKey,
    signer: Signer,
    clock: Clock,
}

impl Issuer {
    fn new() -> Self {
        let key = SigningKey::secret(Algorithm::HS256, "0123456789abcdefghijklmnopqrstuv").unwrap();
        Self { signer: Signer::new(key.clone(), ACCESS_TYPE), key, clock: Clock::manual(Timestamp::from_secs(NOW)) }
    }

    fn builder(&self) -> VerifierBuilder {
        Verifier::builder(KeySet::new(self.key.clone())).issuer("id").audience("api").clock(self.clock.clone())
    }

    fn verifier(&self) -> Verifier {
        self.builder().build().unwrap()
    }

    /// A token of that subject, good for a minute, with other members behind.
    fn token(&self, subject: &str, more: &str) -> String {
        let exp = NOW + 60;
        self.signer.sign(&format!(r#"{{"iss":"id","aud":"api","sub":"{subject}","exp":{exp}{more}}}"#)).unwrap()
    }

    fn at(&self, second: i64) {
        self.clock.set(Timestamp::from_secs(second));
    }
}

fn outcome(verifier: &Verifier, token: &str) -> Result<String, Option<TokenErrorKind>> {
    match verifier.verify(token) {
        Ok(verified) => Ok(verified.claims().as_str().to_owned()),
        Err(refusal) => Err(refusal.token_error()),
    }
}

/// The token comes as often as it needs to be kept.
fn known(verifier: &Verifier, token: &str) {
    (0..2).for_each(|_| drop(outcome(verifier, token).unwrap()));
}

#[test]
fn only_a_token_that_was_verified_twice_is_kept() {
    let issuer = Issuer::new();
    let verifier = issuer.verifier();
    let good = issuer.token("alice", "");
    assert!(!verifier.knows(&good));
    outcome(&verifier, &good).unwrap();
    assert!(!verifier.knows(&good));
    outcome(&verifier, &good).unwrap();
    assert!(verifier.knows(&good));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let bob = issuer.token("bob", "");
    let (_, other_signature) = bob.rsplit_once('.').unwrap();
    let exp = NOW - 1;
    let expired = issuer.signer.sign(&format!(r#"{{"iss":"id","aud":"api","sub":"alice","exp":{exp}}}"#)).unwrap();
    let foreign = issuer.signer.sign(r#"{"iss":"id","aud":"another","sub":"alice","exp":4102444800}"#).unwrap();
    for (bad, refused) in [
        (format!("{signed}.{other_signature}"), TokenErrorKind::Signature),
        (expired, TokenErrorKind::Expired),
        (foreign, TokenErrorKind::Audience),
        (format!("{signed}.{signature}="), TokenErrorKind::Malformed),
        (String::new(), TokenErrorKind::Malformed),
    ] {
        for _ in 0..3 {
            assert_eq!(outcome(&verifier, &bad), Err(Some(refused)), "{bad}");
            assert!(!verifier.knows(&bad), "{bad}");
        }
    }
}

#[test]
fn a_token_that_differs_in_one_byte_anywhere_is_another_token() {
    let issuer = Issuer::new();
    let verifier = issuer.verifier();
    let token = issuer.token("alice", "");
    known(&verifier, &token);
    // Most of these have the hash of the true one, which is over its end alone.
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(bytes).unwrap();
        assert!(!verifier.knows(&other), "{at}");
        assert!(outcome(&verifier, &other).is_err(), "{at}");
    }
    let end = &token[token.len() - HASHED..];
    for other in [end, &token[1..], &format!("A{token}"), &format!("{token}A"), ""] {
        assert!(!verifier.knows(other), "{other}");
    }
}

#[test]
fn what_one_verifier_knows_is_nothing_to_another() {
    let issuer = Issuer::new();
    let token = issuer.token("alice", "");
    let verifier = issuer.verifier();
    known(&verifier, &token);
    let other_key = SigningKey::secret(Algorithm::HS256, "vutsrqponmlkjihgfedcba9876543210").unwrap();
    let strangers = [
        (issuer.builder().audience("api").issuer("another"), TokenErrorKind::Issuer),
        (issuer.builder().subject_claim("_id"), TokenErrorKind::MissingClaim),
        (issuer.builder().session(), TokenErrorKind::MissingClaim),
        (issuer.builder().typ("jwt"), TokenErrorKind::Type),
        (Verifier::builder(KeySet::new(issuer.key.clone())).issuer("id").audience("b"), TokenErrorKind::Audience),
        // The key is gone from the set.
        (Verifier::builder(KeySet::new(other_key)).issuer("id").audience("api"), TokenErrorKind::UnknownKey),
    ];
    for (builder, refused) in strangers {
        let stranger = builder.clock(issuer.clock.clone()).build().unwrap();
        assert!(!stranger.knows(&token));
        assert_eq!(outcome(&stranger, &token), Err(Some(refused)));
    }
    // Its clones are the same verifier.
    assert!(verifier.clone().knows(&token));
}

/// Ends every session once it is told to, and notes how often it was asked, and what it had noted.
#[derive(Default)]
struct Watch(Mutex<(bool, Vec<u64>)>);

impl SessionWatch for Watch {
    fn sight(&self, _: &Registered, noted: &Noted) -> Sight {
        let mut state = self.0.lock().unwrap();
        state.1.push(noted.get());
        noted.set(noted.get() + 1);
        if state.0 { Sight::Ended } else { Sight::Live }
    }
}

#[test]
fn the_watch_is_asked_at_each_request_and_finds_its_note() {
    let issuer = Issuer::new();
    let watch = Arc::new(Watch::default());
    let verifier = issuer.builder().watch(Arc::clone(&watch) as Arc<dyn SessionWatch>).build().unwrap();
    let token = issuer.token("alice", "");
    for _ in 0..3 {
        verifier.verify(&token).unwrap();
    }
    verifier.verify(&issuer.token("bob", "")).unwrap();
    watch.0.lock().unwrap().0 = true;
    assert_eq!(verifier.verify(&token).unwrap_err().kind(), RefusalKind::SessionEnded);
    assert_eq!(watch.0.lock().unwrap().1, [0, 0, 1, 0, 2]);
}

#[test]
fn what_an_application_does_when_its_claims_are_dropped_meets_no_lock() {
    /// Asks the verifier that has just evicted it, which waits for ever where a lock is still held.
    struct Nosy(Verifier, Arc<Mutex<usize>>);
    impl Drop for Nosy {
        fn drop(&mut self) {
            for number in 0..50 {
                self.0.knows(&format!("{number}"));
            }
            *self.1.lock().unwrap() += 1;
        }
    }
    let issuer = Issuer::new();
    let (verifier, dropped) = (issuer.builder().cached_tokens(256).build().unwrap(), Arc::new(Mutex::new(0)));
    let keep = |token: &str| {
        let verified = issuer.verifier().verify(token).unwrap();
        verifier.plant(token, verified, Arc::new(Nosy(verifier.clone(), Arc::clone(&dropped))));
    };
    (0..1_000).for_each(|number| keep(&issuer.token(&format!("user {number}"), "")));
    assert!(*dropped.lock().unwrap() > 500);
    // One that takes the place of several at once.
    let before = *dropped.lock().unwrap();
    keep(&issuer.token("large", &format!(r#","padding":"{}""#, "x".repeat(2_500))));
    assert!(*dropped.lock().unwrap() > before + 1);
    // And all of them.
    issuer.at(NOW - 100);
    assert!(!verifier.knows("nobody"));
    assert_eq!((verifier.known().0, *dropped.lock().unwrap()), (0, 1_001));
}

#[test]
fn threads_that_share_it_get_the_answers_of_their_own_tokens() {
    let issuer = Issuer::new();
    let tokens: Vec<_> = (0..600).map(|number| issuer.token(&format!("user {number}"), "")).collect();
    let verifier = issuer.builder().cached_tokens(300).build().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (issuer, tokens, verifier) = (&issuer, &tokens, verifier.clone());
            scope.spawn(move || {
                for round in 0..5_000 {
                    let number = (round * (thread + 7)) % tokens.len();
                    let claims = outcome(&verifier, &tokens[number]).unwrap();
                    assert!(claims.contains(&format!(r#""sub":"user {number}""#)), "{claims}");
                    // Now and then the clock is set back and forth, which empties it while others ask.
                    if thread == 0 && round % 500 == 0 {
                        issuer.at(NOW - (round as i64 / 500 % 2) * 100);
                    }
                }
            });
        }
    });
    assert!(verifier.known().0 <= 300);
}

#[test]
fn tokens_are_wiped_when_they_go_and_never_shown() {
    // Of memory that was given back, only the type can say that it was wiped before.
    fn wiped<T: zeroize::ZeroizeOnDrop>(_: &T) {}
    wiped(&Token(Zeroizing::new(b"planted".as_slice().into())).0);
    let issuer = Issuer::new();
    let verifier = issuer.verifier();
    let token = issuer.token("planted", "");
    known(&verifier, &token);
    let shown = format!("{verifier:?}");
    assert!(shown.contains("kept: Some(1)"), "{shown}");
    assert!(!shown.contains("planted") && token.split('.').all(|part| !shown.contains(part)), "{shown}");
}
