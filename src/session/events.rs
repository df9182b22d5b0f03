use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::rotation::Outcome;
use crate::store::{Device, RevokeReason};
use crate::token::SessionId;

/// What an application may watch and, before a session is opened, refuse: for audit logs and alerts.
///
/// Events are called while the request waits and by the background task: be quick, or hand over to a queue. They come in a
/// task of their own, so that a client that hangs up does not keep them from coming.
pub trait Events: Send + Sync + 'static {
    /// Something happened to a session. A panic is caught and logged.
    fn event(&self, event: &Event<'_>);

    /// Somebody with the right credentials is about to get a session. Refuse to keep them out: a blocked address, too many
    /// devices, an unverified email.
    ///
    /// # Errors
    ///
    /// [`Denied`], to refuse.
    fn before_open(&self, opening: &Opening<'_>) -> Result<(), Denied> {
        let _ = opening;
        Ok(())
    }
}

/// That a session is not opened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Denied;

impl Denied {
    /// Refuses.
    pub const fn new() -> Self {
        Self
    }
}

impl Default for Denied {
    fn default() -> Self {
        Self::new()
    }
}

/// A session that is about to be opened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Opening<'a> {
    /// Whose it will be.
    pub subject: &'a str,
    /// Where from.
    pub device: &'a Device,
}

/// What happened to a session.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The session.
    pub session: SessionId,
    /// Whose it is.
    pub subject: &'a str,
    /// What happened.
    pub kind: EventKind,
}

/// What may happen to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// It was opened.
    Login,
    /// It was opened for a refresh token of the system before: see [`LegacyTokens`](super::LegacyTokens).
    Adopted,
    /// A refresh token of it was presented; or a token of a successor that was taken for lost was seen in use, which is
    /// [`Reuse::Orphan`](super::Reuse::Orphan).
    Presented(Outcome),
    /// The same with the lenient preset, with which the session goes on.
    OrphanSeen,
    /// It was ended.
    Revoked(RevokeReason),
}

impl EventKind {
    /// A fixed name in snake case: `login`, `adopted`, the outcome's name, `orphan_seen`, `replaced`, `limit` or `revoked`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Adopted => "adopted",
            Self::Presented(outcome) => outcome.name(),
            Self::OrphanSeen => "orphan_seen",
            Self::Revoked(RevokeReason::Replaced) => "replaced",
            Self::Revoked(RevokeReason::Limit) => "limit",
            Self::Revoked(_) => "revoked",
        }
    }

    /// Why, in snake case, where there is more to say than the name.
    pub const fn cause(self) -> Option<&'static str> {
        match self {
            Self::Presented(outcome) => outcome.cause(),
            Self::Revoked(reason) => Some(reason.name()),
            Self::Login | Self::Adopted | Self::OrphanSeen => None,
        }
    }

    /// Whether somebody should look: a token was reused, or the store is behind its clients.
    pub const fn is_alarm(self) -> bool {
        matches!(self, Self::Presented(Outcome::Reused(_) | Outcome::AheadOfStore) | Self::OrphanSeen)
    }
}

/// Where events go: to the log always, to the application's hook and the metrics where there are some.
#[derive(Clone, Default)]
pub(crate) struct Reporter {
    hook: Option<Arc<dyn Events>>,
}

impl Reporter {
    pub(crate) fn new(hook: Arc<dyn Events>) -> Self {
        Self { hook: Some(hook) }
    }

    pub(crate) fn report(&self, session: SessionId, subject: &str, kind: EventKind) {
        let (name, cause) = (kind.name(), kind.cause());
        if kind.is_alarm() {
            tracing::warn!(%session, subject, cause, "{name}");
        } else {
            tracing::debug!(%session, subject, cause, "{name}");
        }
        #[cfg(feature = "metrics")]
        metrics::counter!("jwt_sessions_events_total", "event" => name, "cause" => cause.unwrap_or("")).increment(1);
        if let Some(hook) = &self.hook {
            // What comes after an event, and the background task, must not depend on the application's code.
            let told = catch_unwind(AssertUnwindSafe(|| hook.event(&Event { session, subject, kind })));
            if told.is_err() {
                tracing::error!(%session, event = name, "the application's hook panicked at an event");
            }
        }
    }

    pub(crate) fn before_open(&self, subject: &str, device: &Device) -> Result<(), Denied> {
        match &self.hook {
            Some(hook) => hook.before_open(&Opening { subject, device }),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").field("hook", &self.hook.is_some()).finish()
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the session is not opened")
    }
}

impl StdError for Denied {}
