//! aliri_axum, with the crates that it is used with.

use aliri::{Jwks, jwa, jwt};
use aliri_axum::scope_guards;
use aliri_clock::UnixTime;
use aliri_oauth2::{Authority, HasScope, Scope};
use aliri_tower::Oauth2Authorizer;
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use jwt_sessions_benches::Case;
use jwt_sessions_benches::alike::{PATH, bearer, same};
use jwt_sessions_benches::apps::{TEXT, served};
use jwt_sessions_benches::tokens::{AUDIENCE, Alg, ISSUER};
use tokio::runtime::Runtime;

use crate::jwks;

pub(crate) fn case(alg: Alg, runtime: &Runtime) -> Option<Case<'_>> {
    // It has no EdDSA.
    (alg.name != "EdDSA").then(|| same("aliri_axum", runtime, app(alg), bearer(&alg.token(1))))
}

/// aliri_axum, as its documentation shows it.
pub fn app(alg: Alg) -> Router {
    let algorithm = match alg.name {
        "HS256" => jwa::Algorithm::HS256,
        "ES256" => jwa::Algorithm::ES256,
        _ => jwa::Algorithm::RS256,
    };
    let keys: Jwks = serde_json::from_str(&jwks(alg, "1")).unwrap();
    let validator = jwt::CoreValidator::default()
        .add_approved_algorithm(algorithm)
        .add_allowed_audience(jwt::Audience::from_static(AUDIENCE))
        .require_issuer(jwt::Issuer::from_static(ISSUER))
        .check_expiration();
    let authorizer = Oauth2Authorizer::new().with_claims::<Claims>().with_terse_error_handler::<Body>();
    served(Router::new().route(PATH, get(me))).layer(authorizer.jwt_layer(Authority::new(keys, validator)))
}

scope_guards! {
    type Claims = Claims;
    scope Read = "read";
}

async fn me(_: Read) -> &'static str {
    TEXT
}

#[derive(Clone, Debug, serde::Deserialize)]
struct Claims {
    iss: jwt::Issuer,
    aud: jwt::Audiences,
    sub: jwt::Subject,
    exp: UnixTime,
    scope: Scope,
}

impl jwt::CoreClaims for Claims {
    fn nbf(&self) -> Option<UnixTime> {
        None
    }
    fn exp(&self) -> Option<UnixTime> {
        Some(self.exp)
    }
    fn aud(&self) -> &jwt::Audiences {
        &self.aud
    }
    fn iss(&self) -> Option<&jwt::IssuerRef> {
        Some(&self.iss)
    }
    fn sub(&self) -> Option<&jwt::SubjectRef> {
        Some(&self.sub)
    }
}

impl HasScope for Claims {
    fn scope(&self) -> &Scope {
        &self.scope
    }
}
