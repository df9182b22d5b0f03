//! People see their devices, and end them; nobody sees or ends another's.
#![allow(clippy::unwrap_used, reason = "helpers outside of any test function")]

use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use jwt_sessions::auth::RefusalKind;
use jwt_sessions::session::SessionInfo;
use jwt_sessions::{Client, Login};
use serde_json::{Value, json};

use self::common::store::Mood;
use self::common::{ACCESS, Answer, Ask, NOW, World, ask, post, session_of};

#[path = "common/world.rs"]
mod common;

fn list() -> Ask {
    ask(Method::GET, "/auth/sessions")
}

fn end(id: impl std::fmt::Display) -> Ask {
    ask(Method::DELETE, format!("/auth/sessions/{id}"))
}

fn login() -> Ask {
    post("/auth/login?delivery=body").json(json!({"username": "alice", "password": "right"}))
}

#[tokio::test]
async fn the_list_shows_what_is_promised() {
    let world = World::new();
    let mut asking = login().header("user-agent", "Firefox\t on a phone");
    asking.peer = Some("192.0.2.7:5000".parse().unwrap());
    let held = world.send(asking).await.held();
    world.wait(100);
    let jar = world.login("alice").await;
    world.login("bob").await;
    let held = world.send(post("/auth/refresh").token(&held.refresh)).await.held();
    world.wait(5);

    let answer = world.send(list().bearer(&held.access)).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 1);
    let mut sessions = body["sessions"].as_array().unwrap().clone();
    sessions.sort_by_key(|session| session["created_at"].as_i64());
    let first = json!({
        "id": session_of(&held.refresh).to_string(), "current": true, "created_at": NOW, "last_used_at": NOW + 100,
        "user_agent": "Firefox on a phone", "ip": "192.0.2.7", "label": null,
    });
    let second = json!({
        "id": jar.session().to_string(), "current": false, "created_at": NOW + 100, "last_used_at": NOW + 100,
        "user_agent": null, "ip": null, "label": null,
    });
    assert_eq!(sessions, [first, second]);

    let answer = world.send(list().jar(&jar)).await;
    let current = |session: &&Value| session["current"] == true;
    assert_eq!(answer.json()["sessions"].as_array().unwrap().iter().filter(current).count(), 1);
}

#[tokio::test]
async fn a_label_is_the_applications() {
    let world = World::new();
    let login = Login::new("alice").label("Anna's laptop");
    let jwt_sessions::Opened::Tokens(tokens) = world.sessions.open(login, Client::default()).await.unwrap() else {
        panic!("no session");
    };
    let answer = world.send(list().bearer(tokens.access_token())).await;
    assert_eq!(answer.json()["sessions"][0]["label"], "Anna's laptop");
}

#[tokio::test]
async fn the_list_is_for_those_who_are_somebody() {
    let world = World::new();
    let held = world.login_by_body("alice").await;
    for (asking, code) in [
        (list(), "missing_token"),
        (list().bearer("a.b.c"), "invalid_token"),
        (list().bearer(&held.refresh), "invalid_token"),
        (end(session_of(&held.refresh)), "missing_token"),
    ] {
        assert_eq!(world.send(asking).await.said(), (401, code.into()));
    }
    world.wait(900);
    assert_eq!(world.send(list().bearer(&held.access)).await.said(), (401, "token_expired".into()));
}

#[tokio::test]
async fn a_device_is_ended_at_once_and_only_ones_own() {
    let world = World::new();
    let (jar, other, bob) = (world.login("alice").await, world.login("alice").await, world.login("bob").await);
    let answer = world.send(end(other.session()).jar(&jar)).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str(), answer.cookies().len()), (204, "", 0));
    assert!(!world.takes(other.get(ACCESS)).await);
    let id = jar.session().to_string();
    let unknown = "AAAAAAAAAAAAAAAAAAAAAA";
    let encoded = format!("%{:02X}{}", id.as_bytes()[0], &id[1..]);
    for id in [
        other.session().to_string(),
        bob.session().to_string(),
        unknown.to_owned(),
        "x".to_owned(),
        encoded,
        format!("{id}="),
        "%FF".to_owned(),
        "%00".to_owned(),
        "..%2f..".to_owned(),
        "'%20OR%201=1--".to_owned(),
        "a".repeat(5000),
    ] {
        let answer = world.send(end(&id).jar(&jar)).await;
        assert_eq!(answer.said(), (404, "not_found".into()), "{id}");
    }
    assert!(world.lives("bob", bob.session()).await);
    // One's own, too; its cookies are its logout's to take.
    let answer = world.send(end(jar.session()).jar(&jar)).await;
    assert_eq!((answer.status.as_u16(), answer.cookies().len()), (204, 0));
    assert!(!world.takes(jar.get(ACCESS)).await);
    assert_eq!(world.send(list().jar(&jar)).await.said(), (401, "session_ended".into()));
}

