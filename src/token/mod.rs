//! Tokens: signed, verified, never trusted before.
//!
//! This ring is pure: bytes and the present moment in, claims or a refusal out. It has no clock, no I/O and no randomness.
//!
//! A token is verified strictly, step by step, and every step has a kind of its own ([`TokenErrorKind`]):
//!
//! 1. It is at most 8 KiB long and exactly three segments of canonical, unpadded base64url.
//! 2. Its header is a JSON object without a member twice, its `alg` in the allow-list, its `typ` the expected one, without
//!    `crit` and without `b64` other than `true`; keys embedded in the header are never looked at.
//! 3. The key is found by `kid`, or is the only one of that algorithm where the token names none; each key is pinned to
//!    one algorithm, so that a public key never verifies as an HMAC secret.
//! 4. The signature verifies.
//! 5. The payload is UTF-8 and a JSON object without a member twice; every claim of RFC 7519 has exactly its type.
//! 6. `exp` is there and still to come, `nbf` is not, `iat` is not in the future; `iss`, `aud` and `sub` are what the
//!    [`Policy`] names. Naming makes mandatory.
//!
//! ```
//! use jwt_sessions::token::{Algorithm, KeySet, Policy, Signer, SigningKey, Timestamp, TokenErrorKind};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SigningKey::secret(Algorithm::HS256, "0123456789abcdefghijklmnopqrstuv")?;
//! let keys = KeySet::new(key.clone());
//! let policy = Policy::new().issuer("https://example.com").typ("at+jwt");
//! let token = Signer::new(key, "at+jwt").sign(r#"{"iss":"https://example.com","sub":"alice","exp":100}"#)?;
//!
//! let verified = policy.verify(&token, &keys, Timestamp::from_secs(99))?;
//! assert_eq!(verified.registered().subject.as_deref(), Some("alice"));
//!
//! // `exp` is the first second at which it is refused.
//! let refused = policy.verify(&token, &keys, Timestamp::from_secs(100)).unwrap_err();
//! assert_eq!(refused.kind(), TokenErrorKind::Expired);
//!
//! // A policy that names an audience refuses a token without one.
//! let refused = policy.audience("api").verify(&token, &keys, Timestamp::from_secs(99)).unwrap_err();
//! assert_eq!(refused.kind(), TokenErrorKind::MissingClaim);
//! # Ok(())
//! # }
//! ```
//!
//! # Deployment
//!
//! The verdict is as good as the clock and the keys. A machine whose clock is more than 60 seconds behind refuses what the others
//! have just issued, which is meant.

mod algorithm;
mod checker;
mod claims;
mod error;
mod header;
mod json;
mod key;
mod legacy;
mod policy;
mod refresh;
mod session_id;
mod sign;
mod time;
mod verify;

pub use self::algorithm::Algorithm;
pub(crate) use self::checker::Checker;
pub use self::claims::{OwnClaims, Payload, Registered, Verified};
pub(crate) use self::claims::{RESERVED, is_scope, is_subject};
pub use self::error::{KeyError, KeyErrorKind, TokenError, TokenErrorKind};
pub(crate) use self::key::is_same;
pub use self::key::{KeySet, SigningKey, VerifyingKey};
pub use self::policy::Policy;
pub(crate) use self::policy::{CLOCKS_DIFFER, LONGEST, SUBJECT_CLAIM, is_recent};
pub use self::refresh::{ACCESS_TYPE, REFRESH_TYPE, SecretHash, SessionSecret};
pub use self::session_id::SessionId;
pub use self::sign::Signer;
pub use self::time::Timestamp;

#[cfg(feature = "axum")]
pub(crate) use self::json::is_proper_object;
#[cfg(feature = "redis")]
pub(crate) use self::key::sha256;
pub(crate) use self::legacy::LegacyReader;
pub(crate) use self::refresh::{RESERVED_IN_REFRESH, RefreshClaims, RefreshNames};
