//! The token that everybody verifies.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use jwt_sessions::token::{ACCESS_TYPE, Algorithm, KeySet, SessionId, Signer, SigningKey};

/// Issuer of every token.
pub const ISSUER: &str = "https://id.example";
/// Audience of every token.
pub const AUDIENCE: &str = "https://api.example";
/// The secret of symmetric keys.
pub const SECRET: &str = "a-secret-of-the-benchmarks-0123456789-abcdef";
/// The secret of refresh tokens.
pub const REFRESH_SECRET: &str = "refresh-secret-of-benchmarks-9876543210-fedcba";
/// How long the HS256 token is, in bytes. The others have a longer signature and the name of their key.
pub const LENGTH: usize = 383;

/// An algorithm with a key pair of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alg {
    /// The name in the tables.
    pub name: &'static str,
    /// Ours.
    pub ours: Algorithm,
    /// That of `jsonwebtoken`.
    pub theirs: jsonwebtoken::Algorithm,
    /// Private and public key, PEM; nothing for a secret.
    pub pem: [&'static str; 2],
}

/// What is measured: the tests' own keys, RSA with 2,048 bits.
pub const ALGORITHMS: [Alg; 4] = [
    Alg { name: "HS256", ours: Algorithm::HS256, theirs: jsonwebtoken::Algorithm::HS256, pem: ["", ""] },
    Alg {
        name: "ES256",
        ours: Algorithm::ES256,
        theirs: jsonwebtoken::Algorithm::ES256,
        pem: [include_str!("../../tests/keys/p256.pem"), include_str!("../../tests/keys/p256_public.pem")],
    },
    Alg {
        name: "EdDSA",
        ours: Algorithm::EdDSA,
        theirs: jsonwebtoken::Algorithm::EdDSA,
        pem: [include_str!("../../tests/keys/ed25519.pem"), include_str!("../../tests/keys/ed25519_public.pem")],
    },
    Alg {
        name: "RS256",
        ours: Algorithm::RS256,
        theirs: jsonwebtoken::Algorithm::RS256,
        pem: [include_str!("../../tests/keys/rsa.pem"), include_str!("../../tests/keys/rsa_public.pem")],
    },
];

impl Alg {
    /// The key that signs.
    pub fn signing_key(self) -> SigningKey {
        match self.ours {
            Algorithm::HS256 => SigningKey::secret(self.ours, SECRET).unwrap().without_kid(),
            _ => SigningKey::pem(self.ours, self.pem[0]).unwrap(),
        }
    }

    /// The same as a set, which signs too.
    pub fn keys(self) -> KeySet {
        KeySet::new(self.signing_key())
    }

    /// As many tokens, each of another session.
    pub fn tokens(self, from: u64, count: usize) -> Vec<String> {
        tokens(&self.signing_key(), from, count)
    }

    /// The token of session `number`: five claims and a scope, and the two by which its session is found.
    pub fn token(self, number: u64) -> String {
        Signer::new(self.signing_key(), ACCESS_TYPE).sign(&payload(number)).unwrap()
    }
}

/// Tokens of that key, each of another session.
fn tokens(key: &SigningKey, from: u64, count: usize) -> Vec<String> {
    let signer = Signer::new(key.clone(), ACCESS_TYPE);
    (0..count as u64).map(|number| signer.sign(&payload(from + number)).unwrap()).collect()
}

/// Tokens of that key that were never given out, each of another session.
///
/// Many are signed at a time and in advance: signing displaces from the processor's caches what is about to be measured.
pub struct Fresh {
    key: SigningKey,
    next: u64,
    ready: Vec<String>,
}

impl Fresh {
    /// Those of that key.
    pub fn new(key: SigningKey) -> Self {
        Self { key, next: 1 << 20, ready: Vec::new() }
    }

    /// As many more.
    pub fn take(&mut self, count: usize) -> Vec<String> {
        if self.ready.len() < count {
            self.ready = tokens(&self.key, self.next, 16 * count);
            self.next += 16 * count as u64;
        }
        self.ready.split_off(self.ready.len() - count)
    }
}

/// The id of session `number`, spread as random ones are.
pub fn session(number: u64) -> SessionId {
    let mixed = |salt: u64| (number ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(SPREAD);
    let (high, low) = (mixed(0), mixed(0x5555_5555_5555_5555));
    SessionId::from_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

/// The seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn payload(number: u64) -> String {
    let (iat, exp) = (now(), now() + 3600);
    let mut payload = format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"u{number:012}","iat":{iat},"exp":{exp},"scope":"read write","sid":"{}","gen":1,"name":""#,
        session(number)
    );
    // Header and signature of an HS256 token, with two points.
    let rest = (LENGTH - 40 - 43 - 2) * 3 / 4 - payload.len() - 2;
    let _ = write!(payload, "{:a<rest$}\"}}", "");
    payload
}

const SPREAD: u64 = 0xbf58_476d_1ce4_e5b9;
