//! Sessions in this process: bounded, sharded by subject.

mod bytes;
mod feed;
mod name;
mod packed;
mod sessions;
mod shard;
mod slab;
mod store;
mod user_agent;

pub use self::store::MemoryStore;
