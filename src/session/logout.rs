use super::error::SessionError;
use super::sessions::Sessions;
use crate::store::{Loaded, RevokeReason, SessionStore};
use crate::token::{RefreshClaims, SessionId};

impl<S: SessionStore> Sessions<S> {
    /// The living session that a refresh token names, for ending it: any generation that was not cut off, if its secret is the
    /// session's. Presenting one here is no rotation, and a stale one no theft. A token of the system before is taken first.
    ///
    /// # Errors
    ///
    /// When the store breaks, or, for such a token, the accounts.
    pub(crate) async fn named_by(&self, refresh_token: &str) -> Result<Option<Named>, SessionError> {
        let core = self.core();
        let Ok(claims) = core.read(refresh_token) else { return Ok(None) };
        self.adopt_to_end(&claims, refresh_token).await?;
        let found = self.found(&claims).await?;
        let living = found.filter(|loaded| loaded.row.is_living(loaded.now));
        Ok(living.map(|_| Named { subject: claims.subject.clone(), session: claims.session }))
    }

    /// Whether the session of an access token lives in the store, and the token's generation was not cut off: ended on
    /// another instance, it is still valid here by its signature.
    ///
    /// # Errors
    ///
    /// When the store breaks.
    pub(crate) async fn is_living(
        &self,
        subject: &str,
        session: SessionId,
        generation: Option<u64>,
    ) -> Result<bool, SessionError> {
        let core = self.core();
        let found = core.timed(core.store.load(subject, session)).await?;
        Ok(found.is_some_and(|Loaded { row, now, .. }| row.is_living(now) && generation.is_some_and(|g| g >= row.cut)))
    }

    /// Ends the session that a refresh token names, if it names one.
    pub(super) async fn end_named_by(&self, refresh_token: &str, reason: RevokeReason) -> Result<(), SessionError> {
        if let Some(named) = self.named_by(refresh_token).await? {
            self.end(&named.subject, named.session, reason).await?;
        }
        Ok(())
    }

    pub(super) async fn is_of_living_session(&self, claims: &RefreshClaims) -> Result<bool, SessionError> {
        Ok(self.found(claims).await?.is_some_and(|loaded| loaded.row.is_living(loaded.now)))
    }

    async fn found(&self, claims: &RefreshClaims) -> Result<Option<Loaded>, SessionError> {
        let core = self.core();
        let hash = claims.secret.hash()?;
        let found = core.timed(core.store.load(&claims.subject, claims.session)).await?;
        Ok(found.filter(|loaded| loaded.row.secret_hash.matches(&hash) && claims.generation >= loaded.row.cut))
    }

    /// What a refresh token says of its session, by its signature alone: to tell two tokens of different sessions apart.
    pub(crate) fn claimed_by(&self, refresh_token: &str) -> Option<(SessionId, u64)> {
        let core = self.core();
        let claims = core.read(refresh_token).ok()?;
        Some((claims.session, claims.generation))
    }
}

/// A session that a token names.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) subject: String,
    pub(crate) session: SessionId,
}
