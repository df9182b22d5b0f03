//! The routes for front ends of the Express tutorial, and the refresh tokens of the system before.
//!
//! The first byte is the route. With its highest bit, the rest is a payload that is signed as the system before did, and the
//! whole answer is foretold. Otherwise it is lines of headers, an empty line and a body, as for `refresh_body`, and the answer
//! is held to what every answer promises.
#![no_main]

use std::cell::RefCell;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Method, Request};
use jwt_sessions::clock::Clock;
use jwt_sessions::session::{LegacySecret, LegacyTokens};
use jwt_sessions::store::MemoryStore;
use jwt_sessions::token::Timestamp;
use jwt_sessions::{Client, Grant, Keys, Login, Opened, SessionRoutes, Sessions, Site, accounts};
use jwt_sessions_fuzz::json::Json;
use jwt_sessions_fuzz::requests::{expanded, headers, may_be_ours};
use jwt_sessions_fuzz::signer::{self, NOW, SECRETS};
use libfuzzer_sys::{Corpus, fuzz_target};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

const ORIGIN: &str = "https://app.example";
const ROUTES: [&str; 4] = ["/refresh-token", "/login", "/logout", "/nothing"];
/// After so many executions the store is a new one, so that it stays small.
const LIFE: u32 = 500;
/// 400 days, in seconds.
const REMEMBERED: f64 = 400.0 * 86400.0;

/// One router with tokens in both places, as dangerous as the tutorial, and one without.
#[derive(Clone)]
struct World {
    sessions: Sessions<MemoryStore>,
    apps: [Router; 2],
    age: u32,
}

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

#[derive(serde::Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

fn world() -> World {
    let mut world = WORLD.take().filter(|world| world.age < LIFE).unwrap_or_else(|| {
        let login = async |credentials: Credentials| {
            Ok::<_, std::io::Error>((credentials.password == "right").then(|| Login::new(credentials.username)))
        };
        let grant = async |_: String| Ok::<_, std::io::Error>(Some(Grant::new(serde_json::json!({}))));
        let vouch = async |_: String, _: String| Ok::<_, std::io::Error>(true);
        let forget = async |_: String, _: String| Ok::<_, std::io::Error>(());
        let legacy = LegacyTokens::new(LegacySecret::new(SECRETS[0].secret).expect("a secret"), vouch, forget);
        let keys = Keys::secrets(SECRETS[1].secret, SECRETS[2].secret).expect("two secrets");
        let clock = Clock::manual(Timestamp::from_secs(NOW));
        let builder = Sessions::builder(keys, MemoryStore::new(clock.clone()), accounts(login, grant));
        let site = Site::new(ORIGIN).expect("an origin").express_cookies();
        let sessions = builder.site(site).clock(clock).subject_claim("_id").legacy_refresh_tokens(legacy).build();
        let sessions = sessions.expect("right settings");
        let routes = || SessionRoutes::new(sessions.clone()).express();
        let apps = [routes().dangerous_tokens_in_cookies_and_body().router(), routes().router()];
        World { sessions, apps, age: 0 }
    });
    world.age += 1;
    WORLD.set(Some(world.clone()));
    world
}

fuzz_target!(|data: &[u8]| -> Corpus {
    let [bits, rest @ ..] = data else { return Corpus::Reject };
    RUNTIME.with(|runtime| runtime.block_on(run(*bits, rest)));
    Corpus::Keep
});

