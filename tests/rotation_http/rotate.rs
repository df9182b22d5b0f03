use jwt_sessions::session::{Outcome, Reuse};

use super::common::{ACCESS, World, generation, post};
use super::{HOUR, W, refresh, renew, renewed};

#[tokio::test]
async fn a_rotation_cuts_off_every_earlier_access_token_at_once() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    let mut earlier = vec![jar.get(ACCESS).to_owned()];
    for _ in 0..3 {
        renew(&world, &mut jar).await;
        earlier.push(jar.get(ACCESS).to_owned());
    }
    let cut = jar.clone();
    let answer = world.send(post("/auth/rotate").jar(&jar)).await;
    assert_eq!((answer.outcome, answer.cookies().len()), (Some(Outcome::Cut), 2));
    jar.keep(&answer);
    for access in &earlier {
        assert!(!world.takes(access).await);
    }
    assert!(world.takes(jar.get(ACCESS)).await);

    // Superseded: refused, but the session goes on, and no cookie is taken from a browser that may have the newer one.
    let answer = refresh(&world, &cut).await;
    assert_eq!((answer.said(), answer.cookies().len()), ((401, "session_ended".into()), 0));
    assert_eq!(answer.outcome, Some(Outcome::Superseded));
    renew(&world, &mut jar).await;
    assert!(world.takes(jar.get(ACCESS)).await);

    let held = world.login_by_body("alice").await;
    let next = world.send(post("/auth/rotate").token(&held.refresh)).await.held();
    assert_eq!(generation(&next.refresh), generation(&held.refresh) + 1);
    assert!(!world.takes(&held.access).await && world.takes(&next.access).await);
}

#[tokio::test]
async fn a_rotation_that_meets_a_fresh_one_is_told_when_to_come_again() {
    let world = World::new();
    let jar = world.login("alice").await;
    let mut newer = jar.clone();
    renew(&world, &mut newer).await;
    world.wait(20);
    let answer = world.send(post("/auth/rotate").jar(&jar)).await;
    assert_eq!(answer.said(), (409, "try_again".into()));
    assert_eq!(answer.header("retry-after"), Some("70"));
    assert!(answer.cookies().is_empty());
    assert!(world.lives("alice", jar.session()).await);
    assert_eq!(world.send(post("/auth/rotate").jar(&newer)).await.outcome, Some(Outcome::Cut));
}

#[tokio::test]
async fn an_access_token_made_for_a_late_tab_is_cut_off_too() {
    let world = World::new();
    let held = world.login_by_body("alice").await;
    let newest = renewed(&world, &held.refresh).await;
    world.wait(W + 1);
    let late = renewed(&world, &held.refresh).await;
    assert!(world.takes(&late.access).await);
    let now = world.send(post("/auth/rotate").token(&newest.refresh)).await.held();
    assert!(!world.takes(&late.access).await && world.takes(&now.access).await);
}

/// Waiting with the same token never rotates. A refresh with it brings the newer one, whether that was on its way or lost.
#[tokio::test]
async fn who_was_told_to_come_again_refreshes_and_rotates_then() {
    // In the window at once; later, a lost answer is given again after three windows, which is when it was told to come.
    for (wait, has_to_wait) in [(0, false), (W, false), (W + 1, true), (3 * W, true), (HOUR, false)] {
        let world = World::new();
        let mut jar = world.login("alice").await;
        let lost = refresh(&world, &jar).await;
        assert_eq!(lost.outcome, Some(Outcome::Rotated));
        world.wait(wait);
        let answer = world.send(post("/auth/rotate").jar(&jar)).await;
        assert_eq!(answer.said(), (409, "try_again".into()));
        let told: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        if has_to_wait {
            world.wait(told + 1);
        }
        renew(&world, &mut jar).await;
        let answer = world.send(post("/auth/rotate").jar(&jar)).await;
        assert_eq!(answer.outcome, Some(Outcome::Cut), "after {wait} s: {}", answer.text);
        jar.keep(&answer);
        renew(&world, &mut jar).await;
    }
}

/// With `strict` there is the window for that, and no more: an answer lost for longer is not given again.
#[tokio::test]
async fn with_strict_who_refreshes_at_once_rotates_and_who_waits_with_the_old_token_is_logged_out() {
    for refreshes in [true, false] {
        let world = World::built(|builder| builder.rotation(jwt_sessions::Rotation::strict()));
        let mut jar = world.login("alice").await;
        refresh(&world, &jar).await;
        let answer = world.send(post("/auth/rotate").jar(&jar)).await;
        let told: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        if refreshes {
            renew(&world, &mut jar).await;
        }
        world.wait(told + 1);
        let answer = world.send(post("/auth/rotate").jar(&jar)).await;
        let expected = if refreshes { Outcome::Cut } else { Outcome::Reused(Reuse::Recent) };
        assert_eq!(answer.outcome, Some(expected), "{}", answer.text);
    }
}
