-- The compare-and-swap of a rotation, in one round trip: this server's UPDATE answers no rows.
CREATE PROCEDURE jwt_sessions_swap_1(
    IN p_subject             VARBINARY(1024),
    IN p_id                  BINARY(16),
    IN p_secret_hash         BINARY(32),
    IN p_expected_generation BIGINT,
    IN p_expected_previous   BIGINT,
    IN p_unless_seen         BIGINT,
    IN p_quiet_for           BIGINT,
    IN p_generation          BIGINT,
    IN p_previous            BIGINT,
    IN p_seen                BIGINT,
    IN p_cut                 BIGINT,
    IN p_authenticated       BIGINT)
    MODIFIES SQL DATA
    SQL SECURITY INVOKER
    COMMENT 'jwt-sessions 1'
BEGIN
    DECLARE v_found, v_won BIGINT DEFAULT 0;
    DECLARE v_now, v_generation, v_previous, v_seen, v_cut, v_rotated_at, v_created_at, v_auth_time BIGINT;
    DECLARE v_idle, v_expires_at, v_revoked_at BIGINT;
    DECLARE v_secret_hash BINARY(32);
    DECLARE v_revoke_reason VARBINARY(32);
    -- A connection never goes back to its pool with half of this open.
    DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN
        ROLLBACK;
        RESIGNAL;
    END;

    START TRANSACTION;
    SELECT 1, secret_hash, generation, previous, seen, cut, rotated_at, created_at, auth_time, idle, expires_at,
            revoked_at, revoke_reason
        INTO v_found, v_secret_hash, v_generation, v_previous, v_seen, v_cut, v_rotated_at, v_created_at, v_auth_time,
            v_idle, v_expires_at, v_revoked_at, v_revoke_reason
        FROM jwt_sessions WHERE subject = p_subject AND id = p_id FOR UPDATE;
    -- The row is locked: this is the moment of the decision. UTC, so that no summer time makes an hour happen twice.
    SET v_now = TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000;

    IF v_found = 1 AND v_secret_hash = p_secret_hash
        AND v_revoked_at IS NULL AND v_expires_at > v_now AND v_now - v_rotated_at < v_idle
        AND v_generation = p_expected_generation AND v_previous = p_expected_previous
        AND (p_unless_seen = 0 OR v_seen < v_generation)
        AND (p_quiet_for IS NULL OR v_previous = v_generation OR v_now - v_rotated_at > p_quiet_for)
    THEN
        SET v_won = 1;
        SET v_generation = p_generation, v_previous = p_previous, v_rotated_at = v_now;
        SET v_seen = GREATEST(v_seen, p_seen), v_cut = GREATEST(v_cut, p_cut);
        IF p_authenticated = 1 THEN
            SET v_auth_time = v_now;
        END IF;
        UPDATE jwt_sessions SET generation = v_generation, previous = v_previous, seen = v_seen, cut = v_cut,
                rotated_at = v_rotated_at, auth_time = v_auth_time
            WHERE subject = p_subject AND id = p_id;
        IF p_cut > 0 THEN
            INSERT INTO jwt_sessions_feed (ended_at, session_id, below) VALUES (v_now, p_id, p_cut);
        END IF;
    END IF;
    COMMIT;

    -- After the commit: what is answered is never taken back.
    IF v_found = 1 THEN
        SELECT v_now, p_id, v_secret_hash, v_generation, v_previous, v_seen, v_cut, v_rotated_at, v_created_at,
            v_auth_time, v_idle, v_expires_at, v_revoked_at, v_revoke_reason, v_won;
    END IF;
END
