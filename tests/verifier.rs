//! A verifier is refused when it is built, or never; it keeps its secrets.

use std::sync::Arc;
use std::time::Duration;

use jwt_sessions::auth::{
    Authenticated, JwtAuthLayer, Noted, RefusalKind, Require, SessionWatch, Sight, Verifier, VerifierErrorKind,
    authenticated,
};
use jwt_sessions::token::{KeySet, Registered, Signer, TokenErrorKind};
use serde_json::json;
use tower::{Layer, ServiceExt};

#[path = "common/auth.rs"]
mod common;
use common::{Issuer, bearer};

#[test]
fn bad_settings_are_refused_at_build() {
    let issuer = Issuer::new();
    let bare = || Verifier::builder(issuer.keys.clone());
    let named = || bare().issuer("i").audience("a");
    for (builder, expected) in [
        (Verifier::builder(KeySet::empty()).issuer("i").audience("a"), Some(VerifierErrorKind::Keys)),
        (bare(), Some(VerifierErrorKind::Issuer)),
        (bare().audience("a"), Some(VerifierErrorKind::Issuer)),
        (bare().issuer("i"), Some(VerifierErrorKind::Audience)),
        (bare().issuer("").audience("a"), Some(VerifierErrorKind::Issuer)),
        (bare().issuer("i").audience(""), Some(VerifierErrorKind::Audience)),
        (named().audience("").audience("b"), Some(VerifierErrorKind::Audience)),
        (named().typ(""), Some(VerifierErrorKind::Type)),
        (named().subject_claim(""), Some(VerifierErrorKind::SubjectClaim)),
        (named().subject_claim("scope"), Some(VerifierErrorKind::SubjectClaim)),
        (named().subject_claim("exp"), Some(VerifierErrorKind::SubjectClaim)),
        (named().subject_claim("_id"), None),
        (named().subject_claim("sub"), None),
        (named().leeway(Duration::from_secs(61)), Some(VerifierErrorKind::Leeway)),
        (named().realm(""), Some(VerifierErrorKind::Realm)),
        (named().realm("a\nb"), Some(VerifierErrorKind::Realm)),
        (named().realm("é"), Some(VerifierErrorKind::Realm)),
        (named().realm("a\r\nSet-Cookie: a=b"), Some(VerifierErrorKind::Realm)),
        (named().realm("a\tb"), Some(VerifierErrorKind::Realm)),
        (named().realm("a\0"), Some(VerifierErrorKind::Realm)),
        (named().realm("a\u{7f}"), Some(VerifierErrorKind::Realm)),
        // What a quoted-string escapes is a realm like any other.
        (named().realm("\"\\"), None),
        (named(), None),
        (named().leeway(Duration::from_secs(60)), None),
        (bare().dangerous_any_issuer().dangerous_any_audience(), None),
    ] {
        assert_eq!(builder.build().map(|_| ()).map_err(|error| error.kind()).err(), expected);
    }
}

#[test]
fn what_is_not_waived_is_compared() {
    let issuer = Issuer::new();
    let kind = |verifier: &Verifier, members| {
        verifier.verify(&issuer.token(members)).map(|_| ()).map_err(|refusal| refusal.token_error()).err().flatten()
    };
    let strict = issuer.verifier();
    assert_eq!(kind(&strict, json!({})), None);
    assert_eq!(kind(&strict, json!({"iss": "https://evil.example"})), Some(TokenErrorKind::Issuer));
    assert_eq!(kind(&strict, json!({"aud": "https://evil.example"})), Some(TokenErrorKind::Audience));
    assert_eq!(kind(&strict, json!({"sub": null})), Some(TokenErrorKind::MissingClaim));
    assert_eq!(kind(&strict, json!({"sid": null})), None);

    // To waive what was named changes nothing.
    let named = issuer.builder().dangerous_any_issuer().dangerous_any_audience().build().unwrap();
    assert_eq!(kind(&named, json!({"iss": "https://evil.example"})), Some(TokenErrorKind::Issuer));

    let sessions = issuer.builder().session().build().unwrap();
    assert_eq!(kind(&sessions, json!({"sid": null})), Some(TokenErrorKind::MissingClaim));

    let open = Verifier::builder(issuer.keys.clone()).clock(issuer.clock.clone());
    let open = open.dangerous_any_issuer().dangerous_any_audience().build().unwrap();
    assert_eq!(kind(&open, json!({"iss": null, "aud": "x"})), None);

    let tolerant = issuer.builder().leeway(Duration::from_secs(60)).build().unwrap();
    issuer.clock.advance(Duration::from_secs(119));
    assert_eq!(kind(&tolerant, json!({})), None);
    assert_eq!(kind(&strict, json!({})), Some(TokenErrorKind::Expired));
}

