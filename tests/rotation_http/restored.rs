use jwt_sessions::session::Outcome;

use super::common::{ACCESS, REFRESH, World, generation, post};
use super::{HOUR, refresh, renew};

#[tokio::test]
async fn a_store_that_lost_its_last_write_costs_nothing() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    renew(&world, &mut jar).await;
    world.store.restore().await;
    let token = jar.get(REFRESH).to_owned();
    let answer = renew(&world, &mut jar).await;
    assert_eq!((answer.outcome, answer.cookies().len()), (Some(Outcome::FastForwarded), 1));
    assert_eq!(jar.get(REFRESH), token);
    world.wait(HOUR);
    assert_eq!(renew(&world, &mut jar).await.outcome, Some(Outcome::Rotated));
    assert_eq!(generation(jar.get(REFRESH)), 3);
    assert!(world.takes(jar.get(ACCESS)).await);
}

#[tokio::test]
async fn a_rotation_after_a_lost_write_replaces_both() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    renew(&world, &mut jar).await;
    let before = jar.clone();
    world.store.restore().await;
    let answer = world.send(post("/auth/rotate").jar(&jar)).await;
    assert_eq!((answer.outcome, answer.cookies().len()), (Some(Outcome::FastForwarded), 2));
    jar.keep(&answer);
    assert!(!world.takes(before.get(ACCESS)).await && world.takes(jar.get(ACCESS)).await);
    assert_eq!(refresh(&world, &before).await.outcome, Some(Outcome::Superseded));
}

#[tokio::test]
async fn a_store_restored_from_an_older_copy_takes_no_cookies_and_ends_nothing() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    for _ in 0..3 {
        renew(&world, &mut jar).await;
        world.wait(HOUR);
    }
    let newer = world.store.restore().await;
    for path in ["/auth/refresh", "/auth/rotate"] {
        let answer = world.send(post(path).jar(&jar)).await;
        assert_eq!((answer.said(), answer.cookies().len()), ((401, "session_ended".into()), 0), "{path}");
        assert_eq!(answer.outcome, Some(Outcome::AheadOfStore));
        assert!(world.lives("alice", jar.session()).await);
    }
    // When it has caught up, the token is good.
    world.store.replace(newer);
    assert_eq!(renew(&world, &mut jar).await.outcome, Some(Outcome::Rotated));
    assert!(world.takes(jar.get(ACCESS)).await);
}
