//! Whoever verifies access tokens elsewhere finds the public keys where RFC 8615 says.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers outside of any test function")]

use std::process::Command;

use axum::Router;
use http::Method;
use jwt_sessions::auth::Verifier;
use jwt_sessions::token::{Algorithm, KeySet, SigningKey, VerifyingKey};
use jwt_sessions::{Client, Grant, Keys, Opened, Sessions, accounts_elsewhere, jwks_router, session_router};
use serde_json::{Value, json};
use tower::ServiceExt;

use self::common::store::Store;
use self::common::{Answer, ask};

#[path = "common/world.rs"]
mod common;

/// A private key in PKCS#8, made by openssl.
fn pem(algorithm: &str, option: Option<&str>) -> Vec<u8> {
    let mut openssl = Command::new("openssl");
    openssl.args(["genpkey", "-algorithm", algorithm]);
    if let Some(option) = option {
        openssl.args(["-pkeyopt", option]);
    }
    let made = openssl.output().expect("openssl makes the keys of this test: apt-get install openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

fn sessions(access: KeySet) -> Sessions<Store> {
    let refresh = SigningKey::secret(Algorithm::HS256, "refresh-secret-0123456789-abcdefghij").unwrap();
    let grant = async |_: String| Ok::<_, std::io::Error>(Some(Grant::new(json!({}))));
    let keys = Keys::new(access, KeySet::new(refresh)).unwrap();
    let store = Store::new(Default::default());
    Sessions::builder(keys, store, accounts_elsewhere(grant)).issuer("https://id.example").build().unwrap()
}

async fn get(sessions: &Sessions<Store>) -> Answer {
    let app: Router = Router::new().nest("/auth", session_router(sessions.clone())).merge(jwks_router(sessions));
    let get = |path| app.clone().oneshot(ask(Method::GET, path).request());
    assert_eq!(get("/auth/.well-known/jwks.json").await.unwrap().status(), 404);
    Answer::of(get("/.well-known/jwks.json").await.unwrap()).await
}

#[tokio::test]
async fn public_keys_are_published_and_verify_what_is_issued() {
    for (algorithm, pem, members) in [
        (Algorithm::EdDSA, pem("ed25519", None), json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA"})),
        (
            Algorithm::ES256,
            pem("EC", Some("ec_paramgen_curve:P-256")),
            json!({"kty": "EC", "crv": "P-256", "alg": "ES256"}),
        ),
        (
            Algorithm::RS256,
            pem("RSA", Some("rsa_keygen_bits:2048")),
            json!({"kty": "RSA", "e": "AQAB", "alg": "RS256"}),
        ),
    ] {
        let sessions = sessions(KeySet::new(SigningKey::pem(algorithm, &pem).unwrap()));
        let answer = get(&sessions).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
        let body = answer.json();
        let [key] = &body["keys"].as_array().unwrap()[..] else { panic!("one key: {body}") };
        for (name, value) in members.as_object().unwrap() {
            assert_eq!(&key[name], value, "{name}");
        }
        assert_eq!(key["use"], "sig");
        for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert_eq!(key[secret], Value::Null, "{secret} is not for others");
        }
        // What a resource server does with it.
        let published = VerifyingKey::jwk(algorithm, &key.to_string()).unwrap();
        let verifier = Verifier::builder(KeySet::verifying([published]).unwrap())
            .issuer("https://id.example")
            .audience("https://id.example")
            .build()
            .unwrap();
        let Opened::Tokens(tokens) = sessions.open("alice", Client::default()).await.unwrap() else { panic!("none") };
        assert_eq!(verifier.verify(tokens.access_token()).unwrap().registered().subject.as_deref(), Some("alice"));
        assert!(verifier.verify(tokens.refresh_token()).is_err());
    }
}

#[tokio::test]
async fn secrets_are_never_published() {
    let sessions =
        sessions(KeySet::new(SigningKey::secret(Algorithm::HS256, "access-secret-0123456789-abcdefghij").unwrap()));
    let answer = get(&sessions).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"keys": []})));
}
