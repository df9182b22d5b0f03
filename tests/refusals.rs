//! What is refused is told by the book, one row a kind; and the application's words reach every refusal: the layer's,
//! the extractors' and the guards'.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside the test functions fail their test"
)]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{any, get as on_get};
use http::{HeaderValue, Response, StatusCode};
use jwt_sessions::Site;
use jwt_sessions::auth::{
    Authenticated, JwtAuthLayer, Noted, Refusal, RefusalKind, Require, SessionWatch, Sight, Verifier,
};
use jwt_sessions::token::Registered;
use tower::ServiceExt;

#[path = "common/auth.rs"]
mod common;
#[path = "refusals/table.rs"]
mod table;
use common::{Issuer, bearer, get, refusal, session, text};
use table::table;

#[derive(serde::Deserialize)]
struct Plan {
    plan: String,
}

fn routes() -> Router {
    Router::new()
        .route("/", any(async || "hello"))
        .route("/me", on_get(async |_: Authenticated| "hello"))
        .route("/plan", on_get(async |user: Authenticated<Plan>| user.plan.clone()))
        .route("/admin", on_get(async || "hello").layer(Require::all(["admin", "write"])))
        .route("/closed", on_get(async || "hello").layer(Require::when(|_| false)))
        .route("/fresh", on_get(async || "hello").layer(Require::fresh(Duration::from_secs(300))))
}

/// Session 7 has ended, and of session 8 it is not known yet.
struct Watch;

impl SessionWatch for Watch {
    fn sight(&self, token: &Registered, _: &Noted) -> Sight {
        match token.session {
            ended if ended == Some(session(7)) => Sight::Ended,
            unknown if unknown == Some(session(8)) => Sight::Unready,
            _ => Sight::Live,
        }
    }
}

/// In development mode for the one kind that there is only there.
fn verifier(issuer: &Issuer, kind: RefusalKind) -> Verifier {
    let site = if kind == RefusalKind::ForeignHost { "http://localhost:3000" } else { "https://app.example" };
    issuer.builder().site(Site::new(site).unwrap()).watch(Arc::new(Watch)).build().unwrap()
}

/// A handler that asks, and that no layer is around.
fn open() -> Router {
    Router::new().route("/open", on_get(async |_: Authenticated| "hello"))
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    let mut all = response.headers().get_all(name).iter();
    let first = all.next().map(|value| value.to_str().unwrap()).unwrap_or_default();
    assert_eq!(all.next(), None, "{name} twice");
    first
}

/// A challenge as RFC 9110 has it read: `auth-scheme 1*SP #auth-param` (section 11.6.1), each value a quoted-string
/// (section 5.6.4), here unquoted.
fn parsed(challenge: &str) -> Vec<(String, String)> {
    let mut rest = challenge.strip_prefix("Bearer ").unwrap();
    let mut parameters = Vec::new();
    loop {
        let (name, quoted) = rest.split_once("=\"").unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{challenge}");
        let (mut value, mut characters) = (String::new(), quoted.char_indices());
        let end = loop {
            match characters.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => value.push(characters.next().unwrap().1),
                (_, character) => value.push(character),
            }
        };
        parameters.push((name.to_owned(), value));
        rest = &quoted[end + 1..];
        if rest.is_empty() {
            return parameters;
        }
        rest = rest.strip_prefix(", ").unwrap();
    }
}

/// No parameter twice, none empty, and behind the realm nothing but the characters of RFC 6750 section 3: no quote and
/// no backslash, escaped or not.
fn keeps_to_the_characters(challenge: &str) {
    let parameters = if challenge.is_empty() { Vec::new() } else { parsed(challenge) };
    let names: HashSet<_> = parameters.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), parameters.len(), "{challenge}");
    for (_, value) in parameters.iter().filter(|(name, _)| name != "realm") {
        let fits = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(!value.is_empty() && value.bytes().all(fits), "{challenge}");
    }
}