#[tokio::test]
async fn a_recent_authentication_can_be_demanded_for_ending_others() {
    let world = World::routed(|routes| routes.recent_authentication(Duration::from_secs(900)));
    let other = world.login_by_body("alice").await;
    let mut held = world.login_by_body("alice").await;
    // Half an hour on, with a fresh access token.
    world.wait(1800);
    held = world.send(post("/auth/refresh").token(&held.refresh)).await.held();
    let id = session_of(&other.refresh);
    let answer = world.send(end(id).bearer(&held.access)).await;
    assert_eq!(answer.said(), (401, "insufficient_user_authentication".into()));
    assert_eq!(answer.json()["max_age"], 900);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("insufficient_user_authentication") && challenge.contains("max_age=\"900\""));
    let refusal = answer.access_refusal.as_ref().unwrap();
    assert_eq!(refusal.kind(), RefusalKind::StaleAuthentication);
    assert_eq!(refusal.session_id(), Some(session_of(&held.refresh)));
    assert!(world.lives("alice", id).await);
    // Nor for ending all of them, whatever names the current one.
    for asking in [post("/auth/logout-all").bearer(&held.access), post("/auth/logout-all").token(&held.refresh)] {
        let answer = world.send(asking).await;
        assert_eq!(answer.said(), (401, "insufficient_user_authentication".into()));
        assert_eq!(answer.access_refusal.as_ref().unwrap().kind(), RefusalKind::StaleAuthentication);
        assert!(answer.header("www-authenticate").is_some());
    }
    let others = post("/auth/logout-all").bearer(&held.access).json(json!({"keep_current": true}));
    assert_eq!(world.send(others).await.status, 401);
    assert!(world.lives("alice", id).await && world.lives("alice", session_of(&held.refresh)).await);

    // Credentials of somebody else, or wrong ones, are no authentication.
    for (username, password) in [("bob", "right"), ("alice", "wrong"), ("nobody", "right")] {
        let body = json!({"username": username, "password": password, "refresh_token": held.refresh});
        let answer = world.send(post("/auth/reauthenticate").json(body)).await;
        assert_eq!(answer.said(), (401, "invalid_credentials".into()), "{username}");
    }
    let body = json!({"username": "alice", "password": "right", "refresh_token": held.refresh});
    let fresh = world.send(post("/auth/reauthenticate").json(body)).await.held();
    assert!(!world.takes(&held.access).await, "what was before is cut off");
    // And tells of no authentication that came after it, though a logout with it would still do.
    let stolen = world.send(post("/auth/logout-all").token(&held.refresh)).await;
    assert_eq!(stolen.said(), (401, "insufficient_user_authentication".into()));
    assert!(world.lives("alice", id).await);
    assert_eq!(world.send(end(id).bearer(&fresh.access)).await.status, 204);
    let another = world.login_by_body("alice").await;
    let others = post("/auth/logout-all").bearer(&fresh.access).json(json!({"keep_current": true}));
    assert_eq!(world.send(others).await.status, 200);
    assert!(!world.lives("alice", session_of(&another.refresh)).await);

    // For ending the current one it is not demanded.
    world.wait(1800);
    let late = world.send(post("/auth/refresh").token(&fresh.refresh)).await.held();
    assert_eq!(world.send(end(session_of(&late.refresh)).bearer(&late.access)).await.status, 204);
}

#[tokio::test]
async fn reauthentication_by_cookie_answers_in_cookies() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    world.wait(60);
    let asking = post("/auth/reauthenticate").jar(&jar).form("username=alice&password=right");
    let answer = world.send(asking).await;
    assert_eq!((answer.status.as_u16(), answer.cookies().len()), (200, 2));
    jar.keep(&answer);
    assert_eq!(common::payload(jar.get(ACCESS))["auth_time"], NOW + 60);
    for (asking, said) in [
        (post("/auth/reauthenticate").jar(&jar), (400, "invalid_request")),
        (post("/auth/reauthenticate").jar(&jar).json(json!({"username": "alice"})), (400, "invalid_request")),
        (post("/auth/reauthenticate").form("username=alice&password=right"), (401, "missing_token")),
        (post("/auth/reauthenticate").jar(&jar).form("username=alice&password=x"), (401, "invalid_credentials")),
    ] {
        let answer = world.send(asking).await;
        assert_eq!((answer.said(), answer.cookies().len()), ((said.0, said.1.into()), 0));
    }
    assert!(world.takes(jar.get(ACCESS)).await);
}

