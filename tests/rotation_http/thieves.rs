use jwt_sessions::session::{Outcome, Reuse};
use serde_json::json;

use super::common::{ACCESS, World, post};
use super::{HOUR, W, is_over, refresh, renew};

#[tokio::test]
async fn a_token_two_generations_old_ends_the_session_for_everybody() {
    let world = World::new();
    let copied = world.login("alice").await;
    let mut jar = copied.clone();
    renew(&world, &mut jar).await;
    world.wait(3 * W + 1);
    // Its own rotation is more than three windows ago, and it is the predecessor still.
    let access = jar.get(ACCESS).to_owned();
    assert_eq!(renew(&world, &mut jar).await.outcome, Some(Outcome::Rotated));

    let answer = refresh(&world, &copied).await;
    is_over(&answer, Outcome::Reused(Reuse::Stale));
    for cookie in answer.cookies() {
        assert!(cookie.contains("; Secure") && cookie.contains("; Path=/") && cookie.contains("HttpOnly"), "{cookie}");
    }
    assert!(!world.takes(&access).await && !world.takes(jar.get(ACCESS)).await, "at once");
    is_over(&refresh(&world, &jar).await, Outcome::Ended);
    // In the body there is no cookie to take.
    let answer = world.send(post("/auth/refresh").token(jar.get(super::common::REFRESH))).await;
    assert_eq!((answer.said(), answer.cookies().len()), ((401, "session_ended".into()), 0));
}

/// A thief who keeps the victim's rhythm, at a distance of more than three windows.
#[tokio::test]
async fn a_thief_in_lock_step_is_noticed_in_the_first_round() {
    for (thief_first, uses_access, noticed) in [
        // The victim's new access token was seen: nobody has lost an answer.
        (false, true, Outcome::Reused(Reuse::Recent)),
        // The thief's was.
        (true, true, Outcome::Reused(Reuse::Recent)),
        // None was seen: the second of them passes for the owner of a lost answer, and the first is noticed when it comes next.
        (false, false, Outcome::Reused(Reuse::Orphan)),
        (true, false, Outcome::Reused(Reuse::Orphan)),
    ] {
        let world = World::new();
        let victim = world.login("alice").await;
        let thief = victim.clone();
        let mut turns = if thief_first { [thief, victim] } else { [victim, thief] };
        world.wait(HOUR);
        renew(&world, &mut turns[0]).await;
        if uses_access {
            assert!(world.takes(turns[0].get(ACCESS)).await);
            world.sessions.flush().await;
        }
        world.wait(3 * W + 1);
        if noticed == Outcome::Reused(Reuse::Orphan) {
            assert_eq!(renew(&world, &mut turns[1]).await.outcome, Some(Outcome::Reissued));
            world.wait(3 * W + 1);
            turns.swap(0, 1);
        }
        is_over(&refresh(&world, &turns[1]).await, noticed);
        for jar in &turns {
            is_over(&refresh(&world, jar).await, Outcome::Ended);
            assert!(!world.takes(jar.get(ACCESS)).await);
        }
    }
}

/// The limit of what can be noticed, and where it ends.
#[tokio::test]
async fn a_thief_within_the_window_of_each_refresh_is_noticed_when_the_two_drift_apart() {
    let world = World::new();
    let mut victim = world.login("alice").await;
    let mut thief = victim.clone();
    for _ in 0..5 {
        world.wait(HOUR);
        assert_eq!(renew(&world, &mut victim).await.outcome, Some(Outcome::Rotated));
        assert!(world.takes(victim.get(ACCESS)).await);
        world.wait(W);
        assert_eq!(renew(&world, &mut thief).await.outcome, Some(Outcome::Replayed));
    }
    world.wait(HOUR);
    renew(&world, &mut victim).await;
    assert!(world.takes(victim.get(ACCESS)).await);
    world.sessions.flush().await;
    world.wait(3 * W + 1);
    is_over(&refresh(&world, &thief).await, Outcome::Reused(Reuse::Recent));
}

#[tokio::test]
async fn theft_in_one_session_leaves_the_users_others_alone() {
    let world = World::new();
    let (copied, mut phone) = (world.login("alice").await, world.login("alice").await);
    let mut jar = copied.clone();
    for _ in 0..2 {
        renew(&world, &mut jar).await;
        world.wait(3 * W + 1);
    }
    is_over(&refresh(&world, &copied).await, Outcome::Reused(Reuse::Stale));
    assert!(world.takes(phone.get(ACCESS)).await);
    assert_eq!(renew(&world, &mut phone).await.outcome, Some(Outcome::Rotated));
    let living: Vec<_> = world.sessions.list("alice").await.unwrap().iter().map(|listed| listed.id).collect();
    assert_eq!(living, [phone.session()]);
}

/// A thief who rotates has the session to himself, and nobody can tell that from an owner who did: what the owner holds is cut
/// off. It is over when the owner logs in again, because no cookie was taken from the jar.
#[tokio::test]
async fn a_thief_who_cut_the_owner_off_is_thrown_out_by_the_owners_next_login() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    let mut thief = jar.clone();
    let answer = world.send(post("/auth/rotate").jar(&thief)).await;
    assert_eq!(answer.outcome, Some(Outcome::Cut));
    thief.keep(&answer);
    for _ in 0..2 {
        world.wait(HOUR);
        renew(&world, &mut thief).await;
        assert!(world.takes(thief.get(ACCESS)).await);
        world.sessions.flush().await;
    }
    let answer = refresh(&world, &jar).await;
    assert_eq!((answer.outcome, answer.cookies().len()), (Some(Outcome::Superseded), 0));

    // Others' credentials say nothing of this session.
    let others = post("/auth/login").jar(&jar).json(json!({"username": "bob", "password": "right"}));
    assert_eq!(world.send(others).await.status, 200);
    assert!(world.lives("alice", thief.session()).await);
    let wrong = post("/auth/login").jar(&jar).json(json!({"username": "alice", "password": "wrong"}));
    assert_eq!(world.send(wrong).await.status, 401);
    assert!(world.lives("alice", thief.session()).await);

    let own = post("/auth/login").jar(&jar).json(json!({"username": "alice", "password": "right"}));
    jar.keep(&world.send(own).await);
    assert!(!world.takes(thief.get(ACCESS)).await);
    assert_eq!(refresh(&world, &thief).await.said(), (401, "session_ended".into()));
    assert!(world.takes(jar.get(ACCESS)).await);
}

#[tokio::test]
async fn a_stale_token_tries_no_passwords() {
    for password in ["wrong", "right"] {
        let world = World::new();
        let copied = world.login("alice").await;
        let mut jar = copied.clone();
        for _ in 0..2 {
            world.wait(3 * W + 1);
            renew(&world, &mut jar).await;
        }
        let credentials = json!({"username": "alice", "password": password});
        let answer = world.send(post("/auth/reauthenticate").jar(&copied).json(credentials)).await;
        is_over(&answer, Outcome::Reused(Reuse::Stale));
        is_over(&refresh(&world, &jar).await, Outcome::Ended);
    }
}
