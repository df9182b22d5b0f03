use http::Response;

use super::refusal::Refusal;

/// Writes the response of a refusal.
///
/// Every closure `Fn(&Refusal) -> Response<B> + Clone` does; see [`JwtAuthLayer::refusals`](super::JwtAuthLayer::refusals).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer refusals with a body of type `{B}`",
    note = "the default answers with every body that is `From<String>`; for another one, give the layer \
            `.refusals(|refusal| ..)`, a closure that returns an `http::Response<{B}>`"
)]
pub trait ResponseForRefusal<B>: Clone {
    /// The response for that refusal; the layer adds the refusal itself to its extensions.
    fn response_for_refusal(&self, refusal: &Refusal) -> Response<B>;
}

impl<F, B> ResponseForRefusal<B> for F
where
    F: Fn(&Refusal) -> Response<B> + Clone,
{
    fn response_for_refusal(&self, refusal: &Refusal) -> Response<B> {
        self(refusal)
    }
}

/// The responses of [`Refusal::response`], for every body that a `String` can be made into.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct DefaultResponseForRefusal;

// Else the compiler says that `B: From<String>` is missing, and not what to do instead.
#[diagnostic::do_not_recommend]
impl<B: From<String>> ResponseForRefusal<B> for DefaultResponseForRefusal {
    fn response_for_refusal(&self, refusal: &Refusal) -> Response<B> {
        refusal.response()
    }
}
