use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::ended::Ended;
use super::erased::ErasedAccounts;
use super::error::SessionError;
use super::events::{EventKind, Reporter};
use super::rotation::{Outcome, Preset, Reuse, Rotation};
use super::tokens::Mint;
use crate::clock::Clock;
use crate::store::{RevokeReason, Seen, SessionStore, StoreError, StoreErrorKind};
use crate::token::SessionId;

/// What every operation works with; shared with the background task, which must not keep itself alive through it.
pub(crate) struct Core<S> {
    pub(crate) store: S,
    pub(crate) accounts: Box<dyn ErasedAccounts>,
    pub(crate) mint: Mint,
    pub(crate) rotation: Rotation,
    pub(crate) lives: Lives,
    pub(crate) limit: usize,
    pub(crate) store_timeout: Duration,
    pub(crate) ended: Arc<Ended>,
    pub(crate) reporter: Reporter,
    pub(crate) clock: Clock,
}

/// How long things live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lives {
    /// A session without a rotation.
    pub(crate) idle: Duration,
    /// The same where "remember me" was not asked for.
    pub(crate) idle_unremembered: Duration,
    /// A session at all.
    pub(crate) absolute: Duration,
}

impl<S: SessionStore> Core<S> {
    /// Waits for the store, but not for longer than is configured.
    pub(crate) async fn timed<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.store_timeout, call).await {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::new(StoreErrorKind::Timeout)),
        }
    }

    /// Ends a session in the store and for its access tokens; whether it was living until now.
    pub(crate) async fn end(
        &self,
        subject: &str,
        session: SessionId,
        reason: RevokeReason,
    ) -> Result<bool, SessionError> {
        let was_living = self.timed(self.store.revoke(subject, session, reason)).await?;
        if was_living {
            self.ended.end(session);
            self.reporter.report(session, subject, EventKind::Revoked(reason));
        }
        Ok(was_living)
    }

    /// A token of a successor that was taken for lost is in use: somebody else has it, unless the preset is lenient.
    pub(crate) async fn orphan_seen(&self, orphan: &Seen) {
        if self.rotation.preset == Preset::Lenient {
            self.reporter.report(orphan.session, &orphan.subject, EventKind::OrphanSeen);
            return;
        }
        let outcome = Outcome::Reused(Reuse::Orphan);
        self.reporter.report(orphan.session, &orphan.subject, EventKind::Presented(outcome));
        // Where this fails, the orphan's refresh token still tells: it is `Reused` when it comes.
        if let Err(error) = self.end(&orphan.subject, orphan.session, RevokeReason::Reused).await {
            tracing::warn!(session = %orphan.session, kind = ?error.kind(), "a session with an orphan in use was not ended");
        }
    }
}
