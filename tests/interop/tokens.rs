//! Tokens of Node's `jsonwebtoken` and `jose`, and ours.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails fails its test, at the line that called it"
)]

use axum::body::Body;
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, StatusCode};
use jwt_sessions::auth::{Authenticated, JwtAuthLayer, Refusal, Verifier};
use jwt_sessions::clock::Clock;
use jwt_sessions::store::MemoryStore;
use jwt_sessions::token::{
    ACCESS_TYPE, Algorithm, KeySet, REFRESH_TYPE, Signer, SigningKey, Timestamp, TokenErrorKind, VerifyingKey,
};
use jwt_sessions::{Client, Grant, Keys, Opened, Sessions, Tokens, accounts_elsewhere, jwks_router};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::node::ask;

const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://api.example";
const LIBRARIES: [&str; 2] = ["jsonwebtoken", "jose"];

/// A secret of 64 bytes, which `HS512` takes, too.
const SECRET: &str = "access-secret-of-these-tests-0123456789-abcdefghijklmnopqrstuvwx";
const REFRESH_SECRET: &str = "refresh-secret-of-these-tests-0123456789-abcdefghij";

/// What both sides have of an algorithm: the private half, and the public one.
fn material(algorithm: Algorithm) -> (&'static str, &'static str) {
    match algorithm.name() {
        "EdDSA" => (include_str!("../keys/ed25519.pem"), include_str!("../keys/ed25519_public.pem")),
        "ES256" => (include_str!("../keys/p256.pem"), include_str!("../keys/p256_public.pem")),
        "ES384" => (include_str!("../keys/p384.pem"), include_str!("../keys/p384_public.pem")),
        name if name.starts_with("HS") => (SECRET, SECRET),
        _ => (include_str!("../keys/rsa.pem"), include_str!("../keys/rsa_public.pem")),
    }
}

fn signing(algorithm: Algorithm) -> SigningKey {
    let (private, _) = material(algorithm);
    if algorithm.is_symmetric() {
        SigningKey::secret(algorithm, private).unwrap()
    } else {
        SigningKey::pem(algorithm, private).unwrap()
    }
}

fn verifying(algorithm: Algorithm) -> VerifyingKey {
    let (_, public) = material(algorithm);
    if algorithm.is_symmetric() {
        VerifyingKey::secret(algorithm, public).unwrap()
    } else {
        VerifyingKey::pem(algorithm, public).unwrap()
    }
}

/// Whether that library has that algorithm: `jsonwebtoken` 9 has no EdDSA.
fn knows(library: &str, algorithm: Algorithm) -> bool {
    library == "jose" || algorithm != Algorithm::EdDSA
}

/// What JSON has, and what writers of JSON do differently.
fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": ["https://other.example", AUDIENCE], "sub": "alice", "iat": NOW - 1, "nbf": NOW,
        "exp": NOW + 60, "jti": "one", "scope": "read write", "fullName": NAME,
        "roles": ["admin", "user"], "nested": {"deep": [0, -2, 3.5, true, null, {}], "largest": 9_007_199_254_740_991_i64},
    })
}

const NAME: &str = "Zoë \u{65e5}\u{672c} \u{1f980} \"quoted\" \\ / </script> \u{8}\u{1}\u{7f}\u{2028} \t\r\n";

/// What the layer says of a token: the claims that a handler sees, or the step that refused it.
async fn layer(keys: &KeySet, token: &str) -> Result<Value, TokenErrorKind> {
    let verifier = Verifier::builder(keys.clone())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .clock(Clock::manual(Timestamp::from_secs(NOW)))
        .build()
        .unwrap();
    let app = Router::new()
        .route("/", get(async |user: Authenticated<Value>| Json(user.claims().clone())))
        .route_layer(JwtAuthLayer::new(verifier));
    let request = Request::get("/").header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    if response.status() != StatusCode::OK {
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        return Err(response.extensions().get::<Refusal>().unwrap().token_error().unwrap());
    }
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    Ok(serde_json::from_slice(&body).unwrap())
}

fn sign(library: &str, algorithm: Algorithm, header: &Value) -> Value {
    let (private, _) = material(algorithm);
    json!({"job": "sign", "by": library, "header": header, "claims": claims(), "key": private})
}

fn verify(library: &str, algorithm: Algorithm, typ: &str, audience: &str, token: &str) -> Value {
    let (_, public) = material(algorithm);
    let key = if typ == REFRESH_TYPE { REFRESH_SECRET } else { public };
    json!({
        "job": "verify", "by": library, "algorithms": [algorithm.name()], "issuer": ISSUER, "audience": audience,
        "typ": typ, "now": NOW, "token": token, "key": key,
    })
}

