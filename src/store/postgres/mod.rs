//! Sessions in PostgreSQL.

#[macro_use]
mod sql;

mod create;
mod ends;
mod error;
mod feed;
mod gathered;
mod listener;
mod pool;
mod purge;
mod read;
mod row;
mod schema;
mod store;
mod swap;
mod together;
mod url;

pub use self::store::PostgresStore;
pub(super) use self::url::connect;
