use axum::Router;
use http::StatusCode;
use jwt_sessions::router::RouterRefusalKind;
use jwt_sessions::token::{Algorithm, KeySet, SigningKey};
use jwt_sessions::{Keys, SessionRoutes};
use tower::ServiceExt;
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::GlobalKeyExtractor;

use super::common::store::Mood;
use super::common::{ACCESS, Answer, Jar, REFRESH, World, post};
use super::{W, renew};

/// What was refused sets no cookie at all, and the jar is as good as before.
async fn costs_nothing(world: &World, jar: &mut Jar, answer: &Answer, status: u16) {
    assert_eq!((answer.status.as_u16(), answer.cookies().len()), (status, 0), "{}", answer.text);
    assert!(world.takes(jar.get(ACCESS)).await, "access tokens need neither store nor accounts");
    renew(world, jar).await;
}

#[tokio::test]
async fn a_store_that_fails_costs_nothing() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    for path in ["/auth/refresh", "/auth/rotate", "/auth/logout", "/auth/logout-all"] {
        world.store.is(Mood::Failing);
        let answer = world.send(post(path).jar(&jar)).await;
        world.store.is(Mood::Well);
        assert_eq!(answer.said(), (503, "temporarily_unavailable".into()), "{path}");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.kind(), Some(RouterRefusalKind::Unavailable));
        costs_nothing(&world, &mut jar, &answer, 503).await;
    }
}

#[tokio::test]
async fn accounts_that_fail_cost_nothing() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    for path in ["/auth/refresh", "/auth/rotate"] {
        world.people(|people| people.broken = true);
        let answer = world.send(post(path).jar(&jar)).await;
        world.people(|people| people.broken = false);
        costs_nothing(&world, &mut jar, &answer, 503).await;
    }
}

#[tokio::test]
async fn a_refresh_whose_cookie_is_too_large_costs_nothing() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    world.people(|people| people.padding = 3000);
    let answer = world.send(post("/auth/refresh").jar(&jar)).await;
    world.people(|people| people.padding = 0);
    costs_nothing(&world, &mut jar, &answer, 500).await;
}

/// Nothing may be replaced, let alone cut off, by what cannot be given.
#[tokio::test]
async fn what_does_not_fit_into_a_cookie_is_known_before_anything_is_written() {
    let world = World::built(|builder| builder.rotation(jwt_sessions::Rotation::strict()));
    let mut jar = world.login("alice").await;
    let credentials = serde_json::json!({"username": "alice", "password": "right"});
    for asking in [post("/auth/refresh"), post("/auth/rotate"), post("/auth/reauthenticate").json(credentials)] {
        world.people(|people| people.padding = 3000);
        let answer = world.send(asking.jar(&jar)).await;
        assert_eq!((answer.said(), answer.outcome), ((500, "server_error".into()), None));
        world.people(|people| people.padding = 0);
        world.wait(3 * W + 1);
        costs_nothing(&world, &mut jar, &answer, 500).await;
        world.wait(3 * W + 1);
    }
    // A body has room for it.
    world.people(|people| people.padding = 3000);
    assert_eq!(world.send(post("/auth/rotate").token(jar.get(REFRESH))).await.status, 200);
}

/// What else a token has counts, too: a long name of its key, say, or a long signature.
#[tokio::test]
async fn what_does_not_fit_beside_a_long_name_of_the_key_is_known_before_anything_is_written() {
    let key = |secret: &str| SigningKey::secret(Algorithm::HS256, secret).unwrap();
    let access = key("an-access-secret-of-at-least-32-bytes").kid("k".repeat(1200));
    let keys = Keys::new(KeySet::new(access), KeySet::new(key("one-more-refresh-secret-of-32-bytes")));
    let world = World::new().with_keys(keys.unwrap());
    let mut jar = world.login("alice").await;
    world.people(|people| people.padding = 1650);
    let answer = world.send(post("/auth/rotate").jar(&jar)).await;
    assert_eq!((answer.said(), answer.outcome), ((500, "server_error".into()), None));
    world.people(|people| people.padding = 0);
    world.wait(3 * W + 1);
    costs_nothing(&world, &mut jar, &answer, 500).await;
}

#[tokio::test]
async fn a_rotation_that_has_to_come_again_costs_nothing() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    let mut other_tab = jar.clone();
    renew(&world, &mut other_tab).await;
    world.wait(W);
    let answer = world.send(post("/auth/rotate").jar(&jar)).await;
    costs_nothing(&world, &mut jar, &answer, 409).await;
}

#[tokio::test]
async fn a_rate_limit_in_front_costs_nothing() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    // One request, and then none for an hour of real time.
    let once = GovernorConfigBuilder::default()
        .period(std::time::Duration::from_secs(3600))
        .burst_size(1)
        .key_extractor(GlobalKeyExtractor)
        .finish()
        .unwrap();
    let limited: Router =
        SessionRoutes::new(world.sessions.clone()).router().layer(GovernorLayer::new(std::sync::Arc::new(once)));
    let ask =
        async |jar: &Jar| Answer::of(limited.clone().oneshot(post("/refresh").jar(jar).request()).await.unwrap()).await;
    let answer = ask(&jar).await;
    assert_eq!(answer.status, StatusCode::OK);
    jar.keep(&answer);
    let answer = ask(&jar).await;
    costs_nothing(&world, &mut jar, &answer, 429).await;
}

#[tokio::test]
async fn a_request_of_another_site_costs_nothing() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    for path in ["/auth/refresh", "/auth/rotate"] {
        let answer = world.send(post(path).jar(&jar).header("sec-fetch-site", "cross-site")).await;
        costs_nothing(&world, &mut jar, &answer, 403).await;
    }
}

#[tokio::test]
async fn a_request_that_makes_no_sense_costs_nothing() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    for (status, asking) in [
        (400, post("/auth/refresh").jar(&jar).json(serde_json::json!([]))),
        (413, post("/auth/refresh").jar(&jar).form("x".repeat(20_000))),
        (415, post("/auth/refresh").jar(&jar).header("content-type", "text/plain").raw("x")),
        (401, post("/auth/refresh").jar(&jar).token("a.b.c")),
    ] {
        let answer = world.send(asking).await;
        costs_nothing(&world, &mut jar, &answer, status).await;
    }
}
