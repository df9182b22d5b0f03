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
    fn sight(&self, token: &Registered) -> Sight;
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
