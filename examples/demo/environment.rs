//! What the demo adds to the environment before the settings are read: the file `.env`, and defaults for whoever sets
//! nothing.

use std::env::{self, VarError};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use crate::secrets::Secrets;
use crate::{BoxError, announce};

/// What only the demo reads.
pub(crate) struct Environment {
    pub(crate) listener: TcpListener,
    /// Where a browser finds the demo.
    pub(crate) origin: String,
    /// The file of accounts and notes.
    pub(crate) data: PathBuf,
    pub(crate) rate_limit: bool,
}

impl Environment {
    /// Reads what the demo reads, and completes what `Settings::from_env` reads. Call it before any thread is started: the
    /// environment is the whole process's.
    ///
    /// # Errors
    ///
    /// When a variable cannot be used, the address is taken, or there are no secrets.
    pub(crate) fn prepare() -> Result<Self, BoxError> {
        match dotenvy::from_path(Path::new(".env")) {
            Err(error) if !error.not_found() => {
                // The library's own words quote the line, which may be a secret.
                return Err(".env cannot be read: each line is NAME=value, with quotes around what has blanks".into());
            }
            _ => {}
        }
        let rate_limit = match variable("RATE_LIMIT")?.as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(_) => return Err("RATE_LIMIT is neither on nor off".into()),
        };
        let address = variable("BIND_ADDR")?.unwrap_or_else(|| "127.0.0.1:3000".into());
        let listener = TcpListener::bind(&address)
            .map_err(|error| format!("cannot listen on {address:?} (BIND_ADDR, as address:port): {error}"))?;
        listener.set_nonblocking(true)?;
        let found_at = reachable(listener.local_addr()?);

        default("SESSION_STORE", "sqlite:demo-sessions.db")?;
        default("PUBLIC_ORIGIN", &format!("http://{found_at}"))?;
        let beside = folder_of(&variable("SESSION_STORE")?.unwrap_or_default());
        let data = match variable("DEMO_DATA")? {
            Some(path) if path.is_empty() => return Err("DEMO_DATA is empty: name a file".into()),
            Some(path) => path.strip_prefix("sqlite:").unwrap_or(&path).into(),
            None => beside.join("demo-accounts.db"),
        };
        secrets(&beside)?;
        Ok(Self { listener, origin: format!("http://{found_at}"), data, rate_limit })
    }
}

fn secrets(folder: &Path) -> Result<(), BoxError> {
    let (generated, how) = match Secrets::find(|name| env::var_os(name).is_some(), folder)? {
        Secrets::Configured => return Ok(()),
        Secrets::Kept(generated) => (generated, "are those that were made on the first run"),
        Secrets::Made(generated) => (generated, "were made now, as none was set"),
    };
    default("ACCESS_TOKEN_SECRET", &generated.access)?;
    default("REFRESH_TOKEN_SECRET", &generated.refresh)?;
    let file = folder.join("demo-secrets");
    announce(format_args!("The secrets {how}; they are kept in {}.", file.display()));
    Ok(())
}

/// A variable; none when it is not set.
fn variable(name: &str) -> Result<Option<String>, BoxError> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8").into()),
    }
}

/// Sets a variable that is not set. This goes through `dotenvy` because the standard library's way is `unsafe`; `value` has
/// no quotes.
fn default(name: &str, value: &str) -> Result<(), BoxError> {
    dotenvy::from_read(format!("{name}='{value}'").as_bytes()).map_err(|_| format!("{name} cannot be set").into())
}

/// The address to open in a browser: listening on all addresses of the machine includes this one.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())) } else { address }
}

/// The folder of a `sqlite:` store's file, else the working directory.
fn folder_of(store: &str) -> PathBuf {
    let file = store.strip_prefix("sqlite:").unwrap_or_default();
    let folder = Path::new(file).parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_secrets_are_kept_beside_the_session_file() {
        for (store, folder) in [
            ("sqlite:demo-sessions.db", "."),
            ("sqlite:/var/lib/demo/sessions.db", "/var/lib/demo"),
            ("sqlite:data/sessions.db", "data"),
            ("memory:", "."),
            ("postgres://localhost/demo", "."),
        ] {
            assert_eq!(folder_of(store), Path::new(folder), "{store}");
        }
    }

    #[test]
    fn the_printed_address_opens_in_a_browser() {
        for (bound, found_at) in
            [("127.0.0.1:3000", "127.0.0.1:3000"), ("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "127.0.0.1:80")]
        {
            assert_eq!(reachable(bound.parse().unwrap()).to_string(), found_at);
        }
    }
}
