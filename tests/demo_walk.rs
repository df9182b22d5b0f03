//! The whole life of a session at the demo, over real HTTP, with tokens in cookies and with tokens in bodies.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers outside the test functions fail their test")]

mod common;

use common::demo::Demo;
use common::device::{Channel, Device, register, until};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_session_from_login_to_logout_all_with_cookies() {
    walk(Channel::Cookie).await;
}

#[tokio::test]
async fn a_session_from_login_to_logout_all_with_tokens_in_bodies() {
    walk(Channel::Body).await;
}

async fn walk(channel: Channel) {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[("ACCESS_TOKEN_EXPIRY", "3s")]);
    let cookies = channel == Channel::Cookie;
    assert_eq!(register(&demo, "alice").await.status, 201);

    let mut first = Device::new(&demo, channel);
    assert_eq!(first.get("/me").await.error(), (401, "missing_token"));
    assert_eq!(first.login("alice").await.status, 200);
    let me = first.get("/me").await;
    assert_eq!((me.status, &me.json["username"], &me.json["admin"]), (200, &json!("alice"), &json!(true)));
    assert_eq!(me.header("cache-control"), "private");

    let expired = until("the access token expires", async || {
        let me = first.get("/me").await;
        (me.status != 200).then_some(me)
    })
    .await;
    assert_eq!(expired.error(), (401, "token_expired"));
    assert!(expired.header("www-authenticate").contains("error=\"invalid_token\""));
    assert_eq!(first.refresh().await.status, 200);
    assert_eq!(first.get("/me").await.status, 200);

    // From here on nothing expires, so that every refusal is for another reason.
    let address = demo.address().to_owned();
    drop(demo);
    let demo = Demo::start(folder.path(), &[("BIND_ADDR", &address)]);
    assert_eq!(first.refresh().await.status, 200);

    let (access, refresh) = (first.access.clone(), first.refresh.clone());
    assert_eq!(first.rotate().await.status, 200);
    assert!(first.access != access && first.refresh != refresh);
    assert_eq!(first.me_with(&access).await.error(), (401, "session_ended"));
    let superseded = first.refresh_with(&refresh).await;
    assert_eq!(superseded.error(), (401, "session_ended"));
    assert!(!first.clears(&superseded));
    assert_eq!(first.get("/me").await.status, 200);

    let mut second = Device::new(&demo, channel);
    assert_eq!(second.login("alice").await.status, 200);
    let of_first = sessions(&first).await;
    let of_second = sessions(&second).await;
    assert_eq!((of_first.len(), of_second.len()), (2, 2));
    let (current, other) = (current(&of_first), current(&of_second));
    assert_ne!(current, other);

    let end_other = async || first.send(Method::DELETE, &format!("/auth/sessions/{other}"), None).await;
    assert_eq!(end_other().await.status, 204);
    assert_eq!(end_other().await.error(), (404, "not_found"));
    assert_eq!(second.get("/me").await.error(), (401, "session_ended"));
    let ended = second.refresh().await;
    assert_eq!(ended.error(), (401, "session_ended"));
    assert_eq!(second.clears(&ended), cookies);
    assert_eq!(sessions(&first).await.len(), 1);

    assert_eq!(second.login("alice").await.status, 200);
    let out = first.send(Method::POST, "/auth/logout-all", None).await;
    assert_eq!(out.status, 200);
    assert_eq!(first.clears(&out), cookies);
    for device in [&first, &second] {
        assert_eq!(device.me_with(&device.access).await.error(), (401, "session_ended"));
        assert_eq!(device.refresh_with(&device.refresh).await.error(), (401, "session_ended"));
    }
    if cookies {
        // The jar is empty.
        assert_eq!(first.refresh().await.error(), (401, "missing_token"));
    }
    assert_eq!(first.login("alice").await.status, 200);
}

