//! Where the demo's settings come from: the process's environment, then the file `.env`, then defaults for whoever sets
//! nothing. They are gathered in a map; the environment itself stays as it is.

use std::collections::HashMap;
use std::env;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use jwt_sessions::Settings;

use crate::secrets::Secrets;
use crate::{BoxError, announce};

/// What the demo starts with.
pub(crate) struct Environment {
    pub(crate) settings: Settings,
    pub(crate) listener: TcpListener,
    /// `http://` and the address that it listens on.
    pub(crate) address: String,
    /// The file of accounts and notes.
    pub(crate) data: PathBuf,
    /// How many proxies of ours add to `X-Forwarded-For`.
    pub(crate) proxies: usize,
    pub(crate) rate_limit: bool,
}

impl Environment {
    /// Reads what the demo reads, and completes what the settings are made from.
    ///
    /// # Errors
    ///
    /// When a variable cannot be used, the address is taken, or there are no secrets.
    pub(crate) fn prepare() -> Result<Self, BoxError> {
        let mut variables = Variables::of_process();
        variables.add_file(Path::new(".env"))?;
        let rate_limit = match variables.text("RATE_LIMIT")? {
            None | Some("on") => true,
            Some("off") => false,
            Some(_) => return Err("RATE_LIMIT is neither on nor off".into()),
        };
        let proxies = variables.text("TRUSTED_PROXIES")?.unwrap_or("0").parse();
        let proxies = proxies.map_err(|_| "TRUSTED_PROXIES is not a number of proxies")?;
        let address = variables.text("BIND_ADDR")?.unwrap_or("127.0.0.1:3000");
        let listener = TcpListener::bind(address).map_err(|error| not_bound(address, &error))?;
        listener.set_nonblocking(true)?;
        let address = format!("http://{}", reachable(listener.local_addr()?));

        variables.default("SESSION_STORE", "sqlite:demo-sessions.db");
        let own_origin = variables.0.contains_key("PUBLIC_ORIGIN");
        variables.default("PUBLIC_ORIGIN", &address);
        let beside = folder_of(variables.text("SESSION_STORE")?.unwrap_or_default());
        if !beside.is_dir() {
            return Err(format!("SESSION_STORE: there is no folder {}: make it first", beside.display()).into());
        }
        let data = match variables.text("DEMO_DATA")? {
            Some("") => return Err("DEMO_DATA is set but empty: name a file".into()),
            Some(path) => path.strip_prefix("sqlite:").unwrap_or(path).into(),
            None => beside.join("demo-accounts.db"),
        };
        secrets(&mut variables, &beside)?;
        let settings = Settings::from_vars(variables.0).map_err(|error| match error.variable() {
            // Whoever did not set it looks for the cause elsewhere.
            "PUBLIC_ORIGIN" if !own_origin => format!("{error} (it is not set, and so it is BIND_ADDR's {address})"),
            _ => error.to_string(),
        })?;
        Ok(Self { settings, listener, address, data, proxies, rate_limit })
    }
}

fn not_bound(address: &str, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!("BIND_ADDR: another program listens on {address}: end it, or set another port (0 for any free one)")
        }
        _ => format!("BIND_ADDR: cannot listen on {address:?}, an address and a port: {error}"),
    }
}

fn secrets(variables: &mut Variables, folder: &Path) -> Result<(), BoxError> {
    let (generated, how) = match Secrets::find(|name| variables.0.contains_key(name), folder)? {
        Secrets::Configured => return Ok(()),
        Secrets::Kept(generated) => (generated, "are those that were made on the first run"),
        Secrets::Made(generated) => (generated, "were made now, as none was set"),
    };
    variables.default("ACCESS_TOKEN_SECRET", &generated.access);
    variables.default("REFRESH_TOKEN_SECRET", &generated.refresh);
    let file = folder.join("demo-secrets");
    announce(format_args!("The secrets {how}; they are kept in {}.", file.display()));
    Ok(())
}

/// Names and values. Who comes first has the say.
struct Variables(HashMap<String, String>);

impl Variables {
    fn of_process() -> Self {
        // As `Settings::from_env` reads it: what is not Unicode is marked, and refused where it is asked for.
        let all = env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().unwrap_or_else(|_| UNREADABLE.into())))
        });
        Self(all.collect())
    }

    /// Adds what the file sets and nobody else has set; no file is as good as an empty one.
    fn add_file(&mut self, path: &Path) -> Result<(), BoxError> {
        let name = path.display();
        let content = match std::fs::read(path) {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(format!("{name} cannot be read: {error}").into()),
        };
        let mut after = String::from("in its first line");
        // Some editors begin a file with this mark.
        for line in dotenvy::from_read_iter(content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content)) {
            // The library's own words quote the line, which may be a secret.
            let (variable, value) = line.map_err(|_| {
                format!("{name} cannot be read {after}: each is NAME=value, with quotes around what has blanks")
            })?;
            after = format!("after the line of {variable}");
            self.default(&variable, &value);
        }
        Ok(())
    }

    /// Sets what is not set.
    fn default(&mut self, name: &str, value: &str) {
        self.0.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }

    /// A variable that the demo alone reads.
    fn text(&self, name: &str) -> Result<Option<&str>, BoxError> {
        match self.0.get(name).map(String::as_str) {
            Some(value) if value.contains(UNREADABLE) => Err(format!("{name} is not Unicode text").into()),
            value => Ok(value),
        }
    }
}

/// The address to open in a browser: listening on all addresses of the machine includes this one.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())) } else { address }
}

/// The folder of a `sqlite:` store's file, else the working directory.
fn folder_of(store: &str) -> PathBuf {
    let file = match store.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sqlite") => rest.strip_prefix("//").unwrap_or(rest),
        _ => "",
    };
    let folder = Path::new(file).parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

const UNREADABLE: &str = "\u{fffd}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_secrets_are_kept_beside_the_session_file() {
        for (store, folder) in [
            ("sqlite:demo-sessions.db", "."),
            ("sqlite:/var/lib/demo/sessions.db", "/var/lib/demo"),
            ("sqlite:///var/lib/demo/sessions.db", "/var/lib/demo"),
            ("SQLite:data/sessions.db", "data"),
            ("sqlite://data/sessions.db", "data"),
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

    #[test]
    fn the_environment_counts_more_than_the_file_and_the_file_more_than_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        std::fs::write(&file, "\u{feff}A=file\nB='the file'\nB=again\n").unwrap();
        let mut variables = Variables(HashMap::from([("A".into(), "process".into())]));
        variables.add_file(&file).unwrap();
        variables.add_file(&folder.path().join("nowhere")).unwrap();
        for name in ["A", "B", "C"] {
            variables.default(name, "default");
        }
        let values = ["A", "B", "C"].map(|name| variables.text(name).unwrap().unwrap());
        assert_eq!(values, ["process", "the file", "default"]);
    }

    #[test]
    fn a_broken_file_is_told_by_the_line_before_and_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        std::fs::write(&file, "A=1\nB='qwertyuiop asdfghjkl\n").unwrap();
        let said = Variables(HashMap::new()).add_file(&file).unwrap_err().to_string();
        assert!(said.contains("after the line of A") && !said.contains("qwertyuiop"), "{said}");
    }

    #[test]
    fn what_is_not_text_is_refused_by_name() {
        let variables = Variables(HashMap::from([("DEMO_DATA".into(), UNREADABLE.into())]));
        assert!(variables.text("DEMO_DATA").unwrap_err().to_string().starts_with("DEMO_DATA "));
    }
}
