//! What the usual code for cookies and headers lets through, and what happens here: a test a trap.
//!
//! - Cookie jars percent-decode names: `__%48ost-` then counts as a prefix that browsers did not check.
//! - `HeaderValue::to_str` refuses a line with one byte above ASCII, and with it every cookie beside.
//! - `str::trim` and `split_whitespace` remove Unicode spaces: a cookie that any subdomain may set then has our name.
//! - Quotes that are stripped let the inside of another cookie's value pass for ours.
//! - Of two cookies of one name, and of two `Authorization` lines, the first or the last wins silently.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, its helpers too")]

use axum::body::Body;
use axum::{Router, routing::get};
use http::Request;
use jwt_sessions::auth::RefusalKind::{self, InvalidRequest, InvalidToken, MissingToken};
use jwt_sessions::{Authenticated, JwtAuthLayer};
use serde_json::json;
use tower::ServiceExt;

#[path = "common/auth.rs"]
mod common;
use common::{COOKIE, Issuer, refusal, session, text};

/// Who is logged in by these headers.
async fn who(issuer: &Issuer, headers: &[(&str, Vec<u8>)]) -> Result<String, RefusalKind> {
    let app = Router::new()
        .route("/", get(async |user: Authenticated| user.registered().generation.unwrap().to_string()))
        .route_layer(JwtAuthLayer::new(issuer.verifier()));
    let request = headers.iter().fold(Request::get("/"), |request, (name, value)| request.header(*name, &**value));
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    match refusal(&response) {
        Some(kind) => Err(kind),
        None => Ok(text(response).await),
    }
}

async fn by_cookies(issuer: &Issuer, line: &[u8]) -> Result<String, RefusalKind> {
    who(issuer, &[("cookie", line.to_vec())]).await
}

#[tokio::test]
async fn a_cookies_name_is_matched_byte_for_byte() {
    let issuer = Issuer::new();
    let token = issuer.alice();
    for name in ["__%48ost-Http-access", "%5F_Host-Http-access", "__host-http-access", "__HOST-HTTP-ACCESS"] {
        let line = format!("{name}={token}");
        assert_eq!(by_cookies(&issuer, line.as_bytes()).await, Err(MissingToken), "{name}");
    }
    let line = format!("{COOKIE}={token}");
    assert_eq!(by_cookies(&issuer, line.as_bytes()).await, Ok("1".to_owned()));
}

#[tokio::test]
async fn a_byte_above_ascii_in_another_cookie_locks_nobody_out() {
    let issuer = Issuer::new();
    let ours = format!("{COOKIE}={}", issuer.alice());
    for other in [&b"name=Jos\xe9"[..], b"name=\xff\xfe", b"\xc3\xa9=1", "name=\u{1f511}".as_bytes()] {
        for line in [[other, b"; ", ours.as_bytes()].concat(), [ours.as_bytes(), b"; ", other].concat()] {
            assert_eq!(by_cookies(&issuer, &line).await, Ok("1".to_owned()), "{other:?}");
        }
    }
}

#[tokio::test]
async fn only_blanks_and_tabs_are_trimmed() {
    let issuer = Issuer::new();
    let token = issuer.alice();
    for space in ["\u{a0}", "\u{85}", "\u{2003}", "\u{3000}", "\u{feff}"] {
        for line in [format!("{space}{COOKIE}={token}"), format!("a=b;{space}{COOKIE}={token}")] {
            assert_eq!(by_cookies(&issuer, line.as_bytes()).await, Err(MissingToken), "{space:?}");
        }
        let bearer = format!("Bearer{space}{token}").into_bytes();
        assert!(who(&issuer, &[("authorization", bearer)]).await.is_err(), "{space:?}");
    }
    let line = format!("a=b;\t {COOKIE}={token} \t");
    assert_eq!(by_cookies(&issuer, line.as_bytes()).await, Ok("1".to_owned()));
}

#[tokio::test]
async fn quotes_are_never_stripped() {
    let issuer = Issuer::new();
    let token = issuer.alice();
    for line in [format!("a=\"x; {COOKIE}={token}\""), format!("{COOKIE}=\"{token}\"")] {
        assert_eq!(by_cookies(&issuer, line.as_bytes()).await, Err(InvalidToken), "{line}");
    }
}

#[tokio::test]
async fn of_two_cookies_neither_the_first_nor_the_last_wins_silently() {
    let issuer = Issuer::new();
    let [old, new] = [1, 2].map(|generation| issuer.token(json!({ "gen": generation })));
    let other = issuer.token(json!({"sid": session(2).to_string()}));
    for (one, two, expected) in [
        (&old, &new, Ok("2".to_owned())),
        (&new, &old, Ok("2".to_owned())),
        (&old, &other, Err(InvalidRequest)),
        (&other, &old, Err(InvalidRequest)),
    ] {
        let line = format!("{COOKIE}={one}; {COOKIE}={two}");
        assert_eq!(by_cookies(&issuer, line.as_bytes()).await, expected);
        let lines = [one, two].map(|token| ("cookie", format!("{COOKIE}={token}").into_bytes()));
        assert_eq!(who(&issuer, &lines).await, expected, "on two lines");
    }
}

#[tokio::test]
async fn of_two_authorization_lines_neither_wins() {
    let issuer = Issuer::new();
    let [good, bad] = [issuer.alice(), "x".to_owned()].map(|token| format!("Bearer {token}").into_bytes());
    for (one, two) in [(&good, &good), (&good, &bad), (&bad, &good)] {
        let lines = [("authorization", one.clone()), ("authorization", two.clone())];
        assert_eq!(who(&issuer, &lines).await, Err(InvalidRequest));
    }
}
