//! One row for each kind of refusal.

use axum::body::Body;
use http::{Method, Request};
use jwt_sessions::auth::RefusalKind;
use serde_json::json;

use super::common::{Issuer, NOW, bearer, cookie, session, with};

/// A kind of refusal, a request that gets it, and the whole answer; an empty text is a header that is not there.
pub(super) struct Row {
    pub(super) kind: RefusalKind,
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) status: u16,
    pub(super) challenge: &'static str,
    pub(super) body: &'static str,
    pub(super) vary: &'static str,
    pub(super) retry_after: &'static str,
}

impl Row {
    fn of(kind: RefusalKind, status: u16, challenge: &'static str, body: &'static str) -> Self {
        let (method, headers) = (Method::GET, Vec::new());
        Self {
            kind,
            method,
            path: "/",
            headers,
            status,
            challenge,
            body,
            vary: "Cookie, Authorization",
            retry_after: "",
        }
    }

    fn asked(self, path: &'static str, headers: impl Into<Vec<(&'static str, String)>>) -> Self {
        Self { path, headers: headers.into(), ..self }
    }

    pub(super) fn request(&self) -> Request<Body> {
        with(Request::builder().method(self.method.clone()).uri(self.path), &self.headers)
    }

    /// The same by HEAD. It is a safe method, and so the check against other sites asks about a handshake alone.
    pub(super) fn head(&self) -> Request<Body> {
        with(Request::head(self.path).header("upgrade", "websocket"), &self.headers)
    }
}

/// One row for each kind, in their order.
pub(super) fn table(issuer: &Issuer) -> Vec<Row> {
    let by = |token: String| [("authorization", bearer(token))];
    let of_session = |number: u8| by(issuer.token(json!({"sid": session(number).to_string()})));
    vec![
        Row::of(
            RefusalKind::MissingToken,
            401,
            r#"Bearer realm="test""#,
            r#"{"error":"missing_token","error_description":"no access token was sent","retryable":false}"#,
        ),
        Row::of(
            RefusalKind::InvalidToken,
            401,
            r#"Bearer realm="test", error="invalid_token", error_description="the access token is not valid""#,
            r#"{"error":"invalid_token","error_description":"the access token is not valid","retryable":false}"#,
        )
        .asked("/", by("a.b.c".to_owned())),
        Row::of(
            RefusalKind::TokenExpired,
            401,
            r#"Bearer realm="test", error="invalid_token", error_description="the access token has expired""#,
            r#"{"error":"token_expired","error_description":"the access token has expired","retryable":false}"#,
        )
        .asked("/", by(issuer.token(json!({"exp": NOW})))),
        Row::of(
            RefusalKind::SessionEnded,
            401,
            r#"Bearer realm="test", error="invalid_token", error_description="the session has ended""#,
            r#"{"error":"session_ended","error_description":"the session has ended","retryable":false}"#,
        )
        .asked("/", of_session(7)),
        Row::of(
            RefusalKind::InvalidRequest,
            400,
            "Bearer realm=\"test\", error=\"invalid_request\", \
             error_description=\"the credentials are malformed or contradict each other\"",
            "{\"error\":\"invalid_request\",\
             \"error_description\":\"the credentials are malformed or contradict each other\",\"retryable\":false}",
        )
        .asked("/", [("authorization", "Bearer".to_owned())]),
        Row::of(
            RefusalKind::ForeignHost,
            400,
            "",
            "{\"error\":\"invalid_request\",\
             \"error_description\":\"in development mode only this machine is served\",\"retryable\":false}",
        )
        .asked("/", [("host", "evil.example".to_owned())]),
        Row {
            method: Method::POST,
            ..Row::of(
                RefusalKind::Csrf,
                403,
                "",
                r#"{"error":"csrf","error_description":"the request may come from another site","retryable":false}"#,
            )
            .asked("/", [("cookie", cookie(issuer.alice())), ("sec-fetch-site", "cross-site".to_owned())])
        },
        Row::of(
            RefusalKind::InsufficientScope,
            403,
            "Bearer realm=\"test\", error=\"insufficient_scope\", \
             error_description=\"the access token lacks a required scope\", scope=\"admin write\"",
            "{\"error\":\"insufficient_scope\",\
             \"error_description\":\"the access token lacks a required scope\",\"retryable\":false}",
        )
        .asked("/admin", by(issuer.token(json!({"scope": "admin"})))),
        Row::of(
            RefusalKind::Forbidden,
            403,
            "",
            r#"{"error":"forbidden","error_description":"the access token does not allow this","retryable":false}"#,
        )
        .asked("/closed", by(issuer.alice())),
        Row::of(
            RefusalKind::StaleAuthentication,
            401,
            "Bearer realm=\"test\", error=\"insufficient_user_authentication\", \
             error_description=\"a more recent authentication is required\", max_age=\"300\"",
            "{\"error\":\"insufficient_user_authentication\",\
             \"error_description\":\"a more recent authentication is required\",\"retryable\":false,\"max_age\":300}",
        )
        .asked("/fresh", by(issuer.token(json!({"auth_time": NOW - 301})))),
        Row {
            retry_after: "1",
            ..Row::of(
                RefusalKind::Unready,
                503,
                "",
                "{\"error\":\"temporarily_unavailable\",\
                 \"error_description\":\"the session cannot be checked at the moment\",\"retryable\":true}",
            )
            .asked("/", of_session(8))
        },
        // No layer says by what this answer varies; and nobody may keep it.
        Row {
            vary: "",
            ..Row::of(
                RefusalKind::MissingLayer,
                500,
                "",
                "{\"error\":\"server_error\",\
                 \"error_description\":\"the server is not configured properly\",\"retryable\":false}",
            )
            .asked("/open", by(issuer.alice()))
        },
    ]
}
