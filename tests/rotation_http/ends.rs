use std::collections::HashSet;

use jwt_sessions::session::Outcome;
use serde_json::json;

use super::common::{ACCESS, World, payload, post};
use super::{DAY, W, is_over, refresh, renew};

fn max_age(cookie: &str) -> u64 {
    cookie.split("; ").find_map(|attribute| attribute.strip_prefix("Max-Age=")).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_session_that_was_not_rotated_for_its_idle_life_ends() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    world.wait(7 * DAY - 1);
    let answer = renew(&world, &mut jar).await;
    assert_eq!(max_age(answer.cookies()[1]), 7 * DAY, "the refresh cookie lives as long");
    // A refresh that is held does not renew it.
    world.wait(3 * W);
    assert_eq!(renew(&world, &mut jar).await.outcome, Some(Outcome::Held));
    world.wait(7 * DAY - 3 * W);
    is_over(&refresh(&world, &jar).await, Outcome::Ended);
    assert!(!world.lives("alice", jar.session()).await);
}

#[tokio::test]
async fn a_session_ends_at_its_absolute_end_however_often_it_is_used() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    for _ in 0..89 {
        world.wait(DAY);
        assert_eq!(renew(&world, &mut jar).await.outcome, Some(Outcome::Rotated));
    }
    world.wait(DAY - 1);
    let answer = renew(&world, &mut jar).await;
    let left: Vec<_> = answer.cookies().iter().map(|cookie| max_age(cookie)).collect();
    assert_eq!((answer.json()["expires_in"].as_u64(), left), (Some(1), vec![1, 1]), "one second is left");
    world.wait(1);
    assert!(!world.takes(jar.get(ACCESS)).await);
    is_over(&refresh(&world, &jar).await, Outcome::Ended);
}

#[tokio::test]
async fn a_rotated_token_never_outlives_the_first_ones_absolute_end() {
    let world = World::new();
    let first = world.login_by_body("alice").await;
    let end = payload(&first.refresh)["exp"].as_i64().unwrap();
    assert_eq!(end, super::common::NOW + 90 * DAY as i64);
    let mut held = first;
    for step in 0..180 {
        world.wait(DAY / 2 - 1);
        let credentials = json!({"username": "alice", "password": "right", "refresh_token": held.refresh});
        held = match step % 3 {
            0 => world.send(post("/auth/refresh").token(&held.refresh)).await.held(),
            1 => world.send(post("/auth/rotate").token(&held.refresh)).await.held(),
            _ => world.send(post("/auth/reauthenticate").json(credentials)).await.held(),
        };
        assert_eq!(payload(&held.refresh)["exp"].as_i64(), Some(end), "step {step}");
        assert!(payload(&held.access)["exp"].as_i64().unwrap() <= end);
    }
}

#[tokio::test]
async fn access_tokens_live_up_to_a_twentieth_shorter_than_set_and_never_longer() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    let mut lives = HashSet::new();
    for _ in 0..200 {
        let answer = renew(&world, &mut jar).await;
        let claims = payload(jar.get(ACCESS));
        let life = answer.json()["expires_in"].as_u64().unwrap();
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), life);
        let cookie = answer.cookies().into_iter().find(|cookie| cookie.starts_with(ACCESS)).unwrap();
        assert_eq!(max_age(cookie), life);
        lives.insert(life);
    }
    assert!(lives.iter().all(|life| (855..=900).contains(life)), "{lives:?}");
    assert!(lives.len() > 10, "they are spread: {lives:?}");
}
