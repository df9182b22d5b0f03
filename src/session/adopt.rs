//! A refresh token of the system before becomes a session's.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::accounts::Login;
use super::core::through;
use super::error::SessionError;
use super::events::EventKind;
use super::open::{bounded, create};
use super::patience::Patience;
use super::refreshed::Refused;
use super::rotation::Outcome;
use super::sessions::Sessions;
use crate::store::{Device, Loaded, NewSession, Row, SessionStore};
use crate::token::RefreshClaims;

impl<S: SessionStore> Sessions<S> {
    /// Makes sure that the session of a token of the system before exists, if the account vouches for the token; why not,
    /// otherwise. A session that was rotated has had its token forgotten.
    pub(super) async fn adopt(
        &self,
        claims: &RefreshClaims,
        token: &str,
        device: &Device,
        patience: &Patience,
    ) -> Result<Result<(), Refused>, SessionError> {
        let device = claims.legacy.then(|| bounded(device.clone(), None));
        self.adopted_for(claims, token, device, patience).await
    }

    /// The same for a session that is to be ended, of which nobody is asked whether it may be opened. It is made all the same:
    /// a refresh that the account has vouched for and that has got no further finds it ended.
    pub(super) async fn adopt_to_end(
        &self,
        claims: &RefreshClaims,
        token: &str,
        patience: &Patience,
    ) -> Result<(), SessionError> {
        self.adopted_for(claims, token, None, patience).await.map(drop)
    }

    /// Carried to its end, also when the client hangs up: a session whose token was not forgotten could be ended and deleted,
    /// and the token would open it again.
    async fn adopted_for(
        &self,
        claims: &RefreshClaims,
        token: &str,
        device: Option<Device>,
        patience: &Patience,
    ) -> Result<Result<(), Refused>, SessionError> {
        if !claims.legacy {
            return Ok(Ok(()));
        }
        let (sessions, claims, token) = (self.clone(), claims.clone(), Zeroizing::new(token.to_owned()));
        let patience = patience.clone();
        through(async move { sessions.take(&claims, &token, device, &patience).await }).await
    }

    async fn take(
        &self,
        claims: &RefreshClaims,
        token: &str,
        device: Option<Device>,
        patience: &Patience,
    ) -> Result<Result<(), Refused>, SessionError> {
        let core = self.core();
        let Some(legacy) = &core.legacy else { return Ok(Ok(())) };
        let row = match self.adopted(claims, patience).await? {
            Some(row) => Ok(row),
            None if legacy.vouches(claims, token).await? => {
                let asked = device.as_ref().map(|device| core.reporter.before_open(&claims.subject, device));
                if let Some(Err(_)) = asked {
                    return Ok(Err(Refused::Denied));
                }
                self.open_adopted(claims, device, patience).await?
            }
            // Another request with the same token may have come that far in between: its account has forgotten it.
            None => match self.adopted(claims, patience).await? {
                Some(row) => Ok(row),
                None => return Ok(Err(Refused::SessionEnded(Outcome::Unknown))),
            },
        };
        if row.is_ok_and(|row| row.generation > 1) {
            return Ok(Ok(()));
        }
        // Before the first rotation, and again if that was not reached: whatever was rotated is forgotten. So is what a
        // logout everywhere has ended.
        legacy.forget(claims, token).await?;
        Ok(row.map(drop).map_err(Refused::SessionEnded))
    }

    /// Opens the session of such a token as if its credentials had been read when it was issued: a logout everywhere that came
    /// since then counts. They may have been read long before, so that the session never passes for a fresh login. The limit
    /// ends no other session for one that is to be ended itself.
    async fn open_adopted(
        &self,
        claims: &RefreshClaims,
        device: Option<Device>,
        patience: &Patience,
    ) -> Result<Result<Row, Outcome>, SessionError> {
        let core = Arc::clone(self.core());
        let (idle, lifetime) = self.lives(&Login::new(claims.subject.as_str()));
        let hash = claims.secret.hash()?;
        let now = patience.wait(core.store.now()).await?;
        let mut session =
            NewSession::new(claims.session, claims.subject.as_str(), hash, idle, lifetime, claims.issued_at.min(now));
        session.auth_time = claims.auth_time;
        session.limit = if device.is_some() { core.limit } else { usize::MAX };
        session.device = device.unwrap_or_default();
        let created = create(core, session, now, EventKind::Adopted, patience.clone()).await;
        if let Ok(Some(row)) = created {
            return Ok(Ok(row));
        }
        // Another request with the same token may have been faster: an id that exists is an error of the store. And a logout
        // of all others that came since then has left its session.
        match (self.adopted(claims, patience).await?, created) {
            (Some(row), _) => Ok(Ok(row)),
            (None, Err(error)) => Err(error.into()),
            (None, Ok(_)) => Ok(Err(Outcome::Ended)),
        }
    }

    async fn adopted(&self, claims: &RefreshClaims, patience: &Patience) -> Result<Option<Row>, SessionError> {
        let found = patience.wait(self.core().store.load(&claims.subject, claims.session)).await?;
        Ok(found.map(|Loaded { row, .. }| row))
    }
}
