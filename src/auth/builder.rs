use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::cache::{TOKENS, VerifiedTokens};
use super::csrf::CsrfGuard;
use super::error::{VerifierError, VerifierErrorKind};
use super::refusal::REALM;
use super::verifier::{Inner, Verifier};
use super::watch::SessionWatch;
use crate::clock::Clock;
use crate::site::Site;
use crate::token::{ACCESS_TYPE, Checker, KeySet, Policy};

/// A [`Verifier`] in the making.
///
/// Issuer and audience must be named; the token's `typ` is `at+jwt` (RFC 9068 section 2.1), and it must have a subject.
#[must_use]
pub struct VerifierBuilder {
    keys: KeySet,
    policy: Policy,
    issuer: Expectation,
    audience: Expectation,
    typ: Option<String>,
    leeway: Duration,
    clock: Clock,
    site: Site,
    realm: String,
    watch: Option<Arc<dyn SessionWatch>>,
    cookie_first: bool,
    cached_tokens: usize,
}

impl VerifierBuilder {
    pub(super) fn new(keys: KeySet) -> Self {
        Self {
            keys,
            policy: Policy::new().any_subject(),
            issuer: Expectation::Unsaid,
            audience: Expectation::Unsaid,
            typ: Some(ACCESS_TYPE.to_owned()),
            leeway: Duration::ZERO,
            clock: Clock::system(),
            site: Site::without_cookies(),
            realm: REALM.to_owned(),
            watch: None,
            cookie_first: false,
            cached_tokens: TOKENS,
        }
    }

    /// Whose tokens are taken (`iss`, RFC 7519 section 4.1.1).
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        self.issuer = Expectation::Unsaid.named(&issuer);
        self.policy = self.policy.issuer(issuer);
        self
    }

    /// For whom tokens must be meant (`aud`, RFC 7519 section 4.1.3); called again, another one. A token must name one.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        let audience = audience.into();
        self.audience = self.audience.named(&audience);
        self.policy = self.policy.audience(audience);
        self
    }

    /// Takes tokens of every issuer that has a key of the set.
    pub fn dangerous_any_issuer(mut self) -> Self {
        // A name that was given stays: it would be compared silently or dropped silently, and both surprise.
        if self.issuer == Expectation::Unsaid {
            self.issuer = Expectation::Any;
        }
        self
    }

    /// Takes tokens that were issued for other services, too: each of these can then pose as the user here.
    pub fn dangerous_any_audience(mut self) -> Self {
        if self.audience == Expectation::Unsaid {
            self.audience = Expectation::Any;
        }
        self
    }

    /// The token's `typ` (RFC 8725 section 3.11); `at+jwt` unless it is set.
    pub fn typ(mut self, typ: impl Into<String>) -> Self {
        self.typ = Some(typ.into());
        self
    }

    /// Takes tokens of every `typ`: also those that the issuer made for another purpose, an ID token say.
    pub fn dangerous_any_typ(mut self) -> Self {
        self.typ = None;
        self
    }

    /// The claim that the subject stands in; `sub` unless it is set.
    pub fn subject_claim(mut self, name: impl Into<String>) -> Self {
        self.policy = self.policy.subject_claim(name);
        self
    }

    /// How long after its `exp` and before its `nbf` a token is taken, at most 60 seconds; zero unless it is set.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Demands `sid` and `gen`: the token is one of a session of this crate.
    pub fn session(mut self) -> Self {
        self.policy = self.policy.session();
        self
    }

    /// The access cookie's name and the origins whose unsafe requests are taken; without it only the header counts.
    pub fn site(mut self, site: Site) -> Self {
        self.site = site;
        self
    }

    /// The clock; the system's unless it is set.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The challenge's `realm` (RFC 9110 section 11.5), printable ASCII; `protected` unless it is set.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Who is asked whether a token's session still lives; nobody unless it is set.
    pub fn watch(mut self, watch: Arc<dyn SessionWatch>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Prefers the cookie where a request has valid tokens of one session in both places; the header otherwise.
    pub fn cookie_first(mut self) -> Self {
        self.cookie_first = true;
        self
    }

    /// How many verified tokens are kept at most, in as many KiB, so that the next request with one costs no signature check; 10,000
    /// unless it is set, and none with 0. Fewer than 256 count as 256. See [*What is kept*](crate::auth#what-is-kept).
    pub fn cached_tokens(mut self, tokens: usize) -> Self {
        self.cached_tokens = tokens;
        self
    }

    /// The verifier.
    ///
    /// # Errors
    ///
    /// When there is no key, issuer or audience is neither named nor waived, a name is empty, the subject's claim has the name of
    /// another one, the leeway is above 60 seconds, the realm is not printable ASCII, or a trusted origin is none.
    pub fn build(self) -> Result<Verifier, VerifierError> {
        if self.keys.verifying_keys().is_empty() {
            return Err(VerifierError::new(VerifierErrorKind::Keys));
        }
        if !self.issuer.is_said() {
            return Err(VerifierError::new(VerifierErrorKind::Issuer));
        }
        if !self.audience.is_said() {
            return Err(VerifierError::new(VerifierErrorKind::Audience));
        }
        if !self.policy.has_subject_claim() {
            return Err(VerifierError::new(VerifierErrorKind::SubjectClaim));
        }
        if self.typ.as_deref().is_some_and(str::is_empty) {
            return Err(VerifierError::new(VerifierErrorKind::Type));
        }
        if self.realm.is_empty() || !self.realm.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(VerifierError::new(VerifierErrorKind::Realm));
        }
        let policy = self.typ.iter().fold(self.policy, |policy, typ| policy.typ(typ));
        let policy = policy.leeway(self.leeway).map_err(|_| VerifierError::new(VerifierErrorKind::Leeway))?;
        let csrf =
            CsrfGuard::new(self.site.trusted_origins()).map_err(|_| VerifierError::new(VerifierErrorKind::Origin))?;
        Ok(Verifier::from(Inner {
            checker: Checker::new(policy, self.keys),
            known: VerifiedTokens::new(self.cached_tokens),
            clock: self.clock,
            site: self.site,
            csrf,
            realm: (self.realm != REALM).then(|| self.realm.into()),
            watch: self.watch,
            cookie_first: self.cookie_first,
        }))
    }
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("keys", &self.keys)
            .field("policy", &self.policy)
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expectation {
    Unsaid,
    Named,
    Empty,
    Any,
}

impl Expectation {
    fn named(self, name: &str) -> Self {
        if name.is_empty() || self == Self::Empty { Self::Empty } else { Self::Named }
    }

    fn is_said(self) -> bool {
        matches!(self, Self::Named | Self::Any)
    }
}
