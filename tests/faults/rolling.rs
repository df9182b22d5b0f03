//! Two instances of the demo, and clients with cookie jars that go to the other one while the first is not there. The
//! instances are killed and started in turn; so is the server behind them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{RETRY_AFTER, SET_COOKIE};
use reqwest::{Client, Url};
use serde_json::json;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::sleep;

use super::demo::Demo;
use super::gate::Gate;
use super::lateness::Lateness;
use super::load::WINDOW;
use super::servers::postgres::Postgres;
use super::token::Lineage;

const CLIENTS: usize = 32;
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than any answer takes: the demo waits 5 s for its store.
const LOST: Duration = Duration::from_secs(10);
/// Within which a client has heard that a connection is closed.
const UNHEARD: Duration = Duration::from_secs(1);
const PASSWORD: &str = "correct horse";

/// What the clients share.
struct Site {
    origins: [String; 2],
    gate: Gate,
    counts: Counts,
    /// When each was killed last.
    killed: [Mutex<Option<Instant>>; 2],
}

#[derive(Default)]
struct Counts {
    refreshes: AtomicU64,
    rotations: AtomicU64,
    /// Nobody was there, or went before the answer was whole.
    broken: AtomicU64,
    unavailable: AtomicU64,
    /// Milliseconds, of a refresh with all its tries, and of a single 503.
    slowest: AtomicU64,
    slowest_unavailable: AtomicU64,
    /// Clients that were served since this was last set to zero.
    served: [AtomicUsize; CLIENTS],
}

