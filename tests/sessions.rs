//! Sessions without HTTP: what an application may rely on, with a clock that is moved by hand. What people may rely on when they are
//! renewed is in `rotation_http.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside the test functions fail their test"
)]

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_sessions::auth::RefusalKind;
use jwt_sessions::clock::Clock;
use jwt_sessions::session::{Denied, Event, Events, Opening, Outcome, Refused, Reuse, SessionErrorKind};
use jwt_sessions::store::{MemoryStore, RevokeReason};
use jwt_sessions::token::Timestamp;
use jwt_sessions::{
    Client, Grant, Keys, Login, Opened, Refreshed, Rotation, Sessions, SessionsBuilder, Tokens, accounts,
};
use serde_json::{Value, json};

const W: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Default)]
struct World {
    gone: Arc<Mutex<HashSet<String>>>,
    scope: Arc<Mutex<Option<String>>>,
    events: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn builder(&self, clock: &Clock) -> SessionsBuilder<MemoryStore> {
        let keys =
            Keys::secrets("an-access-secret-of-at-least-32-bytes", "one-more-refresh-secret-of-32-bytes").unwrap();
        let login = async |credentials: (String, String)| -> Result<Option<Login>, Infallible> {
            Ok((credentials.1 == "secret").then(|| Login::new(credentials.0)))
        };
        let login = move |credentials| login(credentials);
        let world = self.clone();
        let grant = move |subject: String| {
            let gone = world.gone.lock().unwrap().contains(&subject);
            let mut grant = Grant::new(json!({"name": subject}));
            if let Some(scope) = world.scope.lock().unwrap().clone() {
                grant = grant.scope(scope);
            }
            async move { Ok::<_, Infallible>((!gone).then_some(grant)) }
        };
        Sessions::builder(keys, MemoryStore::new(clock.clone()), accounts(login, grant))
            .issuer("https://app.example")
            .clock(clock.clone())
            .events(Recorder(self.events.clone()))
    }

    fn sessions(&self, clock: &Clock) -> Sessions<MemoryStore> {
        self.builder(clock).build().unwrap()
    }

    fn events(&self) -> Vec<String> {
        std::mem::take(&mut self.events.lock().unwrap())
    }
}

struct Recorder(Arc<Mutex<Vec<String>>>);

impl Events for Recorder {
    fn event(&self, event: &Event<'_>) {
        let cause = event.kind.cause().map(|cause| format!(":{cause}")).unwrap_or_default();
        self.0.lock().unwrap().push(format!("{}{cause}", event.kind.name()));
    }

    fn before_open(&self, opening: &Opening<'_>) -> Result<(), Denied> {
        if opening.subject == "blocked" { Err(Denied::new()) } else { Ok(()) }
    }
}

fn clock() -> Clock {
    Clock::manual(Timestamp::from_secs(1_700_000_000))
}

async fn open(sessions: &Sessions<MemoryStore>, login: impl Into<Login>) -> Tokens {
    match sessions.open(login, Client::default()).await.unwrap() {
        Opened::Tokens(tokens) => tokens,
        other => panic!("{other:?}"),
    }
}

async fn refresh(sessions: &Sessions<MemoryStore>, tokens: &Tokens) -> Tokens {
    match sessions.refresh(tokens.refresh_token()).await.unwrap() {
        Refreshed::Tokens(tokens) => tokens,
        other => panic!("{other:?}"),
    }
}

async fn refused(sessions: &Sessions<MemoryStore>, tokens: &Tokens) -> Refused {
    match sessions.refresh(tokens.refresh_token()).await.unwrap() {
        Refreshed::Refused(refused) => refused,
        other => panic!("{other:?}"),
    }
}

fn access(sessions: &Sessions<MemoryStore>, tokens: &Tokens) -> Result<(), RefusalKind> {
    sessions.verifier().verify(tokens.access_token()).map(|_| ()).map_err(|refusal| refusal.kind())
}

#[tokio::test]
async fn no_token_outlives_the_absolute_end() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let tokens = open(&sessions, Login::new("alice").absolute(Duration::from_secs(600))).await;
    assert_eq!(tokens.expires_in(), Duration::from_secs(600));
    assert_eq!(tokens.refresh_expires_in(), Duration::from_secs(600));
    clock.advance(Duration::from_secs(599));
    let last = refresh(&sessions, &tokens).await;
    assert_eq!((last.expires_in(), last.refresh_expires_in()), (Duration::from_secs(1), Duration::from_secs(1)));
    clock.advance(Duration::from_secs(1));
    assert_eq!(access(&sessions, &last), Err(RefusalKind::TokenExpired));
}

