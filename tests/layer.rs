//! The layer admits and refuses as documented; what it finds in a request's headers is `http_extraction.rs`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers outside the test functions fail their test")]

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get as on_get};
use http::{Method, Request, Response, StatusCode};
use jwt_sessions::Site;
use jwt_sessions::auth::{
    Authenticated, JwtAuthLayer, Noted, Refusal, RefusalKind, SessionWatch, Sight, Verifier, authenticated,
};
use jwt_sessions::token::{Algorithm, KeySet, Registered, SigningKey};
use serde_json::json;
use tower::{Layer, Service, ServiceExt, service_fn};

#[path = "common/auth.rs"]
mod common;
use common::{Issuer, bearer, cookie, get, refusal, session, text, with};

/// Answers with the subject and generation that it is asked by.
fn app(layer: JwtAuthLayer) -> Router {
    async fn who(user: Option<Authenticated>) -> String {
        user.map_or("nobody".to_owned(), |user| {
            format!("{} {}", user.subject(), user.registered().generation.unwrap_or_default())
        })
    }
    Router::new().route("/", any(who)).route_layer(layer)
}

/// What is sent, and the answer: a body or a refusal.
async fn answer(app: &Router, request: Request<Body>) -> Result<String, RefusalKind> {
    let response = app.clone().oneshot(request).await.unwrap();
    match refusal(&response) {
        Some(kind) => Err(kind),
        None => Ok(text(response).await),
    }
}

#[tokio::test]
async fn a_token_is_refused_from_its_expiry_on() {
    let issuer = Issuer::new();
    let app = app(JwtAuthLayer::new(issuer.verifier()));
    let headers = [("authorization", bearer(issuer.alice()))];
    issuer.clock.advance(std::time::Duration::from_millis(59_999));
    assert!(answer(&app, get("/", &headers)).await.is_ok());
    issuer.clock.advance(std::time::Duration::from_millis(1));
    assert_eq!(answer(&app, get("/", &headers)).await, Err(RefusalKind::TokenExpired));
}

#[tokio::test]
async fn nobody_may_come_from_another_site() {
    let issuer = Issuer::new();
    let app = app(JwtAuthLayer::new(issuer.verifier()).optional());
    let cross_site = ("sec-fetch-site", "cross-site".to_owned());
    assert_eq!(answer(&app, with(Request::post("/"), &[cross_site])).await, Ok("nobody".to_owned()));
}

#[tokio::test]
async fn unsafe_requests_by_cookie_are_not_another_sites() {
    let issuer = Issuer::new();
    let app = app(JwtAuthLayer::new(issuer.verifier()));
    let by_cookie = ("cookie", cookie(issuer.alice()));
    let by_header = ("authorization", bearer(issuer.alice()));
    let site = |value: &str| ("sec-fetch-site", value.to_owned());
    let origin = |value: &str| ("origin", value.to_owned());
    let passes = Ok("alice 1".to_owned());
    let refused = Err(RefusalKind::Csrf);
    for (method, headers, expected) in [
        (Method::POST, vec![by_cookie.clone(), site("same-origin")], &passes),
        (Method::POST, vec![by_cookie.clone(), site("none")], &passes),
        (Method::POST, vec![by_cookie.clone(), site("cross-site")], &refused),
        (Method::POST, vec![by_cookie.clone(), site("same-site")], &refused),
        (Method::DELETE, vec![by_cookie.clone(), origin("https://evil.example")], &refused),
        (Method::PATCH, vec![by_cookie.clone(), origin("null")], &refused),
        (Method::PUT, vec![by_cookie.clone(), site("cross-site"), origin("https://app.example")], &passes),
        // No browser of the last years sends neither.
        (Method::POST, vec![by_cookie.clone()], &passes),
        (Method::GET, vec![by_cookie.clone(), site("cross-site")], &passes),
        // A header does not come along by itself.
        (Method::POST, vec![by_header.clone(), site("cross-site")], &passes),
        (Method::POST, vec![by_header, by_cookie.clone(), site("cross-site")], &passes),
        (Method::POST, vec![("authorization", bearer("a.b.c")), by_cookie, site("cross-site")], &refused),
    ] {
        let request = with(Request::builder().method(method.clone()).uri("/"), &headers);
        assert_eq!(&answer(&app, request).await, expected, "{method} {headers:?}");
    }
}

