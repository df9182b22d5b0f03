//! Who was logged in with a system without sessions stays logged in, and a token of it is good once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers outside the test functions fail their test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jwt_sessions::clock::Clock;
use jwt_sessions::router::RouterRefusalKind;
use jwt_sessions::session::{
    Denied, Event, EventKind, Events, LegacySecret, LegacyTokens, Opening, Outcome, Refreshed, Refused, Reuse,
    Rotation, SessionErrorKind, SessionsBuilder,
};
use jwt_sessions::token::{Algorithm, KeyErrorKind, Signer, SigningKey};
use jwt_sessions::{Grant, Keys, NoLogin, Sessions, Tokens, accounts};
use serde_json::json;
use tokio::sync::Notify;

use self::common::store::{Mood, Store};
use self::common::{Gate, NOW, REFRESH, World, generation, payload, post};

#[path = "common/world.rs"]
mod common;

/// The old system's secret for refresh tokens.
const SECRET: &str = "the-old-systems-secret-0123456789-abcdef";
/// That of the [`World`]'s sessions: whoever migrates often keeps it.
const KEPT: &str = "refresh-secret-0123456789-abcdefghij";
const W: u64 = 30;

/// The old system's table.
#[derive(Default)]
struct Old {
    /// A user, and the token that is stored for them.
    kept: Vec<(String, String)>,
    broken: bool,
    cannot_forget: bool,
    asked: usize,
    /// Who comes with the same token while the next question waits for its answer.
    meanwhile: Option<Sessions<Store>>,
    /// The next answer is on its way until it is let through.
    gate: Option<Arc<Gate>>,
    forgotten: Arc<Notify>,
}

/// A world that takes the place of the old system.
struct Migration {
    world: World,
    old: Arc<Mutex<Old>>,
    events: Arc<Mutex<Vec<EventKind>>>,
    denies: Arc<Mutex<bool>>,
}

struct Hook(Arc<Mutex<Vec<EventKind>>>, Arc<Mutex<bool>>);

impl Events for Hook {
    fn event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(event.kind);
    }

    fn before_open(&self, _: &Opening<'_>) -> Result<(), Denied> {
        if *self.1.lock().unwrap() { Err(Denied::new()) } else { Ok(()) }
    }
}

impl Migration {
    fn new(secret: &str) -> Self {
        Self::built(secret, |builder| builder)
    }

    fn built(secret: &str, build: impl FnOnce(SessionsBuilder<Store>) -> SessionsBuilder<Store>) -> Self {
        let old = Arc::new(Mutex::new(Old::default()));
        let (vouching, forgetting) = (old.clone(), old.clone());
        let vouch = move |subject: String, token: String| {
            let old = vouching.clone();
            async move {
                let meanwhile = old.lock().unwrap().meanwhile.take();
                if let Some(sessions) = meanwhile {
                    assert!(matches!(Box::pin(sessions.refresh(&token)).await, Ok(Refreshed::Tokens(_))));
                }
                let (answer, gate) = {
                    let mut old = old.lock().unwrap();
                    old.asked += 1;
                    if old.broken {
                        return Err(std::io::Error::other("planted: the old table is broken"));
                    }
                    (old.kept.contains(&(subject, token)), old.gate.take())
                };
                if let Some(gate) = gate {
                    gate.begun.notify_one();
                    gate.go_on.notified().await;
                }
                Ok(answer)
            }
        };
        let forget = move |subject: String, token: String| {
            let mut old = forgetting.lock().unwrap();
            let answer = if old.cannot_forget {
                Err(std::io::Error::other("planted: the old table cannot be written"))
            } else {
                old.kept.retain(|kept| *kept != (subject.clone(), token.clone()));
                old.forgotten.notify_one();
                Ok(())
            };
            async move { answer }
        };
        let legacy = LegacyTokens::new(LegacySecret::new(secret).unwrap(), vouch, forget);
        let (events, denies) = (Arc::default(), Arc::default());
        let hook = Hook(Arc::clone(&events), Arc::clone(&denies));
        let world = World::built(|builder| build(builder.legacy_refresh_tokens(legacy).events(hook)));
        Self { world, old, events, denies }
    }

