//! Clients at work, and what a test may ask of them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jwt_sessions::session::SessionsBuilder;
use jwt_sessions::store::AnyStore;
use jwt_sessions::{Grant, Keys, Rotation, Sessions, accounts_elsewhere};
use tokio::sync::RwLock;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::check;
use super::client::{Client, Pulse};
use super::gate::Gate;
use super::tally::{Ear, Tally};

pub(crate) type Instance = Sessions<AnyStore>;

/// How many clients there are.
pub(crate) const CLIENTS: usize = 64;
/// The shortest window that there is: a session that is in use rotates every three of them.
pub(crate) const WINDOW: Duration = Duration::from_secs(1);
/// How long a call waits for the store.
pub(crate) const STORE_TIMEOUT: Duration = Duration::from_secs(2);
/// How much longer an answer may take, with the clients and often the server on the same two processors.
const MARGIN: Duration = Duration::from_secs(1);
/// Within which all clients are served again.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// Far more than anything here takes, so that only what hangs runs into it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the clients and their test share.
pub(crate) struct Shared {
    pub(crate) instances: Vec<Instance>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) gate: Gate,
    /// Whether no answer is lost but by a client's own doing.
    pub(crate) calm: RwLock<bool>,
    /// Whether the store keeps what it answered through the fault.
    pub(crate) is_durable: bool,
    /// How many times longer than usual clients pause.
    pub(crate) pace: u64,
}

pub(crate) struct Load {
    name: &'static str,
    pub(crate) shared: Arc<Shared>,
    pulses: Vec<Arc<Pulse>>,
    clients: Vec<JoinHandle<Client>>,
    recoveries: Vec<Recovery>,
}

/// How long it took after a fault.
#[derive(Clone, Copy, Debug)]
struct Recovery {
    until_first: Duration,
    until_all: Duration,
    last_failure: Duration,
}

/// An instance of an application, as a process of its own would be: it shares its keys and nothing else.
pub(crate) fn instance(store: AnyStore, tally: &Arc<Tally>) -> Instance {
    built(store, tally, |builder| builder)
}

pub(crate) fn built(
    store: AnyStore,
    tally: &Arc<Tally>,
    build: impl FnOnce(SessionsBuilder<AnyStore>) -> SessionsBuilder<AnyStore>,
) -> Instance {
    let keys = Keys::secrets("faults-access-secret-0123456789-abc", "faults-refresh-secret-0123456789-abc").unwrap();
    let grant = async |_: String| Ok::<_, std::io::Error>(Some(Grant::new(serde_json::json!({"name": "a client"}))));
    let builder = Sessions::builder(keys, store, accounts_elsewhere(grant))
        .issuer("https://app.example")
        .rotation(Rotation::balanced().window(WINDOW))
        .store_timeout(STORE_TIMEOUT)
        .events(Ear(tally.clone()));
    build(builder).build().unwrap()
}

impl Load {
    /// Clients over these instances, which have all logged in.
    pub(crate) async fn start(name: &'static str, instances: Vec<Instance>, tally: Arc<Tally>) -> Self {
        Self::over(name, instances, tally, true, 1).await
    }

    /// Over a store that may lose, by the fault, what it answered.
    pub(crate) async fn forgetful(name: &'static str, instances: Vec<Instance>, tally: Arc<Tally>) -> Self {
        Self::over(name, instances, tally, false, 1).await
    }

    /// Clients that pause so many times longer.
    pub(crate) async fn paced(name: &'static str, instances: Vec<Instance>, tally: Arc<Tally>, pace: u64) -> Self {
        Self::over(name, instances, tally, true, pace).await
    }

    async fn over(
        name: &'static str,
        instances: Vec<Instance>,
        tally: Arc<Tally>,
        is_durable: bool,
        pace: u64,
    ) -> Self {
        for instance in &instances {
            tokio::time::timeout(PATIENCE, instance.ready()).await.expect("an instance that is ready");
        }
        let shared =
            Arc::new(Shared { instances, tally, gate: Gate::new(), calm: RwLock::new(true), is_durable, pace });
        let (mut pulses, mut clients) = (Vec::new(), Vec::new());
        for number in 0..CLIENTS {
            let client = Client::new(shared.clone(), number);
            pulses.push(client.pulse.clone());
            clients.push(tokio::spawn(client.run()));
        }
        let load = Self { name, shared, pulses, clients, recoveries: Vec::new() };
        load.all_go_on().await;
        // All at once they connect for the first time, and log in.
        load.shared.tally.counts().slowest_answer = Duration::ZERO;
        load
    }

    /// Waits until so many refreshes more were answered.
    pub(crate) async fn goes_on(&self, refreshes: u64) {
        let (before, beats) = (self.beats(), || self.beats());
        self.until("refreshes", || beats() >= before + refreshes).await;
    }

