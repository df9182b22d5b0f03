use std::collections::HashSet;

use jwt_sessions::session::Outcome;

use super::common::{ACCESS, Answer, REFRESH, World, generation, post};
use super::recorded::Recorder;
use super::{W, refresh, renew, renewed};

#[tokio::test]
async fn the_same_token_twice_in_a_row_gives_the_same_successor() {
    let world = World::new();
    let (first, mut one) = {
        let jar = world.login("alice").await;
        (jar.clone(), jar)
    };
    let mut other = first.clone();
    renew(&world, &mut one).await;
    renew(&world, &mut other).await;
    assert_eq!(one.get(REFRESH), other.get(REFRESH), "byte for byte");
    assert_eq!(generation(one.get(REFRESH)), generation(first.get(REFRESH)) + 1);
    assert_ne!(one.get(ACCESS), other.get(ACCESS));
    assert!(world.takes(one.get(ACCESS)).await && world.takes(other.get(ACCESS)).await);

    let held = world.login_by_body("alice").await;
    let (one, other) = (renewed(&world, &held.refresh).await, renewed(&world, &held.refresh).await);
    assert_eq!(one.refresh, other.refresh);
    assert_eq!(generation(&one.refresh), generation(&held.refresh) + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_requests_at_once_are_one_step() {
    let recorder = Recorder::default();
    let world = World::built(|builder| builder.events(recorder.clone()));
    let held = world.login_by_body("alice").await;
    recorder.take();
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let (app, request) = (world.app.clone(), post("/auth/refresh").token(&held.refresh).request());
            tokio::spawn(async move { Answer::of(tower::ServiceExt::oneshot(app, request).await.unwrap()).await })
        })
        .collect();
    let (mut successors, mut access) = (HashSet::new(), HashSet::new());
    for request in requests {
        let answer = request.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        let held = answer.held();
        successors.insert(held.refresh);
        access.insert(held.access);
    }
    assert_eq!((successors.len(), access.len()), (1, 20));
    let successor = successors.into_iter().next().unwrap();
    assert_eq!(generation(&successor), generation(&held.refresh) + 1);
    let mut events = recorder.take();
    events.sort();
    assert_eq!(events, [vec!["replayed"; 19], vec!["rotated"]].concat());
}

#[tokio::test]
async fn a_replay_is_answered_until_the_window_ends_and_never_moves_it() {
    let world = World::new();
    let first = world.login("alice").await;
    let mut newest = first.clone();
    renew(&world, &mut newest).await;
    for second in [W - 1, W] {
        world.wait(if second == W { 1 } else { second });
        let mut late = first.clone();
        let answer = renew(&world, &mut late).await;
        assert_eq!((answer.outcome, answer.cookies().len()), (Some(Outcome::Replayed), 2), "after {second} s");
        assert_eq!(late.get(REFRESH), newest.get(REFRESH));
    }
    world.wait(1);
    let answer = refresh(&world, &first).await;
    assert_eq!((answer.status.as_u16(), answer.outcome), (200, Some(Outcome::Bridged)), "a second after the window");
    let [cookie] = answer.cookies()[..] else { panic!("{:?}", answer.cookies()) };
    assert!(cookie.starts_with(ACCESS));
}

#[tokio::test]
async fn between_one_window_and_three_a_late_tab_gets_through_and_the_refresh_tokens_stay() {
    let world = World::new();
    let first = world.login("alice").await;
    let mut newest = first.clone();
    renew(&world, &mut newest).await;
    world.wait(W + 1);
    for second in [W + 1, 2 * W, 3 * W] {
        for (jar, outcome) in [(&first, Outcome::Bridged), (&newest, Outcome::Held)] {
            let answer = refresh(&world, jar).await;
            assert_eq!((answer.status.as_u16(), answer.outcome), (200, Some(outcome)), "after {second} s");
            let mut kept = jar.clone();
            kept.keep(&answer);
            assert_eq!(kept.get(REFRESH), jar.get(REFRESH), "no refresh cookie is set");
            assert_ne!(kept.get(ACCESS), jar.get(ACCESS));
            assert!(world.takes(kept.get(ACCESS)).await);
            // A body repeats the token that stays.
            assert_eq!(renewed(&world, jar.get(REFRESH)).await.refresh, jar.get(REFRESH));
        }
        world.wait(if second == W + 1 { W - 1 } else { W });
    }
    // The wait after the last round has ended the quiet time of the newest.
    let answer = renew(&world, &mut newest).await;
    assert_eq!((answer.outcome, answer.cookies().len()), (Some(Outcome::Rotated), 2));
}

/// Two requests at once, of which the later answer is the older one's.
#[tokio::test]
async fn a_body_client_that_stores_what_differs_from_what_it_sent_outlives_answers_in_any_order() {
    let world = World::new();
    let sent = world.login_by_body("alice").await.refresh;
    let mut stored = renewed(&world, &sent).await.refresh;
    assert_ne!(stored, sent);
    world.wait(W + 1);
    let late = renewed(&world, &sent).await.refresh;
    if late != sent {
        stored = late;
    }
    world.wait(900);
    let answer = world.send(post("/auth/refresh").token(&stored)).await;
    assert_eq!((answer.status.as_u16(), answer.outcome), (200, Some(Outcome::Rotated)));
}

#[tokio::test]
async fn between_two_quick_refreshes_the_refresh_token_is_held() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    renew(&world, &mut jar).await;
    let refresh_token = jar.get(REFRESH).to_owned();
    for wait in [0, 1, 3 * W - 1] {
        world.wait(wait);
        let before = jar.clone();
        let answer = renew(&world, &mut jar).await;
        assert_eq!((answer.outcome, answer.cookies().len()), (Some(Outcome::Held), 1));
        assert_eq!(jar.get(REFRESH), refresh_token);
        assert_ne!(jar.get(ACCESS), before.get(ACCESS));
    }
    world.wait(1);
    let answer = renew(&world, &mut jar).await;
    assert_eq!(answer.outcome, Some(Outcome::Rotated), "three windows and a second after the last rotation");
    assert_ne!(jar.get(REFRESH), refresh_token);
}
