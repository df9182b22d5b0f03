-- Version 1. Moments and spans are milliseconds; moments since the Unix epoch.

CREATE TABLE jwt_sessions_meta (
    only_row       INTEGER PRIMARY KEY CHECK (only_row = 1),
    version        INTEGER NOT NULL,
    -- Logins whose credentials were read before this are refused.
    revoked_before INTEGER
) STRICT;

-- Stored in the order of its key: a subject's sessions lie together, so that this is the only index there is. What a
-- rotation writes is in no index, and a rotation dirties one page.
CREATE TABLE jwt_sessions (
    subject       BLOB    NOT NULL,
    id            BLOB    NOT NULL,
    secret_hash   BLOB    NOT NULL,
    generation    INTEGER NOT NULL,
    previous      INTEGER NOT NULL,
    seen          INTEGER NOT NULL,
    cut           INTEGER NOT NULL,
    rotated_at    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    auth_time     INTEGER NOT NULL,
    idle          INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    revoked_at    INTEGER,
    revoke_reason TEXT,
    user_agent    TEXT,
    ip            TEXT,
    label         TEXT,
    PRIMARY KEY (subject, id)
) STRICT, WITHOUT ROWID;

-- When all sessions of a subject were last ended: logins whose credentials were read up to then are refused.
CREATE TABLE jwt_sessions_subjects (
    subject    BLOB    NOT NULL PRIMARY KEY,
    not_before INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was ended lately, for the other processes. No number is given twice: a reader's place stays good.
CREATE TABLE jwt_sessions_feed (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    -- Every session where there is none.
    session BLOB,
    -- Only its tokens of generations below this; all of them where there is none.
    below   INTEGER
) STRICT;
