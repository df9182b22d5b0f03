//! A refresh token answers in the channel it came by, and is lost to nothing but what the rotation table names.

use std::collections::HashSet;
use std::time::Duration;

use jwt_sessions::router::RouterRefusalKind;
use jwt_sessions::session::Rotation;
use serde_json::json;

use self::common::store::Mood;
use self::common::{ACCESS, Answer, Ask, Held, REFRESH, World, generation, payload, post};

#[path = "common/world.rs"]
mod common;

fn refreshed(answer: &Answer) -> Held {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.held()
}

/// A request with these refresh cookies.
fn tossed(path: &str, tokens: &[&str]) -> Ask {
    let line: Vec<_> = tokens.iter().map(|token| format!("{REFRESH}={token}")).collect();
    post(path).header("cookie", line.join("; "))
}

#[tokio::test]
async fn a_cookie_is_answered_in_cookies_and_a_body_in_the_body() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    let before = jar.clone();
    let answer = world.send(post("/auth/refresh").jar(&jar)).await;
    assert_eq!(answer.cookies().len(), 2);
    assert!(answer.json().get("access_token").is_none() && answer.json().get("refresh_token").is_none());
    jar.keep(&answer);
    assert_eq!(generation(jar.get(REFRESH)), generation(before.get(REFRESH)) + 1);
    assert!(world.takes(jar.get(ACCESS)).await);

    let mut held = world.login_by_body("alice").await;
    for step in 0..4 {
        world.wait(91);
        let token = held.refresh.as_str();
        let asking = match step {
            0 => post("/auth/refresh").token(token),
            1 => post("/auth/refresh").json(json!({"refreshToken": token})),
            2 => post("/auth/refresh").form(format!("refresh_token={token}")),
            _ => post("/auth/refresh").form(format!("refreshToken={token}&x=y")),
        };
        let answer = world.send(asking).await;
        assert!(answer.cookies().is_empty());
        let next = refreshed(&answer);
        assert_eq!(generation(&next.refresh), generation(token) + 1, "step {step}");
        held = next;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_parallel_refreshes_are_one_rotation() {
    let world = World::new();
    let held = world.login_by_body("alice").await;
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let (app, request) = (world.app.clone(), post("/auth/refresh").token(&held.refresh).request());
            tokio::spawn(async move { Answer::of(tower::ServiceExt::oneshot(app, request).await.unwrap()).await })
        })
        .collect();
    let (mut refresh, mut access) = (HashSet::new(), HashSet::new());
    for request in requests {
        let held = refreshed(&request.await.unwrap());
        refresh.insert(held.refresh);
        access.insert(held.access);
    }
    assert_eq!((refresh.len(), access.len()), (1, 20));
    let next = refresh.into_iter().next().unwrap();
    assert_eq!(generation(&next), 2);
    assert_eq!(payload(&next)["sid"], payload(&held.refresh)["sid"]);
}

#[tokio::test]
async fn two_rotations_never_happen_within_three_windows() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    jar.keep(&world.send(post("/auth/refresh").jar(&jar)).await);
    world.wait(90);
    let answer = world.send(post("/auth/refresh").jar(&jar)).await;
    assert_eq!(answer.status, 200);
    let [cookie] = answer.cookies()[..] else { panic!("the refresh cookie stays unset: {:?}", answer.cookies()) };
    assert!(cookie.starts_with(ACCESS));
    let before = jar.clone();
    jar.keep(&answer);
    assert_eq!(jar.get(REFRESH), before.get(REFRESH));
    assert_ne!(jar.get(ACCESS), before.get(ACCESS));

    // A body repeats the token that stays.
    let mut held = world.login_by_body("alice").await;
    held = refreshed(&world.send(post("/auth/refresh").token(&held.refresh)).await);
    let again = refreshed(&world.send(post("/auth/refresh").token(&held.refresh)).await);
    assert_eq!(again.refresh, held.refresh);

    world.wait(1);
    assert_eq!(world.send(post("/auth/refresh").jar(&jar)).await.cookies().len(), 2);
}

