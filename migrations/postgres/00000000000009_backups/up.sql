-- When the last backup was made, what failed since, and which replica makes one now; one row.
CREATE TABLE backup_state (
    id BIGINT NOT NULL PRIMARY KEY,
    last_ms BIGINT NOT NULL,
    failed_ms BIGINT,
    failure TEXT,
    leased_by TEXT NOT NULL,
    leased_until_ms BIGINT NOT NULL
);

-- Written by `scmserver restore` into what it restores; the next start records it in the audit and deletes it.
CREATE TABLE backup_restores (
    at_ms BIGINT NOT NULL PRIMARY KEY,
    backup_created TEXT NOT NULL,
    sha256 TEXT NOT NULL
);
