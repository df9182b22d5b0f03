//! The file that holds accounts and notes: SQLite, which several instances on one machine may share.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, thread};

use rusqlite::{Connection, ErrorCode};

use crate::answers::Refusal;

/// One connection; its calls run on the blocking threads, one at a time. Cloning it shares the connection.
#[derive(Clone)]
pub(crate) struct Database(Arc<Mutex<Connection>>);

impl Database {
    /// Opens the file, or creates it for its owner alone.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, or holds something else; the file is then as it was.
    pub(crate) fn open(path: &Path) -> Result<Self, DatabaseError> {
        prepare(path)
            .map(|connection| Self(Arc::new(Mutex::new(connection))))
            .map_err(|source| DatabaseError { path: path.to_owned(), source })
    }

    /// Runs `query` where blocking is allowed. It runs to its end even if the caller stops waiting.
    ///
    /// # Errors
    ///
    /// [`Broken`] when SQLite failed; the cause is logged here.
    pub(crate) async fn run<T, F>(&self, query: F) -> Result<T, Broken>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let connection = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            // A query that panicked left no transaction open: each is one statement.
            query(&connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match done.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                tracing::error!(%error, "the accounts' file failed");
                Err(Broken)
            }
            Err(_) => Err(Broken),
        }
    }
}

/// The accounts' file did not answer. The log says why; a client learns only that it may try again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the accounts' file failed")
    }
}

impl std::error::Error for Broken {}

impl From<Broken> for Refusal {
    fn from(_: Broken) -> Self {
        Self::unavailable()
    }
}

/// Why the accounts' file was not opened.
#[derive(Debug)]
pub(crate) struct DatabaseError {
    path: PathBuf,
    source: rusqlite::Error,
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DEMO_DATA: cannot use {} for the accounts", self.path.display())
    }
}

impl std::error::Error for DatabaseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

fn prepare(path: &Path) -> rusqlite::Result<Connection> {
    create_for_owner(path);
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    // Reads the file's head: what is no database is refused here, before anything is written.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    // SQLite does not wait for the switch to WAL as it does for a lock; another instance may be making it.
    let mut tries = 0;
    while let Err(error) = connection.pragma_update(None, "journal_mode", "wal") {
        tries += 1;
        if tries == 100 || error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) {
            return Err(error);
        }
        thread::sleep(Duration::from_millis(20));
    }
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

/// SQLite would let everybody read a new file; it gives the files beside it the same mode. What fails here fails again,
/// with a better message, when it is opened.
fn create_for_owner(path: &Path) {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(path));
}

const PATIENCE: Duration = Duration::from_secs(5);
const SCHEMA: &str = include_str!("schema.sql");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_database_is_refused_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.txt");
        std::fs::write(&path, "Dear reader, this is a letter and no database.".repeat(40)).unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = Database::open(&path).err().unwrap();
        assert!(error.to_string().contains("letter.txt"));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.db");
        let _database = Database::open(&path).unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn instances_that_start_at_once_all_open_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.db");
        thread::scope(|scope| {
            let started: Vec<_> = (0..8).map(|_| scope.spawn(|| Database::open(&path))).collect();
            for instance in started {
                instance.join().unwrap().unwrap();
            }
        });
    }
}
