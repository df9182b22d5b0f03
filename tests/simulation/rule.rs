//! What a server does with refresh tokens, as clients and thieves see it.

use std::rc::Rc;

/// Milliseconds of virtual time.
pub(crate) type Millis = i64;

pub(crate) const SECOND: Millis = 1_000;
pub(crate) const HOUR: Millis = 3_600 * SECOND;

/// How long an access token lives. The crate makes some up to 5 % shorter, by chance that no seed governs: clients here
/// take theirs for old before, and thieves get the full time.
pub(crate) const ACCESS_LIFE: Millis = 900 * SECOND;

/// A refresh token.
#[derive(Clone)]
pub(crate) struct Token {
    /// Which session of the rule it is of.
    pub(crate) session: usize,
    /// Its place in the session.
    pub(crate) number: u64,
    /// What travels, where that is more than the number.
    pub(crate) text: Rc<str>,
}

impl Token {
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.session == other.session && self.number == other.number && self.text == other.text
    }
}

/// An access token.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) session: usize,
    pub(crate) issued_at: Millis,
    pub(crate) text: Rc<str>,
}

impl Access {
    pub(crate) fn expires_at(&self) -> Millis {
        self.issued_at + ACCESS_LIFE
    }
}

/// What comes back to whoever presents a refresh token.
#[derive(Clone)]
pub(crate) enum Answer {
    /// An access token, and a refresh token if the presented one is to be replaced.
    Tokens(Access, Option<Token>),
    /// The session is over for whoever asked.
    Refused,
}

/// A rule for refresh tokens. `now` never goes back.
pub(crate) trait Rule {
    /// A login.
    async fn open(&mut self, user: usize, now: Millis) -> (Token, Access);

    /// A refresh token is presented.
    async fn refresh(&mut self, token: &Token, now: Millis) -> Answer;

    /// A request with an access token arrives; whether it is taken.
    async fn used(&mut self, access: &Access, now: Millis) -> bool;

    /// What was seen in use is confirmed.
    async fn confirm(&mut self, now: Millis);

    /// The store loses the session's last rotation, if it is one that can; whether it did.
    fn fail_over(&mut self, _session: usize) -> bool {
        false
    }

    /// Whether the session lives.
    async fn is_alive(&self, session: usize, now: Millis) -> bool;

    /// Up to when the token would get an access token if nothing else happened from `now` on; nothing if it would not.
    async fn answered_until(&self, token: &Token, now: Millis) -> Option<Millis>;
}
