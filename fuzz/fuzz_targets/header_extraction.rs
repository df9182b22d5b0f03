//! The layer, over requests of any method, host and headers, against the oracle: who is let in, by which token, and with
//! which refusal the others are turned away.
#![no_main]

use std::sync::LazyLock;

use http::{Method, Uri};
use jwt_sessions::auth::JwtAuth;
use jwt_sessions::site::Site;
use jwt_sessions_fuzz::layer::{Handler, around, check, request, verifier};
use jwt_sessions_fuzz::requests::{Setup, TOKENS, headers};
use libfuzzer_sys::{Corpus, fuzz_target};

const SITES: [(&str, &str); 2] =
    [("https://app.example", "__Host-Http-access"), ("http://localhost:3000", "access-3000")];

/// By the bits of the first byte: the site, whether cookies come first, whether nobody passes.
static LAYERS: LazyLock<Vec<JwtAuth<Handler>>> = LazyLock::new(|| {
    let layer = |bits: usize| {
        let site = Site::new(SITES[bits & 1].0).expect("an origin");
        around(&verifier(site, bits & 2 > 0), bits & 4 > 0)
    };
    (0..8).map(layer).collect()
});
const METHODS: [Method; 8] = [
    Method::GET,
    Method::POST,
    Method::OPTIONS,
    Method::HEAD,
    Method::DELETE,
    Method::TRACE,
    Method::PATCH,
    Method::CONNECT,
];
const TARGETS: [&str; 4] = ["/", "/?access_token=\x10", "http://localhost:3000/", "https://evil.example/"];

fuzz_target!(|data: &[u8]| -> Corpus {
    let [bits, asks, rest @ ..] = data else { return Corpus::Reject };
    let bits = usize::from(bits & 7);
    let (origin, cookie) = SITES[bits & 1];
    let setup = Setup {
        cookie: Some(cookie),
        cookie_first: bits & 2 > 0,
        optional: bits & 4 > 0,
        development: bits & 1 > 0,
        trusted: origin,
    };
    let target = TARGETS[usize::from(asks >> 3 & 3)].replace('\x10', &TOKENS[0]);
    let Ok(uri) = target.parse::<Uri>() else { return Corpus::Reject };
    let method = METHODS[usize::from(asks & 7)].clone();
    check(&LAYERS[bits], request(method, uri, headers(rest, cookie, &TOKENS)), &setup);
    Corpus::Keep
});