#[tokio::test]
async fn a_logout_ends_this_session_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    register(&demo, "alice").await;
    for channel in [Channel::Cookie, Channel::Body] {
        let (mut here, mut there) = (Device::new(&demo, channel), Device::new(&demo, channel));
        here.login("alice").await;
        there.login("alice").await;
        assert_eq!(here.send(Method::POST, "/auth/logout", None).await.status, 200);
        assert_eq!(here.me_with(&here.access).await.error(), (401, "session_ended"));
        assert_eq!(here.refresh_with(&here.refresh).await.error(), (401, "session_ended"));
        assert_eq!(there.get("/me").await.status, 200);
        // Nobody is logged in, and so nobody is logged out: that is no error.
        assert_eq!(here.send(Method::POST, "/auth/logout", None).await.status, 200);
    }
}

#[tokio::test]
async fn cookies_are_out_of_reach_for_scripts_and_last_as_long_as_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    register(&demo, "alice").await;
    for (remember, lasting) in [(json!(true), true), (json!(false), false), (Value::Null, false)] {
        let mut body = json!({ "email": "Alice@example.org", "password": "correct horse" });
        if !remember.is_null() {
            body["remember"] = remember;
        }
        let answer = Device::new(&demo, Channel::Cookie).send(Method::POST, "/auth/login", Some(body)).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
        let set: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(set.len(), 2);
        for (cookie, name, same_site) in [(set[0], "access-", "Lax"), (set[1], "refresh-", "Strict")] {
            assert!(cookie.starts_with(name) && cookie.contains("; HttpOnly") && cookie.contains("; Path=/"));
            assert!(cookie.contains(&format!("; SameSite={same_site}")) && !cookie.contains("Domain"));
            assert_eq!(cookie.contains("Max-Age="), lasting, "{name}");
        }
    }
}

#[tokio::test]
async fn notes_are_their_writers_and_the_feed_is_everybodys() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    let mut people = Vec::new();
    for name in ["alice", "bob"] {
        register(&demo, name).await;
        let mut device = Device::new(&demo, Channel::Cookie);
        device.login(name).await;
        let note = device.send(Method::POST, "/notes", Some(json!({ "text": format!("of {name}") }))).await;
        assert_eq!((note.status, &note.json["text"]), (201, &json!(format!("of {name}"))));
        people.push((name, device));
    }
    for (name, device) in &people {
        let notes = device.get("/notes").await.json["notes"].as_array().unwrap().clone();
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0]["text"], format!("of {name}"));
        assert_eq!(device.get("/feed").await.json["viewer"], *name);
    }
    let guest = Device::new(&demo, Channel::Body);
    let feed = guest.get("/feed").await;
    assert_eq!((feed.status, &feed.json["viewer"]), (200, &json!("guest")));
    assert_eq!(guest.get("/notes").await.error(), (401, "missing_token"));
    // A bad token is not the same as none.
    assert_eq!(guest.me_with("nonsense").await.error(), (401, "invalid_token"));
}

