//! The rotation, as one pure function of a row, a presented token, the moment and the policy.
//!
//! The rows below are those of the table in the crate's `DESIGN.md`, in the same order; the first that fits decides. Order is
//! decided by generations, never by timestamps; the elapsed time only says for how long a predecessor is honoured.

use std::time::Duration;

use crate::store::{Row, Swap};
use crate::token::{SecretHash, Timestamp};

/// When refresh tokens are replaced, and for how long the one before is honoured.
///
/// The presets differ in what happens when an answer is lost for longer than the window: `balanced`, the default, issues
/// the lost token anew as long as nobody was seen to use it; `strict` ends the session, `lenient` issues it anew in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Rotation {
    pub(crate) window: Duration,
    pub(crate) preset: Preset,
    pub(crate) horizon: Option<Duration>,
    pub(crate) manual: bool,
}

/// The presets of [`Rotation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    Strict,
    Balanced,
    Lenient,
}

impl Rotation {
    /// A lost answer may be asked for again for three windows; after that the session is ended.
    pub const fn strict() -> Self {
        Self::preset(Preset::Strict)
    }

    /// A lost answer may be asked for again for the whole idle life, unless its token was seen in use.
    pub const fn balanced() -> Self {
        Self::preset(Preset::Balanced)
    }

    /// A lost answer may be asked for again for the whole idle life, even if its token was seen in use: fewer people are
    /// logged out by broken clients, and a stolen token is noticed later.
    pub const fn lenient() -> Self {
        Self::preset(Preset::Lenient)
    }

    /// Rotates only when a quarter of the idle life has passed since the last rotation: right where tokens are bound to a
    /// device by other means, and dangerous elsewhere, because a copied token stays unnoticed for that long.
    pub const fn dangerous_manual() -> Self {
        let mut rotation = Self::balanced();
        rotation.manual = true;
        rotation
    }

    /// The window W, 1 to 60 seconds: how long a predecessor gets its successor again. 30 seconds unless it is set.
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// The horizon L: how long after a rotation a lost answer may be asked for again. At least three windows, at most the
    /// idle life; the preset's unless it is set.
    pub const fn lost_response_horizon(mut self, horizon: Duration) -> Self {
        self.horizon = Some(horizon);
        self
    }

    const fn preset(preset: Preset) -> Self {
        Self { window: Duration::from_secs(30), preset, horizon: None, manual: false }
    }

    /// The same, rotating whenever a token comes.
    pub(crate) const fn by_itself(mut self) -> Self {
        self.manual = false;
        self
    }

    /// Three windows: a replay at the window's end whose answer takes a window meets a request that left just before the
    /// answer arrived and itself takes a window.
    pub(crate) fn quiet(&self) -> Duration {
        self.window.saturating_mul(3)
    }

    /// L for a session of that idle life.
    pub(crate) fn horizon_of(&self, idle: Duration) -> Duration {
        match (self.horizon, self.preset) {
            (Some(horizon), _) => horizon,
            (None, Preset::Strict) => self.quiet(),
            (None, Preset::Balanced | Preset::Lenient) => idle,
        }
    }
}

impl Default for Rotation {
    fn default() -> Self {
        Self::balanced()
    }
}

/// What is asked of a session with a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// A new access token; the refresh token is replaced when it is time.
    Refresh,
    /// Both tokens at once, everything earlier cut off.
    Rotate,
    /// The same after the person showed credentials again.
    Reauthenticate,
}

/// What became of a refresh token that was presented: the names of the rotation table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// There is no such session, or the token's secret is not the session's.
    Unknown,
    /// The session is revoked, expired, or was idle for too long.
    Ended,
    /// The token was cut off on purpose by a rotation.
    Superseded,
    /// The token is newer than the store: it lost more than its last write.
    AheadOfStore,
    /// The store had lost its last write and caught up with the token.
    FastForwarded,
    /// The token should not have been used: the session was ended.
    Reused(Reuse),
    /// Both tokens were replaced and everything earlier cut off.
    Cut,
    /// Too soon to rotate again: the refresh token stays.
    Held,
    /// The refresh token was replaced.
    Rotated,
    /// The same successor was given out again.
    Replayed,
    /// A late request with the predecessor got an access token and nothing else.
    Bridged,
    /// A rotation met one that was just made: the client asks again, with the newer token.
    TryAgain,
    /// The answer with the successor was lost: another one was issued.
    Reissued,
}

/// How a refresh token was reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reuse {
    /// A token of the newest generation that descends from another one.
    Fork,
    /// The predecessor, after it was too late for it.
    Recent,
    /// A successor that was taken for lost.
    Orphan,
    /// Any older one.
    Stale,
}

impl Outcome {
    /// A fixed name in snake case, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ended => "ended",
            Self::Superseded => "superseded",
            Self::AheadOfStore => "ahead_of_store",
            Self::FastForwarded => "fast_forwarded",
            Self::Reused(_) => "reused",
            Self::Cut => "cut",
            Self::Held => "held",
            Self::Rotated => "rotated",
            Self::Replayed => "replayed",
            Self::Bridged => "bridged",
            Self::TryAgain => "try_again",
            Self::Reissued => "reissued",
        }
    }

    /// How it was reused, in snake case.
    pub const fn cause(self) -> Option<&'static str> {
        match self {
            Self::Reused(Reuse::Fork) => Some("fork"),
            Self::Reused(Reuse::Recent) => Some("recent"),
            Self::Reused(Reuse::Orphan) => Some("orphan"),
            Self::Reused(Reuse::Stale) => Some("stale"),
            _ => None,
        }
    }

    /// Whether the refusal takes the cookies away: only where the session is surely over for whoever presents this token.
    pub(crate) const fn clears(self) -> bool {
        matches!(self, Self::Unknown | Self::Ended | Self::Reused(_))
    }
}

