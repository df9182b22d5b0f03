//! The corpus of `tests/vectors`: what the standards say of each token is what the checker and the layer do with it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers outside the test functions fail their test")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Request, Response, StatusCode};
use jwt_sessions::Site;
use jwt_sessions::auth::{JwtAuthLayer, Refusal, RefusalKind, Verifier, authenticated};
use jwt_sessions::clock::Clock;
use jwt_sessions::token::{Algorithm, KeyError, KeyErrorKind, KeySet, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tower::{Layer, ServiceExt, service_fn};

#[derive(Deserialize)]
struct Row<'a> {
    /// What the checker is asked, as it was written.
    #[serde(borrow)]
    case: &'a RawValue,
    verdict: &'a str,
    reason: Option<&'a str>,
}

/// The same, read: the members that `check_tokens` documents.
#[derive(Deserialize)]
struct Case {
    id: String,
    token: String,
    keys: Value,
    algorithms: Vec<String>,
    issuer: Option<String>,
    audience: Option<Audience>,
    typ: Option<String>,
    leeway: u64,
    now: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    AnyOf(Vec<String>),
}

impl Audience {
    fn names(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::AnyOf(names) => names,
        }
    }
}

impl Case {
    fn of(row: &Row<'_>) -> Self {
        serde_json::from_str(row.case.get()).unwrap()
    }

    fn keys(&self) -> Result<KeySet, KeyError> {
        let algorithms: Vec<_> = self.algorithms.iter().filter_map(|name| Algorithm::from_name(name)).collect();
        KeySet::jwks(&self.keys.to_string(), &algorithms)
    }

    /// The case's policy as a layer has it; none where no layer can: a leeway above a minute, and nobody as audience.
    fn verifier(self, keys: KeySet) -> Option<Verifier> {
        let builder = Verifier::builder(keys)
            .site(Site::new("https://app.example").unwrap())
            .clock(Clock::manual(Timestamp::from_secs(self.now)))
            .leeway(Duration::from_secs(self.leeway));
        let builder = match self.issuer {
            Some(issuer) => builder.issuer(issuer),
            None => builder.dangerous_any_issuer(),
        };
        let builder = match self.audience.map(Audience::names) {
            Some(names) => names.into_iter().fold(builder, |builder, name| builder.audience(name)),
            None => builder.dangerous_any_audience(),
        };
        let builder = match self.typ {
            Some(typ) => builder.typ(typ),
            None => builder.dangerous_any_typ(),
        };
        builder.build().ok()
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn corpus() -> String {
    std::fs::read_to_string(folder().join("corpus.jsonl")).unwrap()
}

fn rows(corpus: &str) -> Vec<Row<'_>> {
    corpus.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A segment of a token as JSON, where it is.
fn segment(token: &str, number: usize) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(number)?).ok()?).ok()
}

/// `UnknownKey` is `unknown_key`.
fn snake(kind: &str) -> String {
    let lower =
        |letter: char| if letter.is_uppercase() { format!("_{}", letter.to_lowercase()) } else { letter.into() };
    kind.chars().map(lower).collect::<String>().trim_start_matches('_').to_owned()
}

#[test]
fn the_corpus_is_what_its_generator_prints() {
    let printed = Command::new("node").arg(folder().join("generate.mjs")).stdin(Stdio::null()).output();
    let printed = printed.expect("node does not start: `sh tests/run.sh` installs it");
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let (printed, kept) = (String::from_utf8(printed.stdout).unwrap(), corpus());
    let other = printed.lines().zip(kept.lines()).position(|(printed, kept)| printed != kept);
    assert_eq!(
        other, None,
        "of these lines, the first that differs: tests/vectors/README.md says how to print them again"
    );
    // Not `assert_eq`: it would print both.
    assert!(printed == kept, "{} lines are printed, {} are kept", printed.lines().count(), kept.lines().count());
}

#[test]
fn the_corpus_has_every_family_and_enough_of_each_side() {
    let corpus = corpus();
    let rows = rows(&corpus);
    let mut families = BTreeMap::<_, usize>::new();
    let (mut hostile, mut honest) = (0, 0);
    for row in &rows {
        let id = Case::of(row).id;
        let family = id.split('/').next().unwrap().to_owned();
        assert_eq!(family == "honest", row.verdict == "accept", "{id}");
        assert_eq!(row.reason.is_none(), row.verdict == "accept", "{id}");
        match row.verdict {
            "accept" => honest += 1,
            "reject" if !family.starts_with("flip") => hostile += 1,
            _ => {}
        }
        *families.entry(family).or_default() += 1;
    }
    assert!(hostile >= 300, "{hostile} hostile tokens, bit flips not counted");
    assert!(honest >= 100, "{honest} honest tokens");
    for (family, at_least) in FAMILIES {
        let found = families.get(family).copied().unwrap_or_default();
        assert!(found >= at_least, "{family}: {found} of at least {at_least}");
    }
}

