use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use pin_project_lite::pin_project;

use super::refusal::Refusal;
use super::response::ResponseForRefusal;

pin_project! {
    /// The future of [`JwtAuth`](super::JwtAuth).
    #[must_use = "futures do nothing unless they are polled"]
    pub struct ResponseFuture<F, R> {
        #[pin]
        verdict: Verdict<F>,
        refusals: R,
        // None for the realm that goes without saying: most have no other, and requests on all cores would share its counter.
        realm: Option<Arc<str>>,
    }
}

pin_project! {
    /// The future of [`Required`](super::Required).
    #[must_use = "futures do nothing unless they are polled"]
    pub struct RequireFuture<F> {
        #[pin]
        verdict: Verdict<F>,
    }
}

pin_project! {
    #[project = VerdictProj]
    pub(super) enum Verdict<F> {
        Passed { #[pin] future: F },
        Refused { refusal: Refusal },
    }
}

impl<F, R> ResponseFuture<F, R> {
    pub(super) fn new(verdict: Verdict<F>, refusals: R, realm: Option<Arc<str>>) -> Self {
        Self { verdict, refusals, realm }
    }
}

impl<F> RequireFuture<F> {
    pub(super) fn new(verdict: Verdict<F>) -> Self {
        Self { verdict }
    }
}

impl<F, R, B, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<B>, E>>,
    R: ResponseForRefusal<B>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = match this.verdict.project() {
            VerdictProj::Refused { refusal } => write(refusal, this.refusals, this.realm),
            VerdictProj::Passed { future } => {
                let response = ready!(future.poll(cx))?;
                match response.extensions().get::<Refusal>().filter(|refusal| !refusal.is_written()) {
                    Some(refusal) => write(refusal, this.refusals, this.realm),
                    None => response,
                }
            }
        };
        keep_private(response.headers_mut());
        Poll::Ready(Ok(response))
    }
}

impl<F, B, E> Future for RequireFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: From<String>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().verdict.project() {
            VerdictProj::Refused { refusal } => Poll::Ready(Ok(refusal.clone().into_marked())),
            VerdictProj::Passed { future } => future.poll(cx),
        }
    }
}

/// A refusal in the application's words, from the layer itself or from an extractor or a guard inside. What layers in between
/// had added to theirs goes with it: a refusal by the layer itself never had it either.
pub(crate) fn write<R: ResponseForRefusal<B>, B>(
    refusal: &Refusal,
    refusals: &R,
    realm: &Option<Arc<str>>,
) -> Response<B> {
    let refusal = refusal.clone().within(realm.clone()).into_final();
    refusal.log();
    let mut response = refusals.response_for_refusal(&refusal);
    if !response.headers().contains_key(CACHE_CONTROL) {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response.extensions_mut().insert(refusal);
    response
}

/// What a protected route answers depends on who asks: a shared cache must not hand it to another (RFC 9111 section 3.5 says
/// so of `Authorization` alone, not of cookies).
fn keep_private(headers: &mut HeaderMap) {
    // Responses have few headers: one look at each name is faster than a search, and much faster than `entry`.
    let (mut controlled, mut varied) = (false, false);
    for name in headers.keys() {
        controlled |= name == CACHE_CONTROL;
        varied |= name == VARY;
    }
    if !controlled {
        headers.insert(CACHE_CONTROL, const { HeaderValue::from_static("private") });
    }
    if !varied {
        headers.insert(VARY, const { HeaderValue::from_static("Cookie, Authorization") });
        return;
    }
    let missing = match (varies_by(headers, &COOKIE), varies_by(headers, &AUTHORIZATION)) {
        (true, true) => return,
        (true, false) => "Authorization",
        (false, true) => "Cookie",
        (false, false) => "Cookie, Authorization",
    };
    headers.append(VARY, HeaderValue::from_static(missing));
}

fn varies_by(headers: &HeaderMap, name: &HeaderName) -> bool {
    let entries = headers.get_all(VARY).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    entries.map(<[u8]>::trim_ascii).any(|entry| entry == b"*" || entry.eq_ignore_ascii_case(name.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vary_gets_what_it_lacks_and_nothing_twice() {
        for (before, after) in [
            (&[][..], &["Cookie, Authorization"][..]),
            (&["Accept"], &["Accept", "Cookie, Authorization"]),
            (&["accept, COOKIE"], &["accept, COOKIE", "Authorization"]),
            (&["authorization"], &["authorization", "Cookie"]),
            (&["cookie", "x,authorization"], &["cookie", "x,authorization"]),
            (&["*"], &["*"]),
            (&["Cookies"], &["Cookies", "Cookie, Authorization"]),
        ] {
            let mut headers = HeaderMap::new();
            before.iter().for_each(|line| {
                headers.append(VARY, HeaderValue::from_static(line));
            });
            keep_private(&mut headers);
            assert_eq!(headers.get_all(VARY).iter().collect::<Vec<_>>(), after);
        }
    }

    #[test]
    fn cache_control_of_the_application_stays() {
        let mut headers = HeaderMap::new();
        keep_private(&mut headers);
        assert_eq!(headers[CACHE_CONTROL], "private");
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        keep_private(&mut headers);
        assert_eq!(headers[CACHE_CONTROL], "no-store");
    }
}