/// A browser, and each generation's predecessor of the tokens that it was ever given.
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
        let client = Client::builder().cookie_provider(jar.clone()).timeout(LOST).build().unwrap();
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
                503 => {}
                status => panic!("client {} was logged out: {status}", self.number),
            }
            assert!(begun.elapsed() < PATIENCE, "client {} is not served", self.number);
            sleep(Duration::from_millis(100)).await;
        }
        let counts = &self.site.counts;
        counts.refreshes.fetch_add(1, Ordering::Relaxed);
        counts.slowest.fetch_max(millis(begun), Ordering::Relaxed);
        counts.served[self.number].fetch_add(1, Ordering::Relaxed);
        self.note();
    }

    /// Asks either instance, and the other one while the first is not there.
    async fn ask(&mut self, path: &str, body: Option<&serde_json::Value>) -> u16 {
        let begun = Instant::now();
        loop {
            self.turn += 1;
            let (site, which) = (&self.site, self.turn % 2);
            let url = format!("{}{path}", site.origins[which]);
            let request = match body {
                // A refresh by cookie has no body.
                Some(body) if body.as_object().is_some_and(serde_json::Map::is_empty) => self.client.post(url),
                Some(body) => self.client.post(url).json(body),
                None => self.client.get(url),
            };
            let asked = Instant::now();
            let sent = request.send().await;
            if let Err(error) = &sent {
                // This HTTP client now and then waits on for an answer of a server that is killed, its connection closed; also
                // of one that was killed just before, where it asks over a connection of which it has not heard that yet.
                let killed = *site.killed[which].lock().unwrap();
                let was_killed = killed.is_some_and(|killed| killed + UNHEARD > asked);
                let before = killed.map(|killed| asked.saturating_duration_since(killed));
                let number = self.number;
                assert!(
                    !error.is_timeout() || was_killed,
                    "no answer for client {number}, {before:?} after: {error:?}"
                );
            }
            if let Ok(answer) = sent {
                let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
                if answer.bytes().await.is_ok() {
                    if status == 503 {
                        assert!(headers.contains_key(RETRY_AFTER) && !headers.contains_key(SET_COOKIE), "{headers:?}");
                        site.counts.unavailable.fetch_add(1, Ordering::Relaxed);
                        site.counts.slowest_unavailable.fetch_max(millis(asked), Ordering::Relaxed);
                    }
                    return status;
                }
            }
            site.counts.broken.fetch_add(1, Ordering::Relaxed);
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

struct Scene<'a> {
    folder: &'a Path,
    store: &'a str,
    demos: [Option<Demo>; 2],
    site: Arc<Site>,
    browsers: JoinSet<Browser>,
    lateness: Lateness,
}

impl<'a> Scene<'a> {
    async fn start(folder: &'a Path, store: &'a str) -> Self {
        let one = demo(folder, store, &[]);
        let two = demo(folder, store, &[("PUBLIC_ORIGIN", &one.origin)]);
        let account = json!({ "username": "alice", "email": "alice@example.org", "password": PASSWORD });
        let made = Client::new().post(one.url("/register")).json(&account).send().await.unwrap();
        assert_eq!(made.status(), 201);
        let origins = [one.origin.clone(), two.origin.clone()];
        let site = Arc::new(Site { origins, gate: Gate::new(), counts: Counts::default(), killed: Default::default() });
        let mut browsers = JoinSet::new();
        for number in 0..CLIENTS {
            browsers.spawn(Browser::new(number, site.clone()).run());
        }
        let mut scene =
            Self { folder, store, demos: [Some(one), Some(two)], site, browsers, lateness: Lateness::begin() };
        scene.all_are_served().await;
        scene
    }

    /// All sessions are due for a rotation, and all come at one moment. Comes back when the first few were served.
    async fn surge(&mut self) {
        self.site.gate.close();
        let begun = Instant::now();
        while self.site.gate.waiting() < CLIENTS {
            self.waits_for("all clients to wait", begun);
            sleep(Duration::from_millis(2)).await;
        }
        sleep(3 * WINDOW + WINDOW / 10).await;
        let before = self.site.counts.refreshes.load(Ordering::Relaxed);
        self.site.gate.open();
        let begun = Instant::now();
        while self.site.counts.refreshes.load(Ordering::Relaxed) < before + 3 {
            self.waits_for("the first few", begun);
            tokio::task::yield_now().await;
        }
    }

    /// `kill -9`; the address that it had.
    fn kill(&mut self, which: usize) -> String {
        let demo = self.demos[which].take().unwrap();
        let address = demo.address().to_owned();
        block_in_place(|| drop(demo));
        *self.site.killed[which].lock().unwrap() = Some(Instant::now());
        address
    }

    fn start_again(&mut self, which: usize, address: &str) {
        let variables = [("BIND_ADDR", address), ("PUBLIC_ORIGIN", &self.site.origins[0])];
        self.demos[which] = Some(demo(self.folder, self.store, &variables));
    }

    async fn all_are_served(&mut self) {
        let (begun, site) = (Instant::now(), self.site.clone());
        let served = &site.counts.served;
        served.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        while !served.iter().all(|count| count.load(Ordering::Relaxed) > 1) {
            self.waits_for("all to be served", begun);
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Fails when that takes too long, or with what a client failed with: what waits for that one would wait for ever.
    fn waits_for(&mut self, what: &str, begun: Instant) {
        if let Some(left) = self.browsers.try_join_next() {
            let browser = left.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
            panic!("client {} has left", browser.number);
        }
        assert!(begun.elapsed() < PATIENCE, "still waiting for {what}");
    }

    async fn ends(self, name: &str, back: &[u128]) {
        self.site.gate.end();
        assert_eq!(self.browsers.join_all().await.len(), CLIENTS, "all clients are logged in");
        let counts = &self.site.counts;
        let [refreshes, rotations, broken, unavailable, slowest, slowest_unavailable] = [
            &counts.refreshes,
            &counts.rotations,
            &counts.broken,
            &counts.unavailable,
            &counts.slowest,
            &counts.slowest_unavailable,
        ]
        .map(|count| count.load(Ordering::Relaxed));
        println!(
            "{name}: {CLIENTS} clients, 2 processes; {refreshes} refreshes, {rotations} tokens, {broken} broken connections, \
             {unavailable} answers 503 (slowest {slowest_unavailable} ms), slowest refresh with all its tries {slowest} ms; \
             all served after {back:?} ms"
        );
        // What the demo waits for its store, and a second.
        let limit = Duration::from_secs(6) + self.lateness.most();
        assert!(u128::from(slowest_unavailable) < limit.as_millis(), "told after {slowest_unavailable} ms");
    }
}

fn demo(folder: &Path, store: &str, variables: &[(&str, &str)]) -> Demo {
    let all = [&[("ROTATION_WINDOW", "1s"), ("RATE_LIMIT", "off"), ("SESSION_STORE", store)], variables].concat();
    block_in_place(|| Demo::start(folder, &all))
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap()
}

async fn rolling_restart(name: &str, store: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (mut scene, mut back) = (Scene::start(folder.path(), store).await, Vec::new());
    for round in 0..ROUNDS {
        scene.surge().await;
        let address = scene.kill(round % 2);
        let killed = Instant::now();
        // The other one serves all of them alone.
        scene.all_are_served().await;
        back.push(killed.elapsed().as_millis());
        scene.start_again(round % 2, &address);
        scene.all_are_served().await;
    }
    assert!(scene.site.counts.broken.load(Ordering::Relaxed) > 0);
    scene.ends(&format!("{name}, {ROUNDS} kills in a rolling restart"), &back).await;
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

/// Who asks with an access token is served all the while; who refreshes is told to come again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed_behind_two_processes() {
    let mut server = Postgres::start();
    let (database, folder) = (server.database("").await, tempfile::tempdir().unwrap());
    let url = server.url(&database);
    let mut scene = Scene::start(folder.path(), &url).await;
    scene.surge().await;
    server.crash().await;
    let crashed = Instant::now();
    while scene.site.counts.unavailable.load(Ordering::Relaxed) < CLIENTS as u64 {
        scene.waits_for("all to be told to come again", crashed);
        sleep(Duration::from_millis(5)).await;
    }
    server.restart();
    drop(server.connect(&database).await);
    let restarted = Instant::now();
    scene.all_are_served().await;
    let back = restarted.elapsed().as_millis();
    scene.ends("PostgreSQL, kill -9 behind the demo", &[back]).await;
}
