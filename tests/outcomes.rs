//! Every outcome of the rotation table can be seen: by the application's hook, in the log, in the metrics, and where it was
//! turned on in a header of the answer.
//!
//! What is seen of an orphan whose access token is in use stands in `confirmation.rs`, of logins and ends in `sessions.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside of any test function fail their test"
)]

use axum::Router;
use axum::response::IntoResponse;
use http::StatusCode;
use jwt_sessions::session::SessionsBuilder;
use jwt_sessions::{SessionRoutes, Sessions};
use serde_json::json;
use tower::ServiceExt;

use self::common::store::Store;
use self::common::{Answer, Ask, Held, World, post, session_of};
use self::counted::Counted;
use self::lines::Lines;
use self::recorded::Recorder;

#[path = "common/world.rs"]
mod common;
#[path = "common/counted.rs"]
mod counted;
#[path = "common/lines.rs"]
mod lines;
#[path = "common/recorded.rs"]
mod recorded;

const HEADER: &str = "session-outcome";
const HOUR: u64 = 3600;

/// The names of the table in `DESIGN.md`, as events have them: `rotated`, `reused:stale`.
fn names_of_the_table() -> Vec<String> {
    let design = include_str!("../DESIGN.md");
    let table = design.split("| # | condition | name |").nth(1).unwrap();
    let mut names = Vec::new();
    for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let column = row.split('|').nth(3).unwrap();
        let Some(name) = column.split('`').nth(1) else { continue };
        let mut snake = String::new();
        for char in name.chars() {
            if char.is_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.extend(char.to_lowercase());
        }
        let causes: Vec<_> =
            ["fork", "recent", "orphan", "stale"].into_iter().filter(|cause| column.contains(cause)).collect();
        if causes.is_empty() {
            names.push(snake);
        } else {
            names.extend(causes.iter().map(|cause| format!("{snake}:{cause}")));
        }
    }
    names
}

fn refresh(token: &str) -> Ask {
    post("/auth/refresh").token(token)
}

