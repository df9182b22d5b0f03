use std::error::Error as StdError;
use std::fmt;

use crate::store::StoreError;
use crate::token::{KeyError, KeyErrorKind};

type BoxError = Box<dyn StdError + Send + Sync>;

/// That an operation could not be carried out. What became of a token is never an error: see
/// [`Refreshed`](super::Refreshed).
#[derive(Debug)]
pub struct SessionError {
    kind: SessionErrorKind,
    source: Option<BoxError>,
}

/// Why an operation could not be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionErrorKind {
    /// The store broke, or did not answer in time. The presented token stays good for a refresh; a rotation that was written
    /// all the same has cut it off.
    Store,
    /// The application's accounts broke. Nothing was written.
    Accounts,
    /// The same session was written by others three times in a row. The presented token stays good.
    Contended,
    /// The claims cannot be signed: not a JSON object, with a member of a registered name, or too long. Nothing was written.
    Claims,
    /// The subject is empty, longer than 1,024 bytes, or has U+0000.
    Subject,
    /// The system gives no random bytes, or a key that was tested at start does not sign.
    Cryptography,
}

impl SessionError {
    pub(crate) const fn new(kind: SessionErrorKind) -> Self {
        Self { kind, source: None }
    }

    pub(crate) fn because(kind: SessionErrorKind, source: impl Into<BoxError>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// What went wrong.
    pub const fn kind(&self) -> SessionErrorKind {
        self.kind
    }

    /// Whether the same request may succeed later, unchanged.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, SessionErrorKind::Store | SessionErrorKind::Accounts | SessionErrorKind::Contended)
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SessionErrorKind::Store => "the session store failed",
            SessionErrorKind::Accounts => "the accounts failed",
            SessionErrorKind::Contended => "the session was written by others at the same time",
            SessionErrorKind::Claims => "the claims cannot be signed",
            SessionErrorKind::Subject => "the subject is empty, too long, or has a null character",
            SessionErrorKind::Cryptography => "the system's cryptography failed",
        })
    }
}

impl StdError for SessionError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<StoreError> for SessionError {
    fn from(error: StoreError) -> Self {
        tracing::error!(kind = ?error.kind(), error = &error as &dyn StdError, "the session store failed");
        Self::because(SessionErrorKind::Store, error)
    }
}

impl From<KeyError> for SessionError {
    fn from(error: KeyError) -> Self {
        let kind = match error.kind() {
            KeyErrorKind::ClaimsTooLong => SessionErrorKind::Claims,
            _ => SessionErrorKind::Cryptography,
        };
        Self::because(kind, error)
    }
}

/// A setting that was refused when the sessions were built.
#[derive(Debug)]
pub struct BuildError {
    setting: &'static str,
    reason: String,
}

impl BuildError {
    pub(crate) fn new(setting: &'static str, reason: impl fmt::Display) -> Self {
        Self { setting, reason: reason.to_string() }
    }

    /// The setting's name, as the method that sets it has it: of the builder, or of [`Rotation`](super::Rotation). `keys` and
    /// `verifier` are what is made of several.
    pub const fn setting(&self) -> &'static str {
        self.setting
    }

    /// What is wrong with it; never its value.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.reason)
    }
}

impl StdError for BuildError {}