#[tokio::test]
async fn a_websocket_by_cookie_is_not_another_sites() {
    let issuer = Issuer::new();
    let app = app(JwtAuthLayer::new(issuer.verifier()));
    let handshake = |credential: (&'static str, String), site: &str| {
        let upgrade = [("connection", "Upgrade".to_owned()), ("upgrade", "websocket".to_owned())];
        get("/", &[&upgrade[..], &[credential, ("sec-fetch-site", site.to_owned())]].concat())
    };
    let by_cookie = || ("cookie", cookie(issuer.alice()));
    assert_eq!(answer(&app, handshake(by_cookie(), "same-site")).await, Err(RefusalKind::Csrf));
    assert_eq!(answer(&app, handshake(by_cookie(), "same-origin")).await, Ok("alice 1".to_owned()));
    let by_header = ("authorization", bearer(issuer.alice()));
    assert_eq!(answer(&app, handshake(by_header, "same-site")).await, Ok("alice 1".to_owned()));
}

#[tokio::test]
async fn a_refusal_names_the_session_where_the_token_is_valid() {
    let issuer = Issuer::new();
    let app = app(JwtAuthLayer::new(issuer.builder().watch(Arc::new(Watch::default())).build().unwrap()));
    let about = async |request: Request<Body>| {
        let response = app.clone().oneshot(request).await.unwrap();
        response.extensions().get::<Refusal>().unwrap().session_id()
    };
    let by_cookie = [("cookie", cookie(issuer.alice())), ("sec-fetch-site", "cross-site".to_owned())];
    assert_eq!(about(with(Request::post("/"), &by_cookie)).await, Some(session(1)));
    let ended = [("authorization", bearer(issuer.token(json!({"gen": 7}))))];
    assert_eq!(about(get("/", &ended)).await, Some(session(1)));
    let expired = [("authorization", bearer(issuer.token(json!({"exp": common::NOW}))))];
    assert_eq!(about(get("/", &expired)).await, None);
    assert_eq!(about(get("/", &[])).await, None);
}

/// Notes what it is asked, and answers by the generation: 7 has ended, 8 is not known yet.
#[derive(Default)]
struct Watch(Mutex<Vec<u64>>);

impl SessionWatch for Watch {
    fn sight(&self, token: &Registered, _: &Noted) -> Sight {
        let generation = token.generation.unwrap();
        self.0.lock().unwrap().push(generation);
        match generation {
            7 => Sight::Ended,
            8 => Sight::Unready,
            _ => Sight::Live,
        }
    }
}

#[tokio::test]
async fn the_watch_is_asked_once_for_the_token_that_is_taken() {
    let issuer = Issuer::new();
    let watch = Arc::new(Watch::default());
    let app = app(JwtAuthLayer::new(issuer.builder().watch(watch.clone()).build().unwrap()).optional());
    let token = |generation: u64| issuer.token(json!({"gen": generation}));
    let asked = || std::mem::take(&mut *watch.0.lock().unwrap());

    let several = [("cookie", format!("{}; {}; {}", cookie("a"), cookie(token(2)), cookie(token(3))))];
    assert_eq!(answer(&app, get("/", &several)).await, Ok("alice 3".to_owned()));
    assert_eq!(asked(), [3]);

    let forged = [("cookie", cookie(token(4))), ("sec-fetch-site", "cross-site".to_owned())];
    assert_eq!(answer(&app, with(Request::post("/"), &forged)).await, Err(RefusalKind::Csrf));
    assert!(answer(&app, get("/", &[])).await.is_ok());
    assert!(answer(&app, get("/", &[("authorization", bearer("a.b.c"))])).await.is_err());
    assert_eq!(asked(), [0; 0]);

    let by = |token: String| get("/", &[("authorization", bearer(token))]);
    assert_eq!(answer(&app, by(token(7))).await, Err(RefusalKind::SessionEnded));
    assert_eq!(answer(&app, by(token(8))).await, Err(RefusalKind::Unready));
    assert_eq!(asked(), [7, 8]);
}

#[tokio::test]
async fn shared_caches_keep_nothing_of_a_protected_route() {
    let issuer = Issuer::new();
    let app = Router::new()
        .route("/plain", on_get(async || "x"))
        .route("/cached", on_get(async || [("cache-control", "max-age=60"), ("vary", "Accept, cookie")]))
        .route_layer(JwtAuthLayer::new(issuer.verifier()).optional())
        .route("/open", on_get(async || "x"));
    let headers_of = |path: &'static str| {
        let app = app.clone();
        async move {
            let response = app.oneshot(get(path, &[])).await.unwrap();
            let all = |name| response.headers().get_all(name).iter().map(|v| v.to_str().unwrap().to_owned()).collect();
            (all("cache-control"), all("vary"))
        }
    };
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(headers_of("/plain").await, (owned(&["private"]), owned(&["Cookie, Authorization"])));
    assert_eq!(headers_of("/cached").await, (owned(&["max-age=60"]), owned(&["Accept, cookie", "Authorization"])));
    assert_eq!(headers_of("/open").await, (owned(&[]), owned(&[])));
}

