//! What tells the instances that share a store of the sessions that one of them ended.

use std::time::Duration;

use crate::token::SessionId;

/// How far a reader of the [feed](super::SessionStore::feed) has come. Only the store that made it knows what it says.
///
/// The default is the beginning: everything that is still of use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor(Box<[u8]>);

impl Cursor {
    /// A store's own notes on what was read.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// What the store noted; empty at the beginning.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A page of the feed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Feed {
    /// What was ended, roughly in the order that it was; an entry may come again, also in a later page.
    pub entries: Vec<Entry>,
    /// Where the next page begins.
    pub cursor: Cursor,
    /// Whether there is more to read at once.
    pub more: bool,
    /// Whether a part of the store was not read: see [`partial`](Self::partial).
    pub partial: bool,
}

impl Feed {
    /// A page.
    pub const fn new(entries: Vec<Entry>, cursor: Cursor, more: bool) -> Self {
        Self { entries, cursor, more, partial: false }
    }

    /// The same, of a store of several places of which one does not answer. What the others have ended is told all the same;
    /// but whoever reads it does not know everything, and nothing of that place may lie behind the cursor.
    #[must_use]
    pub const fn partial(mut self) -> Self {
        self.partial = true;
        self
    }
}

/// That access tokens are to be refused before they expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Which tokens.
    pub ends: Ends,
    /// How long ago that was, by the store's clock, when the entry was read. An entry is of use for
    /// [`REVOKED_FOR`](super::REVOKED_FOR).
    pub age: Duration,
}

impl Entry {
    /// That these tokens were ended so long ago.
    pub const fn new(ends: Ends, age: Duration) -> Self {
        Self { ends, age }
    }
}

/// Which access tokens an [`Entry`] speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ends {
    /// All tokens of a session.
    Session(SessionId),
    /// The tokens of a session whose generation is below this one: it was cut ([`Swap::cut`](super::Swap)).
    Below(SessionId, u64),
    /// All tokens that were issued until then ([`revoke_all`](super::SessionStore::revoke_all)).
    All,
}
