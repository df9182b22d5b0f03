use super::{AnyStore, MemoryStore, StoreError, StoreErrorKind};
use crate::clock::Clock;

/// Opens the store that `url` names. An embedded one and Redis are then ready for use; the tables of a database are made by
/// [`AnyStore::migrate`].
///
/// | URL | store |
/// |---|---|
/// | `memory:` | [`MemoryStore`], gone with the process |
/// | `sqlite:FILE`, `sqlite://FILE` | `SqliteStore` (feature `sqlite`); a relative path is the working directory's |
/// | `postgres://USER:PASSWORD@HOST/DATABASE` | `PostgresStore` (feature `postgres`), over up to 16 connections |
/// | `mysql://USER:PASSWORD@HOST/DATABASE`, `mariadb://…` | `MySqlStore` (feature `mysql`), over up to 20 connections |
/// | `redis://…`, `rediss://…` | `RedisStore` (feature `redis`): one server, not a Cluster's nodes and no sentinels |
/// | `mongodb://…`, `mongodb+srv://…` | `MongoStore` (feature `mongodb`); the database is `jwt_sessions` where the URL names none; `mongodb+srv://…` needs the driver's feature `dns-resolver` |
///
/// What follows `sqlite:` is a file's name and nothing else: no options, no percent-encoding. Times are the system's clock.
///
/// ```
/// use jwt_sessions::store::{StoreErrorKind, connect};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = connect("memory:").await?;
///
/// let refused = connect("oracle://db").await.unwrap_err();
/// assert_eq!(refused.kind(), StoreErrorKind::Configuration);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`StoreErrorKind::Configuration`] when this version, or this build of it, has no such store; whatever opening the store
/// answers. No error repeats the URL, which may hold a password.
pub async fn connect(url: &str) -> Result<AnyStore, StoreError> {
    let (scheme, rest) =
        url.split_once(':').ok_or_else(|| refused("it is no URL; a store is named like `sqlite:FILE` or `memory:`"))?;
    match scheme.to_ascii_lowercase().as_str() {
        "memory" if rest.is_empty() || rest == "//" => Ok(AnyStore::new(MemoryStore::new(Clock::system()))),
        "memory" => Err(refused("nothing may follow `memory:`")),
        "sqlite" => sqlite(rest.strip_prefix("//").unwrap_or(rest)).await,
        "postgres" | "postgresql" => postgres(url).await,
        "mysql" | "mariadb" => mysql(rest).await,
        "redis" | "rediss" => redis(url).await,
        "mongodb" | "mongodb+srv" => mongodb(url).await,
        // Not named: what stands before the first colon of something that is no URL may be a secret.
        _ => Err(refused(
            "it is no kind of store that is known; there are `memory:`, `sqlite:FILE`, `postgres:`, `mysql:`, `redis:` and \
             `mongodb:`",
        )),
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(file: &str) -> Result<AnyStore, StoreError> {
    if file.is_empty() {
        return Err(refused("a file's name must follow `sqlite:`"));
    }
    if file.contains(":memory:") {
        return Err(refused("the SQLite store keeps its sessions in a file; in memory there is the store `memory:`"));
    }
    // Other libraries take options there: made into a file of such a name, they would be ignored in silence.
    if file.contains('?') {
        return Err(refused("`sqlite:` takes a file's name and no options after a question mark"));
    }
    let store = super::SqliteStore::open(file, Clock::system()).await?;
    store.migrate().await?;
    Ok(AnyStore::new(store))
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(_: &str) -> Result<AnyStore, StoreError> {
    Err(refused("this was built without the feature `sqlite`"))
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str) -> Result<AnyStore, StoreError> {
    super::postgres::connect(url).await.map(AnyStore::new)
}

#[cfg(not(feature = "postgres"))]
async fn postgres(_: &str) -> Result<AnyStore, StoreError> {
    Err(refused("this was built without the feature `postgres`"))
}

#[cfg(feature = "mysql")]
async fn mysql(rest: &str) -> Result<AnyStore, StoreError> {
    super::mysql::connect(rest).await.map(AnyStore::new)
}

#[cfg(not(feature = "mysql"))]
async fn mysql(_: &str) -> Result<AnyStore, StoreError> {
    Err(refused("this was built without the feature `mysql`"))
}

#[cfg(feature = "redis")]
async fn redis(url: &str) -> Result<AnyStore, StoreError> {
    let store = super::RedisStore::connect(url).await?;
    store.migrate().await?;
    Ok(AnyStore::new(store))
}

#[cfg(not(feature = "redis"))]
async fn redis(_: &str) -> Result<AnyStore, StoreError> {
    Err(refused("this was built without the feature `redis`"))
}

#[cfg(feature = "mongodb")]
async fn mongodb(url: &str) -> Result<AnyStore, StoreError> {
    Ok(AnyStore::new(super::MongoStore::connect(url).await?))
}

#[cfg(not(feature = "mongodb"))]
async fn mongodb(_: &str) -> Result<AnyStore, StoreError> {
    Err(refused("this was built without the feature `mongodb`"))
}

fn refused(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Configuration).because(why)
}
