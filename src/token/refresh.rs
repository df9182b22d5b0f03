use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::claims::{Payload, Verified};
use super::error::{KeyError, KeyErrorKind, TokenError, TokenErrorKind};
use super::key::sha256;
use super::session_id::SessionId;
use super::time::Timestamp;

/// The `typ` of an access token (RFC 9068 section 2.1).
pub const ACCESS_TYPE: &str = "at+jwt";
/// The `typ` of a refresh token: none is registered, and it must not be an access token's.
pub const REFRESH_TYPE: &str = "rt+jwt";

/// What makes a session's refresh tokens unforgeable: 128 random bits, known to its client alone. The store has only the
/// [`SecretHash`].
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SessionSecret([u8; 16]);

impl SessionSecret {
    /// From 16 random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its SHA-256.
    ///
    /// # Errors
    ///
    /// When the crypto backend fails to hash; neither of the two ever does.
    pub fn hash(&self) -> Result<SecretHash, KeyError> {
        sha256(&self.0).map(SecretHash)
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret(..)")
    }
}

/// The SHA-256 of a session's secret, 32 bytes: all that a store learns of it. 128 random bits cannot be guessed back.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// From its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are the same, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

/// What a refresh token says beside issuer and audience.
#[derive(Clone, Debug)]
pub(crate) struct RefreshClaims {
    pub(crate) session: SessionId,
    pub(crate) subject: String,
    /// `gen`: the generation that was written with the token.
    pub(crate) generation: u64,
    /// `prv`: the previous generation that was written with it.
    pub(crate) previous: u64,
    pub(crate) secret: SessionSecret,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) auth_time: Timestamp,
    /// Whether its cookies end with the browser ("remember me" was not asked for).
    pub(crate) transient: bool,
    /// Whether a system without sessions issued the token: its session may not have been made yet.
    pub(crate) legacy: bool,
}

/// Whom a refresh token is from, for and about: what is the same in all of one issuer.
#[derive(Clone, Copy)]
pub(crate) struct RefreshNames<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a str,
    /// The claim that the subject stands in.
    pub(crate) subject_claim: &'a str,
}

/// The payload's members in their fixed order: the token is a pure function of what it says, so that a replay is the same
/// bytes.
struct Members<'a> {
    claims: &'a RefreshClaims,
    names: RefreshNames<'a>,
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { claims, names } = self;
        let sec = Zeroizing::new(URL_SAFE_NO_PAD.encode(claims.secret.0));
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("iss", names.issuer)?;
        members.serialize_entry("aud", names.audience)?;
        members.serialize_entry(names.subject_claim, &claims.subject)?;
        members.serialize_entry("iat", &claims.issued_at.as_secs())?;
        members.serialize_entry("exp", &claims.expires_at.as_secs())?;
        members.serialize_entry("sid", &format_args!("{}", claims.session))?;
        members.serialize_entry("gen", &claims.generation)?;
        members.serialize_entry(PREVIOUS, &claims.previous)?;
        members.serialize_entry(SECRET, sec.as_str())?;
        members.serialize_entry("auth_time", &claims.auth_time.as_secs())?;
        if claims.transient {
            members.serialize_entry(TRANSIENT, &true)?;
        }
        members.end()
    }
}

/// Bytes of a payload beside what is named in it.
const NUMBERS: usize = 320;
/// The names that refresh tokens have beside those of access tokens.
const PREVIOUS: &str = "prv";
const SECRET: &str = "sec";
const TRANSIENT: &str = "transient";
/// What the subject's claim may not be called, beside the names of access tokens.
pub(crate) const RESERVED_IN_REFRESH: [&str; 3] = [PREVIOUS, SECRET, TRANSIENT];

#[derive(Deserialize)]
struct Own {
    prv: u64,
    sec: String,
    #[serde(default)]
    transient: bool,
}

impl Drop for Own {
    fn drop(&mut self) {
        self.sec.zeroize();
    }
}

impl RefreshClaims {
    pub(crate) fn payload(&self, names: RefreshNames<'_>) -> Result<Zeroizing<String>, KeyError> {
        let wrong = || KeyError::new(KeyErrorKind::ClaimsNotObject);
        // Room for all of it from the start: what a text outgrows is left in memory as it was, with the secret.
        let named = names.issuer.len() + names.audience.len() + names.subject_claim.len() + self.subject.len();
        let mut text = Vec::with_capacity(named + NUMBERS);
        serde_json::to_writer(&mut text, &Members { claims: self, names }).map_err(|_| wrong())?;
        String::from_utf8(text).map(Zeroizing::new).map_err(|_| wrong())
    }

