//! The verification, step by step in the order of [`TokenErrorKind`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::algorithm::Algorithm;
use super::claims::{Payload, Raw, Registered, Verified};
use super::error::{TokenError, TokenErrorKind as Kind};
use super::json::{self, Value};
use super::key::KeySet;
use super::policy::{CLOCKS_DIFFER, Expected, Policy, normal_typ};
use super::session_id::SessionId;
use super::time::Timestamp;

impl Policy {
    /// Verifies a token in JWS compact serialization (RFC 7515 section 3.1) at the moment `now`.
    ///
    /// # Errors
    ///
    /// The first step that fails, in the order of [`TokenErrorKind`](super::TokenErrorKind).
    pub fn verify(&self, token: &str, keys: &KeySet, now: Timestamp) -> Result<Verified<Payload>, TokenError> {
        if token.len() > self.longest {
            return Err(TokenError::new(Kind::TooLong));
        }
        let parts = Parts::split(token)?;
        let header = Header::read(&parts.header)?;
        self.check_header(&header, keys)?;
        let key = keys.find(header.alg, header.kid.as_deref()).ok_or(TokenError::new(Kind::UnknownKey))?;
        if !key.verifies(parts.signed.as_bytes(), &parts.signature) {
            return Err(TokenError::new(Kind::Signature));
        }
        let payload = String::from_utf8(parts.payload).map_err(|_| TokenError::new(Kind::Claims))?;
        let registered = self.check_claims(&Raw::read(&payload, &self.subject_claim)?, now)?;
        Ok(Verified::new(registered, Payload::new(payload)))
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

    fn check_claims(&self, raw: &Raw<'_>, now: Timestamp) -> Result<Registered, TokenError> {
        let missing = TokenError::new(Kind::MissingClaim);
        let expires_at = raw.exp.ok_or(missing)?;
        // `exp` is the first moment at which the token is refused: "on or after" (RFC 7519 section 4.1.4).
        if expires_at.after(self.leeway) <= now {
            return Err(TokenError::new(Kind::Expired));
        }
        if raw.nbf.is_some_and(|nbf| nbf > now.after(self.leeway)) {
            return Err(TokenError::new(Kind::NotYetValid));
        }
        if self.issued_at && raw.iat.is_some_and(|iat| iat > now.after(CLOCKS_DIFFER)) {
            return Err(TokenError::new(Kind::IssuedInFuture));
        }
        if let Some(issuer) = &self.issuer {
            let iss = raw.iss.as_deref().ok_or(missing)?;
            if iss != issuer {
                return Err(TokenError::new(Kind::Issuer));
            }
        }
        if let Some(audiences) = &self.audiences {
            let named = raw.aud.as_ref().ok_or(missing)?;
            if !named.iter().any(|aud| audiences.iter().any(|audience| audience == aud)) {
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
            issued_at: raw.iat,
            token_id: owned(&raw.jti),
            session,
            generation: raw.generation,
            auth_time: raw.auth_time,
            scope: owned(&raw.scope),
        })
    }
}

/// A token's three segments, decoded.
struct Parts<'a> {
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
    /// What the signature is over: the first two segments as they came.
    signed: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, TokenError> {
        let malformed = || TokenError::new(Kind::Malformed);
        let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
        // A fourth segment leaves its dot in the payload, which is no base64url. The engine refuses padding, the standard
        // alphabet and trailing bits, so that one token has one text.
        let decode = |segment: &str| URL_SAFE_NO_PAD.decode(segment).map_err(|_| malformed());
        Ok(Self { header: decode(header)?, payload: decode(payload)?, signature: decode(signature)?, signed })
    }
}

/// The members of a header that have a meaning here. Embedded keys (`jwk`, `jku`, `x5u`, `x5c`) are never looked at
/// (RFC 8725 section 3.10).
struct Header {
    alg: Algorithm,
    typ: Option<String>,
    kid: Option<String>,
    /// It has `crit`, whatever that says: no extension is understood here.
    critical: bool,
    /// It has `b64`, and not as `true`.
    unencoded: bool,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, TokenError> {
        let unusable = || TokenError::new(Kind::Header);
        let text = std::str::from_utf8(bytes).map_err(|_| unusable())?;
        let (mut alg, mut typ, mut kid) = (None, None, None);
        let (mut critical, mut unencoded, mut fits) = (false, false, true);
        json::object(text, &mut |name, value| match (&*name, value) {
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

#[cfg(test)]
mod tests;
