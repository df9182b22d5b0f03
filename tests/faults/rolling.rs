//! Two instances of the demo, killed and started in turn, and clients with cookie jars that go to the other one meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::cookie::{CookieStore, Jar};
use reqwest::{Client, Url};
use serde_json::json;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::sleep;

use super::demo::Demo;
use super::gate::Gate;
use super::load::WINDOW;
use super::servers::postgres::Postgres;
use super::token::Lineage;

const CLIENTS: usize = 32;
const PATIENCE: Duration = Duration::from_secs(30);
const PASSWORD: &str = "correct horse";

/// What the clients share.
struct Site {
    origins: [String; 2],
    gate: Gate,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    refreshes: AtomicU64,
    rotations: AtomicU64,
    /// Nobody was there, or went before the answer was whole.
    broken: AtomicU64,
    unavailable: AtomicU64,
    slowest: AtomicU64,
    /// Clients that were served since this was last set to zero.
    served: [AtomicUsize; CLIENTS],
}

/// A browser, and the sessions that it was ever given tokens of.
struct Browser {
    number: usize,
    site: Arc<Site>,
    jar: Arc<Jar>,
    client: Client,
    turn: usize,
    generations: BTreeMap<u64, u64>,
}

impl Browser {
    fn new(number: usize, site: Arc<Site>) -> Self {
        let jar = Arc::new(Jar::default());
        let client = Client::builder().cookie_provider(jar.clone()).timeout(PATIENCE).build().unwrap();
        Self { number, site, jar, client, turn: number, generations: BTreeMap::new() }
    }

    async fn run(mut self) -> Self {
        self.login().await;
        while !self.site.gate.passed().await {
            self.refresh().await;
            let me = self.ask("/me", None).await;
            assert_eq!(me, 200, "client {}'s access token", self.number);
            if !self.site.gate.is_closed() {
                sleep(Duration::from_millis(20 + 3 * self.number as u64)).await;
            }
        }
        self
    }

    async fn login(&mut self) {
        let credentials = json!({ "username": "alice", "password": PASSWORD });
        let begun = Instant::now();
        // Too many passwords at a time are refused for a moment.
        while self.ask("/auth/login", Some(&credentials)).await != 200 {
            assert!(begun.elapsed() < PATIENCE, "client {} cannot log in", self.number);
            sleep(Duration::from_millis(50)).await;
        }
        self.note();
    }

    async fn refresh(&mut self) {
        let begun = Instant::now();
        loop {
            match self.ask("/auth/refresh", Some(&json!({}))).await {
                200 => break,
                503 => self.site.counts.unavailable.fetch_add(1, Ordering::Relaxed),
                status => panic!("client {} was logged out: {status}", self.number),
            };
            assert!(begun.elapsed() < PATIENCE, "client {} is not served", self.number);
            sleep(Duration::from_millis(100)).await;
        }
        let counts = &self.site.counts;
        counts.refreshes.fetch_add(1, Ordering::Relaxed);
        counts.slowest.fetch_max(begun.elapsed().as_millis() as u64, Ordering::Relaxed);
        counts.served[self.number].fetch_add(1, Ordering::Relaxed);
        self.note();
    }

