//! No secret is ever shown: not by `Debug` or `Display` of a public type, and not in a log.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside the test functions fail their test"
)]

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{Request, StatusCode};
use jwt_sessions::auth::{self, Require, Sight};
use jwt_sessions::clock::Clock;
use jwt_sessions::router::{Delivery, RouterRefusal, RouterRefusalKind, TokenCookies};
use jwt_sessions::session::{
    Denied, Event, EventKind, Events, LegacySecret, LegacyTokens, Opening, Operation, Outcome, Reuse, Stance,
};
use jwt_sessions::site::SiteError;
use jwt_sessions::store::conformance::Suite;
use jwt_sessions::store::{
    self, AnyStore, Created, Cursor, Device, MemoryStore, NewSession, RevokeReason, Seen, SessionStore, SqliteStore,
    StoreError, StoreErrorKind, Swap,
};
use jwt_sessions::token::{
    ACCESS_TYPE, Algorithm, KeySet, OwnClaims, Policy, SecretHash, SessionId, SessionSecret, Signer, SigningKey,
    Timestamp,
};
use jwt_sessions::{
    Authenticated, Client, Grant, JwtAuthLayer, Keys, Login, Opened, Refreshed, Rotation, SessionRoutes, Sessions,
    Settings, Site, Tokens, Verifier, accounts, session_router,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_layer::Layer;
use tracing::level_filters::LevelFilter;

const PASSWORD: &str = "planted-password";
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// What is planted: into keys, credentials, addresses and everything that is refused.
#[derive(Clone, Debug)]
struct Planted {
    access: String,
    refresh: String,
    password: String,
    /// Letters and digits, for where nothing else may stand.
    word: String,
    session_secret: [u8; 16],
    hash: [u8; 32],
    pair: &'static str,
}

impl Planted {
    /// Always the same.
    fn plain() -> Self {
        Self {
            access: "planted-access-secret-0123456789-abcdefgh".to_owned(),
            refresh: "planted-refresh-secret-0123456789-abcdefgh".to_owned(),
            password: PASSWORD.to_owned(),
            word: "planted".to_owned(),
            session_secret: [0xab; 16],
            hash: [0xcd; 32],
            pair: PAIRS[0],
        }
    }

    /// Any: of every length, with quotes, control characters and letters of every script.
    fn any() -> impl Strategy<Value = Self> {
        // The replacement character is what a setting that is no Unicode comes as.
        let char = || any::<char>().prop_filter("replacement", |char| *char != char::REPLACEMENT_CHARACTER);
        let text = move |length| prop::collection::vec(char(), length).prop_map(String::from_iter);
        let secret = |name| text(32..80).prop_map(move |text| format!("{name}-0123456789{text}"));
        let password = text(8..40).prop_map(|text| format!("{PASSWORD}{text}"));
        let pair = prop::sample::select(&PAIRS[..]);
        let texts = (secret("access"), secret("refresh"), password, "[a-z0-9]{16}");
        (texts, any::<[u8; 16]>(), any::<[u8; 32]>(), pair).prop_map(|(texts, session_secret, hash, pair)| {
            let (access, refresh, password, word) = texts;
            Self { access, refresh, password, word, session_secret, hash, pair }
        })
    }

    fn keys(&self) -> Keys {
        Keys::secrets(&self.access, &self.refresh).unwrap()
    }
}

const PAIRS: [&str; 4] = [
    include_str!("keys/ed25519.pem"),
    include_str!("keys/p256.pem"),
    include_str!("keys/p384.pem"),
    include_str!("keys/rsa.pem"),
];

/// Everything that must not be seen, in the forms that it could be seen in.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn new(planted: &Planted) -> Self {
        let mut secrets = Self::default();
        for text in ["planted", &planted.access, &planted.refresh, &planted.password, &planted.word] {
            secrets.add(text);
        }
        secrets
    }

    fn add(&mut self, secret: &str) {
        self.0.insert(secret.to_owned());
        self.0.insert(secret.escape_debug().to_string());
        self.bytes(secret.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.insert(format!("{bytes:?}").trim_matches(['[', ']']).to_owned());
        self.0.insert(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        // The last characters depend on what follows.
        self.0.insert(STANDARD.encode(bytes)[..bytes.len() / 3 * 4].to_owned());
        self.0.insert(URL_SAFE_NO_PAD.encode(bytes)[..bytes.len() / 3 * 4].to_owned());
    }

    /// Claims and signature, each by itself; all tokens have their header in common, and it is no secret.
    fn token(&mut self, token: &str) {
        for segment in token.split('.').skip(1) {
            self.0.insert(segment.to_owned());
        }
        let payload = token.split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        if let Some(secret) = claims["sec"].as_str() {
            self.0.insert(secret.to_owned());
            self.bytes(&URL_SAFE_NO_PAD.decode(secret).unwrap());
        }
    }

    fn tokens(&mut self, tokens: &Tokens) {
        self.token(tokens.access_token());
        self.token(tokens.refresh_token());
    }

    #[track_caller]
    fn are_not_in(&self, text: &str) {
        let lower = text.to_lowercase();
        for secret in &self.0 {
            assert!(!text.contains(secret) && !lower.contains(&secret.to_lowercase()), "{secret} is in {text}");
        }
    }
}

/// What was formatted, by the names of the types.
#[derive(Default)]
struct Shown(Vec<(String, String)>);

impl Shown {
    fn debug<T: Debug>(&mut self, value: T) {
        let path = std::any::type_name::<T>().trim_start_matches('&');
        let name = path.split('<').next().unwrap().rsplit("::").next().unwrap();
        self.0.push((name.to_owned(), format!("{value:?} {value:#?}")));
    }

    fn both<T: Debug + Display>(&mut self, value: T) {
        let text = value.to_string();
        self.debug(value);
        self.0.push((String::new(), text));
    }
}

#[derive(serde::Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

type Answer<T> = Result<Option<T>, io::Error>;

async fn login(credentials: Credentials) -> Answer<Login> {
    Ok(credentials.password.starts_with(PASSWORD).then(|| Login::new(credentials.username).label("laptop")))
}

async fn grant(_: String) -> Answer<Grant<Value>> {
    Ok(Some(Grant::new(json!({"plan": "planted-claim"})).scope("read")))
}

/// Formats what the application's hook is told.
#[derive(Clone, Default)]
struct Watching(Arc<Mutex<Shown>>);

impl Events for Watching {
    fn event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().debug(*event);
    }

    fn before_open(&self, opening: &Opening<'_>) -> Result<(), Denied> {
        self.0.lock().unwrap().debug(*opening);
        Ok(())
    }
}

