use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{KeyError, KeyErrorKind, TokenError, TokenErrorKind};
use super::json::{self, Value};
use super::policy::SUBJECT_CLAIM;
use super::session_id::SessionId;
use super::time::Timestamp;

/// The claims of a verified token that have a meaning here: those of RFC 7519 section 4.1, `scope` of RFC 8693 section 4.2,
/// `auth_time` of OpenID Connect Core section 2, and the session's own `sid` and `gen`.
///
/// Issuer and audience are not kept: the policy has compared them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registered {
    /// `sub`: whom the token is about.
    pub subject: Option<String>,
    /// `exp`: the token is refused from this moment on.
    pub expires_at: Timestamp,
    /// `nbf`: the token is refused before this moment.
    pub not_before: Option<Timestamp>,
    /// `iat`: when the token was issued.
    pub issued_at: Option<Timestamp>,
    /// `jti`: the token's own name.
    pub token_id: Option<String>,
    /// `sid`: the session, where it is one of this crate's.
    pub session: Option<SessionId>,
    /// `gen`: the session's generation that the token was issued with.
    pub generation: Option<u64>,
    /// `auth_time`: when the person last showed credentials.
    pub auth_time: Option<Timestamp>,
    /// `scope`: names separated by single spaces.
    pub scope: Option<String>,
}

impl Registered {
    /// The scopes, one by one.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.as_deref().unwrap_or_default().split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether the token has that scope, compared byte for byte.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|one| one == scope)
    }
}

/// Whether `name` is one scope (RFC 6749 section 3.3): blank, quote and backslash would end it or its quoting.
pub(crate) fn is_scope(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// A token's claims, verified. Only the verification makes one.
///
/// ```compile_fail
/// use jwt_sessions::token::Verified;
/// // The fields are private, and there is no other constructor: a handler that asks for one cannot be given a forgery.
/// let forged = Verified { registered: todo!(), claims: () };
/// ```
#[derive(Clone)]
pub struct Verified<T> {
    registered: Registered,
    claims: T,
}

impl<T> Verified<T> {
    pub(super) fn new(registered: Registered, claims: T) -> Self {
        Self { registered, claims }
    }

    /// The claims with a meaning of their own.
    pub fn registered(&self) -> &Registered {
        &self.registered
    }

    /// The application's claims.
    pub fn claims(&self) -> &T {
        &self.claims
    }

    /// Takes it apart.
    pub fn into_parts(self) -> (Registered, T) {
        (self.registered, self.claims)
    }
}

impl Verified<Payload> {
    /// Reads the application's own claims from the payload.
    ///
    /// # Errors
    ///
    /// [`TokenErrorKind::ClaimType`] when they do not fit `T`.
    pub fn read<T: DeserializeOwned>(self) -> Result<Verified<T>, TokenError> {
        let claims = self.claims.read().map_err(|_| TokenError::new(TokenErrorKind::ClaimType))?;
        Ok(Verified { registered: self.registered, claims })
    }
}

// The application's claims may be personal: they are not for logs.
impl<T> fmt::Debug for Verified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("registered", &self.registered).finish_non_exhaustive()
    }
}

/// A verified payload: the text of one JSON object without a member twice.
#[derive(Clone)]
pub struct Payload(String);

impl Payload {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// The JSON text, as it was signed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Payload(..)")
    }
}

/// The claims as they stand in a payload, before the policy has looked at them.
#[derive(Default)]
pub(super) struct Raw<'a> {
    pub(super) iss: Option<Cow<'a, str>>,
    pub(super) sub: Option<Cow<'a, str>>,
    pub(super) aud: Option<Audiences<'a>>,
    pub(super) exp: Option<Timestamp>,
    pub(super) nbf: Option<Timestamp>,
    pub(super) iat: Option<Timestamp>,
    pub(super) jti: Option<Cow<'a, str>>,
    pub(super) sid: Option<Cow<'a, str>>,
    pub(super) generation: Option<u64>,
    pub(super) auth_time: Option<Timestamp>,
    pub(super) scope: Option<Cow<'a, str>>,
}

