use serde::Deserializer;

use super::core::through;
use super::erased::Granted;
use super::error::{SessionError, SessionErrorKind};
use super::events::EventKind;
use super::patience::Patience;
use super::refreshed::{Refreshed, Refused};
use super::rotation::{Answer, Operation, Outcome, Presented, Rotation, Write, decide, hoped_for};
use super::sessions::Sessions;
use super::tokens::{AccessGrant, Room, Tokens};
use crate::store::{Device, Loaded, RevokeReason, SessionStore, Swapped};
use crate::token::{RefreshClaims, SecretHash};

/// Who loses the compare-and-swap decides again on the row as it is now, this often.
const TRIES: usize = 3;

/// What was decided, what the client gets, and the row as it was decided or written.
type Rotated = (Outcome, Answer, Option<Loaded>);

impl<S: SessionStore> Sessions<S> {
    /// Renews the access token, and replaces the refresh token when it is time.
    ///
    /// # Errors
    ///
    /// When the store or the accounts break, the claims cannot be signed, or others wrote the session several times in a row:
    /// nothing was lost, the token stays good.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Refreshed, SessionError> {
        self.present(refresh_token, Operation::Refresh, &Device::default(), None).await
    }

    /// Replaces both tokens and cuts off everything earlier: after a change of privileges.
    ///
    /// # Errors
    ///
    /// As [`refresh`](Self::refresh). What was written where the store gave no answer has cut the token off for another rotation,
    /// and not for a refresh.
    pub async fn rotate(&self, refresh_token: &str) -> Result<Refreshed, SessionError> {
        self.present(refresh_token, Operation::Rotate, &Device::default(), None).await
    }

    /// After a password was changed: ends the subject's other sessions and, in this one, replaces both tokens and cuts off
    /// everything earlier.
    ///
    /// [`TryAgain`](Refused::TryAgain) says that another tab has just renewed this session: the others are ended, and this one's
    /// earlier tokens are not cut off yet. The client refreshes, and rotates then; the password need not be changed again.
    ///
    /// # Errors
    ///
    /// As [`refresh`](Self::refresh); called again with the same token, it does what is left.
    pub async fn password_changed(&self, refresh_token: &str) -> Result<Refreshed, SessionError> {
        let patience = self.patience();
        let claims = match self.claims(refresh_token, &Device::default(), &patience).await? {
            Ok(claims) => claims,
            Err(refused) => return Ok(Refreshed::Refused(refused)),
        };
        // First the others: they are what a stolen password was used for. Only a token whose secret is the session's may do
        // so, as nothing but a signature says whose it is.
        if self.is_of_living_session(&claims, &patience).await? {
            let reason = RevokeReason::PasswordChanged;
            self.end_subject(&claims.subject, Some(claims.session), reason, &patience).await?;
        }
        self.present_claims(claims, refresh_token, Operation::Rotate, None, patience).await
    }

    /// As [`rotate`](Self::rotate), for somebody who shows the subject's credentials again; sets `auth_time`.
    ///
    /// # Errors
    ///
    /// As [`rotate`](Self::rotate).
    pub async fn reauthenticate<'de>(
        &self,
        refresh_token: &str,
        credentials: impl Deserializer<'de> + Send,
    ) -> Result<Refreshed, SessionError> {
        self.reauthenticate_within(refresh_token, credentials, None).await
    }

    /// The same for an access token of so many bytes at most.
    pub(crate) async fn reauthenticate_within<'de>(
        &self,
        refresh_token: &str,
        credentials: impl Deserializer<'de> + Send,
        longest: Option<usize>,
    ) -> Result<Refreshed, SessionError> {
        let patience = self.patience();
        let claims = match self.claims(refresh_token, &Device::default(), &patience).await? {
            Ok(claims) => claims,
            Err(refused) => return Ok(Refreshed::Refused(refused)),
        };
        let Ok(whose) = self.whose(credentials) else {
            return Ok(Refreshed::Refused(Refused::UnreadableCredentials));
        };
        // A token that can get nothing is not for trying passwords with, and one that tells of a theft is to tell of it. As a
        // refresh, so that nothing is gained should the session live after all.
        if !self.may_authenticate(&claims, &patience).await? {
            return self.present_claims(claims, refresh_token, Operation::Refresh, longest, patience).await;
        }
        match whose.await? {
            Some(login) if login.subject == claims.subject => {
                self.present_claims(claims, refresh_token, Operation::Reauthenticate, longest, patience).await
            }
            _ => Ok(Refreshed::Refused(Refused::BadCredentials)),
        }
    }

    /// Whether a refresh token is of a living session, was not cut off, and is no sign of theft.
    async fn may_authenticate(&self, claims: &RefreshClaims, patience: &Patience) -> Result<bool, SessionError> {
        let Some(Loaded { row, now, .. }) = self.living(claims, patience).await? else { return Ok(false) };
        let rotation = self.rotation_of(claims);
        let decision = decide(&row, presented(claims, row.secret_hash), Operation::Reauthenticate, now, &rotation);
        Ok(claims.generation >= row.cut && decision.write != Write::Revoke)
    }

    /// A token of the system before is always replaced: it may expire long before its session.
    fn rotation_of(&self, claims: &RefreshClaims) -> Rotation {
        let rotation = self.core().rotation;
        if claims.legacy { rotation.by_itself() } else { rotation }
    }

    /// Presents a refresh token for an operation without credentials, from a device that the list of devices will show where
    /// the token makes a session of its own, and for an access token of so many bytes at most.
    pub(crate) async fn present(
        &self,
        token: &str,
        operation: Operation,
        device: &Device,
        longest: Option<usize>,
    ) -> Result<Refreshed, SessionError> {
        let patience = self.patience();
        match self.claims(token, device, &patience).await? {
            Ok(claims) => self.present_claims(claims, token, operation, longest, patience).await,
            Err(refused) => Ok(Refreshed::Refused(refused)),
        }
    }

    /// What a refresh token says, whose session exists if it ever did; why it counts for nothing, otherwise.
    async fn claims(
        &self,
        token: &str,
        device: &Device,
        patience: &Patience,
    ) -> Result<Result<RefreshClaims, Refused>, SessionError> {
        match self.core().read(token) {
            Ok(claims) => Ok(self.adopt(&claims, token, device, patience).await?.map(|()| claims)),
            Err(error) => {
                tracing::debug!(reason = error.kind().name(), "a refresh token was refused");
                Ok(Err(Refused::Invalid(error.kind())))
            }
        }
    }

    #[tracing::instrument(level = "debug", name = "session", skip_all, fields(session = %claims.session, operation = ?operation))]
    async fn present_claims(
        &self,
        claims: RefreshClaims,
        token: &str,
        operation: Operation,
        longest: Option<usize>,
        patience: Patience,
    ) -> Result<Refreshed, SessionError> {
        let core = self.core();
        let secret_hash = claims.secret.hash()?;
        // Asked before anything is written: where the accounts are broken, nothing has happened.
        let Some(granted) = core.accounts.grant(&claims.subject).await? else {
            return self.account_gone(&claims, &secret_hash, &patience).await;
        };
        let room = Room { generation: claims.generation.saturating_add(1), longest };
        core.mint.check(&claims.subject, &granted, core.clock.now(), room)?;
        let sessions = self.clone();
        let (claims, (outcome, answer, loaded)) = through(async move {
            let rotated = sessions.rotated(&claims, secret_hash, operation, &patience).await?;
            sessions.settle(&claims, operation, &rotated);
            Ok((claims, rotated))
        })
        .await?;
        let Some(Loaded { row, .. }) = loaded else {
            return Ok(Refreshed::Refused(Refused::SessionEnded(outcome)));
        };
        match answer {
            Answer::Refusal => Ok(Refreshed::Refused(match row.revoked.map(|revoked| revoked.reason) {
                Some(RevokeReason::Replaced) if outcome == Outcome::Ended => Refused::Replaced,
                _ => Refused::SessionEnded(outcome),
            })),
            Answer::Retry(rest) => Ok(Refreshed::Refused(Refused::TryAgain(rest))),
            Answer::Both => {
                let tokens = self.both(&row, &claims.subject, &granted, &claims.secret, claims.transient)?;
                Ok(Refreshed::Tokens(Tokens { outcome: Some(outcome), ..tokens }))
            }
            Answer::AccessOnly => {
                if outcome == Outcome::Held {
                    self.watch().saw(&claims.subject, claims.session, claims.generation);
                }
                let tokens = self.access_only(&claims, token, &row, &granted)?;
                Ok(Refreshed::Tokens(Tokens { outcome: Some(outcome), ..tokens }))
            }
        }
    }

    /// What this process does about what was decided and written, before anybody hears of it.
    fn settle(&self, claims: &RefreshClaims, operation: Operation, (outcome, answer, loaded): &Rotated) {
        let core = self.core();
        if let Some(Loaded { row, .. }) = loaded
            && operation != Operation::Refresh
            && *answer == Answer::Both
        {
            core.ended.cut(row.id, row.cut);
        }
        // Ended or cut off by another instance, perhaps: its access tokens are refused here from now on, too.
        match (outcome, loaded) {
            (Outcome::Ended, _) => core.ended.end(claims.session),
            (Outcome::Superseded, Some(Loaded { row, .. })) => core.ended.cut(row.id, row.cut),
            _ => {}
        }
        core.reporter.report(claims.session, &claims.subject, EventKind::Presented(*outcome));
    }

    /// Decides and writes, again when another writer was faster. Each call is waited for by itself: with one wait around them, what
    /// is to be said of a call that takes too long would be cut off with it.
    async fn rotated(
        &self,
        claims: &RefreshClaims,
        secret_hash: SecretHash,
        operation: Operation,
        patience: &Patience,
    ) -> Result<Rotated, SessionError> {
        let core = self.core();
        let (token, rotation) = (presented(claims, secret_hash), self.rotation_of(claims));
        let (subject, id) = (claims.subject.as_str(), claims.session);
        let mut found = match hoped_for(token, operation, &rotation) {
            Some((outcome, swap)) => match patience.wait(core.store.swap(subject, id, &secret_hash, &swap)).await? {
                Swapped::Won(won) => return Ok((outcome, Answer::Both, Some(won))),
                Swapped::Lost(found) => found,
            },
            None => patience.wait(core.store.load(subject, id)).await?,
        };
        for _ in 0..TRIES {
            let Some(loaded) = found else { return Ok((Outcome::Unknown, Answer::Refusal, None)) };
            let decision = decide(&loaded.row, token, operation, loaded.now, &rotation);
            match decision.write {
                Write::Nothing => return Ok((decision.outcome, decision.answer, found)),
                Write::Revoke => {
                    if let Err(error) = Box::pin(core.end(subject, id, RevokeReason::Reused, patience)).await {
                        // Whoever came may not come again, and what was written after all is told by no later outcome.
                        core.reporter.report(id, subject, EventKind::Presented(decision.outcome));
                        return Err(error);
                    }
                    return Ok((decision.outcome, decision.answer, found));
                }
                Write::Swap(swap) => match patience.wait(core.store.swap(subject, id, &secret_hash, &swap)).await? {
                    Swapped::Won(won) => return Ok((decision.outcome, decision.answer, Some(won))),
                    Swapped::Lost(now) => found = now,
                },
            }
        }
        Err(SessionError::new(SessionErrorKind::Contended))
    }

    fn access_only(
        &self,
        claims: &RefreshClaims,
        token: &str,
        row: &crate::store::Row,
        granted: &Granted,
    ) -> Result<Tokens, SessionError> {
        let core = self.core();
        let now = core.clock.now();
        let of = AccessGrant { row, subject: &claims.subject, generation: claims.generation, granted };
        let (access, expires_in) = core.mint.access(&of, now)?;
        Ok(Tokens {
            session: row.id,
            subject: claims.subject.clone(),
            access,
            expires_in,
            refresh: zeroize::Zeroizing::new(token.to_owned()),
            refresh_is_new: false,
            refresh_for: row.idle_until().min(row.expires_at).since(now),
            transient: claims.transient,
            outcome: None,
        })
    }

    async fn account_gone(
        &self,
        claims: &RefreshClaims,
        secret_hash: &SecretHash,
        patience: &Patience,
    ) -> Result<Refreshed, SessionError> {
        let core = self.core();
        let found = patience.wait(core.store.load(&claims.subject, claims.session)).await?;
        // A signature alone must not end a session: the secret has to be its own.
        if let Some(Loaded { row, .. }) = found.filter(|loaded| loaded.row.secret_hash.matches(secret_hash)) {
            // Somebody else has logged in in that browser, perhaps.
            if row.revoked.is_some_and(|revoked| revoked.reason == RevokeReason::Replaced) {
                return Ok(Refreshed::Refused(Refused::Replaced));
            }
            core.end(&claims.subject, claims.session, RevokeReason::Account, patience).await?;
        }
        Ok(Refreshed::Refused(Refused::AccountGone))
    }
}

/// What the rotation table asks of a refresh token.
const fn presented(claims: &RefreshClaims, secret_hash: SecretHash) -> Presented {
    Presented { generation: claims.generation, previous: claims.previous, secret_hash }
}
