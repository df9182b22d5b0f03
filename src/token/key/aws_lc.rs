use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, ParsedPublicKey, RsaEncoding, RsaKeyPair, RsaParameters, RsaPublicKeyComponents,
};
use aws_lc_rs::{error, hmac};
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto::JwtVerifier;
use jsonwebtoken::signature::{Error, Verifier};

use super::material::Material;
use crate::token::algorithm::{Algorithm, Family};
use crate::token::error::{KeyError, KeyErrorKind};

/// A key parsed once. jsonwebtoken's own verifiers parse theirs at every token, and in a box that is not `Send`.
pub(super) struct Parsed {
    algorithm: Algorithm,
    key: Key,
}

#[allow(
    clippy::large_enum_variant,
    reason = "there are few keys, each on the heap; a box would be one more step to each token"
)]
enum Key {
    Hmac(hmac::Key),
    Public(ParsedPublicKey),
}

impl Parsed {
    /// The largest RSA modulus that this backend verifies, in bits.
    pub(super) const RSA_MAX_BITS: usize = 8192;

    pub(super) fn new(algorithm: Algorithm, material: &Material) -> Result<Self, KeyError> {
        let key = match material {
            Material::Secret(secret) => Key::Hmac(hmac::Key::new(hmac_algorithm(algorithm), secret)),
            Material::Rsa { n, e } => Key::Public(
                RsaPublicKeyComponents { n, e }
                    .to_parsed_public_key(rsa_parameters(algorithm))
                    .map_err(|_| KeyError::new(KeyErrorKind::Format))?,
            ),
            Material::Ec { point, .. } => {
                let curve: &'static dyn signature::VerificationAlgorithm = match algorithm {
                    Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
                    _ => &signature::ECDSA_P256_SHA256_FIXED,
                };
                Key::Public(ParsedPublicKey::new(curve, point).map_err(|_| KeyError::new(KeyErrorKind::Point))?)
            }
            // Not decompressed here: 32 bytes that are no point are taken, and then verify nothing. RustCrypto refuses them.
            Material::Ed25519 { x } => Key::Public(
                ParsedPublicKey::new(&signature::ED25519, x).map_err(|_| KeyError::new(KeyErrorKind::Point))?,
            ),
        };
        Ok(Self { algorithm, key })
    }
}

impl Verifier<Vec<u8>> for Parsed {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Error> {
        match &self.key {
            Key::Hmac(key) => hmac::verify(key, message, signature),
            Key::Public(key) => key.verify_sig(message, signature),
        }
        // Why it failed helps nobody but an attacker.
        .map_err(|_| Error::new())
    }
}

impl JwtVerifier for Parsed {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        self.algorithm.backend()
    }
}

/// A private key parsed once, for the same reason: what jsonwebtoken signs with reads and checks its key at each signature.
#[allow(clippy::large_enum_variant, reason = "as above")]
pub(super) enum Private {
    Hmac(hmac::Key),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Private {
    pub(super) fn new(algorithm: Algorithm, key: &EncodingKey) -> Result<Self, KeyError> {
        let bytes = key.as_bytes();
        let parsed = match algorithm.family() {
            Family::Hmac => Ok(Self::Hmac(hmac::Key::new(hmac_algorithm(algorithm), bytes))),
            Family::Rsa => RsaKeyPair::from_der(bytes).map(|key| Self::Rsa(key, rsa_encoding(algorithm))),
            Family::P256 => EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, bytes).map(Self::Ec),
            Family::P384 => EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, bytes).map(Self::Ec),
            Family::Ed25519 => Ed25519KeyPair::from_pkcs8(bytes).map(Self::Ed25519),
        };
        parsed.map_err(|_| KeyError::new(KeyErrorKind::SelfTest))
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        let signed = match self {
            Self::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &random, message, &mut signature).map(|()| signature)
            }
            Self::Ec(key) => key.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Self::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
        };
        signed.map_err(|error::Unspecified| KeyError::new(KeyErrorKind::SelfTest))
    }
}

const fn hmac_algorithm(algorithm: Algorithm) -> hmac::Algorithm {
    match algorithm {
        Algorithm::HS512 => hmac::HMAC_SHA512,
        Algorithm::HS384 => hmac::HMAC_SHA384,
        _ => hmac::HMAC_SHA256,
    }
}

const fn rsa_parameters(algorithm: Algorithm) -> &'static RsaParameters {
    match algorithm {
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => &signature::RSA_PKCS1_2048_8192_SHA256,
    }
}

fn rsa_encoding(algorithm: Algorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        Algorithm::RS384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}
