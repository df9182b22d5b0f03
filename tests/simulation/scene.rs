//! What is simulated, and what comes of it.

use super::rule::Millis;
use super::thief::Behaviour;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    pub(crate) seed: u64,
    pub(crate) users: usize,
    pub(crate) periods: u64,
    /// Whether each user is robbed once.
    pub(crate) thieves: bool,
    /// The timers of a page's tabs fire at any time up to this after the access token's end.
    pub(crate) jitter: Millis,
    /// A request travels for less than this, and so does its answer.
    pub(crate) travel: Millis,
    /// In how many of 100 periods of a user the store fails over and loses the last rotation.
    pub(crate) failovers: i64,
    /// Sights are gathered for this long.
    pub(crate) confirmed_after: Millis,
}

/// What came of it.
pub(crate) struct Outcome {
    /// For each user, how often a refresh token was refused.
    pub(crate) refused: Vec<u64>,
    pub(crate) robberies: Vec<Robbery>,
    /// A number for all that happened, in its order.
    pub(crate) trace: u64,
    pub(crate) refreshes: u64,
    /// Rotations that the store lost.
    pub(crate) undone: u64,
}

pub(crate) struct Robbery {
    pub(crate) behaviour: Behaviour,
    pub(crate) held: Millis,
    pub(crate) held_to_expiry: Millis,
    /// Whether the session was ended.
    pub(crate) noticed: bool,
    /// Whether the victim had no network at the theft, or lost it in one of the two periods after, so that nothing
    /// could be noticed for hours: by no rule, and the same robberies with each.
    pub(crate) away: bool,
}
