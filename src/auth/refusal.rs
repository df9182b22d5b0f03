//! The one place of this ring where a refusal becomes HTTP: status, challenge, body.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use crate::token::{SessionId, TokenError, TokenErrorKind};

/// Why a request was refused.
///
/// It is in the extensions of every refused response, also of one that the application wrote in its own words. It carries
/// no part of a token.
#[derive(Clone, Debug)]
pub struct Refusal {
    kind: RefusalKind,
    token_error: Option<TokenErrorKind>,
    session: Option<SessionId>,
    scope: Option<Arc<str>>,
    max_age: Option<Duration>,
    realm: Option<Arc<str>>,
    written: bool,
}

/// What was refused; each has one status, one challenge and one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// 401 `missing_token`: no credential was sent.
    MissingToken,
    /// 401 `invalid_token`: a credential was sent, and it is not a valid access token, or its claims do not fit the handler's
    /// type.
    InvalidToken,
    /// 401 `token_expired`: the access token was valid until it expired; a refresh helps.
    TokenExpired,
    /// 401 `session_ended`: the token's session has ended, or the token was cut off.
    SessionEnded,
    /// 400 `invalid_request`: a malformed `Authorization: Bearer`, too many cookies of the access cookie's name, or valid tokens
    /// of two sessions or subjects (RFC 6750 section 3.1).
    InvalidRequest,
    /// 400 `invalid_request`: in development mode, a request for another host than this machine.
    ForeignHost,
    /// 403 `csrf`: an unsafe request by cookie that may be another site's.
    Csrf,
    /// 403 `insufficient_scope`: the token lacks a scope (RFC 6750 section 3.1).
    InsufficientScope,
    /// 403 `forbidden`: a guard of the application's own said no.
    Forbidden,
    /// 401 `insufficient_user_authentication`: the person showed credentials too long ago (RFC 9470 section 3).
    StaleAuthentication,
    /// 503 `temporarily_unavailable`: it cannot be said yet whether the session lives; the same request may be sent again.
    Unready,
    /// 500 `server_error`: an extractor or a guard stands where no [`JwtAuthLayer`](super::JwtAuthLayer) is around it.
    MissingLayer,
}

impl RefusalKind {
    /// Every kind: for an application that has words of its own for each.
    pub const ALL: [Self; 12] = [
        Self::MissingToken,
        Self::InvalidToken,
        Self::TokenExpired,
        Self::SessionEnded,
        Self::InvalidRequest,
        Self::ForeignHost,
        Self::Csrf,
        Self::InsufficientScope,
        Self::Forbidden,
        Self::StaleAuthentication,
        Self::Unready,
        Self::MissingLayer,
    ];
}

impl Refusal {
    pub(crate) const fn new(kind: RefusalKind) -> Self {
        Self { kind, token_error: None, session: None, scope: None, max_age: None, realm: None, written: false }
    }

    /// For a token that lacks `scope`: names separated by single spaces, none where they are not for a challenge.
    pub(crate) fn insufficient_scope(scope: Option<Arc<str>>) -> Self {
        Self { scope, ..Self::new(RefusalKind::InsufficientScope) }
    }

    /// For a person whose credentials were shown longer than `max_age` ago.
    pub(crate) fn stale(max_age: Duration) -> Self {
        Self { max_age: Some(max_age), ..Self::new(RefusalKind::StaleAuthentication) }
    }

    /// The same, about that session.
    pub(crate) fn about(self, session: Option<SessionId>) -> Self {
        Self { session, ..self }
    }

    /// The same, with the challenge of that realm, or of [the usual one](REALM).
    pub(crate) fn within(self, realm: Option<Arc<str>>) -> Self {
        Self { realm, ..self }
    }

    /// The same, with a response that is final: no layer further out writes it again.
    pub(crate) fn into_final(self) -> Self {
        Self { written: true, ..self }
    }

    pub(crate) fn is_written(&self) -> bool {
        self.written
    }

    /// What was refused.
    pub fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// The step of the token's verification that failed, for logs: a client has no business knowing.
    pub fn token_error(&self) -> Option<TokenErrorKind> {
        self.token_error
    }

