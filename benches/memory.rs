//! Allocations and bytes, counted by the allocator: `cargo bench --bench memory`.

use std::alloc::System;
use std::env;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use jwt_sessions::clock::Clock;
use jwt_sessions::store::{Device, MemoryStore, SessionStore};
use jwt_sessions_benches::alike::runtime;
use jwt_sessions_benches::cases::Ladder;
use jwt_sessions_benches::people::{People, stranger};
use jwt_sessions_benches::results::say;
use jwt_sessions_benches::rounds::{measure_by, meter};
use jwt_sessions_benches::sessions::{Fed, sessions};
use jwt_sessions_benches::tokens::{ALGORITHMS, Alg};
use jwt_sessions_benches::{Case, Effort, Results};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let effort = Effort::asked();
    let mut arguments = env::args();
    if arguments.any(|argument| argument == "--hold") {
        let number = arguments.next().and_then(|number| number.parse().ok()).unwrap();
        return hold(number, effort.pick(50_000, 1_000_000));
    }
    measure_by(allocations);
    let mut results = Results::new("memory", effort);
    for alg in ALGORITHMS {
        per_request(alg, effort, &mut results);
    }
    let runtime = runtime();
    let mut people = runtime.block_on(People::new(64, 64));
    let refresh = Case::prepared("`Sessions::refresh`, rotated, memory store", 64, |times| {
        people.later();
        runtime.block_on(async {
            let begun = meter();
            for at in 0..times {
                people.rotate(at).await;
            }
            meter() - begun
        })
    });
    results.keep_allocations("refresh", [refresh]);

    for number in 0..=DEVICES.len() {
        // Each in a process of its own, which has nothing to use again.
        let child = Command::new(env::current_exe().unwrap())
            .args(["--hold", &number.to_string()])
            .args(effort.quick.then_some("--quick"))
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        let said = String::from_utf8(child.stdout).unwrap();
        let (what, bytes) = said.trim().rsplit_once(": ").unwrap();
        let (requested, resident) = bytes.split_once(' ').unwrap();
        results.keep_number("bytes", what, requested.parse().unwrap(), "bytes");
        results.keep_number("resident", what, resident.parse().unwrap(), "bytes of the process");
    }
    results.write();
}

/// Fills in a million of something, and says what one of it takes.
fn hold(number: usize, pieces: usize) {
    let runtime = runtime();
    let Some((name, device)) = DEVICES.get(number) else {
        let clock = Clock::system();
        let store = Fed::new(MemoryStore::new(clock.clone()), pieces as u64);
        let held = Held::now();
        return runtime.block_on(async {
            let sessions = sessions(ALGORITHMS[0].keys(), store, clock).build().unwrap();
            sessions.ready().await;
            held.say("a session that ended, in the set of an instance", pieces);
        });
    };
    let store = MemoryStore::new(Clock::system()).capacity(pieces);
    let held = Held::now();
    runtime.block_on(async {
        for number in 0..pieces {
            let mut session = stranger(number as u64, &Clock::system());
            session.device = device(number);
            store.create(&session).await.unwrap();
        }
    });
    held.say(&format!("a session, {name}"), pieces);
}

fn per_request(alg: Alg, effort: Effort, results: &mut Results) {
    let runtime = runtime();
    // As many ended sessions as take no time to fill in: they allocate nothing at a request.
    let ladder = Ladder::new(alg, Effort { quick: true, ..effort }, &runtime);
    results.keep_allocations(alg.name, ladder.cases(alg, &runtime));
}

fn allocations() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.reallocations) as u64
}

type Devices = (&'static str, fn(usize) -> Device);

const DEVICES: [Devices; 3] = [
    ("without a device", |_| Device::default()),
    ("with address and user agent (500 different ones)", |number| device(number, number % 500)),
    ("with address and a user agent of its own", |number| device(number, number)),
];

fn device(number: usize, version: usize) -> Device {
    let mut device = Device::default();
    device.ip = Some(IpAddr::V4(Ipv4Addr::from(number as u32)));
    device.user_agent = Some(format!(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version:07} Safari/537.36"
    ));
    device
}

/// What is held at a moment.
struct Held {
    requested: usize,
    resident: usize,
}

impl Held {
    fn now() -> Self {
        let stats = ALLOCATOR.stats();
        Self { requested: stats.bytes_allocated - stats.bytes_deallocated, resident: resident() }
    }

    /// What is held more now, a piece: what was asked for, and what the process takes for it.
    fn say(&self, what: &str, pieces: usize) {
        let now = Self::now();
        let each = |before: usize, after: usize| after.saturating_sub(before) as f64 / pieces as f64;
        let (requested, resident) = (each(self.requested, now.requested), each(self.resident, now.resident));
        say(&format!("{what}: {requested} {resident}\n"));
    }
}

fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}
