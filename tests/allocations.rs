//! What a request costs in allocations, which no other load on the machine changes. Times are for `benches`.
#![allow(clippy::unwrap_used, reason = "helpers outside the test functions fail their test")]

use std::alloc::System;

use axum::Router;
use axum::body::Body;
use axum::routing::get as on_get;
use http::{Request, StatusCode};
use jwt_sessions::auth::JwtAuthLayer;
use jwt_sessions::site::Site;
use jwt_sessions::token::{ACCESS_TYPE, Algorithm, KeySet, Signer, SigningKey};
use jwt_sessions::{Authenticated, Verifier};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
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

fn verifier(key: &SigningKey) -> Verifier {
    let verifier = Verifier::builder(KeySet::new(key.clone())).issuer("id").audience("api");
    verifier.site(Site::new("https://app.example").unwrap()).build().unwrap()
}

fn token(key: &SigningKey, number: usize) -> String {
    let claims = format!(
        r#"{{"iss":"id","aud":"api","sub":"user {number}","exp":4102444800,"scope":"read write","plan":"gold"}}"#
    );
    Signer::new(key.clone(), ACCESS_TYPE).sign(&claims).unwrap()
}

fn by_header(token: &str) -> Request<Body> {
    Request::get("/").header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
}

fn by_cookie(token: &str) -> Request<Body> {
    Request::get("/").header("cookie", format!("{COOKIE}={token}; theme=dark")).body(Body::empty()).unwrap()
}

/// How many allocations the application makes for one of these requests, after one that is not counted.
async fn cost(app: &mut Router, request: impl Fn(usize) -> Request<Body>) -> usize {
    let requests: Vec<_> = (0..REQUESTS).map(&request).collect();
    let mut answered =
        async |request: Request<Body>| assert_eq!(app.call(request).await.unwrap().status(), StatusCode::OK);
    answered(request(REQUESTS)).await;
    let region = Region::new(ALLOCATOR);
    for request in requests {
        answered(request).await;
    }
    region.change().allocations.div_ceil(REQUESTS)
}

const REQUESTS: usize = 100;

// One test alone: the allocator counts for the whole process.
#[tokio::test]
async fn a_known_token_costs_six_allocations_whatever_its_algorithm() {
    #[derive(serde::Deserialize)]
    struct Own {
        plan: String,
    }
    let bare = || Router::new().route("/", on_get(async || "hello"));
    let nothing = cost(&mut bare(), |_| by_header("a.b.c")).await;
    for key in keys() {
        let (name, known) = (key.algorithm(), token(&key, 0));
        let protected = || bare().route_layer(JwtAuthLayer::new(verifier(&key)));
        for request in [by_header, by_cookie] {
            let cost = cost(&mut protected(), |_| request(&known)).await - nothing;
            assert!(cost <= 6, "{name}: {cost}");
        }
        // The first time: payload, signature, names, audience, three claims, the token, what is shared, and the cache's room.
        let first: Vec<_> = (0..=REQUESTS).map(|number| token(&key, number)).collect();
        let cost_of_new = cost(&mut protected(), |number| by_header(&first[number])).await - nothing;
        assert!(cost_of_new <= 18, "{name}: {cost_of_new}");
        // Claims are shared, too: a handler that asks for them pays for its own extraction.
        let handler = on_get(async |user: Authenticated<Own>| if user.plan.is_empty() { "" } else { "hello" });
        let mut asking = Router::new().route("/", handler).route_layer(JwtAuthLayer::new(verifier(&key)));
        let cost_of_claims = cost(&mut asking, |_| by_header(&known)).await - nothing;
        assert!(cost_of_claims <= 8, "{name}: {cost_of_claims}");
    }
}
