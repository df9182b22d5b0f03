//! Every variable takes effect, and every bad one is refused by its name, in one line, without its value.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside the test functions fail their test"
)]

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use jwt_sessions::auth::{RefusalKind, Verifier};
use jwt_sessions::clock::Clock;
use jwt_sessions::session::{Outcome, Refused, Reuse};
use jwt_sessions::settings::SettingsError;
use jwt_sessions::store::MemoryStore;
use jwt_sessions::token::{Algorithm, KeySet, Timestamp, VerifyingKey};
use jwt_sessions::{
    Client, Grant, Opened, Refreshed, Sessions, Settings, Tokens, accounts_elsewhere, jwks_router, session_router,
};
use serde_json::{Value, json};
use tower::ServiceExt;

const ACCESS: &str = "access-secret-0123456789-abcdefghijklmno";
const REFRESH: &str = "refresh-secret-0123456789-abcdefghijklmno";
const BASE: [(&str, &str); 4] = [
    ("ACCESS_TOKEN_SECRET", ACCESS),
    ("REFRESH_TOKEN_SECRET", REFRESH),
    ("SESSION_STORE", "memory:"),
    ("PUBLIC_ORIGIN", "https://app.example"),
];
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The usual variables with others in their place; an empty value takes one away.
fn with(vars: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut all: Vec<_> = BASE.iter().filter(|(name, _)| vars.iter().all(|(other, _)| other != name)).collect();
    all.extend(vars.iter().filter(|(_, value)| !value.is_empty()));
    all.into_iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn settings(vars: &[(&str, &str)]) -> Settings {
    Settings::from_vars(with(vars)).unwrap()
}

fn refused(vars: &[(&str, &str)]) -> SettingsError {
    match Settings::from_vars(with(vars)) {
        Ok(_) => panic!("accepted: {vars:?}"),
        Err(error) => error,
    }
}

/// Sessions with these settings, in a store of the same manual clock.
struct App {
    clock: Clock,
    sessions: Sessions<MemoryStore>,
}

impl App {
    fn new(vars: &[(&str, &str)]) -> Self {
        async fn grant(_: String) -> Result<Option<Grant<Value>>, std::io::Error> {
            Ok(Some(Grant::new(json!({}))))
        }
        let clock = Clock::manual(Timestamp::from_secs(1_700_000_000));
        let store = MemoryStore::new(clock.clone());
        let sessions = settings(vars).builder(store, accounts_elsewhere(grant)).clock(clock.clone()).build().unwrap();
        Self { clock, sessions }
    }

    async fn open(&self) -> Tokens {
        match self.sessions.open("alice", Client::default()).await.unwrap() {
            Opened::Tokens(tokens) => tokens,
            other => panic!("{other:?}"),
        }
    }

    async fn refresh(&self, token: &str) -> Result<Tokens, Refused> {
        match self.sessions.refresh(token).await.unwrap() {
            Refreshed::Tokens(tokens) => Ok(tokens),
            Refreshed::Refused(refused) => Err(refused),
        }
    }

    /// A session, and then its refresh token renewed once after the rotation may happen again.
    async fn rotated(&self) -> (Tokens, Tokens) {
        let first = self.open().await;
        let second = self.refresh(first.refresh_token()).await.unwrap();
        assert!(second.refresh_token_is_new());
        (first, second)
    }

    fn passes(&self, tokens: &Tokens, keys: KeySet, issuer: &str, audience: &str) -> Result<(), RefusalKind> {
        let verifier = Verifier::builder(keys).issuer(issuer).audience(audience).clock(self.clock.clone());
        let verified = verifier.build().unwrap().verify(tokens.access_token());
        verified.map(|_| ()).map_err(|refusal| refusal.kind())
    }

    async fn answer(&self, request: Request<Body>) -> (StatusCode, Vec<String>, String) {
        let app: Router =
            Router::new().nest("/auth", session_router(self.sessions.clone())).merge(jwks_router(&self.sessions));
        let response = app.oneshot(request).await.unwrap();
        let cookies = response.headers().get_all("set-cookie").iter();
        let cookies = cookies.map(|cookie| cookie.to_str().unwrap().to_owned()).collect();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, cookies, String::from_utf8(body.to_vec()).unwrap())
    }

    /// The cookies that a refresh by cookie sets.
    async fn cookies(&self, name: &str) -> Vec<String> {
        let tokens = self.open().await;
        let request = Request::post("/auth/refresh").header("cookie", format!("{name}={}", tokens.refresh_token()));
        let host = request.header("host", "localhost:3000").body(Body::empty()).unwrap();
        self.answer(host).await.1
    }
}

