//! Holds the router's `/refresh` to its tables.
//!
//! Each row meets a world of its own: two living sessions of Alice, one of Bob and one that has ended. Alice's session
//! A is in its second generation, old enough to be rotated again. With the strict preset a token of its first
//! generation would by now be a reuse, and end it: so an answer of the third shows that the second was taken.

use jwt_sessions::router::RouterRefusal;
use jwt_sessions::session::Rotation;
use jwt_sessions::token::SessionId;
use serde_json::{Value, json};

use super::row::{Row, Verdict};
use super::send::{Reply, Server, Tokens, in_process, nothing_panicked, request_of};
use super::world::{ACCESS, Jar, REFRESH, World, generation, post, session_of};

pub(crate) const REFRESH_LINE: &[u8] = b"POST /auth/refresh HTTP/1.1";
/// No token: the challenge has no error code (RFC 6750 section 3.1).
pub(crate) const MISSING: Verdict = Verdict::Refused(401, "missing_token", r#"Bearer realm="session""#);
/// A token that is none of ours: another one may be, so nothing is cleared.
pub(crate) const INVALID: Verdict =
    Verdict::Refused(401, "invalid_token", r#"Bearer realm="session", error="invalid_token""#);
pub(crate) const MALFORMED: Verdict = Verdict::Refused(400, "invalid_request", "");
pub(crate) const TOO_LARGE: Verdict = Verdict::Refused(413, "payload_too_large", "");
pub(crate) const OTHER_TYPE: Verdict = Verdict::Refused(415, "unsupported_media_type", "");
pub(crate) const ENDED: Verdict =
    Verdict::Cleared(401, "session_ended", r#"Bearer realm="session", error="invalid_token""#);
/// Session A's second generation was taken, and its third is answered.
pub(crate) const A_BY_COOKIE: Verdict = Verdict::Taken("A, generation 3, in cookies");
pub(crate) const A_BY_BODY: Verdict = Verdict::Taken("A, generation 3, in the body");

struct Scene {
    world: World,
    tokens: Tokens,
    sessions: [(SessionId, &'static str, &'static str); 3],
}

impl Scene {
    async fn new() -> Self {
        let world = World::built(|builder| builder.rotation(Rotation::strict()));
        let first = world.login("alice").await;
        let mut second = first.clone();
        second.keep(&world.send(post("/auth/refresh").jar(&first)).await);
        let (other, bob, ended) = (world.login("alice").await, world.login("bob").await, world.login("alice").await);
        assert!(world.sessions.revoke("alice", ended.session()).await.unwrap());
        world.wait(91);
        let token = |jar: &Jar| jar.get(REFRESH).to_owned();
        let (signed, _) = second.get(REFRESH).rsplit_once('.').unwrap();
        let tokens = Tokens(vec![
            ("first", token(&first)),
            ("second", token(&second)),
            ("other", token(&other)),
            ("bob", token(&bob)),
            ("ended", token(&ended)),
            ("access", second.get(ACCESS).to_owned()),
            ("forged", format!("{signed}.{}", "A".repeat(43))),
        ]);
        let sessions =
            [(first.session(), "alice", "A"), (other.session(), "alice", "B"), (bob.session(), "bob", "Bob's")];
        Self { world, tokens, sessions }
    }

    /// Which token was taken, told by the one that is answered.
    fn taken(&self, reply: &Reply) -> String {
        let cookies = reply.all("set-cookie");
        let prefix = format!("{REFRESH}=");
        let cookie = cookies.iter().find_map(|cookie| cookie.strip_prefix(&prefix)?.split(';').next());
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        let (token, place) = match (cookie, body["refresh_token"].as_str()) {
            (Some(token), None) if cookies.len() == 2 => (token, "in cookies"),
            (None, Some(token)) if cookies.is_empty() => (token, "in the body"),
            _ => panic!("{reply:?}"),
        };
        let session = self.sessions.iter().find(|(id, ..)| *id == session_of(token)).unwrap().2;
        format!("{session}, generation {}, {place}", generation(token))
    }

    async fn held(&self, reply: &Reply, expected: Verdict, name: &str) {
        let (status, error, challenge, cookies) = match expected {
            Verdict::Taken(which) => {
                assert_eq!((reply.status, reply.one("cache-control")), (200, "no-store"), "{name}: {}", reply.body);
                assert_eq!(self.taken(reply), which, "{name}");
                return;
            }
            Verdict::Refused(status, error, challenge) => (status, error, challenge, 0),
            Verdict::Cleared(status, error, challenge) => (status, error, challenge, 2),
            Verdict::ByServer(status) => {
                assert_eq!((reply.status, reply.one("content-type")), (status, ""), "{name}: {}", reply.body);
                return;
            }
        };
        assert_eq!((reply.status, reply.one("www-authenticate")), (status, challenge), "{name}: {}", reply.body);
        assert_eq!((reply.one("cache-control"), reply.one("content-type")), ("no-store", "application/json"), "{name}");
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!((&body["error"], &body["retryable"]), (&json!(error), &json!(false)), "{name}");
        let set = reply.all("set-cookie");
        assert_eq!(set.len(), cookies, "{name}: {set:?}");
        assert!(set.iter().all(|cookie| cookie.contains("Max-Age=0")), "{name}: {set:?}");
        for (id, subject, which) in self.sessions {
            assert!(self.world.lives(subject, id).await, "{name} ended session {which}");
        }
    }
}

/// Sends every row; `no_request` of them make no request, and go over the socket alone.
pub(crate) async fn judge(rows: &[Row], no_request: usize) {
    let mut wire_alone = 0;
    for row in rows {
        let name = format!("{} ({})", row.name, row.section);
        assert!(["RFC ", "Fetch ", "DESIGN.md, "].iter().any(|source| row.section.starts_with(source)), "{name}");
        let scene = Scene::new().await;
        let server = Server::of(scene.world.app.clone()).await;
        let reply = server.send(row, &scene.tokens).await;
        scene.held(&reply, row.expected, &format!("{name}, by socket")).await;

        let scene = Scene::new().await;
        match request_of(row, &scene.tokens) {
            Some(request) if !matches!(row.expected, Verdict::ByServer(_)) => {
                let (reply, extensions) = in_process(&scene.world.app, request).await;
                scene.held(&reply, row.expected, &name).await;
                let reason = extensions.get::<RouterRefusal>().map(|refusal| refusal.status().as_u16());
                assert_eq!(reason, (reply.status != 200).then_some(reply.status), "the reason of {name}");
            }
            _ => wire_alone += 1,
        }
    }
    assert_eq!(wire_alone, no_request, "rows that make no request");
    nothing_panicked();
}
