//! PEM (RFC 7468), as far as it must be looked at before jsonwebtoken reads it: that one takes the first block of a text
//! whatever its label says, and the first bit string of a certificate or a private key for a public key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::token::error::{KeyError, KeyErrorKind};

/// Refuses a text that is not exactly one block of one of these labels.
pub(super) fn one_block(pem: &[u8], labels: &[&str]) -> Result<(), KeyError> {
    let begins = |label: &str| contains(pem, format!("-----BEGIN {label}-----").as_bytes());
    let blocks = pem.windows(BEGIN.len()).filter(|window| *window == BEGIN).count();
    if blocks == 1 && labels.iter().any(|label| begins(label)) {
        Ok(())
    } else {
        Err(KeyError::new(KeyErrorKind::Format))
    }
}

/// Whether a text has the beginning of a block anywhere.
pub(super) fn is_pem(text: &[u8]) -> bool {
    contains(text, BEGIN)
}

/// DER in PEM, so that one reader serves both.
pub(super) fn armor(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    Zeroizing::new(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", *body))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

const BEGIN: &[u8] = b"-----BEGIN ";
