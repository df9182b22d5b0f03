//! Whatever happens to the servers, no honest client is logged out, no session forks, no false alarm is raised, every failure
//! is told in time, and the service is back within seconds.
//!
//! The servers are real, started by each test and ended with it; clients refresh, rotate, log in and out, hang up and lose
//! answers all the while. Time is real too: with the shortest window, one second, a session in use rotates every three.
//!
//! What happened is printed: `cargo test --features postgres,mysql,redis --test faults -- --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers outside the test functions fail their test; what was counted is worth knowing"
)]

#[path = "faults/check.rs"]
mod check;
#[path = "faults/client.rs"]
mod client;
#[path = "common/demo.rs"]
mod demo;
#[path = "faults/gate.rs"]
mod gate;
#[path = "faults/latency.rs"]
mod latency;
#[path = "common/lateness.rs"]
mod lateness;
#[path = "faults/load.rs"]
mod load;
#[cfg(feature = "mysql")]
#[path = "faults/mysql.rs"]
mod mysql;
#[path = "faults/postgres.rs"]
mod postgres;
#[path = "faults/proxy.rs"]
mod proxy;
#[path = "faults/redis.rs"]
mod redis;
#[path = "faults/rolling.rs"]
mod rolling;
mod servers;
#[path = "faults/sqlite.rs"]
mod sqlite;
#[path = "faults/tally.rs"]
mod tally;
#[path = "faults/token.rs"]
mod token;
