-- Client certificates as they were issued. The rows stay when their system goes: the list of revocations needs them.
CREATE TABLE certificates (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    organization_id BIGINT NOT NULL REFERENCES organizations (id),
    system_id BIGINT NOT NULL,
    -- 32 hexadecimal digits.
    serial TEXT NOT NULL UNIQUE,
    issued_ms BIGINT NOT NULL,
    not_before_ms BIGINT NOT NULL,
    not_after_ms BIGINT NOT NULL,
    revoked_ms BIGINT,
    reason TEXT
);
CREATE INDEX certificates_by_system ON certificates (system_id, id);
CREATE INDEX certificates_revoked ON certificates (not_after_ms) WHERE revoked_ms IS NOT NULL;

-- What a check-in needs to know of them: the newest, the one that its agent held when it was issued, and the end of the
-- newest one's validity. Kept in the transaction that issues or revokes.
ALTER TABLE systems ADD COLUMN certificate_serial TEXT;
ALTER TABLE systems ADD COLUMN certificate_previous TEXT;
ALTER TABLE systems ADD COLUMN certificate_not_after_ms BIGINT;
