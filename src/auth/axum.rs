//! The extractor and the refusal as axum knows them.

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::extract::{Authenticated, authenticated};
use super::refusal::{Refusal, RefusalKind};

impl<S, T> FromRequestParts<S> for Authenticated<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send + Sync + 'static,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        authenticated(&parts.extensions)?.ok_or(Refusal::new(RefusalKind::MissingToken))
    }
}

impl<S, T> OptionalFromRequestParts<S> for Authenticated<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send + Sync + 'static,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Refusal> {
        authenticated(&parts.extensions)
    }
}

/// The default response, marked for the layer around, which writes it again in the application's words.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.into_marked::<Body>()
    }
}