    /// Asks either instance, and the other one while the first is not there.
    async fn ask(&mut self, path: &str, body: Option<&serde_json::Value>) -> u16 {
        let begun = Instant::now();
        loop {
            self.turn += 1;
            let url = format!("{}{path}", self.site.origins[self.turn % 2]);
            let request = match body {
                // A refresh by cookie has no body.
                Some(body) if body.as_object().is_some_and(serde_json::Map::is_empty) => self.client.post(url),
                Some(body) => self.client.post(url).json(body),
                None => self.client.get(url),
            };
            if let Ok(answer) = request.send().await {
                let status = answer.status().as_u16();
                if answer.bytes().await.is_ok() {
                    return status;
                }
            }
            self.site.counts.broken.fetch_add(1, Ordering::Relaxed);
            assert!(begun.elapsed() < PATIENCE, "nobody is there for client {}", self.number);
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// No two tokens of one generation descend from different ones.
    fn note(&mut self) {
        let origin: Url = self.site.origins[0].parse().unwrap();
        let cookies = self.jar.cookies(&origin).unwrap();
        let token = cookies.to_str().unwrap().split("; ").find_map(|cookie| {
            let (name, value) = cookie.split_once('=')?;
            name.starts_with("refresh-").then(|| value.to_owned())
        });
        let Lineage { generation, previous } = Lineage::of(&token.unwrap());
        let rotations = &self.site.counts.rotations;
        let known = *self.generations.entry(generation).or_insert_with(|| {
            rotations.fetch_add(1, Ordering::Relaxed);
            previous
        });
        assert_eq!(known, previous, "client {}'s session forked", self.number);
    }
}

async fn rolling_restart(name: &str, store: &str) {
    let folder = tempfile::tempdir().unwrap();
    let started = |variables: &[(&str, &str)]| {
        let all = [&[("ROTATION_WINDOW", "1s"), ("RATE_LIMIT", "off"), ("SESSION_STORE", store)], variables].concat();
        block_in_place(|| Demo::start(folder.path(), &all))
    };
    let one = started(&[]);
    let origin = one.origin.clone();
    let two = started(&[("PUBLIC_ORIGIN", &origin)]);
    let account = json!({ "username": "alice", "email": "alice@example.org", "password": PASSWORD });
    let made = Client::new().post(one.url("/register")).json(&account).send().await.unwrap();
    assert_eq!(made.status(), 201);

    let origins = [origin.clone(), two.origin.clone()];
    let site = Arc::new(Site { origins, gate: Gate::new(), counts: Counts::default() });
    let mut browsers = JoinSet::new();
    for number in 0..CLIENTS {
        browsers.spawn(Browser::new(number, site.clone()).run());
    }
    all_are_served(&site).await;
    let (mut demos, mut back) = ([Some(one), Some(two)], Vec::new());
    for round in 0..ROUNDS {
        // All sessions are due for a rotation, and all come at one moment.
        site.gate.close();
        while site.gate.waiting() < CLIENTS {
            sleep(Duration::from_millis(2)).await;
        }
        sleep(3 * WINDOW + WINDOW / 10).await;
        let before = site.counts.refreshes.load(Ordering::Relaxed);
        site.gate.open();
        while site.counts.refreshes.load(Ordering::Relaxed) < before + 3 {
            tokio::task::yield_now().await;
        }
        let demo = demos[round % 2].take().unwrap();
        let address = demo.address().to_owned();
        block_in_place(|| drop(demo));
        let killed = Instant::now();
        // The other one serves all of them alone.
        all_are_served(&site).await;
        back.push(killed.elapsed().as_millis());
        demos[round % 2] = Some(started(&[("BIND_ADDR", &address), ("PUBLIC_ORIGIN", &origin)]));
        all_are_served(&site).await;
    }
    site.gate.end();
    let browsers = browsers.join_all().await;
    assert_eq!(browsers.len(), CLIENTS, "all clients are logged in");
    let counts = &site.counts;
    let [refreshes, rotations, broken, unavailable, slowest] =
        [&counts.refreshes, &counts.rotations, &counts.broken, &counts.unavailable, &counts.slowest]
            .map(|count| count.load(Ordering::Relaxed));
    println!(
        "{name}, rolling restart: {CLIENTS} clients, {ROUNDS} kills; {refreshes} refreshes, {rotations} tokens, {broken} broken \
         connections, {unavailable} answers 503, slowest {slowest} ms; all served by the other one after {back:?} ms"
    );
    assert!(broken > 0 && rotations >= (ROUNDS * CLIENTS) as u64);
}

async fn all_are_served(site: &Site) {
    let begun = Instant::now();
    site.counts.served.iter().for_each(|count| count.store(0, Ordering::Relaxed));
    while !site.counts.served.iter().all(|count| count.load(Ordering::Relaxed) > 1) {
        assert!(begun.elapsed() < PATIENCE, "some are not served");
        sleep(Duration::from_millis(5)).await;
    }
}

const ROUNDS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_over_one_file() {
    rolling_restart("SQLite", "sqlite:sessions.db").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_over_postgres() {
    let server = Postgres::start();
    let database = server.database("").await;
    rolling_restart("PostgreSQL", &server.url(&database)).await;
}