/// What a refresh token says of its place in the rotation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presented {
    /// `gen`.
    pub(crate) generation: u64,
    /// `prv`.
    pub(crate) previous: u64,
    /// The SHA-256 of `sec`.
    pub(crate) secret_hash: SecretHash,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) outcome: Outcome,
    pub(crate) write: Write,
    pub(crate) answer: Answer,
}

/// What is to be written before the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Nothing,
    Swap(Swap),
    Revoke,
}

/// What the client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Refusal,
    /// A new access token of the row's generation and the row's refresh token.
    Both,
    /// A new access token that carries the presented generation; the presented refresh token stays.
    AccessOnly,
    /// Nothing yet: the same operation again after this long, with the newer token.
    Retry(Duration),
}

/// Row 9 or 7, hoped for before the row was read: the one round trip of the ordinary case. Losing it costs one more.
pub(crate) fn hoped_for(token: Presented, operation: Operation, rotation: &Rotation) -> Option<(Outcome, Swap)> {
    let expected = (token.generation, token.previous);
    match operation {
        // How old the rotation is decides, and that is in the row.
        Operation::Refresh if rotation.manual => None,
        Operation::Refresh => Some((Outcome::Rotated, rotated(token.generation, expected, rotation))),
        Operation::Rotate | Operation::Reauthenticate => {
            Some((Outcome::Cut, cut(token.generation, expected, operation)))
        }
    }
}

/// The table.
pub(crate) fn decide(
    row: &Row,
    token: Presented,
    operation: Operation,
    now: Timestamp,
    rotation: &Rotation,
) -> Decision {
    let (g, p) = (token.generation, token.previous);
    let (window, quiet) = (rotation.window, rotation.quiet());
    let elapsed = now.since(row.rotated_at);
    let expected = (row.generation, row.previous);
    let refreshes = operation == Operation::Refresh;
    let lenient = rotation.preset == Preset::Lenient;
    let next = row.generation.saturating_add(1);

    // 1
    if !row.secret_hash.matches(&token.secret_hash) {
        return refuse(Outcome::Unknown);
    }
    // 2
    if !row.is_living(now) {
        return refuse(Outcome::Ended);
    }
    // 3
    if g < row.cut {
        return refuse(Outcome::Superseded);
    }
    // 4
    if g > next || (g == next && ![row.generation, row.previous, g].contains(&p)) {
        return refuse(Outcome::AheadOfStore);
    }
    // 5
    if g == next {
        let swap = if refreshes {
            Swap { seen: g, cut: if p == g { g } else { 0 }, ..Swap::new(expected, g, p) }
        } else {
            cut(g, expected, operation)
        };
        let answer = if refreshes { Answer::AccessOnly } else { Answer::Both };
        return Decision { outcome: Outcome::FastForwarded, write: Write::Swap(swap), answer };
    }
    if g == row.generation {
        // 6
        if p != row.previous {
            return reused(Reuse::Fork);
        }
        // 7
        if !refreshes {
            return Decision {
                outcome: Outcome::Cut,
                write: Write::Swap(cut(g, expected, operation)),
                answer: Answer::Both,
            };
        }
        // 8
        let held = row.previous < row.generation && elapsed <= quiet;
        let kept = rotation.manual && elapsed <= row.idle / 4;
        if held || kept {
            return Decision { outcome: Outcome::Held, write: Write::Nothing, answer: Answer::AccessOnly };
        }
        // 9
        return Decision {
            outcome: Outcome::Rotated,
            write: Write::Swap(rotated(g, expected, rotation)),
            answer: Answer::Both,
        };
    }
    if g == row.previous {
        let lost = elapsed <= rotation.horizon_of(row.idle) && (lenient || row.seen < row.generation);
        // 11'
        if !refreshes && (elapsed <= quiet || lost) {
            let rest = quiet.saturating_sub(elapsed);
            return Decision { outcome: Outcome::TryAgain, write: Write::Nothing, answer: Answer::Retry(rest) };
        }
        // 10
        if elapsed <= window {
            return Decision { outcome: Outcome::Replayed, write: Write::Nothing, answer: Answer::Both };
        }
        // 11
        if elapsed <= quiet {
            return Decision { outcome: Outcome::Bridged, write: Write::Nothing, answer: Answer::AccessOnly };
        }
        // 12
        if lost {
            let swap = Swap { unless_seen: !lenient, ..Swap::new(expected, next, row.previous) };
            return Decision { outcome: Outcome::Reissued, write: Write::Swap(swap), answer: Answer::Both };
        }
    }
    // 13
    reused(match g {
        _ if g == row.previous => Reuse::Recent,
        _ if g > row.previous => Reuse::Orphan,
        _ => Reuse::Stale,
    })
}

/// Row 9: one generation further, unless the last rotation is too young.
fn rotated(g: u64, expected: (u64, u64), rotation: &Rotation) -> Swap {
    let quiet_for = (!rotation.manual).then(|| rotation.quiet());
    Swap { quiet_for, seen: g, ..Swap::new(expected, g.saturating_add(1), g) }
}

/// Row 7: one generation further, and no predecessor is honoured.
fn cut(g: u64, expected: (u64, u64), operation: Operation) -> Swap {
    let next = g.saturating_add(1);
    let authenticated = operation == Operation::Reauthenticate;
    Swap { seen: g, cut: next, authenticated, ..Swap::new(expected, next, next) }
}

const fn refuse(outcome: Outcome) -> Decision {
    Decision { outcome, write: Write::Nothing, answer: Answer::Refusal }
}

const fn reused(how: Reuse) -> Decision {
    Decision { outcome: Outcome::Reused(how), write: Write::Revoke, answer: Answer::Refusal }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