    /// The session of the token, where the token was valid and is one of a session.
    pub fn session_id(&self) -> Option<SessionId> {
        self.session
    }

    /// The response's status.
    pub fn status(&self) -> StatusCode {
        match self.kind {
            RefusalKind::MissingToken
            | RefusalKind::InvalidToken
            | RefusalKind::TokenExpired
            | RefusalKind::SessionEnded
            | RefusalKind::StaleAuthentication => StatusCode::UNAUTHORIZED,
            RefusalKind::InvalidRequest | RefusalKind::ForeignHost => StatusCode::BAD_REQUEST,
            RefusalKind::Csrf | RefusalKind::InsufficientScope | RefusalKind::Forbidden => StatusCode::FORBIDDEN,
            RefusalKind::Unready => StatusCode::SERVICE_UNAVAILABLE,
            RefusalKind::MissingLayer => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The body's `error`: what a client decides by.
    pub fn code(&self) -> &'static str {
        match self.kind {
            RefusalKind::MissingToken => "missing_token",
            RefusalKind::InvalidToken => "invalid_token",
            RefusalKind::TokenExpired => "token_expired",
            RefusalKind::SessionEnded => "session_ended",
            RefusalKind::InvalidRequest | RefusalKind::ForeignHost => "invalid_request",
            RefusalKind::Csrf => "csrf",
            RefusalKind::InsufficientScope => "insufficient_scope",
            RefusalKind::Forbidden => "forbidden",
            RefusalKind::StaleAuthentication => "insufficient_user_authentication",
            RefusalKind::Unready => "temporarily_unavailable",
            RefusalKind::MissingLayer => "server_error",
        }
    }

    /// The body's `error_description`: fixed text.
    pub fn description(&self) -> &'static str {
        match self.kind {
            RefusalKind::MissingToken => "no access token was sent",
            RefusalKind::InvalidToken => "the access token is not valid",
            RefusalKind::TokenExpired => "the access token has expired",
            RefusalKind::SessionEnded => "the session has ended",
            RefusalKind::InvalidRequest => "the credentials are malformed or contradict each other",
            RefusalKind::ForeignHost => "in development mode only this machine is served",
            RefusalKind::Csrf => "the request may come from another site",
            RefusalKind::InsufficientScope => "the access token lacks a required scope",
            RefusalKind::Forbidden => "the access token does not allow this",
            RefusalKind::StaleAuthentication => "a more recent authentication is required",
            RefusalKind::Unready => "the session cannot be checked at the moment",
            RefusalKind::MissingLayer => "the server is not configured properly",
        }
    }

    /// Whether the same request, sent again later, may be answered otherwise.
    pub fn is_retryable(&self) -> bool {
        self.kind == RefusalKind::Unready
    }

    /// The value of `WWW-Authenticate` (RFC 6750 section 3, RFC 9470 section 3); none where no credential would help.
    ///
    /// Without a credential in the request it has no error code, as RFC 6750 section 3.1 wants.
    pub fn challenge(&self) -> Option<HeaderValue> {
        let error = match self.kind {
            RefusalKind::MissingToken => None,
            // What clients tell apart by the body is one code here: the registry knows no other.
            RefusalKind::InvalidToken | RefusalKind::TokenExpired | RefusalKind::SessionEnded => Some("invalid_token"),
            RefusalKind::InvalidRequest | RefusalKind::InsufficientScope | RefusalKind::StaleAuthentication => {
                Some(self.code())
            }
            RefusalKind::ForeignHost
            | RefusalKind::Csrf
            | RefusalKind::Forbidden
            | RefusalKind::Unready
            | RefusalKind::MissingLayer => return None,
        };
        let mut text = String::from("Bearer");
        parameter(&mut text, "realm", self.realm.as_deref().unwrap_or(REALM));
        if let Some(error) = error {
            parameter(&mut text, "error", error);
            parameter(&mut text, "error_description", self.description());
        }
        if let Some(scope) = &self.scope {
            parameter(&mut text, "scope", scope);
        }
        if let Some(max_age) = self.max_age {
            parameter(&mut text, "max_age", &max_age.as_secs().to_string());
        }
        HeaderValue::try_from(text).ok()
    }

