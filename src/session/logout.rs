use super::error::SessionError;
use super::patience::Patience;
use super::sessions::Sessions;
use crate::store::{Loaded, RevokeReason, SessionStore};
use crate::token::{RefreshClaims, SessionId, Timestamp};

impl<S: SessionStore> Sessions<S> {
    /// The living session that a refresh token names, for ending it: any generation that was not cut off, if its secret is the
    /// session's, and the one that a cut has just replaced. Presenting one here is no rotation, and a stale one no theft. A token
    /// of the system before is taken first.
    ///
    /// # Errors
    ///
    /// When the store breaks, or, for such a token, the accounts.
    pub(crate) async fn named_by(
        &self,
        refresh_token: &str,
        patience: &Patience,
    ) -> Result<Option<Named>, SessionError> {
        let Some(claims) = self.to_end(refresh_token, patience).await? else { return Ok(None) };
        let living = self.living(&claims, patience).await?;
        let named = living.filter(|loaded| claims.generation >= loaded.row.cut || self.was_just_cut(&claims, loaded));
        Ok(named.map(|Loaded { row, .. }| Named {
            subject: claims.subject.clone(),
            session: row.id,
            // A token that was cut off says what it said: the credentials that its owner has shown since are not its bearer's.
            auth_time: Some(row.auth_time.min(claims.auth_time)),
        }))
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
        patience: &Patience,
    ) -> Result<bool, SessionError> {
        let found = patience.wait(self.core().store.load(subject, session)).await?;
        let living = found.and_then(|loaded| self.unless_ended(loaded));
        Ok(living.is_some_and(|Loaded { row, .. }| generation.is_some_and(|g| g >= row.cut)))
    }

    /// Ends the session whose place a login of `subject` takes, if this refresh token names one. Whoever has just shown that
    /// subject's credentials ends it also by a token that was cut off: it may have been a thief who did that, and he would keep
    /// the session.
    pub(super) async fn replace(
        &self,
        refresh_token: &str,
        subject: &str,
        patience: &Patience,
    ) -> Result<(), SessionError> {
        let Some(claims) = self.to_end(refresh_token, patience).await? else { return Ok(()) };
        let living = self.living(&claims, patience).await?;
        if living.is_some_and(|loaded| claims.subject == subject || claims.generation >= loaded.row.cut) {
            self.end(&claims.subject, claims.session, RevokeReason::Replaced, patience).await?;
        }
        Ok(())
    }

    /// Whether it is the token that the last rotation cut off, and the successor may not be in the jar: its answer is on its way,
    /// or nobody was ever seen with it. Whoever logs out with it would hear that he is logged out, and would not be.
    fn was_just_cut(&self, claims: &RefreshClaims, Loaded { row, now, .. }: &Loaded) -> bool {
        let is_last = row.cut == row.generation && claims.generation.saturating_add(1) == row.cut;
        is_last && (row.seen < row.generation || now.since(row.rotated_at) <= self.core().rotation.quiet())
    }

    pub(super) async fn is_of_living_session(
        &self,
        claims: &RefreshClaims,
        patience: &Patience,
    ) -> Result<bool, SessionError> {
        Ok(self.living(claims, patience).await?.is_some_and(|loaded| claims.generation >= loaded.row.cut))
    }

    /// What a refresh token says, whose session is to be ended; nothing if it is none of ours.
    async fn to_end(&self, refresh_token: &str, patience: &Patience) -> Result<Option<RefreshClaims>, SessionError> {
        let Ok(claims) = self.core().read(refresh_token) else { return Ok(None) };
        self.adopt_to_end(&claims, refresh_token, patience).await?;
        Ok(Some(claims))
    }

    /// The session of a refresh token, if it lives and the token's secret is its own; cut off or not.
    pub(super) async fn living(
        &self,
        claims: &RefreshClaims,
        patience: &Patience,
    ) -> Result<Option<Loaded>, SessionError> {
        let hash = claims.secret.hash()?;
        let found = patience.wait(self.core().store.load(&claims.subject, claims.session)).await?;
        let own = found.filter(|loaded| loaded.row.secret_hash.matches(&hash));
        Ok(own.and_then(|loaded| self.unless_ended(loaded)))
    }

    /// A session, if it lives. Where it was ended by another instance, or by an attempt whose answer was lost, it has ended for
    /// its access tokens here, too, from now on: whoever logs out again must be logged out.
    fn unless_ended(&self, loaded: Loaded) -> Option<Loaded> {
        let is_living = loaded.row.is_living(loaded.now);
        if !is_living {
            self.core().ended.end(loaded.row.id);
        }
        is_living.then_some(loaded)
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
    /// When the person last showed credentials, as far as the token or its session says.
    pub(crate) auth_time: Option<Timestamp>,
}

impl Named {
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.subject, self.session) == (&other.subject, other.session)
    }
}
