use jwt_sessions::session::{Outcome, Reuse};

use super::common::{ACCESS, REFRESH, World, generation};
use super::{HOUR, W, is_over, refresh, renew, renewed};

#[tokio::test]
async fn a_lost_answer_is_made_good_an_hour_later() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    for lost in 1..4 {
        let before = generation(jar.get(REFRESH));
        // Nobody keeps it.
        assert_eq!(refresh(&world, &jar).await.outcome, Some(Outcome::Rotated));
        world.wait(HOUR);
        let answer = renew(&world, &mut jar).await;
        assert_eq!((answer.outcome, answer.cookies().len()), (Some(Outcome::Reissued), 2), "loss {lost}");
        assert_eq!(generation(jar.get(REFRESH)), before + 2);
        assert!(world.takes(jar.get(ACCESS)).await);
        world.wait(HOUR);
    }
}

#[tokio::test]
async fn an_answer_may_be_lost_again_and_again() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    for _ in 0..10 {
        assert_eq!(refresh(&world, &jar).await.status, 200);
        world.wait(HOUR);
    }
    renew(&world, &mut jar).await;
    world.wait(3 * W + 1);
    assert_eq!(renew(&world, &mut jar).await.outcome, Some(Outcome::Rotated));
}

#[tokio::test]
async fn the_orphan_used_later_ends_the_session() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    let mut orphan = jar.clone();
    renew(&world, &mut orphan).await;
    world.wait(HOUR);
    assert_eq!(renew(&world, &mut jar).await.outcome, Some(Outcome::Reissued));
    world.wait(HOUR);
    is_over(&refresh(&world, &orphan).await, Outcome::Reused(Reuse::Orphan));
    is_over(&refresh(&world, &jar).await, Outcome::Ended);
    for jar in [&jar, &orphan] {
        assert!(!world.takes(jar.get(ACCESS)).await);
    }
}

/// What a late request was given meanwhile tells nothing of the lost answer.
#[tokio::test]
async fn an_access_token_for_the_predecessor_does_not_pass_for_the_lost_answer() {
    let world = World::new();
    let held = world.login_by_body("alice").await;
    renewed(&world, &held.refresh).await;
    world.wait(W + 1);
    let late = renewed(&world, &held.refresh).await;
    assert_eq!((generation(&late.access), &late.refresh), (generation(&held.refresh), &held.refresh));
    assert!(world.takes(&late.access).await);
    world.sessions.flush().await;
    world.wait(HOUR);
    assert!(generation(&renewed(&world, &held.refresh).await.refresh) > generation(&held.refresh) + 1, "given anew");
}

/// A successor that was held for its owner was not lost, whether or not its access token was ever used.
#[tokio::test]
async fn a_successor_that_was_presented_was_not_lost() {
    let world = World::new();
    let copied = world.login("alice").await;
    let mut jar = copied.clone();
    renew(&world, &mut jar).await;
    world.wait(1);
    assert_eq!(renew(&world, &mut jar).await.outcome, Some(Outcome::Held));
    world.sessions.flush().await;
    world.wait(HOUR);
    is_over(&refresh(&world, &copied).await, Outcome::Reused(Reuse::Recent));
}
