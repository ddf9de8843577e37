-- What kind of thing a command is: `run_action` or `upgrade`.
ALTER TABLE commands ADD COLUMN kind TEXT NOT NULL DEFAULT 'run_action';

-- Programs of agents, verified when they were added; those of the whole server.
CREATE TABLE packages (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    platform TEXT NOT NULL,
    version TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    -- The text of the minisign signature.
    signature TEXT NOT NULL,
    added_ms BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    UNIQUE (platform, version)
);

-- Their bytes, in parts, each at the byte where it begins.
CREATE TABLE package_parts (
    package_id BIGINT NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
    start BIGINT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (package_id, start)
) WITHOUT ROWID;

-- Upgrades in stages.
CREATE TABLE rollouts (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    organization_id BIGINT NOT NULL,
    version TEXT NOT NULL,
    filter TEXT,
    -- Percentages, as JSON.
    stages TEXT NOT NULL,
    -- Which of them it is in, from 0.
    stage BIGINT NOT NULL,
    failure_budget BIGINT NOT NULL,
    -- Failures that were there when it was resumed: they count no more.
    forgiven BIGINT NOT NULL DEFAULT 0,
    automatic BIGINT NOT NULL,
    at_once BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'waiting', 'halted', 'done', 'aborted')),
    reason TEXT,
    created_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_from TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    lease_owner TEXT NOT NULL DEFAULT '',
    lease_until_ms BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX rollouts_by_organization ON rollouts (organization_id, id);

-- What each system was upgraded to, and what came of it.
CREATE TABLE upgrades (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    organization_id BIGINT NOT NULL,
    system_id BIGINT NOT NULL REFERENCES systems (id) ON DELETE CASCADE,
    -- The command that carries it. No reference: that one may be forgotten first.
    command_id BIGINT,
    rollout_id BIGINT,
    platform TEXT NOT NULL,
    version TEXT NOT NULL,
    from_version TEXT NOT NULL,
    total_bytes BIGINT NOT NULL,
    done_bytes BIGINT NOT NULL DEFAULT 0,
    state TEXT NOT NULL CHECK (state IN ('queued', 'dispatched', 'downloading', 'verifying', 'restarting', 'done', 'failed', 'rolled_back', 'refused', 'cancelled', 'expired')),
    reason TEXT,
    created_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    -- When its system was last heard of it.
    heard_ms BIGINT NOT NULL,
    ended_ms BIGINT
);
-- One at a time: queuing a queued one changes nothing.
CREATE UNIQUE INDEX upgrades_open ON upgrades (system_id) WHERE ended_ms IS NULL;
CREATE INDEX upgrades_by_organization ON upgrades (organization_id, id);
CREATE INDEX upgrades_by_system ON upgrades (system_id, id);
CREATE INDEX upgrades_by_command ON upgrades (command_id);
CREATE INDEX upgrades_by_rollout ON upgrades (rollout_id, state);
CREATE INDEX upgrades_ended ON upgrades (ended_ms);

-- The systems of a rollout, chosen when it was created.
CREATE TABLE rollout_targets (
    rollout_id BIGINT NOT NULL REFERENCES rollouts (id) ON DELETE CASCADE,
    system_id BIGINT NOT NULL,
    cohort BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'queued', 'skipped')),
    reason TEXT,
    PRIMARY KEY (rollout_id, system_id)
) WITHOUT ROWID;
CREATE INDEX rollout_targets_waiting ON rollout_targets (rollout_id, cohort) WHERE state = 'waiting';