fn secret(text: &str) -> KeySet {
    KeySet::verifying([VerifyingKey::secret(Algorithm::HS256, text).unwrap()]).unwrap()
}

const ISSUER: &str = "https://app.example";

#[tokio::test]
async fn secrets_sign_under_either_of_their_names() {
    let other = "another-access-secret-9876543210-zyxw";
    for vars in [
        &[("ACCESS_TOKEN_SECRET", other)][..],
        &[("ACCESS_TOKEN_SECRET", ""), ("JWT_ACCESS_TOKEN_SECRET", other)],
        &[("ACCESS_TOKEN_SECRET", other), ("JWT_ACCESS_TOKEN_SECRET", other)],
    ] {
        let app = App::new(vars);
        let tokens = app.open().await;
        assert_eq!(app.passes(&tokens, secret(other), ISSUER, ISSUER), Ok(()));
        assert!(app.passes(&tokens, secret(ACCESS), ISSUER, ISSUER).is_err());
    }
    // A refresh token is read by sessions of the same secret alone: the others do not even ask their store.
    let (ours, same, theirs) = (
        App::new(&[("REFRESH_TOKEN_SECRET", other)]),
        App::new(&[("REFRESH_TOKEN_SECRET", ""), ("JWT_REFRESH_TOKEN_SECRET", other)]),
        App::new(&[]),
    );
    let token = ours.open().await;
    let token = token.refresh_token();
    assert_eq!(same.refresh(token).await.unwrap_err(), Refused::SessionEnded(Outcome::Unknown));
    assert!(matches!(theirs.refresh(token).await.unwrap_err(), Refused::Invalid(_)));
}

#[tokio::test]
async fn the_first_key_file_signs_and_the_others_verify() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (ed, p256, public) = (file("ed.pem", ED25519), file("p256.pem", P256), file("p256-public.pem", P256_PUBLIC));
    let keyed = |files: &str| App::new(&[("ACCESS_TOKEN_SECRET", ""), ("ACCESS_TOKEN_KEY_FILE", files)]);
    let (one, two) = (keyed(&ed), keyed(&p256));
    let (by_one, by_two) = (one.open().await, two.open().await);
    let both = keyed(&format!("{ed}, {public}"));
    for private in [&both, &keyed(&format!("{ed},{p256}"))] {
        assert!(private.sessions.verifier().verify(by_one.access_token()).is_ok());
        assert!(private.sessions.verifier().verify(by_two.access_token()).is_ok());
    }
    assert_eq!(one.sessions.verifier().verify(by_two.access_token()).unwrap_err().kind(), RefusalKind::InvalidToken);

    // Whoever verifies elsewhere needs the public keys alone.
    let (status, _, jwks) = both.answer(Request::get("/.well-known/jwks.json").body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    let keys = KeySet::jwks(&jwks, &[Algorithm::EdDSA, Algorithm::ES256]).unwrap();
    assert_eq!(both.passes(&both.open().await, keys.clone(), ISSUER, ISSUER), Ok(()));
    assert_eq!(two.passes(&by_two, keys, ISSUER, ISSUER), Ok(()));
}

#[tokio::test]
async fn an_access_token_lives_as_long_as_it_is_told() {
    for (expiry, most) in [("", 900), ("10m", 600), ("1h", 3600), ("90", 90)] {
        let app = App::new(&[("ACCESS_TOKEN_EXPIRY", expiry)]);
        let tokens = app.open().await;
        let life = tokens.expires_in().as_secs();
        // Up to 5 % less, so that clients do not all come back at once.
        assert!(life <= most && life >= most - most / 20, "{expiry}: {life}");
        app.clock.advance(tokens.expires_in() - SECOND);
        assert!(app.sessions.verifier().verify(tokens.access_token()).is_ok());
        app.clock.advance(SECOND);
        let refused = app.sessions.verifier().verify(tokens.access_token()).unwrap_err();
        assert_eq!(refused.kind(), RefusalKind::TokenExpired);
    }
}