impl<'a> Raw<'a> {
    /// Reads a payload. The claims of RFC 7519 have exactly the types that it gives them; the others count as absent when
    /// theirs is another, which no guard takes for a permission.
    ///
    /// The subject stands in the claim that `subject_claim` names; where that is another one, `sub` counts for nothing.
    pub(super) fn read(payload: &'a str, subject_claim: &str) -> Result<Self, TokenError> {
        let mut raw = Self::default();
        let mut fits = true;
        // Most have it where it usually is: no name is compared twice then.
        let elsewhere = Some(subject_claim).filter(|claim| *claim != SUBJECT_CLAIM);
        let member = |name: Cow<'a, str>, value| {
            fits &= match elsewhere {
                Some(claim) if name == claim => text(&mut raw.sub, value),
                // Not the subject here, but still what RFC 7519 says that it is.
                Some(_) if name == SUBJECT_CLAIM => matches!(value, Value::Text(_)),
                _ => raw.take(&name, value),
            };
        };
        json::object(payload, member).ok_or(TokenError::new(TokenErrorKind::Claims))?;
        if fits { Ok(raw) } else { Err(TokenError::new(TokenErrorKind::ClaimType)) }
    }

    fn take(&mut self, name: &str, value: Value<'a>) -> bool {
        match name {
            "iss" => text(&mut self.iss, value),
            "sub" => text(&mut self.sub, value),
            "jti" => text(&mut self.jti, value),
            "exp" => time(&mut self.exp, &value),
            // Rounded up, where `exp` is rounded down: both err on the side of refusing.
            "nbf" => time_by(f64::ceil, &mut self.nbf, &value),
            "iat" => time(&mut self.iat, &value),
            "aud" => match value {
                Value::Text(one) => {
                    self.aud = Some(Audiences::One(one));
                    true
                }
                Value::Texts(many) => {
                    self.aud = Some(Audiences::Many(many));
                    true
                }
                _ => false,
            },
            _ => {
                self.take_own(name, value);
                true
            }
        }
    }

    /// The claims that RFC 7519 does not know: of another type they count as absent.
    fn take_own(&mut self, name: &str, value: Value<'a>) {
        match (name, value) {
            ("sid", Value::Text(sid)) => self.sid = Some(sid),
            ("scope", Value::Text(scope)) => self.scope = Some(scope),
            ("gen", Value::Integer(generation)) => self.generation = u64::try_from(generation).ok(),
            ("auth_time", value) => {
                time(&mut self.auth_time, &value);
            }
            _ => {}
        }
    }
}

