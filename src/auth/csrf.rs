//! Forged requests of other sites, told by `tower_http::csrf`.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::mem::swap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::header::UPGRADE;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response};
use tower_http::csrf::{ConfigError, Csrf, CsrfLayer};
use tower_layer::Layer;
use tower_service::Service;

/// Says whether a request may be one of another site, in the words of [`tower_http::csrf`]: Fetch Metadata, then `Origin`.
///
/// tower-http wraps a service and gives no access to it, and the service around this one is of any body type. So its
/// middleware stands beside the service, around a probe that only hands the request's head back; no line of its check is
/// repeated here.
#[derive(Clone)]
pub(crate) struct CsrfGuard(Csrf<Probe>);

impl CsrfGuard {
    /// A guard that also lets these origins pass, each written as browsers send it.
    pub(crate) fn new(trusted: &[String]) -> Result<Self, ConfigError> {
        let layer = trusted.iter().try_fold(CsrfLayer::new(), |layer, origin| layer.add_trusted_origin(origin))?;
        Ok(Self(layer.layer(Probe)))
    }

    /// Whether the request is one that is guarded at all; the others need not be taken apart for the guard.
    pub(crate) fn minds(method: &Method, headers: &HeaderMap) -> bool {
        !is_safe(method) || headers.contains_key(UPGRADE)
    }

    /// The head of a request that passes. One that does not is spent: it deserves its refusal and nothing else.
    pub(crate) fn pass(&self, mut head: Parts) -> Option<Parts> {
        // The handshake of a WebSocket is a GET (RFC 6455 section 4.1) and all but safe: behind it the other site would
        // speak as the user and read the answers. So it is asked about as if it were a POST.
        let handshake = is_safe(&head.method) && head.headers.contains_key(UPGRADE);
        let method = handshake.then(|| std::mem::replace(&mut head.method, Method::POST));
        let mut head = self.ask(head)?;
        if let Some(method) = method {
            head.method = method;
        }
        Some(head)
    }

    /// The same for a request with a body of any type, which stays where it is.
    pub(super) fn passes<B>(&self, request: &mut Request<B>) -> bool {
        let (mut head, ()) = Request::new(()).into_parts();
        swap_heads(&mut head, request);
        let Some(mut head) = self.pass(head) else { return false };
        swap_heads(&mut head, request);
        true
    }

    fn ask(&self, head: Parts) -> Option<Parts> {
        // A call takes the middleware by `&mut`; a clone of it is one reference count.
        let verdict = pin!(self.0.clone().call(Request::from_parts(head, ())));
        match verdict.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(response)) => response.into_body(),
            // It is always ready: the probe is. If it ever were not, nothing passes.
            Poll::Pending => None,
        }
    }
}

impl fmt::Debug for CsrfGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CsrfGuard").field(&self.0).finish()
    }
}

fn swap_heads<B>(head: &mut Parts, request: &mut Request<B>) {
    swap(&mut head.method, request.method_mut());
    swap(&mut head.uri, request.uri_mut());
    swap(&mut head.version, request.version_mut());
    swap(&mut head.headers, request.headers_mut());
    swap(&mut head.extensions, request.extensions_mut());
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Hands the head back as the response's body; a refusal's body is the default, none.
#[derive(Clone, Copy, Debug)]
struct Probe;

impl Service<Request<()>> for Probe {
    type Response = Response<Option<Parts>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Some(request.into_parts().0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(method: Method, headers: &[(&str, &str)]) -> bool {
        let guard = CsrfGuard::new(&["https://app.example".to_owned()]).unwrap();
        let sent = method.clone();
        let mut request = Request::builder().method(method).uri("/notes").header("host", "api.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let head = guard.pass(request.body(()).unwrap().into_parts().0);
        head.is_some_and(|head| head.uri == "/notes" && head.method == sent && head.headers.len() == headers.len() + 1)
    }

    #[test]
    fn unsafe_requests_of_other_sites_are_refused() {
        assert!(passes(Method::POST, &[("sec-fetch-site", "same-origin")]));
        assert!(!passes(Method::POST, &[("sec-fetch-site", "cross-site")]));
        assert!(!passes(Method::DELETE, &[("sec-fetch-site", "same-site")]));
        assert!(!passes(Method::POST, &[("origin", "https://evil.example")]));
        assert!(!passes(Method::POST, &[("origin", "null")]));
    }

    #[test]
    fn a_websocket_of_another_site_is_refused() {
        let with = |name, value| passes(Method::GET, &[("upgrade", "websocket"), (name, value)]);
        assert!(!with("sec-fetch-site", "same-site"));
        assert!(!with("origin", "https://evil.example"));
        assert!(with("sec-fetch-site", "same-origin"));
        assert!(with("origin", "https://app.example"));
        assert!(with("user-agent", "no browser"));
    }

    #[test]
    fn trusted_origins_and_safe_methods_pass_with_their_head_whole() {
        assert!(passes(Method::POST, &[("sec-fetch-site", "cross-site"), ("origin", "https://app.example")]));
        assert!(passes(Method::POST, &[("origin", "https://api.example")]));
        assert!(passes(Method::GET, &[("sec-fetch-site", "cross-site")]));
        assert!(passes(Method::POST, &[]));
    }

    #[test]
    fn a_request_that_passes_is_the_one_that_came() {
        let guard = CsrfGuard::new(&["https://app.example".to_owned()]).unwrap();
        for (method, site) in [(Method::POST, "same-origin"), (Method::DELETE, "none"), (Method::GET, "same-origin")] {
            let request = Request::builder().method(method.clone()).uri("/notes?a=1").version(http::Version::HTTP_2);
            let request = request.header("upgrade", "websocket").header("sec-fetch-site", site).header("x", "y");
            let mut request = request.extension("kept").body("a body").unwrap();
            assert!(guard.passes(&mut request));
            assert_eq!((request.method(), request.version()), (&method, http::Version::HTTP_2));
            assert_eq!((request.uri().to_string(), request.headers().len()), ("/notes?a=1".to_owned(), 3));
            assert_eq!((request.extensions().get(), *request.body()), (Some(&"kept"), "a body"));
        }
        let mut foreign = Request::post("/notes").header("sec-fetch-site", "cross-site").body(()).unwrap();
        assert!(!guard.passes(&mut foreign));
    }

    #[test]
    fn what_is_not_minded_always_passes() {
        let cross_site = [("sec-fetch-site", "cross-site")];
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST, Method::TRACE, Method::PUT] {
            assert_eq!(CsrfGuard::minds(&method, &HeaderMap::new()), !passes(method.clone(), &cross_site), "{method}");
        }
    }
}
