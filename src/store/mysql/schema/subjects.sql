-- A row for each subject that sessions were opened or ended for: whoever does either locks it first.
CREATE TABLE IF NOT EXISTS jwt_sessions_subjects (
    subject    VARBINARY(1024) NOT NULL,
    -- When all sessions were last ended: logins whose credentials were read up to then are refused.
    not_before BIGINT          NULL,
    PRIMARY KEY (subject)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