#[tokio::test]
async fn an_unused_session_ends_after_the_idle_life() {
    for (vars, idle) in [
        (&[][..], 7 * DAY),
        (&[("REFRESH_TOKEN_EXPIRY", "2 days")], 2 * DAY),
        (&[("SESSION_IDLE", "2d")], 2 * DAY),
        (&[("SESSION_IDLE", "1.5h"), ("REFRESH_TOKEN_EXPIRY", "1.5h")], 90 * MINUTE),
    ] {
        let app = App::new(vars);
        let (kept, left) = (app.open().await, app.open().await);
        assert_eq!(kept.refresh_expires_in(), idle);
        app.clock.advance(idle - SECOND);
        assert!(app.refresh(kept.refresh_token()).await.is_ok());
        app.clock.advance(SECOND);
        let refused = app.refresh(left.refresh_token()).await.unwrap_err();
        assert_eq!(refused, Refused::SessionEnded(Outcome::Ended), "{vars:?}");
    }
}

#[tokio::test]
async fn a_session_ends_at_its_absolute_end_however_much_it_is_used() {
    for (vars, days) in [(&[("SESSION_IDLE", "80d")][..], 90), (&[("SESSION_ABSOLUTE", "10d")], 10)] {
        let app = App::new(vars);
        let mut tokens = app.open().await;
        for _ in 0..days - 1 {
            app.clock.advance(DAY);
            tokens = app.refresh(tokens.refresh_token()).await.unwrap();
        }
        assert_eq!(tokens.refresh_expires_in(), DAY, "never beyond the end");
        app.clock.advance(DAY);
        let refused = app.refresh(tokens.refresh_token()).await.unwrap_err();
        assert_eq!(refused, Refused::SessionEnded(Outcome::Ended), "{vars:?}");
    }
}

#[tokio::test]
async fn the_store_is_the_one_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    let url = format!("sqlite:{}", file.display());
    assert!(settings(&[]).store().await.is_ok());
    assert!(!file.exists());
    settings(&[("SESSION_STORE", &url)]).store().await.unwrap();
    assert!(file.exists());
}

#[tokio::test]
async fn tokens_name_issuer_and_audience() {
    let (issuer, audience) = ("https://id.example", "https://api.example");
    for (vars, iss, aud) in [
        (&[][..], ISSUER, ISSUER),
        (&[("ISSUER", issuer)], issuer, issuer),
        (&[("AUDIENCE", audience)], ISSUER, audience),
        (&[("ISSUER", issuer), ("AUDIENCE", audience)], issuer, audience),
        (&[("PUBLIC_ORIGIN", "https://b.example:443")], "https://b.example", "https://b.example"),
        (&[("PUBLIC_ORIGIN", ""), ("COOKIES", "off"), ("ISSUER", issuer)], issuer, issuer),
        (&[("PUBLIC_ORIGIN", "http://b.example"), ("COOKIES", "off")], "http://b.example", "http://b.example"),
    ] {
        let app = App::new(vars);
        let tokens = app.open().await;
        assert_eq!(app.passes(&tokens, secret(ACCESS), iss, aud), Ok(()), "{vars:?}");
        assert!(app.passes(&tokens, secret(ACCESS), iss, "https://other.example").is_err());
        assert!(app.passes(&tokens, secret(ACCESS), "https://other.example", aud).is_err());
        assert!(app.refresh(tokens.refresh_token()).await.is_ok());
    }
}

#[tokio::test]
async fn a_replaced_token_gets_its_successor_within_the_window() {
    for (vars, window) in [(&[][..], 30), (&[("ROTATION_WINDOW", "5s")], 5), (&[("ROTATION_WINDOW", "1m")], 60)] {
        let app = App::new(vars);
        let (first, second) = app.rotated().await;
        app.clock.advance(Duration::from_secs(window));
        let replayed = app.refresh(first.refresh_token()).await.unwrap();
        assert_eq!(replayed.refresh_token(), second.refresh_token(), "{vars:?}");
        app.clock.advance(SECOND);
        let bridged = app.refresh(first.refresh_token()).await.unwrap();
        assert!(!bridged.refresh_token_is_new(), "{vars:?}");
    }
}