#[tokio::test]
async fn each_kind_has_one_status_challenge_and_body() {
    let issuer = Issuer::new();
    let table = table(&issuer);
    assert_eq!(table.iter().map(|row| row.kind).collect::<Vec<_>>(), RefusalKind::ALL);
    for row in table {
        let app = routes().route_layer(JwtAuthLayer::new(verifier(&issuer, row.kind))).merge(open());
        let mut lengths = Vec::new();
        for (request, body) in [(row.request(), row.body), (row.head(), "")] {
            let name = format!("{:?} by {}", row.kind, request.method());
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), row.status, "{name}");
            assert_eq!(refusal(&response), Some(row.kind), "{name}");
            assert_eq!(header(&response, "www-authenticate"), row.challenge, "{name}");
            keeps_to_the_characters(header(&response, "www-authenticate"));
            assert_eq!(header(&response, "cache-control"), "no-store", "{name}");
            assert_eq!(header(&response, "content-type"), "application/json", "{name}");
            assert_eq!(header(&response, "vary"), row.vary, "{name}");
            assert_eq!(header(&response, "retry-after"), row.retry_after, "{name}");
            assert_eq!(header(&response, "set-cookie"), "", "{name}");
            lengths.extend(response.headers().get("content-length").cloned());
            assert_eq!(text(response).await, body, "{name}");
        }
        // A HEAD may say how long the body is that it leaves out, and nothing else (RFC 9110 section 9.3.2).
        assert!(lengths.iter().all(|length| *length == HeaderValue::from(row.body.len())), "{:?}", row.kind);
    }
}

#[tokio::test]
async fn in_the_applications_words_the_reason_stays_with_every_kind() {
    let issuer = Issuer::new();
    for row in table(&issuer) {
        let words = |refusal: &Refusal| {
            let mut response = Response::new(Body::from(refusal.code()));
            *response.status_mut() = StatusCode::IM_A_TEAPOT;
            response
        };
        let layer = JwtAuthLayer::new(verifier(&issuer, row.kind)).refusals(words);
        let app = routes().route_layer(layer).merge(open());
        for request in [row.request(), row.head()] {
            let name = format!("{:?} by {}", row.kind, request.method());
            let response = app.clone().oneshot(request).await.unwrap();
            // Where no layer is, there are no words of its.
            let expected = if row.kind == RefusalKind::MissingLayer { 500 } else { 418 };
            assert_eq!(response.status(), expected, "{name}");
            assert_eq!(refusal(&response), Some(row.kind), "{name}");
            assert_eq!(header(&response, "cache-control"), "no-store", "{name}");
            assert_eq!(header(&response, "vary"), row.vary, "{name}");
        }
    }
}

async fn challenge(app: Router, path: &str, headers: &[(&str, String)]) -> Vec<(String, String)> {
    parsed(header(&app.oneshot(get(path, headers)).await.unwrap(), "www-authenticate"))
}

#[tokio::test]
async fn a_realm_of_any_printable_ascii_arrives_as_it_was_named() {
    let issuer = Issuer::new();
    let printable: String = (' '..='~').collect();
    for realm in ["a", " ", "\"", "\\", "\\\"", "x\", error=\"invalid_token", "a, Basic realm=b", "\\\\", &printable] {
        let app = || routes().route_layer(JwtAuthLayer::new(issuer.builder().realm(realm).build().unwrap()).optional());
        let named = ("realm".to_owned(), realm.to_owned());
        assert_eq!(challenge(app(), "/me", &[]).await, std::slice::from_ref(&named), "{realm}");
        let bad = challenge(app(), "/", &[("authorization", bearer("a.b.c"))]).await;
        assert_eq!((&bad[0], bad[1].1.as_str()), (&named, "invalid_token"), "{realm}");
        // A guard inside knows the layer's realm, too.
        let lacking = challenge(app(), "/admin", &[("authorization", bearer(issuer.alice()))]).await;
        assert_eq!(lacking[0], named, "{realm}");
    }
}

#[tokio::test]
async fn a_challenge_names_scopes_whole_or_not_at_all() {
    let issuer = Issuer::new();
    let nothing: [&str; 0] = [];
    for (require, expected) in [
        (Require::scope("admin"), Some("admin")),
        (Require::all(["a", "b:c/d"]), Some("a b:c/d")),
        (Require::any(["!#[]~", "b"]), Some("!#[]~ b")),
        // What RFC 6749 section 3.3 has no place for: mended, it would be the name of another scope.
        (Require::scope("a\"b"), None),
        (Require::scope("a\\b"), None),
        (Require::scope("a b"), None),
        (Require::scope(" admin"), None),
        (Require::scope("admin\u{e9}"), None),
        (Require::scope("admin\r\nSet-Cookie: a=b"), None),
        (Require::scope("admin\0"), None),
        (Require::scope(""), None),
        (Require::all(["admin", "\u{e9}"]), None),
        (Require::any(nothing), None),
    ] {
        let name = format!("{require:?}");
        let app = Router::new()
            .route("/", on_get(async || "hello").layer(require))
            .route_layer(JwtAuthLayer::new(issuer.verifier()));
        let sent = challenge(app, "/", &[("authorization", bearer(issuer.alice()))]).await;
        assert_eq!(sent[1], ("error".to_owned(), "insufficient_scope".to_owned()), "{name}");
        let scope = sent.iter().find(|(name, _)| name == "scope").map(|(_, value)| value.as_str());
        assert_eq!((scope, sent.len()), (expected, 3 + usize::from(expected.is_some())), "{name}");
    }
}

