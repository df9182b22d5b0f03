//! What was ended is over, whatever happens to the answer: a client that hangs up, a store that answers too late, a hook of
//! the application's that panics.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test, as the test itself would")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode};
use jwt_sessions::auth::RefusalKind;
use jwt_sessions::clock::Clock;
use jwt_sessions::router::session_router;
use jwt_sessions::session::{Event, Events, Outcome, SessionErrorKind};
use jwt_sessions::store::{
    Created, Cursor, Feed, Listed, Loaded, MemoryStore, NewSession, RevokeReason, Seen, SessionStore, StoreError,
    StoreErrorKind, Swap, Swapped,
};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};
use jwt_sessions::{
    Client, Grant, Keys, Opened, Refreshed, Rotation, Sessions, SessionsBuilder, Tokens, accounts_elsewhere,
};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tower::ServiceExt;

const HOUR: Duration = Duration::from_secs(3600);

/// A store whose answer to a revocation is held back or lost, once it is written.
#[derive(Clone)]
struct Unreliable {
    inner: MemoryStore,
    answers: Arc<AtomicU8>,
    written: Arc<Notify>,
    go: Arc<Semaphore>,
}

const AT_ONCE: u8 = 0;
const HELD_BACK: u8 = 1;
const LOST: u8 = 2;
/// Nothing is written either.
const DOWN: u8 = 3;

impl Unreliable {
    async fn answer<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        match self.answers.load(Ordering::SeqCst) {
            HELD_BACK => {
                self.written.notify_one();
                self.go.acquire().await.unwrap().forget();
                answer
            }
            LOST => Err(StoreError::new(StoreErrorKind::Timeout)),
            _ => answer,
        }
    }
}

impl SessionStore for Unreliable {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.inner.now().await
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        self.inner.create(session).await
    }

    async fn load(&self, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        self.inner.load(subject, id).await
    }

    async fn swap(
        &self,
        subject: &str,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
    ) -> Result<Swapped, StoreError> {
        // The way there takes some of what a caller waits in all.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let swapped = self.inner.swap(subject, id, secret_hash, swap).await;
        if swap.cut == 0 { swapped } else { self.answer(swapped).await }
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        if self.answers.load(Ordering::SeqCst) == DOWN {
            return Err(StoreError::new(StoreErrorKind::Unavailable));
        }
        self.inner.confirm(seen).await
    }

    async fn revoke(&self, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        let ended = self.inner.revoke(subject, id, reason).await;
        self.answer(ended).await
    }

    async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        let ended = self.inner.revoke_subject(subject, except, reason).await;
        self.answer(ended).await
    }

    async fn list(&self, subject: &str) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(subject).await
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        self.inner.purge(limit).await
    }

    async fn revoke_all(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.revoke_all(before).await
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        self.inner.feed(cursor).await
    }
}

struct World {
    clock: Clock,
    store: Unreliable,
    scope: Arc<Mutex<String>>,
    events: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_secs(1_700_000_000));
        let store = Unreliable {
            inner: MemoryStore::new(clock.clone()),
            answers: Arc::default(),
            written: Arc::default(),
            go: Arc::new(Semaphore::new(0)),
        };
        Self { clock, store, scope: Arc::new(Mutex::new("read".to_owned())), events: Arc::default() }
    }

    fn builder(&self) -> SessionsBuilder<Unreliable> {
        let keys =
            Keys::secrets("an-access-secret-of-at-least-32-bytes", "one-more-refresh-secret-of-32-bytes").unwrap();
        let scope = self.scope.clone();
        let grant = move |subject: String| {
            let grant = Grant::new(json!({"name": subject})).scope(scope.lock().unwrap().clone());
            async move { Ok::<_, Infallible>(Some(grant)) }
        };
        Sessions::builder(keys, self.store.clone(), accounts_elsewhere(grant))
            .issuer("https://app.example")
            .clock(self.clock.clone())
            .events(Recorder(self.events.clone()))
    }

    fn answers(&self, how: u8) {
        self.store.answers.store(how, Ordering::SeqCst);
    }

    /// Starts `work`, and stops waiting for it between its write and the store's answer.
    async fn hang_up_during<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) {
        self.answers(HELD_BACK);
        let client = tokio::spawn(work);
        self.store.written.notified().await;
        client.abort();
        assert!(client.await.is_err_and(|stopped| stopped.is_cancelled()));
        self.answers(AT_ONCE);
        self.store.go.add_permits(1);
    }

    fn has_heard(&self, event: &str) -> bool {
        self.events.lock().unwrap().iter().any(|heard| heard == event)
    }
}

