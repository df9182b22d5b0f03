//! The crate itself: sessions in the memory store, with their layer's verifier and their background task.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use jwt_sessions::auth::Verifier;
use jwt_sessions::clock::Clock;
use jwt_sessions::session::{Event, Events};
use jwt_sessions::store::{MemoryStore, SessionStore};
use jwt_sessions::token::{SessionId, Timestamp};
use jwt_sessions::{Client, Grant, Keys, Opened, Refreshed, Rotation, Sessions, Tokens, accounts_elsewhere};

use super::failover::Replicated;
use super::rule::{Access, Answer, Millis, Rule, SECOND, Token};

/// The presets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    Strict,
    Balanced,
    Lenient,
}

pub(crate) struct Ours<S = MemoryStore> {
    sessions: Sessions<S>,
    verifier: Verifier,
    store: S,
    clock: Clock,
    preset: Preset,
    opened: Vec<(String, SessionId)>,
    seen: Seen,
    /// What makes the store lose a session's last rotation, where it may. What tokens get then is not foretold.
    fails_over: Option<fn(&S, SessionId) -> bool>,
}

/// How often each event came.
type Seen = Arc<Mutex<BTreeMap<String, u64>>>;

struct Counter(Seen);

impl Events for Counter {
    fn event(&self, event: &Event<'_>) {
        let cause = event.kind.cause().map(|cause| format!(" ({cause})")).unwrap_or_default();
        *self.0.lock().unwrap().entry(format!("{}{cause}", event.kind.name())).or_default() += 1;
    }
}

const W: Millis = 30 * SECOND;

impl Ours {
    pub(crate) fn new(preset: Preset) -> Self {
        Self::with(preset, MemoryStore::new, None)
    }
}

impl Ours<Replicated> {
    pub(crate) fn replicated(preset: Preset) -> Self {
        Self::with(preset, Replicated::new, Some(Replicated::fail_over))
    }
}

impl<S: SessionStore + Clone> Ours<S> {
    fn with(preset: Preset, store: fn(Clock) -> S, fails_over: Option<fn(&S, SessionId) -> bool>) -> Self {
        let keys =
            Keys::secrets("an-access-secret-of-at-least-32-bytes", "one-more-refresh-secret-of-32-bytes").unwrap();
        let grant = async |_: String| Ok::<_, Infallible>(Some(Grant::new(serde_json::json!({}))));
        let grant = move |subject| grant(subject);
        let (clock, seen) = (Clock::manual(at(0)), Seen::default());
        let store = store(clock.clone());
        let rotation = match preset {
            Preset::Strict => Rotation::strict(),
            Preset::Balanced => Rotation::balanced(),
            Preset::Lenient => Rotation::lenient(),
        };
        let sessions = Sessions::builder(keys, store.clone(), accounts_elsewhere(grant))
            .issuer("https://app.example")
            .clock(clock.clone())
            .rotation(rotation)
            .events(Counter(seen.clone()))
            .build()
            .unwrap();
        Self { verifier: sessions.verifier(), sessions, store, clock, preset, opened: Vec::new(), seen, fails_over }
    }

    /// How often each event came.
    pub(crate) fn seen(&self) -> BTreeMap<String, u64> {
        self.seen.lock().unwrap().clone()
    }

    /// How many sights the confirmation queue had no room for.
    pub(crate) fn lost_sights(&self) -> u64 {
        self.sessions.lost_sights()
    }

    async fn row(&self, session: usize) -> jwt_sessions::store::Row {
        let (subject, id) = &self.opened[session];
        self.store.load(subject, *id).await.unwrap().unwrap().row
    }

    async fn tokens(&self, session: usize, tokens: &Tokens, now: Millis) -> (Access, Option<Token>) {
        let access = Access { session, issued_at: now, text: Rc::from(tokens.access_token()) };
        let refresh = match tokens.refresh_token_is_new() {
            true => {
                let number = self.row(session).await.generation;
                Some(Token { session, number, text: Rc::from(tokens.refresh_token()) })
            }
            false => None,
        };
        (access, refresh)
    }
}

impl<S: SessionStore + Clone> Rule for Ours<S> {
    async fn open(&mut self, user: usize, now: Millis) -> (Token, Access) {
        self.clock.set(at(now));
        let subject = format!("user-{user}");
        let opened = self.sessions.open(subject.as_str(), Client::default()).await.unwrap();
        let Opened::Tokens(tokens) = opened else { panic!("{opened:?}") };
        self.opened.push((subject, tokens.session_id()));
        let session = self.opened.len() - 1;
        let (access, refresh) = self.tokens(session, &tokens, now).await;
        (refresh.unwrap(), access)
    }

    async fn refresh(&mut self, token: &Token, now: Millis) -> Answer {
        let foretold = self.answered_until(token, now).await.is_some();
        let is_certain = self.fails_over.is_none();
        self.clock.set(at(now));
        match self.sessions.refresh(&token.text).await.unwrap() {
            Refreshed::Tokens(tokens) => {
                assert!(foretold || !is_certain, "session {} took {} at {now}", token.session, token.number);
                let (access, refresh) = self.tokens(token.session, &tokens, now).await;
                Answer::Tokens(access, refresh)
            }
            Refreshed::Refused(refused) => {
                assert!(
                    !foretold || !is_certain,
                    "session {} refused {} at {now}: {refused:?}",
                    token.session,
                    token.number
                );
                Answer::Refused
            }
        }
    }

    async fn used(&mut self, access: &Access, now: Millis) -> bool {
        self.clock.set(at(now));
        self.verifier.verify(&access.text).is_ok()
    }

    async fn confirm(&mut self, now: Millis) {
        self.clock.set(at(now));
        self.sessions.flush().await;
    }

    fn fail_over(&mut self, session: usize) -> bool {
        self.fails_over.is_some_and(|fail_over| fail_over(&self.store, self.opened[session].1))
    }

    async fn is_alive(&self, session: usize, now: Millis) -> bool {
        self.row(session).await.is_living(at(now))
    }

    /// Said from the row, because the question must not change the answer. That it is what the crate does is asserted
    /// at every refresh.
    async fn answered_until(&self, token: &Token, now: Millis) -> Option<Millis> {
        let row = self.row(token.session).await;
        if !row.is_living(at(now)) {
            return None;
        }
        let lives_until = row.idle_until().min(row.expires_at).as_millis() - EPOCH - 1;
        let until = if token.number == row.generation {
            lives_until
        } else if token.number == row.previous {
            let lost = match self.preset {
                Preset::Strict => false,
                Preset::Balanced => row.seen < row.generation,
                Preset::Lenient => true,
            };
            let rotated_at = row.rotated_at.as_millis() - EPOCH;
            if lost { lives_until } else { lives_until.min(rotated_at + 3 * W) }
        } else {
            return None;
        };
        Some(until).filter(|until| now <= *until)
    }
}

/// When virtual time begins.
const EPOCH: Millis = 1_700_000_000 * SECOND;

fn at(now: Millis) -> Timestamp {
    Timestamp::from_millis(EPOCH + now)
}
