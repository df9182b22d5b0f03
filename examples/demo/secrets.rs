//! The two secrets: from the environment, or made on the first run and kept in a file that its owner alone can read.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// Where the secrets come from.
#[derive(Debug)]
pub(crate) enum Secrets {
    /// The environment has them.
    Configured,
    /// A file has them.
    Kept(Generated),
    /// They were made now, and a file has them from now on.
    Made(Generated),
}

/// Secrets that were made here.
pub(crate) struct Generated {
    pub(crate) access: Zeroizing<String>,
    pub(crate) refresh: Zeroizing<String>,
}

impl Secrets {
    /// Looks for the secrets: `is_set` tells which variables are, `folder` is where the file is or will be.
    ///
    /// # Errors
    ///
    /// When one of the two is set and the other is not, or the file cannot be used.
    pub(crate) fn find(is_set: impl Fn(&str) -> bool, folder: &Path) -> Result<Self, SecretsError> {
        match (ACCESS.iter().any(|name| is_set(name)), REFRESH.iter().any(|name| is_set(name))) {
            (true, true) => Ok(Self::Configured),
            (true, false) => Err(SecretsError::Alone { missing: "REFRESH_TOKEN_SECRET" }),
            (false, true) => Err(SecretsError::Alone { missing: "ACCESS_TOKEN_SECRET" }),
            (false, false) => kept_or_made(&folder.join(FILE)),
        }
    }
}

impl fmt::Debug for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Generated(..)")
    }
}

/// Why there are no secrets.
#[derive(Debug)]
pub(crate) enum SecretsError {
    Alone { missing: &'static str },
    Open { path: PathBuf },
    Content { path: PathBuf },
    File { path: PathBuf, source: std::io::Error },
    Randomness,
}

impl fmt::Display for SecretsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone { missing } => {
                write!(f, "{missing} is not set, but the other secret is: set both, or neither to have them made")
            }
            Self::Open { path } => {
                write!(f, "{} holds secrets, but others than its owner may use it: chmod 600 it", path.display())
            }
            Self::Content { path } => {
                write!(
                    f,
                    "{} does not hold two secrets: put it back, or delete it to have new ones made",
                    path.display()
                )
            }
            Self::File { path, .. } => write!(f, "cannot keep secrets in {}", path.display()),
            Self::Randomness => f.write_str("the system gives no randomness for secrets"),
        }
    }
}

impl std::error::Error for SecretsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}

fn kept_or_made(path: &Path) -> Result<Secrets, SecretsError> {
    if let Some(kept) = read(path)? {
        return Ok(Secrets::Kept(kept));
    }
    let made = Generated { access: random()?, refresh: random()? };
    if write(path, &made)? {
        return Ok(Secrets::Made(made));
    }
    // Another instance was faster: both go on with what it made.
    let gone = || SecretsError::File { path: path.to_owned(), source: ErrorKind::NotFound.into() };
    read(path)?.map(Secrets::Kept).ok_or_else(gone)
}

fn read(path: &Path) -> Result<Option<Generated>, SecretsError> {
    let failed = |source| SecretsError::File { path: path.to_owned(), source };
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Asked of the open file: the name may be another's a moment later.
        if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
            return Err(SecretsError::Open { path: path.to_owned() });
        }
    }
    let mut text = Zeroizing::new(String::new());
    std::io::Read::read_to_string(&mut file, &mut text).map_err(failed)?;
    let secret = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        // Cut short, it would still be taken for a secret, and everybody would be logged out.
        (value.len() == LENGTH).then(|| Zeroizing::new(value.to_owned()))
    };
    match (secret("ACCESS_TOKEN_SECRET"), secret("REFRESH_TOKEN_SECRET")) {
        (Some(access), Some(refresh)) => Ok(Some(Generated { access, refresh })),
        _ => Err(SecretsError::Content { path: path.to_owned() }),
    }
}