async fn next(world: &World, token: &str) -> Held {
    let answer = world.send(refresh(token)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.held()
}

/// A token and the request that makes this of it, when its time has come.
async fn provoking(world: &World, name: &str) -> (String, Ask) {
    let first = world.login_by_body("alice").await.refresh;
    let presented = match name {
        "unknown" => World::new().login_by_body("alice").await.refresh,
        "ended" => {
            world.sessions.revoke("alice", session_of(&first)).await.unwrap();
            first
        }
        "superseded" => {
            world.send(post("/auth/rotate").token(&first)).await;
            first
        }
        "ahead_of_store" | "fast_forwarded" => {
            let mut last = next(world, &first).await.refresh;
            if name == "ahead_of_store" {
                world.wait(HOUR);
                last = next(world, &last).await.refresh;
            }
            world.store.restore().await;
            last
        }
        "reused:fork" => {
            let second = next(world, &first).await.refresh;
            world.wait(HOUR);
            let third = next(world, &second).await.refresh;
            world.store.restore().await;
            next(world, &first).await;
            world.wait(HOUR);
            // The same generation again, but a child of the first.
            next(world, &first).await;
            third
        }
        "reused:recent" => {
            assert!(world.takes(&next(world, &first).await.access).await);
            world.sessions.flush().await;
            world.wait(HOUR);
            first
        }
        "reused:orphan" => {
            let lost = next(world, &first).await.refresh;
            world.wait(HOUR);
            next(world, &first).await;
            lost
        }
        "reused:stale" => {
            let second = next(world, &first).await.refresh;
            world.wait(HOUR);
            next(world, &second).await;
            first
        }
        "cut" | "rotated" => first,
        "held" => next(world, &first).await.refresh,
        "replayed" | "try_again" => {
            next(world, &first).await;
            first
        }
        "bridged" | "reissued" => {
            next(world, &first).await;
            world.wait(if name == "bridged" { 31 } else { 91 });
            first
        }
        other => panic!("the table has {other}, which nothing here provokes"),
    };
    let path = if matches!(name, "cut" | "try_again") { "/auth/rotate" } else { "/auth/refresh" };
    (presented.clone(), post(path).token(&presented))
}

fn observed(recorder: &Recorder) -> World {
    let build = |builder: SessionsBuilder<Store>| builder.events(recorder.clone());
    World::with(build, SessionRoutes::dangerous_outcome_header)
}

// On one thread, as log and metrics are this thread's own.
#[tokio::test]
async fn every_outcome_of_the_table_reaches_the_hook_the_log_the_metrics_and_the_header() {
    let names = names_of_the_table();
    assert_eq!(names.len(), 16, "{names:?}");
    for name in names {
        let recorder = Recorder::default();
        let world = observed(&recorder);
        let (token, asking) = provoking(&world, &name).await;
        recorder.take();
        let counted = Counted::default();
        let metrics_here = metrics::set_default_local_recorder(&counted);
        let (lines, log_here) = Lines::here();
        let answer = world.send(asking).await;
        drop((metrics_here, log_here));

        let ends = if name.starts_with("reused") { vec!["revoked:reused"] } else { vec![] };
        assert_eq!(recorder.take(), [ends.as_slice(), &[name.as_str()]].concat());

        let (event, cause) = name.split_once(':').unwrap_or((&name, ""));
        assert_eq!(counted.of(&format!("jwt_sessions_events_total event={event} cause={cause}")), 1, "{name}");
        assert_eq!(counted.all().len(), 1 + ends.len(), "{:?}", counted.all());

        let lines = lines.take();
        let told: Vec<_> = lines.lines().filter(|line| line.contains(&format!(": {event} session="))).collect();
        let [told] = told[..] else { panic!("{name}: {lines}") };
        let level = if matches!(event, "reused" | "ahead_of_store") { "WARN" } else { "DEBUG" };
        let subject = format!("session={} subject=\"alice\"", session_of(&token));
        assert!(told.contains(level) && told.contains(&subject), "{told}");
        assert_eq!(told.contains("cause="), !cause.is_empty(), "{told}");
        assert!(cause.is_empty() || told.contains(&format!("cause=\"{cause}\"")), "{told}");
        let says_a_part = |token: &str| token.split('.').skip(1).any(|segment| lines.contains(segment));
        assert!(!says_a_part(&token), "{lines}");
        if answer.status == 200 {
            let held = answer.held();
            assert!(!says_a_part(&held.access) && !says_a_part(&held.refresh), "{lines}");
        }

        let header = if cause.is_empty() { event.to_owned() } else { format!("{event}; cause={cause}") };
        assert_eq!(answer.header(HEADER), Some(header.as_str()));
        assert_eq!(answer.outcome.map(|outcome| outcome.name()), Some(event));
        let over = answer.said();
        match event {
            "unknown" | "ended" | "superseded" | "ahead_of_store" | "reused" => {
                assert_eq!(over, (401, "session_ended".into()), "the body says no more than that");
            }
            "try_again" => assert_eq!(over, (409, "try_again".into())),
            _ => assert_eq!(answer.status, 200, "{name}"),
        }
    }
}

#[tokio::test]
async fn without_being_turned_on_the_header_is_never_sent_and_a_layer_may_write_its_own() {
    let world = World::new();
    let held = world.login_by_body("alice").await;
    for asking in [refresh(&held.refresh), post("/auth/rotate").token(&held.refresh), refresh("a.b.c")] {
        assert_eq!(world.send(asking).await.header(HEADER), None);
    }
    let replayed = world.send(refresh(&held.refresh)).await;
    assert_eq!(replayed.outcome.map(|outcome| outcome.name()), Some("replayed"));
}

#[tokio::test]
async fn only_answers_to_a_refresh_token_of_ours_say_an_outcome() {
    let world = observed(&Recorder::default());
    let jar = world.login("alice").await;
    let credentials = json!({"username": "alice", "password": "right"});
    for asking in [
        post("/auth/login").json(credentials.clone()),
        refresh("a.b.c"),
        post("/auth/refresh"),
        post("/auth/refresh").jar(&jar).header("sec-fetch-site", "cross-site"),
        post("/auth/reauthenticate").jar(&jar).json(json!({"username": "alice", "password": "wrong"})),
        common::ask(http::Method::GET, "/auth/sessions").jar(&jar),
        post("/auth/logout").jar(&jar),
    ] {
        let path = asking.path.clone();
        let answer = world.send(asking).await;
        assert_eq!((answer.header(HEADER), answer.outcome), (None, None), "{path} {}", answer.text);
    }
    let jar = world.login("alice").await;
    let answer = world.send(post("/auth/reauthenticate").jar(&jar).json(credentials)).await;
    assert_eq!(answer.header(HEADER), Some("cut"));
}

#[tokio::test]
async fn where_nothing_could_be_given_nothing_happened_and_no_outcome_is_said() {
    let recorder = Recorder::default();
    let world = observed(&recorder);
    let jar = world.login("alice").await;
    recorder.take();
    world.people(|people| people.padding = 3000);
    for path in ["/auth/refresh", "/auth/rotate"] {
        let answer = world.send(post(path).jar(&jar)).await;
        assert_eq!((answer.said(), answer.header(HEADER)), ((500, "server_error".into()), None));
        assert!(recorder.take().is_empty());
    }
}

/// What these routes answer to a token twice in a row, and then when it is two generations old.
async fn twice_and_late(world: &World, router: Router, path: &str) -> Vec<Answer> {
    let send = |token: &str| {
        let (router, request) = (router.clone(), post(path).json(json!({"refreshToken": token})).request());
        async move { Answer::of(router.oneshot(request).await.unwrap()).await }
    };
    let first = world.login_by_body("alice").await.refresh;
    let second = next(world, &first).await.refresh;
    let replayed = send(&first).await;
    world.wait(HOUR);
    next(world, &second).await;
    vec![replayed, send(&first).await]
}

#[tokio::test]
async fn the_header_comes_with_the_applications_own_words_and_with_the_express_preset() {
    let world = World::new();
    let routes = |sessions: &Sessions<Store>| SessionRoutes::new(sessions.clone()).dangerous_outcome_header();
    let own = routes(&world.sessions).refusals(|_| (StatusCode::IM_A_TEAPOT, "no tea").into_response()).router();
    let express = routes(&world.sessions).express().router();
    for (router, path, status) in [(own, "/refresh", 418), (express, "/refresh-token", 401)] {
        let answers = twice_and_late(&world, router, path).await;
        let said: Vec<_> = answers.iter().map(|answer| (answer.status.as_u16(), answer.header(HEADER))).collect();
        assert_eq!(said, [(200, Some("replayed")), (status, Some("reused; cause=stale"))]);
    }
}
