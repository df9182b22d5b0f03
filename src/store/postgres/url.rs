use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};

use super::PostgresStore;
use super::error::broken;
use crate::store::{StoreError, StoreErrorKind};

/// Opens the store at this URL with a pool of its own. It makes no tables.
///
/// # Errors
///
/// [`StoreErrorKind::Configuration`] when the URL cannot be read. No error repeats any of it.
pub(in crate::store) async fn connect(url: &str) -> Result<PostgresStore, StoreError> {
    if !url.split_once(':').is_some_and(|(_, rest)| rest.starts_with("//")) {
        return Err(refused("`//` and a server's name must follow `postgres:`"));
    }
    // The driver would leave out what it does not know, and write its value to the log.
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters).split('&');
    let names = parameters.map(|parameter| parameter.split('=').next().unwrap_or_default());
    if names.into_iter().any(|name| !name.is_empty() && !PARAMETERS.contains(&name)) {
        return Err(refused("it has a parameter that is not known"));
    }
    let options: PgConnectOptions = url.parse().map_err(|_| refused("it cannot be read as a URL of PostgreSQL"))?;
    // Not by the pool, which would try again until its patience ends, and then not say what was wrong.
    let tried = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options)).await;
    let tried = tried.map_err(|_| StoreError::new(StoreErrorKind::Timeout))?.map_err(broken)?;
    tried.close().await.map_err(broken)?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        // In use a connection needs no test, which is a round trip; one that was idle may have been closed by the server.
        .test_before_acquire(false)
        .before_acquire(|conn, meta| {
            Box::pin(async move {
                if meta.idle_for > TESTED_AFTER {
                    conn.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options);
    Ok(PostgresStore::new(pool))
}

fn refused(why: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Configuration).because(why)
}

const CONNECTIONS: u32 = 16;
/// As long as a session's caller waits for a store.
const PATIENCE: Duration = Duration::from_secs(5);
const TESTED_AFTER: Duration = Duration::from_secs(1);

const PARAMETERS: [&str; 20] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "options[search_path]",
    "options[statement_timeout]",
];
