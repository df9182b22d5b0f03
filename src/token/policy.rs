use std::borrow::Cow;
use std::time::Duration;

use super::algorithm::Algorithm;
use super::claims::RESERVED;
use super::error::{KeyError, KeyErrorKind};
use super::time::Timestamp;

/// What a token must be to be taken.
///
/// Naming an expectation makes it mandatory: a policy that names an issuer refuses a token without one. What is not named
/// is not compared. `exp` is always required.
#[derive(Clone, Debug)]
#[must_use]
pub struct Policy {
    pub(super) algorithms: Option<u16>,
    pub(super) issuer: Option<String>,
    /// Without a list, `aud` is not compared.
    pub(super) audiences: Option<Vec<String>>,
    pub(super) subject: Expected,
    pub(super) subject_claim: Cow<'static, str>,
    pub(super) typ: Option<String>,
    pub(super) leeway: Duration,
    pub(super) issued_at: bool,
    pub(super) session: bool,
    pub(super) longest: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Expected {
    Anything,
    Present,
    Exactly(String),
}

/// How far in the future `iat` may be, and how large the leeway: what the clocks of well-kept machines may differ by.
pub(crate) const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// Whether credentials were shown within `max_age`. Not by a moment that is yet to come, which an issuer that counts milliseconds
/// writes: it would be recent for as long as the token lives.
pub(crate) fn is_recent(shown: Option<Timestamp>, max_age: Duration, now: Timestamp) -> bool {
    shown.is_some_and(|shown| now.since(shown) <= max_age && shown <= now.after(CLOCKS_DIFFER))
}

/// Where the subject stands unless it is said otherwise (RFC 7519 section 4.1.2).
pub(crate) const SUBJECT_CLAIM: &str = "sub";

/// The longest token that is looked at, and the longest that is signed, in bytes.
pub(crate) const LONGEST: usize = 8 * 1024;

impl Policy {
    /// A policy that compares nothing but `alg`, with the keys' own algorithms, and the times.
    pub fn new() -> Self {
        Self {
            algorithms: None,
            issuer: None,
            audiences: None,
            subject: Expected::Anything,
            subject_claim: Cow::Borrowed(SUBJECT_CLAIM),
            typ: None,
            leeway: Duration::ZERO,
            issued_at: true,
            session: false,
            longest: LONGEST,
        }
    }

    /// The algorithms that are allowed; without a list, those that the keys are pinned to.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = Some(algorithms.into_iter().fold(0, |set, algorithm| set | algorithm.bit()));
        self
    }

    /// The one issuer (`iss`, RFC 7519 section 4.1.1).
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// An audience (`aud`, RFC 7519 section 4.1.3); called again, another one. A token must name one of them.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.get_or_insert_default().push(audience.into());
        self
    }

    /// The audiences of which a token must name one; of an empty list no token can, and each is refused.
    pub fn audiences(mut self, audiences: impl IntoIterator<Item = impl Into<String>>) -> Self {
        // Not by one call of `audience` each: an empty list, which a user reads from somewhere, would then allow everybody.
        self.audiences = Some(audiences.into_iter().map(Into::into).collect());
        self
    }

    /// The one subject (`sub`, RFC 7519 section 4.1.2).
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Expected::Exactly(subject.into());
        self
    }

    /// Demands a subject, whoever it is.
    pub fn any_subject(mut self) -> Self {
        self.subject = Expected::Present;
        self
    }

    /// The claim that the subject stands in, for systems that are migrating and call it `_id`, say; `sub` unless it is set.
    ///
    /// A name with another meaning, `scope` say, loses it: what stands there is the subject then, and nothing else.
    pub fn subject_claim(mut self, name: impl Into<String>) -> Self {
        self.subject_claim = Cow::Owned(name.into());
        self
    }

    /// The one type (`typ`, RFC 8725 section 3.11), compared without regard to letter case and to a leading
    /// `application/` (RFC 7515 section 4.1.9).
    pub fn typ(mut self, typ: &str) -> Self {
        self.typ = Some(normal_typ(typ));
        self
    }

    /// Whether the claim of the subject has a name, and not that of another claim.
    pub(crate) fn has_subject_claim(&self) -> bool {
        let name = &*self.subject_claim;
        name == SUBJECT_CLAIM || !name.is_empty() && !RESERVED.contains(&name)
    }

    /// How long after its `exp` and before its `nbf` a token is taken, at most 60 seconds; zero unless it is set.
    ///
    /// # Errors
    ///
    /// When it is above 60 seconds: see [`dangerous_leeway`](Self::dangerous_leeway).
    pub fn leeway(self, leeway: Duration) -> Result<Self, KeyError> {
        if leeway > CLOCKS_DIFFER {
            return Err(KeyError::new(KeyErrorKind::Leeway));
        }
        Ok(self.dangerous_leeway(leeway))
    }

    /// A leeway without a limit: tokens live longer than their issuer said.
    pub fn dangerous_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Demands `sid` and `gen`: the token is one of a session of this crate.
    pub fn session(mut self) -> Self {
        self.session = true;
        self
    }

    /// Does not compare `iat` with the present: for tokens whose times are another clock's.
    pub(crate) fn any_issued_at(mut self) -> Self {
        self.issued_at = false;
        self
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::new()
    }
}

pub(super) fn normal_typ(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    match typ.strip_prefix("application/") {
        Some(rest) => rest.to_owned(),
        None => typ,
    }
}
