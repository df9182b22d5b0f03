use std::net::IpAddr;
use std::time::Duration;

use crate::token::{SecretHash, SessionId, Timestamp};

/// The part of a session that a rotation reads and writes. One row a session: nothing grows with the number of refreshes.
///
/// Always `cut <= previous <= generation`; `previous = generation` means that no predecessor is honoured.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The session's name.
    pub id: SessionId,
    /// The SHA-256 of the secret in the session's refresh tokens.
    pub secret_hash: SecretHash,
    /// The generation of the newest refresh token.
    pub generation: u64,
    /// The generation that the newest one replaced.
    pub previous: u64,
    /// The newest generation that is known to have reached the client.
    pub seen: u64,
    /// Generations below this were cut off on purpose.
    pub cut: u64,
    /// When the newest generation was made.
    pub rotated_at: Timestamp,
    /// When the session was opened.
    pub created_at: Timestamp,
    /// When the person last showed credentials.
    pub auth_time: Timestamp,
    /// The session ends when it was not rotated for this long.
    pub idle: Duration,
    /// The session ends then in any case; immutable.
    pub expires_at: Timestamp,
    /// When and why the session was ended, if it was.
    pub revoked: Option<Revocation>,
}

impl Row {
    /// The row of a session opened at `now`: generation and previous are 1, nothing is seen or cut.
    pub fn opened(session: &NewSession, now: Timestamp) -> Self {
        Self {
            id: session.id,
            secret_hash: session.secret_hash,
            generation: 1,
            previous: 1,
            seen: 0,
            cut: 0,
            rotated_at: now,
            created_at: now,
            auth_time: session.auth_time.min(now),
            idle: session.idle,
            expires_at: now.after(session.lifetime),
            revoked: None,
        }
    }

    /// Whether the session lives at `now`: not revoked, not expired, not idle for too long.
    pub fn is_living(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires_at > now && self.idle_until() > now
    }

    /// When the session ends unless it is rotated before.
    pub fn idle_until(&self) -> Timestamp {
        self.rotated_at.after(self.idle)
    }
}

/// When and why a session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: RevokeReason,
}

impl Revocation {
    /// A revocation at `at` for `reason`.
    pub const fn new(at: Timestamp, reason: RevokeReason) -> Self {
        Self { at, reason }
    }
}

/// Why a session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevokeReason {
    /// The person logged out.
    Logout,
    /// The person logged out everywhere.
    LogoutAll,
    /// The person ended it from the list of devices.
    Device,
    /// A login in the same browser took its place.
    Replaced,
    /// The subject had too many sessions, and this was the longest unused.
    Limit,
    /// A refresh token was used that should not have been.
    Reused,
    /// The account is gone or disabled.
    Account,
    /// The password was changed in another session.
    PasswordChanged,
    /// The application or an operator ended it.
    Revoked,
}

impl RevokeReason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::Logout,
        Self::LogoutAll,
        Self::Device,
        Self::Replaced,
        Self::Limit,
        Self::Reused,
        Self::Account,
        Self::PasswordChanged,
        Self::Revoked,
    ];

    /// A fixed name in snake case, for a column or a log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::Device => "device",
            Self::Replaced => "replaced",
            Self::Limit => "limit",
            Self::Reused => "reused",
            Self::Account => "account",
            Self::PasswordChanged => "password_changed",
            Self::Revoked => "revoked",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// What the list of devices shows of a session. It is for people to recognise, and decides nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// The `User-Agent` of the login, at most 256 bytes.
    pub user_agent: Option<String>,
    /// The address that the login came from.
    pub ip: Option<IpAddr>,
    /// A name that the application gave it, at most 128 bytes.
    pub label: Option<String>,
}

/// A session to be created.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewSession {
    /// 16 random bytes.
    pub id: SessionId,
    /// Whose session it is: 1 to 1,024 bytes without U+0000.
    pub subject: String,
    /// The SHA-256 of the session's secret.
    pub secret_hash: SecretHash,
    /// How long the session may go without a rotation.
    pub idle: Duration,
    /// How long the session may live at all.
    pub lifetime: Duration,
    /// What the list of devices will show.
    pub device: Device,
    /// When the credentials were read, by the store's clock ([`now`](super::SessionStore::now)): the session is refused if all
    /// sessions of the subject were ended at that moment or later, so that a login in flight does not survive a logout-all.
    pub credentials_read_at: Timestamp,
    /// The session's `auth_time`, unless it is in the future: when the credentials were read, or the epoch where nobody knows.
    pub auth_time: Timestamp,
    /// How many living sessions the subject may have, this one included; at least 1.
    pub limit: usize,
}