    /// The body: a JSON object with `error`, `error_description`, `retryable`, and `max_age` in seconds where a more recent
    /// authentication is asked for.
    pub fn body(&self) -> String {
        let (code, description, retryable) = (self.code(), self.description(), self.is_retryable());
        let max_age = self.max_age.map(|age| format!(",\"max_age\":{}", age.as_secs())).unwrap_or_default();
        // Every text is a constant without a character that JSON escapes.
        format!("{{\"error\":\"{code}\",\"error_description\":\"{description}\",\"retryable\":{retryable}{max_age}}}")
    }

    /// The response that is sent unless the application has words of its own, which may also start from it.
    pub fn response<B: From<String>>(&self) -> Response<B> {
        let mut response = Response::new(B::from(self.body()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if self.is_retryable() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    /// The same response, marked for the layer around it, which writes it again in the application's words.
    pub(crate) fn into_marked<B: From<String>>(self) -> Response<B> {
        let mut response = self.response();
        response.extensions_mut().insert(self);
        response
    }

    /// Logged once, where the response is written: the kind and ids, never a value.
    pub(crate) fn log(&self) {
        tracing::debug!(
            kind = self.code(),
            token_error = self.token_error.map(TokenErrorKind::name),
            session = self.session.map(tracing::field::display),
            "request refused"
        );
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        let kind = match error.kind() {
            TokenErrorKind::Expired => RefusalKind::TokenExpired,
            _ => RefusalKind::InvalidToken,
        };
        Self { token_error: Some(error.kind()), ..Self::new(kind) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

impl std::error::Error for Refusal {}

/// Appends an auth-param as a quoted string (RFC 9110 sections 5.6.4 and 11.2). What cannot stand in one is left out, so
/// that the value is always a header's.
fn parameter(text: &mut String, name: &str, value: &str) {
    text.push_str(if text.ends_with('"') { ", " } else { " " });
    text.push_str(name);
    text.push_str("=\"");
    for character in value.chars().filter(|character| matches!(character, ' '..='~')) {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
}

/// The realm where none is named.
pub(super) const REALM: &str = "protected";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed() {
        // Without a wildcard: a new kind does not compile before it is in this chain, and fails before it is listed.
        let next = |kind: &RefusalKind| match kind {
            RefusalKind::MissingToken => Some(RefusalKind::InvalidToken),
            RefusalKind::InvalidToken => Some(RefusalKind::TokenExpired),
            RefusalKind::TokenExpired => Some(RefusalKind::SessionEnded),
            RefusalKind::SessionEnded => Some(RefusalKind::InvalidRequest),
            RefusalKind::InvalidRequest => Some(RefusalKind::ForeignHost),
            RefusalKind::ForeignHost => Some(RefusalKind::Csrf),
            RefusalKind::Csrf => Some(RefusalKind::InsufficientScope),
            RefusalKind::InsufficientScope => Some(RefusalKind::Forbidden),
            RefusalKind::Forbidden => Some(RefusalKind::StaleAuthentication),
            RefusalKind::StaleAuthentication => Some(RefusalKind::Unready),
            RefusalKind::Unready => Some(RefusalKind::MissingLayer),
            RefusalKind::MissingLayer => None,
        };
        let all: Vec<_> = std::iter::successors(Some(RefusalKind::MissingToken), next).collect();
        assert_eq!(all, RefusalKind::ALL);
    }

    #[test]
    fn a_quoted_string_is_escaped_and_always_a_headers() {
        let challenge =
            Refusal::new(RefusalKind::MissingToken).within(Some("x\"y\\z é\r\n\t\u{7f}".into())).challenge();
        assert_eq!(challenge.unwrap(), r#"Bearer realm="x\"y\\z ""#);
    }

    #[test]
    fn expired_tokens_are_told_apart() {
        assert_eq!(Refusal::from(TokenError::new(TokenErrorKind::Expired)).kind(), RefusalKind::TokenExpired);
        let refusal = Refusal::from(TokenError::new(TokenErrorKind::Signature));
        assert_eq!(
            (refusal.kind(), refusal.token_error()),
            (RefusalKind::InvalidToken, Some(TokenErrorKind::Signature))
        );
    }
}