    /// A token that the old system has issued `age` seconds ago and stored for alice.
    fn issued(&self, secret: &str, age: i64) -> String {
        let token = legacy(secret, "alice", NOW - age);
        self.old.lock().unwrap().kept.push(("alice".to_owned(), token.clone()));
        token
    }

    async fn refresh(&self, token: &str) -> Refreshed {
        self.world.sessions.refresh(token).await.unwrap()
    }

    async fn tokens(&self, token: &str) -> Tokens {
        match self.refresh(token).await {
            Refreshed::Tokens(tokens) => tokens,
            Refreshed::Refused(refused) => panic!("{refused:?}"),
        }
    }

    async fn refused(&self, token: &str) -> Refused {
        match self.refresh(token).await {
            Refreshed::Tokens(_) => panic!("taken"),
            Refreshed::Refused(refused) => refused,
        }
    }
}

/// As `jsonwebtoken` of Node signs one: `{"alg":"HS256","typ":"JWT"}`, and the members in this order.
fn legacy(secret: &str, subject: &str, issued: i64) -> String {
    let key = SigningKey::secret(Algorithm::HS256, secret).unwrap().without_kid();
    let payload = json!({"_id": subject, "iat": issued, "exp": issued + 10 * 24 * 3600});
    Signer::new(key, "JWT").sign(&payload.to_string()).unwrap()
}

#[tokio::test]
async fn a_token_of_the_old_system_is_replaced_by_one_of_a_session() {
    for secret in [SECRET, KEPT] {
        let migration = Migration::new(secret);
        let old = migration.issued(secret, 3600);
        let new = migration.tokens(&old).await;
        assert_eq!((new.subject(), generation(new.refresh_token())), ("alice", 2));
        assert!(new.refresh_token_is_new() && migration.world.takes(new.access_token()).await);
        assert!(migration.old.lock().unwrap().kept.is_empty(), "forgotten");
        // The old system may have issued it for another refresh token: when a password was shown, nobody knows.
        assert_eq!(payload(new.access_token())["auth_time"], 0);
        migration.world.wait(91);
        let next = migration.tokens(new.refresh_token()).await;
        assert_eq!(next.session_id(), new.session_id());
        let names: Vec<_> = migration.events.lock().unwrap().iter().map(|kind| kind.name()).collect();
        assert_eq!(names, ["adopted", "rotated", "rotated"]);
    }
}

#[tokio::test]
async fn two_tabs_with_one_token_both_stay_logged_in() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    let (one, two) = tokio::join!(migration.tokens(&old), migration.tokens(&old));
    assert_eq!(one.refresh_token(), two.refresh_token());
    migration.world.wait(W);
    assert_eq!(migration.tokens(&old).await.refresh_token(), one.refresh_token(), "a retry");
    assert_eq!(migration.world.sessions.list("alice").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_tab_that_was_overtaken_stays_logged_in() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    migration.old.lock().unwrap().meanwhile = Some(migration.world.sessions.clone());
    let new = migration.tokens(&old).await;
    assert_eq!((generation(new.refresh_token()), migration.old.lock().unwrap().asked), (2, 2));
    let names: Vec<_> = migration.events.lock().unwrap().iter().map(|kind| kind.name()).collect();
    assert_eq!(names, ["adopted", "rotated", "replayed"]);
}

#[tokio::test]
async fn a_tab_that_was_overtaken_after_the_account_vouched_stays_logged_in() {
    for others_are_ended in [false, true] {
        let migration = Migration::new(SECRET);
        let old = migration.issued(SECRET, 60);
        let gate = Arc::new(Gate::default());
        migration.old.lock().unwrap().gate = Some(gate.clone());
        let (sessions, token) = (migration.world.sessions.clone(), old.clone());
        let overtaken = tokio::spawn(async move { sessions.refresh(&token).await.unwrap() });
        gate.begun.notified().await;
        let new = migration.tokens(&old).await;
        if others_are_ended {
            migration.world.sessions.revoke_subject("alice", Some(new.session_id())).await.unwrap();
        }
        gate.go_on.notify_one();
        let Refreshed::Tokens(again) = overtaken.await.unwrap() else { panic!("refused") };
        assert_eq!(again.refresh_token(), new.refresh_token());
        let names: Vec<_> = migration.events.lock().unwrap().iter().map(|kind| kind.name()).collect();
        assert_eq!(names, ["adopted", "rotated", "replayed"]);
    }
}

