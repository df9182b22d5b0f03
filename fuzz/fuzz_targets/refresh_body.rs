//! The router's routes over a memory store, with bodies and headers of any kind. For `/refresh` and `/rotate` the whole answer
//! is foretold: which token is presented, what it is good for, and whether cookies may be set or taken away.
//!
//! The first byte is the route. Then lines of headers, an empty line, and the body.
#![no_main]

use std::cell::RefCell;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Method, Request};
use jwt_sessions::clock::Clock;
use jwt_sessions::site::Site;
use jwt_sessions::store::MemoryStore;
use jwt_sessions::token::{Algorithm, KeySet, SigningKey, Timestamp};
use jwt_sessions::{Client, Grant, Keys, Login, Opened, Refreshed, Sessions, Tokens, accounts, session_router};
use jwt_sessions_fuzz::base64url;
use jwt_sessions_fuzz::json::Json;
use jwt_sessions_fuzz::requests::{cookies, expanded, headers, may_be_ours};
use jwt_sessions_fuzz::signer::{self, NOW};
use libfuzzer_sys::{Corpus, fuzz_target};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

const ORIGIN: &str = "https://app.example";
const ACCESS: &str = "__Host-Http-access";
const REFRESH: &str = "__Host-Http-refresh";
const ROUTES: [&str; 8] =
    ["/refresh", "/rotate", "/logout", "/logout-all", "/login", "/reauthenticate", "/login?delivery=body", "/nothing"];
/// After so many executions the store is a new one, so that it stays small.
const LIFE: u32 = 500;

#[derive(Clone)]
struct World {
    sessions: Sessions<MemoryStore>,
    app: axum::Router,
    lasting: Arc<[Known]>,
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

impl World {
    async fn new() -> Self {
        let login = async |credentials: Credentials| {
            Ok::<_, std::io::Error>((credentials.password == "right").then(|| Login::new(credentials.username)))
        };
        let grant = async |_: String| Ok::<_, std::io::Error>(Some(Grant::new(serde_json::json!({}))));
        // The names of a signer's keys, so that it can sign as the sessions do.
        let key = |choice: usize| {
            let secret = &signer::SECRETS[choice];
            KeySet::new(SigningKey::secret(Algorithm::HS256, secret.secret).expect("a secret").kid(secret.kid))
        };
        let keys = Keys::new(key(0), key(1)).expect("two secrets");
        let clock = Clock::manual(Timestamp::from_secs(NOW));
        let builder = Sessions::builder(keys, MemoryStore::new(clock.clone()), accounts(login, grant));
        let sessions =
            builder.site(Site::new(ORIGIN).expect("an origin")).clock(clock).build().expect("right settings");
        let app = session_router(sessions.clone());
        let lasting = lasting(&sessions).await.into();
        Self { sessions, app, lasting, age: 0 }
    }
}

/// What becomes of a token of [`tokens`].
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// Good: for a refresh, for a rotation. The second number is 409 where a rotation must wait.
    Good(u16, u16),
    /// The session is over for whoever presents it.
    Ended,
    Invalid,
}

/// A token, what becomes of it, and a number for the session that it says it is of; 0 where its signature is not right.
type Known = (String, Fate, u8);

/// Tokens that nothing which is done to them makes others: of an ended session, and such as only look like ones.
async fn lasting(sessions: &Sessions<MemoryStore>) -> Vec<Known> {
    let (ended, living) = (open(sessions, KEEPER).await, open(sessions, KEEPER).await);
    sessions.revoke(KEEPER, ended.session_id()).await.expect("a store in memory");
    let payload = base64url::decode(living.refresh_token().split('.').nth(1).expect("a payload")).expect("base64url");
    let mut payload: serde_json::Value = serde_json::from_slice(&payload).expect("an object");
    let header = br#"{"alg":"HS256","typ":"rt+jwt","kid":"b"}"#;
    let mut forged = |key: usize, member: &str, value: &str| {
        let before = payload[member].take();
        payload[member] = value.into();
        let token = signer::token(key, header, payload.to_string().as_bytes());
        payload[member] = before;
        token
    };
    vec![
        (ended.refresh_token().to_owned(), Fate::Ended, 3),
        // Signed by the right key, and of no session; with another session's secret; of another subject.
        (forged(1, "sid", "AAAAAAAAAAAAAAAAAAAAAA"), Fate::Ended, 4),
        (forged(1, "sec", "AAAAAAAAAAAAAAAAAAAAAA"), Fate::Ended, 5),
        (forged(1, "sub", "mallory"), Fate::Ended, 5),
        // By another key, for another audience, and no refresh token at all.
        (forged(0, "sub", KEEPER), Fate::Invalid, 0),
        (forged(1, "aud", ORIGIN), Fate::Invalid, 0),
        (living.access_token().to_owned(), Fate::Invalid, 0),
        (" ".repeat(16 * 1024), Fate::Invalid, 0),
    ]
}

