use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use crate::session::{Refused, SessionError};
use crate::token::TokenErrorKind;

/// Why a route of the router refused, with the one answer that it gives.
///
/// It is in the extensions of every response that the router itself refused with; the layer around `/sessions` leaves a
/// [`Refusal`](crate::auth::Refusal) there. The texts are fixed: no library's message gets out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterRefusal {
    kind: RouterRefusalKind,
    retry_after: Option<Duration>,
    clears: bool,
    expired: bool,
}

/// What the router refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RouterRefusalKind {
    /// 401 `missing_token`: neither a cookie nor a body had a refresh token.
    MissingToken,
    /// 401 `invalid_token`: what was presented is no valid token; another one may be.
    InvalidToken,
    /// 401 `session_ended`: the session is over for whoever presents this token.
    SessionEnded,
    /// 401 `invalid_credentials`: unknown user, bad password, somebody else's credentials, a disabled account: nobody outside
    /// hears which.
    InvalidCredentials,
    /// 403 `access_denied`: the application does not open a session now.
    AccessDenied,
    /// 403 `csrf`: the request may come from another site.
    Csrf,
    /// 400 `invalid_request`: the body, a query or the tokens make no sense.
    InvalidRequest,
    /// 400 `invalid_request`: in development mode, a request for another host than this machine.
    ForeignHost,
    /// 404 `not_found`: there is no such session of this subject.
    NotFound,
    /// 405 `method_not_allowed`: the route has other methods.
    MethodNotAllowed,
    /// 409 `try_again`: a rotation met one that was just made. The next try carries the newer cookie; a client that has no newer
    /// token refreshes first.
    TryAgain,
    /// 413 `payload_too_large`: the body is above 16 KiB.
    PayloadTooLarge,
    /// 415 `unsupported_media_type`: the body is neither JSON nor a form.
    UnsupportedMediaType,
    /// 503 `temporarily_unavailable`: the store or the accounts do not answer; the presented token stays good for a refresh. A
    /// rotation may have been written all the same, and has then cut it off.
    Unavailable,
    /// 500 `server_error`: the application is not configured properly; the log says how.
    ServerError,
}

impl RouterRefusalKind {
    /// Every kind: for an application that has words of its own for each.
    pub const ALL: [Self; 15] = [
        Self::MissingToken,
        Self::InvalidToken,
        Self::SessionEnded,
        Self::InvalidCredentials,
        Self::AccessDenied,
        Self::Csrf,
        Self::InvalidRequest,
        Self::ForeignHost,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::TryAgain,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::Unavailable,
        Self::ServerError,
    ];
}

impl RouterRefusal {
    pub(super) const fn new(kind: RouterRefusalKind) -> Self {
        Self { kind, retry_after: None, clears: false, expired: false }
    }

    /// What was refused.
    pub const fn kind(&self) -> RouterRefusalKind {
        self.kind
    }

    /// The response's status.
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            RouterRefusalKind::MissingToken
            | RouterRefusalKind::InvalidToken
            | RouterRefusalKind::SessionEnded
            | RouterRefusalKind::InvalidCredentials => StatusCode::UNAUTHORIZED,
            RouterRefusalKind::AccessDenied | RouterRefusalKind::Csrf => StatusCode::FORBIDDEN,
            RouterRefusalKind::InvalidRequest | RouterRefusalKind::ForeignHost => StatusCode::BAD_REQUEST,
            RouterRefusalKind::NotFound => StatusCode::NOT_FOUND,
            RouterRefusalKind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            RouterRefusalKind::TryAgain => StatusCode::CONFLICT,
            RouterRefusalKind::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            RouterRefusalKind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            RouterRefusalKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            RouterRefusalKind::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The body's `error`: what a client decides by.
    pub const fn code(&self) -> &'static str {
        match self.kind {
            RouterRefusalKind::MissingToken => "missing_token",
            RouterRefusalKind::InvalidToken => "invalid_token",
            RouterRefusalKind::SessionEnded => "session_ended",
            RouterRefusalKind::InvalidCredentials => "invalid_credentials",
            RouterRefusalKind::AccessDenied => "access_denied",
            RouterRefusalKind::Csrf => "csrf",
            RouterRefusalKind::InvalidRequest | RouterRefusalKind::ForeignHost => "invalid_request",
            RouterRefusalKind::NotFound => "not_found",
            RouterRefusalKind::MethodNotAllowed => "method_not_allowed",
            RouterRefusalKind::TryAgain => "try_again",
            RouterRefusalKind::PayloadTooLarge => "payload_too_large",
            RouterRefusalKind::UnsupportedMediaType => "unsupported_media_type",
            RouterRefusalKind::Unavailable => "temporarily_unavailable",
            RouterRefusalKind::ServerError => "server_error",
        }
    }

    /// The body's `error_description`: fixed text.
    pub const fn description(&self) -> &'static str {
        match self.kind {
            RouterRefusalKind::MissingToken => "no refresh token was sent",
            RouterRefusalKind::InvalidToken => "the refresh token is not valid",
            RouterRefusalKind::SessionEnded => "the session has ended",
            RouterRefusalKind::InvalidCredentials => "the credentials are wrong",
            RouterRefusalKind::AccessDenied => "no session is opened at the moment",
            RouterRefusalKind::Csrf => "the request may come from another site",
            RouterRefusalKind::InvalidRequest => "the request is malformed or contradicts itself",
            RouterRefusalKind::ForeignHost => "in development mode only this machine is served",
            RouterRefusalKind::NotFound => "there is no such session",
            RouterRefusalKind::MethodNotAllowed => "the method is not allowed here",
            RouterRefusalKind::TryAgain => "the session was renewed a moment ago",
            RouterRefusalKind::PayloadTooLarge => "the body is too large",
            RouterRefusalKind::UnsupportedMediaType => "the body is neither JSON nor a form",
            RouterRefusalKind::Unavailable => "the service is temporarily unavailable",
            RouterRefusalKind::ServerError => "the server is not configured properly",
        }
    }

    /// Whether the same request, sent again later, may be answered otherwise.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, RouterRefusalKind::TryAgain | RouterRefusalKind::Unavailable)
    }

    /// How long to wait before the same request, where that helps: whole seconds, at least one.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = |span: Duration| span.as_secs() + u64::from(span.subsec_nanos() > 0);
        self.is_retryable().then(|| Duration::from_secs(seconds(self.retry_after.unwrap_or_default()).max(1)))
    }

    /// The response that is sent unless the application has words of its own, which may also start from it.
    pub fn response(&self) -> Response {
        // Every text is a constant without a character that JSON escapes.
        let (code, description, retryable) = (self.code(), self.description(), self.is_retryable());
        let body =
            format!("{{\"error\":\"{code}\",\"error_description\":\"{description}\",\"retryable\":{retryable}}}");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // The router says so of everything; a handler of the application's own may answer with this, too.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(wait) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        response
    }

    /// Whether the tokens' cookies are taken away.
    pub(super) const fn clears_cookies(&self) -> bool {
        self.clears
    }

    /// Whether a token was refused for its time alone.
    pub(super) const fn is_of_expired_token(&self) -> bool {
        self.expired
    }

    /// A 401 names a scheme (RFC 9110 section 15.5.2), with an error code where a token was sent (RFC 6750 section 3).
    const fn challenge(&self) -> Option<&'static str> {
        match self.kind {
            RouterRefusalKind::MissingToken | RouterRefusalKind::InvalidCredentials => Some("Bearer realm=\"session\""),
            RouterRefusalKind::InvalidToken | RouterRefusalKind::SessionEnded => {
                Some("Bearer realm=\"session\", error=\"invalid_token\"")
            }
            _ => None,
        }
    }
}

