//! Whoever logs out is logged out, and nobody else is.
#![allow(clippy::unwrap_used, reason = "helpers outside of any test function")]

use std::sync::Arc;

use jwt_sessions::token::SessionId;
use serde_json::json;

use self::common::store::Mood;
use self::common::{ACCESS, Gate, REFRESH, World, post, session_of};

#[path = "common/world.rs"]
mod common;

async fn living(world: &World, subject: &str) -> Vec<SessionId> {
    let mut living: Vec<_> = world.sessions.list(subject).await.unwrap().into_iter().map(|listed| listed.id).collect();
    living.sort_unstable();
    living
}

#[tokio::test]
async fn a_logout_ends_the_session_its_access_tokens_and_the_cookies() {
    let world = World::new();
    let (jar, other) = (world.login("alice").await, world.login("alice").await);
    let answer = world.send(post("/auth/logout").jar(&jar)).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "{}"));
    assert!(answer.clears(), "{:?}", answer.cookies());
    assert!(!world.takes(jar.get(ACCESS)).await);
    assert_eq!(living(&world, "alice").await, [other.session()]);
    // Once more, it is the same.
    let answer = world.send(post("/auth/logout").jar(&jar)).await;
    assert!(answer.status == 200 && answer.clears());
}

#[tokio::test]
async fn a_session_is_named_by_any_refresh_token_of_it_that_was_not_cut_off() {
    let world = World::new();
    // Stale by two generations: at a refresh this would be theft.
    let stale = world.login("alice").await;
    let mut jar = stale.clone();
    for _ in 0..2 {
        jar.keep(&world.send(post("/auth/refresh").jar(&jar)).await);
        world.wait(91);
    }
    assert_eq!(world.send(post("/auth/logout").jar(&stale.without(ACCESS))).await.status, 200);
    assert!(living(&world, "alice").await.is_empty());

    let cut = world.login_by_body("alice").await;
    let now = world.send(post("/auth/rotate").token(&cut.refresh)).await.held();
    assert!(world.takes(&now.access).await);
    world.sessions.flush().await;
    world.wait(91);
    assert_eq!(world.send(post("/auth/logout").token(&cut.refresh)).await.status, 200);
    assert_eq!(living(&world, "alice").await, [session_of(&now.refresh)]);
    assert_eq!(world.send(post("/auth/logout").form(format!("refreshToken={}", now.refresh))).await.status, 200);
    assert!(living(&world, "alice").await.is_empty());
}

/// Its owner may not have the successor: the answer is on its way to another tab, or was lost.
#[tokio::test]
async fn what_a_rotation_has_just_cut_off_still_logs_out() {
    for path in ["/auth/logout", "/auth/logout-all"] {
        for (wait, is_seen, ends) in [(0, true, true), (90, true, true), (91, true, false), (600, false, true)] {
            let world = World::new();
            let (jar, other) = (world.login("alice").await, world.login("alice").await);
            world.wait(1);
            let mut newer = jar.clone();
            newer.keep(&world.send(post("/auth/rotate").jar(&jar)).await);
            if is_seen {
                assert!(world.takes(newer.get(ACCESS)).await);
                world.sessions.flush().await;
            }
            world.wait(wait);
            assert_eq!(world.send(post(path).jar(&jar)).await.status, 200);
            let goes_on = living(&world, "alice").await.contains(&jar.session());
            assert_eq!(goes_on, !ends, "{path} after {wait} s");
            let others_go_on = living(&world, "alice").await.contains(&other.session());
            assert_eq!(others_go_on, path == "/auth/logout" || !ends);
        }
        // Cut off by the rotation before the last: an old copy, which ends nothing.
        let world = World::new();
        let old = world.login_by_body("alice").await;
        let newer = world.send(post("/auth/rotate").token(&old.refresh)).await.held();
        let newest = world.send(post("/auth/rotate").token(&newer.refresh)).await.held();
        assert_eq!(world.send(post(path).token(&old.refresh)).await.status, 200);
        assert_eq!(living(&world, "alice").await, [session_of(&newest.refresh)]);
        // Nor does it once its successor was replaced.
        let _ = world.send(post("/auth/refresh").token(&newest.refresh)).await.held();
        assert_eq!(world.send(post(path).token(&newer.refresh)).await.status, 200);
        assert_eq!(living(&world, "alice").await, [session_of(&newest.refresh)]);
    }
}

