use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::signature::Verifier;

use super::backend::{Parsed, Private, sha256};
use super::jwk::{self, Jwk};
use super::material::Material;
use super::pem::armor;
use crate::token::algorithm::Algorithm;
use crate::token::error::{KeyError, KeyErrorKind};

/// A key that verifies, pinned to one algorithm (RFC 8725 section 3.1).
///
/// Its `kid` is derived from the key unless it is given: the first 12 bytes of the thumbprint of RFC 7638 for a public key,
/// of a keyed digest for a secret. Cloning it shares the parsed key.
#[derive(Clone)]
pub struct VerifyingKey {
    inner: Arc<Inner>,
    kid: Option<Arc<str>>,
}

struct Inner {
    algorithm: Algorithm,
    material: Material,
    parsed: Parsed,
}

impl VerifyingKey {
    /// An HMAC secret, for `HS256`, `HS384` or `HS512`.
    ///
    /// # Errors
    ///
    /// When the secret is shorter than the hash (32, 48 or 64 bytes), has fewer than 8 different bytes, or is a PEM text.
    pub fn secret(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::new(algorithm, Material::secret(algorithm, secret.as_ref())?, None)
    }

    /// A public key in PEM: `PUBLIC KEY` (SubjectPublicKeyInfo) or `RSA PUBLIC KEY` (PKCS#1).
    ///
    /// # Errors
    ///
    /// When the text is no such key, or the key is not one that the algorithm takes.
    pub fn pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::new(algorithm, Material::public_pem(algorithm, pem.as_ref())?, None)
    }

    /// A public key in PEM with the algorithm that its type suggests: `EdDSA` for Ed25519, `ES256` for P-256, `ES384` for
    /// P-384, `RS256` for RSA.
    ///
    /// # Errors
    ///
    /// When the text is a public key of none of these types.
    pub fn detect_pem(pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        detect(|algorithm| Self::pem(algorithm, pem.as_ref()))
    }

    /// A public key in DER: a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
    ///
    /// # Errors
    ///
    /// When the bytes are no such key, or the key is not one that the algorithm takes.
    pub fn der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::pem(algorithm, armor("PUBLIC KEY", der.as_ref()))
    }

    /// A JWK (RFC 7517), as JSON text: `RSA`, `EC` (P-256, P-384), `OKP` (Ed25519) or `oct`.
    ///
    /// Its own `alg` must agree with `algorithm`, its `use` must be `sig` and its `key_ops` hold `verify` where they are
    /// given; its `kid` is kept.
    ///
    /// # Errors
    ///
    /// When the text is no such key, or the key is not one that the algorithm takes; also for a private key, which has no
    /// business where tokens are only verified.
    pub fn jwk(algorithm: Algorithm, jwk: &str) -> Result<Self, KeyError> {
        let jwk = Jwk::parse(jwk)?;
        let material = jwk.material(algorithm, "verify")?;
        if jwk.has("d") {
            return Err(KeyError::new(KeyErrorKind::Private));
        }
        Self::new(algorithm, material, jwk.kid()?)
    }

    /// Names the key.
    #[must_use]
    pub fn kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into().into());
        self
    }

    /// Takes the key's name away: it then serves tokens without a `kid` alone.
    #[must_use]
    pub fn without_kid(mut self) -> Self {
        self.kid = None;
        self
    }

    /// The algorithm that the key is pinned to.
    pub fn algorithm(&self) -> Algorithm {
        self.inner.algorithm
    }

    /// The key's name, if it has one.
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(super) fn new(algorithm: Algorithm, material: Material, kid: Option<String>) -> Result<Self, KeyError> {
        let parsed = Parsed::new(algorithm, &material)?;
        let kid = match kid {
            Some(kid) => kid,
            None => derived_kid(algorithm, &material)?,
        };
        Ok(Self { inner: Arc::new(Inner { algorithm, material, parsed }), kid: Some(kid.into()) })
    }

    /// Whether `signature` is this key's over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &Vec<u8>) -> bool {
        self.inner.parsed.verify(message, signature).is_ok()
    }

    /// How long its signatures are at most, in bytes.
    pub(crate) fn longest_signature(&self) -> usize {
        match (&self.inner.material, self.inner.algorithm) {
            (Material::Rsa { n, .. }, _) => n.len(),
            (_, Algorithm::ES384) => 96,
            _ => 64,
        }
    }

    /// The public JWK; none for a secret, which has no public half.
    pub(crate) fn public_jwk(&self) -> Option<serde_json::Value> {
        jwk::write(self.inner.algorithm, &self.inner.material, self.key_id())
    }

    pub(crate) fn same_secret(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        match (&self.inner.material, &other.inner.material) {
            (Material::Secret(one), Material::Secret(two)) => {
                let shorter = one.len().min(two.len());
                match (one.get(..shorter), two.get(..shorter)) {
                    (Some(one), Some(two)) => one.ct_eq(two).into(),
                    _ => true,
                }
            }
            _ => false,
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("algorithm", &self.inner.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The first algorithm of each type of key under which `read` takes the key.
pub(super) fn detect<K>(read: impl Fn(Algorithm) -> Result<K, KeyError>) -> Result<K, KeyError> {
    let mut last = KeyError::new(KeyErrorKind::Format);
    for algorithm in [Algorithm::EdDSA, Algorithm::ES256, Algorithm::ES384, Algorithm::RS256] {
        match read(algorithm) {
            Ok(key) => return Ok(key),
            // A key of the right type that is refused for a reason of its own keeps that reason.
            Err(error) if !matches!(error.kind(), KeyErrorKind::Format | KeyErrorKind::Mismatch) => last = error,
            Err(_) => {}
        }
    }
    Err(last)
}

fn derived_kid(algorithm: Algorithm, material: &Material) -> Result<String, KeyError> {
    let digest = match material {
        // Tells nobody more than a token does: both are a keyed digest under this secret.
        Material::Secret(secret) => {
            let key = jsonwebtoken::EncodingKey::from_secret(secret);
            Private::new(algorithm, &key)?.sign(b"jwt-sessions kid")?
        }
        _ => sha256(jwk::canonical(algorithm, material).as_bytes())?.to_vec(),
    };
    Ok(URL_SAFE_NO_PAD.encode(digest.get(..12).unwrap_or_default()))
}
