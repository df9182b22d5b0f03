use std::time::Duration;

use ::redis::aio::{ConnectionManager, ConnectionManagerConfig};
use ::redis::{Client, IntoConnectionInfo};

use super::error::broken;
use crate::store::{StoreError, StoreErrorKind};

/// A connection to the one server at `url` that is made anew when it breaks, and what opens another.
pub(super) async fn connect(url: &str) -> Result<(ConnectionManager, Client), StoreError> {
    let is_encrypted = url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("rediss:"));
    let info = url.into_connection_info().map_err(|_| refused(if is_encrypted { NO_TLS } else { UNREADABLE }))?;
    // A machine that is gone says nothing: without a limit of its own, the connection would be tried for many minutes.
    let tcp = info.tcp_settings().clone();
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(ANSWER);
    let client = Client::open(info.set_tcp_settings(tcp));
    let client = client.map_err(|_| refused(if is_encrypted { NO_TLS } else { UNREADABLE }))?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER))
        // Two tries, then who waits is told; the next one tries again.
        .set_number_of_retries(1)
        .set_max_delay(Duration::from_millis(100));
    Ok((ConnectionManager::new_with_config(client.clone(), config).await.map_err(broken)?, client))
}

/// Not the driver's words: they may repeat a part of the URL.
fn refused(why: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Configuration).because(why)
}

const UNREADABLE: &str = "it is no URL like `redis://user:password@host:6379/0`";
const NO_TLS: &str = "it is no URL like `rediss://user:password@host:6379/0`, or this was built without TLS for Redis: turn on the feature \
     `tokio-rustls-comp` or `tokio-native-tls-comp` of the crate `redis` in your own Cargo.toml";
const CONNECT: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(2);