#[tokio::test]
async fn an_unused_session_ends_and_a_login_may_shorten_but_never_lengthen_its_life() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let remembered = open(&sessions, "alice").await;
    let shared = open(&sessions, Login::new("alice").remember(false)).await;
    let longer = open(&sessions, Login::new("alice").idle(100 * DAY).absolute(1000 * DAY)).await;
    assert!(shared.is_transient() && !remembered.is_transient());
    assert_eq!(shared.refresh_expires_in(), 12 * HOUR);
    assert_eq!(longer.refresh_expires_in(), 7 * DAY);
    clock.advance(12 * HOUR);
    assert_eq!(refused(&sessions, &shared).await, Refused::SessionEnded(Outcome::Ended));
    let remembered = refresh(&sessions, &remembered).await;
    clock.advance(7 * DAY);
    assert_eq!(refused(&sessions, &remembered).await, Refused::SessionEnded(Outcome::Ended));
}

#[tokio::test]
async fn a_session_that_is_not_remembered_stays_so_after_a_refresh() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let shared = open(&sessions, Login::new("alice").remember(false)).await;
    clock.advance(HOUR);
    let next = refresh(&sessions, &shared).await;
    assert!(next.is_transient());
    assert_eq!(next.refresh_expires_in(), 12 * HOUR);
}

#[tokio::test]
async fn an_old_token_is_theft_and_ends_the_session_for_everybody() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let stolen = open(&sessions, "alice").await;
    clock.advance(HOUR);
    let second = refresh(&sessions, &stolen).await;
    clock.advance(HOUR);
    let third = refresh(&sessions, &second).await;
    clock.advance(HOUR);
    let refusal = refused(&sessions, &stolen).await;
    assert_eq!(refusal, Refused::SessionEnded(Outcome::Reused(Reuse::Stale)));
    assert!(refusal.clears_cookies());
    assert_eq!(refused(&sessions, &third).await, Refused::SessionEnded(Outcome::Ended));
    assert_eq!(world.events(), ["login", "rotated", "rotated", "revoked:reused", "reused:stale", "ended"]);
}

#[tokio::test]
async fn an_answer_that_was_seen_in_use_was_not_lost() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let first = open(&sessions, "alice").await;
    clock.advance(HOUR);
    let second = refresh(&sessions, &first).await;
    // The thief's copy of the first comes an hour later; the owner has used the second's access token.
    access(&sessions, &second).unwrap();
    sessions.flush().await;
    clock.advance(HOUR);
    assert_eq!(refused(&sessions, &first).await, Refused::SessionEnded(Outcome::Reused(Reuse::Recent)));
}

#[tokio::test]
async fn an_orphan_seen_in_use_ends_the_session_without_waiting_for_its_refresh() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let first = open(&sessions, "alice").await;
    clock.advance(HOUR);
    let lost = refresh(&sessions, &first).await;
    clock.advance(Duration::from_secs(600));
    let reissued = refresh(&sessions, &first).await;
    access(&sessions, &lost).unwrap();
    sessions.flush().await;
    assert_eq!(access(&sessions, &lost), Err(RefusalKind::SessionEnded));
    assert_eq!(refused(&sessions, &reissued).await, Refused::SessionEnded(Outcome::Ended));
}

#[test]
fn what_is_seen_in_use_is_confirmed_after_the_runtime_of_the_start_is_gone() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (world, clock) = (World::default(), clock());
    let sessions = runtime().block_on(async { world.sessions(&clock) });
    runtime().block_on(async {
        let stolen = open(&sessions, "alice").await;
        clock.advance(HOUR);
        let tokens = refresh(&sessions, &stolen).await;
        access(&sessions, &tokens).unwrap();
        sessions.flush().await;
        clock.advance(HOUR);
        assert_eq!(refused(&sessions, &stolen).await, Refused::SessionEnded(Outcome::Reused(Reuse::Recent)));
    });
}

