use std::fmt;

/// Why a [`Verifier`](super::Verifier) was refused when it was built.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierError {
    kind: VerifierErrorKind,
}

impl VerifierError {
    pub(super) const fn new(kind: VerifierErrorKind) -> Self {
        Self { kind }
    }

    /// What is wrong.
    pub const fn kind(&self) -> VerifierErrorKind {
        self.kind
    }
}

/// What is wrong with a verifier's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifierErrorKind {
    /// The key set has no key.
    Keys,
    /// No issuer is named, or an empty one.
    Issuer,
    /// No audience is named, or an empty one.
    Audience,
    /// The claim that the subject stands in has no name, or that of another registered claim.
    SubjectClaim,
    /// The `typ` is empty.
    Type,
    /// The leeway is above 60 seconds.
    Leeway,
    /// The realm is empty or not printable ASCII.
    Realm,
    /// A trusted origin is none that a browser would send.
    Origin,
}

impl fmt::Debug for VerifierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifierError").field(&self.kind).finish()
    }
}

impl fmt::Display for VerifierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            VerifierErrorKind::Keys => "the key set is empty",
            VerifierErrorKind::Issuer => "name the issuer whose tokens are taken, or say `dangerous_any_issuer`",
            VerifierErrorKind::Audience => "name the audience that tokens must have, or say `dangerous_any_audience`",
            VerifierErrorKind::SubjectClaim => "the claim of the subject has no name, or that of another claim",
            VerifierErrorKind::Type => "the token type is empty",
            VerifierErrorKind::Leeway => "the leeway is above 60 seconds",
            VerifierErrorKind::Realm => "the realm is empty or not printable ASCII",
            VerifierErrorKind::Origin => "a trusted origin is none that a browser would send",
        })
    }
}

impl std::error::Error for VerifierError {}
