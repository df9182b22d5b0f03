//! Many people with a session each, whose refresh tokens are at hand.

use jwt_sessions::clock::Clock;
use jwt_sessions::session::Outcome;
use jwt_sessions::store::{MemoryStore, NewSession, SessionStore};
use jwt_sessions::token::{SecretHash, Timestamp};
use jwt_sessions::{Client, Opened, Refreshed, Sessions, Tokens};
use std::time::Duration;

use crate::sessions::{Fed, sessions};
use crate::tokens::{ALGORITHMS, now, session};

/// Sessions over a memory store, by a clock that stands still until it is told to move.
pub struct People {
    /// Their sessions.
    pub sessions: Sessions<Fed>,
    /// What counts how often it was asked.
    pub store: Fed,
    /// The clock of both.
    pub clock: Clock,
    /// The refresh tokens of those that act.
    pub tokens: Vec<String>,
}

impl People {
    /// So many sessions, of which so many act, spread among the others.
    pub async fn new(held: usize, acting: usize) -> Self {
        let clock = Clock::manual(Timestamp::from_secs(now() as i64));
        let store = Fed::new(MemoryStore::new(clock.clone()).capacity(held + 100_000), 0);
        let sessions = sessions(ALGORITHMS[0].keys(), store.clone(), clock.clone()).build().unwrap();
        let mut people = Self { sessions, store, clock, tokens: Vec::new() };
        for number in 0..held {
            if people.tokens.len() < acting && number % (held / acting).max(1) == 0 {
                people.open(number).await;
            } else {
                people.store.create(&stranger(number as u64, &people.clock)).await.unwrap();
            }
        }
        people
    }

    /// Somebody logs in.
    pub async fn open(&mut self, number: usize) {
        let opened = self.sessions.open(format!("u{number:012}"), Client::default()).await.unwrap();
        let Opened::Tokens(tokens) = opened else { panic!("{opened:?}") };
        self.tokens.push(tokens.refresh_token().to_owned());
    }

    /// So long later that the next refresh of each session is a rotation.
    pub fn later(&self) {
        self.clock.advance(Duration::from_secs(91));
    }

    /// The answer to a refresh token, which must be this one.
    pub async fn refresh(&self, token: &str, expected: Outcome) -> Tokens {
        let refreshed = self.sessions.refresh(token).await.unwrap();
        let Refreshed::Tokens(tokens) = refreshed else { panic!("{refreshed:?}") };
        assert_eq!(tokens.outcome(), Some(expected));
        tokens
    }

    /// One of them rotates.
    pub async fn rotate(&mut self, at: usize) {
        let tokens = self.refresh(&self.tokens[at], Outcome::Rotated).await;
        self.tokens[at] = tokens.refresh_token().to_owned();
    }
}

/// Somebody's session, whose tokens nobody has.
pub fn stranger(number: u64, clock: &Clock) -> NewSession {
    let (hash, day) = (SecretHash::from_bytes([7; 32]), Duration::from_secs(86_400));
    NewSession::new(session(number), format!("u{number:012}"), hash, 7 * day, 90 * day, clock.now())
}
