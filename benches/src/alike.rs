//! Asking services for the same thing in the same way, whatever they are made of.

use std::fmt::Debug;
use std::hint::black_box;

use axum::body::Body;
use http::header::{AUTHORIZATION, COOKIE, HeaderName};
use http::{HeaderValue, Request, Response};
use tokio::runtime::Runtime;
use tower::{Service, ServiceExt};

use crate::rounds::{Case, meter};

/// Where a token stands in a request.
pub type Credential = (HeaderName, HeaderValue);

/// The path of the route that everybody protects.
pub const PATH: &str = "/me";
/// The name of our access cookie.
pub const ACCESS_COOKIE: &str = "__Host-Http-access";

/// A token in the `Authorization` header.
pub fn bearer(token: &str) -> Credential {
    (AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}")).unwrap())
}

/// A token in our access cookie.
pub fn cookie(token: &str) -> Credential {
    (COOKIE, HeaderValue::try_from(format!("{ACCESS_COOKIE}={token}")).unwrap())
}

/// A request for the route, with that credential.
pub fn request((name, value): &Credential) -> Request<Body> {
    Request::get(PATH).header(name.clone(), value.clone()).body(Body::empty()).unwrap()
}

/// A runtime of this thread: nothing else runs while something is measured.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Asks `app` for the route, each time with the same credential. The first answer is looked at.
pub fn same<'a, S, R>(name: &str, runtime: &'a Runtime, mut app: S, credential: Credential) -> Case<'a>
where
    S: Service<Request<Body>, Response = Response<R>> + 'a,
    S::Error: Debug,
{
    let answer = runtime.block_on(ask(&mut app, &credential));
    assert!(answer.status().is_success(), "{name}: {}", answer.status());
    Case::prepared(name, usize::MAX, move |times| {
        runtime.block_on(async {
            let begun = meter();
            for _ in 0..times {
                black_box(ask(&mut app, &credential).await);
            }
            meter() - begun
        })
    })
}

/// Asks `app` for the route, each time with another credential, which `fresh` makes before the clock starts.
///
/// The first few of a turn are not counted: another case, and what made the credentials, had the processor's caches before. A
/// server that is busy has them.
pub fn each<'a>(
    name: &str,
    most: usize,
    runtime: &'a Runtime,
    mut app: axum::Router,
    mut fresh: impl FnMut(usize) -> Vec<Credential> + 'a,
) -> Case<'a> {
    Case::prepared(name, most, move |times| {
        let credentials = fresh(UNCOUNTED + times);
        let (uncounted, counted) = credentials.split_at(UNCOUNTED);
        let mut refused = 0;
        let took = runtime.block_on(async {
            for credential in uncounted {
                let answer: Response<Body> = black_box(ask(&mut app, credential).await);
                refused += u32::from(!answer.status().is_success());
            }
            let begun = meter();
            for credential in counted {
                let answer: Response<Body> = black_box(ask(&mut app, credential).await);
                refused += u32::from(!answer.status().is_success());
            }
            meter() - begun
        });
        assert_eq!(refused, 0, "a token was refused");
        took
    })
}

/// How many at the beginning of a turn are not counted.
pub const UNCOUNTED: usize = 16;

/// Something done in the runtime, each time the same.
pub fn done<'a>(name: &str, runtime: &'a Runtime, mut what: impl AsyncFnMut() + 'a) -> Case<'a> {
    Case::prepared(name, usize::MAX, move |times| {
        runtime.block_on(async {
            let begun = meter();
            for _ in 0..times {
                what().await;
            }
            meter() - begun
        })
    })
}

async fn ask<S, R>(app: &mut S, credential: &Credential) -> Response<R>
where
    S: Service<Request<Body>, Response = Response<R>>,
    S::Error: Debug,
{
    app.ready().await.unwrap().call(request(credential)).await.unwrap()
}
