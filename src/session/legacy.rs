use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::accounts::Login;
use super::core::through;
use super::erased::broken;
use super::error::{BuildError, SessionError};
use super::events::EventKind;
use super::open::{bounded, create};
use super::refresh::Refused;
use super::rotation::Outcome;
use super::sessions::Sessions;
use crate::store::{Device, Loaded, NewSession, Row, SessionStore};
use crate::token::{
    Algorithm, KeyError, LegacyReader, RESERVED, RefreshClaims, SUBJECT_CLAIM, SigningKey, Timestamp, TokenError,
};

/// The refresh tokens that a system without sessions has issued, so that its users stay logged in when this crate takes its
/// place: each is taken once, if the account vouches for it, and replaced by one of a session.
///
/// They are those of the widespread Express tutorial: `HS256`, and in the payload the subject (`_id`), `iat` and `exp`, and
/// nothing else. A signature alone opens nothing: the account is asked whether it still holds the very token.
///
/// 1. `vouch(subject, token)` answers whether the account has exactly this token. The tutorial keeps one in each user's
///    document; compare the whole text.
/// 2. `forget(subject, token)` takes it from the account. It may be called again, and is then to succeed.
///
/// Both are also asked when such a token is logged out, or replaced by a login. Between the two a session is opened whose name
/// follows from the token; its `auth_time` is the epoch, since nobody knows when a password was shown. So of two tabs that
/// come with the same token both stay logged in, an answer that got lost can be asked for again, and whoever comes with it
/// later is treated as with any refresh token that was replaced: the session ends.
///
/// ```
/// use jwt_sessions::session::LegacyTokens;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// async fn vouch(subject: String, token: String) -> Result<bool, std::io::Error> {
///     // SELECT EXISTS (SELECT FROM users WHERE id = $1 AND refresh_token = $2)
/// #   let _ = (subject, token);
///     Ok(false)
/// }
///
/// async fn forget(subject: String, token: String) -> Result<(), std::io::Error> {
///     // UPDATE users SET refresh_token = NULL WHERE id = $1 AND refresh_token = $2
/// #   let _ = (subject, token);
///     Ok(())
/// }
///
/// let legacy = LegacyTokens::new("the REFRESH_TOKEN_SECRET of the old system", vouch, forget)?;
/// # let _ = legacy;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct LegacyTokens {
    key: SigningKey,
    subject_claim: String,
    vouch: Ask<bool>,
    forget: Ask<()>,
}

/// A question about a subject's token.
type Ask<T> = Box<dyn Fn(String, String) -> Answer<T> + Send + Sync>;
type Answer<T> = Pin<Box<dyn Future<Output = Result<T, SessionError>> + Send>>;

impl LegacyTokens {
    /// Tokens that were signed with that secret.
    ///
    /// # Errors
    ///
    /// When the secret is shorter than 32 bytes, has fewer than 8 different bytes, or is a PEM text.
    pub fn new<V, VF, F, FF, E>(secret: impl AsRef<[u8]>, vouch: V, forget: F) -> Result<Self, KeyError>
    where
        V: Fn(String, String) -> VF + Send + Sync + 'static,
        VF: Future<Output = Result<bool, E>> + Send + 'static,
        F: Fn(String, String) -> FF + Send + Sync + 'static,
        FF: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        Ok(Self::of(SigningKey::secret(Algorithm::HS256, secret)?, vouch, forget))
    }

    /// The same for a secret of any length: tutorials have short ones, which can be guessed from one token. Then nothing in a
    /// token is secret but the second in which it was issued, and whoever guesses that, too, has somebody's token, as in the
    /// old system; `vouch` must compare the whole token, and limit the rate. Safer is to let people log in once more.
    ///
    /// # Errors
    ///
    /// When the secret is empty or a PEM text.
    pub fn dangerous_weak_secret<V, VF, F, FF, E>(
        secret: impl AsRef<[u8]>,
        vouch: V,
        forget: F,
    ) -> Result<Self, KeyError>
    where
        V: Fn(String, String) -> VF + Send + Sync + 'static,
        VF: Future<Output = Result<bool, E>> + Send + 'static,
        F: Fn(String, String) -> FF + Send + Sync + 'static,
        FF: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        Ok(Self::of(SigningKey::weak_secret(secret.as_ref())?, vouch, forget))
    }

    /// The claim that their subject stands in; `_id` unless it is set.
    pub fn subject_claim(mut self, name: impl Into<String>) -> Self {
        self.subject_claim = name.into();
        self
    }

    fn of<V, VF, F, FF, E>(key: SigningKey, vouch: V, forget: F) -> Self
    where
        V: Fn(String, String) -> VF + Send + Sync + 'static,
        VF: Future<Output = Result<bool, E>> + Send + 'static,
        F: Fn(String, String) -> FF + Send + Sync + 'static,
        FF: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        Self { key, subject_claim: "_id".to_owned(), vouch: asking(vouch), forget: asking(forget) }
    }

    pub(super) fn build(self) -> Result<Legacy, BuildError> {
        let refused = |reason: String| BuildError::new("legacy_refresh_tokens", reason);
        let name = self.subject_claim.as_str();
        if name.is_empty() || name != SUBJECT_CLAIM && RESERVED.contains(&name) {
            return Err(refused("the subject's claim is empty, or the name of another one".to_owned()));
        }
        let reader = LegacyReader::new(self.key, name).map_err(|error| refused(error.to_string()))?;
        Ok(Legacy { reader, vouch: self.vouch, forget: self.forget })
    }
}