#[tokio::test]
async fn a_rotation_cuts_off_every_earlier_token_at_once() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let first = open(&sessions, "alice").await;
    clock.advance(HOUR / 6);
    let Refreshed::Tokens(second) = sessions.rotate(first.refresh_token()).await.unwrap() else { panic!() };
    assert_eq!(access(&sessions, &first), Err(RefusalKind::SessionEnded));
    access(&sessions, &second).unwrap();
    let refusal = refused(&sessions, &first).await;
    assert_eq!(refusal, Refused::SessionEnded(Outcome::Superseded));
    assert!(!refusal.clears_cookies());
    // And it revoked nothing.
    let _ = refresh(&sessions, &second).await;
}

#[tokio::test]
async fn a_rotation_that_meets_a_fresh_one_is_asked_to_come_again() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let first = open(&sessions, "alice").await;
    clock.advance(HOUR);
    let _ = refresh(&sessions, &first).await;
    clock.advance(W);
    let answer = sessions.rotate(first.refresh_token()).await.unwrap();
    let Refreshed::Refused(refusal) = answer else { panic!("{answer:?}") };
    assert_eq!(refusal, Refused::TryAgain(2 * W));
}

#[tokio::test]
async fn reauthentication_takes_only_the_same_subjects_credentials_and_renews_auth_time() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let first = open(&sessions, "alice").await;
    let opened_at = clock.now();
    clock.advance(HOUR);
    let auth_time = |tokens: &Tokens| sessions.verifier().verify(tokens.access_token()).unwrap().registered().auth_time;
    let refreshed = refresh(&sessions, &first).await;
    assert_eq!(auth_time(&refreshed), Some(opened_at));
    for wrong in [json!(["alice", "wrong"]), json!(["mallory", "secret"])] {
        let answer = sessions.reauthenticate(refreshed.refresh_token(), wrong).await.unwrap();
        assert!(matches!(answer, Refreshed::Refused(Refused::BadCredentials)), "{answer:?}");
    }
    let answer = sessions.reauthenticate(refreshed.refresh_token(), json!({"not": "credentials"})).await.unwrap();
    assert!(matches!(answer, Refreshed::Refused(Refused::UnreadableCredentials)), "{answer:?}");
    let answer = sessions.reauthenticate(refreshed.refresh_token(), json!(["alice", "secret"])).await.unwrap();
    let Refreshed::Tokens(tokens) = answer else { panic!("{answer:?}") };
    assert_eq!(auth_time(&tokens), Some(clock.now()));
    assert_eq!(access(&sessions, &refreshed), Err(RefusalKind::SessionEnded));
}

#[tokio::test]
async fn a_token_of_an_ended_session_tries_no_passwords() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let tokens = open(&sessions, "alice").await;
    sessions.revoke("alice", tokens.session_id()).await.unwrap();
    for password in ["guess", "secret"] {
        let refreshed = sessions.reauthenticate(tokens.refresh_token(), json!(["alice", password])).await.unwrap();
        let ended = Refused::SessionEnded(Outcome::Ended);
        assert!(matches!(refreshed, Refreshed::Refused(refused) if refused == ended), "{password}: {refreshed:?}");
    }
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_cuts_this_one() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let (here, there, bob) =
        (open(&sessions, "alice").await, open(&sessions, "alice").await, open(&sessions, "bob").await);
    clock.advance(HOUR / 6);
    let Refreshed::Tokens(now) = sessions.password_changed(here.refresh_token()).await.unwrap() else { panic!() };
    access(&sessions, &now).unwrap();
    for over in [&here, &there] {
        assert_eq!(access(&sessions, over), Err(RefusalKind::SessionEnded));
    }
    assert_eq!(refused(&sessions, &there).await, Refused::SessionEnded(Outcome::Ended));
    access(&sessions, &bob).unwrap();
    let _ = refresh(&sessions, &bob).await;
}

#[tokio::test]
async fn devices_live_side_by_side_and_end_one_by_one() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let (phone, laptop) = (open(&sessions, "alice").await, open(&sessions, Login::new("alice").label("laptop")).await);
    let listed = sessions.list("alice").await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().any(|session| session.device.label.as_deref() == Some("laptop")));
    assert!(!sessions.revoke("mallory", phone.session_id()).await.unwrap(), "another's session does not exist");
    assert!(sessions.revoke("alice", phone.session_id()).await.unwrap());
    assert!(!sessions.revoke("alice", phone.session_id()).await.unwrap());
    assert_eq!(access(&sessions, &phone), Err(RefusalKind::SessionEnded));
    access(&sessions, &laptop).unwrap();
    assert_eq!(sessions.list("alice").await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_account_is_asked_again_at_each_refresh() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let first = open(&sessions, "alice").await;
    *world.scope.lock().unwrap() = Some("admin".to_owned());
    clock.advance(HOUR);
    let second = refresh(&sessions, &first).await;
    let verified = sessions.verifier().verify(second.access_token()).unwrap();
    assert!(verified.registered().has_scope("admin"));
    world.gone.lock().unwrap().insert("alice".to_owned());
    assert_eq!(refused(&sessions, &second).await, Refused::AccountGone);
    assert_eq!(access(&sessions, &second), Err(RefusalKind::SessionEnded));
    world.gone.lock().unwrap().clear();
    assert_eq!(refused(&sessions, &second).await, Refused::SessionEnded(Outcome::Ended));
    assert!(matches!(sessions.open("alice", Client::default()).await.unwrap(), Opened::Tokens(_)));
}