/// `aud`: one text, which most tokens have, or a list (RFC 7519 section 4.1.3).
pub(super) enum Audiences<'a> {
    One(Cow<'a, str>),
    Many(Vec<Cow<'a, str>>),
}

impl Audiences<'_> {
    pub(super) fn contain(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

fn text<'a>(slot: &mut Option<Cow<'a, str>>, value: Value<'a>) -> bool {
    match value {
        Value::Text(text) => {
            *slot = Some(text);
            true
        }
        _ => false,
    }
}

/// A `NumericDate`: an integer or a finite number of seconds (RFC 7519 section 2).
fn time(slot: &mut Option<Timestamp>, value: &Value<'_>) -> bool {
    time_by(f64::floor, slot, value)
}

fn time_by(round: fn(f64) -> f64, slot: &mut Option<Timestamp>, value: &Value<'_>) -> bool {
    *slot = match value {
        Value::Integer(secs) => Some(Timestamp::from_secs(*secs)),
        // The conversion saturates: a time beyond the end of time is the end of time.
        Value::Float(secs) if secs.is_finite() => Some(Timestamp::from_millis(round(secs * 1000.0) as i64)),
        _ => None,
    };
    slot.is_some()
}

/// Whether a text can be a subject: 1 to 1,024 bytes without U+0000, which every store keeps.
pub(crate) fn is_subject(text: &str) -> bool {
    (1..=1024).contains(&text.len()) && !text.contains('\0')
}

/// The names that an application's own claims may not have.
pub(crate) const RESERVED: [&str; 11] =
    ["iss", "aud", "sub", "iat", "exp", "nbf", "jti", "sid", "gen", "auth_time", "scope"];

/// The application's claims as the members of a JSON object, without its braces, ready to be signed beside ours.
#[derive(Clone)]
pub struct OwnClaims(Box<str>);

impl OwnClaims {
    /// Serializes `claims`.
    ///
    /// # Errors
    ///
    /// When they are not a JSON object, or have a member of a registered name; the event logged beside it names the member.
    pub fn new<T: Serialize + ?Sized>(claims: &T) -> Result<Self, KeyError> {
        let not_object = || KeyError::new(KeyErrorKind::ClaimsNotObject);
        let text = serde_json::to_string(claims).map_err(|error| {
            tracing::error!(%error, "the claims cannot be serialized");
            not_object()
        })?;
        let names = json::member_names(&text).ok_or_else(|| {
            tracing::error!(claims = std::any::type_name::<T>(), "the claims do not serialize to a JSON object");
            not_object()
        })?;
        if let Some(name) = names.iter().find(|name| RESERVED.contains(&name.as_ref())) {
            tracing::error!(claims = std::any::type_name::<T>(), member = %name, "the claims have a member of a registered name");
            return Err(KeyError::new(KeyErrorKind::ClaimsReserved));
        }
        let members = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or_else(not_object)?;
        // Of a raw value, blanks may be all there is.
        Ok(Self(members.trim_ascii().into()))
    }

    /// Whether there is a member of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        json::member_names(&format!("{{{}}}", self.0)).is_none_or(|names| names.iter().any(|one| one == name))
    }

    pub(crate) fn members(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OwnClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnClaims(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn own_claims_never_stand_in_for_registered_ones() {
        for name in RESERVED {
            let error = OwnClaims::new(&json!({ name: 1 })).unwrap_err();
            assert_eq!(error.kind(), KeyErrorKind::ClaimsReserved, "{name}");
        }
        assert_eq!(OwnClaims::new(&json!({"Iss": 1})).unwrap().members(), r#""Iss":1"#);
        assert_eq!(OwnClaims::new(&json!({})).unwrap().members(), "");
        let blank = serde_json::from_str::<Box<serde_json::value::RawValue>>("{ \n }").unwrap();
        assert_eq!(OwnClaims::new(&blank).unwrap().members(), "");
    }

    #[test]
    fn own_claims_are_an_object() {
        for wrong in [json!(1), json!([1]), json!(null), json!("a")] {
            assert_eq!(OwnClaims::new(&wrong).unwrap_err().kind(), KeyErrorKind::ClaimsNotObject);
        }
    }

    #[test]
    fn times_are_finite_numbers_of_seconds() {
        let exp =
            |text: &str| Raw::read(text, "sub").map(|raw| raw.exp.map(Timestamp::as_millis)).map_err(|e| e.kind());
        assert_eq!(exp(r#"{"exp":1}"#), Ok(Some(1000)));
        assert_eq!(exp(r#"{"exp":1.5}"#), Ok(Some(1500)));
        assert_eq!(exp(r#"{"exp":-1}"#), Ok(Some(-1000)));
        assert_eq!(exp(r#"{"exp":1e300}"#), Ok(Some(i64::MAX)));
        assert_eq!(exp(r#"{"exp":1e400}"#), Err(TokenErrorKind::Claims));
        for wrong in [r#"{"exp":"1"}"#, r#"{"exp":null}"#, r#"{"exp":true}"#, r#"{"exp":[1]}"#, r#"{"exp":{}}"#] {
            assert_eq!(exp(wrong), Err(TokenErrorKind::ClaimType), "{wrong}");
        }
    }
}
