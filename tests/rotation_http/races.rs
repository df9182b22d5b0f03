use axum::Router;
use jwt_sessions::session::Outcome;
use jwt_sessions::token::SessionId;
use serde_json::json;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use super::common::{ACCESS, Answer, Ask, Jar, REFRESH, World, post};
use super::{W, refresh, renew};

/// The same in memory, many times, and over a database file, as often as a test may take.
async fn everywhere(test: impl AsyncFn(&World, usize)) {
    let memory = World::new();
    for round in 0..200 {
        test(&memory, round).await;
    }
    let (sqlite, _folder) = World::on_sqlite().await;
    for round in 0..50 {
        test(&sqlite, round).await;
    }
}

/// Sends at once, after giving way as often as is said: another interleaving each round.
fn sent(app: &Router, asking: Ask, giving_way: usize) -> JoinHandle<Answer> {
    let (app, request) = (app.clone(), asking.request());
    tokio::spawn(async move {
        for _ in 0..giving_way {
            tokio::task::yield_now().await;
        }
        Answer::of(app.oneshot(request).await.unwrap()).await
    })
}

async fn living(world: &World, subject: &str) -> Vec<SessionId> {
    world.sessions.list(subject).await.unwrap().into_iter().map(|listed| listed.id).collect()
}

/// Nothing that this jar holds opens anything.
async fn is_dead(world: &World, jar: &Jar) {
    assert!(!world.takes(jar.get(ACCESS)).await);
    let answer = refresh(world, jar).await;
    assert_eq!(answer.said(), (401, "session_ended".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_or_rotation_and_a_logout_at_once_leave_nothing_alive() {
    everywhere(async |world, round| {
        let before = world.login("alice").await;
        let mut jar = before.clone();
        let path = if round % 2 == 0 { "/auth/refresh" } else { "/auth/rotate" };
        let refreshing = sent(&world.app, post(path).jar(&before), round % 7);
        let logout = sent(&world.app, post("/auth/logout").jar(&before), round / 7 % 7);
        let (refreshed, logout) = (refreshing.await.unwrap(), logout.await.unwrap());
        assert!(logout.status == 200 && logout.clears());
        if refreshed.status == 200 {
            jar.keep(&refreshed);
        } else {
            assert_eq!(refreshed.said(), (401, "session_ended".into()));
        }
        assert!(living(world, "alice").await.is_empty(), "round {round}");
        is_dead(world, &before).await;
        is_dead(world, &jar).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_everywhere_that_meets_refreshes_leaves_nothing_alive() {
    everywhere(async |world, round| {
        // A login of the millisecond in which all others were ended would be refused.
        world.wait(1);
        let mut jars = Vec::new();
        for _ in 0..6 {
            jars.push(world.login("alice").await);
        }
        let bystander = world.login(&format!("bob{round}")).await;
        let path = |index: usize| if (index + round) % 2 == 1 { "/auth/rotate" } else { "/auth/refresh" };
        let request = |(index, jar)| sent(&world.app, post(path(index)).jar(jar), index * round % 11);
        let requests: Vec<_> = jars.iter().enumerate().map(request).collect();
        let everywhere = post("/auth/logout-all").token(jars[0].get(REFRESH));
        assert_eq!(sent(&world.app, everywhere, round % 13).await.unwrap().status, 200);

        for (jar, request) in jars.iter().zip(requests) {
            let answer = request.await.unwrap();
            let mut newest = jar.clone();
            match answer.status.as_u16() {
                200 => newest.keep(&answer),
                _ => assert_eq!(answer.said(), (401, "session_ended".into())),
            }
            is_dead(world, jar).await;
            is_dead(world, &newest).await;
        }
        assert!(living(world, "alice").await.is_empty(), "round {round}");
        assert!(world.takes(bystander.get(ACCESS)).await);
    })
    .await;
}

/// Whatever two tabs of one browser do at once, the jar is good afterwards, in whichever order the answers arrive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loser_of_a_race_gets_no_cookie_that_clears_the_winners() {
    let credentials = json!({"username": "alice", "password": "right"});
    let tab = |path: &str, jar: &Jar| match path {
        "/auth/reauthenticate" => post(path).jar(jar).json(credentials.clone()),
        _ => post(path).jar(jar),
    };
    for [one, other] in [
        ["/auth/refresh", "/auth/refresh"],
        ["/auth/refresh", "/auth/rotate"],
        ["/auth/rotate", "/auth/rotate"],
        ["/auth/refresh", "/auth/reauthenticate"],
        ["/auth/rotate", "/auth/reauthenticate"],
    ] {
        everywhere(async |world, round| {
            let jar = world.login("alice").await;
            let first = sent(&world.app, tab(one, &jar), round % 5);
            let second = sent(&world.app, tab(other, &jar), round / 5 % 5);
            let mut answers = [first.await.unwrap(), second.await.unwrap()];
            assert!(answers.iter().any(|answer| answer.status == 200), "somebody wins");
            for answer in &answers {
                assert!(!answer.cookies().iter().any(|cookie| cookie.contains("Max-Age=0")), "{}", answer.text);
                assert!(matches!(answer.status.as_u16(), 200 | 401 | 409), "{} {}", answer.status, answer.text);
                assert!(answer.status == 200 || answer.cookies().is_empty());
            }
            if round % 2 == 1 {
                answers.reverse();
            }
            let mut jar = jar;
            answers.iter().for_each(|answer| jar.keep(answer));
            renew(world, &mut jar).await;
            assert!(world.takes(jar.get(ACCESS)).await, "{one} and {other}, round {round}");
            world.wait(3 * W + 1);
            renew(world, &mut jar).await;
            world.send(post("/auth/logout").jar(&jar)).await;
        })
        .await;
    }
}

/// A tab refreshes while its owner logs in again in another one: the old session is over, the new one's cookies stay, in whichever
/// order the answers arrive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_meets_a_login_in_the_same_browser_never_takes_the_new_cookies() {
    everywhere(async |world, round| {
        let old = world.login("alice").await;
        let login = post("/auth/login").jar(&old).json(json!({"username": "alice", "password": "right"}));
        let login = sent(&world.app, login, round % 7);
        let refreshing = sent(&world.app, post("/auth/refresh").jar(&old), round / 7 % 7);
        let (login, refreshed) = (login.await.unwrap(), refreshing.await.unwrap());
        let mut jar = old.clone();
        jar.keep(&login);
        assert_eq!(living(world, "alice").await, [jar.session()], "round {round}");
        if refreshed.status != 200 {
            assert_eq!((refreshed.said(), refreshed.outcome), ((401, "session_ended".into()), Some(Outcome::Ended)));
            jar.keep(&refreshed);
        }
        renew(world, &mut jar).await;
        is_dead(world, &old).await;
        world.send(post("/auth/logout").jar(&jar)).await;
    })
    .await;
}

/// The same answer was lost to both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_that_come_back_after_a_lost_answer_get_one_successor() {
    everywhere(async |world, round| {
        let jar = world.login("alice").await;
        refresh(world, &jar).await;
        world.wait(3 * W + 1);
        let tabs = [round % 5, round / 5 % 5].map(|wait| sent(&world.app, post("/auth/refresh").jar(&jar), wait));
        let mut outcomes = Vec::new();
        let mut jars = [jar.clone(), jar];
        for (tab, jar) in tabs.into_iter().zip(&mut jars) {
            let answer = tab.await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text);
            jar.keep(&answer);
            outcomes.push(answer.outcome.unwrap().name());
        }
        outcomes.sort();
        assert_eq!(outcomes, ["reissued", "replayed"]);
        assert_eq!(jars[0].get(REFRESH), jars[1].get(REFRESH));
        world.send(post("/auth/logout").jar(&jars[0])).await;
    })
    .await;
}
