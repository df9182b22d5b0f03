use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::builder::VerifierBuilder;
use super::cache::VerifiedTokens;
use super::credentials::{Channel, Credentials, is_token68};
use super::csrf::CsrfGuard;
use super::mark::Taken;
use super::refusal::{Refusal, RefusalKind};
use super::watch::{SessionWatch, Sight};
use crate::clock::Clock;
use crate::site::Site;
use crate::token::{Checker, KeySet, Payload, Timestamp, TokenError, TokenErrorKind, Verified};

/// What decides about access tokens: policy, keys, clock, the access cookie's name, the trusted origins, the session watch.
///
/// One value for the layer and the router, so that they cannot disagree. Cloning it shares it.
#[derive(Clone)]
#[must_use]
pub struct Verifier {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) checker: Checker,
    /// What the checker has verified, which never changes its mind.
    pub(super) known: VerifiedTokens,
    pub(super) clock: Clock,
    pub(super) site: Site,
    pub(super) csrf: CsrfGuard,
    /// None for the usual one.
    pub(super) realm: Option<Arc<str>>,
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
    /// It counts as a sight of the session, whose client must have the token then: never ask it about one that is still to be
    /// handed out. Where that answer is lost, its client would pass for a thief.
    ///
    /// # Errors
    ///
    /// The refusal that the layer would answer with.
    pub fn verify(&self, token: &str) -> Result<Verified<Payload>, Refusal> {
        let (token, about_now) = (token.as_bytes(), self.inner.clock.about_now());
        let (taken, _) = self.check_known(token, about_now).unwrap_or_else(|| self.check_new(token))?;
        self.watch(&taken)?;
        Ok(taken.verified().clone())
    }

    /// The token by which a request is taken; none when it carries none.
    pub(super) fn identify(&self, headers: &HeaderMap) -> Result<Option<Found>, Refusal> {
        let Some(credentials) = Credentials::of(headers, self.inner.site.access_cookie_name()) else {
            return Err(Refusal::new(RefusalKind::InvalidRequest));
        };
        let about_now = self.inner.clock.about_now();
        let mut best = None::<Result<Found, TokenError>>;
        for (channel, token) in credentials.in_order(self.inner.cookie_first) {
            let checked = match self.check_known(token, about_now) {
                Some(checked) => checked,
                None => self.check_new(token),
            };
            // A token that verifies has no such byte.
            if checked.is_err() && channel == Channel::Header && !is_token68(token) {
                return Err(Refusal::new(RefusalKind::InvalidRequest));
            }
            let found = checked.map(|(taken, now)| Found { taken, channel, now });
            best = Some(match (best, found) {
                (None, found) => found,
                (Some(Ok(first)), Ok(later)) => Ok(first.beside(later)?),
                // A bad token beside a good one is ignored: a sibling subdomain could log people out with it.
                (Some(Err(_)), Ok(found)) => Ok(found),
                (Some(first), Err(_)) => first,
            });
        }
        Ok(best.transpose()?)
    }

    /// Asks the session watch about a token that is about to pass.
    pub(super) fn watch(&self, taken: &Taken) -> Result<(), Refusal> {
        let (token, noted) = (taken.registered(), &taken.noted);
        let kind = match self.inner.watch.as_ref().map_or(Sight::Live, |watch| watch.sight(token, noted)) {
            Sight::Live => return Ok(()),
            Sight::Ended => RefusalKind::SessionEnded,
            Sight::Unready => RefusalKind::Unready,
        };
        Err(Refusal::new(kind).about(token.session))
    }

    /// The claims of the access token by which the layer would take a request, for a route that can do without and asks the
    /// store.
    #[cfg(feature = "axum")]
    pub(crate) fn taken(&self, headers: &HeaderMap) -> Option<crate::token::Registered> {
        let taken = self.identify(headers).ok()??.taken;
        match self.watch(&taken) {
            // Where the watch cannot say it, the store can.
            Ok(()) => {}
            Err(refusal) if refusal.kind() == RefusalKind::Unready => {}
            // Its session was ended: whoever still has it must not end others with it.
            Err(_) => return None,
        }
        Some(taken.registered().clone())
    }

    /// What an access token says that was just signed and that nobody has yet: this is no sight of it.
    #[cfg(feature = "axum")]
    pub(crate) fn read_own(&self, token: &str) -> Result<Verified<Payload>, TokenError> {
        self.inner.checker.verify(token.as_bytes(), self.inner.clock.now())
    }

    pub(super) fn site(&self) -> &Site {
        &self.inner.site
    }

    pub(crate) fn csrf(&self) -> &CsrfGuard {
        &self.inner.csrf
    }

    pub(crate) fn realm(&self) -> Option<Arc<str>> {
        self.inner.realm.clone()
    }

    /// What a token is worth that was verified before; none of one that is not known.
    pub(super) fn check_known(&self, token: &[u8], about_now: Timestamp) -> Option<Judged> {
        let Inner { checker, known, clock, .. } = &*self.inner;
        let taken = known.get(token, about_now)?;
        let timely = |now| checker.verify_again(taken.registered(), now);
        // Where a second makes no difference, a few milliseconds make none.
        if timely(about_now.before(SECOND)).is_ok() && timely(about_now.after(SECOND)).is_ok() {
            return Some(Ok((taken, about_now)));
        }
        let now = clock.now();
        let timely = timely(now);
        if timely.is_err_and(|error| error.kind() == TokenErrorKind::Expired) {
            known.forget(token);
        }
        Some(timely.map(|()| (taken, now)))
    }

    fn check_new(&self, token: &[u8]) -> Judged {
        let now = self.inner.clock.now();
        let verified = self.inner.checker.verify(token, now)?;
        Ok((self.inner.known.met(token, Taken::new(verified)), now))
    }
}

/// A valid token, and the moment at which it was.
type Judged = Result<(Arc<Taken>, Timestamp), TokenError>;

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
impl Verifier {
    /// Whether it would take this token without looking at its signature.
    pub(super) fn knows(&self, token: &str) -> bool {
        self.inner.known.knows(token.as_bytes(), self.inner.clock.now())
    }

    /// Keeps a token with claims that it was asked for.
    pub(super) fn plant(&self, token: &str, verified: Verified<Payload>, claims: Arc<dyn std::any::Any + Send + Sync>) {
        self.inner.known.keep(token.as_bytes(), Taken::with(verified, claims));
    }

    /// How many tokens it keeps, and what they take in bytes.
    pub(super) fn known(&self) -> (usize, u64) {
        self.inner.known.size()
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
            .field("checker", &self.inner.checker)
            .field("known", &self.inner.known)
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
    pub(super) taken: Arc<Taken>,
    pub(super) channel: Channel,
    pub(super) now: Timestamp,
}

impl Found {
    /// The one of two valid tokens that counts.
    fn beside(self, later: Self) -> Result<Self, Refusal> {
        let (first, second) = (self.taken.registered(), later.taken.registered());
        if first.session != second.session || first.subject != second.subject {
            return Err(Refusal::new(RefusalKind::InvalidRequest));
        }
        // Of two cookies the order says nothing: it is the browser's.
        let cookies = self.channel == Channel::Cookie && later.channel == Channel::Cookie;
        let newer = cookies && second.generation > first.generation;
        Ok(if newer { later } else { self })
    }
}
