//! What the demo answers when it does not do what was asked, and how it reads a body: fixed texts, never a library's.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

/// A refusal in the shape that the crate's own have: a word for programs, a sentence for people, and whether the same
/// request may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
    /// Seconds; only what is worth another try has it.
    retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) const METHOD: Self =
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "the method is not allowed here");

    pub(crate) const fn new(status: StatusCode, error: &'static str, description: &'static str) -> Self {
        Self { status, error, description, retry_after: None }
    }

    pub(crate) const fn invalid(description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    pub(crate) const fn not_found(description: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", description)
    }

    /// `seconds` until another try is worthwhile, at least 1: a client that reads 0 tries at once and is refused again.
    pub(crate) fn too_many_requests(seconds: u64) -> Self {
        let refusal = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "too many attempts, wait for as long as Retry-After says",
        );
        Self { retry_after: Some(seconds.max(1)), ..refusal }
    }

    /// For when the accounts' file does not answer, or too many passwords wait; the cause is in the log alone.
    pub(crate) fn unavailable() -> Self {
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again in a moment");
        Self { retry_after: Some(1), ..refusal }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "error": self.error,
            "error_description": self.description,
            "retryable": self.retry_after.is_some(),
        });
        let mut response = (self.status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A JSON body. axum's own reader is not used because its refusals carry serde's words.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        if !media_type(request.headers()).eq_ignore_ascii_case(b"application/json") {
            return Err(NOT_JSON);
        }
        let bytes = whole_body(request.into_body()).await?;
        // serde would also take an array of the members in their order.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(MALFORMED);
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|_| MALFORMED)
    }
}

/// What the one Content-Type says, without its parameters; empty where there is none or several, as for the crate's router.
pub(crate) fn media_type(headers: &HeaderMap) -> &[u8] {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(declared), None) = (lines.next(), lines.next()) else { return b"" };
    declared.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// The whole body, up to [`LARGEST_BODY`].
pub(crate) async fn whole_body(body: Body) -> Result<Bytes, Refusal> {
    match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(TOO_LARGE),
        Err(_) => Err(Refusal::invalid("the body ended before it was whole")),
    }
}

/// In bytes. A note of 2,000 characters that are all escaped as `\uXXXX` pairs does not fit, and need not.
pub(crate) const LARGEST_BODY: usize = 16 * 1024;

const NOT_JSON: Refusal = Refusal::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "unsupported_media_type",
    "send a JSON object with Content-Type: application/json",
);
const TOO_LARGE: Refusal = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "the body is too large");
const MALFORMED: Refusal = Refusal::invalid("the body is not the JSON object that this route takes");

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
    struct Name {
        name: String,
    }

    async fn read(content_type: &str, body: impl Into<Body>) -> Result<String, Refusal> {
        let request = Request::post("/").header(header::CONTENT_TYPE, content_type).body(body.into()).unwrap();
        JsonBody::<Name>::from_request(request, &()).await.map(|JsonBody(read)| read.name)
    }

    #[tokio::test]
    async fn a_body_is_read_or_refused_with_a_fixed_text() {
        let good = " {\"name\":\"a\"}";
        assert_eq!(read("Application/JSON; charset=utf-8", good).await.unwrap(), "a");
        for bad in ["", "{", "[1]", r#"["a"]"#, r#"{"name":"\ud800"}"#, &"[".repeat(10_000)] {
            assert_eq!(read("application/json", bad.to_owned()).await.unwrap_err(), MALFORMED);
        }
        assert_eq!(read("application/jsonp", good).await.unwrap_err(), NOT_JSON);
        assert_eq!(read("application/json", vec![b' '; LARGEST_BODY + 1]).await.unwrap_err(), TOO_LARGE);
    }

    #[test]
    fn what_may_succeed_later_says_when_and_never_at_once() {
        let response = Refusal::too_many_requests(0).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert!(Refusal::invalid("no").into_response().headers().get(header::RETRY_AFTER).is_none());
    }
}
