use std::fmt;
use std::sync::OnceLock;

use super::algorithm::Algorithm;
use super::error::{TokenError, TokenErrorKind as Kind};
use super::json::{self, Value};
use super::key::VerifyingKey;
use super::policy::normal_typ;

/// The members of a header that have a meaning here. Embedded keys (`jwk`, `jku`, `x5u`, `x5c`) are never looked at
/// (RFC 8725 section 3.10).
pub(super) struct Header {
    pub(super) alg: Algorithm,
    pub(super) typ: Option<String>,
    pub(super) kid: Option<String>,
    /// It has `crit`, whatever that says: no extension is understood here.
    pub(super) critical: bool,
    /// It has `b64`, and not as `true`.
    pub(super) unencoded: bool,
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, TokenError> {
        let unusable = || TokenError::new(Kind::Header);
        let text = std::str::from_utf8(bytes).map_err(|_| unusable())?;
        let (mut alg, mut typ, mut kid) = (None, None, None);
        let (mut critical, mut unencoded, mut fits) = (false, false, true);
        json::object(text, |name, value| match (&*name, value) {
            ("alg", Value::Text(name)) => alg = Some(Algorithm::from_name(&name)),
            ("typ", Value::Text(name)) => typ = Some(normal_typ(&name)),
            ("kid", Value::Text(name)) => kid = Some(name.into_owned()),
            ("alg" | "typ" | "kid", _) => fits = false,
            ("crit", _) => critical = true,
            ("b64", value) => unencoded = value != Value::Bool(true),
            _ => {}
        })
        .ok_or_else(unusable)?;
        // An unknown name is an algorithm that is not allowed; a missing one leaves the header without its only required
        // member (RFC 7515 section 4.1.1).
        let alg = alg.filter(|_| fits).ok_or_else(unusable)?.ok_or(TokenError::new(Kind::Algorithm))?;
        Ok(Self { alg, typ, kid, critical, unencoded })
    }
}

/// The first segments of tokens that one policy has taken with one set of keys, each with the key that it names: an issuer
/// writes the same one before all its tokens, and nothing else decides what there is to read in it.
#[derive(Default)]
pub(super) struct KnownHeaders([OnceLock<(Box<[u8]>, VerifyingKey)>; KEYS]);

/// As many as an issuer's keys between two starts of a process. Whoever has more, or writes each header anew, has them read.
const KEYS: usize = 4;

impl KnownHeaders {
    pub(super) fn find(&self, segment: &[u8]) -> Option<&VerifyingKey> {
        self.0.iter().map_while(OnceLock::get).find(|(known, _)| **known == *segment).map(|(_, key)| key)
    }

    /// Keeps the header of a token whose signature is good: nobody else may fill the places.
    pub(super) fn keep(&self, segment: &[u8], key: &VerifyingKey) {
        for place in &self.0 {
            let (known, _) = place.get_or_init(|| (segment.into(), key.clone()));
            // Also where somebody else was faster: one header never has two places.
            if **known == *segment {
                break;
            }
        }
    }
}

// No part of a token is for logs, not even its first.
impl fmt::Debug for KnownHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.0.iter().filter_map(OnceLock::get).count();
        f.debug_struct("KnownHeaders").field("known", &known).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::key::{KeySet, SigningKey};
    use crate::token::{Policy, Signer, Timestamp};

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    fn key(name: &str) -> SigningKey {
        SigningKey::secret(Algorithm::HS256, format!("0123456789abcdefghijklmnopqrstuv{name}")).unwrap().kid(name)
    }

    fn token(key: SigningKey) -> String {
        Signer::new(key, "at+jwt").sign(r#"{"exp":1000060}"#).unwrap()
    }

    #[test]
    fn only_a_good_signature_fills_a_place() {
        let (keys, headers) = (KeySet::new(key("a")), KnownHeaders::default());
        let good = token(key("a"));
        let (header, rest) = good.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let segment = header.as_bytes();
        let forged = format!("{header}.e30.{signature}");
        for bad in [forged, token(key("b")), format!("{header}.!.{signature}")] {
            assert!(Policy::new().verify_knowing(Some(&headers), bad.as_bytes(), &keys, NOW).is_err());
            assert!(headers.find(segment).is_none());
        }
        Policy::new().verify_knowing(Some(&headers), good.as_bytes(), &keys, NOW).unwrap();
        assert!(headers.find(segment).is_some_and(|found| found.key_id() == Some("a")));
        assert!(headers.find(&segment[1..]).is_none() && headers.find(b"").is_none());
        headers.keep(segment, keys.verifying_keys().first().unwrap());
        assert!(headers.0.iter().skip(1).all(|place| place.get().is_none()), "a header has one place");
    }

    #[test]
    fn each_header_names_its_own_key_and_more_keys_than_places_verify_all_the_same() {
        let names = ["a", "b", "c", "d", "e", "f"];
        let keys = KeySet::verifying(names.map(|name| key(name).verifying().clone())).unwrap();
        let headers = KnownHeaders::default();
        for _ in 0..3 {
            for name in names {
                let verified = Policy::new().verify_knowing(Some(&headers), token(key(name)).as_bytes(), &keys, NOW);
                assert!(verified.is_ok(), "{name}");
            }
        }
        assert!(headers.0.iter().all(|place| place.get().is_some()));
    }
}
