CREATE TABLE IF NOT EXISTS accounts (
    id            TEXT PRIMARY KEY NOT NULL, -- random, never used again: a new account is not an old one of that name
    username      TEXT NOT NULL,             -- as its owner writes it
    username_key  TEXT NOT NULL UNIQUE,      -- in lower case
    email         TEXT NOT NULL,
    email_key     TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,             -- PHC string
    admin         INTEGER NOT NULL,
    disabled      INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL           -- seconds since 1970
) STRICT;

CREATE TABLE IF NOT EXISTS notes (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account    TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    text       TEXT NOT NULL,
    created_at INTEGER NOT NULL              -- seconds since 1970
) STRICT;

CREATE INDEX IF NOT EXISTS notes_by_account ON notes (account, id);
