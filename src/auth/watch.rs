use std::sync::atomic::{AtomicU64, Ordering};

use crate::token::Registered;

/// Says of each valid token whether its session still lives.
///
/// It is asked once per request, for the one token that the request is taken by, on the request path: it must not block.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not watch sessions",
    note = "implement `SessionWatch`, and give the builder an `Arc` of it: `.watch(Arc::new(watch))`"
)]
pub trait SessionWatch: Send + Sync + 'static {
    /// What is known about the session of this token, which has been verified and is about to pass.
    ///
    /// `noted` is the watch's own to read and write, about this one token. It is fresh at the first sight of a token, and may be so
    /// again at any later one.
    fn sight(&self, token: &Registered, noted: &Noted) -> Sight;
}

/// A number that a [`SessionWatch`] keeps beside a token for as long as the token is in the verifier's memory; 0 at first.
///
/// So that a watch that tells somebody of what it sees does so once, and not at each request.
#[derive(Debug, Default)]
pub struct Noted(AtomicU64);

impl Noted {
    /// The number that was set last.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the number.
    pub fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }
}

/// What a [`SessionWatch`] knows about a token's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sight {
    /// Nothing speaks against it.
    Live,
    /// It has ended, or the token was cut off: the request is refused with 401.
    Ended,
    /// It cannot be said yet: the request is refused with 503 and may be sent again.
    Unready,
}