fn token(answer: &Value) -> &str {
    answer["token"].as_str().unwrap_or_else(|| panic!("no token: {answer}"))
}

/// Header and claims, as the token's text has them.
fn parts(token: &str) -> [String; 2] {
    let part = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let mut parts = token.split('.').map(part);
    [parts.next().unwrap(), parts.next().unwrap()]
}

fn sessions(access: KeySet) -> Sessions<MemoryStore> {
    let clock = Clock::manual(Timestamp::from_secs(NOW));
    let refresh = KeySet::new(SigningKey::secret(Algorithm::HS256, REFRESH_SECRET).unwrap());
    let grant = async |_: String| {
        let claims = json!({"_id": "alice", "fullName": NAME, "nested": {"deep": [0, -2, 3.5, true, null, {}]}});
        Ok::<_, std::io::Error>(Some(Grant::new(claims).scope("read").scope("write")))
    };
    Sessions::builder(Keys::new(access, refresh).unwrap(), MemoryStore::new(clock.clone()), accounts_elsewhere(grant))
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .clock(clock)
        .build()
        .unwrap()
}

async fn open(sessions: &Sessions<MemoryStore>) -> Tokens {
    match sessions.open("alice", Client::default()).await.unwrap() {
        Opened::Tokens(tokens) => tokens,
        other => panic!("no session: {other:?}"),
    }
}

#[tokio::test]
async fn the_layer_takes_what_node_signs() {
    // The public keys as `jose` writes them for a JWK Set, with the thumbprint as `kid`.
    let exports: Vec<_> = Algorithm::ALL
        .iter()
        .map(|algorithm| json!({"job": "export", "alg": algorithm.name(), "key": material(*algorithm).1}))
        .collect();
    let exported = ask(&exports);
    let set = KeySet::jwks(&json!({"keys": exported}).to_string(), &Algorithm::ALL).unwrap();
    assert_eq!(set.verifying_keys().len(), Algorithm::ALL.len());

    let mut cases = Vec::new();
    for (algorithm, jwk) in Algorithm::ALL.into_iter().zip(&exported) {
        let own = verifying(algorithm);
        // Ours is the beginning of the same thumbprint (RFC 7638); a secret's would be a digest to guess against.
        let begins = jwk["kid"].as_str().unwrap().starts_with(own.key_id().unwrap());
        assert_eq!(begins, !algorithm.is_symmetric(), "{algorithm}");
        let own = KeySet::verifying([own]).unwrap();
        for library in LIBRARIES.into_iter().filter(|library| knows(library, algorithm)) {
            let nameless = json!({"alg": algorithm.name(), "typ": ACCESS_TYPE});
            let named = json!({"alg": algorithm.name(), "typ": "application/AT+JWT", "kid": jwk["kid"]});
            cases.push((sign(library, algorithm, &nameless), own.clone()));
            cases.push((sign(library, algorithm, &nameless), set.clone()));
            cases.push((sign(library, algorithm, &named), set.clone()));
        }
    }
    let jobs: Vec<_> = cases.iter().map(|(job, _)| job.clone()).collect();
    for ((job, keys), answer) in cases.iter().zip(ask(&jobs)) {
        let what = format!("{} {}", job["by"], job["header"]);
        assert_eq!(layer(keys, token(&answer)).await, Ok(claims()), "{what}");
    }
    assert_eq!(cases.len(), 3 * (2 * Algorithm::ALL.len() - 1));
}

#[tokio::test]
async fn node_takes_what_is_issued_here() {
    let mut cases = Vec::new();
    for algorithm in Algorithm::ALL {
        let tokens = open(&sessions(KeySet::new(signing(algorithm)))).await;
        for library in LIBRARIES {
            let access = verify(library, algorithm, ACCESS_TYPE, AUDIENCE, tokens.access_token());
            cases.push((access, knows(library, algorithm)));
            let audience = format!("{AUDIENCE}/refresh");
            let refresh = verify(library, Algorithm::HS256, REFRESH_TYPE, &audience, tokens.refresh_token());
            cases.push((refresh, true));
        }
    }
    let jobs: Vec<_> = cases.iter().map(|(job, _)| job.clone()).collect();
    for ((job, known), answer) in cases.iter().zip(ask(&jobs)) {
        if !known {
            assert_eq!(answer["error"], "Unknown key type \"ed25519\".", "{job}");
            continue;
        }
        let said = parts(job["token"].as_str().unwrap()).map(|part| serde_json::from_str::<Value>(&part).unwrap());
        assert_eq!([&answer["header"], &answer["claims"]], [&said[0], &said[1]], "{job}: {answer}");
        assert_eq!(said[1]["sub"], "alice");
    }
}

