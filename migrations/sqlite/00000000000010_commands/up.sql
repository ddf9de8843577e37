-- Tells the catalogue of actions that a system offers from the one that is known: see `system_actions`.
ALTER TABLE systems ADD COLUMN actions_digest TEXT NOT NULL DEFAULT '';

-- What each system offers to run, as its agent reported it.
CREATE TABLE system_actions (
    system_id BIGINT NOT NULL PRIMARY KEY REFERENCES systems (id) ON DELETE CASCADE,
    catalogue TEXT NOT NULL,
    reported_ms BIGINT NOT NULL
);

-- What systems were told to do, and what came of it.
CREATE TABLE commands (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    organization_id BIGINT NOT NULL,
    system_id BIGINT NOT NULL REFERENCES systems (id) ON DELETE CASCADE,
    -- The bulk job that it belongs to. No reference: that one may be forgotten first.
    job_id BIGINT,
    action TEXT NOT NULL,
    parameters TEXT NOT NULL,
    redacted BIGINT NOT NULL,
    timeout_secs BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('created', 'dispatched', 'running', 'completed', 'failed', 'cancelled', 'expired', 'refused')),
    reason TEXT,
    exit_code BIGINT,
    created_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    -- Until when it may be handed out for the first time.
    wait_until_ms BIGINT NOT NULL,
    -- As it was handed out: the same each time, and signed anew each time. Chosen with the command.
    nonce TEXT NOT NULL,
    dispatched_ms BIGINT,
    expires_ms BIGINT,
    started_ms BIGINT,
    ended_ms BIGINT,
    cancel_ms BIGINT,
    cancel_by TEXT,
    -- Output that is kept, in bytes.
    output_bytes BIGINT NOT NULL DEFAULT 0,
    output_incomplete BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX commands_by_organization ON commands (organization_id, id);
CREATE INDEX commands_by_system ON commands (system_id, id);
CREATE INDEX commands_open ON commands (system_id) WHERE state IN ('created', 'dispatched', 'running');
CREATE INDEX commands_ended ON commands (ended_ms);
-- A job tells a system once.
CREATE UNIQUE INDEX commands_by_job ON commands (job_id, system_id);

-- What programs wrote, in parts, each at the byte where it begins.
CREATE TABLE command_output (
    command_id BIGINT NOT NULL REFERENCES commands (id) ON DELETE CASCADE,
    start BIGINT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (command_id, start)
) WITHOUT ROWID;
