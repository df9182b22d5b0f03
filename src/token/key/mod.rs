//! Keys: each pinned to one algorithm and checked when it is configured, never at the first token.

mod backend;
mod der;
mod ed25519;
mod jwk;
mod material;
mod pem;
mod private_jwk;
mod roca;
mod set;
mod signing;
mod verifying;

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
mod rust_crypto;

pub use self::set::KeySet;
pub use self::signing::SigningKey;
pub use self::verifying::VerifyingKey;

pub(crate) use self::backend::{is_same, sha256};

#[cfg(test)]
mod tests;
