-- The audit is a hash chain per organization (docs/audit.md). Entries from before have empty hashes until the server
-- chains them at its next start.
ALTER TABLE organizations ADD COLUMN audit_head_hash BLOB NOT NULL DEFAULT '';
ALTER TABLE audit_entries ADD COLUMN previous_hash BLOB NOT NULL DEFAULT '';
ALTER TABLE audit_entries ADD COLUMN hash BLOB NOT NULL DEFAULT '';

CREATE INDEX audit_entries_by_time ON audit_entries (organization_id, at_ms);
CREATE INDEX audit_entries_by_actor ON audit_entries (organization_id, actor, id);
CREATE INDEX audit_entries_by_action ON audit_entries (organization_id, action, id);
CREATE INDEX audit_entries_by_target ON audit_entries (organization_id, target, id);

-- What the chain was at an entry, signed by the organization's key. 'head': the newest entry then. 'cut': everything up to
-- and including this entry was deleted by retention.
CREATE TABLE audit_anchors (
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    entry_id BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('head', 'cut')),
    hash BLOB NOT NULL,
    at_ms BIGINT NOT NULL,
    public_key BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (organization_id, entry_id, kind)
) WITHOUT ROWID;

-- How far each target of the configuration has been sent an organization's audit, and which replica sends now.
CREATE TABLE audit_forward_cursors (
    target TEXT NOT NULL,
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    last_id BIGINT NOT NULL,
    last_anchor_id BIGINT NOT NULL,
    last_sent_ms BIGINT,
    last_error TEXT,
    last_error_ms BIGINT,
    leased_by TEXT NOT NULL,
    leased_until_ms BIGINT NOT NULL,
    PRIMARY KEY (target, organization_id)
) WITHOUT ROWID;

-- When the last heartbeat of a system was recorded in the audit.
ALTER TABLE system_states ADD COLUMN heartbeat_audited_ms BIGINT;