#[tokio::test]
async fn ed25519_is_taken_under_either_of_its_names() {
    let (_, public) = material(Algorithm::EdDSA);
    let mut jobs = vec![json!({"job": "export", "alg": "Ed25519", "key": public})];
    jobs.extend(
        ["EdDSA", "Ed25519"].map(|alg| sign("jose", Algorithm::EdDSA, &json!({"alg": alg, "typ": ACCESS_TYPE}))),
    );
    let answers = ask(&jobs);
    let jwks = json!({"keys": [answers[0]]}).to_string();
    let published = KeySet::jwks(&jwks, &[Algorithm::EdDSA]).unwrap();
    for (job, answer) in jobs.iter().zip(&answers).skip(1) {
        let [header, _] = parts(token(answer)).map(|part| serde_json::from_str::<Value>(&part).unwrap());
        assert_eq!(header["alg"], job["header"]["alg"]);
        for keys in [published.clone(), KeySet::verifying([verifying(Algorithm::EdDSA)]).unwrap()] {
            assert_eq!(layer(&keys, token(answer)).await.unwrap()["sub"], "alice", "{job}");
        }
        // A name, and not a way to another algorithm.
        let other = KeySet::verifying([verifying(Algorithm::ES256)]).unwrap();
        assert_eq!(layer(&other, token(answer)).await, Err(TokenErrorKind::Algorithm));
    }
}

#[tokio::test]
async fn node_takes_the_keys_from_where_they_are_published() {
    let algorithms =
        [Algorithm::EdDSA, Algorithm::ES256, Algorithm::ES384, Algorithm::RS256, Algorithm::PS256, Algorithm::HS256];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut app = Router::new();
    let mut jobs = Vec::new();
    for algorithm in algorithms {
        // All keys of the site, each time with another one that signs.
        let others = algorithms.into_iter().filter(|other| *other != algorithm).map(verifying);
        let keys = others.fold(KeySet::new(signing(algorithm)), |keys, key| keys.and(key).unwrap());
        let sessions = sessions(keys);
        app = app.nest(&format!("/{algorithm}"), jwks_router(&sessions));
        let tokens = open(&sessions).await;
        let audience = format!("{AUDIENCE}/refresh");
        for mut job in [
            verify("jose", algorithm, ACCESS_TYPE, AUDIENCE, tokens.access_token()),
            verify("jose", Algorithm::HS256, REFRESH_TYPE, &audience, tokens.refresh_token()),
        ] {
            job["job"] = "fetch".into();
            job["url"] = format!("http://{address}/{algorithm}/.well-known/jwks.json").into();
            jobs.push(job);
        }
    }
    let serving = tokio::spawn(async { axum::serve(listener, app).await });
    let asked = jobs.clone();
    let answers = tokio::task::spawn_blocking(move || ask(&asked)).await.unwrap();
    serving.abort();
    for (job, answer) in jobs.iter().zip(answers) {
        if job["algorithms"][0] == "HS256" {
            // Secrets are not published: the tokens that they sign are the issuer's alone.
            assert!(answer["error"].as_str().is_some_and(|code| code.starts_with("ERR_J")), "{job}: {answer}");
        } else {
            assert_eq!(answer["claims"]["sub"], "alice", "{job}: {answer}");
        }
    }
}

#[tokio::test]
async fn the_same_claims_are_the_same_bytes() {
    let tokens = open(&sessions(KeySet::new(signing(Algorithm::HS256)))).await;
    let mut issued = vec![(tokens.access_token(), SECRET), (tokens.refresh_token(), REFRESH_SECRET)];
    // As `jsonwebtoken` writes a header where nothing is asked for.
    let plain = SigningKey::secret(Algorithm::HS256, SECRET).unwrap().without_kid();
    let plain = Signer::new(plain, "JWT").sign(&parts(issued[0].0)[1]).unwrap();
    issued.push((&plain, SECRET));
    let jobs: Vec<_> = issued
        .iter()
        .flat_map(|(token, key)| LIBRARIES.map(|by| json!({"job": "again", "by": by, "token": token, "key": key})))
        .collect();
    let answers = ask(&jobs);
    for (job, answer) in jobs.iter().zip(&answers) {
        // The texts first, which tell where they differ.
        assert_eq!(parts(token(answer)), parts(job["token"].as_str().unwrap()), "{}", job["by"]);
        assert_eq!(token(answer), job["token"], "{}", job["by"]);
    }
    assert_eq!(answers.len(), 6);
    assert!(parts(issued[0].0)[1].contains("fullName") && parts(issued[1].0)[1].contains("\"sec\""));
    assert_eq!(parts(&plain)[0], r#"{"alg":"HS256","typ":"JWT"}"#);
}

#[path = "refusals.rs"]
mod refusals;