/// What the bytes from 0x10 on stand for. Sessions cost most of an execution: they are opened only where one is asked for.
async fn tokens(world: &World, subject: &str, wanted: &dyn Fn(u8) -> bool) -> Vec<Known> {
    let mut known = vec![(String::new(), Fate::Invalid, 0); 3];
    if wanted(0) {
        known[0] = (open(&world.sessions, subject).await.refresh_token().to_owned(), Fate::Good(200, 200), 1);
    }
    if wanted(1) || wanted(2) {
        let before = open(&world.sessions, subject).await;
        let refreshed = world.sessions.refresh(before.refresh_token()).await;
        let Ok(Refreshed::Tokens(after)) = refreshed else { panic!("not refreshed") };
        // Of a rotation that was just made: the one before and the one now.
        known[1] = (before.refresh_token().to_owned(), Fate::Good(200, 409), 2);
        known[2] = (after.refresh_token().to_owned(), Fate::Good(200, 200), 2);
    }
    known.extend_from_slice(&world.lasting);
    known
}

async fn open(sessions: &Sessions<MemoryStore>, subject: &str) -> Tokens {
    match sessions.open(subject, Client::default()).await {
        Ok(Opened::Tokens(tokens)) => tokens,
        other => panic!("{other:?}"),
    }
}

const KEEPER: &str = "keeper";

fuzz_target!(|data: &[u8]| -> Corpus {
    let [route, rest @ ..] = data else { return Corpus::Reject };
    let (lines, body) = match rest.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&rest[..end], &rest[end + 2..]),
        None => (&[][..], rest),
    };
    let route = ROUTES[usize::from(route & 7)];
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let world = world().await;
            let sessions = &world.sessions;
            let subject = format!("user{}", world.age);
            let wanted = |number: u8| rest.contains(&(0x10 + number));
            let known = tokens(&world, &subject, &wanted).await;
            let texts: Vec<_> = known.iter().map(|(token, ..)| token.clone()).collect();
            let headers = headers(lines, REFRESH, &texts);
            let body = expanded(body, REFRESH, &texts);

            let mut request = Request::new(Body::from(body.clone()));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = route.parse().expect("a path");
            *request.headers_mut() = headers.clone();
            let living = async |subject: &str| sessions.list(subject).await.expect("a store in memory").len();
            let before = (living(&subject).await, living(KEEPER).await);
            let response = world.app.clone().oneshot(request).await.expect("a router has no errors");
            let after = (living(&subject).await, living(KEEPER).await);
            let answer = Answer::of(response).await;
            let shown = || format!("{route} {headers:?} {}: {answer:?}", String::from_utf8_lossy(&body));

            answer.keeps_the_rules(&known, &shown);
            if matches!(route, "/refresh" | "/rotate") {
                let expected = expected(route, &headers, &body, &known);
                answer.is(&expected, &shown);
                assert_eq!(before, after, "a session was ended or opened: {}", shown());
            }
            if before.0 > after.0 || before.1 > after.1 {
                assert!(route.starts_with("/log") && answer.status == 200, "{}", shown());
            }
        });
    });
    Corpus::Keep
});