#[tokio::test]
async fn a_predecessor_gets_its_successor_again_then_an_access_token_alone() {
    let world = World::new();
    let jar = world.login("alice").await;
    let mut newer = jar.clone();
    newer.keep(&world.send(post("/auth/refresh").jar(&jar)).await);
    world.wait(30);
    let mut replayed = jar.clone();
    replayed.keep(&world.send(post("/auth/refresh").jar(&jar)).await);
    assert_eq!(replayed.get(REFRESH), newer.get(REFRESH), "byte for byte");
    world.wait(60);
    let answer = world.send(post("/auth/refresh").jar(&jar)).await;
    assert_eq!((answer.status.as_u16(), answer.cookies().len()), (200, 1));
}

#[tokio::test]
async fn a_rotation_that_meets_a_fresh_one_is_told_when_to_come_again() {
    let world = World::new();
    let jar = world.login("alice").await;
    let mut newer = jar.clone();
    newer.keep(&world.send(post("/auth/refresh").jar(&jar)).await);
    world.wait(20);
    let answer = world.send(post("/auth/rotate").jar(&jar)).await;
    assert_eq!(answer.said(), (409, "try_again".into()));
    assert_eq!(answer.header("retry-after"), Some("70"));
    assert!(answer.cookies().is_empty());
    assert!(world.lives("alice", jar.session()).await);
    assert_eq!(world.send(post("/auth/rotate").jar(&newer)).await.status, 200);
}

#[tokio::test]
async fn a_rotation_replaces_both_and_cuts_off_everything_earlier() {
    let world = World::new();
    let jar = world.login("alice").await;
    let mut newer = jar.clone();
    let answer = world.send(post("/auth/rotate").jar(&jar)).await;
    assert_eq!(answer.cookies().len(), 2);
    newer.keep(&answer);
    assert!(!world.takes(jar.get(ACCESS)).await);
    assert!(world.takes(newer.get(ACCESS)).await);
    // Superseded: refused, but the session goes on, and no cookie is taken from a browser that may have the newer one.
    let answer = world.send(post("/auth/refresh").jar(&jar)).await;
    assert_eq!((answer.said(), answer.cookies().len()), ((401, "session_ended".into()), 0));
    assert!(world.lives("alice", jar.session()).await);

    let held = world.login_by_body("alice").await;
    let next = refreshed(&world.send(post("/auth/rotate").token(&held.refresh)).await);
    assert_eq!(generation(&next.refresh), 2);
}

#[tokio::test]
async fn a_reused_token_ends_the_session_and_takes_the_cookies() {
    let world = World::built(|builder| builder.rotation(Rotation::balanced().window(Duration::from_secs(1))));
    let stolen = world.login("alice").await;
    let mut jar = stolen.clone();
    for _ in 0..2 {
        jar.keep(&world.send(post("/auth/refresh").jar(&jar)).await);
        world.wait(4);
    }
    let answer = world.send(post("/auth/refresh").jar(&stolen)).await;
    assert_eq!(answer.said(), (401, "session_ended".into()));
    assert!(answer.clears(), "{:?}", answer.cookies());
    for cookie in answer.cookies() {
        assert!(cookie.contains("; Secure") && cookie.contains("; Path=/") && cookie.contains("HttpOnly"), "{cookie}");
    }
    assert!(!world.takes(jar.get(ACCESS)).await);
    let answer = world.send(post("/auth/refresh").jar(&jar)).await;
    assert!(answer.clears() && answer.error() == "session_ended");
    // In the body there is no cookie to take.
    let answer = world.send(post("/auth/refresh").token(jar.get(REFRESH))).await;
    assert_eq!((answer.said(), answer.cookies().len()), ((401, "session_ended".into()), 0));
}

