//! axum-gate: its tokens are of its own form.

use std::sync::Arc;

use axum::Router;
use axum_gate::codecs::Codec;
use axum_gate::codecs::jwt::JsonWebTokenOptions;
use axum_gate::prelude::*;
use jsonwebtoken10::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use jwt_sessions_benches::Case;
use jwt_sessions_benches::alike::{bearer, same};
use jwt_sessions_benches::apps::bare;
use jwt_sessions_benches::tokens::{Alg, ISSUER, SECRET, now};
use tokio::runtime::Runtime;

type Token = JsonWebToken<JwtClaims<Account<Role, Group>>>;

pub(crate) fn case(alg: Alg, runtime: &Runtime) -> Option<Case<'_>> {
    let [private, public] = alg.pem.map(str::as_bytes);
    let (algorithm, signs, verifies) = match alg.name {
        "HS256" => {
            (Algorithm::HS256, EncodingKey::from_secret(SECRET.as_bytes()), DecodingKey::from_secret(SECRET.as_bytes()))
        }
        "ES256" => {
            (Algorithm::ES256, EncodingKey::from_ec_pem(private).unwrap(), DecodingKey::from_ec_pem(public).unwrap())
        }
        "EdDSA" => {
            (Algorithm::EdDSA, EncodingKey::from_ed_pem(private).unwrap(), DecodingKey::from_ed_pem(public).unwrap())
        }
        _ => {
            (Algorithm::RS256, EncodingKey::from_rsa_pem(private).unwrap(), DecodingKey::from_rsa_pem(public).unwrap())
        }
    };
    let options = JsonWebTokenOptions::default()
        .with_encoding_key(signs)
        .with_decoding_key(verifies)
        .with_header(Header::new(algorithm))
        .with_validation(Validation::new(algorithm));
    let codec = Arc::new(Token::new_with_options(options));
    let claims = JwtClaims::new(
        Account::new("u1", &[Role::User], &[Group::new("all")]),
        RegisteredClaims::new(ISSUER, now() + 3600),
    );
    let token = String::from_utf8(codec.encode(&claims).unwrap()).unwrap();
    let app: Router = bare().layer(Gate::bearer::<Token, Role, Group>(ISSUER, codec).require_login());
    Some(same("axum-gate", runtime, app, bearer(&token)))
}
