-- Times are unix milliseconds, enums and JSON are text, keys and hashes are raw bytes: the same on both backends.

CREATE TABLE organizations (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    -- The Ed25519 seed that signs replies, sealed under the master key.
    sealed_signing_key BLOB NOT NULL,
    public_key BLOB NOT NULL,
    -- Id of the newest audit entry.
    audit_head BIGINT NOT NULL DEFAULT 0,
    created_ms BIGINT NOT NULL
);

-- What rarely changes of a system. Ids are never used again.
CREATE TABLE systems (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    public_key BLOB NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'revoked', 'denied')),
    status_changed_ms BIGINT NOT NULL,
    status_changed_by TEXT NOT NULL,
    hostname TEXT NOT NULL,
    claimed_addresses TEXT NOT NULL,
    os TEXT NOT NULL,
    os_family TEXT NOT NULL,
    arch TEXT NOT NULL,
    kernel TEXT,
    machine_id_hash TEXT,
    agent_version TEXT NOT NULL,
    first_seen_ms BIGINT NOT NULL,
    UNIQUE (organization_id, public_key)
);
CREATE INDEX systems_by_hostname ON systems (organization_id, hostname, id);
CREATE INDEX systems_by_machine_id ON systems (organization_id, machine_id_hash);

-- What every check-in writes. No secondary index here: it would double the cost of a check-in.
CREATE TABLE system_states (
    system_id BIGINT PRIMARY KEY REFERENCES systems (id) ON DELETE CASCADE,
    -- Highest sequence number seen, and which of the 63 below it were.
    replay_high BIGINT NOT NULL,
    replay_window BIGINT NOT NULL,
    boot_id TEXT NOT NULL,
    address TEXT NOT NULL,
    interval_secs BIGINT NOT NULL,
    last_seen_ms BIGINT,
    clock_skew_ms BIGINT,
    rebooted_ms BIGINT,
    cpu_percent DOUBLE,
    mem_used_bytes BIGINT,
    mem_total_bytes BIGINT,
    disk_used_bytes BIGINT,
    disk_total_bytes BIGINT,
    uptime_secs BIGINT,
    containers TEXT
);

CREATE TABLE telemetry_samples (
    system_id BIGINT NOT NULL REFERENCES systems (id) ON DELETE CASCADE,
    at_ms BIGINT NOT NULL,
    cpu_percent DOUBLE,
    mem_used_bytes BIGINT,
    disk_used_bytes BIGINT,
    PRIMARY KEY (system_id, at_ms)
) WITHOUT ROWID;

-- Signed registrations seen within the accepted clock skew, so that a captured one is refused.
CREATE TABLE registration_nonces (
    digest BLOB NOT NULL PRIMARY KEY,
    expires_ms BIGINT NOT NULL
);

CREATE TABLE users (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    username TEXT NOT NULL UNIQUE,
    -- Argon2id in PHC form.
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'editor', 'runner', 'viewer', 'compliance')),
    created_ms BIGINT NOT NULL
);

CREATE TABLE sessions (
    -- SHA-256 of the token; the token itself is nowhere.
    token_hash BLOB NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE TABLE setup_codes (
    code_hash BLOB NOT NULL PRIMARY KEY,
    created_ms BIGINT NOT NULL
);

-- Failed logins by account (`user:name`) and by address (`address:ip`).
CREATE TABLE login_failures (
    subject TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    blocked_until_ms BIGINT NOT NULL
);

CREATE TABLE audit_entries (
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    id BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (organization_id, id)
) WITHOUT ROWID;