#[tokio::test]
async fn a_session_is_named_by_a_valid_access_token() {
    let world = World::new();
    let by_header = world.login_by_body("alice").await;
    let by_cookie = world.login("alice").await;
    assert_eq!(world.send(post("/auth/logout").bearer(&by_header.access)).await.status, 200);
    assert_eq!(living(&world, "alice").await, [by_cookie.session()]);
    let answer = world.send(post("/auth/logout").jar(&by_cookie.without(REFRESH))).await;
    assert!(answer.clears());
    assert!(living(&world, "alice").await.is_empty());
}

#[tokio::test]
async fn a_useless_body_token_beside_a_good_header_still_logs_out() {
    let world = World::new();
    let held = world.login_by_body("alice").await;
    assert_eq!(world.send(post("/auth/logout").bearer(&held.access).token("garbage")).await.status, 200);
    assert!(living(&world, "alice").await.is_empty());
}

#[tokio::test]
async fn an_expired_access_token_alone_ends_nothing() {
    let world = World::new();
    let jar = world.login("alice").await;
    world.wait(900);
    for asking in [
        post("/auth/logout").bearer(jar.get(ACCESS)),
        post("/auth/logout-all").bearer(jar.get(ACCESS)),
        post("/auth/logout").jar(&jar.without(REFRESH)),
        post("/auth/logout").bearer("garbage"),
        post("/auth/logout"),
        post("/auth/logout-all"),
    ] {
        assert_eq!(world.send(asking).await.status, 200);
    }
    assert_eq!(living(&world, "alice").await, [jar.session()]);
    assert_eq!(world.send(post("/auth/logout").jar(&jar)).await.status, 200);
    assert!(living(&world, "alice").await.is_empty());
}

#[tokio::test]
async fn cookies_are_cleared_only_where_one_of_ours_came() {
    let world = World::new();
    let held = world.login_by_body("alice").await;
    for path in ["/auth/logout", "/auth/logout-all"] {
        assert!(world.send(post(path)).await.cookies().is_empty());
        assert!(world.send(post(path).header("cookie", "theme=dark; access=x")).await.cookies().is_empty());
        assert!(world.send(post(path).token(&held.refresh)).await.cookies().is_empty());
        assert!(world.send(post(path).header("cookie", format!("{REFRESH}=junk"))).await.clears());
        assert!(world.send(post(path).header("cookie", format!("a=b; {ACCESS}="))).await.clears());
    }
}

#[tokio::test]
async fn a_body_token_acts_on_no_cookie() {
    let world = World::new();
    let victim = world.login("alice").await;
    let attacker = world.login_by_body("mallory").await;
    for path in ["/auth/logout", "/auth/logout-all"] {
        for token in ["garbage", attacker.refresh.as_str()] {
            // What a form on another site could send.
            let asking = post(path).header("sec-fetch-site", "cross-site").jar(&victim);
            let answer = world.send(asking.form(format!("refresh_token={token}"))).await;
            assert_eq!((answer.status.as_u16(), answer.cookies().len()), (200, 0), "{path}");
            assert_eq!(living(&world, "alice").await, [victim.session()]);
        }
    }
    assert!(living(&world, "mallory").await.is_empty());
}

