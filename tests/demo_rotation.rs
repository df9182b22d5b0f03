//! Honest clients of the demo are never logged out, whatever happens to it; copied tokens are noticed.
//!
//! The demo's clock is the real one: what needs a rotation to grow old asks until it has, with the shortest window.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers outside the test functions fail their test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::demo::Demo;
use common::device::{Channel, Device, PASSWORD, generation, register, until};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

#[tokio::test]
async fn twenty_refreshes_at_once_get_one_successor() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    register(&demo, "alice").await;
    for channel in [Channel::Cookie, Channel::Body] {
        let mut device = Device::new(&demo, channel);
        device.login("alice").await;
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            let mut copy = device.clone();
            tasks.spawn(async move {
                let answer = copy.refresh_with(&copy.refresh).await;
                copy.keep(&answer);
                (answer.status, copy.refresh, copy.access)
            });
        }
        let answers = tasks.join_all().await;
        let successor = &answers[0].1;
        assert_eq!(generation(successor), generation(&device.refresh) + 1);
        for (status, refresh, access) in &answers {
            assert_eq!((*status, refresh), (200, successor));
            assert_eq!(device.me_with(access).await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_rotation_is_not_followed_by_another_for_three_windows_and_then_is() {
    let folder = tempfile::tempdir().unwrap();
    let demo = start(&folder, "127.0.0.1:0");
    register(&demo, "alice").await;
    let mut device = Device::new(&demo, Channel::Cookie);
    device.login("alice").await;
    assert_eq!(device.refresh().await.status, 200);
    let rotated = Instant::now();
    let (access, refresh) = (device.access.clone(), device.refresh.clone());

    let held = device.refresh().await;
    assert_eq!(held.status, 200);
    assert_eq!(held.headers.get_all("set-cookie").iter().count(), 1, "the refresh cookie is not set again");
    assert!(device.refresh == refresh && device.access != access);

    until("the refresh token is replaced", async || {
        assert_eq!(device.refresh().await.status, 200);
        (device.refresh != refresh).then_some(())
    })
    .await;
    // Less than it was made after: the clocks are two, and the first answer took its time.
    assert!(rotated.elapsed() > Duration::from_millis(2500), "after {:?}", rotated.elapsed());
    assert_eq!(generation(&device.refresh), generation(&refresh) + 1);
}

#[tokio::test]
async fn a_token_two_generations_old_ends_the_session_for_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let demo = start(&folder, "127.0.0.1:0");
    register(&demo, "alice").await;
    for channel in [Channel::Cookie, Channel::Body] {
        let mut device = Device::new(&demo, channel);
        device.login("alice").await;
        let copied = device.refresh.clone();
        until("the copied token is two generations old", async || {
            assert_eq!(device.refresh().await.status, 200);
            (generation(&device.refresh) == generation(&copied) + 2).then_some(())
        })
        .await;

        let reused = device.refresh_with(&copied).await;
        assert_eq!(reused.error(), (401, "session_ended"));
        assert_eq!(device.clears(&reused), channel == Channel::Cookie);
        assert_eq!(device.me_with(&device.access).await.error(), (401, "session_ended"));
        assert_eq!(device.refresh().await.error(), (401, "session_ended"));
    }
}

/// One client refreshes as fast as it can, and the demo is killed meanwhile. A session rotates at its first refresh and
/// then not for three windows: with many sessions in turn, every request is a rotation.
#[tokio::test]
async fn no_kill_costs_a_client_its_session() {
    let folder = tempfile::tempdir().unwrap();
    let mut address = String::from("127.0.0.1:0");
    let mut lost = Vec::new();
    for round in 0..5 {
        let demo = start(&folder, &address);
        let refresh_at = demo.url("/auth/refresh");
        let mut stored = logins(&demo, &format!("person{round}")).await;

        let answered = Arc::new(AtomicUsize::new(0));
        let killed_after = 2 + 5 * round;
        let killer = std::thread::spawn({
            let answered = Arc::clone(&answered);
            move || {
                // Nor when nobody asks any more: the test has failed then, and the demo must end with it.
                while answered.load(Ordering::Acquire) < killed_after && Arc::strong_count(&answered) > 1 {
                    std::hint::spin_loop();
                }
                // Into the middle of a request, at another point in each round.
                let point = Instant::now() + Duration::from_micros(300) * round as u32;
                while Instant::now() < point {
                    std::hint::spin_loop();
                }
                let address = demo.address().to_owned();
                drop(demo);
                address
            }
        });
        let client = Client::new();
        let in_flight = loop {
            let index = answered.load(Ordering::Acquire) % SESSIONS;
            match refreshed(&client, &refresh_at, &stored[index]).await {
                Some(answer) => stored[index] = answer,
                None => break index,
            }
            answered.fetch_add(1, Ordering::Release);
        };
        let answers = answered.load(Ordering::Acquire);
        drop(answered);
        address = killer.join().unwrap();
        assert!(answers >= killed_after, "the demo was gone after {answers} answers already");
        let rotations = stored.iter().filter(|token| generation(token) == 2).count();
        assert!(rotations >= killed_after, "{rotations} rotations");

        let demo = start(&folder, &address);
        if round % 2 == 1 {
            // This client comes back only when the answer that it lost is long past its window.
            lost.push(stored.swap_remove(in_flight));
        }
        let client = Client::new();
        for token in &mut stored {
            for _ in 0..2 {
                *token = refreshed(&client, &refresh_at, token).await.unwrap();
            }
        }
        lost.extend(stored.pop());
        drop(demo);
    }

    let demo = start(&folder, &address);
    let client = Client::new();
    for token in &mut lost {
        let newest = generation(token) + 1;
        until("the session rotates", async || {
            *token = refreshed(&client, &demo.url("/auth/refresh"), token).await.unwrap();
            (generation(token) >= newest).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn instances_that_share_their_files_share_their_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let one = Demo::start(folder.path(), &[]);
    let two = Demo::start(folder.path(), &[("PUBLIC_ORIGIN", &one.origin)]);
    assert_ne!(one.origin, two.origin);
    register(&one, "alice").await;
    assert_eq!(register(&two, "alice").await.status, 409);
    for channel in [Channel::Cookie, Channel::Body] {
        let mut device = Device::new(&one, channel);
        device.login("alice").await;
        let mut elsewhere = device.at(&two);
        assert_eq!(elsewhere.get("/me").await.status, 200);
        let before = elsewhere.refresh.clone();
        assert_eq!(elsewhere.refresh().await.status, 200);
        assert_eq!(generation(&elsewhere.refresh), generation(&before) + 1);
        let mut device = elsewhere.at(&one);
        assert_eq!(device.get("/me").await.status, 200);

        // The jar is emptied by the logout: what another copy of the tokens would get is what counts.
        assert_eq!(device.send(reqwest::Method::POST, "/auth/logout-all", None).await.status, 200);
        assert_eq!(device.me_with(&device.access).await.error(), (401, "session_ended"));
        assert_eq!(elsewhere.refresh_with(&elsewhere.refresh).await.error(), (401, "session_ended"));
        device.access.clear();
    }
}

const SESSIONS: usize = 30;

/// With the shortest window, and without limits: what waits for time asks often.
fn start(folder: &tempfile::TempDir, address: &str) -> Demo {
    let variables = [("BIND_ADDR", address), ("ROTATION_WINDOW", "1s"), ("RATE_LIMIT", "off")];
    Demo::start(folder.path(), &variables)
}

/// As many sessions of one person, by their refresh tokens.
async fn logins(demo: &Demo, name: &str) -> Vec<String> {
    register(demo, name).await;
    let mut tasks = JoinSet::new();
    for _ in 0..SESSIONS {
        let body = json!({ "username": name, "password": PASSWORD });
        let request = Client::new().post(demo.url("/auth/login?delivery=body")).json(&body);
        tasks.spawn(async move {
            let answer: Value = request.send().await.unwrap().json().await.unwrap();
            answer["refresh_token"].as_str().unwrap().to_owned()
        });
    }
    tasks.join_all().await
}

/// The refresh token of the answer; none when there is no whole answer.
async fn refreshed(client: &Client, url: &str, token: &str) -> Option<String> {
    let answer = client.post(url).json(&json!({ "refresh_token": token })).send().await.ok()?;
    let status = answer.status();
    let body: Value = answer.json().await.ok()?;
    assert_eq!(status, 200, "{body}");
    Some(body["refresh_token"].as_str().unwrap().to_owned())
}
