use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::{KeyError, KeyErrorKind};
use super::key::SigningKey;
use super::policy::LONGEST;

/// Signs payloads of one type with one key; the header is the same for all and encoded once.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    header: Box<str>,
}

impl Signer {
    /// Signs with `key` under the header's `typ` (RFC 8725 section 3.11).
    pub fn new(key: SigningKey, typ: &str) -> Self {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let kid = key.key_id().map(|kid| format!(",\"kid\":{}", quoted(kid))).unwrap_or_default();
        let header = format!("{{\"alg\":\"{}\",\"typ\":{}{kid}}}", key.algorithm(), quoted(typ));
        Self { header: URL_SAFE_NO_PAD.encode(header).into(), key }
    }

    /// How long a token with a payload of so many bytes is at most.
    pub(crate) fn at_most(&self, payload: usize) -> usize {
        let encoded = |bytes: usize| bytes.saturating_mul(4).div_ceil(3);
        let dots = 2;
        let signature = encoded(self.key.verifying().longest_signature());
        self.header.len().saturating_add(encoded(payload)).saturating_add(signature + dots)
    }

    /// The token in JWS compact serialization (RFC 7515 section 3.1), for a payload that is the text of a JSON object.
    ///
    /// # Errors
    ///
    /// When the token would be longer than 8 KiB, which every policy refuses; or when the key cannot sign, which a key that
    /// was configured here has shown that it can.
    pub fn sign(&self, payload: &str) -> Result<String, KeyError> {
        // Room for the largest RSA signature's common size, so that the text is allocated once.
        let mut token = String::with_capacity(self.header.len() + payload.len() * 4 / 3 + 350);
        token.push_str(&self.header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.key.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        if token.len() > LONGEST {
            return Err(KeyError::new(KeyErrorKind::ClaimsTooLong));
        }
        Ok(token)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("key", &self.key).finish_non_exhaustive()
    }
}