    /// Waits until each client got another answer.
    async fn all_go_on(&self) {
        let before: Vec<_> = self.pulses.iter().map(|pulse| pulse.beats.load(Ordering::Acquire)).collect();
        let went_on = |(pulse, before): (&Arc<Pulse>, &u64)| {
            pulse.beats.load(Ordering::Acquire) > *before || pulse.is_away.load(Ordering::Acquire)
        };
        self.until("an answer for each", || self.pulses.iter().zip(&before).all(went_on)).await;
    }

    /// Every session is due for a rotation, and all come at one moment: so that the fault that follows meets many in flight.
    /// Comes back when the first few were written.
    pub(crate) async fn surge(&self) {
        self.gather().await;
        self.release(3).await;
    }

    /// Waits until nobody asks for anything, and every session is due for a rotation. From here on answers may be lost by the
    /// fault.
    pub(crate) async fn gather(&self) {
        self.storm().await;
        if !self.shared.is_durable {
            // What is opened from here on may be lost by the fault, too; nobody logs out any more.
            let is_logged_in = |pulse: &Arc<Pulse>| pulse.is_logged_in.load(Ordering::Acquire);
            self.until("sessions", || self.pulses.iter().all(is_logged_in)).await;
        }
        self.shared.gate.close();
        self.until("rest", || self.shared.gate.waiting() == CLIENTS).await;
        // Only time makes a rotation grow old.
        sleep(3 * WINDOW + WINDOW / 10).await;
    }

    /// All come, and so many rotations are written.
    pub(crate) async fn release(&self, rotations: u64) {
        let before = self.shared.tally.heard("rotated");
        self.shared.gate.open();
        self.until("rotations", || self.shared.tally.heard("rotated") >= before + rotations).await;
    }

    /// Whoever rotates by itself has its answer, and nobody does so from here on: answers may be lost by the fault.
    pub(crate) async fn storm(&self) {
        *self.shared.calm.write().await = false;
    }

    /// Waits until so many operations more have failed.
    pub(crate) async fn fails(&self, operations: u64) {
        let before = self.shared.tally.failures();
        self.until("failures", || self.shared.tally.failures() >= before + operations).await;
    }

    /// The fault is over, as of now: waits until every client is served, and notes how long that took.
    pub(crate) async fn recovers(&mut self) {
        let (over, before) = (Instant::now(), self.beats());
        self.until("a first answer", || self.beats() > before).await;
        let until_first = over.elapsed();
        self.all_go_on().await;
        let until_all = over.elapsed();
        // Whoever asked before that has its answer now.
        self.all_go_on().await;
        let last_failure = self.shared.tally.counts().last_failure;
        let last_failure = last_failure.map(|at| at.saturating_duration_since(over)).unwrap_or_default();
        self.recoveries.push(Recovery { until_first, until_all, last_failure });
        assert!(until_all < BACK_WITHIN, "{}: all were served after {until_all:?}", self.name);
        *self.shared.calm.write().await = true;
    }

    /// Ends the work, and checks that nobody lost anything. What was measured is printed.
    pub(crate) async fn ends(self) {
        let failures = self.shared.tally.failures();
        self.goes_on(4 * CLIENTS as u64).await;
        let tally = &self.shared.tally;
        assert_eq!(tally.failures(), failures, "{}: it was not over", self.name);
        self.shared.gate.end();
        let mut clients = Vec::new();
        for client in self.clients {
            clients.push(client.await.unwrap());
        }
        check::all(&self.shared, clients).await;
        let counts = tally.counts();
        println!("{}: {CLIENTS} clients, {} instances\n{counts}", self.name, self.shared.instances.len());
        for recovery in &self.recoveries {
            println!("  {recovery}");
        }
        assert!(counts.wrong.is_empty(), "{}: {} wrong: {:#?}", self.name, counts.wrong.len(), counts.wrong);
        let limit = STORE_TIMEOUT + MARGIN;
        let slowest = counts.slowest_failure.max(counts.slowest_answer);
        assert!(slowest <= limit, "{}: told after {slowest:?}", self.name);
    }

    pub(crate) fn beats(&self) -> u64 {
        self.pulses.iter().map(|pulse| pulse.beats.load(Ordering::Acquire)).sum()
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, is_there: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_there() {
            assert!(begun.elapsed() < PATIENCE, "{}: still no {what}\n{}", self.name, self.shared.tally.counts());
            sleep(Duration::from_millis(2)).await;
        }
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, all, last] = [self.until_first, self.until_all, self.last_failure].map(|time| time.as_millis());
        write!(f, "after the fault: first answer {first} ms, every client {all} ms, last failure {last} ms")
    }
}