fn sessions<S: SessionStore>(planted: &Planted, store: S, clock: &Clock, watching: Watching) -> Sessions<S> {
    let builder = Sessions::builder(planted.keys(), store, accounts(login, grant));
    let builder = builder.site(Site::new("https://app.example").unwrap()).clock(clock.clone()).events(watching);
    builder.build().unwrap()
}

async fn open<S: SessionStore>(planted: &Planted, sessions: &Sessions<S>) -> Tokens {
    let credentials = json!({"username": "alice", "password": planted.password});
    match sessions.login(credentials, Client::default()).await.unwrap() {
        Opened::Tokens(tokens) => tokens,
        other => panic!("{other:?}"),
    }
}

proptest! {
    // The same secrets at every run; a seed in the environment plants others.
    #![proptest_config(ProptestConfig {
        cases: 32,
        rng_seed: if std::env::var_os("PROPTEST_RNG_SEED").is_some() { RngSeed::Random } else { RngSeed::Fixed(1) },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_public_type_shows_any_secret(planted in Planted::any()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(every_public_type(&planted));
    }
}

/// Formats a value of every public type, with what was planted in it, and finds nothing of that.
async fn every_public_type(planted: &Planted) -> Shown {
    let (mut secrets, mut shown) = (Secrets::new(planted), Shown::default());
    token_ring(planted, &mut secrets, &mut shown);
    store_ring(planted, &mut secrets, &mut shown).await;
    session_ring(planted, &mut secrets, &mut shown).await;
    outer_rings(planted, &mut secrets, &mut shown).await;
    for (_, text) in &shown.0 {
        secrets.are_not_in(text);
    }
    shown
}