#[tokio::test]
async fn logout_all_ends_all_or_all_but_this_one() {
    let world = World::new();
    let (bob, one, two) = (world.login("bob").await, world.login("alice").await, world.login("alice").await);
    let three = world.login_by_body("alice").await;
    let answer = world.send(post("/auth/logout-all").jar(&two).json(json!({"keep_current": true}))).await;
    assert_eq!((answer.status.as_u16(), answer.cookies().len()), (200, 0));
    assert_eq!(living(&world, "alice").await, [two.session()]);
    assert!(!world.takes(one.get(ACCESS)).await && !world.takes(&three.access).await);
    assert!(world.takes(two.get(ACCESS)).await);

    world.wait(1);
    world.login("alice").await;
    for keep in ["true", "on", "1"] {
        let four = world.login("alice").await;
        let asking = post("/auth/logout-all").jar(&two).form(format!("keep_current={keep}"));
        assert_eq!(world.send(asking).await.status, 200);
        assert_eq!(living(&world, "alice").await, [two.session()]);
        assert!(!world.takes(four.get(ACCESS)).await);
        world.wait(1);
    }
    world.login("alice").await;
    let answer = world.send(post("/auth/logout-all").jar(&two).json(json!({"keep_current": false}))).await;
    assert!(answer.clears());
    assert!(living(&world, "alice").await.is_empty());
    assert_eq!(living(&world, "bob").await, [bob.session()]);
}

#[tokio::test]
async fn logout_all_takes_every_way_to_name_a_session() {
    let world = World::new();
    for way in 0..4 {
        world.wait(1);
        let (jar, held) = (world.login("alice").await, world.login_by_body("alice").await);
        let asking = match way {
            0 => post("/auth/logout-all").jar(&jar),
            1 => post("/auth/logout-all").token(&held.refresh),
            2 => post("/auth/logout-all").bearer(&held.access),
            _ => post("/auth/logout-all").json(json!({"refreshToken": held.refresh, "keep_current": null})),
        };
        assert_eq!(world.send(asking).await.status, 200);
        assert!(living(&world, "alice").await.is_empty(), "{way}");
    }
    let held = world.login_by_body("nobody-else").await;
    let asking = post("/auth/logout-all").json(json!({"refresh_token": held.refresh, "keep_current": "true"}));
    assert_eq!(world.send(asking).await.said(), (400, "invalid_request".into()));
    assert_eq!(living(&world, "nobody-else").await.len(), 1);
}

#[tokio::test]
async fn tokens_of_an_ended_session_end_no_other() {
    let world = World::new();
    let (stolen, jar) = (world.login_by_body("alice").await, world.login("alice").await);
    world.sessions.revoke("alice", session_of(&stolen.refresh)).await.unwrap();
    for asking in [
        post("/auth/logout-all").bearer(&stolen.access),
        post("/auth/logout-all").token(&stolen.refresh),
        post("/auth/logout-all").bearer(&stolen.access).token(&stolen.refresh),
    ] {
        assert_eq!(world.send(asking).await.status, 200);
        assert_eq!(living(&world, "alice").await, [jar.session()]);
    }
}

#[tokio::test]
async fn a_session_ended_on_another_instance_ends_no_other() {
    let world = World::new();
    let (stolen, jar) = (world.login_by_body("alice").await, world.login("alice").await);
    // Straight in the store, as another instance does it: here the access token is still taken.
    let reason = jwt_sessions::store::RevokeReason::Device;
    jwt_sessions::store::SessionStore::revoke(&world.store, "alice", session_of(&stolen.refresh), reason)
        .await
        .unwrap();
    assert!(world.takes(&stolen.access).await);
    assert_eq!(world.send(post("/auth/logout-all").bearer(&stolen.access)).await.status, 200);
    assert_eq!(living(&world, "alice").await, [jar.session()]);
}

