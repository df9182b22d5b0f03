//! Private JWKs (RFC 7518 section 6, RFC 8037 section 2), rewritten as the DER that the backends read.

use jsonwebtoken::EncodingKey;
use zeroize::Zeroizing;

use super::der;
use super::jwk::Jwk;
use crate::token::algorithm::{Algorithm, Family};
use crate::token::error::{KeyError, KeyErrorKind};

/// Reads the private half; the public one is compared by the caller.
pub(super) fn read(algorithm: Algorithm, jwk: &Jwk<'_>) -> Result<EncodingKey, KeyError> {
    match algorithm.family() {
        Family::Hmac => Ok(EncodingKey::from_secret(&jwk.bytes("k")?)),
        Family::Rsa => rsa(jwk),
        Family::P256 => Ok(EncodingKey::from_ec_der(&behind(&P256, &jwk.bytes("d")?)?)),
        Family::P384 => Ok(EncodingKey::from_ec_der(&behind(&P384, &jwk.bytes("d")?)?)),
        Family::Ed25519 => Ok(EncodingKey::from_ed_der(&behind(&ED25519, &jwk.bytes("d")?)?)),
    }
}

fn rsa(jwk: &Jwk<'_>) -> Result<EncodingKey, KeyError> {
    // More than two primes (`oth`): "MUST NOT" be used by who does not support them (RFC 7518 section 6.3.2.7).
    if jwk.has("oth") {
        return Err(KeyError::new(KeyErrorKind::Format));
    }
    let [n, e, d] = [jwk.bytes("n")?, jwk.bytes("e")?, jwk.bytes("d")?];
    let [p, q, dp, dq, qi] = [jwk.bytes("p")?, jwk.bytes("q")?, jwk.bytes("dp")?, jwk.bytes("dq")?, jwk.bytes("qi")?];
    Ok(EncodingKey::from_rsa_der(&der::rsa_private_key([&n, &e, &d, &p, &q, &dp, &dq, &qi])))
}

/// A PKCS#8 document that ends with the private key: the length of `d` is fixed (RFC 7518 section 6.2.2.1), and so is all
/// that stands before it.
fn behind(document: &Document, d: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if d.len() != document.length {
        return Err(KeyError::new(KeyErrorKind::Mismatch));
    }
    Ok(Zeroizing::new([document.prefix, d].concat()))
}

struct Document {
    prefix: &'static [u8],
    length: usize,
}

/// RFC 8410 section 7, version 1.
const ED25519: Document =
    Document { prefix: &[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20], length: 32 };

/// RFC 5958 around RFC 5915, without the optional public key: the backend computes it, and it is then compared.
const P256: Document = Document {
    prefix: &[
        0x30, 0x41, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        3, 1, 7, 4, 0x27, 0x30, 0x25, 2, 1, 1, 4, 0x20,
    ],
    length: 32,
};

const P384: Document = Document {
    prefix: &[
        0x30, 0x4e, 2, 1, 0, 0x30, 0x10, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x22, 4,
        0x37, 0x30, 0x35, 2, 1, 1, 4, 0x30,
    ],
    length: 48,
};
