//! What the layer leaves in a request's extensions for the extractors and guards inside.

use std::any::{Any, TypeId};
use std::sync::{Arc, OnceLock};

use http::Extensions;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::refusal::{Refusal, RefusalKind};
use super::watch::Noted;
use crate::token::{Payload, Registered, Timestamp, TokenError, TokenErrorKind, Verified};

/// Who a request is from. One value of one type, so that passing costs one insert; also inserted for nobody, so that nobody
/// can be told from a layer that is missing.
#[derive(Clone)]
pub(super) enum Mark {
    Nobody,
    Somebody {
        taken: Arc<Taken>,
        /// When the request was judged.
        now: Timestamp,
    },
}

impl Mark {
    /// The mark of a request that passed the layer.
    pub(super) fn of(extensions: &Extensions) -> Result<&Self, Refusal> {
        extensions.get().ok_or_else(|| {
            tracing::error!(
                "no JwtAuthLayer around this route: add the route before `.route_layer(JwtAuthLayer::new(verifier))`, \
                 and put guards inside of it"
            );
            Refusal::new(RefusalKind::MissingLayer)
        })
    }
}

/// The token that a request was taken by; the same value for all requests with it while it is
/// [kept](super::cache::VerifiedTokens).
pub(super) struct Taken {
    verified: Verified<Payload>,
    /// The application's claims, once somebody has asked for them.
    claims: OnceLock<Arc<dyn Any + Send + Sync>>,
    /// What the session watch has noted about it.
    pub(super) noted: Noted,
}

impl Taken {
    pub(super) fn new(verified: Verified<Payload>) -> Self {
        Self { verified, claims: OnceLock::new(), noted: Noted::default() }
    }

    /// The same after somebody has asked for these claims.
    #[cfg(test)]
    pub(super) fn with(verified: Verified<Payload>, claims: Arc<dyn Any + Send + Sync>) -> Self {
        Self { claims: OnceLock::from(claims), ..Self::new(verified) }
    }

    pub(super) fn verified(&self) -> &Verified<Payload> {
        &self.verified
    }

    pub(super) fn registered(&self) -> &Registered {
        self.verified.registered()
    }

    /// How many bytes of text it has on the heap, but for the application's claims.
    pub(super) fn texts(&self) -> usize {
        let Registered { subject, token_id, scope, .. } = self.registered();
        let claims = [subject, token_id, scope].into_iter().flatten().map(String::len).sum::<usize>();
        self.verified.claims().as_str().len().saturating_add(claims)
    }

    /// The application's claims, parsed by the first who asks. One type has a place here; another one beside it is parsed
    /// each time.
    pub(super) fn claims<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Result<Arc<T>, Refusal> {
        if let Some(claims) = self.claims.get()
            && let Ok(claims) = Arc::clone(claims).downcast()
        {
            return Ok(claims);
        }
        // Whoever asks for none takes no place, and has nothing read.
        if TypeId::of::<T>() == TypeId::of::<IgnoredAny>()
            && let Ok(none) = (Arc::new(IgnoredAny) as Arc<dyn Any + Send + Sync>).downcast()
        {
            return Ok(none);
        }
        let claims = Arc::new(self.verified.claims().read::<T>().map_err(|error| self.misfit::<T>(&error))?);
        // Whoever was faster has stored the same.
        let _ = self.claims.set(Arc::clone(&claims) as Arc<dyn Any + Send + Sync>);
        Ok(claims)
    }

    /// The token is valid and says something else than the handler expects: most likely an older release issued it, and a
    /// refresh brings the new shape.
    fn misfit<T>(&self, error: &serde_json::Error) -> Refusal {
        tracing::warn!(
            claims = std::any::type_name::<T>(),
            member = missing_field(&error.to_string()),
            session = self.registered().session.map(tracing::field::display),
            "the claims of a valid token do not fit the handler's type"
        );
        Refusal::from(TokenError::new(TokenErrorKind::ClaimType)).about(self.registered().session)
    }
}

/// The member that serde misses. Its other messages quote values, which are not for logs.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Own {
        #[expect(dead_code, reason = "only its absence counts")]
        plan: String,
    }

    #[test]
    fn a_missing_member_is_named_and_a_value_never_is() {
        let message = |payload| serde_json::from_str::<Own>(payload).map(|_| ()).unwrap_err().to_string();
        assert_eq!(missing_field(&message(r#"{"sub":"alice"}"#)), Some("plan"));
        assert_eq!(missing_field(&message(r#"{"plan":4711}"#)), None);
    }
}