#[tokio::test]
async fn a_lost_answer_can_be_asked_for_again_until_it_was_seen_in_use() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    let lost = migration.tokens(&old).await;
    migration.world.wait(3600);
    let again = migration.tokens(&old).await;
    assert_eq!(again.session_id(), lost.session_id());
    assert_eq!(generation(again.refresh_token()), 3);
    assert_eq!(migration.events.lock().unwrap().last(), Some(&EventKind::Presented(Outcome::Reissued)));
}

#[tokio::test]
async fn whoever_comes_late_with_a_copy_ends_the_session() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    let new = migration.tokens(&old).await;
    migration.world.wait(91);
    let next = migration.tokens(new.refresh_token()).await;
    assert_eq!(migration.refused(&old).await, Refused::SessionEnded(Outcome::Reused(Reuse::Stale)));
    assert_eq!(migration.refused(next.refresh_token()).await, Refused::SessionEnded(Outcome::Ended));
    // Ended is ended, and stays so when the session is deleted.
    assert_eq!(migration.refused(&old).await, Refused::SessionEnded(Outcome::Ended));
    migration.world.wait(3 * 3600);
    assert_eq!(migration.world.sessions.purge().await.unwrap(), 1);
    assert_eq!(migration.refused(&old).await, Refused::SessionEnded(Outcome::Unknown));
}

#[tokio::test]
async fn a_signature_alone_opens_nothing() {
    let migration = Migration::new(SECRET);
    let kept = migration.issued(SECRET, 60);
    let session_ended = Refused::SessionEnded(Outcome::Unknown);
    // An older token of hers, and one of somebody else.
    assert_eq!(migration.refused(&legacy(SECRET, "alice", NOW - 61)).await, session_ended);
    assert_eq!(migration.refused(&legacy(SECRET, "bob", NOW - 60)).await, session_ended);
    assert!(migration.world.sessions.list("alice").await.unwrap().is_empty());
    let asked = migration.old.lock().unwrap().asked;
    assert_eq!(asked, 2);
    // Without the signature nobody is asked.
    for forged in
        [legacy(&SECRET.replace("old", "own"), "alice", NOW - 60), kept.replace('.', ".A"), kept[1..].to_owned()]
    {
        assert!(matches!(migration.refused(&forged).await, Refused::Invalid(_)));
    }
    assert_eq!(migration.old.lock().unwrap().asked, asked);
}

#[tokio::test]
async fn a_token_that_has_expired_is_refused() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 10 * 24 * 3600);
    let refused = migration.refused(&old).await;
    assert_eq!(refused, Refused::Invalid(jwt_sessions::token::TokenErrorKind::Expired));
}

#[tokio::test]
async fn a_broken_account_or_store_takes_nothing_away() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    let failed = async || migration.world.sessions.refresh(&old).await.unwrap_err().kind();

    migration.old.lock().unwrap().broken = true;
    assert_eq!(failed().await, SessionErrorKind::Accounts);
    migration.old.lock().unwrap().broken = false;

    migration.world.store.is(Mood::Failing);
    assert_eq!(failed().await, SessionErrorKind::Store);
    migration.world.store.is(Mood::Well);

    // Vouched for, but not forgotten: not rotated either, and asked again.
    migration.old.lock().unwrap().cannot_forget = true;
    assert_eq!(failed().await, SessionErrorKind::Accounts);
    assert_eq!(failed().await, SessionErrorKind::Accounts);
    migration.old.lock().unwrap().cannot_forget = false;

    migration.world.people(|people| people.broken = true);
    assert_eq!(failed().await, SessionErrorKind::Accounts);
    migration.world.people(|people| people.broken = false);

    let new = migration.tokens(&old).await;
    assert_eq!(generation(new.refresh_token()), 2);
    assert!(migration.old.lock().unwrap().kept.is_empty());
}

