//! Keys, and tokens signed with them by aws-lc itself, whatever their header says.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use jwt_sessions::token::{Algorithm, KeySet, SigningKey, VerifyingKey};

use crate::base64url;

pub const NOW: i64 = 1_700_000_000;

/// A secret by `kid`, for `alg`.
pub struct Secret {
    pub alg: &'static str,
    pub kid: &'static str,
    pub secret: &'static str,
}

/// Two of one algorithm, so that a token without `kid` cannot say which it means; one of another.
pub const SECRETS: [Secret; 3] = [
    Secret { alg: "HS256", kid: "a", secret: "fuzz-secret-a-0123456789-abcdefghijklmnopqrstuvwxyz" },
    Secret { alg: "HS256", kid: "b", secret: "fuzz-secret-b-0123456789-abcdefghijklmnopqrstuvwxyz" },
    Secret { alg: "HS384", kid: "c", secret: "fuzz-secret-c-0123456789-abcdefghijklmnopqrstuvwxyz" },
];
pub const EDDSA: &str = "e";

/// The key pair of RFC 8037 appendix A.1.
static PAIR: LazyLock<Ed25519KeyPair> = LazyLock::new(|| {
    let jwk: serde_json::Value = serde_json::from_str(PAIR_JWK).unwrap();
    let bytes = |name: &str| base64url::decode(jwk[name].as_str().unwrap()).unwrap();
    Ed25519KeyPair::from_seed_and_public_key(&bytes("d"), &bytes("x")).unwrap()
});
const PAIR_JWK: &str = include_str!("../../tests/keys/rfc8037_a1.json");

/// The same keys, as the crate takes them.
pub fn keys() -> KeySet {
    let secret = |Secret { alg, kid, secret }: &Secret| {
        VerifyingKey::secret(Algorithm::from_name(alg).unwrap(), secret).unwrap().kid(*kid)
    };
    let pair = SigningKey::jwk(Algorithm::EdDSA, PAIR_JWK).unwrap().verifying().clone().kid(EDDSA);
    KeySet::verifying(SECRETS.iter().map(secret).chain([pair])).unwrap()
}

fn algorithm(secret: &Secret) -> hmac::Algorithm {
    if secret.alg == "HS384" { hmac::HMAC_SHA384 } else { hmac::HMAC_SHA256 }
}

/// `choice`: one of the secrets, else the key pair.
pub fn signature(choice: usize, message: &[u8]) -> Vec<u8> {
    static PARSED: LazyLock<Vec<hmac::Key>> = LazyLock::new(|| {
        SECRETS.iter().map(|secret| hmac::Key::new(algorithm(secret), secret.secret.as_bytes())).collect()
    });
    match PARSED.get(choice) {
        Some(key) => hmac::sign(key, message).as_ref().to_vec(),
        None => PAIR.sign(message).as_ref().to_vec(),
    }
}

/// Whether one of the keys that a header's `alg` and `kid` mean verifies; none when they do not mean exactly one.
pub fn verifies(alg: &str, kid: Option<&str>, message: &[u8], signature: &[u8]) -> Option<bool> {
    let named = |name: &str| kid.is_none_or(|kid| kid == name);
    if alg == "EdDSA" {
        let key = UnparsedPublicKey::new(&ED25519, PAIR.public_key().as_ref());
        return named(EDDSA).then(|| key.verify(message, signature).is_ok());
    }
    let mut meant = SECRETS.iter().enumerate().filter(|(_, secret)| secret.alg == alg && named(secret.kid));
    let (choice, _) = meant.next()?;
    meant.next().is_none().then(|| self::signature(choice, message) == signature)
}

/// The token of any header and payload.
pub fn token(choice: usize, header: &[u8], payload: &[u8]) -> String {
    let signed = format!("{}.{}", base64url::encode(header), base64url::encode(payload));
    let signature = base64url::encode(&signature(choice, signed.as_bytes()));
    format!("{signed}.{signature}")
}
