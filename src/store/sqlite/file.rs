use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags};

use super::error::{broken, foreign, unavailable};
use super::schema::{self, Found};
use crate::store::{StoreError, StoreErrorKind};

/// The connection that writes and the one that reads, of a file that is empty or ours.
///
/// A file that is neither is looked at without a lock, a journal or a byte written.
pub(super) fn open(path: &Path) -> Result<(Connection, Connection), StoreError> {
    let uri = uri(path)?;
    create(path).map_err(unavailable)?;
    let found = look(path, &uri)?;
    let (writer, reader) = (connect(&uri)?, connect(&uri)?);
    reader.pragma_update(None, "query_only", true).map_err(broken)?;
    if found == Found::Ours {
        wal(&writer)?;
    }
    Ok((writer, reader))
}

/// Turns the write-ahead log on, which the file remembers.
pub(super) fn wal(conn: &Connection) -> Result<(), StoreError> {
    // The busy timeout does not cover every lock that this switch takes, and many processes may start at once.
    conn.busy_timeout(PAUSE).map_err(broken)?;
    let mut switched = switch(conn);
    for _ in 0..TRIES {
        match &switched {
            Err(error) if error.kind() == StoreErrorKind::Timeout => thread::sleep(PAUSE),
            _ => break,
        }
        switched = switch(conn);
    }
    conn.busy_timeout(BUSY).map_err(broken)?;
    switched
}

fn switch(conn: &Connection) -> Result<(), StoreError> {
    let mode: String = conn.query_row(JOURNAL_MODE_WAL, [], |row| row.get(0)).map_err(broken)?;
    if mode == "wal" {
        return Ok(());
    }
    Err(unavailable(format!("the file's journal mode stays `{mode}` instead of `wal`")))
}

/// Makes an empty file that only its owner can read, if there is none. SQLite gives the log beside it the same mode.
fn create(path: &Path) -> io::Result<()> {
    // Closing any descriptor of a database file drops all locks that this process has on it: while this one is open, no
    // other store of this process may come to lock the file.
    static CREATING: Mutex<()> = Mutex::new(());
    let _turn = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    owner_only(&mut options);
    match options.open(path) {
        Ok(file) => drop(file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    sync_folder(path)
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn owner_only(_: &mut OpenOptions) {}

/// A new file's name must survive a power cut as its contents do.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// What kind of file it is.
fn look(path: &Path, uri: &str) -> Result<Found, StoreError> {
    let mut before = Stamp::of(path)?;
    let mut tries = 0;
    loop {
        let error = match look_once(uri, before.log > 0) {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        // Without locks, what another process is just writing looks like damage.
        let after = Stamp::of(path)?;
        tries += 1;
        if after == before || tries == TRIES {
            return Err(error);
        }
        before = after;
    }
}

fn look_once(uri: &str, has_log: bool) -> Result<Found, StoreError> {
    // Immutable: no lock, no log, no shared memory beside the file. But blind to a log, so that where there is one (the
    // file is in use, or its last user was killed) an ordinary reader looks, which does not write the file either.
    let uri = if has_log { format!("{uri}?mode=ro") } else { format!("{uri}?immutable=1") };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(uri, flags).map_err(broken)?;
    conn.busy_timeout(BUSY).map_err(broken)?;
    let found = schema::inspect(&conn)?;
    if found == Found::Ours {
        walk_through(&conn)?;
    }
    Ok(found)
}

/// Finds damage below the first page before the first session is lost in it.
fn walk_through(conn: &Connection) -> Result<(), StoreError> {
    let size: i64 = conn.query_row(SIZE, [], |row| row.get(0)).map_err(broken)?;
    if size > WALKED_THROUGH {
        return Ok(());
    }
    for check in QUICK_CHECKS {
        let verdict: String = conn.query_row(check, [], |row| row.get(0)).map_err(broken)?;
        if verdict != "ok" {
            return Err(foreign(format!("the file is damaged: {verdict}")));
        }
    }
    Ok(())
}

fn connect(uri: &str) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(format!("{uri}?mode=rw"), flags).map_err(broken)?;
    conn.busy_timeout(BUSY).map_err(broken)?;
    conn.execute_batch(SETTINGS).map_err(broken)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// The file's address, in which no character of its name means anything: the bundled library reads names as URIs.
fn uri(path: &Path) -> Result<String, StoreError> {
    let wrong = |why: &'static str| StoreError::new(StoreErrorKind::Configuration).because(why);
    let name = path_bytes(path).ok_or_else(|| wrong("the file's name is not Unicode"))?;
    if name.is_empty() || name == b":memory:" {
        return Err(wrong("the SQLite store keeps its sessions in a file; in memory there is the store `memory:`"));
    }
    if name.contains(&0) {
        return Err(wrong("the file's name has a NUL in it"));
    }
    let mut uri = String::from(if name.starts_with(b"/") { "file://" } else { "file:" });
    for byte in name {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(uri)
}

#[cfg(unix)]
fn path_bytes(path: &Path) -> Option<&[u8]> {
    Some(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()))
}

#[cfg(not(unix))]
fn path_bytes(path: &Path) -> Option<&[u8]> {
    path.to_str().map(str::as_bytes)
}

/// What changes when somebody writes the file or its log.
#[derive(PartialEq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// The length of the write-ahead log.
    log: u64,
}

impl Stamp {
    fn of(path: &Path) -> Result<Self, StoreError> {
        let file = fs::metadata(path).map_err(unavailable)?;
        if !file.is_file() {
            return Err(unavailable("there is something at this path that is no file"));
        }
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let log = fs::metadata(log).map_or(0, |log| log.len());
        Ok(Self { length: file.len(), modified: file.modified().ok(), log })
    }
}

const BUSY: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);
/// With a pause and as long a wait for the lock each: as long as the busy timeout.
const TRIES: u32 = 50;
const STATEMENTS: usize = 32;
/// Bytes: what a disk reads in about a second.
const WALKED_THROUGH: i64 = 256 << 20;

const JOURNAL_MODE_WAL: &str = "PRAGMA journal_mode = WAL";
/// Every commit reaches the disk (on macOS also its cache) before it is answered; a file's own triggers and views run no
/// function that could do harm.
const SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA trusted_schema = OFF;
";
const SIZE: &str = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
const QUICK_CHECKS: [&str; 5] = [
    "PRAGMA quick_check(jwt_sessions_meta)",
    "PRAGMA quick_check(jwt_sessions_subjects)",
    "PRAGMA quick_check(jwt_sessions_feed)",
    "PRAGMA quick_check(sqlite_sequence)",
    "PRAGMA quick_check(jwt_sessions)",
];