#[tokio::test]
async fn the_longest_unused_session_makes_room_for_one_too_many() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.builder(&clock).session_limit(2).build().unwrap();
    let first = open(&sessions, "alice").await;
    clock.advance(HOUR);
    let second = open(&sessions, "alice").await;
    clock.advance(HOUR);
    let first = refresh(&sessions, &first).await;
    clock.advance(HOUR);
    world.events();
    let _ = open(&sessions, "alice").await;
    assert_eq!(world.events(), ["limit:limit", "login"]);
    assert_eq!(refused(&sessions, &second).await, Refused::SessionEnded(Outcome::Ended));
    let _ = refresh(&sessions, &first).await;
}

#[tokio::test]
async fn the_application_may_keep_somebody_out() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    assert!(matches!(sessions.open("blocked", Client::default()).await.unwrap(), Opened::Denied));
    assert!(sessions.list("blocked").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_login_replaces_the_session_that_the_same_client_had() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let old = open(&sessions, "alice").await;
    let origin = Client::default().replacing(old.refresh_token());
    assert!(matches!(sessions.open("alice", origin).await.unwrap(), Opened::Tokens(_)));
    assert_eq!(sessions.list("alice").await.unwrap().len(), 1);
    assert_eq!(world.events(), ["login", "replaced:replaced", "login"]);
}

#[tokio::test]
async fn everything_opened_before_a_moment_can_be_ended() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let old = open(&sessions, "alice").await;
    clock.advance(HOUR / 6);
    let moment = clock.now();
    clock.advance(Duration::from_secs(1));
    let new = open(&sessions, "bob").await;
    clock.advance(Duration::from_secs(1));
    assert_eq!(sessions.revoke_all(moment).await.unwrap(), 1);
    assert_eq!(access(&sessions, &old), Err(RefusalKind::SessionEnded));
    assert_eq!(refused(&sessions, &old).await, Refused::SessionEnded(Outcome::Ended));
    clock.advance(Duration::from_secs(1));
    access(&sessions, &refresh(&sessions, &new).await).unwrap();
}

#[tokio::test]
async fn access_and_refresh_tokens_never_pass_for_one_another() {
    let (world, clock) = (World::default(), clock());
    // With equal names, too: the refresh token's audience is then what the access token's is made of.
    let sessions = world.builder(&clock).audience("https://app.example").build().unwrap();
    let tokens = open(&sessions, "alice").await;
    assert!(sessions.verifier().verify(tokens.refresh_token()).is_err());
    let answer = sessions.refresh(tokens.access_token()).await.unwrap();
    assert!(matches!(answer, Refreshed::Refused(Refused::Invalid(_))), "{answer:?}");
    assert!(sessions.list("alice").await.unwrap().len() == 1);
}

#[tokio::test]
async fn tokens_say_what_their_kind_says_and_nothing_more() {
    let (world, clock) = (World::default(), clock());
    *world.scope.lock().unwrap() = Some("read".to_owned());
    let sessions = world.sessions(&clock);
    let (one, two) = (open(&sessions, "alice").await, open(&sessions, "alice").await);
    // RFC 9068 sections 2.1 and 2.2, and what a session adds.
    let [header, claims] = said(one.access_token());
    assert_eq!(names(&header), ["alg", "kid", "typ"]);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("HS256"), &json!("at+jwt")));
    let expected = ["aud", "auth_time", "exp", "gen", "iat", "iss", "jti", "name", "scope", "sid", "sub"];
    assert_eq!(names(&claims), expected);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("https://app.example"), &json!("https://app.example")));
    assert_eq!((&claims["sub"], &claims["scope"]), (&json!("alice"), &json!("read")));
    assert_ne!(claims["jti"], said(two.access_token())[1]["jti"]);
    assert_ne!(claims["sid"], said(two.access_token())[1]["sid"]);

    let [header, claims] = said(one.refresh_token());
    assert_eq!((&header["alg"], &header["typ"]), (&json!("HS256"), &json!("rt+jwt")));
    assert_eq!(names(&claims), ["aud", "auth_time", "exp", "gen", "iat", "iss", "prv", "sec", "sid", "sub"]);
    assert_eq!(claims["aud"], "https://app.example/refresh");
}

