ALTER TABLE setup_codes DROP COLUMN organization_id;
DROP TABLE recovery_codes;
DROP TABLE second_factors;
DROP TABLE used_challenges;
DROP TABLE ssh_keys;
DROP TABLE api_tokens;
DROP TABLE half_sessions;
ALTER TABLE sessions RENAME TO sessions_after;
CREATE TABLE sessions (
    token_hash BLOB NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
INSERT INTO sessions (token_hash, user_id, address, created_ms, last_used_ms, expires_ms)
SELECT token_hash, user_id, address, created_ms, last_used_ms, expires_ms FROM sessions_after;
DROP TABLE sessions_after;
ALTER TABLE users DROP COLUMN last_login_ms;
