//! Sessions in one SQLite file.

mod error;
mod feed;
mod file;
mod purge;
mod queue;
mod schema;
mod statements;
mod store;
mod writer;

pub use self::store::SqliteStore;