#[tokio::test]
async fn presets_and_horizon_decide_about_a_lost_answer() {
    #[derive(Debug, PartialEq)]
    enum Lost {
        Reissued,
        Ended,
    }
    async fn lost(vars: &[(&str, &str)], after: Duration, seen: bool) -> Lost {
        let app = App::new(vars);
        let (first, second) = app.rotated().await;
        if seen {
            app.sessions.verifier().verify(second.access_token()).unwrap();
            app.sessions.flush().await;
        }
        app.clock.advance(after);
        match app.refresh(first.refresh_token()).await {
            Ok(tokens) => {
                assert!(tokens.refresh_token_is_new());
                Lost::Reissued
            }
            Err(refused) => {
                assert_eq!(refused, Refused::SessionEnded(Outcome::Reused(Reuse::Recent)));
                Lost::Ended
            }
        }
    }
    let preset = |name| [("ROTATION_PRESET", name)];
    let late = 6 * DAY;
    assert_eq!(lost(&[], late, false).await, Lost::Reissued);
    assert_eq!(lost(&[], late, true).await, Lost::Ended);
    assert_eq!(lost(&preset("balanced"), late, false).await, Lost::Reissued);
    assert_eq!(lost(&preset("balanced"), late, true).await, Lost::Ended);
    assert_eq!(lost(&preset("strict"), 91 * SECOND, false).await, Lost::Ended);
    assert_eq!(lost(&preset("lenient"), late, true).await, Lost::Reissued);

    for name in ["strict", "balanced", "lenient"] {
        let vars = [("ROTATION_PRESET", name), ("LOST_RESPONSE_HORIZON", "1h")];
        assert_eq!(lost(&vars, 60 * MINUTE, false).await, Lost::Reissued, "{name}");
        assert_eq!(lost(&vars, 60 * MINUTE + SECOND, false).await, Lost::Ended, "{name}");
    }
}

#[tokio::test]
async fn cookies_have_their_names_and_lives() {
    let set = App::new(&[("REFRESH_TOKEN_EXPIRY", "2d")]).cookies("__Host-Http-refresh").await;
    assert_eq!(set.len(), 2, "{set:?}");
    assert!(set[0].starts_with("__Host-Http-access=") && set[0].contains("; Secure"), "{}", set[0]);
    assert!(set[1].starts_with("__Host-Http-refresh=") && set[1].contains("Max-Age=172800"), "{}", set[1]);

    let set = App::new(&[("COOKIE_ACCESS", "__Secure-a"), ("COOKIE_REFRESH", "r")]).cookies("r").await;
    assert!(set[0].starts_with("__Secure-a=") && set[1].starts_with("r="), "{set:?}");

    let set = App::new(&[("PUBLIC_ORIGIN", "http://localhost:3000")]).cookies("refresh-3000").await;
    assert!(set[0].starts_with("access-3000=") && !set[0].contains("Secure"), "{set:?}");

    let off = App::new(&[("COOKIES", "off")]);
    assert!(!off.sessions.site().has_cookies());
    assert!(off.cookies("__Host-Http-refresh").await.is_empty());
    assert_eq!(App::new(&[("COOKIES", "on")]).cookies("__Host-Http-refresh").await.len(), 2);
}

