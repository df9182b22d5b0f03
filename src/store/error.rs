use std::error::Error as StdError;
use std::fmt;

/// That a store broke. What it found is never an error: unknown, expired and revoked are answers.
///
/// The driver's own error is kept as [`source`](StdError::source), for logs alone: no client ever sees it.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// How a store broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// It cannot be reached, or it refused the work; trying again later may help.
    Unavailable,
    /// It did not answer in time.
    Timeout,
    /// It is bounded, and full of living sessions.
    Full,
    /// What it holds is not what this crate wrote: another program's table, a damaged file, a newer version's schema.
    Foreign,
    /// It was configured wrongly: an unreadable address, a driver whose feature is off.
    Configuration,
}

impl StoreError {
    /// An error of that kind.
    pub const fn new(kind: StoreErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// The same, because of `source`.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// How it broke.
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "the session store is unavailable",
            StoreErrorKind::Timeout => "the session store did not answer in time",
            StoreErrorKind::Full => "the session store is full",
            StoreErrorKind::Foreign => "the session store holds something else than this crate's sessions",
            StoreErrorKind::Configuration => "the session store is not configured properly",
        })
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
