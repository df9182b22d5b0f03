//! Holds the layer to its tables.

use axum::Router;
use axum::routing::any;
use jwt_sessions::Authenticated;
use jwt_sessions::auth::{JwtAuthLayer, Refusal};
use jwt_sessions::token::{REFRESH_TYPE, Signer};
use serde_json::json;

use super::issuer::{Issuer, NOW, session};
use super::row::{Row, Verdict};
use super::send::{Reply, Server, Tokens, in_process, nothing_panicked, request_of};

/// No credential: the challenge has no error code (RFC 6750 section 3.1).
pub(crate) const NOBODY: Verdict = Verdict::Refused(401, "missing_token", r#"Bearer realm="test""#);
/// A credential that is not a valid access token.
pub(crate) const INVALID: Verdict = Verdict::Refused(
    401,
    "invalid_token",
    r#"Bearer realm="test", error="invalid_token", error_description="the access token is not valid""#,
);
pub(crate) const EXPIRED: Verdict = Verdict::Refused(
    401,
    "token_expired",
    r#"Bearer realm="test", error="invalid_token", error_description="the access token has expired""#,
);
/// Malformed, or contradictory.
pub(crate) const MALFORMED: Verdict = Verdict::Refused(
    400,
    "invalid_request",
    r#"Bearer realm="test", error="invalid_request", error_description="the credentials are malformed or contradict each other""#,
);
pub(crate) const ALICE: Verdict = Verdict::Taken("alice, session 1, generation 1");
pub(crate) const ALICE_2: Verdict = Verdict::Taken("alice, session 1, generation 2");
/// The handler runs, and no token reaches it.
pub(crate) const ANONYMOUS: Verdict = Verdict::Taken("nobody");

pub(crate) fn tokens(issuer: &Issuer) -> Tokens {
    let refresh = Signer::new(issuer.keys.signing_key().unwrap().clone(), REFRESH_TYPE);
    let claims = json!({
        "iss": "https://id.example", "aud": "https://api.example", "sub": "alice", "exp": NOW + 60,
        "sid": session(1).to_string(), "gen": 1,
    });
    let alice = issuer.alice();
    let (signed, _) = alice.rsplit_once('.').unwrap();
    Tokens(vec![
        // Valid for 60 seconds: Alice's session 1 in two generations, her session 2, Bob's session 3, and tokens of Bob
        // in Alice's session and of no session.
        ("alice2", issuer.token(json!({"gen": 2}))),
        ("alice elsewhere", issuer.token(json!({"sid": session(2).to_string(), "gen": 9}))),
        ("bob", issuer.token(json!({"sub": "bob", "sid": session(3).to_string()}))),
        ("bob in 1", issuer.token(json!({"sub": "bob"}))),
        ("sessionless", issuer.token(json!({"sid": null, "gen": null}))),
        // Not valid, each for one reason.
        ("expired", issuer.token(json!({"exp": NOW}))),
        ("foreign", issuer.token(json!({"aud": "https://other.example"}))),
        ("nameless", issuer.token(json!({"sub": null}))),
        ("refresh", refresh.sign(&claims.to_string()).unwrap()),
        ("forged", format!("{signed}.{}", "A".repeat(43))),
        ("alice", alice),
    ])
}

/// Answers who asks.
pub(crate) fn app(layer: JwtAuthLayer) -> Router {
    async fn who(user: Option<Authenticated>) -> String {
        let Some(user) = user else { return "nobody".to_owned() };
        let number = user.session_id().and_then(|id| (1..=3).find(|number| session(*number) == id));
        let generation = user.registered().generation.unwrap_or_default();
        format!("{}, session {}, generation {generation}", user.subject(), number.unwrap_or_default())
    }
    Router::new().route("/", any(who)).route_layer(layer)
}

/// Sends every row; `no_request` of them make no request, and go over the socket alone.
pub(crate) async fn judge(rows: &[Row], no_request: usize) {
    let issuer = Issuer::new();
    let tokens = tokens(&issuer);
    let strict = app(JwtAuthLayer::new(issuer.verifier()));
    let optional = app(JwtAuthLayer::new(issuer.verifier()).optional());
    let cookie_first = app(JwtAuthLayer::new(issuer.builder().cookie_first().build().unwrap()));
    let server = Server::of(strict.clone()).await;
    let mut wire_alone = 0;
    for row in rows {
        let name = format!("{} ({})", row.name, row.section);
        assert!(["RFC ", "Fetch ", "DESIGN.md, "].iter().any(|source| row.section.starts_with(source)), "{name}");
        held(&server.send(row, &tokens).await, row.expected, row, &format!("{name}, by socket"));
        if request_of(row, &tokens).is_none() || matches!(row.expected, Verdict::ByServer(_)) {
            wire_alone += 1;
            continue;
        }
        // Absent passes, invalid does not.
        let lenient = if row.expected == NOBODY { ANONYMOUS } else { row.expected };
        let other = row.cookie_first.unwrap_or(row.expected);
        for (app, expected, way) in [
            (&strict, row.expected, "strict"),
            (&optional, lenient, "optional"),
            (&cookie_first, other, "cookie first"),
        ] {
            let name = format!("{name}, {way}");
            let (reply, extensions) = in_process(app, request_of(row, &tokens).unwrap()).await;
            held(&reply, expected, row, &name);
            let reason = extensions.get::<Refusal>().map(|refusal| refusal.status().as_u16());
            assert_eq!(reason, (reply.status != 200).then_some(reply.status), "the reason of {name}");
        }
    }
    assert_eq!(wire_alone, no_request, "rows that make no request");
    nothing_panicked();
}

fn held(reply: &Reply, expected: Verdict, row: &Row, name: &str) {
    let head = row.start.starts_with(b"HEAD");
    assert!(reply.all("set-cookie").is_empty(), "{name}");
    match expected {
        Verdict::Taken(who) => {
            assert_eq!((reply.status, reply.body.as_str()), (200, if head { "" } else { who }), "{name}");
            assert_eq!(reply.one("cache-control"), "private", "{name}");
        }
        Verdict::Refused(status, error, challenge) => {
            assert_eq!((reply.status, reply.one("www-authenticate")), (status, challenge), "{name}: {}", reply.body);
            assert_eq!(
                (reply.one("cache-control"), reply.one("content-type")),
                ("no-store", "application/json"),
                "{name}"
            );
            if head {
                assert_eq!(reply.body, "", "{name}");
            } else {
                let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
                assert_eq!((&body["error"], &body["retryable"]), (&json!(error), &json!(false)), "{name}");
            }
        }
        Verdict::ByServer(status) => {
            assert_eq!((reply.status, reply.one("content-type")), (status, ""), "{name}: {}", reply.body);
            return;
        }
        Verdict::Cleared(..) => panic!("the layer clears no cookie: {name}"),
    }
    assert_eq!(reply.one("vary"), "Cookie, Authorization", "{name}");
}
