//! An application with sessions under `/auth`, people who log in, and what their clients keep.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of tests, outside of any test function"
)]

#[path = "store.rs"]
pub(crate) mod store;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{HeaderMap, Method, Request, StatusCode};
use jwt_sessions::auth::Refusal;
use jwt_sessions::clock::Clock;
use jwt_sessions::router::{RouterRefusal, RouterRefusalKind};
use jwt_sessions::session::{Outcome, SessionsBuilder};
use jwt_sessions::site::Site;
use jwt_sessions::store::{AnyStore, SqliteStore};
use jwt_sessions::token::{SessionId, Timestamp};
use jwt_sessions::{Authenticated, Grant, JwtAuthLayer, Keys, Login, SessionRoutes, Sessions, accounts};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt;

use self::store::Store;

pub(crate) const ACCESS: &str = "__Host-Http-access";
pub(crate) const REFRESH: &str = "__Host-Http-refresh";
pub(crate) const ACCESS_SECRET: &str = "access-secret-0123456789-abcdefghij";
pub(crate) const REFRESH_SECRET: &str = "refresh-secret-0123456789-abcdefghij";
pub(crate) const NOW: i64 = 1_700_000_000;

/// What the accounts say.
#[derive(Default)]
pub(crate) struct People {
    pub(crate) disabled: bool,
    /// These are nobody's names any more.
    pub(crate) deleted: Vec<String>,
    pub(crate) broken: bool,
    pub(crate) scope: Option<&'static str>,
    /// In the claims, to make tokens large.
    pub(crate) padding: usize,
    /// A login says that it has begun, and waits.
    pub(crate) gate: Option<Arc<Gate>>,
}

#[derive(Default)]
pub(crate) struct Gate {
    pub(crate) begun: Notify,
    pub(crate) go_on: Notify,
}

#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
    remember: Option<bool>,
}

pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) people: Arc<Mutex<People>>,
    pub(crate) sessions: Sessions<Store>,
    pub(crate) app: Router,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder, |routes| routes)
    }

    pub(crate) fn built(build: impl FnOnce(SessionsBuilder<Store>) -> SessionsBuilder<Store>) -> Self {
        Self::with(build, |routes| routes)
    }

    pub(crate) fn routed(route: impl FnOnce(SessionRoutes<Store>) -> SessionRoutes<Store>) -> Self {
        Self::with(|builder| builder, route)
    }

    pub(crate) fn with(
        build: impl FnOnce(SessionsBuilder<Store>) -> SessionsBuilder<Store>,
        route: impl FnOnce(SessionRoutes<Store>) -> SessionRoutes<Store>,
    ) -> Self {
        let clock = Clock::manual(Timestamp::from_secs(NOW));
        let store = Store::new(clock.clone());
        Self::of(clock, store, keys(), Arc::default(), build, route)
    }

    /// The same application over a database file, which is the guard's.
    pub(crate) async fn on_sqlite() -> (Self, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::from_secs(NOW));
        let sqlite = SqliteStore::open(folder.path().join("sessions.db"), clock.clone()).await.unwrap();
        sqlite.migrate().await.unwrap();
        let store = Store::on(AnyStore::new(sqlite), clock.clone());
        (Self::of(clock, store, keys(), Arc::default(), |builder| builder, |routes| routes), folder)
    }

    /// The same application started anew with these keys: the store, the people and the time stay.
    pub(crate) fn with_keys(&self, keys: Keys) -> Self {
        let (clock, store, people) = (self.clock.clone(), self.store.clone(), self.people.clone());
        Self::of(clock, store, keys, people, |builder| builder, |routes| routes)
    }

    /// Another instance of the same application, with a way of its own to the same store.
    pub(crate) fn beside(&self, build: impl FnOnce(SessionsBuilder<Store>) -> SessionsBuilder<Store>) -> Self {
        let (clock, store, people) = (self.clock.clone(), self.store.beside(), self.people.clone());
        Self::of(clock, store, keys(), people, build, |routes| routes)
    }

    fn of(
        clock: Clock,
        store: Store,
        keys: Keys,
        people: Arc<Mutex<People>>,
        build: impl FnOnce(SessionsBuilder<Store>) -> SessionsBuilder<Store>,
        route: impl FnOnce(SessionRoutes<Store>) -> SessionRoutes<Store>,
    ) -> Self {
        let (asked, granted) = (people.clone(), people.clone());
        let login = move |credentials: Credentials| {
            let people = asked.clone();
            async move {
                let gate = people.lock().unwrap().gate.clone();
                if let Some(gate) = gate {
                    gate.begun.notify_one();
                    gate.go_on.notified().await;
                }
                if people.lock().unwrap().broken {
                    return Err(std::io::Error::other("planted: the accounts are broken"));
                }
                let deleted = people.lock().unwrap().deleted.contains(&credentials.username);
                let known = credentials.username != "nobody" && !deleted && credentials.password == "right";
                Ok(known.then(|| Login::new(credentials.username).remember(credentials.remember.unwrap_or(true))))
            }
        };
        let grant = move |subject: String| {
            let people = granted.lock().unwrap();
            let answer = if people.broken {
                Err(std::io::Error::other("planted: the accounts are broken"))
            } else if people.disabled || people.deleted.contains(&subject) {
                Ok(None)
            } else {
                let grant = Grant::new(json!({"name": subject, "padding": "x".repeat(people.padding)}));
                Ok(Some(match people.scope {
                    Some(scope) => grant.scope(scope),
                    None => grant,
                }))
            };
            async move { answer }
        };
        let builder = Sessions::builder(keys, store.clone(), accounts(login, grant))
            .site(Site::new("https://app.example").unwrap())
            .clock(clock.clone());
        let sessions = build(builder).build().unwrap();
        let app = app(&sessions, route(SessionRoutes::new(sessions.clone())).router());
        Self { clock, store, people, sessions, app }
    }

    pub(crate) fn people(&self, change: impl FnOnce(&mut People)) {
        change(&mut self.people.lock().unwrap());
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Sends a request, and holds every answer of the router to what it promises of all of them.
    pub(crate) async fn send(&self, asking: Ask) -> Answer {
        let path = asking.path.clone();
        let answer = self.send_raw(asking).await;
        if path.starts_with("/auth") {
            answer.keeps_the_rules(&path);
        }
        answer
    }

    pub(crate) async fn send_raw(&self, asking: Ask) -> Answer {
        Answer::of(self.app.clone().oneshot(asking.request()).await.unwrap()).await
    }

    /// Somebody logs in with cookies.
    pub(crate) async fn login(&self, username: &str) -> Jar {
        let answer = self.send(post("/auth/login").json(json!({"username": username, "password": "right"}))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let mut jar = Jar::default();
        jar.keep(&answer);
        assert_eq!(jar.names(), [ACCESS, REFRESH]);
        jar
    }

    /// Somebody logs in without cookies.
    pub(crate) async fn login_by_body(&self, username: &str) -> Held {
        let asking = post("/auth/login?delivery=body").json(json!({"username": username, "password": "right"}));
        let answer = self.send(asking).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.held()
    }

    /// Whether the layer takes the access token.
    pub(crate) async fn takes(&self, access: &str) -> bool {
        self.send_raw(ask(Method::GET, "/me").bearer(access)).await.status == 200
    }

    /// Whether the refresh token is still good for something; changes nothing that another test step would see.
    pub(crate) async fn lives(&self, subject: &str, session: SessionId) -> bool {
        self.sessions.list(subject).await.unwrap().iter().any(|listed| listed.id == session)
    }
}

fn keys() -> Keys {
    Keys::secrets(ACCESS_SECRET, REFRESH_SECRET).unwrap()
}

fn app(sessions: &Sessions<Store>, router: Router) -> Router {
    Router::new()
        .route("/me", get(me).post(me))
        .route_layer(JwtAuthLayer::new(sessions.verifier()))
        .nest("/auth", router)
}

async fn me(user: Authenticated<Value>) -> String {
    json!({"sub": user.subject(), "gen": user.registered().generation, "scopes": user.scopes().collect::<Vec<_>>()})
        .to_string()
}

/// The two tokens of a client without cookies.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// What a browser keeps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jar(pub(crate) Vec<(String, String)>);

impl Jar {
    pub(crate) fn keep(&mut self, answer: &Answer) {
        for cookie in answer.cookies() {
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.0.retain(|(kept, _)| kept != name);
            if !attributes.split("; ").any(|attribute| attribute == "Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
        self.0.sort();
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub(crate) fn line(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        &self.0.iter().find(|(kept, _)| kept == name).unwrap().1
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(kept, _)| kept != name).cloned().collect())
    }

    pub(crate) fn session(&self) -> SessionId {
        session_of(self.get(REFRESH))
    }
}

/// What a token says, unverified.
pub(crate) fn payload(token: &str) -> Value {
    use base64::Engine as _;
    let middle = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(middle).unwrap()).unwrap()
}

pub(crate) fn session_of(token: &str) -> SessionId {
    SessionId::parse(payload(token)["sid"].as_str().unwrap()).unwrap()
}

pub(crate) fn generation(token: &str) -> u64 {
    payload(token)["gen"].as_u64().unwrap()
}

/// A request in the making.
#[derive(Clone)]
pub(crate) struct Ask {
    method: Method,
    pub(crate) path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    pub(crate) peer: Option<std::net::SocketAddr>,
}

pub(crate) fn ask(method: Method, path: impl Into<String>) -> Ask {
    Ask { method, path: path.into(), headers: Vec::new(), body: Vec::new(), peer: None }
}

pub(crate) fn post(path: impl Into<String>) -> Ask {
    ask(Method::POST, path)
}

impl Ask {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn jar(self, jar: &Jar) -> Self {
        if jar.0.is_empty() { self } else { self.header("cookie", jar.line()) }
    }

    pub(crate) fn raw(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_owned();
        self
    }

    pub(crate) fn json(self, body: Value) -> Self {
        self.header("content-type", "application/json").raw(body.to_string())
    }

    pub(crate) fn form(self, body: impl AsRef<[u8]>) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded").raw(body)
    }

    pub(crate) fn token(self, refresh: &str) -> Self {
        self.json(json!({"refresh_token": refresh}))
    }

    pub(crate) fn request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(self.body)).unwrap();
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        }
        request
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) refusal: Option<RouterRefusal>,
    pub(crate) access_refusal: Option<Refusal>,
    pub(crate) outcome: Option<Outcome>,
}

