-- Its only row is written last: where it is missing, the next migration makes what is not there yet.
CREATE TABLE IF NOT EXISTS jwt_sessions_meta (
    only_row       BIGINT NOT NULL,
    version        BIGINT NOT NULL,
    -- Logins whose credentials were read before this are refused.
    revoked_before BIGINT NULL,
    PRIMARY KEY (only_row)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
