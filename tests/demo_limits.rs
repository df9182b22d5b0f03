//! How often registrations, logins and refreshes may be tried at the demo.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers outside the test functions fail their test")]

mod common;

use std::time::Instant;

use common::demo::Demo;
use common::device::{Answer, Channel, Device, client, read, register};
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

#[tokio::test]
async fn an_account_is_tried_10_times_a_minute_by_whichever_name() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    register(&demo, "alice").await;
    let refused = until_refused(10, async |number| {
        let body = match number % 3 {
            0 => json!({ "username": "alice", "password": "wrong" }),
            1 => json!({ "email": "ALICE@example.org", "password": "wrong" }),
            _ => json!({ "username": "Alice", "password": "wrong" }),
        };
        read(client(false).post(demo.url("/auth/login")).json(&body)).await
    })
    .await;
    assert_eq!(refused.error(), (429, "too_many_requests"));
    assert_eq!(refused.json["retryable"], true);
    // The right password has to wait, too; another account has not.
    assert_eq!(Device::new(&demo, Channel::Cookie).login("alice").await.status, 429);
    register(&demo, "bob").await;
    assert_eq!(Device::new(&demo, Channel::Cookie).login("bob").await.status, 200);
}

#[tokio::test]
async fn guesses_count_for_the_account_that_they_are_checked_for_whatever_else_their_body_is() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    register(&demo, "alice").await;
    until_refused(10, async |number| {
        // JSON for one name and a form for another; the router goes by the Content-Type.
        let body = format!(r#"{{"username":"zz{number}","password":"x","a":"&username=alice&password=wrong&b="}}"#);
        let request = client(false).post(demo.url("/auth/login"));
        let answer = read(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)).await;
        assert!(answer.status == 429 || answer.error() == (401, "invalid_credentials"), "{answer:?}");
        answer
    })
    .await;
    assert_eq!(Device::new(&demo, Channel::Cookie).login("alice").await.status, 429);
}

#[tokio::test]
async fn an_address_refreshes_120_times_a_minute_and_the_session_outlives_the_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    register(&demo, "alice").await;
    let mut alice = Device::new(&demo, Channel::Cookie);
    alice.login("alice").await;
    let refused = until_refused(120, async |_| alice.refresh_with("nonsense").await).await;
    assert!(!alice.clears(&refused));
    assert_eq!(alice.get("/me").await.status, 200);
}

#[tokio::test]
async fn an_address_registers_60_times_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    // Refused before it costs a hash, and counted all the same.
    until_refused(60, async |_| register(&demo, "not a name").await).await;
}

#[tokio::test]
async fn the_limits_can_be_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[("RATE_LIMIT", "off")]);
    register(&demo, "alice").await;
    let nobody = Device::new(&demo, Channel::Body);
    let begun = Instant::now();
    let mut sent = 0;
    // More than the burst and all that comes back meanwhile.
    while sent < 130 + begun.elapsed().as_secs() * 2 {
        assert_eq!(nobody.refresh_with("nonsense").await.error(), (401, "invalid_token"));
        assert_eq!(register(&demo, "not a name").await.status, 400);
        sent += 1;
    }
    for _ in 0..15 {
        assert_eq!(Device::new(&demo, Channel::Cookie).login("alice").await.status, 200);
    }
}

/// The first refusal, which comes after `a_minute` tries and what came back meanwhile: the limits have the real clock.
async fn until_refused(a_minute: u32, mut send: impl AsyncFnMut(u32) -> Answer) -> Answer {
    let begun = Instant::now();
    let mut passed = 0;
    loop {
        let answer = send(passed).await;
        if answer.status == 429 {
            assert!(passed >= a_minute, "refused after {passed}");
            assert!((1..=60).contains(&answer.header("retry-after").parse().unwrap()));
            return answer;
        }
        passed += 1;
        let back = begun.elapsed().as_secs_f64() * f64::from(a_minute) / 60.0;
        assert!(f64::from(passed) <= f64::from(a_minute) + back + 1.0, "{passed} passed");
    }
}
