//! Which bytes of a request log whom in: tables of rows, each with the bytes, the verdict, and the section that
//! decides.
//!
//! The tables are in `http_extraction/`: `authorization.rs`, `cookies.rs`, `cookies_several.rs` and `requests.rs` for
//! access tokens, `refresh_cookies.rs`, `refresh_bodies.rs` and `refresh_messages.rs` for refresh tokens. Their
//! expectations come from the RFCs and from the crate's design. Every row goes over a TCP socket to a server of hyper,
//! and, where its bytes make a request at all, straight into the application. What the layer says is asked three times:
//! of a strict layer, of an optional one, and of one that prefers cookies.
//!
//! `pieces.rs` compares the layer with the grammars, for thousands of headers that no row has.
//!
//! RFC 6265bis is draft-ietf-httpbis-rfc6265bis-22.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside the test functions fail their test"
)]

#[path = "http_extraction/authorization.rs"]
mod authorization;
#[path = "http_extraction/cookies.rs"]
mod cookies;
#[path = "http_extraction/cookies_several.rs"]
mod cookies_several;
#[path = "common/auth.rs"]
mod issuer;
#[path = "http_extraction/layer.rs"]
mod layer;
#[path = "http_extraction/pieces.rs"]
mod pieces;
#[path = "http_extraction/refresh_bodies.rs"]
mod refresh_bodies;
#[path = "http_extraction/refresh_cookies.rs"]
mod refresh_cookies;
#[path = "http_extraction/refresh_messages.rs"]
mod refresh_messages;
#[path = "http_extraction/requests.rs"]
mod requests;
#[path = "http_extraction/router.rs"]
mod router;
#[path = "http_extraction/row.rs"]
mod row;
#[path = "http_extraction/send.rs"]
mod send;
#[path = "common/world.rs"]
mod world;

#[tokio::test]
async fn authorization_is_read_by_the_book() {
    layer::judge(authorization::ROWS, authorization::NO_REQUEST).await;
}

#[tokio::test]
async fn cookies_are_read_by_the_book() {
    layer::judge(cookies::ROWS, cookies::NO_REQUEST).await;
}

#[tokio::test]
async fn of_several_cookies_the_valid_ones_count_or_contradict_each_other() {
    layer::judge(cookies_several::ROWS, cookies_several::NO_REQUEST).await;
}

#[tokio::test]
async fn tokens_in_two_places_and_in_wrong_places() {
    layer::judge(requests::ROWS, requests::NO_REQUEST).await;
}

#[tokio::test]
async fn refresh_cookies_are_read_by_the_book() {
    router::judge(refresh_cookies::ROWS, refresh_cookies::NO_REQUEST).await;
}

#[tokio::test]
async fn refresh_bodies_are_read_by_the_book() {
    router::judge(refresh_bodies::ROWS, refresh_bodies::NO_REQUEST).await;
}

#[tokio::test]
async fn bodies_that_are_large_mislabelled_or_beside_a_cookie() {
    router::judge(refresh_messages::ROWS, refresh_messages::NO_REQUEST).await;
}
