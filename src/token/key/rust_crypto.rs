use jsonwebtoken::crypto::JwtVerifier;
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{DecodingKey, EncodingKey};

use super::backend::provider;
use super::material::Material;
use crate::token::algorithm::Algorithm;
use crate::token::error::{KeyError, KeyErrorKind};

/// A key that builds jsonwebtoken's verifier at each token: that one is neither `Send` nor `Sync`, and with this backend
/// building it costs a tenth of a microsecond.
pub(super) struct Parsed {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Parsed {
    /// The largest RSA modulus that this backend verifies, in bits.
    pub(super) const RSA_MAX_BITS: usize = 4096;

    pub(super) fn new(algorithm: Algorithm, material: &Material) -> Result<Self, KeyError> {
        let key = match material {
            Material::Secret(secret) => DecodingKey::from_secret(secret),
            Material::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
            Material::Ec { point, .. } => DecodingKey::from_ec_der(point),
            Material::Ed25519 { x } => DecodingKey::from_ed_der(x),
        };
        // Reads the key, so that a point off its curve is refused here and not at the first token.
        (provider().verifier_factory)(&algorithm.backend(), &key).map_err(|_| KeyError::new(KeyErrorKind::Point))?;
        Ok(Self { algorithm, key })
    }
}

impl Verifier<Vec<u8>> for Parsed {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Error> {
        (provider().verifier_factory)(&self.algorithm.backend(), &self.key)
            .map_err(|_| Error::new())?
            .verify(message, signature)
            // Why it failed helps nobody but an attacker.
            .map_err(|_| Error::new())
    }
}

impl JwtVerifier for Parsed {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        self.algorithm.backend()
    }
}

/// A private key, read at each signature as the public one is at each token.
pub(super) struct Private {
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Private {
    #[allow(clippy::unnecessary_wraps, reason = "the other backend reads the key here")]
    pub(super) fn new(algorithm: Algorithm, key: &EncodingKey) -> Result<Self, KeyError> {
        Ok(Self { algorithm, key: key.clone() })
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let failed = KeyError::new(KeyErrorKind::SelfTest);
        let signer = (provider().signer_factory)(&self.algorithm.backend(), &self.key).map_err(|_| failed.clone())?;
        signer.try_sign(message).map_err(|_| failed)
    }
}
