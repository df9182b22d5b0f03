//! What the fuzz targets have in common: the rules said a second time, by other means than the crate's, and tokens to put
//! into requests.
//!
//! Nothing here calls the crate to find out what is right. What a target and the crate do not agree about is a finding.
#![allow(missing_docs, reason = "a crate of its own, for nobody else")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a panic is how a finding is reported")]

pub mod base64url;
pub mod json;
pub mod layer;
pub mod oracle;
pub mod requests;
pub mod signer;