#[test]
fn the_checker_says_of_each_token_what_the_standards_say() {
    let me = std::env::current_exe().unwrap();
    let built = me.parent().unwrap().parent().unwrap().join("examples/check_tokens");
    let built = built.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(built.exists(), "run `cargo build --examples` first: `cargo test --test corpus` alone builds none");
    let mut checker = Command::new(built).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (corpus, mut stdin) = (corpus(), checker.stdin.take().unwrap());
    let rows = rows(&corpus);
    let cases: String = rows.iter().map(|row| format!("{}\n", row.case)).collect();
    // Beside the reading: a pipe holds only so much.
    let writer = std::thread::spawn(move || stdin.write_all(cases.as_bytes()).unwrap());
    let output = checker.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let verdicts: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts.len(), rows.len());

    let mut wrong = Vec::new();
    for (row, said) in rows.iter().zip(&verdicts) {
        let case = Case::of(row);
        // Of a key set the checker says in words what the corpus says in one.
        let in_words = case.keys().err().map(|error| format!("`keys`: {error}"));
        let reason = if row.verdict == "error" { in_words.as_deref() } else { row.reason };
        let claims = if row.verdict == "accept" { segment(&case.token, 1) } else { None };
        let expected = (Value::from(case.id), Value::from(row.verdict), Value::from(reason), Value::from(claims));
        let found = ["id", "verdict", "reason", "claims"].map(|name| said[name].clone()).into();
        if expected != found {
            wrong.push(format!("{expected:?}, but it says {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// What came of a request: the subject that the handler was given, or the refusal.
type Answer = Result<String, (StatusCode, RefusalKind, Option<&'static str>)>;

async fn answer(verifier: &Verifier, name: &str, value: HeaderValue) -> Answer {
    let handler = service_fn(async |request: Request<()>| {
        let user = authenticated::<Value>(request.extensions()).unwrap().unwrap();
        Ok::<_, Infallible>(Response::new(format!("handler: {}", user.subject())))
    });
    let request = Request::get("/").header(name, value).body(()).unwrap();
    let response = JwtAuthLayer::new(verifier.clone()).layer(handler).oneshot(request).await.unwrap();
    match response.extensions().get::<Refusal>() {
        Some(refusal) => Err((response.status(), refusal.kind(), refusal.token_error().map(|kind| kind.name()))),
        None => Ok(response.into_body()),
    }
}

fn refused(reason: &'static str) -> Answer {
    let kind = if reason == "expired" { RefusalKind::TokenExpired } else { RefusalKind::InvalidToken };
    Err((StatusCode::UNAUTHORIZED, kind, Some(reason)))
}

/// What a layer of that policy answers to the token alone.
fn expected(row: &Row<'_>, case: &Case, keys: &KeySet) -> Answer {
    if row.verdict == "accept" {
        // What a layer wants beside the policy: whom the token is about (RFC 9068 section 2.2).
        let subject = segment(&case.token, 1).unwrap().get("sub").map(|sub| sub.as_str().unwrap().to_owned());
        return subject.map_or(refused("missing_claim"), |subject| Ok(format!("handler: {subject}")));
    }
    let reason = row.reason.unwrap();
    // A layer allows the algorithms of its keys; what the checker's list allows beyond them is one step earlier here.
    let named = segment(&case.token, 0).and_then(|header| Algorithm::from_name(header.get("alg")?.as_str()?));
    if reason == "unknown_key" && !keys.verifying_keys().iter().any(|key| Some(key.algorithm()) == named) {
        return refused("algorithm");
    }
    refused(REASONS.iter().find(|known| **known == reason).unwrap())
}

/// `token68` of RFC 9110 section 11.2, which is all that can follow `Bearer`.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[tokio::test]
async fn the_layer_does_with_each_token_what_the_checker_says() {
    let corpus = corpus();
    let (mut by_header, mut by_cookie) = (0, 0);
    let mut wrong = Vec::new();
    for row in rows(&corpus) {
        let case = Case::of(&row);
        let (id, token) = (case.id.clone(), case.token.clone());
        let keys = match (case.keys(), row.verdict) {
            (Ok(keys), "accept" | "reject") => keys,
            // An application is not started without a key; the checker refuses whatever it is asked about.
            (Err(error), "reject") if error.kind() == KeyErrorKind::Empty => continue,
            (Err(error), "error") if row.reason == Some(&snake(&format!("{:?}", error.kind()))) => continue,
            (keys, _) => {
                wrong.push(format!("{id}: {keys:?}"));
                continue;
            }
        };
        let expected = expected(&row, &case, &keys);
        let Some(verifier) = case.verifier(keys) else { continue };

        // Blanks around a field's value, and those behind `Bearer`, are HTTP's (RFC 9110 sections 5.5 and 11.4).
        let sent = token.trim_start_matches(' ').trim_end_matches([' ', '\t']);
        let expected_by_header = match is_token68(sent) {
            false => Err((StatusCode::BAD_REQUEST, RefusalKind::InvalidRequest, None)),
            true if sent != token => Ok("handler: alice".to_owned()),
            true => expected.clone(),
        };
        if let Ok(value) = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()) {
            by_header += 1;
            let found = answer(&verifier, "authorization", value).await;
            if found != expected_by_header {
                wrong.push(format!("{id}, by header: {expected_by_header:?}, but it answers {found:?}"));
            }
        }
        let sent = token.trim_end_matches([' ', '\t']);
        let expected_by_cookie = if sent == token { expected } else { Ok("handler: alice".to_owned()) };
        let value = HeaderValue::from_bytes(format!("__Host-Http-access={token}").as_bytes());
        if let (Ok(value), false) = (value, token.contains(';')) {
            by_cookie += 1;
            let found = answer(&verifier, "cookie", value).await;
            if found != expected_by_cookie {
                wrong.push(format!("{id}, by cookie: {expected_by_cookie:?}, but it answers {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    // All but key sets that are refused, policies that no layer has, and bytes that no header can have.
    assert!(by_header >= 2800 && by_cookie >= 2800, "{by_header} were sent by header, {by_cookie} by cookie");
}

/// The names of the verification's steps.
const REASONS: [&str; 17] = [
    "too_long",
    "malformed",
    "header",
    "algorithm",
    "type",
    "critical",
    "unencoded",
    "unknown_key",
    "signature",
    "claims",
    "claim_type",
    "missing_claim",
    "expired",
    "not_yet_valid",
    "issued_in_future",
    "issuer",
    "audience",
];

/// What must be there, and how many at least; `honest` beside them all.
const FAMILIES: [(&str, usize); 52] = [
    ("honest", 100),
    // `none` in every spelling, and other names.
    ("none", 50),
    ("alg_name", 20),
    ("alg_type", 3),
    // A public key as the secret, and one algorithm's key for another.
    ("confusion", 40),
    ("wrong_secret", 5),
    // ECDSA in DER, r or s zero or too large; the other algorithms' numbers and paddings.
    ("ecdsa_encoding", 10),
    ("ecdsa_range", 30),
    ("ecdsa_numbers", 10),
    ("rsa_padding", 10),
    ("rsa_range", 5),
    ("eddsa", 5),
    ("signature_length", 80),
    ("other_key", 5),
    ("other_curve", 10),
    ("wrong_message", 5),
    // The header beside `alg`.
    ("embedded", 40),
    ("kid", 60),
    ("kid_type", 6),
    ("kid_choice", 5),
    ("crit", 20),
    ("b64", 10),
    ("typ", 20),
    ("typ_type", 10),
    ("swapped", 10),
    ("mix", 20),
    // JSON.
    ("duplicate_header", 10),
    ("duplicate_payload", 20),
    ("non_object_header", 70),
    ("non_object_payload", 70),
    ("nesting_header", 5),
    ("nesting_payload", 5),
    ("nested", 2),
    // Registered claims.
    ("claim_type", 60),
    ("claim_type_unchecked", 5),
    ("number", 30),
    ("time", 20),
    ("missing", 10),
    ("issuer", 10),
    ("audience", 10),
    // The text of the token.
    ("padding", 10),
    ("alphabet", 30),
    ("trailing_bits", 15),
    ("whitespace", 40),
    ("segments", 25),
    ("empty_segment", 5),
    ("size", 8),
    ("json_serialization", 5),
    ("jwe", 5),
    // A bit changed in each byte.
    ("flip_text", 200),
    ("flip_bytes", 500),
    // Key sets that are refused.
    ("keys", 15),
];