#[tokio::test]
async fn a_store_that_lost_writes_takes_no_cookies() {
    let world = World::new();
    let jar = world.login("alice").await;
    let mut ahead = jar.clone();
    for _ in 0..3 {
        ahead.keep(&world.send(post("/auth/refresh").jar(&ahead)).await);
        world.wait(91);
    }
    world.store.restore().await;
    let answer = world.send(post("/auth/refresh").jar(&ahead)).await;
    assert_eq!((answer.said(), answer.cookies().len()), ((401, "session_ended".into()), 0));
    assert!(world.lives("alice", jar.session()).await);
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_refused_without_the_store() {
    let world = World::new();
    let elsewhere = World::built(|builder| builder.issuer("https://elsewhere.example"));
    let jar = world.login("alice").await;
    let foreign = elsewhere.login("alice").await;
    world.store.is(Mood::Failing);
    let long = "a".repeat(9000);
    for token in [jar.get(ACCESS), foreign.get(REFRESH), "", "a.b.c", "null", &long] {
        let answer = world.send(tossed("/auth/refresh", &[token])).await;
        assert_eq!(answer.said(), (401, "invalid_token".into()), "{token}");
        assert!(answer.cookies().is_empty());
        assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
        assert_eq!(world.send(post("/auth/rotate").token(token)).await.status, 401);
    }
    // Over the absolute end and the minute for clocks that differ.
    world.wait(90 * 24 * 3600 + 61);
    let answer = world.send(post("/auth/refresh").jar(&jar)).await;
    assert_eq!((answer.said(), answer.cookies().len()), ((401, "invalid_token".into()), 0));
}

#[tokio::test]
async fn the_account_is_asked_again_each_time() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    world.people(|people| people.scope = Some("admin"));
    jar.keep(&world.send(post("/auth/refresh").jar(&jar)).await);
    assert_eq!(payload(jar.get(ACCESS))["scope"], "admin");
    world.people(|people| people.scope = None);
    jar.keep(&world.send(post("/auth/refresh").jar(&jar)).await);
    assert!(payload(jar.get(ACCESS)).get("scope").is_none());

    world.people(|people| people.broken = true);
    let answer = world.send(post("/auth/refresh").jar(&jar)).await;
    assert_eq!((answer.said(), answer.cookies().len()), ((503, "temporarily_unavailable".into()), 0));
    world.people(|people| (people.broken, people.disabled) = (false, true));
    let answer = world.send(post("/auth/refresh").jar(&jar)).await;
    assert_eq!(answer.said(), (401, "session_ended".into()));
    assert!(answer.clears());
    world.people(|people| people.disabled = false);
    assert_eq!(world.send(post("/auth/refresh").jar(&jar)).await.said(), (401, "session_ended".into()));
}

#[tokio::test]
async fn a_store_that_fails_loses_nothing() {
    let world = World::new();
    let jar = world.login("alice").await;
    world.store.is(Mood::Failing);
    for path in ["/auth/refresh", "/auth/rotate", "/auth/logout", "/auth/logout-all"] {
        let answer = world.send(post(path).jar(&jar)).await;
        assert_eq!(answer.said(), (503, "temporarily_unavailable".into()), "{path}");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(answer.cookies().is_empty());
        assert_eq!(answer.kind(), Some(RouterRefusalKind::Unavailable));
    }
    assert!(world.takes(jar.get(ACCESS)).await, "access tokens need no store");
    world.store.is(Mood::Well);
    assert_eq!(world.send(post("/auth/refresh").jar(&jar)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_given_up_in_the_time_set() {
    let world = World::built(|builder| builder.store_timeout(Duration::from_secs(3)));
    let jar = world.login("alice").await;
    world.store.is(Mood::Hanging);
    let began = tokio::time::Instant::now();
    let answer = world.send(post("/auth/refresh").jar(&jar)).await;
    assert_eq!((answer.status.as_u16(), answer.cookies().len()), (503, 0));
    let took = began.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_millis(3100)).contains(&took), "{took:?}");
    world.store.is(Mood::Well);
    assert_eq!(world.send(post("/auth/refresh").jar(&jar)).await.status, 200);
}

#[tokio::test]
async fn a_refresh_whose_cookie_is_too_large_keeps_the_token_good() {
    let world = World::new();
    let jar = world.login("alice").await;
    world.people(|people| people.padding = 3000);
    let answer = world.send(post("/auth/refresh").jar(&jar)).await;
    assert_eq!((answer.said(), answer.cookies().len()), ((500, "server_error".into()), 0));
    world.people(|people| people.padding = 0);
    assert_eq!(world.send(post("/auth/refresh").jar(&jar)).await.status, 200);
}
