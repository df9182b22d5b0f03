use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use http::Extensions;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::mark::{Mark, Taken};
use super::refusal::Refusal;
use crate::token::{Registered, SessionId, Timestamp};

/// Who sent a request, with the application's claims as a `T`.
///
/// An axum extractor: `Authenticated<T>` refuses a request without a credential with 401, `Option<Authenticated<T>>` is `None`
/// for such a one, and for a CORS preflight: with a bad token nothing else gets this far. Elsewhere, ask [`authenticated`].
/// Both need a [`JwtAuthLayer`](super::JwtAuthLayer) around them; without one they answer 500, and the log says what to do.
///
/// The claims are parsed by the first handler, guard or extractor that asks for them, and shared by all that follow, also those of
/// later requests with the same token. So `Deserialize` should go by nothing but the payload, and whatever can be changed inside
/// of a `T` is not for what belongs to one request. `T` sees the whole payload and names of it what it needs; `Authenticated`
/// alone reads nothing but the registered claims. Claims that do not fit are 401 `invalid_token`: a refresh brings those of a
/// new release.
///
/// Cloning it shares the claims.
// The bound stands here and not on the impls: a claims type without `Deserialize` then gets serde's own advice, where it
// is written, and not axum's about handlers.
#[must_use]
pub struct Authenticated<T: DeserializeOwned + Send + Sync + 'static = IgnoredAny> {
    taken: Arc<Taken>,
    claims: Arc<T>,
}

/// Who sent the request of these extensions; none when it carries no credential.
///
/// # Errors
///
/// [`InvalidToken`](super::RefusalKind::InvalidToken) when the token's claims do not fit `T`, and
/// [`MissingLayer`](super::RefusalKind::MissingLayer) when no [`JwtAuthLayer`](super::JwtAuthLayer) is around.
pub fn authenticated<T: DeserializeOwned + Send + Sync + 'static>(
    extensions: &Extensions,
) -> Result<Option<Authenticated<T>>, Refusal> {
    match Mark::of(extensions)? {
        Mark::Nobody => Ok(None),
        Mark::Somebody { taken, .. } => Ok(Some(Authenticated { claims: taken.claims()?, taken: Arc::clone(taken) })),
    }
}

impl<T: DeserializeOwned + Send + Sync + 'static> Authenticated<T> {
    /// The application's claims.
    pub fn claims(&self) -> &T {
        &self.claims
    }

    /// Whom the token is about (`sub`).
    pub fn subject(&self) -> &str {
        // Never empty for want of one: the verifier refuses a token without a subject.
        self.registered().subject.as_deref().unwrap_or_default()
    }

    /// The session, where the token is one of a session of this crate (`sid`).
    pub fn session_id(&self) -> Option<SessionId> {
        self.registered().session
    }

    /// The token's scopes, one by one.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.registered().scopes()
    }

    /// Whether the token has that scope, compared byte for byte.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.registered().has_scope(scope)
    }

    /// When the person last showed credentials (`auth_time`).
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.registered().auth_time
    }

    /// The moment from which the token is refused (`exp`): when a long-lived connection should end.
    pub fn expires_at(&self) -> Timestamp {
        self.registered().expires_at
    }

    /// All claims that have a meaning of their own.
    pub fn registered(&self) -> &Registered {
        self.taken.registered()
    }
}

impl<T: DeserializeOwned + Send + Sync + 'static> Deref for Authenticated<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.claims
    }
}

impl<T: DeserializeOwned + Send + Sync + 'static> Clone for Authenticated<T> {
    fn clone(&self) -> Self {
        Self { taken: Arc::clone(&self.taken), claims: Arc::clone(&self.claims) }
    }
}

// The application's claims may be personal: they are not for logs.
impl<T: DeserializeOwned + Send + Sync + 'static> fmt::Debug for Authenticated<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated").field("registered", self.registered()).finish_non_exhaustive()
    }
}
