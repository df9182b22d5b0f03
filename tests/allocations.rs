//! What a request costs in allocations, which no other load on the machine changes. Times are for `benches`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers outside the test functions fail their test")]

use std::alloc::System;

use axum::Router;
use axum::body::Body;
use axum::routing::get as on_get;
use http::{Request, StatusCode};
use jwt_sessions::auth::JwtAuthLayer;
use jwt_sessions::clock::Clock;
use jwt_sessions::store::MemoryStore;
use jwt_sessions::token::{ACCESS_TYPE, Algorithm, KeySet, SessionId, Signer, SigningKey};
use jwt_sessions::{Authenticated, Client, Grant, Keys, Sessions, SessionsBuilder, Site, accounts_elsewhere};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::sync::Mutex;
use tower::Service;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const COOKIE: &str = "__Host-Http-access";

fn keys() -> [SigningKey; 4] {
    let pem = |algorithm, pem| SigningKey::pem(algorithm, pem).unwrap();
    [
        SigningKey::secret(Algorithm::HS256, "0123456789abcdefghijklmnopqrstuv").unwrap(),
        pem(Algorithm::ES256, include_str!("keys/p256.pem")),
        pem(Algorithm::EdDSA, include_str!("keys/ed25519.pem")),
        pem(Algorithm::RS256, include_str!("keys/rsa.pem")),
    ]
}

/// Sessions whose verifier asks what has ended, and tells what it sees.
fn sessions(key: &SigningKey) -> SessionsBuilder<MemoryStore> {
    async fn grant(_: String) -> Result<Option<Grant<()>>, std::io::Error> {
        Ok(None)
    }
    let refresh = SigningKey::secret(Algorithm::HS256, "vutsrqponmlkjihgfedcba9876543210").unwrap();
    let keys = Keys::new(KeySet::new(key.clone()), KeySet::new(refresh)).unwrap();
    let store = MemoryStore::new(Clock::system());
    let site = Site::new("https://app.example").unwrap();
    Sessions::builder(keys, store, accounts_elsewhere(grant)).site(site).issuer("id").audience("api")
}

fn token(key: &SigningKey, number: usize) -> String {
    let session = SessionId::from_bytes((number as u128 + 1).to_be_bytes());
    let claims = format!(
        r#"{{"iss":"id","aud":"api","sub":"user {number}","exp":4102444800,"iat":1700000000,"scope":"read write","sid":"{session}","gen":1,"plan":"gold"}}"#
    );
    Signer::new(key.clone(), ACCESS_TYPE).sign(&claims).unwrap()
}

fn by_header(token: &str) -> Request<Body> {
    Request::get("/").header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
}

fn by_cookie(token: &str) -> Request<Body> {
    Request::get("/").header("cookie", format!("{COOKIE}={token}; theme=dark")).body(Body::empty()).unwrap()
}

/// How many allocations the application makes for one of these requests, after two that are not counted: for three of four of
/// them, as the harness of the tests allocates now and then, when it prints a line.
async fn cost(app: &mut Router, request: impl Fn(usize) -> Request<Body>) -> usize {
    let requests: Vec<_> = (0..REQUESTS).map(&request).collect();
    let mut answered =
        async |request: Request<Body>| assert_eq!(app.call(request).await.unwrap().status(), StatusCode::OK);
    for _ in 0..2 {
        answered(request(REQUESTS)).await;
    }
    let mut counts = Vec::with_capacity(REQUESTS);
    for request in requests {
        let region = Region::new(ALLOCATOR);
        answered(request).await;
        counts.push(region.change().allocations);
    }
    counts.sort_unstable();
    counts[3 * REQUESTS / 4]
}

const REQUESTS: usize = 100;

/// The allocator counts for the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

#[tokio::test]
async fn what_is_kept_of_tokens_takes_no_more_than_its_room() {
    let _alone = ALONE.lock().await;
    let [key, ..] = keys();
    for room in [300, 1_000] {
        let sessions = sessions(&key).cached_tokens(room).build().unwrap();
        let verifier = sessions.verifier();
        let tokens: Vec<_> = (0..3 * room).map(|number| token(&key, number)).collect();
        let region = Region::new(ALLOCATOR);
        for token in tokens.iter().flat_map(|token| [token, token]) {
            drop(verifier.verify(token).unwrap());
        }
        let change = region.change();
        let bytes = change.bytes_allocated - change.bytes_deallocated;
        // Beside it, the queue of what was seen.
        let most = room * 1024 + 3 * room * 150;
        assert!(bytes > room * 512 && bytes < most, "{room}: {bytes} of {most}");
    }
}

#[tokio::test]
async fn sessions_that_keep_no_tokens_verify_each_anew() {
    let _alone = ALONE.lock().await;
    let [key, ..] = keys();
    let known = token(&key, 0);
    let cost = async |tokens| {
        let verifier = sessions(&key).cached_tokens(tokens).build().unwrap().verifier();
        let mut app = Router::new().route("/", on_get(async || "hello")).route_layer(JwtAuthLayer::new(verifier));
        cost(&mut app, |_| by_header(&known)).await
    };
    let (kept, not_kept) = (cost(1_000).await, cost(0).await);
    assert!(not_kept >= kept + 5, "{kept}, {not_kept}");
}

#[tokio::test]
async fn a_known_token_costs_four_allocations_whatever_its_algorithm() {
    let _alone = ALONE.lock().await;
    #[derive(serde::Deserialize)]
    struct Own {
        plan: String,
    }
    // As `axum::serve` has it.
    let bare = || Router::new().route("/", on_get(async || "hello")).with_state(());
    let nothing = cost(&mut bare(), |_| by_header("a.b.c")).await;
    for key in keys() {
        let (name, known) = (key.algorithm(), token(&key, 0));
        let protected = || bare().route_layer(JwtAuthLayer::new(sessions(&key).build().unwrap().verifier()));
        for request in [by_header, by_cookie] {
            let cost = cost(&mut protected(), |_| request(&known)).await - nothing;
            assert!(cost <= 4, "{name}: {cost}");
        }
        // The first time: payload, signature, names, claims, what is shared, and what is told.
        let first: Vec<_> = (0..=REQUESTS).map(|number| token(&key, number)).collect();
        let cost_of_new = cost(&mut protected(), |number| by_header(&first[number])).await - nothing;
        assert!(cost_of_new <= 12, "{name}: {cost_of_new}");
        // Claims are shared, too: a handler that asks for them pays for its own extraction.
        let handler = on_get(async |user: Authenticated<Own>| if user.plan.is_empty() { "" } else { "hello" });
        let mut asking = Router::new()
            .route("/", handler)
            .with_state(())
            .route_layer(JwtAuthLayer::new(sessions(&key).build().unwrap().verifier()));
        let cost_of_claims = cost(&mut asking, |_| by_header(&known)).await - nothing;
        assert!(cost_of_claims <= 4, "{name}: {cost_of_claims}");
    }
}

/// In bytes. Futures are moved as they are put together, and what is part of one is part of each around it.
#[tokio::test]
async fn what_waits_for_a_refresh_or_a_login_is_small_enough_to_be_moved() {
    let _alone = ALONE.lock().await;
    let sessions = sessions(&keys()[0]).build().unwrap();
    let (refresh, open) = (sessions.refresh("a token"), sessions.open("alice", Client::default()));
    assert!(size_of_val(&refresh) <= 2048, "{} bytes", size_of_val(&refresh));
    assert!(size_of_val(&open) <= 2048, "{} bytes", size_of_val(&open));
}