/// Header and payload, unverified.
fn said(token: &str) -> [Value; 2] {
    let segment = |number: usize| URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap();
    [0, 1].map(|number| serde_json::from_slice(&segment(number)).unwrap())
}

/// Sorted.
fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn every_end_has_its_reason() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let _ = open(&sessions, "alice").await;
    world.events();
    assert_eq!(sessions.revoke_subject("alice", None).await.unwrap(), 1);
    assert_eq!(world.events(), [format!("revoked:{}", RevokeReason::Revoked.name())]);
}

#[tokio::test]
async fn settings_out_of_their_bounds_are_refused_by_name() {
    let clock = clock();
    let build = |change: &dyn Fn(SessionsBuilder<MemoryStore>) -> SessionsBuilder<MemoryStore>| {
        change(World::default().builder(&clock)).build().map(|_| ()).unwrap_err().setting()
    };
    assert_eq!(build(&|b| b.access_life(2 * HOUR)), "access_life");
    assert_eq!(build(&|b| b.access_life(Duration::ZERO)), "access_life");
    assert_eq!(build(&|b| b.idle(Duration::from_secs(60))), "access_life");
    assert_eq!(build(&|b| b.access_life(Duration::from_secs(60)).idle(Duration::from_secs(179))), "idle");
    assert_eq!(build(&|b| b.idle(91 * DAY)), "idle");
    assert_eq!(build(&|b| b.absolute(401 * DAY)), "absolute");
    assert_eq!(build(&|b| b.rotation(Rotation::balanced().window(Duration::from_millis(999)))), "rotation");
    assert_eq!(build(&|b| b.rotation(Rotation::balanced().window(Duration::from_secs(61)))), "rotation");
    assert_eq!(build(&|b| b.rotation(Rotation::balanced().lost_response_horizon(2 * W))), "lost_response_horizon");
    assert_eq!(build(&|b| b.rotation(Rotation::balanced().lost_response_horizon(8 * DAY))), "lost_response_horizon");
    assert_eq!(build(&|b| b.session_limit(0)), "session_limit");
    assert_eq!(build(&|b| b.store_timeout(Duration::ZERO)), "store_timeout");
    assert_eq!(build(&|b| b.issuer("")), "issuer");
}

#[tokio::test]
async fn the_subject_may_stand_in_a_claim_of_another_name() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.builder(&clock).subject_claim("_id").build().unwrap();
    let tokens = open(&sessions, "alice").await;
    let verified = sessions.verifier().verify(tokens.access_token()).unwrap();
    assert_eq!(verified.registered().subject.as_deref(), Some("alice"));
    let payload: serde_json::Value = serde_json::from_str(verified.claims().as_str()).unwrap();
    assert_eq!((&payload["_id"], payload.get("sub")), (&json!("alice"), None));
    clock.advance(HOUR);
    access(&sessions, &refresh(&sessions, &tokens).await).unwrap();

    // The application's claims may not have that name then, and no other registered name is free for it.
    let taken = world.builder(&clock).subject_claim("name").build().unwrap();
    let error = taken.open("alice", Client::default()).await.unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::Claims);
    assert_eq!(world.builder(&clock).subject_claim("exp").build().unwrap_err().setting(), "subject_claim");
}

#[tokio::test]
async fn an_identification_from_before_a_logout_everywhere_opens_nothing() {
    let (world, clock) = (World::default(), clock());
    let sessions = world.sessions(&clock);
    let identified = clock.now();
    clock.advance(Duration::from_secs(1));
    sessions.revoke_subject("alice", None).await.unwrap();
    clock.advance(Duration::from_secs(1));
    let late = sessions.open("alice", Client::default().identified_at(identified)).await.unwrap();
    assert!(matches!(late, Opened::BadCredentials), "{late:?}");
    assert!(matches!(sessions.open("alice", Client::default()).await.unwrap(), Opened::Tokens(_)));
}
