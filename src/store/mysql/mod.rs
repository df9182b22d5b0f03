mod confirm;
mod connect;
mod create;
mod error;
mod feed;
mod holes;
mod purge;
mod read;
mod revoke;
mod row;
mod schema;
mod store;
mod swap;
mod work;

pub(in crate::store) use self::connect::connect;
pub use self::store::MySqlStore;