#[tokio::test]
async fn what_an_admin_changes_shows_at_the_next_refresh() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    for name in ["alice", "bob"] {
        register(&demo, name).await;
    }
    let (mut alice, mut bob) = (Device::new(&demo, Channel::Cookie), Device::new(&demo, Channel::Cookie));
    alice.login("alice").await;
    bob.login("bob").await;
    let change = |body: Value| alice.send(Method::PATCH, "/admin/users/BOB", Some(body));

    assert_eq!(Device::new(&demo, Channel::Cookie).get("/admin").await.error(), (401, "missing_token"));
    let refused = bob.get("/admin").await;
    assert_eq!(refused.error(), (403, "insufficient_scope"));
    assert!(refused.header("www-authenticate").contains("scope=\"admin\""));
    let patch = bob.send(Method::PATCH, "/admin/users/bob", Some(json!({ "admin": true }))).await;
    assert_eq!(patch.error(), (403, "insufficient_scope"));
    let users = alice.get("/admin").await.json["users"].clone();
    assert_eq!((&users[0]["username"], &users[1]["username"]), (&json!("alice"), &json!("bob")));

    let granted = change(json!({ "admin": true })).await;
    assert_eq!((granted.status, &granted.json["admin"]), (200, &json!(true)));
    assert_eq!(bob.get("/admin").await.status, 403);
    assert_eq!(bob.refresh().await.status, 200);
    assert_eq!(bob.get("/admin").await.status, 200);
    change(json!({ "admin": false })).await;
    // The second refresh within three windows: the refresh token stays, and the rights are new all the same.
    assert_eq!(bob.refresh().await.status, 200);
    assert_eq!(bob.get("/admin").await.status, 403);

    assert_eq!(change(json!({ "disabled": true })).await.json["disabled"], true);
    assert_eq!(bob.get("/me").await.status, 200);
    let ended = bob.refresh().await;
    assert_eq!(ended.error(), (401, "session_ended"));
    assert!(bob.clears(&ended));
    assert_eq!(bob.me_with(&bob.access).await.error(), (401, "session_ended"));
    assert_eq!(bob.login("bob").await.error(), (401, "invalid_credentials"));

    assert_eq!(change(json!({ "disabled": false })).await.json["disabled"], false);
    assert_eq!(bob.login("bob").await.status, 200);
    bob.send(Method::POST, "/notes", Some(json!({ "text": "mine" }))).await;
    let delete = || alice.send(Method::DELETE, "/admin/users/bob", None);
    assert_eq!(delete().await.status, 204);
    assert_eq!(delete().await.error(), (404, "not_found"));
    assert_eq!(change(json!({ "admin": true })).await.error(), (404, "not_found"));
    // Until then the access token lives; what it wants to write to is gone.
    let late = bob.send(Method::POST, "/notes", Some(json!({ "text": "late" }))).await;
    assert_eq!(late.error(), (404, "not_found"));
    assert_eq!(bob.refresh().await.error(), (401, "session_ended"));
    assert_eq!(bob.login("bob").await.error(), (401, "invalid_credentials"));

    // Another one of that name is another person.
    assert_eq!(register(&demo, "bob").await.status, 201);
    bob.login("bob").await;
    assert_eq!(bob.get("/notes").await.json["notes"], json!([]));
}

#[tokio::test]
async fn the_key_set_is_public_and_has_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    let nobody = Device::new(&demo, Channel::Body);
    let keys = nobody.get("/.well-known/jwks.json").await;
    assert_eq!((keys.status, &keys.json), (200, &json!({ "keys": [] })));

    let folder = tempfile::tempdir().unwrap();
    let pem = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/ed25519.pem");
    let secret = "qwertyuiopasdfghjklzxcvbnm0123456789";
    let demo = Demo::start(folder.path(), &[("ACCESS_TOKEN_KEY_FILE", pem), ("REFRESH_TOKEN_SECRET", secret)]);
    register(&demo, "alice").await;
    let mut alice = Device::new(&demo, Channel::Body);
    alice.login("alice").await;
    assert_eq!(alice.get("/me").await.status, 200);
    let keys = alice.get("/.well-known/jwks.json").await;
    assert!(keys.header("cache-control").contains("max-age"));
    let keys = keys.json["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!((&keys[0]["alg"], &keys[0]["d"]), (&json!("EdDSA"), &Value::Null));
}

#[tokio::test]
async fn what_is_not_there_is_404_for_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    let nobody = Device::new(&demo, Channel::Cookie);
    for path in ["/nowhere", "/auth", "/auth/nowhere", "/admin/nowhere", "/admin/users", "/notes/1", "/me/", "/.env"] {
        for method in [Method::GET, Method::POST] {
            assert_eq!(nobody.send(method.clone(), path, None).await.status, 404, "{method} {path}");
        }
    }
}

async fn sessions(device: &Device) -> Vec<Value> {
    let list = device.get("/auth/sessions").await;
    assert_eq!(list.status, 200);
    list.json["sessions"].as_array().unwrap().clone()
}

/// The id of the one session that is marked as the asker's.
fn current(sessions: &[Value]) -> String {
    let marked: Vec<_> = sessions.iter().filter(|session| session["current"] == true).collect();
    assert_eq!(marked.len(), 1);
    marked[0]["id"].as_str().unwrap().to_owned()
}