struct Recorder(Arc<Mutex<Vec<String>>>);

impl Events for Recorder {
    fn event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("{}:{}", event.kind.name(), event.kind.cause().unwrap_or_default()));
    }
}

struct Panics;

impl Events for Panics {
    fn event(&self, event: &Event<'_>) {
        panic!("a bug in the application, at {}", event.kind.name());
    }
}

/// Lets the other tasks run until it is so.
async fn soon(is_so: impl Fn() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not come");
}

async fn open(sessions: &Sessions<Unreliable>) -> Tokens {
    match sessions.open("alice", Client::default()).await.unwrap() {
        Opened::Tokens(tokens) => tokens,
        other => panic!("{other:?}"),
    }
}

fn renewed(refreshed: Refreshed) -> Tokens {
    match refreshed {
        Refreshed::Tokens(tokens) => tokens,
        other => panic!("{other:?}"),
    }
}

fn is_ended(sessions: &Sessions<Unreliable>, tokens: &Tokens) -> bool {
    match sessions.verifier().verify(tokens.access_token()) {
        Ok(_) => false,
        Err(refusal) => refusal.kind() == RefusalKind::SessionEnded,
    }
}

#[tokio::test]
async fn who_hangs_up_during_a_logout_is_logged_out_all_the_same() {
    let world = World::new();
    let sessions = world.builder().build().unwrap();
    let tokens = open(&sessions).await;
    let (client, session) = (sessions.clone(), tokens.session_id());
    world.hang_up_during(async move { client.revoke("alice", session).await }).await;
    soon(|| is_ended(&sessions, &tokens)).await;
}

#[tokio::test]
async fn who_hangs_up_during_a_logout_everywhere_is_logged_out_everywhere() {
    let world = World::new();
    let sessions = world.builder().build().unwrap();
    let (here, there) = (open(&sessions).await, open(&sessions).await);
    let client = sessions.clone();
    world.hang_up_during(async move { client.revoke_subject("alice", None).await }).await;
    soon(|| is_ended(&sessions, &here) && is_ended(&sessions, &there)).await;
}

#[tokio::test]
async fn who_hangs_up_during_a_rotation_has_cut_off_every_earlier_token() {
    let world = World::new();
    let sessions = world.builder().build().unwrap();
    let tokens = open(&sessions).await;
    let (client, token) = (sessions.clone(), tokens.refresh_token().to_owned());
    world.hang_up_during(async move { client.rotate(&token).await }).await;
    soon(|| is_ended(&sessions, &tokens)).await;
}

/// The tokens that a thief has copied, two generations old by now, and the owner's.
async fn stolen(world: &World, sessions: &Sessions<Unreliable>) -> (Tokens, Tokens) {
    let stolen = open(sessions).await;
    let mut tokens = renewed(sessions.refresh(stolen.refresh_token()).await.unwrap());
    for _ in 0..2 {
        world.clock.advance(HOUR);
        tokens = renewed(sessions.refresh(tokens.refresh_token()).await.unwrap());
    }
    (stolen, tokens)
}

#[tokio::test]
async fn a_thief_who_hangs_up_is_reported_all_the_same() {
    let world = World::new();
    let sessions = world.builder().build().unwrap();
    let (stolen, tokens) = stolen(&world, &sessions).await;
    let (thief, token) = (sessions.clone(), stolen.refresh_token().to_owned());
    world.hang_up_during(async move { thief.refresh(&token).await }).await;
    soon(|| world.has_heard("reused:stale") && is_ended(&sessions, &tokens)).await;
}

