-- What lets machines in without an administrator's approval. Ids are never used again.
CREATE TABLE enrollment_tokens (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    -- SHA-256 of the secret; the secret itself is nowhere.
    token_hash BLOB NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_ms BIGINT,
    max_uses BIGINT,
    uses BIGINT NOT NULL DEFAULT 0,
    last_used_ms BIGINT,
    disabled_ms BIGINT,
    UNIQUE (organization_id, name),
    CHECK (max_uses IS NULL OR uses <= max_uses)
);

-- Requests that create something, by the key that their caller gave them, so that a repeated one creates nothing.
CREATE TABLE idempotency_keys (
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    principal TEXT NOT NULL,
    route TEXT NOT NULL,
    -- SHA-256 of the caller's key.
    key_hash BLOB NOT NULL,
    -- Id of what was created.
    result_id BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (organization_id, principal, route, key_hash)
) WITHOUT ROWID;