impl NewSession {
    /// A session without a device, with a limit of 100.
    pub fn new(
        id: SessionId,
        subject: impl Into<String>,
        secret_hash: SecretHash,
        idle: Duration,
        lifetime: Duration,
        credentials_read_at: Timestamp,
    ) -> Self {
        Self {
            id,
            subject: subject.into(),
            secret_hash,
            idle,
            lifetime,
            device: Device::default(),
            credentials_read_at,
            auth_time: credentials_read_at,
            limit: 100,
        }
    }
}

/// What came of [`create`](super::SessionStore::create).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Created {
    /// The session is open; `ended` are the sessions that had to make room for it.
    Opened {
        /// The new row.
        row: Row,
        /// Sessions of the same subject that were ended, with [`RevokeReason::Limit`].
        ended: Vec<SessionId>,
    },
    /// The subject's sessions were all ended after the credentials were read: nothing was written.
    TooLate,
}

/// A row together with the moment, by the store's clock, at which it was read.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The row.
    pub row: Row,
    /// The store's present, after any wait for a lock.
    pub now: Timestamp,
}

impl Loaded {
    /// `row` as it was at `now`.
    pub const fn new(row: Row, now: Timestamp) -> Self {
        Self { row, now }
    }
}

/// A compare-and-swap: what the row must be, and what it becomes.
///
/// Beside `expected` the swap always demands that id, subject and secret hash are the caller's, and that the session is
/// living at the store's present ([`Row::is_living`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swap {
    /// The `(generation, previous)` that the row must have.
    pub expected: (u64, u64),
    /// Demand also `seen < generation`: the lost successor was not seen in use.
    pub unless_seen: bool,
    /// Demand also that `previous = generation`, or that more than this has passed since `rotated_at`.
    pub quiet_for: Option<Duration>,
    /// The new generation.
    pub generation: u64,
    /// The new previous.
    pub previous: u64,
    /// `seen` becomes the larger of this and what it is.
    pub seen: u64,
    /// `cut` becomes the larger of this and what it is.
    pub cut: u64,
    /// Whether the person just showed credentials: `auth_time` becomes the store's present. `rotated_at` always does.
    pub authenticated: bool,
}

impl Swap {
    /// A swap from `expected` to generation and previous that leaves everything else as it is.
    pub const fn new(expected: (u64, u64), generation: u64, previous: u64) -> Self {
        Self {
            expected,
            unless_seen: false,
            quiet_for: None,
            generation,
            previous,
            seen: 0,
            cut: 0,
            authenticated: false,
        }
    }

    /// The row after this swap at `now`, if `row` meets its demands: what every store does in its own language.
    ///
    /// Identity (id, subject, secret hash) is the caller's to compare.
    pub fn apply(&self, row: &Row, now: Timestamp) -> Option<Row> {
        let quiet =
            self.quiet_for.is_none_or(|quiet| row.previous == row.generation || now.since(row.rotated_at) > quiet);
        let fits = row.is_living(now)
            && (row.generation, row.previous) == self.expected
            && (!self.unless_seen || row.seen < row.generation)
            && quiet;
        fits.then(|| Row {
            generation: self.generation,
            previous: self.previous,
            seen: row.seen.max(self.seen),
            cut: row.cut.max(self.cut),
            rotated_at: now,
            auth_time: if self.authenticated { now } else { row.auth_time },
            ..*row
        })
    }
}

/// What came of [`swap`](super::SessionStore::swap).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Swapped {
    /// The row was what was expected; this is what it is now.
    Won(Loaded),
    /// It was not; this is what it is, if there is one of that id and subject, whatever its secret hash and state.
    Lost(Option<Loaded>),
}

/// A generation seen in use.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Seen {
    /// Whose session it is.
    pub subject: String,
    /// The session.
    pub session: SessionId,
    /// The generation of a token that was presented.
    pub generation: u64,
}

impl Seen {
    /// That `generation` of `session` was seen in use.
    pub fn new(subject: impl Into<String>, session: SessionId, generation: u64) -> Self {
        Self { subject: subject.into(), session, generation }
    }
}

/// A living session as the list of devices shows it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Listed {
    /// The row.
    pub row: Row,
    /// The device.
    pub device: Device,
}

impl Listed {
    /// A row and its device.
    pub const fn new(row: Row, device: Device) -> Self {
        Self { row, device }
    }
}
