//! The layer around a handler that says who it was called for. Everything is ready at once: no runtime is needed.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{Request, Response, Uri};
use jwt_sessions::auth::{JwtAuth, JwtAuthLayer, Refusal, RefusalKind, Verifier, authenticated};
use jwt_sessions::clock::Clock;
use jwt_sessions::site::Site;
use jwt_sessions::token::Timestamp;
use serde_json::Value;
use tower_layer::Layer;
use tower_service::Service;

use crate::requests::{AUDIENCE, ISSUER, Setup, Taken, taken};
use crate::signer::{self, NOW};

#[derive(Clone)]
pub struct Handler;

impl Service<Request<()>> for Handler {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let user = authenticated::<Value>(request.extensions()).expect("the layer is there, and any object will do");
        ready(Ok(Response::new(user.map_or_else(String::new, |user| user.claims().to_string()))))
    }
}

pub fn verifier(site: Site, cookie_first: bool) -> Verifier {
    let builder = Verifier::builder(signer::keys())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .site(site)
        .clock(Clock::manual(Timestamp::from_secs(NOW)));
    if cookie_first { builder.cookie_first() } else { builder }.build().unwrap()
}

pub fn around(verifier: &Verifier, optional: bool) -> JwtAuth<Handler> {
    let layer = JwtAuthLayer::new(verifier.clone());
    if optional { layer.optional() } else { layer }.layer(Handler)
}

/// Sends a request, and holds the answer to what is right and to what every answer promises.
pub fn check(layer: &JwtAuth<Handler>, request: Request<()>, setup: &Setup<'_>) {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let expected = taken(request.method(), authority.as_deref(), request.headers(), setup);
    let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
    let shown = Shown(method, uri, headers);
    let Poll::Ready(Ok(response)) = pin!(layer.clone().call(request)).poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("not ready: {shown}");
    };

    let refusal = response.extensions().get::<Refusal>().map(|refusal| (refusal.status().as_u16(), refusal.code()));
    match (&expected, refusal) {
        (Taken::Refused(status, code), Some(found)) => assert_eq!(found, (*status, *code), "{shown}"),
        (Taken::Perhaps(_), Some(found)) => assert_eq!(found, (403, "csrf"), "{shown}"),
        (Taken::Nobody, None) => assert_eq!(response.body(), "", "{shown}"),
        (Taken::By(token) | Taken::Perhaps(token), None) => {
            let payload = crate::base64url::decode(token.split('.').nth(1).unwrap()).unwrap();
            let payload: Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!(*response.body(), payload.to_string(), "{shown}");
        }
        _ => panic!("{refusal:?} where {expected:?} is right: {shown}"),
    }

    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let status = response.status().as_u16();
    assert!(status < 500 && header("set-cookie").is_none() && header("vary").is_some(), "{shown}");
    assert_eq!(status, refusal.map_or(200, |(status, _)| status), "{shown}");
    assert_eq!(header("cache-control"), Some(if refusal.is_some() { "no-store" } else { "private" }), "{shown}");
    let challenged = header("www-authenticate").is_some_and(|text| text.starts_with("Bearer realm=\""));
    let kind = response.extensions().get::<Refusal>().map(Refusal::kind);
    let challenges = !matches!(kind, None | Some(RefusalKind::Csrf | RefusalKind::ForeignHost));
    assert_eq!(challenged, challenges, "{shown}");
    assert!(refusal.is_none() || serde_json::from_str::<Value>(response.body()).is_ok(), "{shown}");
}

struct Shown(http::Method, Uri, http::HeaderMap);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.0, self.1, self.2)
    }
}

pub fn request(method: http::Method, uri: Uri, headers: http::HeaderMap) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}