#[tokio::test]
async fn an_account_that_is_gone_gets_nothing() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    migration.world.people(|people| people.disabled = true);
    assert_eq!(migration.refused(&old).await, Refused::AccountGone);
    migration.world.people(|people| people.disabled = false);
    assert_eq!(migration.refused(&old).await, Refused::SessionEnded(Outcome::Ended), "as with any session");
}

#[tokio::test]
async fn a_logout_everywhere_counts_for_tokens_from_before() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    migration.world.sessions.revoke_subject("alice", None).await.unwrap();
    assert_eq!(migration.refused(&old).await, Refused::SessionEnded(Outcome::Ended));
    assert!(migration.world.sessions.list("alice").await.unwrap().is_empty());
}

#[tokio::test]
async fn the_application_may_refuse_to_take_one() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    *migration.denies.lock().unwrap() = true;
    assert_eq!(migration.refused(&old).await, Refused::Denied);
    let answer = migration.world.send(post("/auth/refresh").token(&old)).await;
    assert_eq!((answer.status.as_u16(), answer.kind()), (403, Some(RouterRefusalKind::AccessDenied)));
    *migration.denies.lock().unwrap() = false;
    let _ = migration.tokens(&old).await;
}

#[tokio::test]
async fn logging_out_ends_a_token_that_was_never_replaced() {
    for path in ["/auth/logout", "/auth/logout-all"] {
        let migration = Migration::new(SECRET);
        let old = migration.issued(SECRET, 60);
        let answer = migration.world.send(post(path).token(&old)).await;
        assert_eq!(answer.status, 200);
        assert!(migration.old.lock().unwrap().kept.is_empty());
        assert!(matches!(migration.refused(&old).await, Refused::SessionEnded(_)), "{path}");
    }
    // One that the account does not vouch for ends nobody's sessions.
    let migration = Migration::new(SECRET);
    let held = migration.world.login_by_body("alice").await;
    let answer = migration.world.send(post("/auth/logout-all").token(&legacy(SECRET, "alice", NOW - 60))).await;
    assert_eq!(answer.status, 200);
    let _ = migration.tokens(&held.refresh).await;
}

#[tokio::test]
async fn a_login_takes_the_place_of_a_token_that_came_along() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    let asking = post("/auth/login").json(json!({"username": "alice", "password": "right"}));
    let answer = migration.world.send(asking.header("cookie", format!("{REFRESH}={old}"))).await;
    assert_eq!(answer.status, 200);
    assert!(matches!(migration.refused(&old).await, Refused::Replaced));
}

#[tokio::test]
async fn a_cookie_of_the_old_system_is_answered_in_cookies() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    let asking = post("/auth/refresh").header("cookie", format!("{REFRESH}={old}")).header("user-agent", "a browser");
    let answer = migration.world.send(asking).await;
    assert_eq!((answer.status.as_u16(), answer.cookies().len()), (200, 2));
    let listed = migration.world.sessions.list("alice").await.unwrap();
    assert_eq!(listed.first().unwrap().device.user_agent.as_deref(), Some("a browser"));
    // Beside its own successor it is the older one of the same session.
    let new = answer.cookies().into_iter().find_map(|cookie| cookie.strip_prefix(&format!("{REFRESH}="))).unwrap();
    let new = new.split(';').next().unwrap().to_owned();
    migration.world.wait(91);
    let both = format!("{REFRESH}={old}; {REFRESH}={new}");
    assert_eq!(migration.world.send(post("/auth/refresh").header("cookie", both)).await.status, 200);
}

