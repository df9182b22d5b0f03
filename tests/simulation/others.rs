//! Four rules that are in use elsewhere, from their published descriptions: what counts is which refresh tokens are
//! taken.
//!
//! All of them end the session when a token comes that is not taken, as RFC 9700 section 4.14.2 has it. None of them
//! knows what is in use: their access tokens tell them nothing.

use std::rc::Rc;

use super::rule::{Access, Answer, Millis, Rule, SECOND, Token};

/// For how long a used token is taken again, where it is.
const GRACE: Millis = 30 * SECOND;

/// What a session remembers, and which tokens it takes.
pub(crate) trait Family: Default {
    /// The successor of the token numbered so, if it is taken.
    fn successor(&mut self, number: u64, now: Millis) -> Option<u64>;

    /// Up to when it would be taken.
    fn taken_until(&self, number: u64, now: Millis) -> Option<Millis>;
}

/// Each token is taken once (RFC 9700 section 4.14.2).
#[derive(Default)]
pub(crate) struct SingleUse {
    newest: u64,
}

impl Family for SingleUse {
    fn successor(&mut self, number: u64, _: Millis) -> Option<u64> {
        (number == self.newest).then(|| {
            self.newest += 1;
            self.newest
        })
    }

    fn taken_until(&self, number: u64, _: Millis) -> Option<Millis> {
        (number == self.newest).then_some(Millis::MAX)
    }
}

/// For 30 seconds after its first use a token is taken again and gets another successor. Only the last one is good; the
/// one before it was never to be used.
#[derive(Default)]
pub(crate) struct GraceRerotates {
    newest: u64,
    used: Option<(u64, Millis)>,
}

impl Family for GraceRerotates {
    fn successor(&mut self, number: u64, now: Millis) -> Option<u64> {
        self.taken_until(number, now)?;
        if number == self.newest {
            self.used = Some((number, now));
        }
        self.newest += 1;
        Some(self.newest)
    }

    fn taken_until(&self, number: u64, now: Millis) -> Option<Millis> {
        if number == self.newest {
            return Some(Millis::MAX);
        }
        self.used.filter(|used| used.0 == number).map(|used| used.1 + GRACE).filter(|until| now <= *until)
    }
}

/// For 30 seconds after its first use a token is taken again and gets another successor. All of them are good.
#[derive(Default)]
pub(crate) struct GraceForks {
    /// When each token was first used.
    used: Vec<Option<Millis>>,
}

impl Family for GraceForks {
    fn successor(&mut self, number: u64, now: Millis) -> Option<u64> {
        self.taken_until(number, now)?;
        let index = number as usize;
        if self.used.len() <= index {
            self.used.resize(index + 1, None);
        }
        self.used[index].get_or_insert(now);
        self.used.push(None);
        Some(self.used.len() as u64 - 1)
    }

    fn taken_until(&self, number: u64, now: Millis) -> Option<Millis> {
        match self.used.get(number as usize).copied().flatten() {
            None => Some(Millis::MAX),
            Some(used) => Some(used + GRACE).filter(|until| now <= *until),
        }
    }
}

/// The token before the newest one is taken at any time and gets the newest one again.
#[derive(Default)]
pub(crate) struct PreviousGood {
    newest: u64,
}

impl Family for PreviousGood {
    fn successor(&mut self, number: u64, now: Millis) -> Option<u64> {
        self.taken_until(number, now)?;
        self.newest = self.newest.max(number + 1);
        Some(self.newest)
    }

    fn taken_until(&self, number: u64, _: Millis) -> Option<Millis> {
        (number + 1 >= self.newest).then_some(Millis::MAX)
    }
}

/// A server with one of them.
#[derive(Default)]
pub(crate) struct Server<F> {
    /// The sessions that live, and those that do not.
    sessions: Vec<Option<F>>,
}

impl<F> Server<F> {
    fn tokens(session: usize, number: u64, now: Millis) -> (Token, Access) {
        let text = Rc::from("");
        (Token { session, number, text: Rc::clone(&text) }, Access { session, issued_at: now, text })
    }
}

impl<F: Family> Rule for Server<F> {
    async fn open(&mut self, _: usize, now: Millis) -> (Token, Access) {
        self.sessions.push(Some(F::default()));
        Self::tokens(self.sessions.len() - 1, 0, now)
    }

    async fn refresh(&mut self, token: &Token, now: Millis) -> Answer {
        let session = &mut self.sessions[token.session];
        match session.as_mut().and_then(|family| family.successor(token.number, now)) {
            Some(number) => {
                let (refresh, access) = Self::tokens(token.session, number, now);
                Answer::Tokens(access, Some(refresh))
            }
            None => {
                *session = None;
                Answer::Refused
            }
        }
    }

    async fn used(&mut self, access: &Access, now: Millis) -> bool {
        self.is_alive(access.session, now).await
    }

    async fn confirm(&mut self, _: Millis) {}

    async fn is_alive(&self, session: usize, _: Millis) -> bool {
        self.sessions[session].is_some()
    }

    async fn answered_until(&self, token: &Token, now: Millis) -> Option<Millis> {
        self.sessions[token.session].as_ref()?.taken_until(token.number, now)
    }
}