#[tokio::test]
async fn no_public_type_shows_a_secret() {
    let shown = every_public_type(&Planted::plain()).await;

    let formatted: BTreeSet<_> = shown.0.iter().map(|(name, _)| name.as_str()).collect();
    // Nobody can have a `NoLogin`; the futures are what they wait for, and have no `Debug`.
    // The stores of servers are formatted by their own tests, which are built with their drivers.
    let servers = ["PostgresStore", "MySqlStore", "RedisStore", "MongoStore"];
    let other = ["NoLogin", "ResponseFuture", "RequireFuture"].into_iter().chain(servers);
    let public = public_types(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let missing: Vec<_> = public.iter().filter(|name| !formatted.contains(name.as_str())).collect();
    assert_eq!(missing, other.collect::<BTreeSet<_>>().iter().collect::<Vec<_>>(), "format these types here, too");
}

fn public_types(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(public_types(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            for line in text.lines().map(str::trim) {
                let name = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "));
                names.extend(
                    name.map(|name| name.split(|char: char| !char.is_alphanumeric()).next().unwrap().to_owned()),
                );
            }
        }
    }
    names
}

fn token_ring(planted: &Planted, secrets: &mut Secrets, shown: &mut Shown) {
    let body: Vec<_> = planted.pair.lines().filter(|line| !line.starts_with("-----")).collect();
    // All keys of a kind begin alike.
    secrets.0.extend(body.iter().skip(usize::from(body.len() > 1)).map(|line| (*line).to_owned()));
    let pair = SigningKey::detect_pem(planted.pair).unwrap();
    let key = SigningKey::secret(Algorithm::HS256, &planted.access).unwrap();
    let signer = Signer::new(key.clone(), ACCESS_TYPE);
    let signed = signer.sign(r#"{"sub":"alice","exp":1700000060,"plan":"planted-claim"}"#).unwrap();
    secrets.token(&signed);
    let keys = KeySet::new(key.clone()).and(pair.verifying().clone()).unwrap();
    let policy = Policy::new().any_subject();
    let verified = policy.verify(&signed, &keys, NOW).unwrap();
    let (secret, hash) = (SessionSecret::from_bytes(planted.session_secret), SecretHash::from_bytes(planted.hash));
    secrets.bytes(&planted.session_secret);
    secrets.bytes(&planted.hash);
    let refused = policy.verify(&format!("{0}.{0}.{0}", planted.word), &keys, NOW).unwrap_err();
    shown.debug(refused.kind());
    shown.both(refused);
    let refused = SigningKey::secret(Algorithm::HS256, &planted.word).unwrap_err();
    shown.debug(refused.kind());
    shown.both(refused);
    shown.debug(verified.registered().clone());
    shown.debug(verified.clone().into_parts().1);
    shown.debug(verified);
    shown.debug(OwnClaims::new(&json!({"plan": "planted-claim"})).unwrap());
    shown.debug(key.verifying().clone());
    shown.debug(pair.verifying().clone());
    shown.debug(pair);
    shown.debug(key);
    shown.debug(signer);
    shown.debug(keys);
    shown.debug(policy);
    shown.debug(secret);
    shown.debug(hash);
    shown.both(Algorithm::HS256);
    shown.both(SessionId::from_bytes([1; 16]));
    shown.both(NOW);
}

async fn store_ring(planted: &Planted, secrets: &mut Secrets, shown: &mut Shown) {
    let clock = Clock::manual(NOW);
    let hash = SecretHash::from_bytes(planted.hash);
    let id = SessionId::from_bytes([1; 16]);
    let hour = Duration::from_secs(3600);
    let session = NewSession::new(id, "alice", hash, hour, hour, NOW);
    let memory = MemoryStore::new(clock.clone());
    let created = memory.create(&session).await.unwrap();
    let Created::Opened { row, .. } = &created else { panic!("{created:?}") };
    shown.debug(*row);
    shown.debug(created);
    shown.debug(memory.load("alice", id).await.unwrap().unwrap());
    shown.debug(memory.list("alice").await.unwrap().remove(0));
    let swap = Swap::new((1, 1), 2, 1);
    shown.debug(memory.swap("alice", id, &hash, &swap).await.unwrap());
    shown.debug(swap);
    memory.revoke("alice", id, RevokeReason::Logout).await.unwrap();
    shown.debug(memory.load("alice", id).await.unwrap().unwrap().row.revoked.unwrap());
    shown.debug(RevokeReason::Reused);
    let feed = memory.feed(&Cursor::default()).await.unwrap();
    shown.debug(feed.entries[0]);
    shown.debug(feed.entries[0].ends);
    shown.debug(feed.cursor.clone());
    shown.debug(feed);
    shown.debug(session);
    shown.debug(Seen::new("alice", id, 1));
    shown.debug(Device::default());
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(folder.path().join("sessions.db"), clock).await.unwrap();
    shown.debug(Suite::new(memory.clone()));
    shown.debug(AnyStore::new(memory.clone()));
    shown.debug(memory);
    shown.debug(sqlite);
    secrets.add("planted-pass");
    let Planted { word, .. } = planted;
    let urls = [format!("oracle://user:planted-pass{word}@db"), format!("postgres://user:{word}@db"), word.clone()];
    for url in urls {
        shown.both(store::connect(&url).await.unwrap_err());
    }
    shown.both(StoreError::new(StoreErrorKind::Full));
    shown.debug(StoreErrorKind::Full);
}

async fn session_ring(planted: &Planted, secrets: &mut Secrets, shown: &mut Shown) {
    let clock = Clock::manual(NOW);
    let watching = Watching::default();
    let sessions = sessions(planted, MemoryStore::new(clock.clone()), &clock, watching.clone());
    let tokens = open(planted, &sessions).await;
    secrets.tokens(&tokens);
    shown.debug(Client::default().replacing(tokens.refresh_token()));
    shown.debug(sessions.list("alice").await.unwrap().remove(0));
    shown.debug(sessions.feed_state());
    shown.debug(Stance::default());
    let refreshed = sessions.refresh(tokens.refresh_token()).await.unwrap();
    if let Refreshed::Tokens(tokens) = &refreshed {
        secrets.tokens(tokens);
    }
    shown.debug(refreshed);
    let refused = sessions.refresh(&planted.word).await.unwrap();
    if let Refreshed::Refused(refused) = refused {
        shown.debug(refused);
    }
    shown.debug(Opened::Tokens(open(planted, &sessions).await));
    shown.debug(tokens);
    let error = sessions.open("", Client::default()).await.unwrap_err();
    shown.debug(error.kind());
    shown.both(error);
    let keys = planted.keys();
    let builder = Sessions::builder(keys.clone(), MemoryStore::new(clock.clone()), accounts(login, grant));
    shown.debug(accounts(login, grant));
    shown.both(Sessions::builder(keys.clone(), MemoryStore::new(clock), accounts(login, grant)).build().unwrap_err());
    shown.debug(builder);
    shown.debug(keys);
    let vouch = async |_: String, _: String| Ok::<_, io::Error>(true);
    let forget = async |_: String, _: String| Ok::<_, io::Error>(());
    let secret = LegacySecret::new(&planted.refresh).unwrap();
    shown.debug(secret.clone());
    shown.debug(LegacyTokens::new(secret, vouch, forget));
    shown.debug(grant(String::new()).await.unwrap().unwrap());
    shown.debug(Login::new("alice"));
    shown.debug(Rotation::strict());
    shown.debug(EventKind::OrphanSeen);
    shown.debug(Outcome::Reused(Reuse::Stale));
    shown.debug(Reuse::Stale);
    shown.debug(Operation::Rotate);
    shown.both(Denied::new());
    shown.debug(sessions);
    shown.0.append(&mut watching.0.lock().unwrap().0);
}

async fn outer_rings(planted: &Planted, secrets: &mut Secrets, shown: &mut Shown) {
    let clock = Clock::manual(NOW);
    let sessions = sessions(planted, MemoryStore::new(clock.clone()), &clock, Watching::default());
    let tokens = open(planted, &sessions).await;
    secrets.tokens(&tokens);
    shown.debug(TokenCookies::new(&sessions, &tokens).unwrap());
    let layer = JwtAuthLayer::new(sessions.verifier());
    let user = user_of(&layer, &tokens).await;
    shown.debug(user);
    let refused = sessions.verifier().verify(&format!("{0}.{0}.{0}", planted.word)).unwrap_err();
    shown.debug(refused.kind());
    shown.both(refused);
    let keys = KeySet::new(SigningKey::secret(Algorithm::HS256, &planted.access).unwrap());
    let builder = Verifier::builder(keys.clone());
    let refused = Verifier::builder(keys).build().unwrap_err();
    shown.debug(refused.kind());
    shown.both(refused);
    shown.debug(builder);
    shown.debug(auth::DefaultResponseForRefusal::default());
    shown.debug(Require::scope("read").layer(()));
    shown.debug(Require::scope("read"));
    shown.debug(layer.layer(()));
    shown.debug(layer);
    shown.debug(Sight::Live);
    shown.debug(auth::Noted::default());
    shown.debug(sessions.verifier());

    let refused = session_router::<_, ()>(sessions.clone());
    let cookie = format!("__Host-Http-refresh={}", planted.word);
    let request = Request::post("/refresh").header("cookie", cookie).body(Body::empty());
    let response = refused.oneshot(request.unwrap()).await.unwrap();
    shown.both(*response.extensions().get::<RouterRefusal>().unwrap());
    shown.debug(RouterRefusalKind::Csrf);
    shown.debug(Delivery::Body);
    shown.debug(SessionRoutes::new(sessions.clone()));
    shown.debug(SessionRoutes::new(sessions).express());

    let store = format!("postgres://user:{}@db/sessions", planted.word);
    let vars = [
        ("ACCESS_TOKEN_SECRET", planted.access.as_str()),
        ("REFRESH_TOKEN_SECRET", &planted.refresh),
        ("SESSION_STORE", &store),
        ("PUBLIC_ORIGIN", "https://app.example"),
    ];
    let settings = Settings::from_vars(vars).unwrap();
    shown.both(settings.store().await.unwrap_err());
    shown.debug(settings.site().clone());
    shown.debug(settings);
    shown.both(Settings::from_vars([("ACCESS_TOKEN_SECRET", planted.word.as_str())]).unwrap_err());
    shown.both(SiteError::Origin);
    shown.debug(Clock::system());
}

/// What a handler gets of a request with this access token.
async fn user_of(layer: &JwtAuthLayer, tokens: &Tokens) -> Authenticated<Value> {
    let found = Arc::new(Mutex::new(None));
    let slot = found.clone();
    let handler = async move |user: Authenticated<Value>| *slot.lock().unwrap() = Some(user);
    let app: Router = Router::new().route("/", get(handler)).route_layer(layer.clone());
    let request = Request::get("/").header("authorization", format!("Bearer {}", tokens.access_token()));
    assert_eq!(app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status(), StatusCode::OK);
    let user = found.lock().unwrap().take();
    user.unwrap()
}

#[tokio::test]
async fn no_log_has_a_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    // For every thread of the process: the SQLite store has its own.
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    // What another test's thread has logged just now may have been noted as what nobody listens to.
    tracing::callsite::rebuild_interest_cache();
    let planted = Planted::plain();
    let mut secrets = Secrets::new(&planted);
    let clock = Clock::manual(NOW);
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sessions.db"), clock.clone()).await.unwrap();
    store.migrate().await.unwrap();
    let sessions = sessions(&planted, store, &clock, Watching::default());
    let app: Router = Router::new()
        .route("/me", get(async |user: Authenticated<Value>| user.subject().to_owned()))
        .route("/misfit", get(async |_: Authenticated<Misfit>| "x"))
        .route_layer(JwtAuthLayer::new(sessions.verifier()))
        .nest("/auth", session_router(sessions.clone()));
    let post = async |path: &str, header: (&str, &str), body: String| {
        let request = Request::post(path).header("content-type", "application/json").header(header.0, header.1);
        let response = app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice::<Value>(&body).unwrap_or_default())
    };
    let none = ("accept", "*/*");
    let login = |password: &str| json!({"username": "alice", "password": password}).to_string();
    let refresh = |token: &Value| json!({"refresh_token": token}).to_string();

    assert_eq!(post("/auth/login", none, login(PASSWORD)).await.0, 200);
    assert_eq!(post("/auth/login", none, login("planted-guess")).await.0, 401);
    assert_eq!(post("/auth/login", none, r#"{"username":{"planted":1},"password":"planted"}"#.into()).await.0, 400);
    assert_eq!(post("/auth/login?delivery=planted", none, login(PASSWORD)).await.0, 400);
    assert_eq!(post("/auth/login", ("content-type", "planted/planted"), login(PASSWORD)).await.0, 415);

    let (_, first) = post("/auth/login?delivery=body", none, login(PASSWORD)).await;
    let mut tokens = vec![first];
    for _ in 0..2 {
        clock.advance(Duration::from_secs(91));
        let (status, next) = post("/auth/refresh", none, refresh(&tokens.last().unwrap()["refresh_token"])).await;
        assert_eq!(status, 200);
        tokens.push(next);
    }
    for token in tokens.iter().flat_map(|tokens| [&tokens["access_token"], &tokens["refresh_token"]]) {
        secrets.token(token.as_str().unwrap());
    }
    let access = tokens[2]["access_token"].as_str().unwrap();
    for (path, token) in [("/me", access), ("/misfit", access), ("/me", "planted.planted.planted"), ("/me", "planted")]
    {
        let request = Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty());
        app.clone().oneshot(request.unwrap()).await.unwrap();
    }
    sessions.flush().await;
    let cookie = format!("__Host-Http-refresh={}", tokens[2]["refresh_token"].as_str().unwrap());
    let reauthenticated = post("/auth/reauthenticate", ("cookie", &cookie), login(PASSWORD)).await;
    assert_eq!(reauthenticated.0, 200);
    assert_eq!(post("/auth/refresh", ("cookie", "__Host-Http-refresh=planted"), String::new()).await.0, 401);
    let (_, other) = post("/auth/login?delivery=body", none, login(PASSWORD)).await;
    let (_, second) = post("/auth/refresh", none, refresh(&other["refresh_token"])).await;
    clock.advance(Duration::from_secs(91));
    let (_, third) = post("/auth/refresh", none, refresh(&second["refresh_token"])).await;
    for token in [&other, &second, &third].map(|tokens| [&tokens["access_token"], &tokens["refresh_token"]]).concat() {
        secrets.token(token.as_str().unwrap());
    }
    assert_eq!(post("/auth/refresh", none, refresh(&other["refresh_token"])).await.0, 401, "reuse is noticed");
    assert_eq!(post("/auth/logout", none, refresh(&third["refresh_token"])).await.0, 200);
    assert_eq!(post("/auth/logout-all", ("authorization", &format!("Bearer {access}")), String::new()).await.0, 200);

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for expected in ["login", "rotated", "reused", "request refused", "session request refused", "do not fit"] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    secrets.are_not_in(&text);
}

#[derive(serde::Deserialize)]
struct Misfit {
    #[serde(rename = "plan")]
    _plan: u32,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