#[test]
fn a_bad_value_is_named_and_never_printed() {
    let long = "x".repeat(200);
    let pem = format!("-----BEGIN PUBLIC KEY-----{ACCESS}");
    let longer = format!("{ACCESS}-and-more");
    let mut table = vec![
        ("REFRESH_TOKEN_SECRET", vec![ACCESS, longer.as_str(), &ACCESS[..36]]),
        ("ACCESS_TOKEN_KEY_FILE", vec!["/no/such/planted.pem"]),
        ("SESSION_STORE", vec![" "]),
        ("COOKIES", vec!["true", "ON", "planted"]),
        ("ROTATION_PRESET", vec!["Strict", "manual", "planted"]),
        ("ISSUER", vec!["\t"]),
        ("AUDIENCE", vec![" "]),
        ("ACCESS_TOKEN_EXPIRY", vec!["61m", "2h", "0.5s"]),
        ("REFRESH_TOKEN_EXPIRY", vec!["179s", "91d", "14m"]),
        ("SESSION_IDLE", vec!["179s", "91d"]),
        ("SESSION_ABSOLUTE", vec!["401d", "10y"]),
        ("ROTATION_WINDOW", vec!["0.9s", "61s", "5m"]),
        ("LOST_RESPONSE_HORIZON", vec!["89s", "8d"]),
        (
            "PUBLIC_ORIGIN",
            vec![
                "planted",
                "http://planted.example",
                "https://planted.example/",
                "https://Planted.example",
                "https://planted.example/path",
                "ftp://planted.example",
                "null",
            ],
        ),
    ];
    for secret in ["ACCESS_TOKEN_SECRET", "JWT_ACCESS_TOKEN_SECRET", "REFRESH_TOKEN_SECRET", "JWT_REFRESH_TOKEN_SECRET"]
    {
        let bad = vec![
            "planted",
            "planted-secret-of-31-bytes-----",
            "abcabcaabcabcaabcabcaabcabcaabcabcaabcabca",
            pem.as_str(),
            "replace-this-with-the-output-of-openssl-rand-base64-48",
            "and-this-one-with-another-output-of-the-same-command",
            " ",
            "planted\u{fffd}",
        ];
        table.push((secret, bad));
    }
    for cookie in ["COOKIE_ACCESS", "COOKIE_REFRESH"] {
        table.push((cookie, vec!["a b", "plant;ed", "planted=", "plantéd", long.as_str(), " "]));
    }
    for span in [
        "ACCESS_TOKEN_EXPIRY",
        "REFRESH_TOKEN_EXPIRY",
        "SESSION_IDLE",
        "SESSION_ABSOLUTE",
        "ROTATION_WINDOW",
        "LOST_RESPONSE_HORIZON",
    ] {
        table
            .push((span, vec!["planted", "0", "0s", "-5m", "1h30m", "1e3", " ", "\u{fffd}m", "99999999999999999999y"]));
    }
    for (name, values) in table {
        for value in values {
            let mut vars = vec![(name, value)];
            // A secret by its other name, or a file, takes the place of the first.
            match name {
                "JWT_ACCESS_TOKEN_SECRET" | "ACCESS_TOKEN_KEY_FILE" => vars.push(("ACCESS_TOKEN_SECRET", "")),
                "JWT_REFRESH_TOKEN_SECRET" => vars.push(("REFRESH_TOKEN_SECRET", "")),
                // Fourteen minutes of idleness are fine, but not for an access token of fifteen.
                "REFRESH_TOKEN_EXPIRY" if value == "14m" => {
                    assert_eq!(refused(&vars).variable(), "ACCESS_TOKEN_EXPIRY");
                    continue;
                }
                "REFRESH_TOKEN_EXPIRY" | "SESSION_IDLE" if value == "179s" => {
                    vars.push(("ACCESS_TOKEN_EXPIRY", "1m"));
                }
                _ => {}
            }
            let error = refused(&vars);
            assert_eq!(error.variable(), name, "{value}: {error}");
            is_one_line(&error, name, value);
        }
    }
}

fn is_one_line(error: &SettingsError, name: &str, value: &str) {
    let line = format!("{error:?}");
    assert!(line.starts_with(&format!("{name} ")), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.starts_with(&error.to_string()), "what `main` prints says more, and nothing else");
    let plain = value.trim();
    assert!(plain.len() < 4 || !line.contains(plain), "{line}");
    assert!(!line.to_lowercase().contains("planted"), "{line}");
}

