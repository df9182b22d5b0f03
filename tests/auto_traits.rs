//! What may cross threads, and move once pinned, is part of the promise.

use std::convert::Infallible;
use std::future::Ready;
use std::marker::PhantomData;

use http::Response;
use jwt_sessions::auth::{
    Authenticated, DefaultResponseForRefusal, JwtAuth, JwtAuthLayer, Noted, Refusal, RefusalKind, Require,
    RequireFuture, Required, ResponseFuture, SessionWatch, Sight, Verifier, VerifierBuilder, VerifierError,
    VerifierErrorKind,
};
use jwt_sessions::session::{LegacySecret, LegacyTokens};
use jwt_sessions::store::{Loaded, NewSession, Row};
use jwt_sessions::token::{KeySet, Payload, SecretHash, SessionSecret, Signer, SigningKey, Verified, VerifyingKey};
use jwt_sessions::{Keys, Settings, Tokens};

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
    all::<Noted>();
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

/// Whether a type has `==`: the inherent constant counts before the trait's, and is there only for types that have it.
struct Compares<T: ?Sized>(PhantomData<T>);

trait Never {
    const WITH_EQUALS: bool = false;
}

impl<T: ?Sized> Never for Compares<T> {}

impl<T: ?Sized + PartialEq> Compares<T> {
    const WITH_EQUALS: bool = true;
}

/// `==` stops at the first byte that differs, and how long it takes tells which that is.
#[test]
fn nothing_that_holds_a_secret_can_be_compared_with_equals() {
    let with_equals = [
        // The question is the right one.
        !Compares::<String>::WITH_EQUALS,
        Compares::<SessionSecret>::WITH_EQUALS,
        Compares::<SecretHash>::WITH_EQUALS,
        Compares::<SigningKey>::WITH_EQUALS,
        Compares::<VerifyingKey>::WITH_EQUALS,
        Compares::<KeySet>::WITH_EQUALS,
        Compares::<Keys>::WITH_EQUALS,
        Compares::<Signer>::WITH_EQUALS,
        Compares::<Tokens>::WITH_EQUALS,
        Compares::<Payload>::WITH_EQUALS,
        Compares::<Verified<String>>::WITH_EQUALS,
        Compares::<Settings>::WITH_EQUALS,
        Compares::<NewSession>::WITH_EQUALS,
        Compares::<Row>::WITH_EQUALS,
        Compares::<Loaded>::WITH_EQUALS,
        Compares::<LegacySecret>::WITH_EQUALS,
        Compares::<LegacyTokens>::WITH_EQUALS,
    ];
    assert!(!with_equals.contains(&true), "{with_equals:?}");
}
