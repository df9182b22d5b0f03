use std::fmt;
use std::task::{Context, Poll};

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{Method, Request, Response};
use tower_service::Service;

use super::credentials::Channel;
use super::csrf::CsrfGuard;
use super::future::{ResponseFuture, Verdict};
use super::mark::Mark;
use super::refusal::{Refusal, RefusalKind};
use super::response::{DefaultResponseForRefusal, ResponseForRefusal};
use super::verifier::{Found, Verifier};

/// A service behind a [`JwtAuthLayer`](super::JwtAuthLayer).
#[derive(Clone)]
#[must_use]
pub struct JwtAuth<S, R = DefaultResponseForRefusal> {
    inner: S,
    verifier: Verifier,
    optional: bool,
    refusals: R,
}

impl<S, R> JwtAuth<S, R> {
    pub(super) fn new(inner: S, verifier: Verifier, optional: bool, refusals: R) -> Self {
        Self { inner, verifier, optional, refusals }
    }

    /// The whole decision, without waiting for anything: marks the request for those inside, or says why not. Nothing of a request
    /// that is refused is used again.
    fn admit<B>(&self, request: &mut Request<B>) -> Result<(), Refusal> {
        if !self.verifier.serves(request.uri(), request.headers()) {
            return Err(Refusal::new(RefusalKind::ForeignHost));
        }
        let mark = if is_preflight(request) {
            // Browsers send none of our credentials along (Fetch standard, section 4.8).
            Mark::Nobody
        } else {
            match self.verifier.identify(request.headers())? {
                Some(found) => self.take(request, found)?,
                None if self.optional => Mark::Nobody,
                None => return Err(Refusal::new(RefusalKind::MissingToken)),
            }
        };
        request.extensions_mut().insert(mark);
        Ok(())
    }

    fn take<B>(&self, request: &mut Request<B>, found: Found) -> Result<Mark, Refusal> {
        let Found { taken, channel, now } = found;
        // Only a cookie comes along by itself; a header is proof that a script of ours, or no browser, sent it.
        let minded = channel == Channel::Cookie && CsrfGuard::minds(request.method(), request.headers());
        if minded && !self.verifier.csrf().passes(request) {
            return Err(Refusal::new(RefusalKind::Csrf).about(taken.registered().session));
        }
        // Last, so that a forged request is no sight of the session.
        self.verifier.watch(&taken)?;
        Ok(Mark::Somebody { taken, now })
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for JwtAuth<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: ResponseForRefusal<ResBody>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let (refusals, realm) = (self.refusals.clone(), self.verifier.realm());
        // Not one verdict for both: a future is some hundred bytes, and would be moved once more.
        match self.admit(&mut request) {
            Ok(()) => ResponseFuture::new(Verdict::Passed { future: self.inner.call(request) }, refusals, realm),
            Err(refusal) => ResponseFuture::new(Verdict::Refused { refusal }, refusals, realm),
        }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for JwtAuth<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAuth")
            .field("inner", &self.inner)
            .field("verifier", &self.verifier)
            .field("optional", &self.optional)
            .finish_non_exhaustive()
    }
}

/// A CORS preflight (Fetch standard, section 3.3.2).
fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