#[test]
fn what_must_be_set_is_named() {
    for name in ["ACCESS_TOKEN_SECRET", "REFRESH_TOKEN_SECRET", "SESSION_STORE", "PUBLIC_ORIGIN"] {
        assert_eq!(refused(&[(name, "")]).variable(), name);
        let empty = BASE.map(|(other, value)| (other, if other == name { "" } else { value }));
        let error = Settings::from_vars(empty).unwrap_err();
        assert_eq!((error.variable(), error.to_string()), (name, format!("{name} is set but empty")));
    }
    assert_eq!(refused(&[("PUBLIC_ORIGIN", ""), ("COOKIES", "off")]).variable(), "ISSUER");
    assert_eq!(Settings::from_vars::<String, String>([]).unwrap_err().variable(), "ACCESS_TOKEN_SECRET");
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let other = "another-secret-0123456789-abcdefghijklmno";
    for (vars, name) in [
        (&[("JWT_ACCESS_TOKEN_SECRET", other)][..], "JWT_ACCESS_TOKEN_SECRET"),
        (&[("JWT_REFRESH_TOKEN_SECRET", other)], "JWT_REFRESH_TOKEN_SECRET"),
        (&[("REFRESH_TOKEN_EXPIRY", "2d"), ("SESSION_IDLE", "3d")], "SESSION_IDLE"),
        (&[("ACCESS_TOKEN_KEY_FILE", "key.pem")], "ACCESS_TOKEN_KEY_FILE"),
        (&[("COOKIES", "off"), ("COOKIE_ACCESS", "a")], "COOKIE_ACCESS"),
        (&[("COOKIES", "off"), ("COOKIE_REFRESH", "r")], "COOKIE_REFRESH"),
        (&[("COOKIE_ACCESS", "same"), ("COOKIE_REFRESH", "same")], "COOKIE_REFRESH"),
        (&[("PUBLIC_ORIGIN", "http://localhost:3000"), ("COOKIE_ACCESS", "__Host-a")], "COOKIE_ACCESS"),
        (&[("PUBLIC_ORIGIN", "not an origin"), ("COOKIES", "off")], "PUBLIC_ORIGIN"),
        (&[("ROTATION_WINDOW", "60s"), ("LOST_RESPONSE_HORIZON", "179s")], "LOST_RESPONSE_HORIZON"),
        (&[("SESSION_IDLE", "5m"), ("ACCESS_TOKEN_EXPIRY", "1m"), ("ROTATION_WINDOW", "60s")], "SESSION_IDLE"),
    ] {
        let error = refused(vars);
        assert_eq!(error.variable(), name, "{vars:?}");
        assert!(!error.to_string().contains(other), "{error}");
    }
    // The default is what conflicts: the line says so, as nobody would look for a variable that is not there.
    let error = refused(&[("SESSION_ABSOLUTE", "1d")]);
    assert!(error.to_string().starts_with("REFRESH_TOKEN_EXPIRY is not set, and its default is above"), "{error}");
}

#[test]
fn key_files_that_hold_no_key_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("good.pem"), ED25519).unwrap();
    std::fs::write(path("public.pem"), P256_PUBLIC).unwrap();
    std::fs::write(path("planted.pem"), "planted").unwrap();
    let (good, public, bad) = (path("good.pem"), path("public.pem"), path("planted.pem"));
    for files in [
        bad.clone(),
        public.clone(),
        path(""),
        format!("{good},"),
        format!("{good},{bad}"),
        format!("{good},{good}"),
        format!("{public},{good}"),
        format!("{good},{}", path("none-planted.pem")),
    ] {
        let error = refused(&[("ACCESS_TOKEN_SECRET", ""), ("ACCESS_TOKEN_KEY_FILE", &files)]);
        is_one_line(&error, "ACCESS_TOKEN_KEY_FILE", &files);
        assert!(!error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    }
    let error = refused(&[("ACCESS_TOKEN_SECRET", ""), ("ACCESS_TOKEN_KEY_FILE", &format!("{good},{bad}"))]);
    assert!(error.to_string().contains("(number 2): PEM with one PRIVATE KEY"), "{error}");
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_named_without_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let letter = folder.path().join("letter.txt");
    std::fs::write(&letter, "planted: a letter and no database. ".repeat(100)).unwrap();
    for url in [
        "planted".to_owned(),
        "oracle://user:planted@db/x".to_owned(),
        "postgres://user:planted@db/x".to_owned(),
        "memory:planted".to_owned(),
        "sqlite:".to_owned(),
        format!("sqlite:{}", letter.display()),
        format!("sqlite:{}", folder.path().join("none/planted.db").display()),
    ] {
        let error = settings(&[("SESSION_STORE", &url)]).store().await.unwrap_err();
        assert_eq!(error.variable(), "SESSION_STORE");
        let address = url.split_once(':').map_or(url.as_str(), |(_, address)| address);
        is_one_line(&error, "SESSION_STORE", address);
        assert!(std::error::Error::source(&error).is_some());
        let line = format!("{error:?}");
        assert!(line.matches(": ").count() >= 2, "it says why: {line}");
    }
}

#[test]
fn foreign_variables_are_left_alone() {
    let settings = settings(&[("PATH", " "), ("SECRET", "x"), ("access_token_secret", "y")]);
    assert_eq!(settings.site().origin(), Some(ISSUER));
}

const ED25519: &str = include_str!("keys/ed25519.pem");
const P256: &str = include_str!("keys/p256.pem");
const P256_PUBLIC: &str = include_str!("keys/p256_public.pem");
