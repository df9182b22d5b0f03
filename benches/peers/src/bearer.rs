//! Layers that take any issuer's token: jwt-authorizer, axum-jwt-auth, tower-oauth2-resource-server.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use axum_jwt_auth::{Decoder, LocalDecoder};
use jsonwebtoken10::{Algorithm, DecodingKey, Validation};
use jwt_authorizer::{IntoLayer, JwtAuthorizer};
use jwt_sessions::token::{ACCESS_TYPE, Signer};
use jwt_sessions_benches::Case;
use jwt_sessions_benches::alike::{PATH, bearer, same};
use jwt_sessions_benches::apps::{Claims, TEXT, bare};
use jwt_sessions_benches::tokens::{AUDIENCE, Alg, ISSUER, SECRET};
use tokio::runtime::Runtime;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;
use tower_oauth2_resource_server::validation::ClaimsValidationSpec;

use crate::jwks;

pub(crate) fn cases(alg: Alg, runtime: &Runtime) -> Vec<Case<'_>> {
    let token = alg.token(1);
    let mut cases = vec![
        same("the bare route, axum 0.7", runtime, bare_07(), bearer(&token)),
        same("jwt-authorizer", runtime, runtime.block_on(jwt_authorizer(alg)), bearer(&token)),
        same("axum-jwt-auth", runtime, axum_jwt_auth(alg), bearer(&token)),
    ];
    let named = match alg.ours.is_symmetric() {
        true => Signer::new(alg.signing_key().kid(KID), ACCESS_TYPE).sign(&payload(&token)).unwrap(),
        false => token,
    };
    let server = runtime.block_on(resource_server(alg));
    cases.push(same("tower-oauth2-resource-server", runtime, server, bearer(&named)));
    cases
}

fn bare_07() -> axum07::Router {
    axum07::Router::new().route(PATH, axum07::routing::get(|| async { TEXT })).with_state(())
}

async fn jwt_authorizer(alg: Alg) -> axum07::Router {
    let public = alg.pem[1];
    let builder = match alg.name {
        "HS256" => JwtAuthorizer::<Claims>::from_secret(SECRET),
        "ES256" => JwtAuthorizer::from_ec_pem_text(public),
        "EdDSA" => JwtAuthorizer::from_ed_pem_text(public),
        _ => JwtAuthorizer::from_rsa_pem_text(public),
    };
    let validation = jwt_authorizer::Validation::new().iss(&[ISSUER]).aud(&[AUDIENCE]);
    let authorizer = builder.validation(validation).build().await.unwrap();
    bare_07().layer(authorizer.into_layer())
}

#[derive(Clone, FromRef)]
struct State {
    decoder: Decoder<Claims>,
}

/// axum-jwt-auth, as its documentation shows it.
pub fn axum_jwt_auth(alg: Alg) -> Router {
    let public = alg.pem[1].as_bytes();
    let (algorithm, key) = match alg.name {
        "HS256" => (Algorithm::HS256, DecodingKey::from_secret(SECRET.as_bytes())),
        "ES256" => (Algorithm::ES256, DecodingKey::from_ec_pem(public).unwrap()),
        "EdDSA" => (Algorithm::EdDSA, DecodingKey::from_ed_pem(public).unwrap()),
        _ => (Algorithm::RS256, DecodingKey::from_rsa_pem(public).unwrap()),
    };
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    let decoder = LocalDecoder::builder().keys(vec![key]).validation(validation).build().unwrap();
    async fn me(user: axum_jwt_auth::Claims<Claims>) -> &'static str {
        if user.claims.sub.is_empty() { "" } else { TEXT }
    }
    Router::new().route(PATH, get(me)).with_state(State { decoder: Arc::new(decoder) })
}

async fn resource_server(alg: Alg) -> Router {
    let audiences = vec![AUDIENCE.to_owned()];
    let tenant = TenantConfiguration::static_builder(jwks(alg, KID))
        .audiences(&audiences)
        // Without `nbf`, which it would demand.
        .claims_validation(ClaimsValidationSpec::new().exp(true).iss(ISSUER).aud(&audiences))
        .allowed_algorithms(&[alg.theirs])
        .build()
        .unwrap();
    let server = <OAuth2ResourceServer<Claims>>::builder().add_tenant(tenant).build().await.unwrap();
    bare().route_layer(server.into_layer())
}

/// What a token says.
fn payload(token: &str) -> String {
    use base64::Engine;
    let payload = token.split('.').nth(1).unwrap();
    String::from_utf8(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

const KID: &str = "1";