#[test]
fn tokens_of_another_type_are_refused_unless_that_is_waived() {
    let issuer = Issuer::new();
    let signer = Signer::new(issuer.keys.signing_key().unwrap().clone(), "rt+jwt");
    let payload =
        json!({"iss": "https://id.example", "aud": "https://api.example", "sub": "alice", "exp": common::NOW + 1});
    let token = signer.sign(&payload.to_string()).unwrap();
    let refusal = issuer.verifier().verify(&token).unwrap_err();
    assert_eq!(refusal.token_error(), Some(TokenErrorKind::Type));
    assert!(issuer.builder().typ("application/RT+JWT").build().unwrap().verify(&token).is_ok());
    assert!(issuer.builder().dangerous_any_typ().build().unwrap().verify(&token).is_ok());
}

#[test]
fn a_resource_server_verifies_from_public_keys_alone() {
    let issuer = Issuer::new();
    let keys = KeySet::verifying(issuer.keys.verifying_keys().to_vec()).unwrap();
    let verifier = Verifier::builder(keys).issuer("https://id.example").audience("https://api.example");
    let verifier = verifier.clock(issuer.clock.clone()).build().unwrap();
    assert_eq!(verifier.verify(&issuer.alice()).unwrap().registered().subject.as_deref(), Some("alice"));
}

#[test]
fn a_token_by_hand_is_asked_of_the_watch_too() {
    struct Ended;
    impl SessionWatch for Ended {
        fn sight(&self, _: &Registered, _: &Noted) -> Sight {
            Sight::Ended
        }
    }
    let issuer = Issuer::new();
    let verifier = issuer.builder().watch(Arc::new(Ended)).build().unwrap();
    assert_eq!(verifier.verify(&issuer.alice()).unwrap_err().kind(), RefusalKind::SessionEnded);
    assert_eq!(verifier.verify("a.b.c").unwrap_err().kind(), RefusalKind::InvalidToken);
}

#[tokio::test]
async fn nothing_that_is_formatted_holds_a_secret() {
    #[derive(serde::Deserialize)]
    struct Own {
        #[serde(rename = "own")]
        _own: String,
    }
    let issuer = Issuer::new();
    let layer = JwtAuthLayer::new(issuer.verifier());
    let token = issuer.token(json!({"own": "planted-claim"}));
    let inner = tower::service_fn(async |request: http::Request<()>| {
        let user: Authenticated<Own> = authenticated(request.extensions()).unwrap().unwrap();
        Ok::<_, std::convert::Infallible>(http::Response::new(format!("{user:?} {:?}", request.extensions())))
    });
    let request = http::Request::get("/").header("authorization", bearer(&token)).body(()).unwrap();
    let inside = layer.layer(inner).oneshot(request).await.unwrap().into_body();
    assert!(inside.contains("alice"), "the test sees what it formats");
    let refusal = issuer.verifier().verify("a.b.c").unwrap_err();
    let texts = [
        inside,
        format!("{:?} {:?} {:?}", issuer.verifier(), issuer.builder(), layer),
        format!("{:?} {refusal:?} {refusal}", layer.layer(())),
        format!("{:?}", Require::when(|_| true)),
    ];
    for text in texts {
        assert!(!text.contains("planted"), "{text}");
        assert!(!text.contains(&token), "{text}");
    }
}