    /// Reads what a verified refresh token says.
    pub(crate) fn read(verified: Verified<Payload>) -> Result<Self, TokenError> {
        let wrong = || TokenError::new(TokenErrorKind::ClaimType);
        let missing = || TokenError::new(TokenErrorKind::MissingClaim);
        let (registered, payload) = verified.into_parts();
        // With the secret in it.
        let payload = Zeroizing::new(payload.into_text());
        let own: Own = serde_json::from_str(&payload).map_err(|_| wrong())?;
        let mut secret = [0; 16];
        let length = URL_SAFE_NO_PAD.decode_slice(&own.sec, &mut secret).map_err(|_| wrong())?;
        if length != secret.len() {
            return Err(wrong());
        }
        Ok(Self {
            session: registered.session.ok_or_else(missing)?,
            subject: registered.subject.ok_or_else(missing)?,
            generation: registered.generation.ok_or_else(missing)?,
            previous: own.prv,
            secret: SessionSecret(secret),
            issued_at: registered.issued_at.ok_or_else(missing)?,
            expires_at: registered.expires_at,
            auth_time: registered.auth_time.ok_or_else(missing)?,
            transient: own.transient,
            legacy: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{Algorithm, KeySet, Policy, Signer, SigningKey};

    fn claims() -> RefreshClaims {
        RefreshClaims {
            session: SessionId::from_bytes([7; 16]),
            subject: "alice".into(),
            generation: 5,
            previous: 3,
            secret: SessionSecret::from_bytes(*b"PLANTED-01234567"),
            issued_at: Timestamp::from_millis(1_000_999),
            expires_at: Timestamp::from_secs(2_000),
            auth_time: Timestamp::from_secs(900),
            transient: true,
            legacy: false,
        }
    }

    const NAMES: RefreshNames<'_> = RefreshNames { issuer: "iss", audience: "aud", subject_claim: "sub" };

    fn read(payload: &str) -> Result<RefreshClaims, TokenErrorKind> {
        let key = SigningKey::secret(Algorithm::HS256, "0123456789abcdefghijklmnopqrstuvwxyz").unwrap();
        let token = Signer::new(key.clone(), REFRESH_TYPE).sign(payload).unwrap();
        let verified = Policy::new().verify(&token, &KeySet::new(key), Timestamp::from_secs(1_001)).unwrap();
        RefreshClaims::read(verified).map_err(|error| error.kind())
    }

    #[test]
    fn a_refresh_token_says_what_was_written() {
        let payload = claims().payload(NAMES).unwrap();
        assert_eq!(
            *payload,
            r#"{"iss":"iss","aud":"aud","sub":"alice","iat":1000,"exp":2000,"sid":"BwcHBwcHBwcHBwcHBwcHBw","gen":5,"prv":3,"sec":"UExBTlRFRC0wMTIzNDU2Nw","auth_time":900,"transient":true}"#
        );
        let read = read(&payload).unwrap();
        assert_eq!((read.session, &*read.subject), (claims().session, "alice"));
        assert_eq!((read.generation, read.previous, read.transient), (5, 3, true));
        assert!(read.secret.hash().unwrap().matches(&claims().secret.hash().unwrap()));
        assert_eq!((read.issued_at, read.expires_at), (Timestamp::from_secs(1_000), Timestamp::from_secs(2_000)));
        assert_eq!(read.auth_time, Timestamp::from_secs(900));
        assert_eq!(read.payload(NAMES).unwrap(), payload, "a replay is the same bytes");
    }

    #[test]
    fn a_refresh_token_is_refused_in_part() {
        let payload = claims().payload(NAMES).unwrap();
        for (part, kind) in [
            (r#""sid":"BwcHBwcHBwcHBwcHBwcHBw","#, TokenErrorKind::MissingClaim),
            (r#""gen":5,"#, TokenErrorKind::MissingClaim),
            (r#""sub":"alice","#, TokenErrorKind::MissingClaim),
            (r#""iat":1000,"#, TokenErrorKind::MissingClaim),
            (r#""auth_time":900,"#, TokenErrorKind::MissingClaim),
            (r#""prv":3,"#, TokenErrorKind::ClaimType),
            (r#""sec":"UExBTlRFRC0wMTIzNDU2Nw","#, TokenErrorKind::ClaimType),
        ] {
            assert!(payload.contains(part));
            assert_eq!(read(&payload.replace(part, "")).unwrap_err(), kind, "without {part}");
        }
        for (from, to) in [
            ("UExBTlRFRC0wMTIzNDU2Nw", "UExBTlRFRC0wMTIzNDU2"),
            ("UExBTlRFRC0wMTIzNDU2Nw", "UExBTlRFRC0wMTIzNDU2Nzg"),
            ("UExBTlRFRC0wMTIzNDU2Nw", "UExBTlRFRC0wMTIzNDU2Nx"),
            (r#""prv":3"#, r#""prv":-3"#),
            (r#""transient":true"#, r#""transient":1"#),
        ] {
            assert_eq!(read(&payload.replace(from, to)).unwrap_err(), TokenErrorKind::ClaimType, "{to}");
        }
    }

    #[test]
    fn the_session_secret_is_never_formatted() {
        let shown = format!("{:?} {:#?}", claims(), claims());
        for secret in ["PLANTED", "UExBTlRF", "80, 76, 65"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
