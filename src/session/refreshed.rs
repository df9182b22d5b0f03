use std::fmt;
use std::time::Duration;

use super::rotation::Outcome;
use super::tokens::Tokens;
use crate::token::TokenErrorKind;

/// What came of a refresh token that was presented. Being refused is an answer, not an error.
#[derive(Debug)]
#[must_use]
#[allow(clippy::exhaustive_enums, reason = "tokens or none: nothing third can come")]
pub enum Refreshed {
    /// New tokens.
    Tokens(Tokens),
    /// None.
    Refused(Refused),
}

/// Why there are no new tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// It is no refresh token of ours, or it has expired. The store was not asked.
    Invalid(TokenErrorKind),
    /// The session is over for whoever presents this token; the outcome says how, for logs.
    SessionEnded(Outcome),
    /// A login in the same browser has taken the session's place ([`Outcome::Ended`]): the cookies there are, or are about to
    /// be, those of the new one.
    Replaced,
    /// The account is gone or disabled; the session was ended.
    AccountGone,
    /// A rotation met one that was just made: ask again after this long, with the token that the client has by then. Who has
    /// lost it refreshes first; the same token does not rotate by waiting, and is reuse in the end.
    TryAgain(Duration),
    /// The credentials are wrong, or somebody else's.
    BadCredentials,
    /// The credentials do not have the application's form.
    UnreadableCredentials,
    /// The application's [`Events`](super::Events) refused to open a session for a token of the system before.
    Denied,
}

impl Refreshed {
    /// What became of the refresh token, as far as the rotation table has a name for it.
    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Tokens(tokens) => tokens.outcome,
            Self::Refused(Refused::SessionEnded(outcome)) => Some(*outcome),
            Self::Refused(Refused::Replaced) => Some(Outcome::Ended),
            Self::Refused(Refused::TryAgain(_)) => Some(Outcome::TryAgain),
            Self::Refused(_) => None,
        }
    }
}

impl Refused {
    /// Whether the client's cookies are taken away: only where the session is surely over for it.
    pub fn clears_cookies(self) -> bool {
        match self {
            Self::SessionEnded(outcome) => outcome.clears(),
            Self::AccountGone => true,
            _ => false,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid(_) => "the refresh token is not valid",
            Self::SessionEnded(_) | Self::Replaced | Self::AccountGone => "the session has ended",
            Self::TryAgain(_) => "the session was renewed a moment ago",
            Self::BadCredentials => "the credentials are wrong",
            Self::UnreadableCredentials => "the credentials cannot be read",
            Self::Denied => "no session is opened at the moment",
        })
    }
}
