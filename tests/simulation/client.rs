//! A user: one jar, one to four tabs.

use std::ops::Range;

use super::rule::{ACCESS_LIFE, Access, Millis, SECOND, Token};
use super::thief::Thief;

/// What a browser keeps.
#[derive(Default)]
pub(crate) struct Jar {
    pub(crate) refresh: Option<Token>,
    pub(crate) access: Option<Access>,
}

#[derive(Clone, Default)]
pub(crate) struct Tab {
    /// How many requests it has made.
    pub(crate) asked: u64,
    /// The one that it waits for.
    pub(crate) waits: Option<u64>,
    /// Whether it wanted something while there was no network.
    pub(crate) wants: bool,
}

pub(crate) struct User {
    pub(crate) tabs: Vec<Tab>,
    pub(crate) jar: Jar,
    /// From when to when no request leaves and no answer arrives.
    pub(crate) offline: Range<Millis>,
    /// How often it was used with an access token.
    pub(crate) uses: u64,
    pub(crate) logins: u64,
    /// How often one of its refresh tokens was refused.
    pub(crate) refused: u64,
    pub(crate) thief: Option<Thief>,
    /// Nothing more is to be learned.
    pub(crate) done: bool,
}

impl User {
    pub(crate) fn new(tabs: usize) -> Self {
        Self {
            tabs: vec![Tab::default(); tabs],
            jar: Jar::default(),
            offline: 0..0,
            uses: 0,
            logins: 0,
            refused: 0,
            thief: None,
            done: false,
        }
    }

    pub(crate) fn is_offline(&self, now: Millis) -> bool {
        self.offline.contains(&now)
    }

    /// Whether the access token is too old to be used: 75 seconds are left for its way and the crate's jitter.
    pub(crate) fn needs_refresh(&self, now: Millis) -> bool {
        self.jar.access.as_ref().is_none_or(|access| now >= access.issued_at + ACCESS_LIFE - 75 * SECOND)
    }
}
