//! A refresh token answers in the channel it came by, and what is none is refused without the store. What becomes of one is in
//! `rotation_http.rs`.

use std::time::Duration;

use serde_json::json;

use self::common::store::Mood;
use self::common::{ACCESS, Answer, Ask, Held, REFRESH, World, generation, post};

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

#[tokio::test(start_paused = true)]
async fn the_time_set_is_for_all_that_a_refresh_asks_of_the_store() {
    let world = World::built(|builder| builder.store_timeout(Duration::from_secs(3)));
    let held = world.login_by_body("alice").await;
    // An answer that is lost: long after it, the token takes two calls.
    assert_eq!(world.send(post("/auth/refresh").token(&held.refresh)).await.status, 200);
    world.wait(3600);
    world.store.is(Mood::Slow);
    for path in ["/auth/refresh", "/auth/rotate"] {
        let began = tokio::time::Instant::now();
        let answer = world.send(post(path).token(&held.refresh)).await;
        let took = began.elapsed();
        assert!(took < Duration::from_millis(3100), "{path}: {} after {took:?}", answer.status);
    }
    world.store.is(Mood::Well);
    assert_eq!(world.send(post("/auth/refresh").token(&held.refresh)).await.status, 200);
}
