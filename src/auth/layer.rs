use std::fmt;

use http::Response;
use tower_layer::Layer;

use super::refusal::Refusal;
use super::response::DefaultResponseForRefusal;
use super::service::JwtAuth;
use super::verifier::Verifier;

/// Takes requests by their access token; see the [module](super) for the rules.
///
/// Cloning it shares the verifier.
#[derive(Clone)]
#[must_use]
pub struct JwtAuthLayer<R = DefaultResponseForRefusal> {
    verifier: Verifier,
    optional: bool,
    refusals: R,
}

impl JwtAuthLayer {
    /// A layer that refuses whoever shows no valid access token, but for CORS preflights, which pass as
    /// nobody: rule 7 of the [module](super).
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier, optional: false, refusals: DefaultResponseForRefusal }
    }
}

impl<R> JwtAuthLayer<R> {
    /// Lets requests without a credential pass, too: `Option<Authenticated<T>>` is `None` for them. A bad credential is refused
    /// all the same: its sender believes to be logged in.
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Answers refusals in the application's words: those of the layer, and those of extractors and guards inside of it.
    ///
    /// The closure sees the refusal and never the request. The refusal stays in the response's extensions, and
    /// `Cache-Control: no-store` is added where the closure sets none. [`Refusal::response`] is a response to start from.
    pub fn refusals<F, B>(self, refusals: F) -> JwtAuthLayer<F>
    where
        F: Fn(&Refusal) -> Response<B> + Clone,
    {
        JwtAuthLayer { verifier: self.verifier, optional: self.optional, refusals }
    }
}

impl<S, R: Clone> Layer<S> for JwtAuthLayer<R> {
    type Service = JwtAuth<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        JwtAuth::new(inner, self.verifier.clone(), self.optional, self.refusals.clone())
    }
}

impl<R> fmt::Debug for JwtAuthLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAuthLayer")
            .field("verifier", &self.verifier)
            .field("optional", &self.optional)
            .finish_non_exhaustive()
    }
}