#[tokio::test]
async fn unknown_paths_stay_404() {
    let issuer = Issuer::new();
    let app = app(JwtAuthLayer::new(issuer.verifier()));
    assert_eq!(app.oneshot(get("/nowhere", &[])).await.unwrap().status(), StatusCode::NOT_FOUND);
}

/// A service that is neither `Clone` nor `Send`, of a body type that knows nothing of strings, with an error of its own.
struct Bare(Rc<Cell<u32>>);

#[derive(Debug, PartialEq)]
struct Bytes(Vec<u8>);

#[derive(Debug, PartialEq)]
struct Broken;

impl Service<Request<()>> for Bare {
    type Response = Response<Bytes>;
    type Error = Broken;
    type Future = Ready<Result<Self::Response, Broken>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        self.0.set(self.0.get() + 1);
        if request.uri() == "/broken" {
            return ready(Err(Broken));
        }
        let user = authenticated::<serde_json::Value>(request.extensions()).unwrap().unwrap();
        ready(Ok(Response::new(Bytes(user.subject().into()))))
    }
}

#[tokio::test]
async fn any_service_of_any_body_will_do() {
    let issuer = Issuer::new();
    let words = |refusal: &Refusal| Response::new(Bytes(refusal.code().into()));
    let calls = Rc::new(Cell::new(0));
    let mut service = JwtAuthLayer::new(issuer.verifier()).refusals(words).layer(Bare(calls.clone()));
    let request = |path: &str| Request::get(path).header("authorization", bearer(issuer.alice())).body(()).unwrap();

    let passed = service.ready().await.unwrap().call(request("/")).await.unwrap();
    assert_eq!(passed.body().0, b"alice");
    let broken = service.ready().await.unwrap().call(request("/broken")).await;
    assert_eq!(broken.map(|_| ()), Err(Broken));
    assert_eq!(calls.get(), 2);
    let refused = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
    assert_eq!(refused.body().0, b"missing_token");
    assert_eq!(calls.get(), 2, "what is refused never reaches the service");
}

#[tokio::test]
async fn the_default_answers_with_every_body_made_of_text() {
    async fn status<B: From<String> + 'static>(verifier: Verifier) -> StatusCode {
        let inner =
            service_fn(async |_: Request<&'static [u8]>| Ok::<_, Infallible>(Response::new(B::from(String::new()))));
        let response = JwtAuthLayer::new(verifier).layer(inner).oneshot(Request::new(&b""[..])).await.unwrap();
        response.status()
    }
    let verifier = Issuer::new().verifier();
    assert_eq!(status::<String>(verifier.clone()).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status::<Vec<u8>>(verifier.clone()).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status::<http_body_util::Full<bytes::Bytes>>(verifier.clone()).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status::<Body>(verifier).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn in_development_mode_only_this_machine_is_served() {
    let keys = KeySet::new(SigningKey::secret(Algorithm::HS256, "0123456789abcdefghijklmnopqrstuv").unwrap());
    let development = Site::new("http://localhost:3000").unwrap();
    for (site, foreign) in [(development, 400), (Site::new("https://app.example").unwrap(), 200)] {
        let verifier = Verifier::builder(keys.clone()).issuer("id").audience("api").site(site).build().unwrap();
        let app: Router =
            Router::new().route("/", on_get(async || "hello")).route_layer(JwtAuthLayer::new(verifier).optional());
        for (host, status) in [
            ("localhost:3000", 200),
            ("127.0.0.1:3000", 200),
            ("[::1]", 200),
            ("LOCALHOST", 200),
            ("evil.example", foreign),
            ("localhost.evil.example:3000", foreign),
            ("127.0.0.1.example", foreign),
            ("", foreign),
        ] {
            let request = Request::get("/").header("host", host).body(Body::empty()).unwrap();
            assert_eq!(app.clone().oneshot(request).await.unwrap().status(), status, "{host}");
        }
        let nameless = Request::get("/").body(Body::empty()).unwrap();
        assert_eq!(app.clone().oneshot(nameless).await.unwrap().status(), foreign);
    }
}
