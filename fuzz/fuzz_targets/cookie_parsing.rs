//! The `Cookie` lines of a request, in the layer and where the router looks for its refresh cookie, against an oracle that
//! walks them byte by byte. A line ends with a line feed, which no header can hold.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, Method, Uri};
use jwt_sessions::auth::JwtAuth;
use jwt_sessions::clock::Clock;
use jwt_sessions::router::refresh_cookie;
use jwt_sessions::site::Site;
use jwt_sessions::store::MemoryStore;
use jwt_sessions::token::Timestamp;
use jwt_sessions::{Grant, Keys, Sessions, accounts_elsewhere};
use jwt_sessions_fuzz::layer::{Handler, around, check, request, verifier};
use jwt_sessions_fuzz::requests::{Setup, TOKENS, cookies, expanded};
use jwt_sessions_fuzz::signer::NOW;
use libfuzzer_sys::{Corpus, fuzz_target};

const ORIGIN: &str = "https://app.example";
/// Names of every kind that a site may have.
const NAMES: [&str; 4] = ["__Host-session", "a", "access", "!#$%&'*+-.^_`|~"];

static LAYERS: LazyLock<Vec<JwtAuth<Handler>>> = LazyLock::new(|| {
    let site = |name: &&str| Site::new(ORIGIN).and_then(|site| site.access_cookie(name)).expect("a cookie's name");
    NAMES.iter().map(|name| around(&verifier(site(name), false), true)).collect()
});
static SESSIONS: LazyLock<Vec<Sessions<MemoryStore>>> = LazyLock::new(|| {
    let clock = Clock::manual(Timestamp::from_secs(NOW));
    let keys = Keys::secrets("fuzz-access-0123456789-abcdefghijklmno", "fuzz-refresh-0123456789-abcdefghijklm");
    let keys = keys.expect("two secrets");
    let sessions = |name: &&str| {
        let grant = async |_: String| Ok::<_, std::io::Error>(Some(Grant::new(serde_json::json!({}))));
        let site = Site::new(ORIGIN).and_then(|site| site.refresh_cookie(name)).expect("a cookie's name");
        let builder = Sessions::builder(keys.clone(), MemoryStore::new(clock.clone()), accounts_elsewhere(grant));
        builder.site(site).clock(clock.clone()).build().expect("right settings")
    };
    NAMES.iter().map(sessions).collect()
});

fuzz_target!(|data: &[u8]| -> Corpus {
    let [choice, rest @ ..] = data else { return Corpus::Reject };
    let choice = usize::from(choice & 3);
    let name = NAMES[choice];
    let mut headers = HeaderMap::new();
    for line in rest.split(|byte| *byte == b'\n').take(8) {
        if let Ok(value) = HeaderValue::from_bytes(&expanded(line, name, &TOKENS)) {
            headers.append("cookie", value);
        }
    }
    let lines: Vec<_> = headers.get_all("cookie").iter().map(HeaderValue::as_bytes).collect();

    // None of these is a refresh token: the first counts, to be refused for what it is.
    let expected = match cookies(&lines, name) {
        found if found.len() > 4 => None,
        found => Some(found.into_iter().next()),
    };
    let found = refresh_cookie(&SESSIONS[choice], &headers).ok();
    assert_eq!(found.map(|token| token.map(|token| token.to_string())), expected, "{headers:?}");

    let setup = Setup { cookie: Some(name), cookie_first: false, optional: true, development: false, trusted: ORIGIN };
    check(&LAYERS[choice], request(Method::GET, Uri::from_static("/"), headers), &setup);
    Corpus::Keep
});