impl Answer {
    pub(crate) async fn of(response: http::Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        Self {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
            refusal: head.extensions.get().cloned(),
            access_refusal: head.extensions.get().cloned(),
            outcome: head.extensions.get().copied(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    /// The names of the body's members, in whichever order serde_json has them in this build.
    pub(crate) fn members(&self) -> BTreeSet<String> {
        self.json().as_object().unwrap().keys().cloned().collect()
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and code.
    pub(crate) fn said(&self) -> (u16, String) {
        (self.status.as_u16(), self.error())
    }

    pub(crate) fn kind(&self) -> Option<RouterRefusalKind> {
        self.refusal.as_ref().map(RouterRefusal::kind)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn cookies(&self) -> Vec<&str> {
        self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// Whether both cookies are taken away, and nothing else is set.
    pub(crate) fn clears(&self) -> bool {
        let cookies = self.cookies();
        let gone = |name: &str| cookies.iter().any(|c| c.starts_with(&format!("{name}=;")) && c.ends_with("Max-Age=0"));
        cookies.len() == 2 && gone(ACCESS) && gone(REFRESH)
    }

    pub(crate) fn held(&self) -> Held {
        let body = self.json();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
        Held { access: text("access_token"), refresh: text("refresh_token") }
    }

    fn keeps_the_rules(&self, path: &str) {
        assert_eq!(self.header("cache-control"), Some("no-store"), "{path}");
        let status = self.status.as_u16();
        if status < 400 {
            return;
        }
        // A HEAD has no body.
        if !self.text.is_empty() {
            assert_eq!(self.header("content-type"), Some("application/json"), "{path}");
            let known = FIXED.iter().any(|(code, error, description)| {
                let retryable = matches!(code, 409 | 503);
                let max_age = if *error == "insufficient_user_authentication" { ",\"max_age\":900" } else { "" };
                let text = format!(
                    r#"{{"error":"{error}","error_description":"{description}","retryable":{retryable}{max_age}}}"#
                );
                *code == status && text == self.text
            });
            assert!(known, "{path}: {status} {}", self.text);
        }
        assert_eq!(self.headers.contains_key("retry-after"), matches!(status, 409 | 503), "{path}");
        assert!(status != 401 || self.headers.contains_key("www-authenticate"), "{path}");
        assert!(self.refusal.is_some() || self.access_refusal.is_some(), "{path}: no reason in the extensions");
    }
}

/// Everything that a refusal of the router may say.
const FIXED: [(u16, &str, &str); 22] = [
    (401, "missing_token", "no refresh token was sent"),
    (401, "invalid_token", "the refresh token is not valid"),
    (401, "session_ended", "the session has ended"),
    (401, "invalid_credentials", "the credentials are wrong"),
    (403, "access_denied", "no session is opened at the moment"),
    (403, "csrf", "the request may come from another site"),
    (400, "invalid_request", "the request is malformed or contradicts itself"),
    (400, "invalid_request", "in development mode only this machine is served"),
    (404, "not_found", "there is no such session"),
    (405, "method_not_allowed", "the method is not allowed here"),
    (409, "try_again", "the session was renewed a moment ago"),
    (413, "payload_too_large", "the body is too large"),
    (415, "unsupported_media_type", "the body is neither JSON nor a form"),
    (503, "temporarily_unavailable", "the service is temporarily unavailable"),
    (500, "server_error", "the server is not configured properly"),
    (401, "missing_token", "no access token was sent"),
    (401, "invalid_token", "the access token is not valid"),
    (401, "token_expired", "the access token has expired"),
    (400, "invalid_request", "the credentials are malformed or contradict each other"),
    (401, "insufficient_user_authentication", "a more recent authentication is required"),
    (403, "insufficient_scope", "the access token lacks a required scope"),
    (503, "temporarily_unavailable", "the session cannot be checked at the moment"),
];
