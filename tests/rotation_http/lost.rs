use jwt_sessions::session::{Outcome, Reuse};

use super::common::{ACCESS, REFRESH, World, generation};
use super::{HOUR, W, is_over, refresh, renew};

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
