use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tracing::Instrument as _;

use super::ended::Ended;
use super::erased::ErasedAccounts;
use super::error::{SessionError, SessionErrorKind};
use super::events::{EventKind, Reporter};
use super::feed::Heard;
use super::legacy::Legacy;
use super::patience::Patience;
use super::rotation::{Outcome, Preset, Reuse, Rotation};
use super::tokens::Mint;
use crate::clock::Clock;
use crate::store::{RevokeReason, Seen, SessionStore, StoreError};
use crate::token::{RefreshClaims, SessionId, TokenError, TokenErrorKind};

/// What every operation works with; shared with the background task, which must not keep itself alive through it.
pub(crate) struct Core<S> {
    pub(crate) store: S,
    pub(crate) accounts: Box<dyn ErasedAccounts>,
    pub(crate) mint: Mint,
    pub(super) legacy: Option<Legacy>,
    pub(crate) rotation: Rotation,
    pub(crate) lives: Lives,
    pub(crate) limit: usize,
    pub(crate) store_timeout: Duration,
    pub(crate) ended: Arc<Ended>,
    pub(crate) heard: Arc<Heard>,
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
    /// How long an operation that begins now may wait for the store in all.
    pub(crate) fn patience(&self) -> Patience {
        Patience::new(self.store_timeout)
    }

    /// Waits for the store where one call is all that is asked of it, but not for longer than is configured.
    pub(crate) async fn timed<T, E: From<StoreError>>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        self.patience().wait(call).await
    }

    /// What a refresh token says, also one of the system before, where such are taken.
    pub(crate) fn read(&self, token: &str) -> Result<RefreshClaims, TokenError> {
        let now = self.clock.now();
        let refused = match self.mint.read(token, now) {
            Ok(claims) => return Ok(claims),
            Err(refused) => refused,
        };
        let Some(legacy) = &self.legacy else { return Err(refused) };
        legacy.read(token, now).map_err(|error| if error.kind() == TokenErrorKind::Expired { error } else { refused })
    }

    /// Ends a session in the store and for its access tokens; whether it was living until now.
    #[tracing::instrument(level = "debug", name = "end_session", skip_all, fields(%session, reason = reason.name()))]
    pub(crate) async fn end(
        self: &Arc<Self>,
        subject: &str,
        session: SessionId,
        reason: RevokeReason,
        patience: &Patience,
    ) -> Result<bool, SessionError> {
        let (core, subject, patience) = (Arc::clone(self), subject.to_owned(), patience.clone());
        through(async move {
            let revoked = async {
                let was_living = core.store.revoke(&subject, session, reason).await?;
                if was_living {
                    core.ended.end(session);
                    core.reporter.report(session, &subject, EventKind::Revoked(reason));
                } else {
                    core.note_ended(&subject, session).await?;
                }
                Ok(was_living)
            };
            patience.wait(revoked).await
        })
        .await
    }

    /// A session that was ended before, by an attempt whose answer was lost or by another instance, is noted here, too. Not
    /// unseen: the id is what somebody asked for, and may be another subject's or nobody's.
    async fn note_ended(&self, subject: &str, session: SessionId) -> Result<(), SessionError> {
        let found = self.store.load(subject, session).await?;
        if found.is_some_and(|loaded| !loaded.row.is_living(loaded.now)) {
            self.ended.end(session);
        }
        Ok(())
    }

    /// Ends all sessions of a subject but one in the store and for their access tokens, and answers how many.
    #[tracing::instrument(level = "debug", name = "end_sessions", skip_all, fields(subject, reason = reason.name()))]
    pub(crate) async fn end_subject(
        self: &Arc<Self>,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
        patience: &Patience,
    ) -> Result<usize, SessionError> {
        let (core, subject, patience) = (Arc::clone(self), subject.to_owned(), patience.clone());
        through(async move {
            let ended = patience.wait(core.store.revoke_subject(&subject, except, reason)).await?;
            for session in &ended {
                core.ended.end(*session);
                core.reporter.report(*session, &subject, EventKind::Revoked(reason));
            }
            Ok(ended.len())
        })
        .await
    }

    /// A token of a successor that was taken for lost is in use: somebody else has it, unless the preset is lenient. Whether
    /// nothing is left to be done.
    pub(crate) async fn orphan_seen(self: &Arc<Self>, orphan: &Seen) -> bool {
        if self.rotation.preset == Preset::Lenient {
            self.reporter.report(orphan.session, &orphan.subject, EventKind::OrphanSeen);
            return true;
        }
        let patience = self.patience();
        let ended = self.end(&orphan.subject, orphan.session, RevokeReason::Reused, &patience).await;
        if let Err(error) = ended {
            tracing::warn!(session = %orphan.session, kind = ?error.kind(), "a session with an orphan in use is not ended yet");
            return false;
        }
        let outcome = Outcome::Reused(Reuse::Orphan);
        self.reporter.report(orphan.session, &orphan.subject, EventKind::Presented(outcome));
        true
    }
}

/// Carries `work` to its end, also when its caller stops waiting: who hangs up after a write must not keep this process from
/// knowing what was written, or an alarm from being raised.
pub(crate) fn through<T: Send + 'static>(
    work: impl Future<Output = Result<T, SessionError>> + Send + 'static,
) -> impl Future<Output = Result<T, SessionError>> + Send {
    // Before anything else: what is large is moved as seldom as can be.
    let mut work = Box::pin(work.in_current_span());
    async {
        // What is done without waiting needs no task: nobody stops in between.
        if let Poll::Ready(done) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
            return done;
        }
        match tokio::spawn(work).await {
            Ok(done) => done,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down. Whether something was written is not known.
                Err(_) => Err(SessionError::new(SessionErrorKind::Store)),
            },
        }
    }
}