#[tokio::test]
async fn without_being_told_no_token_of_another_system_is_taken() {
    let world = World::new();
    let refused = world.sessions.refresh(&legacy(KEPT, "alice", NOW - 60)).await.unwrap();
    assert!(matches!(refused, Refreshed::Refused(Refused::Invalid(_))));
}

#[tokio::test]
async fn access_tokens_of_the_old_system_are_not_taken() {
    let migration = Migration::new(KEPT);
    // Signed with the secret of access tokens, as the old system did.
    let key = SigningKey::secret(Algorithm::HS256, "access-secret-0123456789-abcdefghij").unwrap().without_kid();
    let payload =
        json!({"_id": "alice", "email": "a@b.c", "username": "alice", "fullName": "A", "iat": NOW, "exp": NOW + 60});
    let access = Signer::new(key, "JWT").sign(&payload.to_string()).unwrap();
    assert!(!migration.world.takes(&access).await);
    assert!(matches!(migration.refused(&access).await, Refused::Invalid(_)));
}

#[test]
fn a_short_secret_is_named_for_what_it_is() {
    async fn vouch(_: String, _: String) -> Result<bool, std::io::Error> {
        Ok(true)
    }
    async fn forget(_: String, _: String) -> Result<(), std::io::Error> {
        Ok(())
    }
    let short = "chai";
    assert_eq!(LegacySecret::new(short).unwrap_err().kind(), KeyErrorKind::TooShort);
    let secret = LegacySecret::dangerous_weak(short).unwrap();
    let taken = (secret.clone(), LegacyTokens::new(secret, vouch, forget));
    assert!(!format!("{taken:?}").contains(short));
    for bad in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
        assert!(LegacySecret::dangerous_weak(bad).is_err());
    }
}

#[tokio::test]
async fn rotating_with_one_cuts_it_off() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    let Refreshed::Tokens(new) = migration.world.sessions.rotate(&old).await.unwrap() else { panic!("refused") };
    assert_eq!(migration.refused(&old).await, Refused::SessionEnded(Outcome::Superseded));
    let _ = migration.tokens(new.refresh_token()).await;
}

#[tokio::test]
async fn a_logout_everywhere_counts_for_as_long_as_tokens_from_before_live() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    migration.world.sessions.revoke_subject("alice", None).await.unwrap();
    migration.world.wait(9 * 24 * 3600);
    migration.world.sessions.purge().await.unwrap();
    assert_eq!(migration.refused(&old).await, Refused::SessionEnded(Outcome::Ended));
    assert!(migration.old.lock().unwrap().kept.is_empty(), "the account keeps no token that is good for nothing");
}

#[tokio::test]
async fn a_token_from_before_what_a_store_remembers_is_refused() {
    let migration = Migration::new(SECRET);
    for (days, taken) in [(399, true), (401, false)] {
        let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap().without_kid();
        let payload = json!({"_id": "alice", "iat": NOW - days * 24 * 3600, "exp": NOW + 60});
        let old = Signer::new(key, "JWT").sign(&payload.to_string()).unwrap();
        migration.old.lock().unwrap().kept.push(("alice".to_owned(), old.clone()));
        assert_eq!(matches!(migration.refresh(&old).await, Refreshed::Tokens(_)), taken, "{days} days");
    }
}

#[tokio::test]
async fn a_token_that_could_not_be_forgotten_does_not_come_back_after_a_logout() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    migration.old.lock().unwrap().cannot_forget = true;
    assert!(migration.world.sessions.refresh(&old).await.is_err());
    migration.old.lock().unwrap().cannot_forget = false;
    assert_eq!(migration.world.send(post("/auth/logout").token(&old)).await.status, 200);
    migration.world.wait(3 * 3600);
    assert_eq!(migration.world.sessions.purge().await.unwrap(), 1);
    assert_eq!(migration.refused(&old).await, Refused::SessionEnded(Outcome::Unknown));
}

