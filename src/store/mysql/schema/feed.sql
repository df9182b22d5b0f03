-- What was ended lately. Without a session: every token issued until then; with `below`: the session's tokens of generations
-- below it.
CREATE TABLE IF NOT EXISTS jwt_sessions_feed (
    n          BIGINT     NOT NULL AUTO_INCREMENT,
    ended_at   BIGINT     NOT NULL,
    session_id BINARY(16) NULL,
    below      BIGINT     NULL,
    PRIMARY KEY (n),
    KEY (ended_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
