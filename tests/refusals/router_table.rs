//! One row for each kind of refusal of the router.

use jwt_sessions::router::RouterRefusalKind as Kind;

/// A kind of refusal and the whole answer; an empty text is a header that is not there.
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) status: u16,
    pub(super) challenge: &'static str,
    pub(super) body: &'static str,
    pub(super) retry_after: &'static str,
    /// Whether both cookies are taken away; otherwise none is touched.
    pub(super) clears: bool,
}

const fn row(kind: Kind, status: u16, challenge: &'static str, body: &'static str) -> Row {
    Row { kind, status, challenge, body, retry_after: "", clears: false }
}

/// One row for each kind, in their order.
pub(super) const TABLE: [Row; Kind::ALL.len()] = [
    row(
        Kind::MissingToken,
        401,
        r#"Bearer realm="session""#,
        r#"{"error":"missing_token","error_description":"no refresh token was sent","retryable":false}"#,
    ),
    row(
        Kind::InvalidToken,
        401,
        r#"Bearer realm="session", error="invalid_token""#,
        r#"{"error":"invalid_token","error_description":"the refresh token is not valid","retryable":false}"#,
    ),
    Row {
        clears: true,
        ..row(
            Kind::SessionEnded,
            401,
            r#"Bearer realm="session", error="invalid_token""#,
            r#"{"error":"session_ended","error_description":"the session has ended","retryable":false}"#,
        )
    },
    row(
        Kind::InvalidCredentials,
        401,
        r#"Bearer realm="session""#,
        r#"{"error":"invalid_credentials","error_description":"the credentials are wrong","retryable":false}"#,
    ),
    row(
        Kind::AccessDenied,
        403,
        "",
        r#"{"error":"access_denied","error_description":"no session is opened at the moment","retryable":false}"#,
    ),
    row(
        Kind::Csrf,
        403,
        "",
        r#"{"error":"csrf","error_description":"the request may come from another site","retryable":false}"#,
    ),
    row(
        Kind::InvalidRequest,
        400,
        "",
        "{\"error\":\"invalid_request\",\
         \"error_description\":\"the request is malformed or contradicts itself\",\"retryable\":false}",
    ),
    row(
        Kind::ForeignHost,
        400,
        "",
        "{\"error\":\"invalid_request\",\
         \"error_description\":\"in development mode only this machine is served\",\"retryable\":false}",
    ),
    row(
        Kind::NotFound,
        404,
        "",
        r#"{"error":"not_found","error_description":"there is no such session","retryable":false}"#,
    ),
    row(
        Kind::MethodNotAllowed,
        405,
        "",
        r#"{"error":"method_not_allowed","error_description":"the method is not allowed here","retryable":false}"#,
    ),
    Row {
        retry_after: "70",
        ..row(
            Kind::TryAgain,
            409,
            "",
            r#"{"error":"try_again","error_description":"the session was renewed a moment ago","retryable":true}"#,
        )
    },
    row(
        Kind::PayloadTooLarge,
        413,
        "",
        r#"{"error":"payload_too_large","error_description":"the body is too large","retryable":false}"#,
    ),
    row(
        Kind::UnsupportedMediaType,
        415,
        "",
        "{\"error\":\"unsupported_media_type\",\
         \"error_description\":\"the body is neither JSON nor a form\",\"retryable\":false}",
    ),
    Row {
        retry_after: "1",
        ..row(
            Kind::Unavailable,
            503,
            "",
            "{\"error\":\"temporarily_unavailable\",\
             \"error_description\":\"the service is temporarily unavailable\",\"retryable\":true}",
        )
    },
    row(
        Kind::ServerError,
        500,
        "",
        r#"{"error":"server_error","error_description":"the server is not configured properly","retryable":false}"#,
    ),
];
