//! What may cross threads, and move once pinned, is part of the promise.

use std::convert::Infallible;
use std::future::Ready;

use http::Response;
use jwt_sessions::auth::{
    Authenticated, DefaultResponseForRefusal, JwtAuth, JwtAuthLayer, Refusal, RefusalKind, Require, RequireFuture,
    Required, ResponseFuture, SessionWatch, Sight, Verifier, VerifierBuilder, VerifierError, VerifierErrorKind,
};

fn all<T: Send + Sync + Unpin + 'static>() {}
fn cheap<T: Clone>() {}

type Inner = Ready<Result<Response<String>, Infallible>>;

#[test]
fn public_types_of_auth_cross_threads() {
    all::<Verifier>();
    all::<VerifierBuilder>();
    all::<VerifierError>();
    all::<VerifierErrorKind>();
    all::<JwtAuthLayer>();
    all::<JwtAuthLayer<fn(&Refusal) -> Response<String>>>();
    all::<JwtAuth<()>>();
    all::<ResponseFuture<Inner, DefaultResponseForRefusal>>();
    all::<Require>();
    all::<Required<()>>();
    all::<RequireFuture<Inner>>();
    all::<Refusal>();
    all::<RefusalKind>();
    all::<Authenticated>();
    all::<Authenticated<String>>();
    all::<Sight>();
    all::<Box<dyn SessionWatch>>();
}

#[test]
fn what_is_handed_around_can_be_cloned() {
    cheap::<Verifier>();
    cheap::<JwtAuthLayer>();
    cheap::<JwtAuth<()>>();
    cheap::<Require>();
    cheap::<Required<()>>();
    cheap::<Refusal>();
    // The claims are shared: they need not be `Clone` themselves.
    struct Own;
    impl<'de> serde::Deserialize<'de> for Own {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Ok(Self)
        }
    }
    cheap::<Authenticated<Own>>();
}
