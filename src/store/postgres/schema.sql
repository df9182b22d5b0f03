-- Version 1. Moments and spans are milliseconds; moments since the Unix epoch. Subjects are bytes: no collation folds them.

CREATE TABLE jwt_sessions_meta (
    only_row       boolean PRIMARY KEY CHECK (only_row),
    version        integer NOT NULL,
    -- Logins whose credentials were read before this are refused.
    revoked_before bigint
);

-- What a rotation writes is in no index, and pages have room for the next version of their rows: it is a HOT update.
CREATE TABLE jwt_sessions (
    generation    bigint NOT NULL,
    previous      bigint NOT NULL,
    seen          bigint NOT NULL,
    cut           bigint NOT NULL,
    rotated_at    bigint NOT NULL,
    created_at    bigint NOT NULL,
    auth_time     bigint NOT NULL,
    idle          bigint NOT NULL,
    expires_at    bigint NOT NULL,
    revoked_at    bigint,
    id            bytea  NOT NULL CHECK (octet_length(id) = 16),
    secret_hash   bytea  NOT NULL CHECK (octet_length(secret_hash) = 32),
    subject       bytea  NOT NULL,
    revoke_reason text,
    ip            text,
    -- UTF-8, whatever the database's own encoding is.
    user_agent    bytea,
    label         bytea,
    PRIMARY KEY (subject, id)
) WITH (fillfactor = 80);

-- When all sessions of a subject were last ended: logins whose credentials were read up to then are refused.
CREATE TABLE jwt_sessions_subjects (
    subject    bytea  PRIMARY KEY,
    not_before bigint NOT NULL
);

-- What was ended lately, for the other instances, in the order of the transactions that did it.
CREATE TABLE jwt_sessions_feed (
    xid     xid8   NOT NULL DEFAULT pg_current_xact_id(),
    n       bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    at      bigint NOT NULL,
    -- Every session where there is none.
    session bytea,
    -- Only its tokens of generations below this; all of them where there is none.
    below   bigint,
    PRIMARY KEY (xid, n)
);
CREATE INDEX jwt_sessions_feed_at ON jwt_sessions_feed (at);

-- Empty after a crash, in a promoted copy and in a restored backup, because it is in no log: transaction numbers that
-- readers have seen may then be given out again.
CREATE UNLOGGED TABLE jwt_sessions_epoch (
    only_row boolean PRIMARY KEY CHECK (only_row),
    epoch    bigint  NOT NULL
);