async fn run(bits: u8, rest: &[u8]) {
    let world = world();
    let both = bits & 8 == 0;
    let app = world.apps[usize::from(!both)].clone();
    if bits & 0x80 > 0 {
        // The tutorial's library writes no `kid`.
        let token = signer::token(0, br#"{"alg":"HS256","typ":"JWT"}"#, rest);
        let body = serde_json::json!({ "refreshToken": token }).to_string();
        let answer = ask(app, "/refresh-token", json_headers(), body.into_bytes()).await;
        let Some(expected) = is_old_token(rest, token.len()) else { return };
        // What the store has of the same token decides, once it was taken: then it may be any of its answers.
        let right = if expected { [200, 401].contains(&answer.status) } else { answer.status == 401 };
        assert!(right, "{expected}: {answer:?} to {}", String::from_utf8_lossy(rest));
        if expected && world.age == 1 {
            assert_eq!(answer.status, 200, "{answer:?} to {}", String::from_utf8_lossy(rest));
        }
        return;
    }

    let (lines, body) = match rest.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&rest[..end], &rest[end + 2..]),
        None => (&[][..], rest),
    };
    let route = ROUTES[usize::from(bits & 3)];
    let wanted = |number: u8| rest.contains(&(0x10 + number));
    let subject = format!("user{}", world.age);
    let old = |sub: &str, exp: i64| {
        let payload = serde_json::json!({"_id": sub, "iat": NOW - 10, "exp": exp}).to_string();
        signer::token(0, br#"{"alg":"HS256","typ":"JWT"}"#, payload.as_bytes())
    };
    let mut tokens = vec![String::new(); 2];
    if wanted(0) || wanted(1) {
        let opened = world.sessions.open(subject.as_str(), Client::default()).await;
        let Ok(Opened::Tokens(opened)) = opened else { panic!("not opened") };
        tokens = vec![opened.refresh_token().to_owned(), opened.access_token().to_owned()];
    }
    // Of the system before: a good one, and one that has expired.
    tokens.extend([old(&subject, NOW + 60), old(&subject, NOW)]);
    let headers = headers(lines, "refreshToken", &tokens);
    let body = expanded(body, "refreshToken", &tokens);
    let ours = may_be_ours(None, &headers, ORIGIN);
    let has_bearer = headers.contains_key("authorization");
    let shown = format!("{route} {headers:?} {}", String::from_utf8_lossy(&body));
    let answer = ask(app, route, headers, body).await;

    if route == "/refresh-token" && answer.status == 200 {
        assert!(wanted(0) || wanted(2), "no token was good: {shown}: {answer:?}");
    }
    if answer.status != 200 || route != "/login" && ours == Some(false) && !has_bearer {
        let gone = answer.cookies.iter().all(|cookie| cookie.contains("Max-Age=0"));
        assert!(gone, "a cookie was set: {shown}: {answer:?}");
    }
    if both && ours == Some(false) && !has_bearer {
        assert!(answer.cookies.is_empty(), "another site's request acts on cookies: {shown}: {answer:?}");
    }
    if !both && !answer.cookies.is_empty() {
        assert!(!answer.body.contains("refreshToken\":\"ey"), "in both places: {shown}: {answer:?}");
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    cookies: Vec<String>,
    body: String,
}

/// Asks, and holds the answer to what all of them promise.
async fn ask(app: Router, route: &str, headers: http::HeaderMap, body: Vec<u8>) -> Answer {
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = route.parse().expect("a path");
    *request.headers_mut() = headers;
    let (head, body) = app.oneshot(request).await.expect("a router has no errors").into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    let cookies = head.headers.get_all("set-cookie").iter().map(|line| line.to_str().expect("ASCII").to_owned());
    let status = head.status.as_u16();
    let answer = Answer { status, cookies: cookies.collect(), body: String::from_utf8(body.to_vec()).expect("text") };
    assert!(status < 500, "{answer:?}");
    assert!(
        answer.cookies.iter().all(|cookie| cookie.contains("; HttpOnly") && cookie.contains("; Secure")),
        "{answer:?}"
    );
    if status != 404 {
        assert_eq!(head.headers["cache-control"], "no-store", "{answer:?}");
        let said: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!((&said["statusCode"], &said["success"]), (&status.into(), &(status < 400).into()), "{answer:?}");
        assert!(said["message"].is_string(), "{answer:?}");
    }
    answer
}

fn json_headers() -> http::HeaderMap {
    [(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"))].into_iter().collect()
}

/// Exactly `_id`, `iat` and `exp`, all right. None where a time is too close to its bound to say.
fn is_old_token(payload: &[u8], length: usize) -> Option<bool> {
    let Some(members) = Json::object(payload).filter(|members| members.len() == 3 && length <= 8192) else {
        return Some(false);
    };
    let member = |name: &str| members.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    let time = |name: &str| match member(name) {
        Some(Json::Number(number)) => number.as_f64(),
        _ => None,
    };
    let subject = member("_id").and_then(Json::text).unwrap_or_default();
    let named = (1..=1024).contains(&subject.len()) && !subject.contains('\0');
    let (Some(issued), Some(expires)) = (time("iat"), time("exp")) else { return Some(false) };
    let rests = [NOW as f64 + 60.0 - issued, expires - NOW as f64];
    if rests.iter().any(|rest| *rest != 0.0 && rest.abs() < Duration::from_millis(1).as_secs_f64()) {
        return None;
    }
    // Stores remember a logout everywhere for that long: what was issued before may have been ended by one.
    let age = NOW as f64 - issued;
    if (age - REMEMBERED).abs() < 60.0 {
        return None;
    }
    Some(named && rests[0] >= 0.0 && rests[1] > 0.0 && age < REMEMBERED)
}
