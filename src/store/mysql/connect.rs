use std::time::Duration;

use sqlx::Connection;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};

use super::error::{broken, refused};
use super::store::MySqlStore;
use crate::store::StoreError;

/// The store in the database that a URL names: `mysql://user:password@host:3306/database?ssl-mode=VERIFY_IDENTITY`.
pub(in crate::store) async fn connect(rest: &str) -> Result<MySqlStore, StoreError> {
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    // The driver passes over what it does not know: a slip in an option's name would turn encryption off.
    let name = |option: &str| option.split('=').next().unwrap_or_default().to_owned();
    if options.split('&').map(name).any(|name| !name.is_empty() && !OPTIONS.contains(&name.as_str())) {
        return Err(refused("the URL has an option that is not known"));
    }
    let database = place.strip_prefix("//").and_then(|place| place.split_once('/')).map(|(_, database)| database);
    if database.is_none_or(str::is_empty) {
        return Err(refused("the URL names no database: `mysql://user:password@host/database`"));
    }
    // Without the driver's reason, which may repeat a part of the URL.
    let options: MySqlConnectOptions =
        format!("mysql:{rest}").parse().map_err(|_| refused("the URL of the database cannot be read"))?;
    let pool = MySqlPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(WAIT)
        // Asking each connection whether it lives would double the round trips: only those that were idle are asked.
        .test_before_acquire(false)
        .before_acquire(|conn, meta| {
            Box::pin(async move {
                if meta.idle_for > FRESH {
                    conn.ping().await?;
                }
                Ok(true)
            })
        })
        // Who waits for a row longer than this is not waited for any more.
        .after_connect(|conn, _| Box::pin(async move { sqlx::query(LOCK_WAIT).execute(conn).await.map(drop) }))
        .connect_with(options);
    Ok(MySqlStore::new(pool.await.map_err(broken)?))
}

/// For one process. The server's own limit, 151 unless it is set, is for all of them.
const CONNECTIONS: u32 = 20;
/// Below the five seconds after which a request is answered without the store.
const WAIT: Duration = Duration::from_secs(4);
const FRESH: Duration = Duration::from_secs(1);
const LOCK_WAIT: &str = "SET SESSION innodb_lock_wait_timeout = 4";
/// What the driver takes.
const OPTIONS: [&str; 13] = [
    "sslmode",
    "ssl-mode",
    "sslca",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "charset",
    "collation",
    "statement-cache-capacity",
    "socket",
    "timezone",
];
