use std::collections::HashSet;

use axum::body::{Body, to_bytes};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body::Body as _;
use http_body_util::LengthLimitError;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::refusal::{RouterRefusal, RouterRefusalKind as Kind};

/// A body that was read whole: nothing, a JSON object or a form. Anything else was refused.
pub(super) enum Sent {
    Nothing,
    Json(Map<String, Value>),
    Form(Vec<(String, String)>),
}

/// The longest body, in bytes: credentials and a token fit twice.
const LONGEST: usize = 16 * 1024;
/// Both spellings are in use; the second is that of the Express tutorials.
const TOKEN_NAMES: [&str; 2] = ["refresh_token", "refreshToken"];

impl Sent {
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, RouterRefusal> {
        // What says that it is too long is not waited for.
        if body.size_hint().lower() > LONGEST as u64 {
            return Err(Kind::PayloadTooLarge.into());
        }
        let bytes = to_bytes(body, LONGEST).await.map_err(|error| {
            let too_long = error.into_inner().is::<LengthLimitError>();
            if too_long { Kind::PayloadTooLarge } else { Kind::InvalidRequest }
        })?;
        if bytes.is_empty() {
            return Ok(Self::Nothing);
        }
        let mut lines = headers.get_all(CONTENT_TYPE).iter();
        let (Some(declared), None) = (lines.next(), lines.next()) else {
            return Err(Kind::UnsupportedMediaType.into());
        };
        let declared = declared.as_bytes();
        let essence = declared.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let is = |name: &str| essence.eq_ignore_ascii_case(name.as_bytes());
        if is("application/json") {
            Self::json(&bytes)
        } else if is("application/x-www-form-urlencoded") {
            Self::form(&bytes)
        } else {
            Err(Kind::UnsupportedMediaType.into())
        }
    }

    fn json(bytes: &[u8]) -> Result<Self, RouterRefusal> {
        let text = std::str::from_utf8(bytes).map_err(|_| Kind::InvalidRequest)?;
        // A member twice would be one thing here and another in front of here.
        if !crate::token::is_proper_object(text) {
            return Err(Kind::InvalidRequest.into());
        }
        serde_json::from_str(text).map(Self::Json).map_err(|_| Kind::InvalidRequest.into())
    }

    fn form(bytes: &[u8]) -> Result<Self, RouterRefusal> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(bytes).into_owned().collect();
        // What is no UTF-8 was decoded to the replacement character: other bytes would pass for the same password.
        let damaged = |text: &String| text.contains(char::REPLACEMENT_CHARACTER);
        let mut names = HashSet::new();
        if pairs.iter().any(|(name, value)| damaged(name) || damaged(value) || !names.insert(name.as_str())) {
            return Err(Kind::InvalidRequest.into());
        }
        drop(names);
        Ok(Self::Form(pairs))
    }

    /// Takes the refresh token out, so that what is left are the credentials. An empty one counts as omitted (RFC 6749
    /// section 3.2): no client means it as a token, and it must not stand before the cookie or the check against other
    /// sites.
    pub(super) fn take_token(&mut self) -> Result<Option<Zeroizing<String>>, RouterRefusal> {
        let mut found: Option<Zeroizing<String>> = None;
        let mut take = |token: String| match &found {
            _ if token.is_empty() => Ok(()),
            Some(other) if **other != token => Err(RouterRefusal::new(Kind::InvalidRequest)),
            _ => {
                found = Some(Zeroizing::new(token));
                Ok(())
            }
        };
        match self {
            Self::Nothing => {}
            Self::Json(members) => {
                for name in TOKEN_NAMES {
                    match members.remove(name) {
                        None | Some(Value::Null) => {}
                        Some(Value::String(token)) => take(token)?,
                        Some(_) => return Err(Kind::InvalidRequest.into()),
                    }
                }
            }
            Self::Form(pairs) => {
                for (_, token) in pairs.extract_if(.., |(name, _)| TOKEN_NAMES.contains(&name.as_str())) {
                    take(token)?;
                }
            }
        }
        Ok(found)
    }

    /// The truth of a member; `otherwise` when there is none.
    pub(super) fn flag(&self, name: &str, otherwise: bool) -> Result<bool, RouterRefusal> {
        match self {
            Self::Nothing => Ok(otherwise),
            Self::Json(members) => match members.get(name) {
                None | Some(Value::Null) => Ok(otherwise),
                Some(Value::Bool(flag)) => Ok(*flag),
                Some(_) => Err(Kind::InvalidRequest.into()),
            },
            Self::Form(pairs) => {
                let mut values = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
                match (values.next(), values.next()) {
                    (None, _) => Ok(otherwise),
                    (Some("true" | "on" | "1"), None) => Ok(true),
                    (Some("false" | "off" | "0"), None) => Ok(false),
                    _ => Err(Kind::InvalidRequest.into()),
                }
            }
        }
    }
}
