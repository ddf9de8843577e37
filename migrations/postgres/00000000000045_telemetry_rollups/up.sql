-- What samples became that are older than a chart of their own needs: one row for so many seconds of a system.
CREATE TABLE telemetry_rollups (
    system_id BIGINT NOT NULL REFERENCES systems (id) ON DELETE CASCADE,
    step_secs BIGINT NOT NULL,
    -- Where the step begins.
    at_ms BIGINT NOT NULL,
    samples BIGINT NOT NULL,
    -- Hundredths of a percent.
    cpu_avg BIGINT,
    cpu_min BIGINT,
    cpu_max BIGINT,
    mem_used_avg BIGINT,
    mem_used_max BIGINT,
    disk_used_avg BIGINT,
    disk_used_max BIGINT,
    PRIMARY KEY (system_id, step_secs, at_ms)
);

-- When samples are to be rolled up next: whichever server moves this on does it.
CREATE TABLE telemetry_sweeps (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    due_ms BIGINT NOT NULL
);
