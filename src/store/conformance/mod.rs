//! The suite that every store passes (feature `conformance`).
//!
//! It tries each sentence of the contract of [`SessionStore`](super::SessionStore), the races included. Call it from a test of your own store:
//!
//! ```
//! use jwt_sessions::{clock::Clock, token::Timestamp};
//! use jwt_sessions::store::{MemoryStore, conformance::Suite};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let clock = Clock::manual(Timestamp::from_secs(1_700_000_000));
//! Suite::new(MemoryStore::new(clock.clone())).with_clock(clock).alone().run().await;
//! # }
//! ```
//!
//! 1. A broken promise panics and names the promise; [`Suite::run`] tries them one after the other, and each can be called
//!    by itself.
//! 2. Subjects have a random ending, so that the suite runs on a store in use, also many times at once. It leaves its
//!    sessions there; they expire within the hour.
//! 3. [`with_clock`](Suite::with_clock) gives it the store's clock, if that can be set: then it also tries what needs time to
//!    pass, to the millisecond. Without, it waits for the store's own clock where some milliseconds are enough.
//! 4. [`shared_with`](Suite::shared_with) gives it the same sessions by another connection, as another process has them.
//! 5. [`alone`](Suite::alone) says that nobody else uses the store: only then all sessions are ended.
//!
//! # Deployment
//!
//! For tests. A store that keeps its answers but forgets them when the power is cut passes: durability cannot be seen from
//! inside of a process.
#![allow(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a broken promise panics, as any assertion in a test does; said once, above"
)]

mod confirm;
mod create;
mod feed;
mod limit;
mod list;
mod races;
mod revoke;
mod subjects;
mod suite;
mod swap;
mod times;

pub use self::suite::Suite;
