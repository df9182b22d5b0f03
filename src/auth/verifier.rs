use std::fmt;
use std::sync::Arc;

use http::HeaderMap;

use super::builder::VerifierBuilder;
use super::credentials::{Channel, Credentials};
use super::csrf::CsrfGuard;
use super::refusal::{Refusal, RefusalKind};
use super::watch::{SessionWatch, Sight};
use crate::clock::Clock;
use crate::site::Site;
use crate::token::{KeySet, Payload, Policy, Registered, Timestamp, TokenError, Verified};

/// What decides about access tokens: policy, keys, clock, the access cookie's name, the trusted origins, the session watch.
///
/// One value for the layer and the router, so that they cannot disagree. Cloning it shares it.
#[derive(Clone)]
#[must_use]
pub struct Verifier {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) policy: Policy,
    pub(super) keys: KeySet,
    pub(super) clock: Clock,
    pub(super) site: Site,
    pub(super) csrf: CsrfGuard,
    pub(super) realm: Arc<str>,
    pub(super) watch: Option<Arc<dyn SessionWatch>>,
    pub(super) cookie_first: bool,
}

impl Verifier {
    /// Starts one from the keys that verify: all that a resource server has.
    ///
    /// ```
    /// use jwt_sessions::auth::{Verifier, VerifierErrorKind};
    /// use jwt_sessions::token::{Algorithm, KeySet, VerifyingKey};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let keys = KeySet::verifying([VerifyingKey::secret(Algorithm::HS256, "0123456789abcdefghijklmnopqrstuv")?])?;
    /// let verifier = Verifier::builder(keys.clone()).issuer("https://id.example").audience("https://api.example").build()?;
    ///
    /// // Whose tokens, and meant for whom, must be said.
    /// let refused = Verifier::builder(keys).issuer("https://id.example").build().unwrap_err();
    /// assert_eq!(refused.kind(), VerifierErrorKind::Audience);
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(keys: KeySet) -> VerifierBuilder {
        VerifierBuilder::new(keys)
    }

    /// Verifies one access token as the layer does, the session watch included: for a WebSocket's first message, say.
    ///
    /// # Errors
    ///
    /// The refusal that the layer would answer with.
    pub fn verify(&self, token: &str) -> Result<Verified<Payload>, Refusal> {
        let verified = self.check(token, self.inner.clock.now())?;
        self.watch(verified.registered())?;
        Ok(verified)
    }

    /// The token by which a request is taken; none when it carries none.
    pub(super) fn identify(&self, headers: &HeaderMap) -> Result<Option<Found>, Refusal> {
        let credentials = Credentials::of(headers, self.inner.site.access_cookie_name())?;
        let now = self.inner.clock.now();
        let (mut found, mut refused) = (None::<Found>, None::<TokenError>);
        for (channel, token) in credentials.in_order(self.inner.cookie_first) {
            match (self.check(token, now), found.take()) {
                (Ok(verified), None) => found = Some(Found { verified, channel, now }),
                (Ok(verified), Some(first)) => found = Some(first.beside(Found { verified, channel, now })?),
                (Err(error), first) => {
                    refused.get_or_insert(error);
                    found = first;
                }
            }
        }
        // A bad token beside a good one is ignored: a sibling subdomain could log people out with it.
        match (found, refused) {
            (None, Some(error)) => Err(error.into()),
            (found, _) => Ok(found),
        }
    }

    /// Asks the session watch about a token that is about to pass.
    pub(super) fn watch(&self, token: &Registered) -> Result<(), Refusal> {
        let kind = match self.inner.watch.as_ref().map_or(Sight::Live, |watch| watch.sight(token)) {
            Sight::Live => return Ok(()),
            Sight::Ended => RefusalKind::SessionEnded,
            Sight::Unready => RefusalKind::Unready,
        };
        Err(Refusal::new(kind).about(token.session))
    }

    /// The claims of the access token by which the layer would take a request, for a route that can do without.
    #[cfg(feature = "axum")]
    pub(crate) fn taken(&self, headers: &HeaderMap) -> Option<Registered> {
        let token = self.identify(headers).ok()??.verified.into_parts().0;
        // Also of a token whose session was ended: whoever still has it must not end others with it.
        self.watch(&token).ok()?;
        Some(token)
    }

    pub(super) fn site(&self) -> &Site {
        &self.inner.site
    }

    pub(crate) fn csrf(&self) -> &CsrfGuard {
        &self.inner.csrf
    }

    pub(crate) fn realm(&self) -> &Arc<str> {
        &self.inner.realm
    }

    fn check(&self, token: &str, now: Timestamp) -> Result<Verified<Payload>, TokenError> {
        self.inner.policy.verify(token, &self.inner.keys, now)
    }
}

impl From<Inner> for Verifier {
    fn from(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("policy", &self.inner.policy)
            .field("keys", &self.inner.keys)
            .field("clock", &self.inner.clock)
            .field("site", &self.inner.site)
            .field("csrf", &self.inner.csrf)
            .field("realm", &self.inner.realm)
            .field("watched", &self.inner.watch.is_some())
            .field("cookie_first", &self.inner.cookie_first)
            .finish()
    }
}

/// A valid token, how it came, and the moment at which it was valid.
pub(super) struct Found {
    pub(super) verified: Verified<Payload>,
    pub(super) channel: Channel,
    pub(super) now: Timestamp,
}

impl Found {
    /// The one of two valid tokens that counts.
    fn beside(self, later: Self) -> Result<Self, Refusal> {
        let (first, second) = (self.verified.registered(), later.verified.registered());
        if first.session != second.session || first.subject != second.subject {
            return Err(Refusal::new(RefusalKind::InvalidRequest));
        }
        // Of two cookies the order says nothing: it is the browser's.
        let cookies = self.channel == Channel::Cookie && later.channel == Channel::Cookie;
        let newer = cookies && second.generation > first.generation;
        Ok(if newer { later } else { self })
    }
}
