//! Neither what is answered nor how long it takes tells who has an account, or whether a session ever was.
//!
//! The answers are compared at every run. The times are a measurement, for a quiet machine:
//!
//! ```text
//! cargo test --release --test timing -- --ignored --nocapture
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers outside the test functions fail their test; a measurement is read"
)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::demo::Demo;
use common::device::{Answer, Channel, Device, PASSWORD, read, register};
use reqwest::{Client, RequestBuilder};
use serde_json::json;

/// Two demos with one set of accounts and keys: what one of them issues is to the other a session that never was.
struct Pair {
    here: Demo,
    there: Demo,
    client: Client,
    _folder: tempfile::TempDir,
}

impl Pair {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start = |store: &str| Self::demo(folder.path(), store);
        let (here, there) = (start("here.db"), start("there.db"));
        for number in 0..ACCOUNTS {
            assert_eq!(register(&here, &format!("known{number:03}")).await.status, 201);
        }
        // One connection, kept: a new one for each request would be most of the time.
        let client = Client::builder().pool_max_idle_per_host(1).tcp_nodelay(true).build().unwrap();
        Self { here, there, client, _folder: folder }
    }

    fn demo(folder: &Path, store: &str) -> Demo {
        let store = format!("sqlite:{store}");
        let variables = [
            ("ACCESS_TOKEN_SECRET", "timing-access-secret-0123456789-abcdefgh"),
            ("REFRESH_TOKEN_SECRET", "timing-refresh-secret-0123456789-abcdefgh"),
            ("ISSUER", "https://id.example"),
            ("SESSION_STORE", &store),
            ("DEMO_DATA", "accounts.db"),
            ("RATE_LIMIT", "off"),
        ];
        Demo::start(folder, &variables)
    }

    fn login(&self, name: &str, password: &str) -> RequestBuilder {
        self.client
            .post(self.here.url("/auth/login?delivery=body"))
            .json(&json!({"username": name, "password": password}))
    }

    fn refresh(&self, token: &str) -> RequestBuilder {
        self.client.post(self.here.url("/auth/refresh")).json(&json!({ "refresh_token": token }))
    }

    /// The refresh token of a session that was opened at a demo, and perhaps ended again.
    async fn session(&self, demo: &Demo, ended: bool) -> String {
        let mut device = Device::new(demo, Channel::Body);
        assert_eq!(device.login("known000").await.status, 200);
        let token = device.refresh.clone();
        if ended {
            let out = self.client.post(demo.url("/auth/logout")).json(&json!({ "refresh_token": token }));
            assert_eq!(read(out).await.status, 200);
        }
        token
    }
}

/// All that a client can see of an answer.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date");
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (answer.status, headers, answer.text.clone())
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_are_answered_alike() {
    let pair = Pair::start().await;
    let unknown = read(pair.login("nobody000", PASSWORD)).await;
    assert_eq!(unknown.error(), (401, "invalid_credentials"));
    assert_eq!(seen(&unknown), seen(&read(pair.login("known000", "wrong horse..")).await));
}

#[tokio::test]
async fn a_session_that_never_was_and_one_that_ended_are_answered_alike() {
    let pair = Pair::start().await;
    let (unknown, ended) = (pair.session(&pair.there, false).await, pair.session(&pair.here, true).await);
    let answer = read(pair.refresh(&unknown)).await;
    assert_eq!(answer.error(), (401, "session_ended"));
    assert_eq!(seen(&answer), seen(&read(pair.refresh(&ended)).await));
}

#[tokio::test]
#[ignore = "a measurement, not a test: it takes a minute, and a busy machine says nothing"]
async fn measured() {
    let pair = Pair::start().await;
    let known = |turn: usize| pair.login(&format!("known{:03}", turn % ACCOUNTS), "wrong horse..");
    let unknown = |turn: usize| pair.login(&format!("anyone{:02}", turn % ACCOUNTS), "wrong horse..");
    let again = |turn: usize| pair.login(&format!("known{:03}", (turn + 7) % ACCOUNTS), "wrong horse..");
    compare("login: known user, unknown user", known, unknown).await;
    compare("login: known user, another known one", known, again).await;

    let (never, ended) = (pair.session(&pair.there, false).await, pair.session(&pair.here, true).await);
    compare("refresh: ended session, session that never was", |_| pair.refresh(&ended), |_| pair.refresh(&never)).await;
    compare("refresh: ended session, the same again", |_| pair.refresh(&ended), |_| pair.refresh(&ended)).await;
}

/// Asks the two in turn, each as often first as second, and prints both medians and whether ranks tell them apart.
async fn compare(what: &str, one: impl Fn(usize) -> RequestBuilder, two: impl Fn(usize) -> RequestBuilder) {
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..WARM_UP + EACH {
        // A turn's order is that of a bit of its number's hash: no rhythm of the machine follows it.
        let first = (turn.wrapping_mul(0x9e37_79b9) >> 16) & 1;
        for which in [first, 1 - first] {
            let request = if which == 0 { one(turn) } else { two(turn) };
            let begun = Instant::now();
            assert_eq!(read(request).await.status, 401);
            if turn >= WARM_UP {
                times[which].push(begun.elapsed());
            }
        }
    }
    // Of a turn, so that a machine that is busy for a while is busy for both.
    let mut pairs: Vec<f64> =
        times[0].iter().zip(&times[1]).map(|(one, two)| two.as_secs_f64() - one.as_secs_f64()).collect();
    pairs.sort_unstable_by(f64::total_cmp);
    let [one, two] = times.each_mut().map(|times| {
        times.sort_unstable();
        (times[times.len() / 4], times[times.len() / 2], times[times.len() * 3 / 4])
    });
    let (z, larger) = ranks(&times);
    println!("{what} (n = {EACH} each): quartiles {one:?} and {two:?}");
    println!(
        "  the second's median is {:+.1} us, the median difference of a turn {:+.1} us; Mann-Whitney z = {z:+.2}, the second takes \
         longer in {:.1} % of all pairs",
        (two.1.as_secs_f64() - one.1.as_secs_f64()) * 1e6,
        pairs[pairs.len() / 2] * 1e6,
        larger * 100.0
    );
}

/// Mann and Whitney's test of two sorted samples: beyond 2.58 either way, one of a hundred equal pairs looks so different.
fn ranks([one, two]: &[Vec<Duration>; 2]) -> (f64, f64) {
    let (count_one, count_two) = (one.len() as f64, two.len() as f64);
    let smaller = |time: &Duration| {
        let (below, up_to) = (one.partition_point(|other| other < time), one.partition_point(|other| other <= time));
        (below + up_to) as f64 / 2.0
    };
    let larger: f64 = two.iter().map(smaller).sum();
    let deviation = (count_one * count_two * (count_one + count_two + 1.0) / 12.0).sqrt();
    ((larger - count_one * count_two / 2.0) / deviation, larger / (count_one * count_two))
}

const ACCOUNTS: usize = 20;
const WARM_UP: usize = 20;
/// Of each of the two.
const EACH: usize = 500;
