//! Sessions in Redis: standalone, watched by Sentinel, or a Cluster.

mod codec;
mod connect;
mod error;
mod feed;
mod keys;
mod link;
mod now;
mod schema;
mod scripts;
mod sentinel;
mod store;
mod wake;
mod walk;

pub use self::store::RedisStore;
