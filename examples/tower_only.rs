//! Without axum: the layer and a guard around a plain Tower service. `cargo run --example tower_only`.
//!
//! The request path is synchronous, so any service and any body will do: a gRPC server, a proxy, hyper itself. CORS
//! preflights pass the layer without a token: what acts on `OPTIONS`, as a proxy does, needs the guard, too.
#![allow(clippy::print_stdout, reason = "what it prints is what it shows")]

use std::convert::Infallible;

use http::{Request, Response};
use jwt_sessions::auth::authenticated;
use jwt_sessions::clock::Clock;
use jwt_sessions::token::{ACCESS_TYPE, Algorithm, KeySet, Signer, SigningKey};
use jwt_sessions::{JwtAuthLayer, Require, Verifier};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

/// What the handler needs of the claims.
#[derive(serde::Deserialize)]
struct Claims {
    name: String,
}

/// A Tower service of a request and a response; the bodies could be any type.
async fn greet(request: Request<()>) -> Result<Response<String>, Infallible> {
    // What an extractor does elsewhere: `None` would be nobody, whom a layer with `.optional()` lets in, and a CORS preflight,
    // which passes every layer and stops at the guard.
    Ok(match authenticated::<Claims>(request.extensions()) {
        Ok(Some(user)) => Response::new(format!("hello, {} ({})", user.name, user.subject())),
        Ok(None) => Response::new(String::from("hello, whoever you are")),
        // The token is valid, but its claims do not fit: a response like every other refusal.
        Err(refusal) => refusal.response(),
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Both ends in one program, to have something to show: elsewhere the issuer has this key, and this end its public half.
    let key = SigningKey::secret(Algorithm::HS256, random_secret()?)?;
    let signer = Signer::new(key.clone(), ACCESS_TYPE);
    let verifier = Verifier::builder(KeySet::new(key)).issuer("issuer").audience("here").build()?;

    // From the outside in: who is it, then may they. The guard asks the layer's mark, so it stands inside of it.
    let mut service = ServiceBuilder::new()
        .layer(JwtAuthLayer::new(verifier))
        .layer(Require::scope("greet"))
        .service(service_fn(greet));

    let token = |scope: &str| {
        let exp = Clock::system().now().as_secs() + 60;
        let claims = serde_json::json!({
            "iss": "issuer", "aud": "here", "sub": "user-1", "exp": exp, "scope": scope, "name": "Alice",
        });
        signer.sign(&claims.to_string())
    };
    let bearer = |token: &str| format!("Bearer {token}");
    for (who, authorization) in [
        ("with the scope", Some(bearer(&token("greet")?))),
        ("without it", Some(bearer(&token("other")?))),
        ("a forged token", Some(bearer("a.b.c"))),
        ("nobody", None),
    ] {
        let mut request = Request::get("/");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let response = service.ready().await?.call(request.body(())?).await?;
        println!("{who}: {} {}", response.status().as_u16(), response.body());
    }
    Ok(())
}

fn random_secret() -> Result<[u8; 32], getrandom::Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    Ok(secret)
}
