//! An issuer of test tokens, and requests that carry them.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of tests, outside of any test function")]

use std::fmt::Display;

use axum::body::Body;
use http::request::Builder;
use http::{Request, Response};
use jwt_sessions::auth::{Refusal, RefusalKind, Verifier, VerifierBuilder};
use jwt_sessions::clock::Clock;
use jwt_sessions::site::Site;
use jwt_sessions::token::{ACCESS_TYPE, Algorithm, KeySet, SessionId, Signer, SigningKey, Timestamp};
use serde_json::{Value, json};

pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const COOKIE: &str = "__Host-Http-access";
pub(crate) const SECRET: &str = "planted-secret-0123456789-abcdefgh";

pub(crate) struct Issuer {
    pub(crate) keys: KeySet,
    pub(crate) clock: Clock,
    signer: Signer,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
        Self {
            keys: KeySet::new(key.clone()),
            clock: Clock::manual(Timestamp::from_secs(NOW)),
            signer: Signer::new(key, ACCESS_TYPE),
        }
    }

    /// A builder that lacks nothing, for a site with cookies.
    pub(crate) fn builder(&self) -> VerifierBuilder {
        Verifier::builder(self.keys.clone())
            .issuer("https://id.example")
            .audience("https://api.example")
            .site(Site::new("https://app.example").unwrap())
            .clock(self.clock.clone())
            .realm("test")
    }

    pub(crate) fn verifier(&self) -> Verifier {
        self.builder().build().unwrap()
    }

    /// A token of Alice's session 1 that lives for 60 seconds, with other members on top; `null` takes one away.
    pub(crate) fn token(&self, members: Value) -> String {
        let mut claims = json!({
            "iss": "https://id.example", "aud": "https://api.example", "sub": "alice", "iat": NOW, "exp": NOW + 60,
            "sid": session(1).to_string(), "gen": 1,
        });
        for (name, value) in members.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        self.signer.sign(&claims.to_string()).unwrap()
    }

    pub(crate) fn alice(&self) -> String {
        self.token(json!({}))
    }
}

pub(crate) fn session(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

pub(crate) fn bearer(token: impl Display) -> String {
    format!("Bearer {token}")
}

pub(crate) fn cookie(token: impl Display) -> String {
    format!("{COOKIE}={token}")
}

pub(crate) fn get(path: &str, headers: &[(&str, String)]) -> Request<Body> {
    with(Request::get(path), headers)
}

pub(crate) fn with(mut request: Builder, headers: &[(&str, String)]) -> Request<Body> {
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(Body::empty()).unwrap()
}

pub(crate) fn refusal<B>(response: &Response<B>) -> Option<RefusalKind> {
    response.extensions().get::<Refusal>().map(Refusal::kind)
}

pub(crate) async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}