#[tokio::test]
async fn refusals_of_layer_extractors_and_guards_are_in_the_applications_words() {
    let issuer = Issuer::new();
    let words = |refusal: &Refusal| {
        let challenge = refusal.challenge().is_some_and(|value| value.to_str().unwrap().contains(r#"realm="test""#));
        Response::builder()
            .status(418)
            .header("x-realm", challenge.to_string())
            .body(Body::from(refusal.code()))
            .unwrap()
    };
    let strict = routes().route_layer(JwtAuthLayer::new(issuer.verifier()).refusals(words));
    let optional = routes().route_layer(JwtAuthLayer::new(issuer.verifier()).optional().refusals(words));
    let alice = || vec![("authorization", bearer(issuer.alice()))];
    for (app, path, headers, kind, code) in [
        (&strict, "/", vec![], RefusalKind::MissingToken, "missing_token"),
        (&strict, "/", vec![("authorization", bearer("a.b.c"))], RefusalKind::InvalidToken, "invalid_token"),
        (&optional, "/me", vec![], RefusalKind::MissingToken, "missing_token"),
        (&optional, "/admin", vec![], RefusalKind::MissingToken, "missing_token"),
        (&strict, "/plan", alice(), RefusalKind::InvalidToken, "invalid_token"),
        (&strict, "/admin", alice(), RefusalKind::InsufficientScope, "insufficient_scope"),
        (&strict, "/fresh", alice(), RefusalKind::StaleAuthentication, "insufficient_user_authentication"),
    ] {
        let response = app.clone().oneshot(get(path, &headers)).await.unwrap();
        assert_eq!(response.status(), StatusCode::IM_A_TEAPOT, "{path}");
        assert_eq!(refusal(&response), Some(kind), "{path}");
        assert_eq!(response.headers()["x-realm"], "true");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(text(response).await, code);
    }
    // What passes is not touched.
    let passed = strict.oneshot(get("/", &alice())).await.unwrap();
    assert_eq!((passed.status(), refusal(&passed)), (StatusCode::OK, None));
}

#[tokio::test]
async fn a_page_can_be_sent_to_its_login() {
    let issuer = Issuer::new();
    let words = |refusal: &Refusal| match refusal.kind() {
        RefusalKind::MissingToken => Redirect::to("/login").into_response(),
        _ => refusal.response(),
    };
    let app = routes().route_layer(JwtAuthLayer::new(issuer.verifier()).refusals(words));
    let nobody = app.clone().oneshot(get("/", &[])).await.unwrap();
    assert_eq!(nobody.status(), StatusCode::SEE_OTHER);
    assert_eq!(nobody.headers()["location"], "/login");
    assert_eq!(nobody.headers()["cache-control"], "no-store");
    let bad = app.oneshot(get("/", &[("authorization", bearer("a.b.c"))])).await.unwrap();
    assert_eq!(bad.status(), StatusCode::UNAUTHORIZED);
    assert!(text(bad).await.contains("invalid_token"));
}

#[tokio::test]
async fn the_innermost_layer_has_the_last_word() {
    let issuer = Issuer::new();
    let inner = JwtAuthLayer::new(issuer.verifier()).refusals(|_| Response::new(Body::from("inner")));
    let outer = JwtAuthLayer::new(issuer.verifier()).optional().refusals(|_| Response::new(Body::from("outer")));
    let app = routes().route_layer(inner).route_layer(outer);
    assert_eq!(text(app.clone().oneshot(get("/", &[])).await.unwrap()).await, "inner");
    let bad = get("/", &[("authorization", bearer("a.b.c"))]);
    assert_eq!(text(app.oneshot(bad).await.unwrap()).await, "outer");
}
