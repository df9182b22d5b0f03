//! Sessions in this process: bounded, sharded by subject.

mod shard;
mod store;

pub use self::store::MemoryStore;