/// Whether the file was made; `false` when there is one. It appears whole or not at all, so that nobody reads half of it.
fn write(path: &Path, secrets: &Generated) -> Result<bool, SecretsError> {
    let failed = |source| SecretsError::File { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Made with mode 0600.
    let mut file = tempfile::Builder::new().prefix(".demo-secrets-").tempfile_in(folder).map_err(failed)?;
    let text =
        Zeroizing::new(format!("ACCESS_TOKEN_SECRET={}\nREFRESH_TOKEN_SECRET={}\n", *secrets.access, *secrets.refresh));
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error.error)),
    }
}

fn random() -> Result<Zeroizing<String>, SecretsError> {
    let mut bytes = Zeroizing::new([0; 48]);
    getrandom::fill(bytes.as_mut()).map_err(|_| SecretsError::Randomness)?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref())))
}

/// The characters of 48 bytes in base64.
const LENGTH: usize = 64;
const FILE: &str = "demo-secrets";
const ACCESS: [&str; 3] = ["ACCESS_TOKEN_SECRET", "JWT_ACCESS_TOKEN_SECRET", "ACCESS_TOKEN_KEY_FILE"];
const REFRESH: [&str; 2] = ["REFRESH_TOKEN_SECRET", "JWT_REFRESH_TOKEN_SECRET"];

#[cfg(test)]
mod tests {
    use super::*;

    fn values(secrets: &Secrets) -> (&str, &str) {
        match secrets {
            Secrets::Kept(generated) | Secrets::Made(generated) => (&generated.access, &generated.refresh),
            Secrets::Configured => panic!("nothing is configured"),
        }
    }

    #[test]
    fn made_once_then_kept_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let made = Secrets::find(|_| false, folder.path()).unwrap();
        assert!(matches!(made, Secrets::Made(_)));
        let kept = Secrets::find(|_| false, folder.path()).unwrap();
        assert!(matches!(kept, Secrets::Kept(_)));
        assert_eq!(values(&made), values(&kept));
        assert_ne!(values(&made).0, values(&made).1);
        assert_eq!(format!("{made:?}"), "Made(Generated(..))");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = folder.path().join(FILE);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
            assert!(matches!(Secrets::find(|_| false, folder.path()), Err(SecretsError::Open { .. })));
        }
    }

    #[test]
    fn instances_that_start_at_once_agree() {
        let folder = tempfile::tempdir().unwrap();
        let found: Vec<_> = std::thread::scope(|scope| {
            let started: Vec<_> = (0..8).map(|_| scope.spawn(|| Secrets::find(|_| false, folder.path()))).collect();
            started.into_iter().map(|instance| instance.join().unwrap().unwrap()).collect()
        });
        assert!(found.iter().all(|secrets| values(secrets) == values(&found[0])));
        assert_eq!(found.iter().filter(|secrets| matches!(secrets, Secrets::Made(_))).count(), 1);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn one_secret_without_the_other_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (set, missing) in [
            ("ACCESS_TOKEN_SECRET", "REFRESH_TOKEN_SECRET"),
            ("JWT_ACCESS_TOKEN_SECRET", "REFRESH_TOKEN_SECRET"),
            ("ACCESS_TOKEN_KEY_FILE", "REFRESH_TOKEN_SECRET"),
            ("REFRESH_TOKEN_SECRET", "ACCESS_TOKEN_SECRET"),
            ("JWT_REFRESH_TOKEN_SECRET", "ACCESS_TOKEN_SECRET"),
        ] {
            let error = Secrets::find(|name| name == set, folder.path()).unwrap_err();
            assert!(error.to_string().starts_with(missing), "{set}: {error}");
        }
        let both = |name: &str| name == "JWT_ACCESS_TOKEN_SECRET" || name == "REFRESH_TOKEN_SECRET";
        assert!(matches!(Secrets::find(both, folder.path()), Ok(Secrets::Configured)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_damaged_file_is_refused_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        Secrets::find(|_| false, folder.path()).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &whole[..100]).unwrap();
        assert!(matches!(Secrets::find(|_| false, folder.path()), Err(SecretsError::Content { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole[..100]);
    }
}
