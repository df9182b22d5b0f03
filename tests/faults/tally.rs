//! What happened, counted; and what must not have happened, in words.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jwt_sessions::session::{Event, EventKind, Events, Outcome, SessionError, SessionErrorKind};
use jwt_sessions::store::{RevokeReason, StoreError};

/// One for a test: its clients and its instances write here.
#[derive(Default)]
pub(crate) struct Tally {
    counts: Mutex<Counts>,
    /// Whether the fault takes sessions away: that they are unknown is then told apart from what is wrong.
    pub(crate) loses_sessions: AtomicBool,
}

#[derive(Default)]
pub(crate) struct Counts {
    /// What clients got, by name.
    pub(crate) answers: BTreeMap<&'static str, u64>,
    /// What clients were told instead, by how the store broke.
    pub(crate) failures: BTreeMap<String, u64>,
    /// What the instances reported, by name and cause.
    pub(crate) events: BTreeMap<String, u64>,
    pub(crate) slowest_answer: Duration,
    pub(crate) slowest_failure: Duration,
    pub(crate) last_failure: Option<Instant>,
    /// Whatever no honest client may meet.
    pub(crate) wrong: Vec<String>,
}

impl Tally {
    pub(crate) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn answered(&self, what: &'static str, took: Duration) {
        let mut counts = self.counts();
        *counts.answers.entry(what).or_default() += 1;
        counts.slowest_answer = counts.slowest_answer.max(took);
    }

    /// An operation failed. The only error that there is a reason for is that of a store.
    pub(crate) fn failed(&self, what: &str, error: &SessionError, took: Duration) {
        let store = error.source().and_then(|source| source.downcast_ref::<StoreError>());
        let mut counts = self.counts();
        if error.kind() != SessionErrorKind::Store {
            counts.wrong.push(format!("{what} failed with {error:?}"));
        }
        let kind = store.map_or_else(|| format!("{:?}", error.kind()), |store| format!("{:?}", store.kind()));
        *counts.failures.entry(kind).or_default() += 1;
        counts.slowest_failure = counts.slowest_failure.max(took);
        counts.last_failure = Some(Instant::now());
    }

    pub(crate) fn wrong(&self, what: impl Into<String>) {
        self.counts().wrong.push(what.into());
    }

    /// How often an event was reported, whatever its cause.
    pub(crate) fn heard(&self, name: &str) -> u64 {
        let counts = self.counts();
        counts.events.iter().filter(|(key, _)| key.split(':').next() == Some(name)).map(|(_, count)| count).sum()
    }

    pub(crate) fn failures(&self) -> u64 {
        self.counts().failures.values().sum()
    }

    fn is_wrong(&self, kind: EventKind) -> bool {
        match kind {
            EventKind::Presented(Outcome::Unknown) => !self.loses_sessions.load(Ordering::Acquire),
            EventKind::Presented(Outcome::Superseded) | EventKind::OrphanSeen => true,
            // Clients log out; nobody else ends sessions here.
            EventKind::Revoked(reason) => reason != RevokeReason::Revoked,
            kind => kind.is_alarm(),
        }
    }
}

/// The ear of one instance.
pub(crate) struct Ear(pub(crate) Arc<Tally>);

impl Events for Ear {
    fn event(&self, event: &Event<'_>) {
        let cause = event.kind.cause().map(|cause| format!(":{cause}")).unwrap_or_default();
        let name = format!("{}{cause}", event.kind.name());
        if self.0.is_wrong(event.kind) {
            self.0.wrong(format!("{name}: {} of {}", event.session, event.subject));
        }
        *self.0.counts().events.entry(name).or_default() += 1;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, of: &mut dyn Iterator<Item = (&str, u64)>| {
            let words: Vec<_> = of.map(|(name, count)| format!("{name} {count}")).collect();
            f.write_str(if words.is_empty() { "none" } else { "" })?;
            f.write_str(&words.join(", "))
        };
        f.write_str("  answers: ")?;
        list(f, &mut self.answers.iter().map(|(name, count)| (*name, *count)))?;
        write!(f, " (slowest {} ms)\n  failures: ", self.slowest_answer.as_millis())?;
        list(f, &mut self.failures.iter().map(|(name, count)| (name.as_str(), *count)))?;
        write!(f, " (slowest {} ms)\n  events: ", self.slowest_failure.as_millis())?;
        list(f, &mut self.events.iter().map(|(name, count)| (name.as_str(), *count)))
    }
}
