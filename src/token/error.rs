use std::error::Error as StdError;
use std::fmt;

/// Why a token was refused.
///
/// It carries no part of the token. [`kind`](Self::kind) tells the reasons apart for logs; what a client hears is decided
/// in the HTTP rings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenError {
    kind: TokenErrorKind,
}

impl TokenError {
    pub(crate) const fn new(kind: TokenErrorKind) -> Self {
        Self { kind }
    }

    /// The step of the verification that refused.
    pub const fn kind(&self) -> TokenErrorKind {
        self.kind
    }
}

/// The steps of the verification, in their order; each has a kind of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// Longer than the policy's limit.
    TooLong,
    /// Not exactly three segments of canonical, unpadded base64url (RFC 7515 section 3.1).
    Malformed,
    /// The header is not a JSON object, has a member twice or a member of the wrong type (RFC 7515 section 4).
    Header,
    /// The header's `alg` is not in the allow-list (RFC 8725 section 3.1).
    Algorithm,
    /// The header's `typ` is not the expected one (RFC 8725 section 3.11).
    Type,
    /// The header has `crit`: it demands an extension that is not understood here (RFC 7515 section 4.1.11).
    Critical,
    /// The header has `b64` other than `true` (RFC 7797 section 3).
    Unencoded,
    /// No key of the set has the token's `kid` and `alg`, or the token names none and more than one key would do.
    UnknownKey,
    /// The signature does not verify.
    Signature,
    /// The payload is not UTF-8, not a JSON object, or has a member twice (RFC 7519 section 4).
    Claims,
    /// A registered claim has the wrong JSON type (RFC 7519 section 4.1).
    ClaimType,
    /// `exp`, or a claim that the policy names, is missing; found out where that claim is compared.
    MissingClaim,
    /// `exp` is now or past (RFC 7519 section 4.1.4).
    Expired,
    /// `nbf` is still to come (RFC 7519 section 4.1.5).
    NotYetValid,
    /// `iat` is more than 60 seconds in the future.
    IssuedInFuture,
    /// `iss` is not the expected one (RFC 7519 section 4.1.1).
    Issuer,
    /// `aud` names none of the expected ones (RFC 7519 section 4.1.3).
    Audience,
    /// `sub` is not the expected one (RFC 7519 section 4.1.2).
    Subject,
}

impl TokenErrorKind {
    /// A fixed name for logs and reports, in snake case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Header => "header",
            Self::Algorithm => "algorithm",
            Self::Type => "type",
            Self::Critical => "critical",
            Self::Unencoded => "unencoded",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::ClaimType => "claim_type",
            Self::MissingClaim => "missing_claim",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Subject => "subject",
        }
    }
}

impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenError").field(&self.kind).finish()
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TokenErrorKind::TooLong => "the token is too long",
            TokenErrorKind::Malformed => "the token is not three segments of base64url",
            TokenErrorKind::Header => "the token's header is not usable",
            TokenErrorKind::Algorithm => "the token's algorithm is not allowed",
            TokenErrorKind::Type => "the token is of another type",
            TokenErrorKind::Critical => "the token demands an unknown extension",
            TokenErrorKind::Unencoded => "the token's payload is not base64url",
            TokenErrorKind::UnknownKey => "no key is known for the token",
            TokenErrorKind::Signature => "the token's signature does not verify",
            TokenErrorKind::Claims => "the token's claims are not a proper JSON object",
            TokenErrorKind::ClaimType => "a registered claim has the wrong type",
            TokenErrorKind::MissingClaim => "a required claim is missing",
            TokenErrorKind::Expired => "the token has expired",
            TokenErrorKind::NotYetValid => "the token is not valid yet",
            TokenErrorKind::IssuedInFuture => "the token was issued in the future",
            TokenErrorKind::Issuer => "the token is from another issuer",
            TokenErrorKind::Audience => "the token is for another audience",
            TokenErrorKind::Subject => "the token is about another subject",
        })
    }
}

impl StdError for TokenError {}

/// Why a key, a secret or a policy was refused when it was configured, or why a token could not be signed.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyError {
    kind: KeyErrorKind,
}