async fn shown(world: &World, asking: Ask, peer: Option<&str>) -> SessionInfo {
    let mut asking = asking;
    asking.peer = peer.map(|peer| peer.parse::<SocketAddr>().unwrap());
    let held = world.send(asking).await.held();
    let listed = world.sessions.list("alice").await.unwrap();
    listed.into_iter().find(|listed| listed.id == session_of(&held.refresh)).unwrap()
}

#[tokio::test]
async fn forwarded_addresses_count_through_trusted_proxies_alone() {
    /// Trusted proxies, lines of the header, the peer, and the address that is shown.
    type Row = (usize, &'static [&'static str], Option<&'static str>, Option<&'static str>);
    let forwarded = |lines: &[&str]| lines.iter().fold(login(), |asking, line| asking.header("x-forwarded-for", line));
    let peer = Some("10.0.0.1:4000");
    let table: [Row; 17] = [
        (0, &[], peer, Some("10.0.0.1")),
        (0, &["203.0.113.9"], peer, Some("10.0.0.1")),
        (0, &["203.0.113.9"], None, None),
        (0, &[], Some("[::ffff:192.0.2.1]:1"), Some("192.0.2.1")),
        (1, &["203.0.113.9"], peer, Some("203.0.113.9")),
        // What stands before the proxy's entry, the client wrote itself.
        (1, &["198.51.100.1, 203.0.113.9"], peer, Some("203.0.113.9")),
        (1, &["198.51.100.1", "203.0.113.9"], peer, Some("203.0.113.9")),
        (2, &["198.51.100.1, 203.0.113.9,10.0.0.2"], peer, Some("203.0.113.9")),
        (2, &["203.0.113.9"], peer, Some("10.0.0.1")),
        (1, &["garbage"], peer, Some("10.0.0.1")),
        (1, &[""], peer, Some("10.0.0.1")),
        (1, &[], peer, Some("10.0.0.1")),
        (1, &[], None, None),
        (1, &["2001:db8::1"], peer, Some("2001:db8::1")),
        (1, &["203.0.113.9:4711"], peer, Some("203.0.113.9")),
        (1, &["[2001:db8::1]:4711"], peer, Some("2001:db8::1")),
        (usize::MAX, &["203.0.113.9"], peer, Some("10.0.0.1")),
    ];
    for (proxies, lines, peer, expected) in table {
        let world = World::routed(|routes| routes.trusted_proxies(proxies));
        let ip = shown(&world, forwarded(lines), peer).await.device.ip.map(|ip| ip.to_string());
        assert_eq!(ip.as_deref(), expected, "{proxies} {lines:?}");
    }
}

#[tokio::test]
async fn address_and_user_agent_can_be_kept_out() {
    let agent = login().header("user-agent", "Firefox");
    let world = World::routed(|routes| routes.without_ip());
    let device = shown(&world, agent.clone(), Some("192.0.2.1:1")).await.device;
    assert_eq!((device.ip, device.user_agent.as_deref()), (None, Some("Firefox")));
    let world = World::routed(|routes| routes.without_user_agent());
    let device = shown(&world, agent, Some("192.0.2.1:1")).await.device;
    assert_eq!((device.ip.map(|ip| ip.to_string()).as_deref(), device.user_agent), (Some("192.0.2.1"), None));
}

#[tokio::test]
async fn a_hostile_user_agent_is_bounded() {
    let world = World::new();
    for agent in [&b"\xff\xfe\x80"[..], "é".repeat(4000).as_bytes(), b"<script>alert(1)</script>", b""] {
        let shown = shown(&world, login().header("user-agent", agent), None).await;
        assert!(shown.device.user_agent.unwrap().len() <= 256);
    }
}

#[tokio::test]
async fn a_store_that_fails_is_503() {
    let world = World::new();
    let jar = world.login("alice").await;
    world.store.is(Mood::Failing);
    for asking in [list().jar(&jar), end(jar.session()).jar(&jar)] {
        let answer: Answer = world.send(asking).await;
        assert_eq!((answer.said(), answer.header("retry-after")), ((503, "temporarily_unavailable".into()), Some("1")));
    }
}
