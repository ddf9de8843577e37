-- Bulk jobs: one thing done to many systems.
CREATE TABLE jobs (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL,
    -- The tag or the group's id that the kind is about; empty where it needs none.
    argument TEXT NOT NULL,
    -- Text of the filter that chose the systems; none where they were chosen one by one.
    filter TEXT,
    -- The job whose failed systems this one tries again. No reference: that one may be forgotten first.
    retry_of BIGINT,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'cancelled')),
    total BIGINT NOT NULL,
    done BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    skipped BIGINT NOT NULL DEFAULT 0,
    created_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    -- Address of the creator, for the audit entries of the systems.
    created_from TEXT NOT NULL,
    started_ms BIGINT,
    finished_ms BIGINT,
    cancelled_by TEXT,
    -- The server that works on it, and until when nobody else may.
    lease_owner TEXT NOT NULL DEFAULT '',
    lease_until_ms BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX jobs_by_organization ON jobs (organization_id, id);
CREATE INDEX jobs_unfinished ON jobs (id) WHERE state IN ('queued', 'running');

-- What a job works on, frozen when it was created. No reference to systems: the outcome of a deleted one stays.
CREATE TABLE job_targets (
    job_id BIGINT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    system_id BIGINT NOT NULL,
    hostname TEXT NOT NULL,
    expected_status TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('waiting', 'done', 'failed', 'skipped')),
    reason TEXT,
    at_ms BIGINT,
    PRIMARY KEY (job_id, system_id)
);
CREATE INDEX job_targets_by_outcome ON job_targets (job_id, outcome, system_id);