impl fmt::Debug for LegacyTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LegacyTokens").field("subject_claim", &self.subject_claim).finish_non_exhaustive()
    }
}

fn asking<A, AF, T, E>(ask: A) -> Ask<T>
where
    A: Fn(String, String) -> AF + Send + Sync + 'static,
    AF: Future<Output = Result<T, E>> + Send + 'static,
    E: Into<Box<dyn StdError + Send + Sync>> + 'static,
{
    Box::new(move |subject, token| {
        let answer = ask(subject, token);
        Box::pin(async move { answer.await.map_err(broken) })
    })
}

/// [`LegacyTokens`], ready to be read.
pub(super) struct Legacy {
    reader: LegacyReader,
    vouch: Ask<bool>,
    forget: Ask<()>,
}

impl Legacy {
    pub(super) fn read(&self, token: &str, now: Timestamp) -> Result<RefreshClaims, TokenError> {
        self.reader.read(token, now)
    }

    async fn vouches(&self, claims: &RefreshClaims, token: &str) -> Result<bool, SessionError> {
        (self.vouch)(claims.subject.clone(), token.to_owned()).await
    }

    async fn forget(&self, claims: &RefreshClaims, token: &str) -> Result<(), SessionError> {
        (self.forget)(claims.subject.clone(), token.to_owned()).await
    }
}

impl<S: SessionStore> Sessions<S> {
    /// Makes sure that the session of a token of the system before exists, if the account vouches for the token; why not,
    /// otherwise. A session that was rotated has had its token forgotten.
    pub(super) async fn adopt(
        &self,
        claims: &RefreshClaims,
        token: &str,
        device: &Device,
    ) -> Result<Result<(), Refused>, SessionError> {
        self.adopted_for(claims, token, Some(bounded(device.clone(), None))).await
    }

    /// The same for a session that is to be ended, of which nobody is asked whether it may be opened. It is made all the same:
    /// a refresh that the account has vouched for and that has got no further finds it ended.
    pub(super) async fn adopt_to_end(&self, claims: &RefreshClaims, token: &str) -> Result<(), SessionError> {
        self.adopted_for(claims, token, None).await.map(drop)
    }

    /// Carried to its end, also when the client hangs up: a session whose token was not forgotten could be ended and deleted,
    /// and the token would open it again.
    async fn adopted_for(
        &self,
        claims: &RefreshClaims,
        token: &str,
        device: Option<Device>,
    ) -> Result<Result<(), Refused>, SessionError> {
        if !claims.legacy {
            return Ok(Ok(()));
        }
        let (sessions, claims, token) = (self.clone(), claims.clone(), Zeroizing::new(token.to_owned()));
        through(async move { sessions.take(&claims, &token, device).await }).await
    }

    async fn take(
        &self,
        claims: &RefreshClaims,
        token: &str,
        device: Option<Device>,
    ) -> Result<Result<(), Refused>, SessionError> {
        let core = self.core();
        let Some(legacy) = &core.legacy else { return Ok(Ok(())) };
        let row = match self.adopted(claims).await? {
            Some(row) => Ok(row),
            None if legacy.vouches(claims, token).await? => {
                let asked = device.as_ref().map(|device| core.reporter.before_open(&claims.subject, device));
                if let Some(Err(_)) = asked {
                    return Ok(Err(Refused::Denied));
                }
                self.open_adopted(claims, device).await?
            }
            // Another request with the same token may have come that far in between: its account has forgotten it.
            None => match self.adopted(claims).await? {
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
    ) -> Result<Result<Row, Outcome>, SessionError> {
        let core = Arc::clone(self.core());
        let (idle, lifetime) = self.lives(&Login::new(claims.subject.as_str()));
        let hash = claims.secret.hash()?;
        let mut session =
            NewSession::new(claims.session, claims.subject.as_str(), hash, idle, lifetime, claims.issued_at);
        session.auth_time = claims.auth_time;
        session.limit = if device.is_some() { core.limit } else { usize::MAX };
        session.device = device.unwrap_or_default();
        let created = create(core, session, EventKind::Adopted).await;
        if let Ok(Some(row)) = created {
            return Ok(Ok(row));
        }
        // Another request with the same token may have been faster: an id that exists is an error of the store. And a logout
        // of all others that came since then has left its session.
        match (self.adopted(claims).await?, created) {
            (Some(row), _) => Ok(Ok(row)),
            (None, Err(error)) => Err(error.into()),
            (None, Ok(_)) => Ok(Err(Outcome::Ended)),
        }
    }

    async fn adopted(&self, claims: &RefreshClaims) -> Result<Option<Row>, SessionError> {
        let core = self.core();
        let found = core.timed(core.store.load(&claims.subject, claims.session)).await?;
        Ok(found.map(|Loaded { row, .. }| row))
    }
}