impl KeyError {
    pub(crate) const fn new(kind: KeyErrorKind) -> Self {
        Self { kind }
    }

    /// What is wrong.
    pub const fn kind(&self) -> KeyErrorKind {
        self.kind
    }
}

/// What is wrong with a key, a policy or the claims to be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// No algorithm of that name is supported.
    UnknownAlgorithm,
    /// The key's text or bytes cannot be read.
    Format,
    /// The key is of another type or curve than the algorithm takes.
    Mismatch,
    /// An HMAC secret shorter than its hash (RFC 7518 section 3.2).
    TooShort,
    /// An HMAC secret with fewer than 8 different bytes.
    Weak,
    /// A PEM text where a secret is expected: a public key used as a secret is how algorithm confusion starts.
    PemAsSecret,
    /// An RSA modulus below 2,048 bits, or above what the backend verifies.
    RsaSize,
    /// An RSA exponent that is even, below 3 or above 33 bits.
    RsaExponent,
    /// An RSA modulus of the form that faulty chips made from 2012 to 2017, and that can be factored (CVE-2017-15361).
    RsaFactorable,
    /// A point that is not on the curve, or an Ed25519 key of small order, under which forged signatures verify.
    Point,
    /// The JWK is meant for something else than signatures (`use`, `key_ops`; RFC 7517 sections 4.2 and 4.3).
    Use,
    /// Two keys of the set have the same algorithm and the same `kid`, or one of them has none: no token could say which it
    /// means.
    Duplicate,
    /// Several algorithms of the list would do for a key of the set, and the key does not say which is its own.
    Ambiguous,
    /// A private key where tokens are only verified.
    Private,
    /// The set has no key.
    Empty,
    /// The key cannot sign, or does not verify what it signed.
    SelfTest,
    /// The leeway is above 60 seconds.
    Leeway,
    /// The claims to be signed are not a JSON object.
    ClaimsNotObject,
    /// The claims to be signed have a member of a registered name.
    ClaimsReserved,
    /// The token would be longer than 8 KiB, and every policy would refuse it.
    ClaimsTooLong,
}

impl fmt::Debug for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyError").field(&self.kind).finish()
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            KeyErrorKind::UnknownAlgorithm => "the algorithm is not supported",
            KeyErrorKind::Format => "the key cannot be read",
            KeyErrorKind::Mismatch => "the key is of another type than its algorithm",
            KeyErrorKind::TooShort => {
                "the secret is too short: HS256 takes at least 32 bytes, HS384 48 and HS512 64; `openssl rand -base64 48` makes a good one"
            }
            KeyErrorKind::Weak => "the secret has fewer than 8 different bytes",
            KeyErrorKind::PemAsSecret => "the secret is a PEM text, which belongs to an asymmetric algorithm",
            KeyErrorKind::RsaSize => "the RSA key is below 2048 bits or above what the backend verifies",
            KeyErrorKind::RsaExponent => "the RSA exponent is even, below 3 or above 33 bits",
            KeyErrorKind::RsaFactorable => "the RSA key was made by a faulty chip and can be factored (CVE-2017-15361)",
            KeyErrorKind::Point => "the public key is not a safe point of its curve",
            KeyErrorKind::Use => "the key is not meant for signatures",
            KeyErrorKind::Duplicate => "two keys of one algorithm have the same kid, or one of them has none",
            KeyErrorKind::Ambiguous => "several algorithms are allowed for a key that does not say which is its own",
            KeyErrorKind::Private => "the key is a private one, and only its public half is needed",
            KeyErrorKind::Empty => "the key set is empty",
            KeyErrorKind::SelfTest => "the key does not verify what it signs",
            KeyErrorKind::Leeway => "the leeway is above 60 seconds",
            KeyErrorKind::ClaimsNotObject => "the claims do not serialize to a JSON object",
            KeyErrorKind::ClaimsReserved => "the claims have a member of a registered name",
            KeyErrorKind::ClaimsTooLong => "the claims make the token longer than 8 KiB",
        })
    }
}

impl StdError for KeyError {}
