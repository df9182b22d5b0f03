//! Sessions in a MongoDB database.

mod clock;
mod collections;
mod connect;
mod documents;
mod error;
mod feed;
mod openings;
mod purge;
mod schema;
mod sessions;
mod store;
mod subjects;

pub use self::store::MongoStore;
