use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::erased::broken;
use super::error::{BuildError, SessionError};
use crate::token::{
    Algorithm, KeyError, LegacyReader, RESERVED, RefreshClaims, SUBJECT_CLAIM, SigningKey, Timestamp, TokenError,
};

/// The refresh tokens that a system without sessions has issued, so that its users stay logged in when this crate takes its
/// place: each is taken once, if the account vouches for it, and replaced by one of a session.
///
/// They are those of the widespread Express tutorial: `HS256`, and in the payload the subject (`_id`), `iat` and `exp`, and
/// nothing else, issued at most 400 days ago. A signature alone opens nothing: the account is asked whether it still holds the very token.
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
/// use jwt_sessions::session::{LegacySecret, LegacyTokens};
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
/// let secret = LegacySecret::new("the REFRESH_TOKEN_SECRET of the old system")?;
/// let legacy = LegacyTokens::new(secret, vouch, forget);
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

/// The secret that a system without sessions has signed its refresh tokens with (`HS256`).
#[derive(Clone)]
pub struct LegacySecret(SigningKey);

impl LegacySecret {
    /// A secret that nobody guesses.
    ///
    /// # Errors
    ///
    /// When it is shorter than 32 bytes, has fewer than 8 different bytes, or is a PEM text.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        SigningKey::secret(Algorithm::HS256, secret).map(Self)
    }

    /// A secret of any length: tutorials have short ones, which can be guessed from one token. Then nothing in a token is secret
    /// but the second in which it was issued, and whoever guesses that, too, has somebody's token, as in the old system; `vouch`
    /// must compare the whole token, and limit the rate. Safer is to let people log in once more.
    ///
    /// # Errors
    ///
    /// When it is empty or a PEM text.
    pub fn dangerous_weak(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        SigningKey::weak_secret(secret.as_ref()).map(Self)
    }
}

impl fmt::Debug for LegacySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LegacySecret(..)")
    }
}

impl LegacyTokens {
    /// Tokens that were signed with `secret`, for which the account vouches and which it then forgets.
    pub fn new<V, VF, F, FF, E>(secret: LegacySecret, vouch: V, forget: F) -> Self
    where
        V: Fn(String, String) -> VF + Send + Sync + 'static,
        VF: Future<Output = Result<bool, E>> + Send + 'static,
        F: Fn(String, String) -> FF + Send + Sync + 'static,
        FF: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        Self { key: secret.0, subject_claim: "_id".to_owned(), vouch: asking(vouch), forget: asking(forget) }
    }

    /// The claim that their subject stands in; `_id` unless it is set.
    pub fn subject_claim(mut self, name: impl Into<String>) -> Self {
        self.subject_claim = name.into();
        self
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

    pub(super) async fn vouches(&self, claims: &RefreshClaims, token: &str) -> Result<bool, SessionError> {
        (self.vouch)(claims.subject.clone(), token.to_owned()).await
    }

    pub(super) async fn forget(&self, claims: &RefreshClaims, token: &str) -> Result<(), SessionError> {
        (self.forget)(claims.subject.clone(), token.to_owned()).await
    }
}
