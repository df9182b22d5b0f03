//! Sessions in PostgreSQL.

#[macro_use]
mod sql;

mod create;
mod ends;
mod error;
mod feed;
mod listener;
mod purge;
mod read;
mod row;
mod schema;
mod store;
mod swap;
mod url;

pub use self::store::PostgresStore;
pub(super) use self::url::connect;