impl From<Refused> for RouterRefusal {
    fn from(refused: Refused) -> Self {
        let kind = match refused {
            Refused::Invalid(_) => RouterRefusalKind::InvalidToken,
            Refused::SessionEnded(_) | Refused::Replaced | Refused::AccountGone => RouterRefusalKind::SessionEnded,
            Refused::TryAgain(_) => RouterRefusalKind::TryAgain,
            Refused::BadCredentials => RouterRefusalKind::InvalidCredentials,
            Refused::UnreadableCredentials => RouterRefusalKind::InvalidRequest,
            Refused::Denied => RouterRefusalKind::AccessDenied,
        };
        let retry_after = if let Refused::TryAgain(rest) = refused { Some(rest) } else { None };
        let expired = refused == Refused::Invalid(TokenErrorKind::Expired);
        Self { kind, retry_after, clears: refused.clears_cookies(), expired }
    }
}

impl From<SessionError> for RouterRefusal {
    fn from(error: SessionError) -> Self {
        // What is behind it was logged where it happened.
        if error.is_retryable() {
            Self::new(RouterRefusalKind::Unavailable)
        } else {
            tracing::error!(kind = ?error.kind(), "a session route cannot answer");
            Self::new(RouterRefusalKind::ServerError)
        }
    }
}

impl From<RouterRefusalKind> for RouterRefusal {
    fn from(kind: RouterRefusalKind) -> Self {
        Self::new(kind)
    }
}

impl IntoResponse for RouterRefusal {
    fn into_response(self) -> Response {
        let mut response = self.response();
        response.extensions_mut().insert(self);
        response
    }
}

impl fmt::Display for RouterRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

impl std::error::Error for RouterRefusal {}

#[cfg(test)]
mod tests {
    use super::RouterRefusalKind as Kind;

    #[test]
    fn every_kind_is_listed() {
        // Without a wildcard: a new kind does not compile before it is in this chain, and fails before it is listed.
        let next = |kind: &Kind| match kind {
            Kind::MissingToken => Some(Kind::InvalidToken),
            Kind::InvalidToken => Some(Kind::SessionEnded),
            Kind::SessionEnded => Some(Kind::InvalidCredentials),
            Kind::InvalidCredentials => Some(Kind::AccessDenied),
            Kind::AccessDenied => Some(Kind::Csrf),
            Kind::Csrf => Some(Kind::InvalidRequest),
            Kind::InvalidRequest => Some(Kind::ForeignHost),
            Kind::ForeignHost => Some(Kind::NotFound),
            Kind::NotFound => Some(Kind::MethodNotAllowed),
            Kind::MethodNotAllowed => Some(Kind::TryAgain),
            Kind::TryAgain => Some(Kind::PayloadTooLarge),
            Kind::PayloadTooLarge => Some(Kind::UnsupportedMediaType),
            Kind::UnsupportedMediaType => Some(Kind::Unavailable),
            Kind::Unavailable => Some(Kind::ServerError),
            Kind::ServerError => None,
        };
        let all: Vec<_> = std::iter::successors(Some(Kind::MissingToken), next).collect();
        assert_eq!(all, Kind::ALL);
    }
}
