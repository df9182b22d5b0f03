//! What a refresh costs in this process, and what one costs that is refused: `cargo bench --bench refresh`.

use std::hint::black_box;

use axum::Router;
use axum::body::Body;
use http::{Request, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use jwt_sessions::session::{Outcome, Refused};
use jwt_sessions::token::{REFRESH_TYPE, Signer, SigningKey};
use jwt_sessions::{Refreshed, session_router};
use jwt_sessions_benches::alike::{done, runtime};
use jwt_sessions_benches::apps::{Claims, choose_backend};
use jwt_sessions_benches::people::People;
use jwt_sessions_benches::rounds::{measure, meter};
use jwt_sessions_benches::tokens::{ALGORITHMS, AUDIENCE, ISSUER, REFRESH_SECRET, SECRET, now, session};
use jwt_sessions_benches::{Case, Effort, Results};
use tokio::runtime::Runtime;
use tower::ServiceExt;

fn main() {
    choose_backend();
    let effort = Effort::asked();
    let mut results = Results::new("refresh", effort);
    let runtime = runtime();
    let mut still = runtime.block_on(People::new(1, 1));
    let old = still.tokens[0].clone();
    runtime.block_on(still.rotate(0));
    let mut cases = vec![by_hand(), rotated(&runtime), routed(&runtime)];
    cases.extend(again(&still, &old, &runtime));
    results.keep_taken("refresh", &measure(effort, &mut cases));
    let asked = still.store.calls();
    results.keep_taken("refused", &measure(effort, &mut refused(&still, &runtime)));
    assert_eq!(still.store.calls(), asked, "the store was asked about a token that is none");
    results.write();
}

/// The least that any rotation of JWTs does: one verified, two signed.
fn by_hand<'a>() -> Case<'a> {
    let (header, secret) = (Header::new(Algorithm::HS256), SECRET.as_bytes());
    let (signs, verifies) = (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret));
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[AUDIENCE]);
    let token = ALGORITHMS[0].token(1);
    Case::new("one token verified and two signed (jsonwebtoken)", move || {
        let claims = jsonwebtoken::decode::<Claims>(black_box(&token), &verifies, &validation).unwrap().claims;
        for _ in 0..2 {
            black_box(jsonwebtoken::encode(&header, &claims, &signs).unwrap());
        }
    })
}

const ACTING: usize = 512;

fn rotated(runtime: &Runtime) -> Case<'_> {
    let mut people = runtime.block_on(People::new(ACTING, ACTING));
    Case::prepared("`Sessions::refresh`, rotated, memory store", ACTING, move |times| {
        people.later();
        runtime.block_on(async {
            let begun = meter();
            for at in 0..times {
                people.rotate(at).await;
            }
            meter() - begun
        })
    })
}

/// The same by `POST /auth/refresh`, with a JSON body, without a network.
fn routed(runtime: &Runtime) -> Case<'_> {
    let mut people = runtime.block_on(People::new(ACTING, ACTING));
    let app = Router::new().nest("/auth", session_router(people.sessions.clone()));
    Case::prepared("`POST /auth/refresh`, rotated, memory store", ACTING, move |times| {
        people.later();
        runtime.block_on(async {
            let begun = meter();
            for token in people.tokens.iter_mut().take(times) {
                let request = Request::post("/auth/refresh").header(header::CONTENT_TYPE, "application/json");
                let request = request.body(Body::from(format!(r#"{{"refresh_token":"{token}"}}"#))).unwrap();
                let answer = app.clone().oneshot(request).await.unwrap();
                assert!(answer.status().is_success());
                let body = axum::body::to_bytes(answer.into_body(), 1 << 16).await.unwrap();
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                *token = body["refresh_token"].as_str().unwrap().to_owned();
            }
            meter() - begun
        })
    })
}

/// What a second tab gets.
fn again<'a>(people: &'a People, old: &'a str, runtime: &'a Runtime) -> Vec<Case<'a>> {
    let new = &people.tokens[0];
    vec![
        done("the newest token once more (held)", runtime, async || {
            let _ = black_box(people.refresh(new, Outcome::Held).await);
        }),
        done("the one before it (replayed)", runtime, async || {
            let _ = black_box(people.refresh(old, Outcome::Replayed).await);
        }),
    ]
}

/// What a flood is made of; none of it may reach the store.
fn refused<'a>(people: &'a People, runtime: &'a Runtime) -> Vec<Case<'a>> {
    let good = &people.tokens[0];
    let other = if good.ends_with('A') { 'E' } else { 'A' };
    let forged = format!("{}{other}", &good[..good.len() - 1]);
    let signer = Signer::new(SigningKey::secret(ALGORITHMS[0].ours, REFRESH_SECRET).unwrap(), REFRESH_TYPE);
    let (then, sid) = (now() - 7200, session(1));
    let payload = format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}/refresh","sub":"u1","iat":{then},"exp":{},"sid":"{sid}","gen":1,"prv":1,"sec":"AAAAAAAAAAAAAAAAAAAAAA","auth_time":{then}}}"#,
        then + 60
    );
    let tokens = [
        ("forged: a good token with another signature", forged),
        ("expired", signer.sign(&payload).unwrap()),
        ("an access token", ALGORITHMS[0].token(1)),
        ("no token at all", "x".repeat(400)),
    ];
    let case = |(name, token): (&str, String)| {
        done(name, runtime, async move || {
            let refreshed = people.sessions.refresh(black_box(&token)).await.unwrap();
            assert!(matches!(refreshed, Refreshed::Refused(Refused::Invalid(_))), "{refreshed:?}");
        })
    };
    tokens.into_iter().map(case).collect()
}
