//! Pieces that several statements share: literals, so that every statement is one constant.

/// The server's present in milliseconds. Not `now()`, which is the beginning of the transaction, before any wait.
macro_rules! now {
    () => {
        "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    };
}

/// That a row is of a living session at `$now`. Written as a difference: the sum of a moment and a span may overflow.
#[rustfmt::skip]
macro_rules! living {
    ($now:expr) => {
        concat!("revoked_at IS NULL AND expires_at > ", $now, " AND idle > ", $now, " - rotated_at")
    };
}

/// What a swap demands of the row at `$now`.
#[rustfmt::skip]
macro_rules! fits {
    ($now:expr, $hash:literal, $generation:literal, $previous:literal, $unless_seen:literal, $quiet_for:literal) => {
        concat!(
            living!($now), " AND secret_hash = ", $hash, " AND generation = ", $generation, " AND previous = ", $previous,
            " AND (NOT ", $unless_seen, " OR seen < generation)
            AND (", $quiet_for, "::bigint IS NULL OR previous = generation OR ", $now, " - rotated_at > ", $quiet_for, ")"
        )
    };
}

/// The columns of a row, in the order in which `row::read` takes them.
macro_rules! row {
    () => {
        "id, secret_hash, generation, previous, seen, cut, rotated_at, created_at, auth_time, idle, expires_at, \
         revoked_at, revoke_reason"
    };
}

/// Wakes those who read the feed, when the transaction commits.
macro_rules! notify {
    () => {
        "pg_notify('jwt_sessions_feed', '')"
    };
}

/// Waits for the turn to open sessions (`_shared`), or to end all (``), until the transaction ends.
#[rustfmt::skip]
macro_rules! lock_all {
    ($shared:literal) => {
        concat!("pg_advisory_xact_lock", $shared, "(5357584093046592083)")
    };
}

/// Waits for the turn of the subject `$1`, until the transaction ends. A hash that two subjects share makes one wait for the
/// other, and nothing else.
macro_rules! lock_subject {
    () => {
        "pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), 5357584093046592083))"
    };
}

/// Each statement sees what was committed before it, whatever the database's default is: what it waited for above all. Where the
/// network is gone and the server is not, nothing is left locked for as long as that takes to find out, hours perhaps.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
                                SET LOCAL idle_in_transaction_session_timeout = '5s'";
