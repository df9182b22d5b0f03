use jsonwebtoken::DecodingKey;
use zeroize::Zeroizing;

use super::backend::Parsed;
use super::{der, ed25519, pem, roca};
use crate::token::algorithm::{Algorithm, Family};
use crate::token::error::{KeyError, KeyErrorKind};

/// What a key is made of, whatever text it came in; every constructor checks what both backends leave unchecked.
pub(super) enum Material {
    Secret(Zeroizing<Vec<u8>>),
    /// Big-endian, without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// `point` is the uncompressed SEC 1 form, `0x04 || x || y`.
    Ec {
        point: Vec<u8>,
    },
    Ed25519 {
        x: [u8; 32],
    },
}

impl Material {
    pub(super) fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        if algorithm.family() != Family::Hmac {
            return Err(KeyError::new(KeyErrorKind::Mismatch));
        }
        let weak = Self::weak_secret(secret)?;
        if secret.len() < algorithm.shortest_secret() {
            return Err(KeyError::new(KeyErrorKind::TooShort));
        }
        let mut different = [false; 256];
        for byte in secret {
            if let Some(met) = different.get_mut(usize::from(*byte)) {
                *met = true;
            }
        }
        if different.iter().filter(|met| **met).count() < 8 {
            return Err(KeyError::new(KeyErrorKind::Weak));
        }
        Ok(weak)
    }

    /// A secret that anybody may guess, but no public key.
    pub(super) fn weak_secret(secret: &[u8]) -> Result<Self, KeyError> {
        if pem::is_pem(secret) {
            return Err(KeyError::new(KeyErrorKind::PemAsSecret));
        }
        if secret.is_empty() {
            return Err(KeyError::new(KeyErrorKind::TooShort));
        }
        Ok(Self::Secret(Zeroizing::new(secret.to_vec())))
    }

    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
        let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
        if !(2048..=Parsed::RSA_MAX_BITS).contains(&bits) {
            return Err(KeyError::new(KeyErrorKind::RsaSize));
        }
        if n.last().is_none_or(|last| last % 2 == 0) {
            return Err(KeyError::new(KeyErrorKind::Format));
        }
        // With an exponent of 1 every message is its own signature. Neither backend takes more than 33 bits, but one says
        // so only by refusing every token.
        let above_33_bits = e.len() > 5 || e.len() == 5 && e.first().is_some_and(|first| *first > 1);
        if e == [1] || above_33_bits || e.last().is_none_or(|last| last % 2 == 0) {
            return Err(KeyError::new(KeyErrorKind::RsaExponent));
        }
        if roca::is_factorable(n) {
            return Err(KeyError::new(KeyErrorKind::RsaFactorable));
        }
        Ok(Self::Rsa { n: n.to_vec(), e: e.to_vec() })
    }

    /// From PKCS#1: read here, because one backend calls a key that is too short unreadable.
    pub(super) fn rsa_der(der: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = der::rsa_public_numbers(der).ok_or(KeyError::new(KeyErrorKind::Format))?;
        Self::rsa(n, e)
    }

    /// `x` and `y` have exactly the length of the curve's field (RFC 7518 section 6.2.1.2).
    pub(super) fn ec(algorithm: Algorithm, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        let length = match algorithm.family() {
            Family::P256 => 32,
            Family::P384 => 48,
            _ => return Err(KeyError::new(KeyErrorKind::Mismatch)),
        };
        if x.len() != length || y.len() != length {
            return Err(KeyError::new(KeyErrorKind::Mismatch));
        }
        Ok(Self::Ec { point: [&[4], x, y].concat() })
    }

    pub(super) fn ed25519(x: &[u8]) -> Result<Self, KeyError> {
        let x = <[u8; 32]>::try_from(x).map_err(|_| KeyError::new(KeyErrorKind::Mismatch))?;
        if !ed25519::is_safe_point(&x) {
            return Err(KeyError::new(KeyErrorKind::Point));
        }
        Ok(Self::Ed25519 { x })
    }

    /// A public key in PEM: `PUBLIC KEY` (SubjectPublicKeyInfo) or `RSA PUBLIC KEY` (PKCS#1).
    pub(super) fn public_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, KeyError> {
        let format = |_| KeyError::new(KeyErrorKind::Format);
        pem::one_block(pem, &["PUBLIC KEY", "RSA PUBLIC KEY"])?;
        match algorithm.family() {
            Family::Hmac => Err(KeyError::new(KeyErrorKind::Mismatch)),
            Family::Rsa => {
                let key = DecodingKey::from_rsa_pem(pem).map_err(format)?;
                Self::rsa_der(key.try_get_as_bytes().map_err(format)?)
            }
            Family::P256 | Family::P384 => {
                let key = DecodingKey::from_ec_pem(pem).map_err(format)?;
                let (x, y) = coordinates(key.try_get_as_bytes().map_err(format)?)?;
                Self::ec(algorithm, x, y)
            }
            Family::Ed25519 => {
                let key = DecodingKey::from_ed_pem(pem).map_err(format)?;
                Self::ed25519(key.try_get_as_bytes().map_err(format)?)
            }
        }
    }

    /// Whether both have the same public half; secrets, which have none, are never compared.
    pub(super) fn same_public(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rsa { n, e }, Self::Rsa { n: other_n, e: other_e }) => n == other_n && e == other_e,
            (Self::Ec { point }, Self::Ec { point: other }) => point == other,
            (Self::Ed25519 { x }, Self::Ed25519 { x: other }) => x == other,
            _ => false,
        }
    }

    /// The two coordinates of an elliptic curve's point.
    pub(super) fn coordinates(&self) -> Option<(&[u8], &[u8])> {
        match self {
            Self::Ec { point } => coordinates(point).ok(),
            _ => None,
        }
    }
}

fn coordinates(point: &[u8]) -> Result<(&[u8], &[u8]), KeyError> {
    match point.split_first() {
        Some((4, both)) if both.len() % 2 == 0 => Ok(both.split_at(both.len() / 2)),
        _ => Err(KeyError::new(KeyErrorKind::Point)),
    }
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
