-- Version 1. Moments and spans are milliseconds; moments since the Unix epoch. Numbers have signs: the difference of two
-- without is an error where it would be negative. What people wrote is bytes, which no collation and no connection changes.
--
-- Stored in the order of its key: a subject's sessions lie together, so that this is the only index there is. What a
-- rotation writes is in no index, and a rotation dirties one page.
CREATE TABLE IF NOT EXISTS jwt_sessions (
    subject       VARBINARY(1024) NOT NULL,
    id            BINARY(16)      NOT NULL,
    secret_hash   BINARY(32)      NOT NULL,
    generation    BIGINT          NOT NULL,
    previous      BIGINT          NOT NULL,
    seen          BIGINT          NOT NULL,
    cut           BIGINT          NOT NULL,
    rotated_at    BIGINT          NOT NULL,
    created_at    BIGINT          NOT NULL,
    auth_time     BIGINT          NOT NULL,
    idle          BIGINT          NOT NULL,
    expires_at    BIGINT          NOT NULL,
    revoked_at    BIGINT          NULL,
    revoke_reason VARBINARY(32)   NULL,
    user_agent    VARBINARY(1024) NULL,
    ip            VARBINARY(45)   NULL,
    label         VARBINARY(1024) NULL,
    PRIMARY KEY (subject, id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