async fn world() -> World {
    let kept = WORLD.take().filter(|world| world.age < LIFE);
    let mut world = match kept {
        Some(world) => world,
        None => World::new().await,
    };
    world.age += 1;
    WORLD.set(Some(world.clone()));
    world
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).expect("text"),
        }
    }

    fn cookies(&self) -> Vec<&str> {
        self.headers.get_all("set-cookie").iter().map(|line| line.to_str().expect("ASCII")).collect()
    }

    fn keeps_the_rules(&self, known: &[Known], shown: &dyn Fn() -> String) {
        assert!(self.status < 500, "{}", shown());
        let unknown = self.status == 404;
        assert!(unknown || self.headers["cache-control"] == "no-store", "{}", shown());
        assert!(unknown || serde_json::from_str::<serde_json::Value>(&self.body).is_ok(), "{}", shown());
        assert!(self.status != 401 || self.headers.contains_key("www-authenticate"), "{}", shown());
        assert_eq!(self.headers.contains_key("retry-after"), self.status == 409, "{}", shown());
        // A token goes to a browser only out of reach of its scripts.
        for cookie in self.cookies() {
            let hardened =
                ["; HttpOnly", "; Secure", "; Path=/", "; Max-Age="].iter().all(|part| cookie.contains(part));
            assert!(hardened && !cookie.contains("Domain"), "{}", shown());
            assert!([ACCESS, REFRESH].iter().any(|name| cookie.split('=').next() == Some(name)), "{}", shown());
        }
        assert!(self.cookies().is_empty() || !self.body.contains("_token\""), "in both channels: {}", shown());
        if self.status >= 400 {
            let gone = self.cookies().iter().all(|cookie| cookie.contains("=; ") && cookie.contains("; Max-Age=0"));
            assert!(gone, "a refusal that sets a cookie: {}", shown());
            assert!(
                known.iter().all(|(token, ..)| token.trim().is_empty() || !self.body.contains(token)),
                "{}",
                shown()
            );
        }
    }

    fn is(&self, expected: &Expected, shown: &dyn Fn() -> String) {
        let Expected { status, code, cookies, token_in_body } = *expected;
        if status == PERHAPS_FORBIDDEN && self.status == 403 {
            return;
        }
        assert!(status == self.status || status == PERHAPS_FORBIDDEN, "{status} was right: {}", shown());
        if status == PERHAPS_FORBIDDEN {
            return;
        }
        assert!(
            code.is_empty() || self.body.contains(&format!("\"error\":\"{code}\"")),
            "{code} was right: {}",
            shown()
        );
        let set = self.cookies().iter().filter(|cookie| !cookie.contains("; Max-Age=0")).count();
        let found = (set > 0, self.cookies().len() > set);
        assert_eq!(found, (cookies == Cookies::Set, cookies == Cookies::Cleared), "{}", shown());
        assert_eq!(self.body.contains("\"refresh_token\":\""), token_in_body, "{}", shown());
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Cookies {
    Untouched,
    Set,
    Cleared,
}

struct Expected {
    status: u16,
    /// Of a 401.
    code: &'static str,
    cookies: Cookies,
    token_in_body: bool,
}

/// Whether it may be another site's doing is for tower-http to say.
const PERHAPS_FORBIDDEN: u16 = 0;

fn expected(route: &str, headers: &HeaderMap, body: &[u8], known: &[Known]) -> Expected {
    let (mut cookies, mut token_in_body, mut code) = (Cookies::Untouched, false, "");
    let status = match presented(headers, body, known) {
        Err(status) => {
            if status == 401 {
                code = "missing_token";
            }
            status
        }
        Ok((token, by_cookie)) => {
            let fate = known.iter().find(|(other, ..)| *other == token).map_or(Fate::Invalid, |(_, fate, _)| *fate);
            let status = match fate {
                Fate::Good(refresh, rotate) => {
                    if route == "/refresh" {
                        refresh
                    } else {
                        rotate
                    }
                }
                Fate::Ended | Fate::Invalid => {
                    code = if fate == Fate::Ended { "session_ended" } else { "invalid_token" };
                    401
                }
            };
            if by_cookie {
                match fate {
                    Fate::Good(..) if status == 200 => cookies = Cookies::Set,
                    Fate::Ended => cookies = Cookies::Cleared,
                    _ => {}
                }
            }
            token_in_body = status == 200 && !by_cookie;
            status
        }
    };
    Expected { status, code, cookies, token_in_body }
}

/// The token, and whether it came by cookie; or the status of the refusal.
fn presented(headers: &HeaderMap, body: &[u8], known: &[Known]) -> Result<(String, bool), u16> {
    let of_body = token_of(headers, body)?;
    let bearer = headers
        .get_all("authorization")
        .iter()
        .any(|line| line.as_bytes().get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer ")));
    let guarded = of_body.is_none() && !bearer;
    let ours = if guarded { may_be_ours(None, headers, ORIGIN) } else { Some(true) };
    match ours {
        Some(true) => {}
        Some(false) => return Err(403),
        None => return Err(PERHAPS_FORBIDDEN),
    }
    let lines: Vec<_> = headers.get_all("cookie").iter().map(|line| line.as_bytes()).collect();
    let tossed = cookies(&lines, REFRESH);
    if tossed.len() > 4 {
        return Err(400);
    }
    // Whose session a token says it is of, where its signature is right.
    let session = |token: &str| known.iter().find(|(other, ..)| other == token).map_or(0, |(_, _, session)| *session);
    let mut valid = tossed.iter().filter(|token| session(token) > 0);
    let of_cookies = match valid.next() {
        None => tossed.first(),
        Some(first) if valid.any(|other| session(other) != session(first)) => return Err(400),
        // Only the session of two generations has a newer one.
        Some(first) => tossed.iter().find(|token| session(token) > 0 && **token == known[2].0).or(Some(first)),
    };
    match (of_body, of_cookies) {
        (None, None) => Err(401),
        (None, Some(cookie)) => Ok((cookie.clone(), true)),
        (Some(token), cookie) => {
            let of_cookie = cookie.map_or(0, |cookie| session(cookie));
            if of_cookie > 0 && session(&token) > 0 && of_cookie != session(&token) {
                Err(400)
            } else {
                Ok((token, false))
            }
        }
    }
}

fn token_of(headers: &HeaderMap, body: &[u8]) -> Result<Option<String>, u16> {
    if body.len() > 16 * 1024 {
        return Err(413);
    }
    if body.is_empty() {
        return Ok(None);
    }
    let types: Vec<_> = headers.get_all("content-type").iter().collect();
    let [one] = types[..] else { return Err(415) };
    let one: String = one.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    let essence = one.split(';').next().unwrap_or_default().trim_matches([' ', '\t']).to_ascii_lowercase();
    let mut tokens = Vec::new();
    match essence.as_str() {
        "application/json" => {
            for (name, value) in Json::object(body).ok_or(400_u16)? {
                match value {
                    _ if name != "refresh_token" && name != "refreshToken" => {}
                    Json::Null => {}
                    Json::Text(token) => tokens.push(token),
                    _ => return Err(400),
                }
            }
        }
        "application/x-www-form-urlencoded" => {
            let mut names = Vec::new();
            for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
                let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
                let (name, value) = (decoded(&pair[..end])?, decoded(pair.get(end + 1..).unwrap_or_default())?);
                if names.contains(&name) {
                    return Err(400);
                }
                if name == "refresh_token" || name == "refreshToken" {
                    tokens.push(value);
                }
                names.push(name);
            }
        }
        _ => return Err(415),
    }
    // An empty one counts as omitted (RFC 6749 section 3.2).
    tokens.retain(|token| !token.is_empty());
    if tokens.len() == 2 && tokens[0] != tokens[1] {
        return Err(400);
    }
    Ok(tokens.pop())
}

/// `+` and `%XX`; what is no UTF-8, or stands for it, is refused.
fn decoded(text: &[u8]) -> Result<String, u16> {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut bytes, mut at) = (Vec::new(), 0);
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4 | low) as u8);
                at += 2;
            }
            (b'+', ..) => bytes.push(b' '),
            (byte, ..) => bytes.push(byte),
        }
        at += 1;
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\u{fffd}')).ok_or(400)
}