#[tokio::test]
async fn a_thief_is_reported_also_where_nobody_knows_whether_the_session_was_ended() {
    let world = World::new();
    let sessions = world.builder().build().unwrap();
    let (stolen, tokens) = stolen(&world, &sessions).await;
    world.answers(LOST);
    assert_eq!(sessions.refresh(stolen.refresh_token()).await.unwrap_err().kind(), SessionErrorKind::Store);
    assert!(world.has_heard("reused:stale"));
    // It was, and to whoever comes next it has ended, for whatever reason.
    world.answers(AT_ONCE);
    assert!(matches!(sessions.refresh(tokens.refresh_token()).await.unwrap(), Refreshed::Refused(_)));
    assert!(is_ended(&sessions, &tokens));
}

#[tokio::test(start_paused = true)]
async fn a_thief_is_reported_also_where_the_store_takes_longer_to_end_the_session_than_is_waited() {
    let world = World::new();
    let sessions = world.builder().build().unwrap();
    let (stolen, _) = stolen(&world, &sessions).await;
    // Written, and nobody is ever told.
    world.answers(HELD_BACK);
    assert_eq!(sessions.refresh(stolen.refresh_token()).await.unwrap_err().kind(), SessionErrorKind::Store);
    assert!(world.has_heard("reused:stale"));
}

#[tokio::test]
async fn a_second_logout_makes_good_for_a_first_one_whose_answer_was_lost() {
    let world = World::new();
    let sessions = world.builder().build().unwrap();
    let tokens = open(&sessions).await;
    world.answers(LOST);
    let lost = sessions.revoke("alice", tokens.session_id()).await.unwrap_err();
    assert_eq!(lost.kind(), SessionErrorKind::Store);
    world.answers(AT_ONCE);
    assert!(!sessions.revoke("alice", tokens.session_id()).await.unwrap(), "it had been ended before");
    assert!(is_ended(&sessions, &tokens));
}

#[tokio::test]
async fn a_session_that_another_instance_ended_is_over_here_once_its_refresh_token_comes() {
    let world = World::new();
    let (here, there) = (world.builder().build().unwrap(), world.builder().build().unwrap());
    let tokens = open(&here).await;
    assert!(there.revoke("alice", tokens.session_id()).await.unwrap());
    assert!(matches!(here.refresh(tokens.refresh_token()).await.unwrap(), Refreshed::Refused(_)));
    assert!(is_ended(&here, &tokens));
}

#[tokio::test]
async fn what_another_instance_cut_off_is_cut_off_here_once_its_refresh_token_comes() {
    let world = World::new();
    let (here, there) = (world.builder().build().unwrap(), world.builder().build().unwrap());
    let before = open(&here).await;
    let after = renewed(there.rotate(before.refresh_token()).await.unwrap());
    assert!(matches!(here.refresh(before.refresh_token()).await.unwrap(), Refreshed::Refused(_)));
    assert!(is_ended(&here, &before) && !is_ended(&here, &after));
}

#[tokio::test]
async fn a_cut_whose_answer_the_store_did_not_give_counts_here_once_it_is_known() {
    let world = World::new();
    let sessions = world.builder().build().unwrap();
    let tokens = open(&sessions).await;
    world.answers(LOST);
    assert_eq!(sessions.rotate(tokens.refresh_token()).await.unwrap_err().kind(), SessionErrorKind::Store);
    world.answers(AT_ONCE);
    let again = sessions.rotate(tokens.refresh_token()).await.unwrap();
    assert!(matches!(again.outcome(), Some(Outcome::Superseded)));
    assert!(is_ended(&sessions, &tokens));
}

#[tokio::test]
async fn nobody_ends_anothers_session_by_asking_for_its_id() {
    let world = World::new();
    let sessions = world.builder().build().unwrap();
    let tokens = open(&sessions).await;
    assert!(!sessions.revoke("mallory", tokens.session_id()).await.unwrap());
    assert!(!is_ended(&sessions, &tokens));
}

#[tokio::test]
async fn a_hook_that_panics_keeps_no_session_alive() {
    let world = World::new();
    let sessions = world.builder().events(Panics).build().unwrap();
    let (here, there) = (open(&sessions).await, open(&sessions).await);
    assert_eq!(sessions.revoke_subject("alice", None).await.unwrap(), 2);
    assert!(is_ended(&sessions, &here) && is_ended(&sessions, &there));
}