/// By another instance, or by a logout of which the store's answer was lost.
#[tokio::test]
async fn who_logs_out_of_a_session_that_was_ended_elsewhere_is_logged_out_here_too() {
    let world = World::new();
    for path in ["/auth/logout", "/auth/logout-all"] {
        for by_access in [false, true] {
            let held = world.login_by_body("alice").await;
            let reason = jwt_sessions::store::RevokeReason::Logout;
            jwt_sessions::store::SessionStore::revoke(&world.store, "alice", session_of(&held.refresh), reason)
                .await
                .unwrap();
            assert!(world.takes(&held.access).await, "nobody has told this instance");
            let asking = if by_access { post(path).bearer(&held.access) } else { post(path).token(&held.refresh) };
            assert_eq!(world.send(asking).await.status, 200);
            assert!(!world.takes(&held.access).await, "{path}, by access token: {by_access}");
        }
    }
}

#[tokio::test]
async fn an_access_token_that_the_layer_refuses_names_nothing() {
    let world = World::new();
    let jar = world.login("alice").await;
    // After a leaked key: the session lives on, its access tokens do not.
    world.sessions.revoke_all(jwt_sessions::token::Timestamp::from_secs(0)).await.unwrap();
    assert!(!world.takes(jar.get(ACCESS)).await);
    for path in ["/auth/logout", "/auth/logout-all"] {
        assert_eq!(world.send(post(path).bearer(jar.get(ACCESS))).await.status, 200);
        assert_eq!(living(&world, "alice").await, [jar.session()]);
    }
}

#[tokio::test]
async fn whose_sessions_must_be_said_without_a_doubt() {
    let world = World::new();
    let (one, two) = (world.login("alice").await, world.login("alice").await);
    let both = format!("{REFRESH}={}; {REFRESH}={}", one.get(REFRESH), two.get(REFRESH));
    let answer = world.send(post("/auth/logout-all").header("cookie", &both)).await;
    assert_eq!((answer.said(), answer.cookies().len()), ((400, "invalid_request".into()), 0));
    assert_eq!(living(&world, "alice").await.len(), 2);
    let five = format!("{both}; {both}; {REFRESH}=x");
    for path in ["/auth/logout", "/auth/logout-all"] {
        let answer = world.send(post(path).header("cookie", &five)).await;
        assert_eq!((answer.said(), answer.cookies().len()), ((400, "invalid_request".into()), 0));
    }
    // A logout has no such doubt: whatever this browser holds is over.
    let answer = world.send(post("/auth/logout").header("cookie", &both)).await;
    assert!(answer.status == 200 && answer.clears());
    assert!(living(&world, "alice").await.is_empty());
}

#[tokio::test]
async fn a_login_in_flight_does_not_survive_a_logout_all() {
    let world = Arc::new(World::new());
    let jar = world.login("alice").await;
    let gate = Arc::new(Gate::default());
    world.people(|people| people.gate = Some(gate.clone()));
    let login = tokio::spawn({
        let world = world.clone();
        async move {
            let body = json!({"username": "alice", "password": "right"});
            world.send(post("/auth/login").json(body)).await
        }
    });
    gate.begun.notified().await;
    world.wait(1);
    assert_eq!(world.send(post("/auth/logout-all").jar(&jar)).await.status, 200);
    world.wait(1);
    gate.go_on.notify_one();
    let answer = login.await.unwrap();
    assert_eq!((answer.said(), answer.cookies().len()), ((401, "invalid_credentials".into()), 0));
    assert!(living(&world, "alice").await.is_empty());
    world.people(|people| people.gate = None);
    world.login("alice").await;
}

#[tokio::test]
async fn a_logout_that_the_store_did_not_hear_keeps_the_cookies() {
    let world = World::new();
    let jar = world.login("alice").await;
    world.store.is(Mood::Failing);
    for path in ["/auth/logout", "/auth/logout-all"] {
        for asking in [post(path).jar(&jar), post(path).jar(&jar.without(REFRESH)), post(path).token(jar.get(REFRESH))]
        {
            let answer = world.send(asking).await;
            assert_eq!((answer.status.as_u16(), answer.cookies().len()), (503, 0));
        }
    }
    // Without anything that names a session, the store is not needed.
    assert!(world.send(post("/auth/logout").header("cookie", format!("{REFRESH}=junk"))).await.clears());
}
