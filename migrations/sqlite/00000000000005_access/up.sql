-- An empty password_hash is no password: only an SSH key logs that user in.
ALTER TABLE users ADD COLUMN last_login_ms BIGINT;

-- Sessions get an id, to be listed and ended by, and how they began.
ALTER TABLE sessions RENAME TO sessions_before;
CREATE TABLE sessions (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- SHA-256 of the token; the token itself is nowhere.
    token_hash BLOB NOT NULL UNIQUE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    method TEXT NOT NULL,
    second_factor BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
INSERT INTO sessions (token_hash, user_id, address, method, second_factor, created_ms, last_used_ms, expires_ms)
SELECT token_hash, user_id, address, 'password', 0, created_ms, last_used_ms, expires_ms FROM sessions_before;
DROP TABLE sessions_before;
CREATE INDEX sessions_by_user ON sessions (user_id);

-- Logins whose first factor held and whose second is still to come.
CREATE TABLE half_sessions (
    -- SHA-256 of the secret; the secret itself is nowhere.
    token_hash BLOB NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE TABLE api_tokens (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- SHA-256 of the secret; the secret itself is nowhere.
    token_hash BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'editor', 'runner', 'viewer', 'compliance')),
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    last_used_ms BIGINT,
    UNIQUE (user_id, name)
);

CREATE TABLE ssh_keys (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    -- In the encoding of RFC 4253.
    public_key BLOB NOT NULL,
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT,
    UNIQUE (user_id, fingerprint)
);

-- Login challenges that were answered, until they would have expired anyway: each logs in once.
CREATE TABLE used_challenges (
    digest BLOB NOT NULL PRIMARY KEY,
    expires_ms BIGINT NOT NULL
);

CREATE TABLE second_factors (
    user_id BIGINT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- The TOTP seed, sealed under the master key.
    sealed_seed BLOB NOT NULL,
    created_ms BIGINT NOT NULL,
    -- None: enrolled, not confirmed, and so not asked for.
    confirmed_ms BIGINT,
    -- The last time step whose code was taken: none is taken twice.
    last_step BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE recovery_codes (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- SHA-256 of the code; the code itself is nowhere.
    code_hash BLOB NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- Whose first owner a setup code makes; none: of the organization that the server started with.
ALTER TABLE setup_codes ADD COLUMN organization_id BIGINT;
