-- Settings of an organization that differ from their defaults; the catalogue of what there is stands in the program.
CREATE TABLE organization_settings (
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- JSON.
    value TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (organization_id, name)
) WITHOUT ROWID;
