//! The one place that names a crypto provider.
//!
//! jsonwebtoken's process-wide default is never used, not even through its `Jwk` helpers: with both of its backend features
//! on anywhere in the dependency tree, that default panics at the first token.

use jsonwebtoken::crypto::CryptoProvider;
use jsonwebtoken::jwk::ThumbprintHash;

use crate::token::error::{KeyError, KeyErrorKind};

#[cfg(feature = "aws-lc-rs")]
pub(super) use super::aws_lc::{Parsed, Private};
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
pub(super) use super::rust_crypto::{Parsed, Private};

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
compile_error!("jwt-sessions needs a crypto backend: enable the feature `aws-lc-rs` (the default) or `rust-crypto`");

#[cfg(feature = "aws-lc-rs")]
pub(super) fn provider() -> &'static CryptoProvider {
    &jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER
}

#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
pub(super) fn provider() -> &'static CryptoProvider {
    &jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER
}

/// Whether two texts are the same, in a time that depends on their lengths alone.
#[cfg(feature = "aws-lc-rs")]
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one, other).is_ok()
}

/// Whether two texts are the same, in a time that depends on their lengths alone. Eight bytes at a time: one at a time it costs
/// more than the signature of a secret.
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    use subtle::{Choice, ConstantTimeEq};
    let ((ones, end), (others, other_end)) = (one.as_chunks(), other.as_chunks());
    let pairs = ones.iter().zip(others).map(|(one, other)| u64::from_ne_bytes(*one).ct_eq(&u64::from_ne_bytes(*other)));
    let same = pairs.fold(Choice::from(u8::from(one.len() == other.len())), |all, pair| all & pair);
    (same & end.ct_eq(other_end)).into()
}

/// The SHA-256 of `data`, from the same backend that signs.
pub(crate) fn sha256(data: &[u8]) -> Result<[u8; 32], KeyError> {
    (provider().key_utils.compute_digest)(data, ThumbprintHash::SHA256)
        .ok()
        .and_then(|digest| digest.try_into().ok())
        .ok_or(KeyError::new(KeyErrorKind::SelfTest))
}
