//! Sessions in this process: bounded, sharded by subject.

mod feed;
mod shard;
mod store;

pub use self::store::MemoryStore;
