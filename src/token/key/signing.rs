use std::fmt;
use std::sync::Arc;

use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::EllipticCurve;

use super::backend::{Private, provider};
use super::jwk::Jwk;
use super::material::Material;
use super::verifying::{VerifyingKey, detect};
use super::{pem, private_jwk};
use crate::token::algorithm::{Algorithm, Family};
use crate::token::error::{KeyError, KeyErrorKind};

/// A key that signs, pinned to one algorithm, with the half that verifies.
///
/// It has signed and verified once before it exists, so that a bad key is refused at start and not at the first login.
/// Cloning it shares the key.
#[derive(Clone)]
pub struct SigningKey {
    private: Arc<Private>,
    verifying: VerifyingKey,
}

impl SigningKey {
    /// An HMAC secret, for `HS256`, `HS384` or `HS512`.
    ///
    /// # Errors
    ///
    /// When the secret is shorter than the hash (32, 48 or 64 bytes), has fewer than 8 different bytes, or is a PEM text.
    pub fn secret(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let secret = secret.as_ref();
        let material = Material::secret(algorithm, secret)?;
        Self::new(algorithm, EncodingKey::from_secret(secret), material)
    }

    /// An HMAC secret for `HS256` of any length but none, for reading what another system has signed.
    pub(crate) fn weak_secret(secret: &[u8]) -> Result<Self, KeyError> {
        Self::new(Algorithm::HS256, EncodingKey::from_secret(secret), Material::weak_secret(secret)?)
    }

    /// A private key in PEM: `PRIVATE KEY` (PKCS#8) or `RSA PRIVATE KEY` (PKCS#1).
    ///
    /// # Errors
    ///
    /// When the text is no such key, or the key is not one that the algorithm takes.
    pub fn pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let pem = pem.as_ref();
        pem::one_block(pem, &["PRIVATE KEY", "RSA PRIVATE KEY"])?;
        let private = match algorithm.family() {
            Family::Hmac => return Err(KeyError::new(KeyErrorKind::Mismatch)),
            Family::Rsa => EncodingKey::from_rsa_pem(pem),
            Family::P256 | Family::P384 => EncodingKey::from_ec_pem(pem),
            Family::Ed25519 => EncodingKey::from_ed_pem(pem),
        }
        .map_err(|_| KeyError::new(KeyErrorKind::Format))?;
        let public = public_half(algorithm, &private)?;
        Self::new(algorithm, private, public)
    }

    /// A private key in DER: PKCS#8 (RFC 5958), version 1 or 2.
    ///
    /// # Errors
    ///
    /// When the bytes are no such key, or the key is not one that the algorithm takes.
    pub fn der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::pem(algorithm, pem::armor("PRIVATE KEY", der.as_ref()).as_bytes())
    }

    /// A private JWK (RFC 7517), as JSON text: `RSA` with its two primes and all that follows from them, `EC` (P-256,
    /// P-384), `OKP` (Ed25519) or `oct`.
    ///
    /// Its own `alg` must agree with `algorithm`, its `use` must be `sig` and its `key_ops` hold `sign` where they are
    /// given; its `kid` is kept.
    ///
    /// # Errors
    ///
    /// When the text is no such key, the key is not one that the algorithm takes, or its public half is another key's.
    pub fn jwk(algorithm: Algorithm, jwk: &str) -> Result<Self, KeyError> {
        let jwk = Jwk::parse(jwk)?;
        let material = jwk.material(algorithm, "sign")?;
        let private = private_jwk::read(algorithm, &jwk)?;
        if !algorithm.is_symmetric() && !material.same_public(&public_half(algorithm, &private)?) {
            return Err(KeyError::new(KeyErrorKind::SelfTest));
        }
        let key = Self::new(algorithm, private, material)?;
        Ok(match jwk.kid()? {
            Some(kid) => key.kid(kid),
            None => key,
        })
    }

    /// A private key in PEM with the algorithm that its type suggests: `EdDSA` for Ed25519, `ES256` for P-256, `ES384` for
    /// P-384, `RS256` for RSA.
    ///
    /// # Errors
    ///
    /// When the text is a private key of none of these types.
    pub fn detect_pem(pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        detect(|algorithm| Self::pem(algorithm, pem.as_ref()))
    }

    /// Names the key; its tokens carry the name as their `kid`.
    #[must_use]
    pub fn kid(mut self, kid: impl Into<String>) -> Self {
        self.verifying = self.verifying.kid(kid);
        self
    }

    /// Takes the key's name away: its tokens carry no `kid`.
    #[must_use]
    pub fn without_kid(mut self) -> Self {
        self.verifying = self.verifying.without_kid();
        self
    }

    /// The algorithm that the key is pinned to.
    pub fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm()
    }

    /// The key's name, if it has one.
    pub fn key_id(&self) -> Option<&str> {
        self.verifying.key_id()
    }

    /// The half that verifies: the public key, or the secret itself.
    pub fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }

    fn new(algorithm: Algorithm, private: EncodingKey, material: Material) -> Result<Self, KeyError> {
        let verifying = VerifyingKey::new(algorithm, material, None)?;
        let key = Self { private: Arc::new(Private::new(algorithm, &private)?), verifying };
        const PROBE: &[u8] = b"jwt-sessions signs and verifies";
        if !key.verifying.verifies(PROBE, &key.sign(PROBE)?) {
            return Err(KeyError::new(KeyErrorKind::SelfTest));
        }
        Ok(key)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.private.sign(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm())
            .field("kid", &self.key_id())
            .finish_non_exhaustive()
    }
}

/// The public half of a private key, computed by the backend where it is not part of the key.
fn public_half(algorithm: Algorithm, private: &EncodingKey) -> Result<Material, KeyError> {
    let utils = &provider().key_utils;
    let der = private.as_bytes();
    match algorithm.family() {
        Family::Hmac => Err(KeyError::new(KeyErrorKind::Mismatch)),
        Family::Rsa => {
            let public = Material::rsa_der(der)?;
            // The backend's own word on the rest of the key.
            (utils.rsa_pub_components_from_private_key)(der).map_err(|_| KeyError::new(KeyErrorKind::Format))?;
            Ok(public)
        }
        Family::P256 | Family::P384 => {
            let (_, x, y) = (utils.ec_pub_components_from_private_key)(der, algorithm.backend())
                .map_err(|_| KeyError::new(KeyErrorKind::Mismatch))?;
            Material::ec(algorithm, &x, &y)
        }
        Family::Ed25519 => {
            let x = (utils.ed_pub_components_from_private_key)(der, &EllipticCurve::Ed25519)
                .map_err(|_| KeyError::new(KeyErrorKind::Format))?;
            Material::ed25519(&x)
        }
    }
}
