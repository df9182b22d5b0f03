use std::sync::Arc;

use serde_json::Value;

use super::jwk::Jwk;
use super::signing::SigningKey;
use super::verifying::VerifyingKey;
use crate::token::algorithm::Algorithm;
use crate::token::error::{KeyError, KeyErrorKind};

/// The keys of one purpose: at most one that signs, any number that verify.
///
/// A key is rotated without logging anyone out: deploy the new one as verifying everywhere, then make it the signing one,
/// and keep the old one as verifying for the longest life of a token.
///
/// Cloning it shares the keys.
#[derive(Clone, Debug)]
pub struct KeySet {
    signing: Option<SigningKey>,
    verifying: Arc<[VerifyingKey]>,
}

impl KeySet {
    /// A set that signs and verifies with `signing`.
    pub fn new(signing: SigningKey) -> Self {
        let verifying = Arc::from([signing.verifying().clone()]);
        Self { signing: Some(signing), verifying }
    }

    /// A set that only verifies: what a resource server has.
    ///
    /// # Errors
    ///
    /// When there is no key, or two of one algorithm have the same `kid`, or one of these has none.
    pub fn verifying(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, KeyError> {
        let keys: Vec<_> = keys.into_iter().collect();
        if keys.is_empty() {
            return Err(KeyError::new(KeyErrorKind::Empty));
        }
        check(&keys)?;
        Ok(Self { signing: None, verifying: keys.into() })
    }

    /// A set without a key, which refuses every token: to begin with, where keys are added one by one.
    pub fn empty() -> Self {
        Self { signing: None, verifying: Arc::from([]) }
    }

    /// A set that only verifies, from a JWK Set's JSON text (RFC 7517 section 5).
    ///
    /// A key's algorithm is its own `alg`, else the one of `algorithms` that its type allows. Keys for another use or of a
    /// type that no algorithm of the list takes are left out, as section 5 of the RFC wants.
    ///
    /// # Errors
    ///
    /// When the text is no JWK Set, a key of it that is meant for signatures by an algorithm of the list cannot be used,
    /// several algorithms of the list remain for one, or no key is left.
    pub fn jwks(text: &str, algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        let format = || KeyError::new(KeyErrorKind::Format);
        crate::token::json::member_names(text).ok_or_else(format)?;
        let set: Value = serde_json::from_str(text).map_err(|_| format())?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or_else(format)?;
        let mut verifying = Vec::new();
        for key in keys {
            verifying.extend(one_of_set(key, algorithms)?);
        }
        Self::verifying(verifying)
    }

    /// The same set, with `key` verifying, too.
    ///
    /// # Errors
    ///
    /// When a key of the set has the same algorithm and the same `kid`, or one of the two has none.
    pub fn and(self, key: VerifyingKey) -> Result<Self, KeyError> {
        let keys: Vec<_> = self.verifying.iter().cloned().chain([key]).collect();
        check(&keys)?;
        Ok(Self { signing: self.signing, verifying: keys.into() })
    }

    /// The key that signs, if there is one.
    pub fn signing_key(&self) -> Option<&SigningKey> {
        self.signing.as_ref()
    }

    /// The keys that verify.
    pub fn verifying_keys(&self) -> &[VerifyingKey] {
        &self.verifying
    }

    /// The public keys as a JWK Set (RFC 7517 section 5); secrets are never in it.
    pub fn public_jwks(&self) -> String {
        let keys: Vec<_> = self.verifying.iter().filter_map(VerifyingKey::public_jwk).collect();
        serde_json::json!({ "keys": keys }).to_string()
    }

    /// The set of algorithms that its keys are pinned to.
    pub(crate) fn algorithms(&self) -> u16 {
        self.verifying.iter().fold(0, |set, key| set | key.algorithm().bit())
    }

    /// The key for a token: by `kid`, else the only one of that algorithm.
    pub(crate) fn find(&self, algorithm: Algorithm, kid: Option<&str>) -> Option<&VerifyingKey> {
        let mut fitting =
            self.verifying.iter().filter(|key| key.algorithm() == algorithm && (kid.is_none() || key.key_id() == kid));
        let key = fitting.next()?;
        fitting.next().is_none().then_some(key)
    }
}

fn check(keys: &[VerifyingKey]) -> Result<(), KeyError> {
    let doubled = keys.iter().enumerate().any(|(i, one)| keys.iter().skip(i + 1).any(|other| clash(one, other)));
    if doubled { Err(KeyError::new(KeyErrorKind::Duplicate)) } else { Ok(()) }
}

/// Whether no token could say which of the two it means. One without a name beside another of its algorithm would never
/// verify anything: a token with a `kid` does not mean it, and for one without there are two.
fn clash(one: &VerifyingKey, other: &VerifyingKey) -> bool {
    let nameless = one.key_id().is_none() || other.key_id().is_none();
    one.algorithm() == other.algorithm() && (nameless || one.key_id() == other.key_id())
}

/// The key that a member of a JWK Set stands for; none where it is for another use, another algorithm, or of a type that
/// is not understood here (RFC 7517 section 5).
fn one_of_set(key: &Value, algorithms: &[Algorithm]) -> Result<Option<VerifyingKey>, KeyError> {
    let text = zeroize::Zeroizing::new(key.to_string());
    let jwk = Jwk::parse(&text)?;
    let (named, Some(family)) = (jwk.alg()?, jwk.family()?) else {
        return Ok(None);
    };
    // A key that names an algorithm of the list is one for us, whatever its type: where the two disagree it is refused.
    let fits = |algorithm: Algorithm| named.map_or(algorithm.family() == family, |name| algorithm.has_name(name));
    let mut fitting = Algorithm::ALL.into_iter().filter(|one| algorithms.contains(one) && fits(*one));
    let Some(algorithm) = fitting.next() else {
        return Ok(None);
    };
    match VerifyingKey::jwk(algorithm, &text) {
        Err(error) if error.kind() == KeyErrorKind::Use => Ok(None),
        // Which of several was meant cannot be guessed: a key has one algorithm.
        _ if fitting.next().is_some() => Err(KeyError::new(KeyErrorKind::Ambiguous)),
        key => key.map(Some),
    }
}