#[tokio::test]
async fn an_access_token_that_was_cut_off_logs_nobody_out() {
    let world = World::new();
    let sessions = world.builder().build().unwrap();
    let stolen = open(&sessions).await;
    let tokens = renewed(sessions.rotate(stolen.refresh_token()).await.unwrap());
    let app = session_router::<_, ()>(sessions.clone()).with_state(());
    for path in ["/logout", "/logout-all"] {
        let bearer = format!("Bearer {}", stolen.access_token());
        let request = Request::post(path).header("authorization", bearer).body(Body::empty()).unwrap();
        assert_eq!(app.clone().oneshot(request).await.unwrap().status(), StatusCode::OK, "{path}");
        assert!(!is_ended(&sessions, &tokens), "{path}");
        assert_eq!(sessions.list("alice").await.unwrap().len(), 1, "{path}");
    }
}

#[tokio::test]
async fn ending_everything_up_to_the_end_of_time_locks_nobody_out_for_good() {
    let world = World::new();
    let sessions = world.builder().build().unwrap();
    let tokens = open(&sessions).await;
    assert_eq!(sessions.revoke_all(Timestamp::from_millis(i64::MAX)).await.unwrap(), 1);
    assert!(is_ended(&sessions, &tokens));
    world.clock.advance(Duration::from_secs(61));
    assert!(!is_ended(&sessions, &open(&sessions).await));
}

#[tokio::test]
async fn claims_too_long_to_be_signed_open_no_session_and_cost_none() {
    let world = World::new();
    let sessions = world.builder().rotation(Rotation::strict()).build().unwrap();
    let tokens = open(&sessions).await;
    *world.scope.lock().unwrap() = "a".repeat(9000);
    let refused = sessions.open("alice", Client::default()).await.unwrap_err();
    assert_eq!(refused.kind(), SessionErrorKind::Claims);
    assert_eq!(sessions.list("alice").await.unwrap().len(), 1);

    world.clock.advance(HOUR);
    assert_eq!(sessions.refresh(tokens.refresh_token()).await.unwrap_err().kind(), SessionErrorKind::Claims);
    *world.scope.lock().unwrap() = "read".to_owned();
    world.clock.advance(HOUR);
    let _ = renewed(sessions.refresh(tokens.refresh_token()).await.unwrap());
}

#[tokio::test]
async fn what_was_seen_while_the_store_was_down_still_tells_a_thief() {
    let world = World::new();
    let sessions = world.builder().build().unwrap();
    let stolen = open(&sessions).await;
    world.clock.advance(HOUR);
    let tokens = renewed(sessions.refresh(stolen.refresh_token()).await.unwrap());
    world.answers(DOWN);
    assert!(!is_ended(&sessions, &tokens), "its owner uses it");
    sessions.flush().await;
    world.answers(AT_ONCE);
    sessions.flush().await;
    world.clock.advance(HOUR);
    assert!(matches!(sessions.refresh(stolen.refresh_token()).await.unwrap(), Refreshed::Refused(_)));
    assert!(world.has_heard("reused:recent"));
}

#[tokio::test]
async fn an_orphan_in_use_is_told_and_refused_also_where_the_store_ended_its_session_without_answering() {
    let world = World::new();
    let sessions = world.builder().build().unwrap();
    let first = open(&sessions).await;
    let lost = renewed(sessions.refresh(first.refresh_token()).await.unwrap());
    world.clock.advance(Duration::from_secs(91));
    let again = renewed(sessions.refresh(first.refresh_token()).await.unwrap());
    assert_eq!(again.outcome(), Some(Outcome::Reissued));
    world.answers(LOST);
    assert!(!is_ended(&sessions, &lost), "somebody else has it");
    sessions.flush().await;
    world.answers(AT_ONCE);
    sessions.flush().await;
    assert!(world.has_heard("reused:orphan"));
    assert!(is_ended(&sessions, &lost) && is_ended(&sessions, &again));
}