#[tokio::test]
async fn a_logout_overtakes_a_refresh_that_has_begun() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    // The account vouches, then the logout comes, then the refresh goes on.
    let gate = Arc::new(Gate::default());
    migration.old.lock().unwrap().gate = Some(gate.clone());
    let (sessions, token) = (migration.world.sessions.clone(), old.clone());
    let refreshing = tokio::spawn(async move { sessions.refresh(&token).await.unwrap() });
    gate.begun.notified().await;
    assert_eq!(migration.world.send(post("/auth/logout").token(&old)).await.status, 200);
    gate.go_on.notify_one();
    let refreshed = refreshing.await.unwrap();
    assert!(matches!(refreshed, Refreshed::Refused(Refused::SessionEnded(Outcome::Ended))), "{refreshed:?}");
    assert!(migration.world.sessions.list("alice").await.unwrap().is_empty());
}

#[tokio::test]
async fn who_hangs_up_leaves_no_token_half_taken() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    let gate = Arc::new(Gate::default());
    migration.old.lock().unwrap().gate = Some(gate.clone());
    let (sessions, token) = (migration.world.sessions.clone(), old.clone());
    let refreshing = tokio::spawn(async move { sessions.refresh(&token).await });
    gate.begun.notified().await;
    refreshing.abort();
    assert!(refreshing.await.is_err());
    let forgotten = migration.old.lock().unwrap().forgotten.clone();
    gate.go_on.notify_one();
    tokio::time::timeout(Duration::from_secs(10), forgotten.notified()).await.expect("forgotten");
    assert!(migration.old.lock().unwrap().kept.is_empty());
}

#[tokio::test]
async fn a_logout_of_all_others_keeps_the_one_that_asks() {
    let migration = Migration::new(SECRET);
    let old = migration.issued(SECRET, 60);
    let other = migration.world.login_by_body("alice").await;
    let asking = post("/auth/logout-all").json(json!({"refresh_token": old, "keep_current": true}));
    assert_eq!(migration.world.send(asking).await.status, 200);
    assert_eq!(migration.refused(&other.refresh).await, Refused::SessionEnded(Outcome::Ended));
    let _ = migration.tokens(&old).await;
}

#[tokio::test]
async fn manual_rotation_replaces_one_at_once() {
    let migration = Migration::built(SECRET, |builder| builder.rotation(Rotation::dangerous_manual()));
    let old = migration.issued(SECRET, 10 * 24 * 3600 - 60);
    let new = migration.tokens(&old).await;
    assert!(new.refresh_token_is_new());
    // The old one is over by then.
    migration.world.wait(3600);
    assert!(!migration.tokens(new.refresh_token()).await.refresh_token_is_new(), "as without the old system");
}

#[tokio::test]
async fn nobody_is_asked_to_open_a_session_for_a_token_that_the_account_does_not_have() {
    let migration = Migration::new(SECRET);
    *migration.denies.lock().unwrap() = true;
    let refused = migration.refused(&legacy(SECRET, "alice", NOW - 60)).await;
    assert_eq!(refused, Refused::SessionEnded(Outcome::Unknown));
}

#[test]
fn a_claim_that_says_something_else_is_no_subject() {
    async fn vouch(_: String, _: String) -> Result<bool, std::io::Error> {
        Ok(true)
    }
    async fn forget(_: String, _: String) -> Result<(), std::io::Error> {
        Ok(())
    }
    for (name, is_one) in [("", false), ("iat", false), ("exp", false), ("aud", false), ("sub", true), ("uid", true)] {
        let legacy = LegacyTokens::new(LegacySecret::new(SECRET).unwrap(), vouch, forget).subject_claim(name);
        let keys = Keys::secrets("access-secret-0123456789-abcdefghij", KEPT).unwrap();
        let login = async |_: NoLogin| Ok::<_, std::io::Error>(None::<String>);
        let grant = async |_: String| Ok::<_, std::io::Error>(Some(Grant::new(json!({}))));
        let builder =
            Sessions::builder(keys, Store::new(Clock::system()), accounts(login, grant)).issuer("https://app.example");
        let built = builder.legacy_refresh_tokens(legacy).build();
        assert_eq!(built.err().map(|error| error.setting()), (!is_one).then_some("legacy_refresh_tokens"), "{name:?}");
    }
}
