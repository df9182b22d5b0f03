//! The verification, step by step in the order of [`TokenErrorKind`].

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::{Engine, decoded_len_estimate};

use super::claims::{Payload, Raw, Registered, Verified};
use super::error::{TokenError, TokenErrorKind as Kind};
use super::header::{Header, KnownHeaders};
use super::key::{KeySet, VerifyingKey};
use super::policy::{CLOCKS_DIFFER, Expected, Policy};
use super::session_id::SessionId;
use super::time::Timestamp;

impl Policy {
    /// Verifies a token in JWS compact serialization (RFC 7515 section 3.1) at the moment `now`.
    ///
    /// # Errors
    ///
    /// The first step that fails, in the order of [`TokenErrorKind`](super::TokenErrorKind).
    pub fn verify(&self, token: &str, keys: &KeySet, now: Timestamp) -> Result<Verified<Payload>, TokenError> {
        self.verify_knowing(None, token.as_bytes(), keys, now)
    }

    /// The same for the keeper of the headers that this policy has taken with these keys.
    pub(super) fn verify_knowing(
        &self,
        headers: Option<&KnownHeaders>,
        token: &[u8],
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<Verified<Payload>, TokenError> {
        if token.len() > self.longest {
            return Err(TokenError::new(Kind::TooLong));
        }
        let segments = Segments::split(token)?;
        let known = headers.and_then(|headers| headers.find(segments.header));
        // All three before any is looked into, as the steps want it. A known header was decoded before.
        let header = if known.is_some() { Vec::new() } else { decode(segments.header)? };
        let (payload, signature) = (decode(segments.payload)?, decode(segments.signature)?);
        let key = match known {
            Some(key) => key,
            None => self.key(&Header::read(&header)?, keys)?,
        };
        if !key.verifies(segments.signed, &signature) {
            return Err(TokenError::new(Kind::Signature));
        }
        if let (Some(headers), None) = (headers, known) {
            headers.keep(segments.header, key);
        }
        let payload = String::from_utf8(payload).map_err(|_| TokenError::new(Kind::Claims))?;
        let registered = self.check_claims(&Raw::read(&payload, &self.subject_claim)?, now)?;
        Ok(Verified::new(registered, Payload::new(payload)))
    }

    /// The key that a header names, where there is nothing against the header.
    fn key<'a>(&self, header: &Header, keys: &'a KeySet) -> Result<&'a VerifyingKey, TokenError> {
        self.check_header(header, keys)?;
        keys.find(header.alg, header.kid.as_deref()).ok_or(TokenError::new(Kind::UnknownKey))
    }

    fn check_header(&self, header: &Header, keys: &KeySet) -> Result<(), TokenError> {
        if self.algorithms.unwrap_or_else(|| keys.algorithms()) & header.alg.bit() == 0 {
            return Err(TokenError::new(Kind::Algorithm));
        }
        if self.typ.is_some() && self.typ != header.typ {
            return Err(TokenError::new(Kind::Type));
        }
        if header.critical {
            return Err(TokenError::new(Kind::Critical));
        }
        if header.unencoded {
            return Err(TokenError::new(Kind::Unencoded));
        }
        Ok(())
    }

    pub(super) fn check_times(
        &self,
        expires_at: Timestamp,
        not_before: Option<Timestamp>,
        issued_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), TokenError> {
        // `exp` is the first moment at which the token is refused: "on or after" (RFC 7519 section 4.1.4).
        if expires_at.after(self.leeway) <= now {
            return Err(TokenError::new(Kind::Expired));
        }
        if not_before.is_some_and(|nbf| nbf > now.after(self.leeway)) {
            return Err(TokenError::new(Kind::NotYetValid));
        }
        if self.issued_at && issued_at.is_some_and(|iat| iat > now.after(CLOCKS_DIFFER)) {
            return Err(TokenError::new(Kind::IssuedInFuture));
        }
        Ok(())
    }

    fn check_claims(&self, raw: &Raw<'_>, now: Timestamp) -> Result<Registered, TokenError> {
        let missing = TokenError::new(Kind::MissingClaim);
        let expires_at = raw.exp.ok_or(missing)?;
        self.check_times(expires_at, raw.nbf, raw.iat, now)?;
        if let Some(issuer) = &self.issuer {
            let iss = raw.iss.as_deref().ok_or(missing)?;
            if iss != issuer {
                return Err(TokenError::new(Kind::Issuer));
            }
        }
        if let Some(audiences) = &self.audiences {
            let named = raw.aud.as_ref().ok_or(missing)?;
            if !audiences.iter().any(|audience| named.contain(audience)) {
                return Err(TokenError::new(Kind::Audience));
            }
        }
        match (&self.subject, raw.sub.as_deref()) {
            (Expected::Anything, _) => {}
            (_, None) => return Err(missing),
            (Expected::Present, Some(_)) => {}
            (Expected::Exactly(expected), Some(sub)) if expected == sub => {}
            (Expected::Exactly(_), Some(_)) => return Err(TokenError::new(Kind::Subject)),
        }
        let session = raw.sid.as_deref().and_then(SessionId::parse);
        if self.session && (session.is_none() || raw.generation.is_none()) {
            return Err(missing);
        }
        let owned = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
        Ok(Registered {
            subject: owned(&raw.sub),
            expires_at,
            not_before: raw.nbf,
            issued_at: raw.iat,
            token_id: owned(&raw.jti),
            session,
            generation: raw.generation,
            auth_time: raw.auth_time,
            scope: owned(&raw.scope),
        })
    }
}

/// A token's three segments, as they came.
struct Segments<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
    /// What the signature is over: the first two, with the dot between them.
    signed: &'a [u8],
}

impl<'a> Segments<'a> {
    fn split(token: &'a [u8]) -> Result<Self, TokenError> {
        let parted = |text: &'a [u8], at: Option<usize>| {
            let (before, behind) = text.split_at_checked(at?)?;
            Some((before, behind.split_first()?.1))
        };
        let malformed = TokenError::new(Kind::Malformed);
        let (signed, signature) = parted(token, memchr::memrchr(b'.', token)).ok_or(malformed)?;
        // A fourth segment leaves its dot in the payload, which is no base64url.
        let (header, payload) = parted(signed, memchr::memchr(b'.', signed)).ok_or(malformed)?;
        Ok(Self { header, payload, signature, signed })
    }
}

/// The engine refuses padding, the standard alphabet and trailing bits, so that one token has one text.
fn decode(segment: &[u8]) -> Result<Vec<u8>, TokenError> {
    // Not `Engine::decode`, which asks for zeroed memory: for that, some allocators take a longer way than for any other.
    let mut bytes = Vec::with_capacity(decoded_len_estimate(segment.len()));
    URL_SAFE_NO_PAD.decode_vec(segment, &mut bytes).map_err(|_| TokenError::new(Kind::Malformed))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
